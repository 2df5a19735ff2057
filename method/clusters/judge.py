"""Scores of clusters without labels, from a neighbour graph, and the choice of the best fit."""

import heapq
from typing import NamedTuple

import numpy as np

from ..kernels import njit

N_RIVALS = 2  # 1, 4 or 9 make little difference to how well a confidence finds errors
MUCH_CLEARER = 30  # times, for a fit to replace the one of greatest merit: of fits to one embedding
CLEARER = 3  # the same, of the best fits to several
LEAST = 0.5  # of the greatest modularity, that such a fit has to have: a few outliers against the rest have less
DIGITS = 12  # of scores: the same clusters with other numbers have the same
BALANCE = 0.35  # power of the entropy in the merit: 0 favours clusters of equal sizes, 1 few large ones


class Fit(NamedTuple):
    """One clustering of an embedding, and its scores.

    Attributes
    ----------
    clusterer : fitted scikit-learn estimator
    labels : ndarray of int, shape (n_samples,)
    log_likelihood : float or None
        Mean over the samples, in nats; of more than 20,000, over 20,000 that are the same for all fits.
    modularity, cut, information : float or None
        See `support`; None without a neighbour graph.
    rivals : sequence of ndarray of int, shape (n_samples,)
        Labels of other fits that are nearly as good, for `confidence.score_samples`.
    agreement : float or None
        Mean adjusted Rand index with the best fits to other maps; None without others.
    """

    clusterer: object
    labels: np.ndarray
    log_likelihood: float | None = None
    modularity: float | None = None
    cut: float | None = None
    information: float | None = None
    rivals: tuple = ()
    agreement: float | None = None

    @property
    def assortativity(self):
        """The modularity as a share of its value if no edge were cut; None without a neighbour graph.

        Newman, "Mixing patterns in networks", Physical Review E 2003, equation 2: r = Q / (1 - sum_c a_c^2), at most 1.
        It does not favour clusters of equal sizes, as the modularity does.
        """
        return None if self.modularity is None else self.modularity / max(self.modularity + self.cut, 1e-12)


def merit(fit):
    """Return the score that ranks fits to one embedding: the information, or without a graph the likelihood."""
    return fit.log_likelihood if fit.information is None else fit.information


def best(fits):
    """Return the best of the fits to one embedding, an iterable of `Fit`, with the next best ones as its rivals.

    The best has the greatest merit, and is the first of equal ones, unless another is thirty times clearer: the
    difference of its assortativity from 1 is less than a thirtieth. So clusters that lie apart are found, whatever
    their sizes; where they touch, the merit is more reliable.

    Only a few fits are kept at a time: the labels of a hundred fits to a million points are a gigabyte.
    """
    first, clearest = [], None
    for fit in fits:
        first = heapq.nlargest(1 + N_RIVALS, [*first, fit], key=merit)
        if fit.modularity is not None:
            clearest = _clearest([fit] if clearest is None else [clearest, fit, *first])
    kept, *others = first
    if clearest is not None and _is_clearer(clearest, kept, MUCH_CLEARER):
        kept, others = clearest, first[:N_RIVALS]
    return kept._replace(rivals=tuple(fit.labels for fit in others))


def choose(fits):
    """Return the index of the best of several `Fit`, each the best one to an embedding, or to the inputs.

    It has the greatest merit, unless another is clearer: the difference of its assortativity from 1 is less than a
    third. What UMAP tears apart or puts side by side in one of its maps is seldom so in another.
    """
    kept = max(fits, key=merit)
    if kept.modularity is not None and _is_clearer(clearest := _clearest(fits), kept, CLEARER):
        kept = clearest
    return next(index for index, fit in enumerate(fits) if fit is kept)


def _clearest(fits):
    """Return the fit of the greatest assortativity among those that have at least half of the greatest modularity."""
    greatest = max(fit.modularity for fit in fits)
    least = min(LEAST * greatest, greatest)  # which is negative where chance is better
    return max((fit for fit in fits if fit.modularity >= least), key=lambda fit: fit.assortativity)


def _is_clearer(clearest, kept, times):
    return times * (1 - clearest.assortativity) < 1 - kept.assortativity


def support(graph, labels):
    """Score clusters by a neighbour graph, without labels.

    e_cd is the share of the graph's weight between clusters c and d, and a_c = sum_d e_cd. The modularity is Newman's,
    "Modularity and community structure in networks", PNAS 2006, equation 2: Q = sum_c (e_cc - a_c^2). Among classes of
    similar sizes, splitting one cuts the edges inside it, and merging two raises what chance explains: both lower Q.
    This fails where one class dominates (the resolution limit: Fortunato and Barthélemy, PNAS 2007): with the number of
    clusters fixed, halving a class of share a gains a^2 / 2 minus what is cut.

    The information I = sum_cd e_cd log(e_cd / a_c a_d) is what the cluster at one end of an edge tells about the one at
    the other: the likelihood of a degree-corrected block model (Karrer and Newman, "Stochastic blockmodels and
    community structure in networks", Physical Review E 2011, equation 17). It, too, is greater for clusters of equal
    sizes, at most their entropy H = - sum_c a_c log a_c. Divided by a power of H it favours them less.

    Parameters
    ----------
    graph : sparse array, shape (n_samples, n_samples)
        Symmetric, weights of at least 0.
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    modularity : float
        At most 1; 0 if all samples are one cluster.
    cut : float
        Share of the weight between clusters, 0 to 1.
    information : float
        I / H^0.35, in nats to the power of 0.65; 0 if all samples are one cluster.
    """
    from scipy import sparse
    from scipy.special import entr, rel_entr

    graph, n = sparse.csr_array(graph), int(labels.max()) + 1
    weight = np.zeros((n, n))
    _add_between(graph.indptr, graph.indices, graph.data, np.asarray(labels, np.int64), weight)
    share = weight / weight.sum()
    inside, of_each = np.trace(share), share.sum(axis=1)
    entropy = entr(of_each).sum()
    information = rel_entr(share, np.outer(of_each, share.sum(axis=0))).sum() / entropy**BALANCE if entropy > 0 else 0
    scores = inside - (of_each**2).sum(), 1 - inside, information
    return tuple(round(float(score), DIGITS) for score in scores)


@njit(nogil=True)
def _add_between(indptr, indices, data, labels, weight):
    """Add the weight of each edge of a sparse graph to that between its clusters."""
    for i in range(len(labels)):
        for edge in range(indptr[i], indptr[i + 1]):
            weight[labels[i], labels[indices[edge]]] += data[edge]
