import numpy as np
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, is_monotonic, is_valid_linkage

from n2d.method.clusters import hierarchy
from n2d.method.manifold.neighbors import nearest_neighbors, neighbor_graph


def graph_of(x, n_neighbors=10):
    graph = neighbor_graph(*nearest_neighbors(x, n_neighbors))
    graph.data[:] = 1
    return graph + graph.T


@pytest.fixture
def pairs():
    """Clusters 0 and 3, and 1 and 2, touch; 4 is far from all."""
    centers = np.array([[0, 0], [20, 0], [22, 0], [2, 0], [10, 90]])
    labels = np.repeat(np.arange(5), [60, 50, 40, 30, 20])
    x = np.random.default_rng(0).normal(size=(200, 2)) * 0.6 + centers[labels]
    return x.astype(np.float32), labels


def test_clusters_that_touch_are_merged_first_and_the_distant_one_last(pairs):
    x, labels = pairs
    linkage = hierarchy.merges(graph_of(x), labels, x, 5)
    assert is_valid_linkage(linkage) and is_monotonic(linkage)
    assert {frozenset(row) for row in linkage[:2, :2].astype(int).tolist()} == {frozenset({0, 3}), frozenset({1, 2})}
    assert linkage[3, 0] == 4 and linkage[3, 3] == 5  # it has no edge to others: the means decide
    of_scipy = fcluster(linkage, 3, "maxclust")
    assert of_scipy[0] == of_scipy[3] != of_scipy[1] == of_scipy[2] != of_scipy[4]


def test_the_height_is_what_chance_would_put_there():
    """Two pairs of points: each has weight 3 inside, and 1 leads from one to the other: 2/8 by chance 1/4."""
    graph = sparse.csr_array([[0, 3, 1, 0], [3, 0, 0, 0], [1, 0, 0, 3], [0, 0, 3, 0]])
    linkage = hierarchy.merges(graph, np.array([0, 0, 1, 1]), np.zeros((4, 1)), 2)
    distance = (7 / 14) ** 2 / (1 / 14)
    np.testing.assert_allclose(linkage[0], [0, 1, np.log10(1 + distance), 2], rtol=1e-3)


@pytest.mark.parametrize("n_clusters", [1, 2, 50])
def test_any_number_of_clusters(n_clusters):
    x = np.random.default_rng(1).normal(size=(500, 3))
    labels = np.arange(500) % n_clusters
    linkage = hierarchy.merges(graph_of(x), labels, x, n_clusters)
    sizes = np.bincount(labels)
    assert linkage.shape == (n_clusters - 1, 4)
    for k in range(1, n_clusters + 1):
        numbers = hierarchy.cut(linkage, k, sizes)
        of_k = np.bincount(numbers[labels])
        assert len(of_k) == k and (np.diff(of_k) <= 0).all()


def test_a_cluster_without_samples_is_merged_first(pairs):
    x, labels = pairs
    linkage = hierarchy.merges(graph_of(x), np.where(labels == 2, 5, labels), x, 6)
    assert 2 in linkage[0, :2] and np.isfinite(linkage).all() and is_monotonic(linkage)


def test_cuts_are_nested_and_refuse_what_is_not_there(pairs):
    x, labels = pairs
    sizes = np.bincount(labels)
    linkage = hierarchy.merges(graph_of(x), labels, x, 5)
    assert hierarchy.cut(linkage, 5, sizes).tolist() == [0, 1, 2, 3, 4]
    assert hierarchy.cut(linkage, 3, sizes).tolist() == [0, 1, 1, 0, 2]
    assert hierarchy.cut(linkage, 1, sizes).tolist() == [0] * 5
    for wrong in (0, 6):
        with pytest.raises(ValueError, match=f"n_clusters must be 1 to 5, the number of clusters, got {wrong}"):
            hierarchy.cut(linkage, wrong, sizes)


def test_steps_say_which_clusters_are_merged(pairs):
    x, labels = pairs
    steps = hierarchy.steps(hierarchy.merges(graph_of(x), labels, x, 5), np.bincount(labels))
    assert [step["n_clusters"] for step in steps] == [4, 3, 2, 1]
    assert {(step["first"], step["second"], step["size"]) for step in steps[:2]} == {("0", "3", 90), ("1", "2", 90)}
    assert (steps[3]["first"], steps[3]["second"], steps[3]["size"]) == ("0 1 2 3", "4", 200)


def test_clusters_of_other_numbers_are_merged_alike(pairs):
    x, labels = pairs
    numbers = np.array([4, 2, 0, 1, 3])
    linkage = hierarchy.merges(graph_of(x), labels, x, 5)
    of_others = hierarchy.merges(graph_of(x), numbers[labels], x, 5)
    np.testing.assert_allclose(hierarchy.renumbered(linkage, numbers), of_others)
