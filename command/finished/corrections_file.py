"""Read the corrections file that the page saves, and work out the corrected clusters."""

import dataclasses
import json
import unicodedata
from collections import Counter

import numpy as np

from ...page import naming
from ...readers import samples

LARGEST = 10_000_000  # bytes of a corrections file, at most
LONGEST = 200  # characters of a name, at most
MOST_NEW = 1000  # clusters that a person has added, at most
MOST_TOLD = 20  # corrections that are listed in words


class CorrectionsError(ValueError):
    """Raised when corrections cannot be read, or do not belong to the clusters."""


@dataclasses.dataclass(frozen=True)
class Corrections:
    """Corrections made on the page, by the numbers that the clusters have there.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the clusters that are corrected, see `naming.Clusters`.
    n_samples, n_clusters : int
    names : dict of int to str
    merged : dict of int to int
        For each merged cluster, the number of the cluster that it is now part of.
    marked : tuple of int
    split : dict of int to int
        For each cluster that was divided, the new cluster that its smaller half is now.
    moved : dict of int to int
        For each sample that was moved, by its row number, the cluster that it is in now, after the splits. Numbers
        from `n_clusters` on are new clusters.
    outliers : tuple of int
        Row numbers of the samples that a person marked as outliers.
    """

    fingerprint: str
    n_samples: int
    n_clusters: int
    names: dict
    merged: dict
    marked: tuple
    moved: dict = dataclasses.field(default_factory=dict)
    outliers: tuple = ()
    split: dict = dataclasses.field(default_factory=dict)

    @property
    def n_all(self):
        """Number of clusters, with those that a person has added."""
        return _n_all(self.n_clusters, self.moved, self.split)


def _n_all(n_clusters, *added):
    return max([n_clusters, *(into + 1 for part in added for into in part.values())])


