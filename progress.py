"""What a run is doing, on screen: a line for each stage, from its start on; a bar, or seconds, meanwhile; its time."""

import sys
import threading
import time
import weakref
from contextlib import contextmanager

from tqdm.auto import tqdm

SECOND = 1.0
_bars = weakref.WeakSet()  # a full one is disabled


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
    made = tqdm(steps, desc=description, leave=False, disable=not shown, **settings)
    _bars.add(made)
    return made


@contextmanager
def stage(name, description, seconds, verbose=True):
    """Say what starts, and when it is over how long it took.

    On a terminal the line is written anew at the end, since a bar may have been in its place, and each second while
    there is no bar, with the time so far; in a file it goes on.

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
    start, over = time.perf_counter(), threading.Event()
    count = threading.Thread(target=_count, args=(line, start, over), daemon=True)
    if verbose and sys.stdout.isatty():
        count.start()
    try:
        yield
    except BaseException:
        if verbose:
            print(flush=True)  # what is told next has a line of its own
        raise
    finally:
        over.set()
        if count.is_alive():
            count.join()
    took = time.perf_counter() - start
    seconds[name] = seconds.get(name, 0.0) + took
    if verbose:
        print(f"{f'{chr(13)}{line}' if sys.stdout.isatty() else ''} {took:8.1f} s", flush=True)


def _count(line, start, over):
    """Write a stage's line with the seconds so far, each second, unless a bar is in its place."""
    while not over.wait(SECOND):
        if all(bar.disable for bar in _bars):
            print(f"\r{line} {time.perf_counter() - start:8.0f} s", end="", flush=True)
