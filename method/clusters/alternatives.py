"""Clusterings of the samples into other numbers of clusters that deserve a look."""

import numpy as np

from . import clustering, hierarchy, n_clusters

RESTARTS = 20  # of a finer clustering
SIDES = ("first", "second")  # of a merge
MOST = 2  # merges, and splits, of clusters whose number was given


def find(rows, assignment, x, of_all, progress, *, name, **settings):
    """Cluster the samples into other numbers of clusters: the plausible ones of a scan, or those `well_supported`.

    Fewer clusters are the chosen ones, merged as the hierarchy says. More are, after a scan, those of `clustering.fit`
    on the embedding that was kept, of 20 restarts; else the chosen ones, some of them divided in two.

    Parameters
    ----------
    rows : list of dict, or None
        See `n_clusters.scan`; None without a scan.
    assignment : assignment.Assignment
        The chosen clusters, of the samples of the fit.
    x : ndarray, shape (n_samples of the fit, n_features)
        Duplicates get the same cluster.
    of_all : callable
        From clusters of the samples of the fit, and whether they are nested, to those of all samples.
    progress : progress.Progress
    name : {'GMM', 'KM', 'SC'}
    **settings
        `graph`, `random_state` and `n_jobs` of `clustering.fit`.

    Returns
    -------
    list of dict
        'n_clusters'; 'reason': see `n_clusters.plausible`, the order of which it has, and `well_supported`; 'labels':
        ndarray of int, shape (n_samples,), 0 is the largest cluster; 'nested': bool, whether one of the two
        clusterings divides the clusters of the other.
    """
    chosen, found = assignment.n_clusters, []
    reasons = n_clusters.plausible(rows, chosen) if rows else well_supported(assignment)
    for number, reason in reasons.items():
        if number == chosen:
            continue
        nested = True
        if number < chosen:
            others = assignment.cut(number)[assignment.labels]
        elif rows:
            with progress.stage("cluster", f"{name}, {number} clusters, which are plausible too"):
                track = progress.bar("mixtures", unit="batch")
                sought = {"n_clusters": number, "restarts": RESTARTS, "track": track}
                others = clustering.fit(name, assignment.embedding, **sought, **settings).labels
            others = clustering.unite_duplicates(x, others)
            pairs = set(zip(others.tolist(), assignment.labels.tolist()))
            nested = len(pairs) == len(set(others.tolist()))
        else:
            others = split(assignment, number)
        others = of_all(others, nested)
        sizes = np.bincount(others, minlength=number)
        others = np.argsort(np.argsort(-sizes, kind="stable"))[others]
        found.append({"n_clusters": number, "reason": reason, "labels": others, "nested": nested})
    return found


def well_supported(assignment):
    """Choose the next merges and splits that the neighbour graph supports as well as the clusters, and say why.

    A split is as well supported if the halves of the cluster are at least as far apart as the two nearest clusters; a
    merge is, if the two are no further apart than the halves that are furthest apart. Two are far apart if little of
    what the smaller one weighs in the graph leads to the other. The heights of the hierarchy compare this with chance,
    by which halves of a large cluster look further apart than two small clusters. At most two of each are chosen; a
    merge leaves at least two clusters.

    Parameters
    ----------
    assignment : assignment.Assignment

    Returns
    -------
    dict of int to str
        A reason for each number of clusters: the nearest first, of two equally near the smaller one. Empty if no
        number is as well supported.
    """
    n, sizes, reasons = assignment.n_clusters, assignment.sizes, {}
    steps = hierarchy.steps(assignment.hierarchy, sizes)
    if not steps:
        return reasons
    order, of_halves = _halves(assignment)
    larger = np.array([max(sizes[list(map(int, step[side].split()))].sum() for side in SIDES) for step in steps])
    of_pairs = _apart(assignment.hierarchy[:, 2], larger / sizes.sum())
    is_merged = (assignment.hierarchy[:, :2] >= n).any(axis=1)  # of clusters that were merged before
    furthest, nearest = of_halves[order[0]], int(np.where(is_merged, np.inf, of_pairs).argmin())
    pairs = [" and ".join("+".join(step[side].split()) for side in SIDES) for step in steps]
    for i in range(MOST):
        if 2 <= n - 1 - i and (of_pairs[: i + 1] <= furthest).all():
            reasons[n - 1 - i] = f"clusters {pairs[i]} are no further apart than the halves of cluster {order[0]}"
        if i < n and of_halves[order[i]] >= of_pairs[nearest]:
            reasons[n + 1 + i] = f"the halves of cluster {order[i]} are as far apart as clusters {pairs[nearest]}"
    return reasons


def _halves(assignment):
    """Return the clusters, those whose halves are furthest apart first, and for each how far apart they are."""
    larger = np.bincount(assignment.labels[assignment.halves != 1], minlength=assignment.n_clusters)
    apart = _apart(assignment.apart, larger / len(assignment.labels))
    return np.argsort(-apart, kind="stable").tolist(), apart


def _apart(heights, larger):
    """Return the smaller one's weight per weight between two, from the heights of `hierarchy.merges`.

    The larger one's share of the samples stands for its share of the weight. It is negative of one that is not divided.
    """
    return (10**heights - 1) / np.maximum(larger, 1e-12)


def split(assignment, n_clusters):
    """Divide the clusters that fall apart most clearly until there are `n_clusters`, and return those of the samples.

    Parameters
    ----------
    assignment : assignment.Assignment
    n_clusters : int

    Returns
    -------
    ndarray of int, shape (n_samples of the fit,)
    """
    labels, added = assignment.labels.copy(), range(assignment.n_clusters, n_clusters)
    for cluster, new in zip(_halves(assignment)[0], added):
        labels[(assignment.labels == cluster) & (assignment.halves == 1)] = new
    return labels
