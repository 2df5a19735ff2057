"""Hierarchy of clusters: the most similar two in the neighbour graph are merged, until one is left."""

import numpy as np
from scipy import sparse

SMOOTHING = 1e-4  # share of the graph's weight given by distance: it ranks clusters without an edge between them


def merges(graph, labels, points, n_clusters):
    """Merge clusters two by two: first those with the most weight between them in a neighbour graph, beside chance.

    The distance of clusters a and b is a_a a_b / e_ab, where e_ab is the share of the graph's weight that is between
    them and a_a that at the nodes of a: average linkage for graphs, in which no merge is nearer than one before
    (Bonald, Charpentier, Galland, Hollocou, "Hierarchical graph clustering using node pair sampling", MLG 2018). The
    gain of modularity finds classes of equal sizes better, but merges small clusters before similar ones. Clusters
    without an edge to others are ranked by the distance of their means: a ten-thousandth of the weight is spread over
    all pairs by it.

    Parameters
    ----------
    graph : sparse array, shape (n_samples, n_samples)
        Symmetric, weights of at least 0.
    labels : ndarray of int, shape (n_samples,)
        0 to n_clusters - 1. A cluster without a sample is merged first.
    points : ndarray of float, shape (n_samples, n_dimensions)
        Positions of the samples.
    n_clusters : int

    Returns
    -------
    ndarray of float64, shape (n_clusters - 1, 4)
        A linkage as SciPy has it: in each row the two that are merged (n_clusters + i is what row i made), the height,
        and the number of clusters in the two. The height is log10(1 + distance): 0.3 where there is as much weight
        between two as chance would put there, 2 where there is a hundredth of it.
    """
    similarity, weight = _similarity(graph, labels, points, n_clusters)
    numbers, counts, linkage = np.arange(n_clusters), np.ones(n_clusters), []
    np.fill_diagonal(similarity, -1.0)
    for i in range(n_clusters - 1):
        first, second = sorted(np.unravel_index(similarity.argmax(), similarity.shape))
        height = np.log10(1 + 1 / similarity[first, second])
        counts[first] += counts[second]
        linkage.append((*sorted((numbers[first], numbers[second])), height, counts[first]))
        both = weight[first] + weight[second]
        share = weight[first] / both if both else 0.5
        similarity[first] = share * similarity[first] + (1 - share) * similarity[second]
        similarity[:, first] = similarity[first]
        similarity[first, first] = similarity[second] = similarity[:, second] = -1.0
        weight[first], numbers[first] = both, n_clusters + i
    return np.array(linkage, dtype=np.float64).reshape(-1, 4)


def heights(graph, labels, points, n_clusters):
    """Return how far apart any two clusters are, ndarray of float64 (n_clusters, n_clusters), see `merges`."""
    return np.log10(1 + 1 / _similarity(graph, labels, points, n_clusters)[0])


def _similarity(graph, labels, points, n_clusters):
    """Return the weight between clusters relative to chance, (n_clusters, n_clusters), and the weights of clusters."""
    member = sparse.csr_array((np.ones(len(labels)), (np.arange(len(labels)), labels)), (len(labels), n_clusters))
    between = (member.T @ (sparse.csr_array(graph) @ member)).toarray()
    between = (between + between.T) / (2 * between.sum())
    weight, sizes = between.sum(axis=1), member.sum(axis=0)
    by_chance = np.outer(weight, weight)
    means = (member.T @ np.asarray(points, np.float64)) / np.maximum(sizes, 1)[:, None]
    distance = np.linalg.norm(means[:, None] - means[None], axis=2)
    nearest = distance[distance > 0].min(initial=np.inf)
    near = np.minimum(1, nearest / np.maximum(distance, 1e-300)) if np.isfinite(nearest) else np.ones_like(distance)
    similarity = between / np.where(by_chance > 0, by_chance, 1) + SMOOTHING * near
    similarity[sizes == 0] = similarity[:, sizes == 0] = 1e12
    return similarity, weight


def renumbered(linkage, numbers):
    """Return the linkage with new numbers for the clusters, ndarray of int, shape (n_clusters,)."""
    of_all = np.append(numbers, np.arange(len(numbers), 2 * len(numbers)))
    pairs = np.sort(of_all[linkage[:, :2].astype(int)], axis=1)
    return np.hstack([pairs, linkage[:, 2:]])


def cut(linkage, n_clusters, sizes):
    """Return the new number of each cluster when the merges stop at `n_clusters`.

    Parameters
    ----------
    linkage : ndarray
        See `merges`.
    n_clusters : int
        1 to the number of clusters.
    sizes : ndarray of int, shape (n_clusters of the linkage,)
        Samples in each.

    Returns
    -------
    ndarray of int, shape (n_clusters of the linkage,)
        0 is the largest of those that are left; of two of a size, the one with the first cluster.

    Raises
    ------
    ValueError
        If there are fewer clusters.
    """
    if not 1 <= n_clusters <= len(sizes):
        raise ValueError(f"n_clusters must be 1 to {len(sizes)}, the number of clusters, got {n_clusters}")
    members = dict(enumerate([i] for i in range(len(sizes))))
    for i, (first, second, *_) in enumerate(linkage[: len(sizes) - n_clusters].astype(int) if len(linkage) else ()):
        members[len(sizes) + i] = sorted(members.pop(first) + members.pop(second))
    groups = sorted(members.values(), key=lambda group: (-sizes[group].sum(), group))
    numbers = np.empty(len(sizes), int)
    for number, group in enumerate(groups):
        numbers[group] = number
    return numbers


def steps(linkage, sizes):
    """List the merges: how many clusters are left, which ones are merged, the height and their samples.

    Returns
    -------
    list of dict
        'n_clusters', 'first', 'second' (numbers of clusters, separated by blanks; first is the larger one), 'height',
        'size'.
    """
    members, rows = {i: [i] for i in range(len(sizes))}, []
    for i, (one, other, height, _) in enumerate(linkage):
        pair = sorted((members[int(one)], members[int(other)]), key=lambda group: -sizes[group].sum())
        members[len(sizes) + i] = sorted(pair[0] + pair[1])
        first, second = (" ".join(map(str, group)) for group in pair)
        size = int(sizes[members[len(sizes) + i]].sum())
        row = {"n_clusters": len(sizes) - 1 - i, "first": first, "second": second, "height": height, "size": size}
        rows.append(row)
    return rows
