from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from n2d.method.clusters import alternatives, divisions, hierarchy
from n2d.pipeline import N2D


@pytest.fixture(scope="module")
def unequal():
    """Three blobs of which two are one cluster, 110 and 60 samples, and the third is another: points, labels, graph."""
    x, y = make_blobs([110, 60, 80], centers=[[0, 0], [0, 5], [99, 0]], cluster_std=0.4, random_state=0)
    graph = kneighbors_graph(x, 15)
    return x, y, np.array([0, 0, 1])[y], graph + graph.T


def test_a_cluster_of_two_groups_is_divided_between_them_the_larger_one_first(unequal):
    x, y, labels, graph = unequal
    halves = divisions.halve(x, labels, graph, x, random_state=0)
    assert halves.dtype == np.int8
    assert halves[labels == 0].tolist() == y[labels == 0].tolist()  # 110 samples and 60
    sizes = np.bincount(halves[labels == 1])
    assert len(sizes) == 2 and sizes.sum() == 80 and sizes[0] >= sizes[1]
    apart, between = divisions.heights(graph, labels, halves, x, 2), hierarchy.merges(graph, labels, x, 2)[0, 2]
    assert apart[0] > 3.5 and between > 3.5 and apart[1] < 0.5  # between the groups there is no edge


def test_halves_are_the_same_on_any_number_of_threads(unequal):
    x, _, labels, graph = unequal
    one, four = (divisions.halve(x, labels, graph, x, random_state=3, n_jobs=jobs) for jobs in (1, 4))
    assert np.array_equal(one, four)


def test_of_a_large_cluster_some_samples_are_fitted_and_the_others_predicted(unequal, monkeypatch):
    x, y, labels, graph = unequal
    monkeypatch.setattr(divisions, "SAMPLE", 50)
    fits, mixtures = [], divisions.clustering.mixtures
    monkeypatch.setattr(
        divisions.clustering,
        "mixtures",
        lambda points, *etc, **more: fits.append(len(points)) or mixtures(points, *etc, **more),
    )
    halves = divisions.halve(x, labels, graph, x, random_state=0)
    assert fits == [50, 50] and halves[labels == 0].tolist() == y[labels == 0].tolist()


def test_small_clusters_and_those_of_one_point_are_not_divided(unequal):
    x, _, labels, graph = unequal
    few, x = labels.copy(), x.copy()
    few[labels == 1] = 1 + (np.arange(80) > 8)  # nine samples, and seventy-one
    x[few == 2] = x[few == 2][0]
    halves = divisions.halve(x, few, graph, np.arange(len(x))[:, None], random_state=0)
    assert (halves[few > 0] == -1).all() and set(halves[few == 0]) == {0, 1}
    assert divisions.heights(graph, few, halves, x, 3)[1:].tolist() == [-np.inf, -np.inf]


def test_duplicates_are_in_one_half(unequal):
    x, y, labels, graph = unequal
    same = [*np.flatnonzero(y == 0)[:2], np.flatnonzero(y == 1)[0]]
    inputs = x.copy()
    inputs[same] = x[same[0]]
    assert divisions.halve(x, labels, graph, inputs, random_state=0)[same].tolist() == [0, 0, 0]


def test_halves_are_numbered_by_size_and_need_two():
    labels, halves = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 1, 1, -1])
    assert divisions.by_size(halves, labels).tolist() == [0, 0, 1, -1, -1, -1]
    assert divisions.joined(labels, np.array([0, 0, 1, -1, -1, -1])).tolist() == [0, 0, 1, 2, 2, 4]


def assignment(heights, apart, sizes=(100, 100, 100)):
    """Three clusters, of which 0 and 2 are merged first; by default of one size, divided in the middle."""
    linkage = hierarchy.renumbered(np.array([[0, 1, heights[0], 2], [2, 3, heights[1], 3]]), np.array([0, 2, 1]))
    labels = np.repeat([0, 1, 2], sizes)
    halves = np.where(np.isinf(apart)[labels], -1, np.arange(len(labels)) % 2)
    found = {"n_clusters": 3, "hierarchy": linkage, "sizes": np.array(sizes), "apart": np.array(apart)}
    return SimpleNamespace(**found, labels=labels, halves=halves)


