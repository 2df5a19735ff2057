"""Full-size runs, without labels in training, from scratch and with the shipped weights: `python -m pytest -m slow`."""

import json

import pytest

import n2d
from n2d.command import arguments
from n2d.experiments.render import PAPER

pytestmark = pytest.mark.slow


def scores(folder, data_dir, dataset, *arguments):
    settings = [f"--data_dir={data_dir}", f"--save_dir={folder}"]
    n2d.main([dataset, "0", *settings, *arguments])
    record = json.loads((folder / "metrics.json").read_text())
    return record["acc"], record["nmi"]


def test_mnist_is_above_every_method_of_the_papers_table(data_dir, tmp_path):
    acc, nmi = scores(tmp_path, data_dir, "mnist")
    assert acc >= 0.988 and nmi >= 0.966


def check(dataset, folder, data_dir, *arguments):
    """The default protocol beside the paper's Table 1."""
    found, (acc, nmi) = scores(folder, data_dir, dataset, *arguments), PAPER[dataset]
    assert found[0] >= acc and found[1] >= nmi


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("dataset", ["usps", "mnist-test", "pendigits"])
def test_the_paper_is_reached_from_scratch(dataset, seed, data_dir, tmp_path):
    check(dataset, tmp_path, data_dir, f"--seed={seed}")


@pytest.mark.parametrize("dataset", [name for name in PAPER if name != "fashion"])
def test_the_paper_is_reached_with_the_shipped_weights(dataset, data_dir, tmp_path):
    (weights,) = arguments.WEIGHTS.glob(f"{dataset}-[0-9]*-n2d.safetensors")
    check(dataset, tmp_path, data_dir, f"--ae_weights={weights}")
