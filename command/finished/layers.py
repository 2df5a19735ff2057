"""The clusterings of a run, for several numbers of clusters: the one that corrections are of becomes the run's own."""

import re
from dataclasses import dataclass

import numpy as np

from ...method.clusters import divisions
from ...page import naming
from ...readers import samples
from .corrections_file import CorrectionsError

OTHERS = r"cluster_of_\d+"  # columns of clusters.csv
FOUND = "found by the run"  # why its own clusters are beside those of a layer


@dataclass(frozen=True)
class Layer:
    """The clusters that corrections are of.

    Attributes
    ----------
    column, former : str
        The column that the run has written these clusters to, and the one for its own clusters beside them.
    labels : ndarray of int, shape (n_samples,)
    halves : ndarray of int8, shape (n_samples,), or None
        See `divisions.halve`; None where the run has none.
    names : list of str
        By number, empty where there is none.
    of_run : str
        Fingerprint of the run's own clusters.
    """

    column: str
    former: str
    labels: np.ndarray
    halves: np.ndarray | None
    names: list
    of_run: str

    @property
    def is_found(self):
        """Whether these are the run's own clusters."""
        return self.column == "cluster"


def layer_of(corrections, folder, original, halves, n_clusters):
    """Find the clusters that corrections are of, by their fingerprint.

    Parameters
    ----------
    corrections : corrections_file.Corrections
    folder : pathlib.Path
        Save folder of the run.
    original : DataFrame
        clusters.csv as the run wrote it, as text.
    halves : ndarray of int8, shape (n_samples,), or None
        Of the run's own clusters.
    n_clusters : int or 'auto'
        Their number, as it was asked for.

    Returns
    -------
    Layer

    Raises
    ------
    CorrectionsError
        If the corrections are of other clusters.
    """
    found = original["cluster"].astype(np.int64).to_numpy()
    of_run = naming.fingerprint(found)
    former = f"cluster_of_{n_clusters if isinstance(n_clusters, int) else found.max() + 1}"
    for column in ("cluster", *others_of(original)):
        labels = original[column].astype(np.int64).to_numpy()
        is_of = len(labels) == corrections.n_samples and naming.fingerprint(labels) == corrections.fingerprint
        if not is_of or labels.max() >= corrections.n_clusters:
            continue
        if column == "cluster":
            by_number = original.drop_duplicates("cluster").set_index("cluster")
            known = by_number["cluster_name"].to_dict() if "cluster_name" in original else {}
            names = [known.get(str(i), "") for i in range(corrections.n_clusters)]
        else:
            halves = None if halves is None else divisions.of_others(found, halves, labels)
            y, of_classes = classes(original)
            names = naming.named(labels, corrections.n_clusters, y, of_classes).names or [""] * corrections.n_clusters
        return Layer(column, former, labels, halves, list(names), of_run)
    raise CorrectionsError(
        f"these corrections are of other clusters: of {corrections.n_samples:,} samples in "
        f"{corrections.n_clusters} clusters ({corrections.fingerprint[:16]}), and {folder} has {len(found):,} in "
        f"{original['cluster'].nunique()} ({of_run})"
    )


def others_of(table):
    """Return the columns of a table that hold the clusters of other numbers."""
    columns = [column for column in table if re.fullmatch(OTHERS, column)]
    return [column for column in columns if table[column].str.fullmatch(r"\d{1,9}").all()]


def beside(layer, original, record):
    """Return the run's clusters of other numbers than the layer's, for the page.

    Parameters
    ----------
    layer : Layer
    original : DataFrame
        clusters.csv as the run wrote it, as text.
    record : dict
        metrics.json of the run.

    Returns
    -------
    list of dict
        'n_clusters', 'reason' and 'labels', as in `pipeline.N2D.alternatives_`.
    """
    reasons = {one["n_clusters"]: one["reason"] for one in record.get("alternatives", [])}
    columns = {column: int(column.rsplit("_", 1)[1]) for column in others_of(original)}
    found = [{"n_clusters": n, "reason": reasons.get(n, ""), "column": column} for column, n in columns.items()]
    if not layer.is_found:
        found.insert(0, {"n_clusters": int(layer.former.rsplit("_", 1)[1]), "reason": FOUND, "column": "cluster"})
    return [
        {"n_clusters": one["n_clusters"], "reason": one["reason"], "labels": original[one["column"]].to_numpy(np.int64)}
        for one in found
        if one["column"] != layer.column
    ]


def with_layer(table, original, layer):
    """Return the table with the clusters that the run found for other numbers than the layer's.

    Where the run's own clusters stand in place of the layer, they have its column.
    """
    others = {**original[others_of(original)], layer.former: original["cluster"]}
    there = [column for column in table if column in others]
    if there:
        at, wanted = table.columns.get_loc(there[0]), others_of(original)
        table = table.drop(columns=there)
        for i, column in enumerate(layer.former if column == layer.column else column for column in wanted):
            table.insert(at + i, column, others[column])
    return table


def classes(table):
    """Return the classes of the samples and their names from the table, or None and no names."""
    if "label" not in table or not (table["label"] != "").any():
        return None, ()
    return samples.classes(table["label"].to_numpy(dtype=object), len(table))
