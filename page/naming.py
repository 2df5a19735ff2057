"""Names and colours of clusters, the same in every file, picture and page.

A cluster is identified by its number; where classes are known, it also has the name of a class.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from .. import metrics
from .colors import palette

N_MIXED = 3  # classes in the name of a mixed cluster, at most
LEAST = 0.15  # share of a mixed cluster that a class must have to be in its name


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
        RGBA. A cluster that is matched with the class it is named after has the colour that this class has among all.
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
        """Captions for pictures, by number: 'cat (cluster 3)', or without a name 'cluster 3'."""
        numbers = range(len(self.colors)) if self.numbers is None else self.numbers
        names = self.names or [""] * len(self.colors)
        return [caption(i, name) for i, name in zip(numbers, names)]

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
        A cluster is named after a class only if at least half of its samples of a known class are of that one: after
        the class it is matched with, see `metrics.match_labels`, or else after the one that most of it is of, with a
        number behind it if another has that name: 'cat #2'. Others are called 'mixed: cat, dog', after the two or
        three classes that most of it is of, 'mixed' if no two have a share of .15, and 'unknown' without a sample of a
        known class.
    """
    if y is None:
        return Clusters(labels, None, palette(n_clusters), np.arange(n_clusters))
    match, _ = metrics.match_labels(*metrics.of_known(y, labels))
    order = [*sorted(match, key=match.get), *(cluster for cluster in range(n_clusters) if cluster not in match)]
    counts = {i: np.bincount(y[(labels == i) & (y >= 0)], minlength=len(label_names)) for i in order}
    classes = {cluster: _class_of(counts[cluster], match.get(cluster)) for cluster in order}
    agreed = [cluster for cluster in order if cluster in match and match[cluster] == classes[cluster]]
    others = [cluster for cluster in order if cluster not in agreed]
    names, taken = {}, set()
    for cluster in (*agreed, *others):
        of_class = classes[cluster]
        names[cluster] = free(
            _mixed(counts[cluster], label_names) if of_class is None else label_names[of_class], taken
        )
        taken.add(names[cluster])
    slots = {cluster: match[cluster] for cluster in agreed}
    slots |= {cluster: len(label_names) + i for i, cluster in enumerate(others)}
    colors = palette(len(label_names) + len(others))[[slots[cluster] for cluster in range(n_clusters)]]
    return Clusters(labels, tuple(names[i] for i in range(n_clusters)), colors, np.array(order))


def _class_of(counts, matched):
    """Choose the class that at least half of a cluster is of, the matched one if two are; None if there is none."""
    is_half = (2 * counts >= counts.sum()) & (counts > 0)
    if not is_half.any():
        return None
    return matched if matched is not None and is_half[matched] else int(counts.argmax())


def _mixed(counts, label_names):
    """Name a cluster of which no class is half after those that most of it is of."""
    if not counts.any():
        return "unknown"
    most = [label_names[i] for i in np.argsort(-counts, kind="stable")[:N_MIXED] if counts[i] >= LEAST * counts.sum()]
    return f"mixed: {', '.join(most)}" if len(most) > 1 else "mixed"


def caption(number, name):
    """Return the caption of a cluster: the name first, for it may be a number itself."""
    return f"{name} (cluster {number})" if name else f"cluster {number}"


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
