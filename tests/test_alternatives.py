from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from n2d.method.clusters import alternatives, hierarchy
from n2d.method.progress import Progress
from n2d.pipeline import N2D

SCANNED = (2, 0.9), (3, 0.1), (4, 0.95), (5, 0.2)
ROWS = [{"n_clusters": k, "stability": stability, "modularity": 0.5} for k, stability in SCANNED]


@pytest.fixture(scope="module")
def pairs():
    """Two pairs of blobs: points, the blob of each (0 is the largest), and their graph."""
    x, y = make_blobs([50, 80, 110, 60], centers=[[0, 0], [0, 5], [99, 0], [99, 5]], cluster_std=0.4, random_state=0)
    graph = kneighbors_graph(x, 15)
    return x, np.array([3, 1, 0, 2])[y], graph + graph.T


def found(pairs, labels, n_clusters, x=None, of_all=lambda labels, nested: labels):
    points, _, graph = pairs
    linkage = hierarchy.merges(graph, labels, points, n_clusters)
    sizes = np.bincount(labels)
    known = {"n_clusters": n_clusters, "labels": labels, "embedding": points, "hierarchy": linkage, "sizes": sizes}
    assignment = SimpleNamespace(**known, cut=lambda n: hierarchy.cut(linkage, n, sizes))
    settings = {"name": "GMM", "graph": graph, "random_state": 0}
    return alternatives.find(ROWS, assignment, points if x is None else x, of_all, Progress(False), **settings)


def test_fewer_clusters_are_the_chosen_ones_merged(pairs):
    [fewer] = found(pairs, pairs[1], 4)
    assert (fewer["n_clusters"], fewer["reason"], fewer["nested"]) == (2, "less stable, but more so than 3", True)
    assert fewer["labels"].tolist() == np.array([0, 1, 0, 1])[pairs[1]].tolist()  # 170 samples and 130


def test_more_clusters_are_found_anew_and_nested_only_if_each_lies_in_one(pairs):
    halves = np.array([0, 1, 0, 1])[pairs[1]]
    [more] = found(pairs, halves, 2)
    assert (more["n_clusters"], more["reason"], more["nested"]) == (4, "most stable", True)
    assert more["labels"].tolist() == pairs[1].tolist()  # by size
    halves[np.flatnonzero(pairs[1] == 2)[0]] = 1  # one sample of a blob is in the other half
    [more] = found(pairs, halves, 2)
    assert more["labels"].tolist() == pairs[1].tolist() and not more["nested"]


def test_duplicates_are_in_one_cluster_of_more(pairs):
    x, same = pairs[0].copy(), [np.flatnonzero(pairs[1] == blob)[0] for blob in (0, 1)]
    x[same[0]] = x[same[1]]
    [more] = found(pairs, np.array([0, 1, 0, 1])[pairs[1]], 2, x)
    assert len(set(more["labels"][same])) == 1


def test_samples_that_the_fit_left_out_are_counted_where_clusters_are_numbered(pairs):
    halves = np.array([0, 1, 0, 1])[pairs[1]]
    told = []

    def of_all(labels, nested):  # the smallest blob is the largest among all
        told.append(nested)
        return np.append(labels, np.full(99, labels[np.flatnonzero(pairs[1] == 3)[0]]))

    [more] = found(pairs, halves, 2, of_all=of_all)
    assert told == [True]
    assert more["labels"].tolist() == [*np.array([1, 2, 3, 0])[pairs[1]], *99 * [0]]


def test_a_model_has_the_clusters_of_the_other_plausible_numbers(blobs, quick, fitted, monkeypatch):
    assert fitted.alternatives_ == []  # without a scan: no other number of blobs is as well supported
    reasons = {4: "most stable", 6: "about as stable", 2: "about as stable"}
    monkeypatch.setattr(alternatives.n_clusters, "plausible", lambda rows, best: reasons)
    monkeypatch.setattr(alternatives.n_clusters, "NUMBERS", (2, 4, 6))
    model = N2D(**quick | {"n_clusters": "auto"}).fit(blobs[0])
    more, fewer = model.alternatives_
    assert (more["n_clusters"], fewer["n_clusters"]) == (6, 2)
    assert fewer["labels"].tolist() == model.clusters(2).tolist() and fewer["nested"]
    sizes = np.bincount(more["labels"])
    assert len(sizes) == 6 and sizes.sum() == 400 and (np.diff(sizes) <= 0).all()
    assert adjusted_rand_score(more["labels"], model.labels_) > 0.7
    assert all(one["labels"].dtype == int and one["labels"].shape == (400,) for one in model.alternatives_)
    model.set_params(fit_samples=150).fit(blobs[0])
    more, fewer = model.alternatives_  # of all samples
    assert fewer["labels"].tolist() == model.clusters(2).tolist()
    assert more["labels"].shape == (400,) and np.bincount(more["labels"]).min() > 0
    assert adjusted_rand_score(more["labels"], blobs[1]) > 0.7
    assert np.array_equal(model.predict(blobs[0], n_clusters=6), more["labels"])
