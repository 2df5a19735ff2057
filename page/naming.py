"""Names and colours of clusters, the same in every file, picture and page.

A cluster is identified by its number; where classes are known, it also has the name of a class.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from .. import metrics
from .colors import palette


@dataclass(frozen=True)
class Clusters:
    """The clusters of samples, with the names, colours and order in which they are shown.

    Attributes
    ----------
    labels : ndarray of int, shape (n_samples,)
        The number of each sample's cluster.
    names : tuple of str, or None
        Names by number, empty where there is none; None if there are no classes to name clusters after.
    colors : ndarray of float, shape (n_clusters, 4)
        RGBA. The cluster that has the name of a class has the colour that this class has among the classes.
    order : ndarray of int, shape (n_clusters,)
        Numbers of the clusters: the one that is matched with the first class first, those of no class last.
    numbers : ndarray of int, shape (n_clusters,), or None
        The numbers to show for clusters 0, 1, ..., as after merges; None if they are the same.
    """

    labels: np.ndarray
    names: tuple | None
    colors: np.ndarray
    order: np.ndarray
    numbers: np.ndarray | None = None

    @property
    def captions(self):
        """Captions for pictures, by number: '3: cat', or without a name 'cluster 3'."""
        numbers = range(len(self.colors)) if self.numbers is None else self.numbers
        names = self.names or [""] * len(self.colors)
        return [f"{i}: {name}" if name else f"cluster {i}" for i, name in zip(numbers, names)]

    @property
    def fingerprint(self):
        """The fingerprint of the clusters, see `fingerprint`."""
        return fingerprint(self.labels)


def named(labels, n_clusters, y=None, label_names=()):
    """Name clusters after classes, and choose their colours.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
    n_clusters : int
    y : ndarray of int, shape (n_samples,), or None
        Classes, -1 where they are not known.
    label_names : sequence of str
        A name for each class.

    Returns
    -------
    Clusters
        Each cluster is named after the class it is matched with, see `metrics.match_labels`, unless more than half of
        it is of another. Such a cluster, and one that is left over, is named after the class that most of it is of,
        with a number behind it: 'cat #2' is the second that is called so. One without a sample of a known class is
        called 'unknown'.
    """
    if y is None:
        return Clusters(labels, None, palette(n_clusters), np.arange(n_clusters))
    match, _ = metrics.match_labels(*metrics.of_known(y, labels))
    order = [*sorted(match, key=match.get), *(cluster for cluster in range(n_clusters) if cluster not in match)]
    classes = {cluster: _class_of(y[(labels == cluster) & (y >= 0)], match.get(cluster)) for cluster in order}
    agreed = [cluster for cluster in order if cluster in match and match[cluster] == classes[cluster]]
    others = [cluster for cluster in order if cluster not in agreed]
    names, taken = {}, set()
    for cluster in (*agreed, *others):
        of_class = classes[cluster]
        names[cluster] = free("unknown" if of_class is None else label_names[of_class], taken)
        taken.add(names[cluster])
    slots = {cluster: match[cluster] for cluster in agreed}
    slots |= {cluster: len(label_names) + i for i, cluster in enumerate(others)}
    colors = palette(len(label_names) + len(others))[[slots[cluster] for cluster in range(n_clusters)]]
    return Clusters(labels, tuple(names[i] for i in range(n_clusters)), colors, np.array(order))


def _class_of(classes, matched):
    """Choose the class to name a cluster after, of those of its samples and its matched one; None is unknown."""
    if not len(classes):
        return None
    counts = np.bincount(classes)
    is_not_matched = matched is None or 2 * counts.max() > len(classes)
    return int(counts.argmax()) if is_not_matched else matched


def fingerprint(labels):
    """Hash clusters, ndarray of int (n_samples,), to 16 hexadecimal digits: corrections apply to these alone."""
    return hashlib.sha256(np.asarray(labels, dtype="<i4").tobytes()).hexdigest()[:16]


def free(name, taken):
    """Return the name, or the first of 'name #2', 'name #3', ... that no other cluster has."""
    free, k = name, 1
    while free in taken:
        k += 1
        free = f"{name} #{k}"
    return free
