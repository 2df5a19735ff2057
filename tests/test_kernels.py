import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numba
import numpy as np
import pooch
import pytest

from n2d.method import kernels
from n2d.method.manifold import neighbors

ROOT = Path(__file__).parents[1]


def test_a_second_process_compiles_no_kernel_again(tmp_path):
    code = (
        "import numpy\nfrom n2d.method.manifold import learners\n"
        "x = numpy.random.default_rng(0).normal(size=(100, 4)).astype('float32')\n"
        "learners.manifold_learner('UMAP', n_neighbors=5, random_state=0).fit(x)\n"
    )
    files = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        kept = Path(os.environ.get("NUMBA_CACHE_DIR", pooch.os_cache("n2d") / "numba"))
        files.append({path: path.stat().st_mtime_ns for path in kept.rglob("layouts.*")})
    assert files[0] == files[1] and any(path.suffix == ".nbc" for path in files[0])


def test_of_a_kernel_compiled_in_two_ways_each_is_kept_in_its_own_place():
    """Or else a seed would load what another run without a seed has left, UMAP's layout on all threads."""
    layouts = kernels.import_compiled("umap").layouts
    compiled = [vars(layouts)["_nb_optimize_layout_euclidean_single_epoch" + suffix] for suffix in ("", "_parallel")]
    assert len({kernel.stats.cache_path for kernel in compiled}) == 2


def test_kernels_of_little_work_have_no_threads_nor_what_older_versions_have_kept_of_them():
    kernel = kernels.import_compiled("umap").umap_.smooth_knn_dist
    assert not kernel.targetoptions.get("parallel") and "/serial/" in kernel.stats.cache_path.replace("\\", "/")


def no_home(name):
    raise RuntimeError("could not determine the home directory for '~/.cache'")  # as of a user id of a container's


@pytest.mark.parametrize("os_cache", [lambda name: Path("/dev/null") / name, no_home], ids=["not writable", "none"])
def test_without_a_home_kernels_are_kept_for_one_process(os_cache, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "to be put back as it was")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(kernels.pooch, "os_cache", os_cache)
    monkeypatch.setattr(kernels.atexit, "register", lambda remove, folder, **_: removed.append(folder))
    removed = []
    kernels.choose_folder()
    assert removed == [os.environ["NUMBA_CACHE_DIR"]] and Path(removed[0]).stat().st_mode & 0o777 == 0o700
    shutil.rmtree(removed[0])


def test_other_threads_compile_as_ever_while_umap_is_imported(tmp_path, monkeypatch):
    """A kernel of somebody's own, without a file, cannot be kept: numba would refuse it."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    importing = threading.Thread(target=kernels.import_compiled, args=["slow_to_import"])
    njit = numba.njit
    importing.start()
    while numba.njit is njit:
        time.sleep(0.01)
    scope = {"numba": numba}
    exec("@numba.njit\ndef double(x):\n    return 2 * x", scope)
    assert scope["double"](3) == 6
    importing.join()
    assert numba.njit is njit


DECLARED = """
import numba

@numba.njit(["i4(i8)", "f4(f8)"])
def half(x):
    return x / 2

@numba.njit("i8(i8)")
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)

@numba.njit
def both(x):
    return half(x) + factorial(x)
"""


def test_declared_kernels_are_compiled_when_called_with_their_own_types(tmp_path, monkeypatch):
    (tmp_path / "declared.py").write_text(DECLARED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernels.config, "CACHE_DIR", kernels.config.CACHE_DIR)  # to be put back as it was
    module = kernels.import_compiled("declared")
    assert not any(kernel.signatures for kernel in (module.half, module.factorial))
    assert module.both(5) == 2 + 120  # an i4: its half is a whole number
    assert module.half(5) == 2 and module.half(5.5) == 2.75 and module.half(np.int32(5)) == 2
    assert len(module.half.signatures) == 2 and len(module.factorial.signatures) == 1
    with pytest.raises(TypeError, match="No matching definition"):
        module.factorial("5")


def test_several_threads_may_ask_for_the_same_module(tmp_path, monkeypatch):
    (tmp_path / "imported_once.py").write_text("import time\ntime.sleep(0.2)\ndone = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    njit = numba.njit
    with ThreadPoolExecutor(8) as pool:
        assert all(module.done for module in pool.map(kernels.import_compiled, ["imported_once"] * 8))
    assert numba.njit is njit


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_kernels_write_into_the_same_memory_under_every_backend(backend):
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    pairs = np.triu_indices(200, 1)
    expected = np.linalg.norm(x[pairs[0]] - x[pairs[1]], axis=1)
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_allclose(neighbors.euclidean(x, x, *pairs, n_jobs=2), expected, rtol=1e-4)


def test_threads_are_those_that_are_asked_for(monkeypatch):
    monkeypatch.setattr(kernels.torch, "get_num_threads", lambda: 7)
    assert kernels.n_threads() == 7 and kernels.n_threads(3) == 3
    assert kernels.n_threads(-1) == joblib.cpu_count()


FORKED = """
import multiprocessing, sys
import numpy as np
from n2d import N2D

x = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
model = N2D(3, pretrain_epochs=1, gmm_restarts=2, n_neighbors=10, random_state=0, n_jobs=2).fit(x)
context = multiprocessing.get_context("fork")
answers = context.Queue()


def work():
    answers.put(model.predict(x).tolist())
    try:
        model.fit(x)
    except RuntimeError as error:
        answers.put(str(error))


context.Process(target=work, daemon=True).start()
assert answers.get(timeout=60) == model.predict(x).tolist()
assert answers.get(timeout=60).endswith("start it with multiprocessing.get_context('spawn')")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_predicts_and_says_that_it_cannot_fit(all_cores):
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    done = subprocess.run([sys.executable, "-c", FORKED], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
