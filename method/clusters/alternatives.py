"""Clusterings of the samples into the other plausible numbers of clusters."""

import numpy as np

from . import clustering, hierarchy, n_clusters

RESTARTS = 20  # of a finer clustering


def find(rows, labels, assignment, x, progress, *, name, **settings):
    """Cluster the samples into each plausible number of clusters but the chosen one.

    Fewer clusters are the chosen ones, merged as the hierarchy says. More are those of `clustering.fit` on the
    embedding that was kept, of 20 restarts. They are left out where the fit left out samples, whose place in them is
    not known.

    Parameters
    ----------
    rows : list of dict, or None
        See `n_clusters.scan`; None without a scan.
    labels : ndarray of int, shape (n_samples,)
        The chosen clusters.
    assignment : assignment.Assignment
        Of these clusters, or those of some of the samples.
    x : ndarray, shape (n_samples, n_features)
        Duplicates get the same cluster.
    progress : progress.Progress
    name : {'GMM', 'KM', 'SC'}
    **settings
        `graph`, `random_state` and `n_jobs` of `clustering.fit`.

    Returns
    -------
    list of dict
        'n_clusters'; 'reason': see `n_clusters.plausible`, the order of which it has; 'labels': ndarray of int, shape
        (n_samples,), 0 is the largest cluster; 'nested': bool, whether one of the two clusterings divides the clusters
        of the other, as all of fewer clusters do. Empty without a scan.
    """
    chosen, found = assignment.n_clusters, []
    for number, reason in n_clusters.plausible(rows, chosen).items() if rows else ():
        if number < chosen:
            sizes = np.bincount(labels, minlength=chosen)
            others, nested = hierarchy.cut(assignment.hierarchy, number, sizes)[labels], True
        elif number > chosen and len(assignment.labels) == len(labels):
            with progress.stage("cluster", f"{name}, {number} clusters, which are plausible too"):
                track = progress.bar("mixtures", unit="batch")
                sought = {"n_clusters": number, "restarts": RESTARTS, "track": track}
                others = clustering.fit(name, assignment.embedding, **sought, **settings).labels
            others = clustering.unite_duplicates(x, others)
            sizes = np.bincount(others, minlength=number)
            others = np.argsort(np.argsort(-sizes, kind="stable"))[others]
            nested = len(set(zip(others.tolist(), labels.tolist()))) == len(set(others.tolist()))
        else:
            continue
        found.append({"n_clusters": number, "reason": reason, "labels": others, "nested": nested})
    return found
