import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from n2d.method.clusters import n_clusters


def test_the_scan_finds_how_many_blobs_there_are():
    x, _ = make_blobs(600, n_features=3, centers=5, cluster_std=0.5, random_state=1)
    graph = kneighbors_graph(x, 15)
    maps = [(10, x, graph + graph.T), (10, x[:, ::-1], graph + graph.T), (50, np.zeros_like(x), graph)]
    rows, best = n_clusters.scan(maps, range(2, 9), lambda number: [10], random_state=0)  # the last suits none
    assert best == 5
    assert [row["plausible"] for row in rows if row["n_clusters"] == 5] == ["most stable"]
    steady = {row["n_clusters"]: row["stability"] for row in rows}
    assert steady[5] > 0.98 and min(steady.values()) < 0.9
    assert rows[3]["modularity"] == pytest.approx(0.8, abs=0.01)


def test_of_the_steady_numbers_of_clusters_the_greatest_is_taken():
    """Two pairs of blobs: two clusters are as steady as four."""
    x, _ = make_blobs(400, centers=[[0, 0], [0, 5], [99, 0], [99, 5]], cluster_std=0.5, random_state=0)
    graph = kneighbors_graph(x, 15)
    rows, best = n_clusters.scan([(10, x, graph + graph.T)] * 2, range(2, 7), lambda number: [10], random_state=0)
    assert rows[0]["stability"] == rows[2]["stability"] == 1
    assert best == 4


def test_numbers_after_four_that_are_neither_plausible_nor_clearer_are_not_tried():
    x, _ = make_blobs(400, n_features=3, centers=4, cluster_std=0.3, random_state=1)
    graph = kneighbors_graph(x, 15)
    rows, best = n_clusters.scan([(10, x, graph + graph.T)] * 2, range(2, 60), lambda number: [10], random_state=0)
    assert best == 4 and 8 <= rows[-1]["n_clusters"] < 20
    unstable, clear = [row["stability"] < 0.9 for row in rows], np.diff([0, *(row["modularity"] for row in rows)]) > 0
    assert unstable[-4:] == [True] * 4 and not clear[-4:].any()


def rows_of(stability, modularity=None):
    """Rows of a scan: one for 2 clusters, one for 3, and so on."""
    modularity = modularity or [0.5] * len(stability)
    rows = enumerate(zip(stability, modularity), start=2)
    return [{"n_clusters": k, "stability": one, "modularity": other} for k, (one, other) in rows]


def test_numbers_that_are_more_stable_than_those_beside_them_are_plausible_and_the_chosen_one_is_first():
    found = n_clusters.plausible(rows_of([0.9, 0.7, 0.95, 0.8, 0.96, 0.955, 0.82, 0.85]), 6)  # 7 is beside a better one
    assert list(found.items()) == [
        (6, "most stable"),
        (4, "about as stable"),
        (2, "less stable, but more so than 3"),
    ]  # 9 is too far below
    found = n_clusters.plausible(rows_of([0.1, 0.91, 0.2, 0.98, 0.2]), 5)
    assert found[3] == "less stable, but more so than 2 and 4"


def test_the_chosen_number_is_plausible_even_where_another_is_more_stable():
    found = n_clusters.plausible(rows_of([0.2, 0.97, 0.96, 0.2], [0.1, 0.2, 0.3, 0.1]), 4)
    assert list(found.items()) == [(4, "about as stable, and clearer"), (3, "most stable")]


def test_the_number_that_the_graph_supports_most_is_plausible_however_stable_it_is():
    found = n_clusters.plausible(rows_of([0.9, 0.3, 0.4, 0.88, 0.2, 0.85, 0.2], [0.4, 0.1, 0.6, 0.5, 0.1, 0.2, 0.1]), 5)
    assert list(found) == [5, 2, 7, 4]
    assert found[4] == "clearer, but less stable"
    found = n_clusters.plausible(rows_of([0.9, 0.3, 0.83, 0.2], [0.3, 0.1, 0.6, 0.5]), 2)  # once, with this reason
    assert found == {2: "most stable", 4: "clearer, but less stable"}


def test_of_many_plausible_numbers_there_are_four_at_most():
    found = n_clusters.plausible(rows_of([0.91, 0, 0.92, 0, 0.93, 0, 0.94, 0, 0.95]), 10)
    assert list(found) == [10, 8, 6, 4]
    assert n_clusters.plausible(rows_of([1.0, 1.0]), 3) == {3: "most stable", 2: "about as stable"}
    assert list(n_clusters.plausible(rows_of([0.3]), 2)) == [2]


def test_every_number_of_clusters_has_maps_of_neighbourhoods_that_suit_it(fitted, monkeypatch):
    """1,100 samples in 2 clusters have neighbourhoods of 20 and more; in 40 they have 10."""
    x = np.random.default_rng(0).normal(size=(1100, 2)) + 20 * np.arange(44).repeat(25)[:, None]
    model = clone(fitted).set_params(n_clusters="auto", n_neighbors=None, pretrain_epochs=1, scale="minmax")
    seen = []

    def scan(maps, numbers, sizes, **settings):
        for n in numbers:
            seen.append(n)
            assert {size for size, _, _ in maps} >= set(sizes(n)) == set(model.sizes(1100, n))
        assert len(maps) >= n_clusters.MAPS and len(settings["inputs"]) == 1100
        return [], 44

    monkeypatch.setattr(n_clusters, "scan", scan)
    model.fit_autoencoder(x).fit_latent(x).fit_neighbors(x)
    assert model.sizes(1100, 2) == [20, 50, 100] and model.sizes(1100, 43) == [10] and model.n_clusters_ == 44
    assert seen == list(n_clusters.NUMBERS)
