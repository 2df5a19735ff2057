"""Cache of numba's kernels: they are compiled once on a machine, and not once in every process.

umap-learn does not have numba cache its kernels, and for small data compilation takes longer than all the rest. The
cache is in the user's cache folder, or in NUMBA_CACHE_DIR; numba notices when it is out of date, and lets several
processes write there.
"""

import atexit
import importlib
import inspect
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
from numba.core.typeinfer import register_dispatcher

PART = 10_000  # pairs that a thread takes at a time
_forked = False  # whether from a process in which there were threads
_importing = threading.Lock()  # numba.njit is replaced meanwhile, for the whole process


def njit(**options):
    """Decorate a kernel of this project with numba.njit, and cache it for the next process."""
    choose_folder()
    return numba.njit(cache=True, **options)


def import_compiled(name):
    """Import umap, and pynndescent with it: kernels are compiled when needed, and cached for the next process."""
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
    """Return the number of threads for n_jobs: None is PyTorch's, which OMP_NUM_THREADS sets; -1 is all.

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
    """Raise an error in a forked process, in which UMAP cannot run: numba's threads end it without a message.

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
    parallel = joblib.Parallel(n_threads(n_jobs), require="sharedmem")  # with any backend: they write into `out`
    parallel(joblib.delayed(kernel)(x, y, first[part], second[part], out[part], *settings) for part in parts)
    return out


def choose_folder():
    """Have numba cache kernels where this user may write: in the cache folder, or a temporary one."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        try:
            folder = pooch.os_cache("n2d") / "numba"
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except (OSError, RuntimeError):  # no home that can be written to: imports of cached kernels would fail
            folder = tempfile.mkdtemp(prefix="n2d-numba-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
    config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]  # numba may have been imported before
    warnings.filterwarnings("ignore", message="Cannot cache compiled function")  # these few are compiled each time


def _caching_njit(njit, thread, *args, **options):
    """numba.njit with a cache for what one thread compiles; parallel kernels are in a folder of their own.

    numba identifies a cached kernel by its source alone: of a function that is compiled in both ways, as UMAP's layout
    is, it would load whichever was compiled first, and a seed would not give the same embedding any more.
    """
    if threading.get_ident() != thread:  # another thread's kernel, which numba may be unable to cache
        return njit(*args, **options)
    cached = partial(_cached, njit, options)
    if not args:
        return cached
    return cached(args[0]) if inspect.isfunction(args[0]) else lambda f: _compiled_later(cached(f), *args)


def _cached(njit, options, function):
    folder = config.CACHE_DIR
    if function.__module__ == "umap.umap_":  # little work: as fast on one thread, and compiled in a third of the time
        options = {**options, "parallel": False}
        config.CACHE_DIR = os.path.join(folder, "serial")  # in `folder` are those of older versions, with threads
    elif options.get("parallel"):
        config.CACHE_DIR = os.path.join(folder, "parallel")
    try:
        return njit(function, **{"cache": True, **options})
    finally:
        config.CACHE_DIR = folder


def _compiled_later(kernel, signatures):
    """Compile a kernel for the types that it was declared for when it is first called, and not when it is imported.

    umap-learn imports a hundred kernels of pynndescent's trees, which take 15 s to compile, and searches
    here need none of them.
    """

    def compile_declared(types):
        del kernel.compile  # this function, which hides the method of numba's dispatcher
        with register_dispatcher(kernel):  # as numba.jit does: it may call itself
            for signature in signatures if isinstance(signatures, list | tuple) else [signatures]:
                kernel.compile(signature)
            kernel.disable_compile()
        return kernel  # which is called again

    kernel.compile = compile_declared
    return kernel
