"""Full-size runs, from scratch and without labels in training: `python -m pytest -m slow` (about twenty minutes)."""

import json

import pytest

import n2d

pytestmark = pytest.mark.slow


def acc(folder, data_dir, *arguments):
    n2d.main([*arguments, "--umap_dim=10", "--umap_neighbors=20", f"--data_dir={data_dir}", f"--save_dir={folder}"])
    return json.loads((folder / "metrics.json").read_text())["acc"]


def test_mnist_in_ten_epochs(data_dir, tmp_path):
    assert acc(tmp_path, data_dir, "mnist", "0", "--pretrain_epochs=10") >= 0.96


@pytest.mark.parametrize("seed", range(5))
def test_usps_on_every_seed(seed, data_dir, tmp_path):
    assert acc(tmp_path, data_dir, "usps", "cpu", "--pretrain_epochs=50", f"--seed={seed}") >= 0.955


def test_pendigits(data_dir, tmp_path):
    assert acc(tmp_path, data_dir, "pendigits", "cpu", "--pretrain_epochs=200") >= 0.88
