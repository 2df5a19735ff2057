"""Scores of clusters without labels, from a neighbour graph, and the choice of the best fit."""

import heapq
from typing import NamedTuple

import numpy as np

N_RIVALS = 2  # 1, 4 or 9 make little difference to how well a confidence finds errors
MUCH_CLEARER = 100  # times, for a fit to replace the one of greatest merit: of fits to one embedding
CLEARER = 4 / 3  # the same, of the best fits to several


class Fit(NamedTuple):
    """One clustering of an embedding, and its scores.

    Attributes
    ----------
    clusterer : fitted scikit-learn estimator
    labels : ndarray of int, shape (n_samples,)
    log_likelihood : float or None
        Mean over the samples, in nats; of more than 20,000, over 20,000 that are the same for all fits.
    modularity, cut : float or None
        See `support`; None without a neighbour graph.
    rivals : sequence of ndarray of int, shape (n_samples,)
        Labels of other fits that are nearly as good, for `confidence.score_samples`.
    """

    clusterer: object
    labels: np.ndarray
    log_likelihood: float | None = None
    modularity: float | None = None
    cut: float | None = None
    rivals: tuple = ()

    @property
    def assortativity(self):
        """The modularity as a share of its value if no edge were cut; None without a neighbour graph.

        Newman, "Mixing patterns in networks", Physical Review E 2003, equation 2: r = Q / (1 - sum_c a_c^2), at most 1.
        It does not favour clusters of equal sizes, as the modularity does.
        """
        return None if self.modularity is None else self.modularity / max(self.modularity + self.cut, 1e-12)


def merit(fit):
    """Return the score that ranks fits to one embedding: the modularity, or without a graph the likelihood."""
    return fit.log_likelihood if fit.modularity is None else fit.modularity


def best(fits):
    """Return the best of the fits to one embedding, an iterable of `Fit`, with the next best ones as its rivals.

    The best has the greatest merit, and is the first of equal ones, unless another is a hundred times clearer: the
    difference of its assortativity from 1 is less than a hundredth. So clusters that lie apart are found, whatever
    their sizes; where they touch, the modularity is more reliable.

    Only a few fits are kept at a time: the labels of a hundred fits to a million points are a gigabyte.
    """
    first, clearest = [], None
    for fit in fits:
        first = heapq.nlargest(1 + N_RIVALS, [*first, fit], key=merit)
        if clearest is None or fit.modularity is not None and fit.assortativity > clearest.assortativity:
            clearest = fit
    kept, *others = first
    if _is_clearer(clearest, kept, MUCH_CLEARER):
        kept, others = clearest, first[:N_RIVALS]
    return kept._replace(rivals=tuple(fit.labels for fit in others))


def choose(fits):
    """Return the index of the best of several `Fit`, each the best one to an embedding, or to the inputs.

    It has the greatest merit, unless another is clearer: the difference of its assortativity from 1 is less than three
    quarters. What UMAP tears apart or puts side by side in one of its maps is seldom so in another.
    """
    kept = max(fits, key=merit)
    clearest = kept if kept.modularity is None else max(fits, key=lambda fit: fit.assortativity)
    if _is_clearer(clearest, kept, CLEARER):
        kept = clearest
    return next(index for index, fit in enumerate(fits) if fit is kept)


def _is_clearer(clearest, kept, times):
    return kept.modularity is not None and times * (1 - clearest.assortativity) < 1 - kept.assortativity


def support(graph, labels):
    """Return the modularity of clusters in a neighbour graph, and the share of its weight that they cut.

    Newman, "Modularity and community structure in networks", PNAS 2006, equation 2: Q = sum_c (e_cc - a_c^2), where
    e_cd is the share of the weight between clusters c and d, and a_c = sum_d e_cd. Among classes of similar sizes,
    splitting one cuts the edges inside it, and merging two raises what chance explains: both lower Q, which needs no
    labels. This fails where one class dominates (the resolution limit: Fortunato and Barthélemy, PNAS 2007): with the
    number of clusters fixed, halving a class of share a gains a^2 / 2 minus what is cut.

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
    """
    from scipy import sparse

    n = len(labels)
    member = sparse.csr_array((np.ones(n), (np.arange(n), labels)))
    weight = (member.T @ (sparse.csr_array(graph) @ member)).toarray()
    share = weight / weight.sum()
    inside = np.trace(share)
    return float(inside - (share.sum(axis=1) ** 2).sum()), float(1 - inside)
