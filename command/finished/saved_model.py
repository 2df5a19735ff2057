"""Corrections by hand in a saved model: `n2d.py apply` writes them, and `n2d.py predict` applies them."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
from safetensors import safe_open

from ...method.clusters.assignment import vote
from ...method.new_points import in_layer, layer_of
from ...method.persistence import ModelError
from ...page import naming
from ...readers import samples
from .corrections_file import CorrectionsError


@dataclasses.dataclass(frozen=True)
class Corrected:
    """The corrections in a saved model.

    Attributes
    ----------
    n_clusters : int
        Number of the clusters that are corrected, of those that the model has for several numbers.
    numbers : ndarray of int, shape (n_all,)
        For each cluster, also those that were added, the number of the cluster that it is now part of.
    names : sequence of str, or None
        Names by number.
    told : str
        A line that lists the corrections; empty if there are none.
    split, moved : dict of int to ndarray of int
        For each cluster that samples of the fit came to by a split, or were moved to, the rows of these.
    """

    n_clusters: int
    numbers: np.ndarray
    names: tuple | None
    told: str = ""
    split: dict = dataclasses.field(default_factory=dict)
    moved: dict = dataclasses.field(default_factory=dict)


def correct(folder, run, layer, corrections, numbers, names, halved):
    """Write corrections to a saved model.

    Parameters
    ----------
    folder : pathlib.Path or None
        The saved model; None is the one that the run saved, if it exists and still has these clusters.
    run : argparse.Namespace
        The run's arguments.
    layer : layers.Layer
        The clusters that are corrected.
    corrections : corrections_file.Corrections
    numbers, names
        See `corrections_file.corrected`.
    halved : ndarray of int, shape (n_samples,)
        See `corrections_file.divided`.

    Returns
    -------
    pathlib.Path or None
        The folder of the corrected model; None if there is none.

    Raises
    ------
    CorrectionsError
        If the folder that is given holds no model of these clusters, or cannot be written.
    """
    if (model := folder or getattr(run, "save_model", None)) is None:
        return None
    model = Path(model)
    try:
        record = json.loads((model / "model.json").read_text())
        with safe_open(model / "state.safetensors", "np") as state:
            its_own = record.get("fingerprint") or naming.fingerprint(state.get_tensor("labels_"))
            has_rows = "rows_" in state.keys()
            rows = state.get_tensor("rows_") if has_rows else np.arange(state.get_slice("labels_").get_shape()[0])
        if its_own != layer.of_run:
            raise ValueError("it is of other clusters")
        others = {record["n_clusters"], *(one["n_clusters"] for one in record.get("alternatives", []))}
        if corrections.n_clusters not in others:
            raise ValueError(f"it has no {corrections.n_clusters} clusters")
        made = {"n_clusters": corrections.n_clusters, "numbers": numbers.tolist(), "names": names}
        made["earlier"] = layer.names
        if len(rows) == len(halved) or has_rows:  # else it is not known which samples of the run these are
            into = np.full(len(halved), -1)
            into[list(corrections.moved)] = list(corrections.moved.values())
            made["split"] = _by_cluster(halved[rows], corrections.split.values())
            made["moved"] = _by_cluster(into[rows], set(corrections.moved.values()))
        record["corrections"] = made
        partial = model / "model.json.part"
        partial.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(partial, model / "model.json")
    except Exception as error:  # a damaged file may raise anything
        if folder is not None:
            raise CorrectionsError(f"--model: {folder} is no saved model of these clusters ({error})") from error
        samples.notice(f"the saved model stays as it is: {model} holds none of these clusters (--model names another)")
        return None
    return model


def _by_cluster(clusters, wanted):
    return {str(i): np.flatnonzero(clusters == i).tolist() for i in wanted}


def corrections_of(model):
    """Return the corrections in a saved model, a `Corrected`.

    Parameters
    ----------
    model : pipeline.N2D

    Raises
    ------
    ModelError
        If the corrections are damaged.
    """
    if (kept := model.corrections_) is None:
        return Corrected(model.n_clusters_, np.arange(model.n_clusters_), model.cluster_names_)
    try:
        numbers, names = np.array(kept["numbers"]), kept["names"]
        n_clusters = kept.get("n_clusters", model.n_clusters_)
        labels, _ = layer_of(model, n_clusters)
        if numbers.ndim != 1 or len(numbers) < n_clusters or not np.isin(numbers, np.arange(len(numbers))).all():
            raise ValueError("numbers")
        if names is not None and [len(names), *map(type, names)] != [len(numbers), *len(numbers) * [str]]:
            raise ValueError("names")
        changed = []
        for part in ("split", "moved"):
            rows = {int(i): np.array(rows, dtype=np.int64) for i, rows in kept.get(part, {}).items()}
            if not all(0 <= i < len(numbers) and np.isin(of, np.arange(len(labels))).all() for i, of in rows.items()):
                raise ValueError(part)
            changed.append(rows)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"the corrections of the saved model are damaged ({error})") from error
    earlier = kept.get("earlier", model.cluster_names_) or ()  # names before the corrections
    earlier = [*earlier, *[""] * (len(numbers) - len(earlier))]
    split, moved = changed
    told = [] if n_clusters == model.n_clusters_ else [f"there are {n_clusters} instead of {model.n_clusters_}"]
    told += [f"{i} is new, split off from {labels[rows[0]]}" for i, rows in split.items() if len(rows)]
    told += [f"{i} is part of {number}" for i, number in enumerate(numbers) if number != i]
    told += [f"{i} is called {name}" for i, name in enumerate(names or ()) if name not in ("", earlier[i])]
    if n_moved := sum(map(len, moved.values())):
        told.append(f"{n_moved:,} sample{'s' * (n_moved > 1)} moved")
    line = samples.printable(f"clusters are corrected by hand: {samples.listed(told) or 'names removed'}")
    return Corrected(n_clusters, numbers, names, line, split, moved)


def predict(model, knn, labels, made):
    """Return the corrected clusters of points, ndarray of int (n_points,).

    A point gets the cluster that it would have without corrections, and of one that was split the half that most of
    its nearest samples are in. If one of these samples was moved, it gets the cluster that most of them are in now.

    Parameters
    ----------
    model : pipeline.N2D
    knn : tuple of ndarray
        See `new_points.kneighbors`.
    labels : ndarray of int, shape (n_points,)
        The clusters of the points without corrections.
    made : Corrected
    """
    labels, (found, _) = in_layer(model, knn, labels, made.n_clusters), layer_of(model, made.n_clusters)
    corrected = found.copy()
    for new, rows in made.split.items():
        corrected[rows] = new
    if made.split:
        labels = vote(knn, corrected, (labels, found))
    for new, rows in made.moved.items():
        corrected[rows] = new
    if made.moved:
        is_near = np.isin(knn[0], np.concatenate(list(made.moved.values()))).any(axis=1)
        if is_near.any():
            labels[is_near] = vote((knn[0][is_near], knn[1][is_near]), corrected)
    return made.numbers[labels]
