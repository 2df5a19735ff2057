"""Read what a run has left in its save folder, and its samples once more."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ... import datasets
from ...readers import samples
from .. import delivery, features_of_run, reading


class RunError(ValueError):
    """Raised when a folder does not hold the files of a run."""


def read_record(folder):
    """Read metrics.json of a run."""
    try:
        record = json.loads((folder / delivery.RECORD).read_text(encoding="utf-8"))
        if not {"dataset", "name", "max_points", "seed"} <= set(record["arguments"]):
            raise KeyError("arguments")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{folder} holds no run: give the save folder of one, with its metrics.json") from error
    return record


def read_table(path):
    """Read a table of clusters, with all columns as text."""
    try:
        table = pd.read_csv(io.StringIO(path.read_bytes().decode()), dtype=str, keep_default_na=False)
        table.astype({"cluster": np.int64, "confidence": float})
    except (OSError, ValueError, KeyError, OverflowError) as error:
        raise RunError(f"{path} is no table of clusters ({str(error).splitlines()[0]})") from error
    return table


def read_embedding(folder, n_samples):
    """Load the embedding of a run, ndarray (n_samples, n_components)."""
    return _read_array(folder / "embedding.npy", n_samples)


def read_map(folder, n_samples):
    """Load the map of a run, ndarray (n_samples, n_dimensions); without a file of its own it is the embedding."""
    path = folder / "map.npy"
    return _read_array(path, n_samples) if path.exists() else read_embedding(folder, n_samples)


def read_halves(folder, n_samples):
    """Load the halves of a run's clusters, ndarray of int8 (n_samples,); None if it has none, or of other samples."""
    try:
        halves = np.load(folder / "halves.npy")
    except (OSError, ValueError, EOFError):
        return None
    return halves if halves.shape == (n_samples,) and halves.dtype == np.int8 else None


def _read_array(path, n_samples):
    try:
        array = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{path} cannot be read: the run has no map to draw") from error
    if array.ndim != 2 or len(array) != n_samples:
        raise RunError(f"{path} is no map of the {n_samples:,} samples of clusters.csv")
    return array


def read_samples(run, n_samples, folder, without):
    """Read the samples of a run again.

    Parameters
    ----------
    run : argparse.Namespace
        The run's arguments.
    n_samples : int
    folder : pathlib.Path
        Its save folder.
    without : str
        What becomes of the results without them, for the notice.

    Returns
    -------
    samples.Dataset or None
        None, with a notice, if that fails or their number has changed.
    """
    try:
        data = datasets.load(run.dataset, Path(run.data_dir), **reading.reading_of(run))
        if data.is_unread:
            data = features_of_run.kept(data, folder)
    except (ValueError, AttributeError, TypeError, OSError, KeyError) as error:  # a DatasetError, or a damaged file
        samples.notice(f"{without}, for the data cannot be read: {error}")
        return None
    if len(data.x) != n_samples:
        samples.notice(f"{without}: {run.dataset} has {len(data.x):,} samples now, and the run had {n_samples:,}")
        return None
    return data
