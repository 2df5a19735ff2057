"""The user's own tables, arrays and folders of images."""

import csv
import math
import os
import warnings
import zipfile

import numpy as np

from n2d.samples import CHANNELS, Dataset, DatasetError, checked, classes, is_number

IMAGES = (".png", ".jpg", ".jpeg")
MAX_LINE = 2**22  # characters of a table's line


def read(path, label_column=None, image_size=None, grayscale=False):
    """Read the user's own data.

    Parameters
    ----------
    path : pathlib.Path
        One of these:

        - .npy: an array (n_samples, ...), of images if it has three dimensions;
        - .npz: the same as `x`, `data` or its only array, and labels as `y` or `labels`;
        - .csv, .tsv, .parquet: a table of numbers, with or without a header;
        - .h5ad: annotated data, its `X`;
        - a folder of images (PNG, JPEG), or of one subfolder of images for each class.
    label_column : str or None
        Name, or number from 0, of a table's column with the classes; of .h5ad a name in `obs`.
    image_size : tuple of int or None
        (height, width) that the images of a folder are resized to. None: they must all have one size.
    grayscale : bool
        Read the images of a folder without their colours.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If it cannot be read, or holds anything but finite numbers; the message names the place.
    """
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".h5ad": _h5ad}
    if not path.is_dir() and path.suffix not in readers:
        raise DatasetError(f"{path} must be a folder of images, or end in {', '.join(readers)}")
    try:
        if path.is_dir():
            return checked(_image_folder(path, image_size, grayscale), path)
        return checked(readers[path.suffix](path, label_column), path)
    except DatasetError:
        raise
    except Exception as error:  # whatever a parser makes of a stranger's bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(f"{path} cannot be read ({reason})") from error


def _npy(path, label_column):
    return _from_array(np.load(path, mmap_mode="c", allow_pickle=False))


def _npz(path, label_column):
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > (memory := _memory()):
        raise DatasetError(f"{path} unpacks to {size / 2**30:.0f} GB, but there are {memory / 2**30:.0f} GB of memory")
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in ("x", "X", "data") if name in arrays] or arrays.files
        labels = [name for name in ("y", "labels", "target") if name in arrays]
        if not names or (len(names) > 1 and names == arrays.files):
            raise DatasetError(f"{path} must hold an array x, and may hold labels y; it has {', '.join(names)}")
        return _from_array(arrays[names[0]], arrays[labels[0]] if labels else None)


def _memory():
    """The bytes of memory of this machine; infinite on Windows, which does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf


def _from_array(x, labels=None):
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


def _csv(path, label_column):
    """Commas, tabs, semicolons, ...: whichever divides the first lines."""
    import pandas as pd

    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in (file.readline(MAX_LINE) for _ in range(2)) if line.strip()]
    if not lines:
        raise DatasetError(f"{path} is empty")
    if max(map(len, lines)) == MAX_LINE:
        raise DatasetError(f"{path} is no table: it has a line of more than {MAX_LINE:,} characters")
    try:
        separator = csv.Sniffer().sniff("".join(lines), ",\t; ").delimiter
    except csv.Error:
        separator = "\t" if path.suffix == ".tsv" else ","
    first, second = [next(csv.reader([line], delimiter=separator)) for line in (lines[0], lines[-1])]
    # a first line is a header if it has words where the second has numbers, or words alone
    has_header = not any(map(is_number, first)) or any(
        is_number(below) and not is_number(above) for above, below in zip(first, second)
    )
    if not has_header and len(first) > 2 and first == [str(i) for i in range(len(first))]:
        warnings.warn("the first line counts the columns, as pandas does: taken for a header", stacklevel=2)
        has_header = True
    frame = pd.read_csv(path, sep=separator, header=0 if has_header else None, encoding="utf-8-sig")
    return _from_table(frame, label_column)


def _parquet(path, label_column):
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise DatasetError(f"{path}: reading .parquet needs pyarrow (pip install pyarrow)") from error
    return _from_table(frame, label_column)


def _h5ad(path, label_column):
    try:
        import anndata
    except ImportError as error:
        raise DatasetError(f"{path}: reading .h5ad needs anndata (pip install anndata)") from error
    cells = anndata.read_h5ad(path)
    x = cells.X if isinstance(cells.X, np.ndarray) else cells.X.toarray()
    y, label_names = None, ()
    if label_column is not None:
        if label_column not in cells.obs:
            raise DatasetError(f"--label_column {label_column} is not in obs (there: {', '.join(cells.obs)})")
        y, label_names = classes(cells.obs[label_column], len(x))
    names = {"feature_names": tuple(cells.var_names), "sample_names": tuple(cells.obs_names)}
    return Dataset(x, y, label_names, scale=None, **names)


def _from_table(frame, label_column):
    y, label_names = None, ()
    if not len(frame):
        raise DatasetError("a table must have rows")
    if label_column is not None:
        names = [str(name) for name in frame]
        try:
            number = names.index(label_column) if label_column in names else range(len(names))[int(label_column)]
        except (ValueError, IndexError) as error:
            raise DatasetError(
                f"--label_column {label_column} is neither a column nor a number of one (there: {', '.join(names)})"
            ) from error
        y, label_names = classes(frame.iloc[:, number], len(frame))
        frame = frame.drop(columns=frame.columns[number])
    if str(frame.columns[0]) in ("", "Unnamed: 0") and np.array_equal(frame.iloc[:, 0], np.arange(len(frame))):
        warnings.warn("the first column has no name and counts the rows: left out", stacklevel=2)
        frame = frame.iloc[:, 1:]
    words = [str(name) for name in frame if frame[name].dtype.kind not in "fiub"]
    if words:
        raise DatasetError(
            f"columns must be numbers, got {', '.join(words[:10])}: remove them, or give --label_column for the classes"
        )
    names = None if frame.columns.dtype.kind == "i" else tuple(map(str, frame))  # without a header they are numbers
    return Dataset(frame.to_numpy(np.float64), y, label_names, scale=None, feature_names=names)


def _image_folder(folder, image_size, grayscale):
    from PIL import Image, ImageOps

    def images(where):
        return sorted(path for path in where.iterdir() if path.suffix.lower() in IMAGES)

    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and images(path))
    files = images(folder) or [path for where in subfolders for path in images(where)]
    if not files:
        raise DatasetError(f"{folder} has no images: a folder must hold {', '.join(IMAGES)} files or folders of them")
    pictures = []
    for file in files:
        try:
            with Image.open(file) as picture:
                if picture.mode[0] in "IF":
                    raise OSError("more than 8 bits a pixel")
                picture = ImageOps.exif_transpose(picture)  # as the camera was held
                picture = picture.convert("L" if grayscale or picture.mode in ("1", "L") else "RGB")
                if image_size:
                    picture = picture.resize(image_size[::-1], Image.Resampling.LANCZOS)
                pictures.append(np.asarray(picture))
        except Exception as error:  # whatever Pillow makes of a stranger's bytes
            raise DatasetError(f"{file} is not a readable image ({error})") from error
        if pictures[-1].shape != pictures[0].shape:
            sizes = f"{files[0].name} {pictures[0].shape}, {file.name} {pictures[-1].shape}"
            raise DatasetError(f"images must have one size ({sizes}): give --image_size or --grayscale")
    y, label_names = None, ()
    if not images(folder) and len(subfolders) > 1:
        y, label_names = classes([file.parent.name for file in files], len(files))
    data = _from_array(np.stack(pictures), None)
    names = tuple(str(file.relative_to(folder)) for file in files)
    return Dataset(data.x, y, label_names, data.image_shape, "255", sample_names=names)
