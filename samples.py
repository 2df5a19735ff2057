"""What every reader of data returns, and the checks that readers share."""

import dataclasses

import numpy as np

CHANNELS = (1, 3, 4)  # grey, red-green-blue, and that with transparency


class DatasetError(ValueError):
    """A dataset that cannot be had: no file and no download, or a file that is not what it should be."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Samples, and what is known of them.

    Attributes
    ----------
    x : ndarray of float32, shape (n_samples, n_features)
        The datasets of the registry are scaled as the paper's code scales them; files are as they are.
    y : ndarray of int64, shape (n_samples,), or None
        Classes 0 to len(label_names) - 1. For scores and pictures only.
    label_names : tuple of str
        A name for each class.
    image_shape : tuple of int or None
        (height, width), or (channels, height, width), if a row of x is an image.
    scale : str
        What the features need, see `pipeline.N2D`.
    feature_names, sample_names : tuple of str, or None
        Where the file has them.
    """

    x: np.ndarray
    y: np.ndarray | None
    label_names: tuple = ()
    image_shape: tuple | None = None
    scale: str = "none"
    feature_names: tuple | None = None
    sample_names: tuple | None = None


def classes(labels, n_samples):
    """Classes as 0, 1, ..., and their names: sorted, as numbers if they all are.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Words or numbers.
    n_samples : int

    Returns
    -------
    y : ndarray of int64, shape (n_samples,)
    names : tuple of str

    Raises
    ------
    DatasetError
        If there is not one label a sample, or one is missing.
    """
    import pandas as pd

    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise DatasetError(f"there must be one label a sample, got {labels.shape} for {n_samples} samples")
    if n_missing := np.sum(pd.isna(labels)):
        raise DatasetError(f"{n_missing} of {n_samples} samples have no label: fill in a class, or leave them out")
    names, y = np.unique(labels.astype(str), return_inverse=True)
    if all(map(is_number, names)):  # 10 comes after 9
        order = sorted(range(len(names)), key=lambda i: float(names[i]))
        names, y = names[order], np.argsort(order)[y]
    return y.astype(np.int64), tuple(names.tolist())


def is_number(text):
    """Whether a word of a table is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def checked(data, path):
    """The user's own data in float32, or bytes as they are; finite, with a scale that suits it.

    Parameters
    ----------
    data : Dataset
        Its `scale` may be None.
    path : path-like
        Where it is from, for the message.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If there are no samples, they are all the same, or a number is not finite: the message says where.
    """
    x = np.ascontiguousarray(data.x, dtype=data.x.dtype if data.x.dtype == np.uint8 else np.float32)
    if not x.size:
        raise DatasetError(f"{path} has no samples")
    bad = np.argwhere(~np.isfinite(x).all(axis=1)) if x.dtype.kind == "f" else ()
    if len(bad):
        row = int(bad[0, 0])
        column = int(np.flatnonzero(~np.isfinite(x[row]))[0])
        name = data.feature_names[column] if data.feature_names else column
        raise DatasetError(
            f"{path} must hold finite numbers: row {row}, column {name} is {x[row, column]} ({len(bad)} rows have such)"
        )
    if not np.ptp(x, axis=0).any():
        raise DatasetError(f"{path} has {len(x)} samples that are all the same: there is nothing to cluster")
    # what lies in [-1, 1] already has been scaled, and pixels that are seldom on would be blown up
    scale = data.scale or ("none" if -1 <= x.min() and x.max() <= 1 else "standard")
    return dataclasses.replace(data, x=x, scale=scale)
