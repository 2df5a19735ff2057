import itertools

import pandas as pd
import pytest
from matplotlib.image import imread

from n2d.experiments import render


@pytest.fixture(scope="module")
def runs():
    """Three seeds of two datasets."""
    rows = itertools.product(("usps", "mnist"), range(3))
    return pd.DataFrame([{"dataset": d, "protocol": "default", "acc": 0.9 + s / 100, "nmi": 0.8} for d, s in rows])


@pytest.fixture(scope="module")
def cells():
    """One dataset's ablation, whose accuracies rise from the first cell to the last."""
    kinds = itertools.product(("raw", "autoencoder"), ("none", "UMAP"), ("GMM", "KM", "SC"))
    numbers = {"n_components": 6, "nmi": 0.4, "seconds": 1.2, "peak_rss_mb": 1024, "trustworthiness": 0.9}
    rows = [
        {"dataset": "har", "input": s, "manifold": m, "cluster": c, "acc": round(0.51239 + 0.01 * i, 4), **numbers}
        for i, (s, m, c) in enumerate(kinds)
    ]
    return pd.DataFrame(rows)


def test_runs_are_shown_with_spread_and_worst_beside_the_paper(runs, tmp_path):
    text = render.n2d_page(runs, tmp_path)
    paper = "0.958 / 0.901 | 0.982 / 0.951 (ASPC-DA)"
    assert f"| usps | default | 3 | 0.910 ± 0.010 | 0.900 | 0.800 ± 0.000 | 0.800 | {paper} |\n" in text
    assert text.index("| mnist |") < text.index("| usps |")  # as in the paper
    assert text in (tmp_path / "n2d.md").read_text()
    assert imread(tmp_path / "n2d.png").shape[1] > 1000


def test_a_single_run_has_no_deviation(runs):
    assert "| usps | default | 1 | 0.900 | 0.900 | 0.800 | 0.800 |" in render.n2d_table(runs[:1])


def test_spaces_of_clustering_losses_stand_beside_the_paper_with_their_commands(tmp_path):
    spaces = ("kl-loss", "pixels+n2d", "pixels")
    rows = pd.DataFrame([{"dataset": "mnist", "space": space, "acc": 0.5, "nmi": 0.4} for space in spaces])
    text = render.losses_page(rows, tmp_path, ["python one", "python two"])
    lines = text.splitlines()[2:]
    assert lines == [
        "| mnist | pixels | 1 | 0.500 | 0.500 | 0.400 | 0.400 | 0.542 / 0.480 |",
        "| mnist | kl-loss | 1 | 0.500 | 0.500 | 0.400 | 0.400 | 0.859 / 0.825 |",
        "| mnist | pixels+n2d | 1 | 0.500 | 0.500 | 0.400 | 0.400 |  |",
    ]
    page = (tmp_path / "clustering_losses.md").read_text()
    assert text in page and "```\npython one\npython two\n```\n" in page


def test_an_ablation_shows_the_best_cell_the_rank_of_n2d_and_every_cell(cells, tmp_path):
    short = render.ablation_page(cells, tmp_path)
    best, ours = "autoencoder, UMAP, SC | 0.622 / 0.400", "0.602 / 0.400"
    assert f"| har | {best} | {ours} | 3 of 12 |" in short
    text = (tmp_path / "ablation.md").read_text()
    assert short in text
    assert "| raw | UMAP | 6 | 0.542 / 0.400 | 0.552 / 0.400 | 0.562 / 0.400 | 0.900 | 1 | 1.0 |" in text
    assert imread(tmp_path / "ablation.png").shape[1] > 1000


def test_raw_scores_stand_beside_the_papers_of_the_same_clusterer(cells):
    """The cells come as GMM, KM, SC; in the paper's table KM has 0.599, GMM 0.585, SC 0.538."""
    paper = "| 0.599 / 0.588 | 0.512 / 0.400 | 0.585 / 0.648 | 0.532 / 0.400 | 0.538 / 0.741 |"
    assert f"| har | 0.522 / 0.400 {paper}" in render.ablation_raw(cells, ["har"])


@pytest.fixture(scope="module")
def collection():
    """Two datasets of other kinds and one of the paper's, two seeds: N2D is first, second, and worst."""
    scores = {
        "N2D": (0.9, 0.5, 0.1),
        "N2D, auto": (0.2, 0.2, 0.2),
        "k-means": (0.7, 0.6, 0.8),
        "Leiden": (0.8, 0.1, 0.9),
    }
    return pd.DataFrame(
        {
            "dataset": d,
            "method": m,
            "seed": s,
            "acc": ari + 0.05,
            "nmi": 0.3,
            "ari": ari + 0.01 * s,
            "k": 4,
            "k_found": 16,
        }
        for m, of_datasets in scores.items()
        for d, ari in zip(("wdbc", "yale", "usps"), of_datasets)
        for s in range(2)
    )


def test_other_data_are_summed_up_by_rank_and_regret_without_the_papers(collection, tmp_path):
    text = render.collection_page(collection, tmp_path)
    assert "| N2D | 0.750 | 0.300 | 0.705 | 1.50 | 0.050 | 0.100 |  |\n" in text
    assert "| k-means | 0.700 | 0.300 | 0.655 | 2.00 | 0.100 | 0.200 |  |\n" in text
    assert "| N2D, auto | 0.250 | 0.300 | 0.205 |  |  |  | 2.00 |\n" in text  # four times too many clusters
    page = (tmp_path / "collection.md").read_text()
    assert "| yale | 0.505 | 0.205 | 0.605 | 0.105 |\n" in page and page.index("| yale") < page.index("| usps")
    assert imread(tmp_path / "collection.png").shape[1] > 1000


def test_components_have_a_line_for_each_way_with_the_mean_of_its_seeds(tmp_path):
    rows = pd.DataFrame(
        {"dataset": d, "seed": s, "proposer": p, "candidates": c, "mixture": "rule", "acc": acc + s / 100, "nmi": 0.4}
        for d, acc in (("usps", 0.8), ("mnist", 0.9))
        for s in range(3)
        for p, c in (("autoencoder", 100), ("input", 0))
    )
    text = render.components_page(rows, tmp_path)
    assert "| proposer | re-ranked | mixtures | mnist | usps | mean |" in text
    assert "| input | no | rule | 0.910 / 0.400 | 0.810 / 0.400 | 0.860 / 0.400 |" in text
    assert "means of 3 seeds" in (tmp_path / "components.md").read_text()
