import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_blobs

import n2d
from n2d import datasets
from n2d.pipeline import N2D
from n2d.samples import Dataset


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real data, without which a test is skipped."""
    folder = Path(os.environ.get("N2D_DATA_DIR", "data"))
    missing = [file for file in datasets.SHA256 if not (folder / file).exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not in {folder}: set N2D_DATA_DIR to a folder with the downloaded datasets")
    return folder


@pytest.fixture(scope="session")
def run():
    """Run n2d.py in a process of its own: a function of its arguments, its folder and additions to the environment."""
    root = Path(n2d.__file__).parent

    def run(*arguments, cwd=root, **environment):
        command = [sys.executable, str(root / "n2d.py"), *arguments]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def blobs():
    """400 points in four separate blobs of 12 features, and which blob each is in."""
    x, y = make_blobs(400, n_features=12, centers=4, cluster_std=0.3, random_state=0)
    return x.astype(np.float32), y


@pytest.fixture(scope="session")
def quick():
    """Parameters of a fit to the blobs that takes a second."""
    sizes = {"n_clusters": 4, "n_autoencoders": 2, "pretrain_epochs": 5, "n_neighbors": 10, "gmm_restarts": 3}
    return sizes | {"random_state": 0}


@pytest.fixture(scope="session")
def fitted(blobs, quick):
    """A quick N2D of the blobs."""
    return N2D(**quick).fit(blobs[0])


@pytest.fixture(scope="session")
def digits(tmp_path_factory, run):
    """The folder of a short run on scikit-learn's digits, and what it printed."""
    folder = tmp_path_factory.mktemp("digits")
    done = run("digits", "cpu", "--umap_dim=2", "--visualize", "--pretrain_epochs=30", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs/digits-n2d", done.stdout


@pytest.fixture
def pictures():
    """Forty grey images of 4 x 5, whose mean is their number, in two clusters."""
    x = np.repeat(np.arange(40.0, dtype=np.float32)[:, None], 20, axis=1)
    data = Dataset(x, np.arange(40) % 2, ("ant", "bee"), (4, 5), sample_names=tuple("abcdefgh" * 5))
    embedding = np.stack([np.arange(40) % 20, np.arange(40) // 20], axis=1).astype(np.float32)
    shown = {"confidence": np.linspace(1, 0.5, 40), "title": "Insects"}
    return data, embedding, np.arange(40) // 20, shown
