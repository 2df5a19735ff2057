"""The layers of a page: the clusterings of its samples into a few, some and many clusters."""

import numpy as np
from matplotlib.colors import to_hex

from . import naming, profiles

CHOSEN = "the number of this run"


def together(data, clusters, profile, halves, others, reason=None):
    """Put the chosen clusters and the others, with names and descriptions, in one list.

    Parameters
    ----------
    data : samples.Dataset
    clusters : naming.Clusters
        The chosen ones.
    profile : pandas.DataFrame
        Of these, see `profiles.profile`.
    halves : ndarray of int8, shape (n_samples,), or None
        The part of its chosen cluster in which each sample is: 0 the larger, 1 the smaller, -1 if it is not divided.
    others : sequence of dict
        'n_clusters', 'reason' and 'labels' of other clusterings, as in `pipeline.N2D.alternatives_`.
    reason : str or None
        Of the number of the chosen ones.

    Returns
    -------
    list of dict
        'clusters', 'profile', 'reason', 'halves' (None if there are none) and 'is_chosen', the chosen clusters first.
    """
    reason = f"{CHOSEN}: {reason}" if reason else CHOSEN
    found = [{"clusters": clusters, "profile": profile, "reason": reason, "halves": halves, "is_chosen": True}]
    for other in others:
        labels, n_clusters = other["labels"], other["n_clusters"]
        named = naming.named(labels, n_clusters, data.y, data.label_names)
        its_profile = profiles.profile(data, labels, n_clusters)
        layer = {"clusters": named, "profile": its_profile, "reason": other["reason"]}
        found.append(layer | {"halves": None, "is_chosen": False})
    return found


def packed(layers, order, place):
    """Return what the page knows of its layers: a dict of each for its header, and the arrays of its points.

    Parameters
    ----------
    layers : list of dict
        See `together`.
    order : ndarray of int, shape (n_points,)
        The samples that are on the page.
    place : ndarray of int, shape (n_samples,)
        Where they are in `order`; -1 of others.

    Returns
    -------
    about : list of dict
    arrays : dict of ndarray, shape (n_points,)
        `found 10`: the cluster of each point among ten; `half`: its part of the chosen one, -1 if it is not divided.
    """
    about, arrays = [], {}
    for layer in layers:
        clusters, halves = layer["clusters"], layer["halves"]
        n_clusters = len(clusters.colors)
        about.append(
            {
                "n_clusters": n_clusters,
                "reason": layer["reason"],
                "is_chosen": layer["is_chosen"],
                "fingerprint": clusters.fingerprint,
                "clusters": _clusters(clusters, layer["profile"], halves, place),
            }
        )
        arrays[f"found {n_clusters}"] = clusters.labels[order].astype(np.uint8 if n_clusters <= 256 else np.uint16)
        if halves is not None:
            arrays["half"] = halves[order].astype(np.int8)
    return about, arrays


def _clusters(clusters, profile, halves, place):
    """Return what the page shows of each cluster; `smaller` is the size of its smaller half, 0 if it is not divided."""
    sizes = np.bincount(clusters.labels, minlength=len(clusters.colors))
    smaller = 0 * sizes if halves is None else np.bincount(clusters.labels[halves == 1], minlength=len(sizes))
    return [
        {
            "name": None if clusters.names is None else str(clusters.names[i]),
            "color": to_hex(clusters.colors[i]),
            "size": int(sizes[i]),
            "smaller": int(smaller[i]),
            "description": description,
            "members": [int(place[j]) for j in members if place[j] >= 0],
        }
        for i, (description, members) in enumerate(zip(profile["description"], profile["members"]))
    ]