def read(path):
    """Read and validate the corrections file that the page saved.

    Raises
    ------
    CorrectionsError
        If the file cannot be read, or holds anything that the page cannot have written.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CorrectionsError(f"{path} is too large for a file of corrections")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CorrectionsError(f"{path} cannot be read ({error.strerror})") from error
    except CorrectionsError:
        raise
    except (ValueError, RecursionError) as error:
        raise CorrectionsError(f"{path} is no JSON file, as the page saves corrections") from error
    if not isinstance(found, dict) or found.get("n2d") != "corrections":
        raise CorrectionsError(f"{path} holds no corrections: save them on the page, with “Save corrections”")
    try:
        return _sound(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorrectionsError(f"{path} is damaged: {error}") from error


def _sound(found):
    """Return the corrections in a parsed file, after validating every value."""
    n_clusters = _number(found["n_clusters"], "n_clusters", 1 << 16)
    n_samples = _number(found["n_samples"], "n_samples", 1 << 40)

    def sample(number):
        return _number(_parsed(number), "sample", n_samples)

    moved = found.get("moved", {}).items()
    moved = {sample(i): _number(into, "cluster", n_clusters + MOST_NEW) for i, into in moved}
    split = found.get("split", {}).items()
    most = n_clusters + MOST_NEW
    split = {_number(_parsed(i), "cluster", n_clusters): _number(new, "cluster", most) for i, new in split}
    if old := [new for new in split.values() if new < n_clusters]:
        raise ValueError(f"half of a cluster must become a new one, from {n_clusters} on, got {old[0]}")
    if len(set(split.values())) < len(split):
        raise ValueError("halves of two clusters must become two new ones")
    n_all = _n_all(n_clusters, moved, split)

    def cluster(number):
        return _number(_parsed(number), "cluster", n_all)

    names = {cluster(number): _name(name) for number, name in found["names"].items()}
    merged = {cluster(number): cluster(into) for number, into in found["merged"].items()}
    if chained := sorted(set(merged) & set(merged.values())):
        raise ValueError(f"cluster {chained[0]} is merged into another, and others into it")
    if news := [i for i, into in merged.items() if i < n_clusters <= into]:
        raise ValueError(f"cluster {news[0]} is merged into one that was added: merge that into it")
    if not isinstance(found["marked"], list):
        raise ValueError("marked must be a list of clusters")
    if not isinstance(found.get("outliers", []), list):
        raise ValueError("outliers must be a list of samples")
    if not isinstance(found["fingerprint"], str):
        raise ValueError("fingerprint must be a word")
    return Corrections(
        found["fingerprint"],
        n_samples,
        n_clusters,
        names,
        merged,
        tuple(sorted({cluster(number) for number in found["marked"]})),
        moved,
        tuple(sorted({sample(number) for number in found.get("outliers", [])})),
        split,
    )


def _parsed(number):
    return int(number) if isinstance(number, str) and number.isdecimal() else number


def _number(value, what, below):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise ValueError(f"{what} must be a whole number from 0 to {below - 1}, got {str(value)[:40]}")
    return value


def _name(name):
    if not isinstance(name, str) or len(name) > LONGEST or any(map(_is_control, name)):
        raise ValueError(f"a name must be a text of at most {LONGEST} letters, got {str(name)[:40]!r}")
    return name


def _is_control(letter):
    return unicodedata.category(letter) in ("Cc", "Cs")  # lone surrogates cannot be written


def corrected(corrections, names):
    """Work out the numbers, names and marks of the clusters after corrections.

    Each cluster keeps its number, except that a merged one takes that of the cluster it is merged into.

    Parameters
    ----------
    corrections : Corrections
    names : sequence of str
        Names before the corrections, by number; empty where there is none.

    Returns
    -------
    numbers : ndarray of int, shape (n_all,)
        For each cluster, also those that were added, the number of the cluster that it is now part of.
    names : tuple of str, or None
        Names by number, empty where there is none; None if there is no name at all.
    marked : ndarray of bool, shape (n_all,)
    """
    clusters = np.arange(corrections.n_all)
    names = [*names, *[""] * (len(clusters) - len(names))]
    numbers = np.array([corrections.merged.get(i, i) for i in clusters.tolist()])
    told = [""] * len(clusters)
    for i in np.unique(numbers).tolist():
        if name := corrections.names.get(i, names[i]):
            told[i] = naming.free(name, set(told))
    return numbers, tuple(told) if any(told) else None, np.isin(clusters, corrections.marked) & (numbers == clusters)


def divided(corrections, found, halves):
    """Return the cluster of each sample, ndarray of int (n_samples,), after splits, before moves and merges.

    Parameters
    ----------
    corrections : Corrections
    found : ndarray of int, shape (n_samples,)
        The clusters that are corrected.
    halves : ndarray of int, shape (n_samples,), or None
        Their halves, see `divisions.halve`; None where they are not known.

    Raises
    ------
    CorrectionsError
        If a cluster that is to be split has no halves.
    """
    labels = np.array(found)
    for cluster, new in corrections.split.items():
        half = False if halves is None else (found == cluster) & (halves == 1)
        if not np.any(half):
            reason = "the run has no halves.npy of these samples" if halves is None else "it was not divided in halves"
            raise CorrectionsError(f"cluster {cluster} cannot be split: {reason}")
        labels[half] = new
    return labels


def moved(corrections, labels):
    """Return the cluster of each sample, ndarray of int (n_samples,), after moves."""
    labels = np.array(labels)
    labels[list(corrections.moved)] = list(corrections.moved.values())
    return labels


def in_words(corrections, names_found, found, halved):
    """Say what was corrected: return a line for each correction, for a screen.

    Parameters
    ----------
    corrections : Corrections
    names_found : sequence of str
        Names before the corrections, by number.
    found, halved : ndarray of int, shape (n_samples,)
        Clusters before the corrections, and after splits alone.
    """
    names = [*names_found, *[""] * (corrections.n_all - len(names_found))]
    told = []
    for i, new in corrections.split.items():
        n, n_new = np.count_nonzero(found == i), np.count_nonzero(halved == new)
        told.append(f"{naming.caption(i, names[i])} is split: {n_new:,} of its {n:,} samples are new cluster {new}")
    told += [
        f"{naming.caption(i, names[i])} is called {name or 'nothing'} now" for i, name in corrections.names.items()
    ]
    told += [
        f"{naming.caption(i, names[i])} is part of {naming.caption(into, corrections.names.get(into, names[into]))} now"
        for i, into in corrections.merged.items()
    ]
    pairs = Counter((int(halved[i]), into) for i, into in corrections.moved.items())
    for (source, into), n in sorted(pairs.items()):
        is_new = into >= corrections.n_clusters and into not in corrections.split.values()
        where = f"new cluster {into}" if is_new else naming.caption(into, names[into])
        told.append(f"{_samples(n)} of {naming.caption(source, names[source])} moved to {where}")
    told += [f"{naming.caption(i, corrections.names.get(i, names[i]))} is marked" for i in corrections.marked]
    if n := len(corrections.outliers):
        some = ", ".join(map(str, corrections.outliers[:5]))
        told.append(f"{_samples(n)} marked as outliers: {some}{' and others' if n > 5 else ''}")
    if len(told) > MOST_TOLD:
        told = [*told[: MOST_TOLD - 1], f"and {len(told) - MOST_TOLD + 1} corrections more"]
    return [samples.printable(line) for line in told]


def _samples(n):
    return f"{n:,} sample{'' if n == 1 else 's'}"
