"""numba's kernels, compiled once on a machine and not once in every process.

umap-learn does not ask numba to keep what it compiles, and for small data that takes longer than all the rest. The
kernels lie in the user's cache folder, or in NUMBA_CACHE_DIR; numba finds out by itself when they are out of date, and
lets several processes write there.
"""

import atexit
import importlib
import os
import shutil
import sys
import tempfile
import threading
import warnings
from functools import cache, partial

import joblib
import numba
import numpy as np
import pooch
import torch
from numba.core import config

PART = 10_000  # pairs that a thread takes at a time
_forked = False  # from a process in which there were threads
_importing = threading.Lock()  # numba.njit is another one meanwhile, for the whole process


def njit(**options):
    """numba.njit for a kernel of this project, which is kept for the next process."""
    choose_folder()
    return numba.njit(cache=True, **options)


def import_compiled(name):
    """Import umap or pynndescent so that what numba compiles of it is kept for the next process."""
    with _importing:
        if name not in sys.modules:
            choose_folder()
            njit, numba.njit = numba.njit, partial(_caching_njit, numba.njit, threading.get_ident())
            try:
                importlib.import_module(name)
            finally:
                numba.njit = njit
    return sys.modules[name]


def n_threads(n_jobs=None):
    """Threads that n_jobs asks for: None is as many as PyTorch has, which OMP_NUM_THREADS sets; -1 is all.

    One in a process that was forked from one with threads, see `prepare_for_forks`.
    """
    if _forked:
        return 1
    return torch.get_num_threads() if n_jobs is None else joblib.effective_n_jobs(n_jobs)


@cache
def prepare_for_forks():
    """Give processes that are forked from this one a single thread: OpenMP would wait for the parent's for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)


def refuse_forks():
    """Refuse to compile and run UMAP in a forked process: numba's own threads end such a process without a word.

    Raises
    ------
    RuntimeError
    """
    if _forked:
        raise RuntimeError(
            "a forked process can predict, but not fit: start it with multiprocessing.get_context('spawn')"
        )


def _use_one_thread():
    global _forked
    _forked = True
    torch.set_num_threads(1)


def by_threads(kernel, x, y, first, second, *settings, n_jobs=None):
    """Run a kernel on pairs of rows of x and y, float32 (n_pairs,), on several threads."""
    out = np.empty(len(first), np.float32)
    parts = [slice(start, start + PART) for start in range(0, len(first), PART)]
    parallel = joblib.Parallel(n_threads(n_jobs), require="sharedmem")  # whatever backend is set: they write into `out`
    parallel(joblib.delayed(kernel)(x, y, first[part], second[part], out[part], *settings) for part in parts)
    return out


def choose_folder():
    """Let numba keep kernels where this user may write: the cache folder, or a temporary one."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        folder = pooch.os_cache("n2d") / "numba"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:  # a home that cannot be written to: numba would refuse to import what wants to be kept
            folder = tempfile.mkdtemp(prefix="n2d-numba-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
    config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]  # numba may have been imported before
    warnings.filterwarnings("ignore", message="Cannot cache compiled function")  # those few are compiled each time


def _caching_njit(njit, thread, *args, **options):
    """numba.njit that keeps what one thread compiles, what runs in parallel in a folder of its own.

    numba knows a kept kernel by its source alone: of a function that is compiled in both ways, as UMAP's layout is, it
    would load whichever was compiled first, and a seed would not give the same embedding any more.
    """
    if threading.get_ident() != thread:  # somebody else's kernel, which may have no place to be kept
        return njit(*args, **options)
    folder = config.CACHE_DIR
    if options.get("parallel"):
        config.CACHE_DIR = os.path.join(folder, "parallel")
    try:
        return njit(*args, **{"cache": True, **options})
    finally:
        config.CACHE_DIR = folder
