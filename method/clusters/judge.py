"""What tells good clusters from bad ones without labels: how well a neighbour graph supports them."""

import heapq
from typing import NamedTuple

import numpy as np

N_RIVALS = 2  # 1, 4 or 9 make little difference to how well a confidence finds errors
MUCH_CLEARER = 100  # times, of fits to one embedding
CLEARER = 4 / 3  # of the best fits to several


class Fit(NamedTuple):
    """One clustering of an embedding, and what speaks for it.

    Attributes
    ----------
    clusterer : fitted scikit-learn estimator
    labels : ndarray of int, shape (n_samples,)
    log_likelihood : float or None
        Mean over the samples, of more than 20,000 over 20,000 that are the same for all fits; in nats.
    modularity, cut : float or None
        See `support`; None without a neighbour graph.
    rivals : sequence of ndarray of int, shape (n_samples,)
        Labels of other fits that are all but as good, for `confidence.score_samples`.
    """

    clusterer: object
    labels: np.ndarray
    log_likelihood: float | None = None
    modularity: float | None = None
    cut: float | None = None
    rivals: tuple = ()

    @property
    def assortativity(self):
        """The modularity, as a share of what it would be if no edge were cut; None without a neighbour graph.

        Newman, "Mixing patterns in networks", Physical Review E 2003, equation 2: r = Q / (1 - sum_c a_c^2), at most 1.
        It does not favour clusters of equal sizes, as the modularity does.
        """
        return None if self.modularity is None else self.modularity / max(self.modularity + self.cut, 1e-12)


def merit(fit):
    """What tells the best of many fits to one embedding: the modularity, or without a graph the likelihood."""
    return fit.log_likelihood if fit.modularity is None else fit.modularity


def best(fits):
    """The best fit to one embedding, of an iterable of `Fit`; those of the next greatest `merit` are its rivals.

    That of the greatest merit, the first of equal ones, unless one is a hundred times clearer: 1 less its assortativity
    is less than a hundredth. So clusters that lie apart are found, whatever their sizes; where they touch,
    the modularity is the steadier judge.

    They are looked at one at a time: the labels of a hundred fits to a million points are a gigabyte.
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
    """The index of the best of several `Fit`, each the best of its kind: of an embedding, or of the inputs.

    That of the greatest merit, unless one is clearer: 1 less its assortativity is less than three quarters. What UMAP
    tears apart or puts side by side in one of its maps is seldom so in another.
    """
    kept = max(fits, key=merit)
    clearest = kept if kept.modularity is None else max(fits, key=lambda fit: fit.assortativity)
    if _is_clearer(clearest, kept, CLEARER):
        kept = clearest
    return next(index for index, fit in enumerate(fits) if fit is kept)


def _is_clearer(clearest, kept, times):
    return kept.modularity is not None and times * (1 - clearest.assortativity) < 1 - kept.assortativity


def support(graph, labels):
    """How well a neighbour graph supports clusters: their modularity, and the share of its weight that they cut.

    Newman, "Modularity and community structure in networks", PNAS 2006, equation 2: Q = sum_c (e_cc - a_c^2), where
    e_cd is the share of the weight between clusters c and d, and a_c = sum_d e_cd. Among classes of similar sizes,
    splitting one cuts the edges inside it, and merging two raises what chance explains: either lowers Q, without a look
    at a label. Where one class dominates it is not so (the resolution limit: Fortunato and Barthélemy, PNAS 2007): with
    the number of clusters fixed, halving a class of share a gains a^2 / 2 less what is cut.

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
        Between clusters, 0 to 1.
    """
    from scipy import sparse

    n = len(labels)
    member = sparse.csr_array((np.ones(n), (np.arange(n), labels)))
    weight = (member.T @ (sparse.csr_array(graph) @ member)).toarray()
    share = weight / weight.sum()
    inside = np.trace(share)
    return float(inside - (share.sum(axis=1) ** 2).sum()), float(1 - inside)