def test_merges_and_splits_are_as_well_supported_as_halves_of_a_cluster_and_two_clusters_are_apart():
    """Halves are half as large as clusters, so that for the same height twice as far apart."""
    assert alternatives.well_supported(assignment([1.0, 2.0], [0.2, -np.inf, 0.7])) == {}
    assert alternatives.well_supported(assignment([1.0, 2.0], [0.2, -np.inf, 0.8])) == {
        2: "clusters 0 and 2 are no further apart than the halves of cluster 2",
        4: "the halves of cluster 2 are as far apart as clusters 0 and 2",
    }
    both = alternatives.well_supported(assignment([1.0, 2.0], [1.2, -np.inf, 2.1]))  # one cluster is not left
    assert list(both) == [2, 4, 5] and both[5] == "the halves of cluster 0 are as far apart as clusters 0 and 2"
    one = SimpleNamespace(n_clusters=1, hierarchy=np.empty((0, 4)), sizes=np.array([9]), apart=np.array([3.0]))
    assert alternatives.well_supported(one) == {}


def test_halves_of_a_large_cluster_are_not_further_apart_only_because_they_are_large():
    """Of the large cluster's half 1 % leads to the other one, and of the two small ones less."""
    heights = [np.log10(1 + 0.02 / 0.005), 0.8]  # the second merge is not one of two clusters that were found
    apart = [-np.inf, np.log10(1 + 0.48 / 0.01), -np.inf]
    assert apart[1] > heights[0]
    assert alternatives.well_supported(assignment(heights, apart, (20, 960, 20))) == {}


def test_the_clusters_whose_halves_are_furthest_apart_are_divided_first():
    of = assignment([1.0, 2.0], [1.2, -np.inf, 2.1])
    four, five = alternatives.split(of, 4), alternatives.split(of, 5)
    assert np.bincount(four).tolist() == [100, 100, 50, 50] and set(four[of.labels == 2]) == {2, 3}
    assert np.bincount(five).tolist() == [50, 100, 50, 50, 50] and set(five[of.labels == 0]) == {0, 4}


def test_a_model_of_a_given_number_names_merges_and_splits(blobs, quick):
    x, y = blobs
    model = N2D(**quick | {"n_clusters": 3}).fit(x)  # of four blobs
    [fewer, more] = model.alternatives_
    assert (fewer["n_clusters"], more["n_clusters"]) == (2, 4) and fewer["nested"] and more["nested"]
    assert fewer["labels"].tolist() == model.clusters(2).tolist()
    assert (np.bincount(more["labels"]) == 100).all() and len(set(zip(y, more["labels"]))) == 4
    assert more["reason"].startswith("the halves of cluster 0 are as far apart as clusters 0 and ")
    assert set(model.halves_[model.labels_ == 0]) == {0, 1}


@pytest.mark.parametrize("parameters", [{"manifold_learner": "none"}, {"cluster": "KM"}])
def test_halves_need_no_map(blobs, quick, parameters):
    model = N2D(**quick | {"n_clusters": 2}, **parameters).fit(blobs[0])
    assert model.halves_.shape == (400,) and set(model.halves_) == {0, 1}


def test_samples_that_the_fit_left_out_get_the_halves_and_clusters_of_their_neighbours(blobs, quick):
    x, y = blobs
    model = N2D(**quick | {"n_clusters": 3}, fit_samples=200).fit(x)
    large = model.labels_ == 0
    assert len(set(zip(y[large], model.halves_[large]))) == 2  # each blob is a half
    assert np.bincount(model.halves_[large])[0] >= 100
    more = model.alternatives_[-1]
    assert more["n_clusters"] == 4 and len(set(zip(y, more["labels"]))) == 4
    assert np.array_equal(model.predict(x, n_clusters=4), more["labels"])
