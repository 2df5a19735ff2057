"""Read arrays from the user's NumPy, MATLAB, HDF5 and Zarr files, and from the sparse text of SVMlight and LIBSVM."""

import io
import math
import os
import re
import zipfile
from itertools import pairwise

import numpy as np

from .samples import CHANNELS, FAR, Dataset, DatasetError, classes, listed, notice

SAMPLES = ("x", "X", "data", "fea")  # names of the array with the samples
LABELS = ("y", "Y", "labels", "label", "target", "gnd")
SPARSE = {  # array names that mark a sparse matrix, and how to convert it
    "indptr": "read it with scanpy (sc.read_10x_h5), and save it as .h5ad",
    "ir": "save full(x)",
}
ROW = re.compile(rb"\s*(\d+:)?[-+.\deE]+(\s+qid:\d+)?(\s+\d+:[-+.\deE]+)*\s*(#.*)?")  # of SVMlight's
START = 2**22  # bytes that are read to recognise SVMlight's format: a row may be long
MIN_SIDE = 8  # pixels a side for an array to be taken for images, unless it holds bytes
MAX_ASPECT = 2  # largest ratio of the sides of such images


def read_npy(path, options):
    """Read the array of an .npy file."""
    return from_array(np.load(path, mmap_mode="r", allow_pickle=False))


def read_npz(path, options):
    """Read an array and labels, by name, or a sparse matrix of SciPy's, from an .npz file."""
    import scipy.sparse

    with zipfile.ZipFile(path) as archive:
        _refuse_large(sum(member.file_size for member in archive.infolist()))
    with np.load(path, allow_pickle=False) as arrays:
        if {"indptr", "shape", "format"} <= set(arrays):
            return from_array(dense(scipy.sparse.load_npz(path)))
        return from_arrays(arrays, options)


def dense(x):
    """Convert a sparse matrix to a dense array, if memory suffices; other arrays stay as they are.

    Raises
    ------
    DatasetError
        If memory does not suffice.
    """
    import scipy.sparse

    if not scipy.sparse.issparse(x):
        return np.asarray(x)
    _refuse_large(math.prod(x.shape) * x.dtype.itemsize)
    return x.toarray()


def _refuse_large(size):
    if size > (memory := _memory()):
        raise DatasetError(f"it unpacks to {size / 2**30:,.0f} GB, but there are {memory / 2**30:.0f} GB of memory")


