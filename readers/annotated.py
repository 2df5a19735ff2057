"""Read annotated data (AnnData, .h5ad), normalise its counts, and write clusters to it."""

import warnings
from contextlib import contextmanager

import numpy as np

from .array_files import dense
from .frames import by_name
from .samples import Dataset, DatasetError, classes, listed, or_near
from .scales import are_counts


def read_h5ad(path, options):
    """Read an .h5ad file: each row is a cell, each column a gene."""
    return from_cells(_opened(path), options)


def write_h5ad(path, out, labels, confidence, outlier, embedding):
    """Write a copy of an .h5ad file with the clusters of its cells, as `n2d.annotate` adds them."""
    cells = _opened(path)
    add_clusters(cells, labels, confidence, outlier, embedding)
    save_h5ad(cells, out)


def save_h5ad(cells, out):
    """Write annotated data to a file."""
    import anndata

    settings = anndata.settings
    strings = {"allow_write_nullable_strings": True} if hasattr(settings, "allow_write_nullable_strings") else {}
    with _in_silence(), settings.override(**strings):  # with pandas 3 all strings are such, and names are strings
        cells.write_h5ad(out)


def from_cells(cells, options):
    """Convert annotated data to a dataset; the columns of `obs` are beside it, without that of the classes.

    Raises
    ------
    DatasetError
        If a layer, embedding or column that is asked for is missing; or if new points are counts where the samples of
        the model were none, or the reverse.
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
    beside = by_name(cells.obs.drop(columns=options.label_column or []))
    return Dataset(x, y, label_names, scale=None, kinds=kinds, reading={"cell_total": total}, beside=beside, **names)


def _opened(path):
    try:
        import anndata
    except ImportError as error:
        raise DatasetError("reading .h5ad needs anndata (pip install anndata)") from error
    with _in_silence():
        return anndata.read_h5ad(path)


@contextmanager
def _in_silence():
    """Suppress anndata's warnings of names that occur twice: n2d has its own notice of these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def add_clusters(cells, labels, confidence, outlier, embedding):
    """Add the clusters of cells and their map to annotated data, see `n2d.annotate`."""
    import pandas as pd

    cells.obs["n2d"] = pd.Categorical(labels.astype(str), categories=list(map(str, np.unique(labels))))
    cells.obs["n2d_confidence"] = confidence
    cells.obs["n2d_outlier"] = outlier
    cells.obsm["X_n2d"] = embedding


def _matrix(cells, options):
    """Return the matrix to cluster, and the names of the genes if its columns are genes."""
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
    """Normalise counts; return the array, the total of each cell (None if these are no counts), and a description.

    A model of files other than .h5ad has no such total: for it, counts are taken as any other numbers.
    """
    is_new = reading is not None
    counts = may_be_counts and are_counts(x)
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
