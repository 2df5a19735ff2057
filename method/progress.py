"""Show the progress of a run: a line for each stage from its start on, a bar or the seconds, then its time."""

import sys
import textwrap
import threading
import time
import weakref
from contextlib import contextmanager, nullcontext
from functools import partial

from tqdm.auto import tqdm

SECOND = 1.0
WIDTH = 68  # of a stage's name and what it does: with its time 79 columns
_bars, _lock = weakref.WeakSet(), threading.Lock()  # a finished bar is disabled


def bar(steps=None, *, description, verbose=True, **settings):
    """Show a progress bar with the remaining time, on a terminal or in a notebook; it disappears when it is full.

    Parameters
    ----------
    steps : iterable or None
    description : str
    verbose : bool
    **settings
        Settings of tqdm.
    """
    shown = verbose and (_is_terminal(sys.stderr) or "ipykernel" in sys.modules)  # a notebook is no terminal to tqdm
    made = tqdm(steps, desc=description, leave=False, disable=not shown, **settings)
    with _lock:
        _bars.add(made)
    return made


@contextmanager
def stage(name, description, seconds, verbose=True):
    """Print the name of a stage when it starts, and its time when it ends.

    A long description has several lines, of which the last one has the time. On a terminal this line is rewritten at
    the end, since a bar may have been in its place, and each second while there is no bar, with the time so far. In a
    file the time is appended to it.

    Parameters
    ----------
    name : str
        A word; `seconds[name]` grows by the time that the stage takes.
    description : str
    seconds : dict of str to float
    verbose : bool
    """
    indents = {"initial_indent": f"{name:<10} ", "subsequent_indent": " " * 11}
    lines = textwrap.wrap(description, WIDTH, break_long_words=False, break_on_hyphens=False, **indents) or [name]
    line = f"{lines.pop():<{WIDTH}}"
    if verbose:
        print(*lines, line, sep="\n", end="", flush=True)
    start = time.perf_counter()
    try:
        with _counted(line, start) if verbose and _is_terminal(sys.stdout) else nullcontext():
            yield
    except BaseException:
        if verbose:
            print(flush=True)  # the next output starts on a new line
        raise
    took = time.perf_counter() - start
    seconds[name] = seconds.get(name, 0.0) + took
    if verbose:
        print(f"{f'{chr(13)}{line}' if _is_terminal(sys.stdout) else ''} {took:8.1f} s", flush=True)


def _is_terminal(stream):
    """Whether a stream is a terminal; a program without a console, such as a service, has None for a stream."""
    return stream is not None and stream.isatty()


class Progress:
    """Progress output of a fit, and the time of each of its stages.

    Parameters
    ----------
    verbose : bool

    Attributes
    ----------
    seconds : dict of str to float
        Wall-clock time by stage.
    resumed_seconds : float
        The part of these that a training took before it was stopped and resumed.
    """

    def __init__(self, verbose=False):
        self.verbose, self.seconds, self.resumed_seconds = verbose, {}, 0.0

    def bar(self, description, **settings):
        """Return a function that wraps an iterable in a `bar`."""
        return partial(bar, description=description, verbose=self.verbose, **settings)

    def stage(self, name, description):
        """Return a `stage` as a context manager."""
        return stage(name, description, self.seconds, self.verbose)


@contextmanager
def _counted(line, start):
    """Rewrite a stage's line each second with the time so far, unless a bar is in its place."""
    over = threading.Event()

    def count():
        while not over.wait(SECOND):
            with _lock:
                has_bar = not all(bar.disable for bar in _bars)
            if not has_bar:
                print(f"\r{line} {time.perf_counter() - start:8.0f} s", end="", flush=True)

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
