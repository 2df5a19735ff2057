"""Outlier score of each sample: local outlier probabilities, from the distances of nearest neighbours."""

from typing import NamedTuple

import numpy as np
from scipy.special import erf

N_NEAREST = 10  # neighbours, a sample itself left out
DEVIATIONS = 3  # lambda of Kriegel et al.
LEAST = 1e-3  # smallest spread, as a share of the median: among copies it is 0


class Reference(NamedTuple):
    """What the outlier scores of new points are computed from.

    Attributes
    ----------
    usual : ndarray of float32, shape (n_samples,)
        Root mean square distance of each sample from its neighbours, at most the median of its cluster.
    scale : float
        `DEVIATIONS` times the root mean square of the samples' excesses.
    n_nearest : int
        Number of neighbours.
    """

    usual: np.ndarray
    scale: float
    n_nearest: int


def fit(knn, labels):
    """Return the reference for the scores of new points, and the outlier score of each sample.

    LoOP (Kriegel, Kröger, Schubert, Zimek, "LoOP: Local Outlier Probabilities", CIKM 2009): how much farther a sample
    is from its neighbours than these are from theirs, as a probability that means the same for all data: 0 is not
    farther, 0.68 is three times as much farther as is common (the root mean square over the samples). One thing is
    different: the distance of a neighbour from its own neighbours is capped at the median of its cluster. Otherwise
    outliers that are near each other, as a twentieth of the samples may be, would hide each other.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances of each sample's nearest neighbours, itself first, (n_samples, n_neighbors).
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    Reference
    probability : ndarray of float64, shape (n_samples,)
        0 to 1.
    """
    indices, distances = knn[0][:, 1 : N_NEAREST + 1], knn[1][:, 1 : N_NEAREST + 1]
    usual = _spread(distances)
    for cluster in np.unique(labels):
        inside = labels == cluster
        usual[inside] = np.minimum(usual[inside], np.median(usual[inside]))
    reference = Reference(usual.astype(np.float32), 1.0, distances.shape[1])
    excess = _excess((indices, distances), reference)
    scale = DEVIATIONS * float(np.sqrt(np.mean(excess**2)))
    reference = reference._replace(scale=scale if scale > 0 else 1.0)
    return reference, _probability(excess, reference)


def predict(knn, reference, known):
    """Return the outlier score of new points, from the distances of their nearest samples.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances of each point's nearest samples, (n_points, n_neighbors).
    reference : Reference
    known : ndarray of float, shape (n_samples,)
        Scores of the samples; a point that is one of them has the same.

    Returns
    -------
    ndarray of float64, shape (n_points,)
        0 to 1.
    """
    indices, distances = (array[:, : reference.n_nearest] for array in knn)
    is_known = knn[1][:, 0] <= 1e-6 * knn[1][:, -1]
    return np.where(is_known, known[indices[:, 0]], _probability(_excess((indices, distances), reference), reference))


def _spread(distances):
    return np.sqrt(np.mean(np.square(distances, dtype=np.float64), axis=1))


def _excess(knn, reference):
    """Return by how much points are farther from their neighbours than usual, as a share of the usual distance."""
    indices, distances = knn
    usual = reference.usual
    least = LEAST * float(np.median(usual[usual > 0])) if usual.any() else 1e-12
    return _spread(distances) / np.maximum(usual[indices].mean(axis=1, dtype=np.float64), least) - 1


def _probability(excess, reference):
    return np.maximum(0, erf(excess / (np.sqrt(2) * reference.scale)))
