import os
import shutil
import subprocess
import sys
from pathlib import Path

import pooch

from n2d import compiled, manifold

ROOT = Path(manifold.__file__).parent


def test_a_second_process_compiles_no_kernel_again(tmp_path):
    code = (
        "import numpy\nfrom n2d import manifold\n"
        "x = numpy.random.default_rng(0).normal(size=(100, 4)).astype('float32')\n"
        "manifold.manifold_learner('UMAP', n_neighbors=5, random_state=0).fit(x)\n"
    )
    files = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        kept = Path(os.environ.get("NUMBA_CACHE_DIR", pooch.os_cache("n2d") / "numba"))
        files.append({path: path.stat().st_mtime_ns for path in kept.rglob("layouts.*")})
    assert files[0] == files[1] and any(path.suffix == ".nbc" for path in files[0])


def test_of_a_kernel_compiled_in_two_ways_each_is_kept_in_its_own_place():
    """Or else a seed would load what another run without a seed has left, UMAP's layout on all threads."""
    layouts = compiled.import_compiled("umap").layouts
    kernels = [vars(layouts)["_nb_optimize_layout_euclidean_single_epoch" + suffix] for suffix in ("", "_parallel")]
    assert len({kernel.stats.cache_path for kernel in kernels}) == 2


def test_without_a_home_kernels_are_kept_for_one_process(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "to be put back as it was")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(compiled.pooch, "os_cache", lambda name: Path("/dev/null") / name)
    monkeypatch.setattr(compiled.atexit, "register", lambda remove, folder, **_: removed.append(folder))
    removed = []
    compiled.choose_folder()
    assert removed == [os.environ["NUMBA_CACHE_DIR"]] and Path(removed[0]).stat().st_mode & 0o777 == 0o700
    shutil.rmtree(removed[0])
