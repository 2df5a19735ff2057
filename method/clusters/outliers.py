"""How little a sample belongs anywhere: local outlier probabilities, from the distances of nearest neighbours."""

from typing import NamedTuple

import numpy as np
from scipy.special import erf

N_NEAREST = 10  # neighbours, a sample itself left out
DEVIATIONS = 3  # lambda of Kriegel et al.
LEAST = 1e-3  # of the median spread: among copies it is 0


class Reference(NamedTuple):
    """What the distances of points are compared with.

    Attributes
    ----------
    usual : ndarray of float32, shape (n_samples,)
        How far each sample is from its neighbours (root mean square), at most the median of its cluster.
    scale : float
        `DEVIATIONS` times the root mean square of the samples' excesses.
    n_nearest : int
        Neighbours that are looked at.
    """

    usual: np.ndarray
    scale: float
    n_nearest: int


def fit(knn, labels):
    """The outlier probability of each sample, and what those of new points are worked out from.

    LoOP (Kriegel, Kröger, Schubert, Zimek, "LoOP: Local Outlier Probabilities", CIKM 2009): how much farther a sample
    is from its neighbours than these are from theirs, as a probability that means the same for all data: 0 is not
    farther, 0.68 is three times as much farther as is common (the root mean square over the samples). One thing is
    different: a neighbour is taken to be at most as far from its own as half of its cluster is, or else outliers that
    are near each other, as a twentieth of the samples may be, would excuse each other.

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
    """The outlier probability of new points, by their nearest samples.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances of each point's nearest samples, (n_points, n_neighbors).
    reference : Reference
    known : ndarray of float, shape (n_samples,)
        That of the samples, which a point that is one of them has as well.

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
    """By how much points are farther from their neighbours than usual, as a share of this: 0 is not at all."""
    indices, distances = knn
    usual = reference.usual
    least = LEAST * float(np.median(usual[usual > 0])) if usual.any() else 1e-12
    return _spread(distances) / np.maximum(usual[indices].mean(axis=1, dtype=np.float64), least) - 1


def _probability(excess, reference):
    return np.maximum(0, erf(excess / (np.sqrt(2) * reference.scale)))
