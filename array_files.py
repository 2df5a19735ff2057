"""Arrays of the user's own: NumPy's files, and annotated data."""

import os
import zipfile

import numpy as np

from n2d.samples import CHANNELS, Dataset, DatasetError, classes


def read_npy(path, options):
    """One array."""
    return from_array(np.load(path, mmap_mode="c", allow_pickle=False))


def read_npz(path, options):
    """An array and labels, by name."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > (memory := os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")):
        raise DatasetError(f"{path} unpacks to {size / 2**30:.0f} GB, but there are {memory / 2**30:.0f} GB of memory")
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in ("x", "X", "data") if name in arrays] or arrays.files
        labels = [name for name in ("y", "labels", "target") if name in arrays]
        if not names or (len(names) > 1 and names == arrays.files):
            raise DatasetError(f"{path} must hold an array x, and may hold labels y; it has {', '.join(names)}")
        return from_array(arrays[names[0]], arrays[labels[0]] if labels else None)


def read_h5ad(path, options):
    """Annotated data: a row a cell, a column a gene."""
    try:
        import anndata
    except ImportError as error:
        raise DatasetError(f"{path}: reading .h5ad needs anndata (pip install anndata)") from error
    cells = anndata.read_h5ad(path)
    x = cells.X if isinstance(cells.X, np.ndarray) else cells.X.toarray()
    y, label_names = None, ()
    if options.label_column is not None:
        if options.label_column not in cells.obs:
            raise DatasetError(f"--label_column {options.label_column} is not in obs (there: {', '.join(cells.obs)})")
        y, label_names = classes(cells.obs[options.label_column], len(x))
    names = {"feature_names": tuple(cells.var_names), "sample_names": tuple(cells.obs_names)}
    return Dataset(x, y, label_names, scale=None, **names)


def from_array(x, labels=None):
    """The dataset in an array (n_samples, n_features), or of images."""
    if x.ndim not in (2, 3, 4) or x.dtype.kind not in "fiub":
        raise DatasetError(f"an array must hold numbers, (n_samples, n_features) or images, got {x.dtype} {x.shape}")
    shape = x.shape[1:]
    if x.ndim == 4 and shape[2] in CHANNELS and (shape[2] != 4 or shape[0] not in CHANNELS):  # as in most image files
        x, shape = x.transpose(0, 3, 1, 2), (shape[2], *shape[:2])
    image_shape = None if x.ndim == 2 else shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(shape) == 3 and shape[0] not in CHANNELS:  # numbers in three directions, of which nobody can draw a picture
        image_shape = None
    y, label_names = (None, ()) if labels is None else classes(labels, len(x))
    scale = "255" if (x.dtype == np.uint8 or image_shape) and x.max(initial=0) > 1 else None
    return Dataset(x.reshape(len(x), -1), y, label_names, image_shape, scale)
