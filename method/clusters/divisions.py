"""The next split of each cluster: its best division in two halves."""

import warnings

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from . import clustering, hierarchy, judge

RESTARTS = 6  # mixtures of each cluster: more seldom find a better division
LEAST = 10  # samples of a cluster that is divided
SAMPLE = 5_000  # samples of a cluster that mixtures are fitted to, at most; the others are predicted


def halve(embedding, labels, graph, x, *, random_state=None, n_jobs=None):
    """Divide each cluster in two, by mixtures of two components of which `judge.best` takes one.

    They are judged by the part of the graph that is inside the cluster.

    Parameters
    ----------
    embedding : ndarray of float, shape (n_samples, n_components)
    labels : ndarray of int, shape (n_samples,)
    graph : sparse array, shape (n_samples, n_samples)
        Symmetric, weights of at least 0.
    x : ndarray, shape (n_samples, n_features)
        Duplicates, which are in one cluster, get the same half.
    random_state, n_jobs
        See `clustering.fit`.

    Returns
    -------
    ndarray of int8, shape (n_samples,)
        0 in the larger half of a cluster, 1 in the smaller one; -1 in a cluster that is not divided: it has fewer than
        ten samples, or one component has them all.
    """
    embedding, graph = np.asarray(embedding, np.float64), sparse.csr_array(graph)
    halves = np.full(len(labels), -1, np.int8)
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        some = members
        if len(members) > SAMPLE:
            some = np.sort(np.random.default_rng(random_state).choice(members, SAMPLE, replace=False))
        inside = graph[some][:, some]
        if len(members) < LEAST or not inside.sum() or not np.ptp(embedding[some], axis=0).any():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a component collapses, another mixture is taken
            fit = judge.best(
                clustering.mixtures(embedding[some], 2, RESTARTS, random_state, graph=inside, n_jobs=n_jobs)
            )
        with threadpool_limits(1):  # sums of several threads differ in their last bits
            halves[members] = fit.clusterer.predict(embedding[members])
    return by_size(clustering.unite_duplicates(x, halves + 1) - 1, labels)


def by_size(halves, labels):
    """Return the halves, 0 the larger one of each cluster, ndarray of int8; -1 where a cluster has but one."""
    sizes = np.zeros((labels.max() + 1, 2), int)
    is_half = halves >= 0
    np.add.at(sizes, (labels[is_half], halves[is_half]), 1)
    turned, divided = sizes[:, 1] > sizes[:, 0], sizes.min(axis=1) > 0
    return np.where(divided[labels] & is_half, halves ^ turned[labels], -1).astype(np.int8)


def joined(labels, halves):
    """Number the halves of all clusters: 2 i is the larger one of cluster i, or the whole, and 2 i + 1 the smaller."""
    return 2 * labels + (halves == 1)


def of_others(labels, halves, others):
    """Return the halves of clusters of another number, as far as those of the clusters tell them.

    Parameters
    ----------
    labels, halves : ndarray of int, shape (n_samples,)
    others : ndarray of int, shape (n_samples,)
        The other clustering.

    Returns
    -------
    ndarray of int8, shape (n_samples,)
        A cluster that is one of `labels` has its halves, and one that was merged of two has these; -1 in others.
    """
    of_those = np.full(len(labels), -1, np.int8)
    for other in np.unique(others):
        members = others == other
        parts = np.unique(labels[members])
        if len(parts) <= 2 and np.isin(labels, parts).sum() == members.sum():
            of_those[members] = halves[members] if len(parts) == 1 else labels[members] == parts[1]
    return by_size(of_those, others)


def heights(graph, labels, halves, points, n_clusters):
    """Return the heights at which the halves of each cluster would be merged.

    Parameters
    ----------
    graph, labels, points, n_clusters
        See `hierarchy.merges`.
    halves : ndarray of int, shape (n_samples,)
        See `halve`.

    Returns
    -------
    ndarray of float64, shape (n_clusters,)
        Heights as those of `hierarchy.merges`; -inf where a cluster is not divided.
    """
    of_all = hierarchy.heights(graph, joined(labels, halves), points, 2 * n_clusters)
    divided = np.isin(np.arange(n_clusters), labels[halves == 1])
    return np.where(divided, of_all[::2, 1::2].diagonal(), -np.inf)
