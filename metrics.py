"""Agreement of clusters with known classes, and of embeddings with their data; for scores and pictures alone."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def match_labels(y_true, y_pred):
    """Pair clusters with classes, one to one, so that most points agree (Hungarian method).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes.
    y_pred : array-like of shape (n_samples,)
        Clusters; their number may differ from the number of classes.

    Returns
    -------
    match : dict
        From cluster to class. With more clusters than classes, the clusters left over are not in it.
    n_agree : int
        Number of points whose cluster is paired with their class.
    """
    table = contingency_matrix(y_true, y_pred)
    rows, columns = linear_sum_assignment(table, maximize=True)
    classes, clusters = np.unique(y_true), np.unique(y_pred)
    return dict(zip(clusters[columns].tolist(), classes[rows].tolist())), int(table[rows, columns].sum())


def accuracy(y_true, y_pred):
    """Return the clustering accuracy (ACC), 0 to 1: the share of points that agree under the best pairing.

    Points in clusters without a class count as wrong. Reference: Xie, Girshick, Farhadi, "Unsupervised Deep Embedding
    for Clustering Analysis", ICML 2016, equation 10.
    """
    return match_labels(y_true, y_pred)[1] / len(y_true)


def scores(y_true, y_pred):
    """Return ACC, NMI (normalised by the arithmetic mean, as in the paper's code) and ARI, as a dict of floats."""
    return {
        "acc": accuracy(y_true, y_pred),
        "nmi": float(normalized_mutual_info_score(y_true, y_pred)),
        "ari": float(adjusted_rand_score(y_true, y_pred)),
    }


def of_known(y, labels):
    """Return classes and clusters of the samples whose class is known: where y, ndarray of int, is not -1."""
    return y[y >= 0], labels[y >= 0]


def silhouette(embedding, labels, seed=0, n_samples=5000):
    """Return the mean silhouette coefficient, -1 to 1, of a random sample; None if it has one cluster."""
    from sklearn.metrics import silhouette_score

    some = np.random.default_rng(seed).permutation(len(labels))[:n_samples]
    if len(np.unique(labels[some])) in (1, len(some)):
        return None
    return float(silhouette_score(embedding[some].astype(np.float64), labels[some]))


def trustworthiness(x, embedding, seed=0, n_samples=5000, n_neighbors=5):
    """Return the share of an embedding's neighbours that are neighbours in the data too, 0 to 1, on a random sample.

    Venna, Kaski, "Neighborhood preservation in nonlinear projection methods", ICANN 2001; scikit-learn's implementation
    needs memory for all pairs of the sample.

    Parameters
    ----------
    x : ndarray, shape (n_samples, n_features)
    embedding : ndarray, shape (n_samples, n_components)
    seed : int
        Of the sample.
    n_samples : int
        At most.
    n_neighbors : int
    """
    from sklearn import manifold

    some = np.random.default_rng(seed).permutation(len(x))[:n_samples]
    return float(manifold.trustworthiness(x[some], embedding[some], n_neighbors=n_neighbors))
