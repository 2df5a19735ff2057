"""Confidence of each sample: the share of its neighbours that are in its cluster, averaged over the best fits."""

import numpy as np
from scipy import sparse

from ... import metrics
from ..manifold import neighbors


def score_samples(graph, labels, rivals=()):
    """Return the confidence of each sample: the share of its weight in a neighbour graph that is in its cluster.

    It is the mean over all of these clusterings. Samples between two clusters have neighbours in both; and a group of
    samples that lies well inside a cluster, but could as well be in another, is there in some of the rivals.

    Parameters
    ----------
    graph : sparse array, shape (n_samples, n_samples)
        Weights of at least 0.
    labels : ndarray of int, shape (n_samples,)
    rivals : sequence of ndarray of int, shape (n_samples,)
        Other clusterings of the samples, whose clusters are matched with those of `labels`.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        0 to 1; 0 for a sample without neighbours.
    """
    graph, clusterings = sparse.csr_array(graph), (labels, *rivals)
    matched = []
    for clusters in clusterings:
        match, _ = metrics.match_labels(labels, clusters)
        matched.append(np.array([match.get(cluster, -1) for cluster in range(clusters.max() + 1)])[clusters])
    weight, inside = graph @ np.ones(len(labels)), np.zeros(len(labels))
    for cluster in np.unique(labels):  # a neighbour counts as often as it is in the cluster
        share = sum(clusters == cluster for clusters in matched) / len(clusterings)
        inside[labels == cluster] = graph[labels == cluster] @ share
    return np.clip(inside / np.where(weight > 0, weight, 1), 0, 1)


def predict(knn, labels, known_labels, known_confidence, reach):
    """Return the confidence of new points, from that of their nearest samples.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances of each point's nearest samples, (n_points, n_neighbors), see `neighbors.place`.
    labels : ndarray of int, shape (n_points,)
    known_labels, known_confidence : ndarray, shape (n_samples,)
        Clusters of the samples, and their confidence, see `score_samples`.
    reach : float
        Distance to the nearest sample beyond which the confidence decreases, see `Assignment.reach`.

    Returns
    -------
    ndarray of float64, shape (n_points,)
        0 to 1: the weighted mean of the neighbours' confidence, where those in other clusters count as 0; times
        `reach` / distance if the nearest sample is farther away than `reach`.
    """
    known = np.eye(max(labels.max(), known_labels.max()) + 1)[known_labels] * known_confidence[:, None]
    share = neighbors.place(knn, known)[np.arange(len(labels)), labels]
    return share * np.minimum(1, reach / np.maximum(knn[1][:, 0], 1e-30))
