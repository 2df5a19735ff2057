"""How well a clustering agrees with known classes. Nothing but scores and pictures may use these."""

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
    """Unsupervised clustering accuracy (ACC), 0 to 1: the share of points that agree under the best pairing.

    Points in clusters without a class count as wrong. Reference: Xie, Girshick, Farhadi, "Unsupervised Deep Embedding
    for Clustering Analysis", ICML 2016, equation 10.
    """
    return match_labels(y_true, y_pred)[1] / len(y_true)


def scores(y_true, y_pred):
    """ACC, NMI (normalised by the arithmetic mean, as in the paper's code) and ARI, as a dict of floats."""
    return {
        "acc": accuracy(y_true, y_pred),
        "nmi": float(normalized_mutual_info_score(y_true, y_pred)),
        "ari": float(adjusted_rand_score(y_true, y_pred)),
    }
