"""What a run is doing, on screen: a line for each stage, from its start on, and then its time; a bar meanwhile."""

import sys
import time
from contextlib import contextmanager

from tqdm.auto import tqdm


def bar(steps=None, *, description, verbose=True, **settings):
    """A bar with the time that is left, on a terminal or in a notebook; it goes away when it is full.

    Parameters
    ----------
    steps : iterable or None
    description : str
    verbose : bool
    **settings
        Of tqdm.
    """
    shown = verbose and (sys.stderr.isatty() or "ipykernel" in sys.modules)  # a notebook is no terminal to tqdm
    return tqdm(steps, desc=description, leave=False, disable=not shown, **settings)


@contextmanager
def stage(name, description, seconds, verbose=True):
    """Say what starts, and when it is over how long it took.

    On a terminal the line is written anew at the end, since a bar may have been in its place; in a file it goes on.

    Parameters
    ----------
    name : str
        A word; `seconds[name]` grows by the time that the stage takes.
    description : str
    seconds : dict of str to float
    verbose : bool
    """
    line = f"{name:<10} {description:<57}"
    if verbose:
        print(line, end="", flush=True)
    start = time.perf_counter()
    try:
        yield
    except BaseException:
        if verbose:
            print(flush=True)  # what is told next has a line of its own
        raise
    took = time.perf_counter() - start
    seconds[name] = seconds.get(name, 0.0) + took
    if verbose:
        print(f"{f'{chr(13)}{line}' if sys.stdout.isatty() else ''} {took:8.1f} s", flush=True)
