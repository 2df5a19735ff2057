"""Annotated data (AnnData, .h5ad): read, its counts normalised, and its clusters written beside them."""

import warnings
from contextlib import contextmanager

import numpy as np

from .array_files import dense
from .samples import Dataset, DatasetError, classes, listed, or_near


def read_h5ad(path, options):
    """A row a cell, a column a gene."""
    return from_cells(_opened(path), options)


def write_h5ad(path, out, labels, confidence, outlier, embedding):
    """A copy of an .h5ad file with the clusters of its cells, as `n2d.annotate` puts them there."""
    cells = _opened(path)
    add_clusters(cells, labels, confidence, outlier, embedding)
    with _in_silence():
        cells.write_h5ad(out)


def from_cells(cells, options):
    """The dataset in annotated data.

    Raises
    ------
    DatasetError
        If what is asked for is not there; or if new points are counts where the samples of the model were none, or the
        reverse.
    """
    x, feature_names = _matrix(cells, options)
    x, total, kinds = _normalised(x, options.reading, may_be_counts=options.obsm is None)
    y, label_names = None, ()
    if options.label_column is not None:
        if options.label_column not in cells.obs:
            raise DatasetError(
                f"--label_column {options.label_column} is not in obs ({or_near(options.label_column, cells.obs)})"
            )
        y, label_names = classes(cells.obs[options.label_column], len(x))
    names = {"feature_names": feature_names, "sample_names": tuple(map(str, cells.obs_names))}
    return Dataset(x, y, label_names, scale=None, kinds=kinds, reading={"cell_total": total}, **names)


def _opened(path):
    try:
        import anndata
    except ImportError as error:
        raise DatasetError("reading .h5ad needs anndata (pip install anndata)") from error
    with _in_silence():
        return anndata.read_h5ad(path)


@contextmanager
def _in_silence():
    """Without anndata's warnings, of names that are there twice: this is said in other words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def add_clusters(cells, labels, confidence, outlier, embedding):
    """Put the clusters of cells and their map into annotated data, see `n2d.annotate`."""
    import pandas as pd

    cells.obs["n2d"] = pd.Categorical(labels.astype(str), categories=list(map(str, np.unique(labels))))
    cells.obs["n2d_confidence"] = confidence
    cells.obs["n2d_outlier"] = outlier
    cells.obsm["X_n2d"] = embedding


def _matrix(cells, options):
    """The numbers of annotated data that are clustered, and the names of the genes if these are their columns."""
    there = f"layers: {listed(cells.layers) or 'none'}; obsm: {listed(cells.obsm) or 'none'}"
    for flag, name, place in (("layer", options.layer, cells.layers), ("obsm", options.obsm, cells.obsm)):
        if name is not None and name not in place:
            raise DatasetError(f"--{flag} {name} is not there ({there})")
    if options.obsm is not None:
        return cells.obsm[options.obsm], None
    x = cells.X if options.layer is None else cells.layers[options.layer]
    if x is None:
        raise DatasetError(f"it has no X ({there}): give --layer or --obsm")
    return x, tuple(map(str, cells.var_names))


def _normalised(x, reading, may_be_counts):
    """An array; of counts the total that each cell was brought to, or else None; and what it is, in words.

    A model of other files than .h5ad knows nothing of this: for it, counts are numbers as all others.
    """
    is_new = reading is not None
    counts = may_be_counts and _are_counts(x)
    if is_new and "cell_total" in reading and counts != (reading["cell_total"] is not None):
        now, then = ("counts", "no counts") if counts else ("no counts", "counts")
        raise DatasetError(f"it has {now}, and the model is of {then}: give the same (--layer, --obsm)")
    x = dense(x)
    if not counts or is_new and "cell_total" not in reading:
        return x, None, f"features: {x.dtype}{' (counts)' if counts else ', taken as they are'}"
    x = x.astype(np.float32)
    totals = x.sum(axis=1, dtype=np.float64)
    total = reading["cell_total"] if is_new else float(np.median(totals[totals > 0]))
    x *= (total / np.maximum(totals, 1)).astype(np.float32)[:, None]
    np.log1p(x, out=x)
    whose = "the median of the model's samples" if is_new else "their median"
    return x, total, f"features: counts, each cell brought to {total:g} in all ({whose}), then log(1 + x)"


def _are_counts(x):
    """Whether an array, sparse or not, holds whole numbers that are not negative, and others than 0 and 1."""
    values = x if isinstance(x, np.ndarray) else x.data
    return bool(values.size and values.min() >= 0 and values.max() > 1 and (values == np.rint(values)).all())
