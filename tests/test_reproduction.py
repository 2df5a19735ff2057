"""Full-size runs, from scratch and without labels in training: `python -m pytest -m slow`."""

import json

import pytest

import n2d

pytestmark = pytest.mark.slow


def scores(folder, data_dir, dataset, *arguments):
    dim = 6 if dataset == "har" else 10
    settings = [f"--umap_dim={dim}", f"--data_dir={data_dir}", f"--save_dir={folder}"]
    n2d.main([dataset, "0", *settings, *arguments])
    record = json.loads((folder / "metrics.json").read_text())
    return record["acc"], record["nmi"]


def test_mnist_is_above_every_method_of_the_papers_table(data_dir, tmp_path):
    acc, nmi = scores(tmp_path, data_dir, "mnist")
    assert acc >= 0.988 and nmi >= 0.966


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "dataset, acc, nmi",
    [("usps", 0.958, 0.901), ("mnist-test", 0.948, 0.882), ("pendigits", 0.885, 0.863)],
)
def test_the_paper_is_reached_from_scratch(dataset, acc, nmi, seed, data_dir, tmp_path):
    """The default protocol beside the paper's Table 1."""
    found = scores(tmp_path, data_dir, dataset, f"--seed={seed}")
    assert found[0] >= acc and found[1] >= nmi
