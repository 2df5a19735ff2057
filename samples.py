"""What every reader of data returns, and the checks that readers share."""

import dataclasses

import numpy as np

CHANNELS = (1, 3, 4)  # grey, red-green-blue, and that with transparency


class DatasetError(ValueError):
    """A dataset that cannot be had: no file and no download, or a file that is not what it should be."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read the user's own files.

    Attributes
    ----------
    label_column : str or None
        Name, or number from 0, of a table's column with the classes; of .h5ad a name in `obs`.
    image_size : tuple of int or None
        (height, width) that the images of a folder are resized to. None: they must all have one size.
    grayscale : bool
        Read the images of a folder without their colours.
    """

    label_column: str | None = None
    image_size: tuple | None = None
    grayscale: bool = False


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Samples, and what is known of them.

    Attributes
    ----------
    x : ndarray of float32, float64 or uint8, shape (n_samples, n_features)
        The datasets of the registry, in float32, are scaled as the paper's code scales them; files are as they are,
        numbers that want to be standardised in float64 where the file has them so.
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
    """The user's own data, finite, with a scale that suits it: bytes, or float32; float64 if they are to be scaled.

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
    exact = data.x.dtype in (np.uint8, np.float32)
    x = np.ascontiguousarray(data.x, dtype=data.x.dtype if exact else np.float64)
    if not x.size:
        raise DatasetError(f"{path} has no samples")
    most = np.finfo(np.float32).max
    bad = np.flatnonzero(~((x.max(axis=1) <= most) & (x.min(axis=1) >= -most)))  # NaN is neither
    if len(bad):
        row = int(bad[0])
        column = int(np.flatnonzero(~(np.abs(x[row]) <= most))[0])
        name = data.feature_names[column] if data.feature_names else column
        raise DatasetError(
            f"{path} must hold finite numbers: row {row}, column {name} is {x[row, column]} ({len(bad)} rows have such)"
        )
    if not np.ptp(x, axis=0).any():
        raise DatasetError(f"{path} has {len(x)} samples that are all the same: there is nothing to cluster")
    # what lies in [-1, 1] already has been scaled, and pixels that are seldom on would be blown up
    scale = data.scale or ("none" if -1 <= x.min() and x.max() <= 1 else "standard")
    if scale != "standard" and x.dtype == np.float64:
        x = x.astype(np.float32)
    return dataclasses.replace(data, x=x, scale=scale)
