"""Corrections by hand in a saved model: `n2d.py apply` writes them, and `n2d.py predict` applies them."""

import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from ...method.persistence import ModelError
from ...page import naming
from ...readers import samples
from .corrections_file import CorrectionsError


def correct(folder, run, fingerprint, numbers, names):
    """Write corrections to a saved model.

    Parameters
    ----------
    folder : pathlib.Path or None
        The saved model; None is the one that the run saved, if it exists and still has these clusters.
    run : argparse.Namespace
        The run's arguments.
    fingerprint : str
        Fingerprint of the clusters that the run found, see `naming.fingerprint`.
    numbers, names
        See `corrections_file.corrected`.

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
        its_own = record.get("fingerprint") or naming.fingerprint(load_file(model / "state.safetensors")["labels_"])
        if its_own != fingerprint:
            raise ValueError("it is of other clusters")
        record["corrections"] = {"numbers": numbers.tolist(), "names": names}
        partial = model / "model.json.part"
        partial.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(partial, model / "model.json")
    except Exception as error:  # a damaged file may raise anything
        if folder is not None:
            raise CorrectionsError(f"--model: {folder} is no saved model of these clusters ({error})") from error
        samples.notice(f"the saved model stays as it is: {model} holds none of these clusters (--model names another)")
        return None
    return model


def corrections_of(model):
    """Return the corrections in a saved model.

    Parameters
    ----------
    model : pipeline.N2D

    Returns
    -------
    numbers : ndarray of int, shape (n_clusters,)
        For each cluster, the number of the cluster that it is now part of.
    names : sequence of str, or None
        Names by number.
    told : str
        A line that lists the corrections; empty if there are none.

    Raises
    ------
    ModelError
        If the corrections are damaged.
    """
    fitted = model.cluster_names_ or [""] * model.n_clusters_
    if (kept := model.corrections_) is None:
        return np.arange(model.n_clusters_), model.cluster_names_, ""
    try:
        numbers, names = np.array(kept["numbers"]), kept["names"]
        if numbers.shape != (model.n_clusters_,) or not np.isin(numbers, np.arange(model.n_clusters_)).all():
            raise ValueError("numbers")
        if names is not None and [len(names), *map(type, names)] != [len(numbers), *len(numbers) * [str]]:
            raise ValueError("names")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the corrections of the saved model are damaged ({error})") from error
    told = [f"{i} is part of {number}" for i, number in enumerate(numbers) if number != i]
    told += [f"{i} is called {name}" for i, name in enumerate(names or ()) if name not in ("", fitted[i])]
    return (
        numbers,
        names,
        samples.printable(f"clusters are corrected by hand: {samples.listed(told) or 'names removed'}"),
    )
