import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from n2d.method.clusters import n_clusters


def test_the_scan_finds_how_many_blobs_there_are():
    x, _ = make_blobs(600, n_features=3, centers=5, cluster_std=0.5, random_state=1)
    graph = kneighbors_graph(x, 15)
    maps = [(10, x, graph + graph.T), (10, x[:, ::-1], graph + graph.T), (50, np.zeros_like(x), graph)]
    rows, best = n_clusters.scan(maps, range(2, 9), lambda number: [10], random_state=0)  # the last suits none
    assert best == 5
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