def _memory():
    """Return the memory of this machine in bytes; infinite on Windows, where it is not known."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf


def read_mat(path, options):
    """Read the arrays of a MATLAB file; since version 7.3 these are HDF5, transposed."""
    import scipy.io

    try:
        arrays = scipy.io.loadmat(path)
    except NotImplementedError:
        return read_hdf5(path, options, turned=True)
    return from_arrays({name: dense(array) for name, array in arrays.items() if name[0] != "_"}, options)


def read_hdf5(path, options, turned=False):
    """Read the arrays of an HDF5 file; those in groups are named group/name."""
    import h5py

    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item.asstr() if h5py.check_string_dtype(item.dtype) else item

    with h5py.File(path) as file:
        file.visititems(keep)
        if all(item.ndim < 2 for item in found.values()):
            for part in {name.split("/")[-1] for name in found} & set(SPARSE):
                raise DatasetError(f"it holds a sparse matrix: {SPARSE[part]}")
        return from_arrays({name: np.asarray(item[()]).T if turned else item for name, item in found.items()}, options)


def read_zarr(path, options):
    """Read a Zarr array, or the arrays of a Zarr group."""
    try:
        import zarr
    except ImportError as error:
        raise DatasetError("reading .zarr needs zarr (pip install zarr)") from error
    store = zarr.open(path, mode="r")
    return from_array(store[...]) if isinstance(store, zarr.Array) else from_arrays(dict(store.arrays()), options)


def from_arrays(arrays, options):
    """Make a dataset of several named arrays: one has the samples, another may have the labels."""
    names = list(arrays)
    sizes = listed((f"{name} {arrays[name].shape}" for name in names), 20)
    labels = [options.label_column] if options.label_column else [name for name in LABELS if name in names][:1]
    if options.label_column and options.label_column not in names:
        raise DatasetError(f"--label_column {options.label_column} is not there; it has {sizes or 'no arrays'}")
    if options.array and options.array not in names:
        raise DatasetError(f"--array {options.array} is not there; it has {sizes or 'no arrays'}")
    others = [name for name in names if name not in labels and arrays[name].ndim > 1]
    known = [name for name in SAMPLES if name in names]
    taken = [options.array] if options.array else known[:1] or others
    if len(taken) != 1:
        raise DatasetError(f"it must have an array x, or --array=NAME must name one; it has {sizes or 'no arrays'}")
    left = [name for name in names if name not in taken + labels]
    if left:
        notice(f"of several arrays {taken[0]} is read{f', with labels {labels[0]}' if labels else ''}: {sizes}")
    y = arrays[labels[0]][...] if labels else None
    return from_array(arrays[taken[0]][...], None if y is None else np.squeeze(y), [f"array {name}" for name in left])


def from_array(x, labels=None, left_out=()):
    """Make a dataset of an array of features or images.

    The array is (n_samples, n_features), or of images (n_samples, height, width), with channels first or last. Bytes
    are images, and so are other numbers if their sides are those of images, with a notice.
    """
    if x.ndim not in (2, 3, 4) or x.dtype.kind not in "fiub":
        raise DatasetError(f"an array must hold numbers, (n_samples, n_features) or images, got {x.dtype} {x.shape}")
    kinds, shape = f"features: {x.dtype}", x.shape[1:]
    if x.ndim == 4 and shape[2] in CHANNELS and (shape[2] != 4 or shape[0] not in CHANNELS):  # as in most image files
        x, shape = x.transpose(0, 3, 1, 2), (shape[2], *shape[:2])
    image_shape = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    is_byte = x.dtype == np.uint8
    if x.ndim > 2 and not is_byte:
        image_shape, is_byte = _guessed(x, image_shape)
    if len(image_shape) == 1 or len(image_shape) == 3 and image_shape[0] not in CHANNELS:
        image_shape = None  # three dimensions without channels: no picture can be drawn of them
    if image_shape is not None:
        kinds = f"images of {image_shape[-2]} x {image_shape[-1]} pixels, {x.dtype}"
    y, label_names = (None, ()) if labels is None else classes(labels, len(x))
    scale = "255" if is_byte and x.max(initial=0) > 1 else None
    x = x.reshape(len(x), -1)
    return Dataset(x, y, label_names, image_shape, scale, kinds=kinds, left_out=tuple(left_out))


def _guessed(x, shape):
    """Guess whether an array holds images: return their shape or (n_features,), and whether the numbers are bytes."""
    sizes = " x ".join(map(str, x.shape[1:]))
    low, high = (x.min(), x.max()) if x.size else (0, 0)
    some = x[:1000]
    is_byte = low >= 0 and FAR <= high < 256 and bool((some == np.rint(some)).all())
    sides = shape[-2:]
    is_image = min(sides) >= MIN_SIDE and max(sides) <= MAX_ASPECT * min(sides)
    if is_byte or is_image or x.dtype in (bool, np.uint16):
        notice(f"{sizes} numbers a sample are taken for images: reshape the array to two dimensions if they are none")
        return shape, is_byte
    notice(f"{sizes} numbers a sample are taken for {x[0].size} features: save images as bytes (uint8)")
    return (x[0].size,), False


def is_svmlight(path):
    """Whether a text is in SVMlight's format, judged by its first rows.

    The numbers of the features must ascend, and the values must not all look like minutes, as in 12:30."""
    with path.open("rb") as file:
        lines = file.read(START).splitlines()
    lines = lines[:-1] or lines  # the last may be cut
    rows = [line for line in lines if line.strip() and not line.startswith(b"#")]
    if not rows or not all(map(ROW.fullmatch, rows)):
        return False
    pairs = [re.findall(rb"\b(\d+):(\S+)", row.split(b"#")[0]) for row in rows]
    ascends = all(int(first[0]) < int(second[0]) for row in pairs for first, second in pairwise(row))
    return ascends and not all(re.fullmatch(rb"\d\d", value) for row in pairs for _, value in row)


def read_svmlight(path, options):
    """Read a file in SVMlight's format; whole numbers before the features are classes."""
    from sklearn.datasets import load_svmlight_file

    reading = options.reading or {}
    lines = path.read_bytes().splitlines(keepends=True)
    rows = [line for line in lines if line.strip() and not line.startswith(b"#")]
    if not rows:
        raise DatasetError("it is empty")
    is_labelled = b":" not in rows[0].split()[0]
    text = b"".join(rows if is_labelled else (b"0 " + row for row in rows))
    x, y = load_svmlight_file(io.BytesIO(text), zero_based=True)
    is_zero_based = reading.get("zero_based", x[:, 0].nnz > 0)  # a new point may have no feature 0, or not the last
    x = x[:, 0 if is_zero_based else 1 :]
    x.resize(len(y), max(x.shape[1], len(reading.get("medians", ()))))
    are_classes = is_labelled and np.array_equal(y, np.rint(y)) and np.ptp(y) > 0
    left_out = ("the numbers before the features, which are no classes",) * (is_labelled and not are_classes)
    y, label_names = classes(y, len(y)) if are_classes else (None, ())
    kept = {"zero_based": bool(is_zero_based)}
    return Dataset(dense(x), y, label_names, scale=None, kinds="features: sparse", left_out=left_out, reading=kept)
