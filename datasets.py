"""Datasets by name, found in the data folder or downloaded there once, and the user's own files.

Every published file is checked against its SHA-256 before it is read, wherever it came from.
"""

import csv
import dataclasses
import difflib
import gzip
import hashlib
import io
import os
import shutil
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

CHANNELS = (1, 3, 4)  # grey, red-green-blue, and that with transparency
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian package dataset-fashion-mnist
DIGIT_NAMES = tuple("0123456789")
FASHION_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
HAR_NAMES = ("Walking", "Walking upstairs", "Walking downstairs", "Sitting", "Standing", "Laying")

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
USPS_URL = "https://hastie.su.domains/ElemStatLearn/datasets/"
PENDIGITS_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/pen-based-recognition-of-handwritten-digits/"
HAR_URL = "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip"
COIL20_URL = "https://www.cs.columbia.edu/CAVE/databases/SLAM_coil-20_coil-100/coil-20/coil-20-proc.zip"

SHA256 = {
    "MNIST/raw/train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "MNIST/raw/train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "MNIST/raw/t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "MNIST/raw/t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "FashionMNIST/raw/train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "usps/zip.train.gz": "66ebf231ab51f2cf6ac1a892d0f98ccffee1079d7a5db638c1f11f366046ca16",
    "usps/zip.test.gz": "8dacc3c6e136af6c3488de9e5113a7daf140c8c2f1f0b61c54ee02f03f1a962f",
    "pendigits/pendigits.tra": "e2b9eb9f0d0467e2b64a4816a3420edf2b8043447576f4b84337aba44a9f97d3",
    "pendigits/pendigits.tes": "8bd03229c5c5291fefe43e45465dd948d2645bf23328b9d993e0b777666b2015",
    "har/UCI HAR Dataset.zip": "49d461e527313ac599f5c244e1276be4f8b3fb13d121c95744d034032503a16d",
    "coil20/coil-20-proc.zip": "17cd700e7fc05b8f37a04677c79734ca29c0cddf772a8134628f8b0c889d033f",
}


MAX_LINE = 2**22  # characters of a table's line
MAX_IDX = 2**26  # bytes; the largest published file has 47 million
IMAGES = (".png", ".jpg", ".jpeg")


class DatasetError(ValueError):
    """A dataset that cannot be had: no file and no download, or a file that is not what it should be."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What a loader returns.

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


REGISTRY = {}


def register(name, n_classes):
    """Make a loader, a function from the data folder to a `Dataset`, known under a name."""

    def decorate(loader):
        loader.n_classes = n_classes
        REGISTRY[name] = loader
        return loader

    return decorate


def load(name, data_dir="data", label_column=None, image_size=None, grayscale=False):
    """Load a dataset of the registry, or the user's own.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`, or a path:

        - .npy: an array (n_samples, ...), of images if it has three dimensions;
        - .npz: the same as `x`, `data` or its only array, and labels as `y` or `labels`;
        - .csv, .tsv, .parquet: a table of numbers, with or without a header;
        - .h5ad: annotated data, its `X`;
        - a folder of images (PNG, JPEG), or of one subfolder of images for each class.
    data_dir : path-like
        Where the files of the registry are looked for, in the layout of their official download, and where they are
        downloaded to.
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
        If a file is missing and cannot be downloaded, or differs from the published one. The message names the file,
        the folder it belongs in and the address to get it from. Nothing half-written is left behind. Of the user's own
        files: if they hold anything but finite numbers; the message names the place.
    """
    if name in REGISTRY:
        return REGISTRY[name](Path(data_dir))
    path = Path(name)
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".h5ad": _h5ad}
    if not path.exists():
        near = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the datasets are {', '.join(REGISTRY)}"
        raise DatasetError(f"{name} is neither a dataset nor a file: {hint}")
    if not path.is_dir() and path.suffix not in readers:
        raise DatasetError(f"{path} must be a folder of images, or end in {', '.join(readers)}")
    try:
        if path.is_dir():
            return _checked(_image_folder(path, image_size, grayscale), path)
        return _checked(readers[path.suffix](path, label_column), path)
    except DatasetError:
        raise
    except Exception as error:  # whatever a parser makes of a stranger's bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(f"{path} cannot be read ({reason})") from error


@register("mnist", 10)
def _mnist(data_dir):
    return _idx_images(data_dir, "MNIST", ("train", "t10k"), DIGIT_NAMES, MNIST_URL)


@register("mnist-test", 10)
def _mnist_test(data_dir):
    return _idx_images(data_dir, "MNIST", ("t10k",), DIGIT_NAMES, MNIST_URL)


@register("fashion", 10)
def _fashion(data_dir):
    return _idx_images(data_dir, "FashionMNIST", ("train", "t10k"), FASHION_NAMES, FASHION_URL)


@register("usps", 10)
def _usps(data_dir):
    """9,298 images of 16 x 16, published in [-1, 1]; the paper's code uses a copy in [0, 2]."""
    parts = [
        _read_table(gzip.decompress(_published(data_dir, f"usps/zip.{part}.gz", USPS_URL + f"zip.{part}.gz")), " ")
        for part in ("train", "test")
    ]
    rows = np.concatenate(parts)
    return Dataset(rows[:, 1:] + 1, rows[:, 0].astype(np.int64), DIGIT_NAMES, (16, 16))


@register("pendigits", 10)
def _pendigits(data_dir):
    """10,992 digits written on a tablet, as 8 points of the pen's path; published in [0, 100]."""
    files = ("pendigits.tra", "pendigits.tes")
    rows = np.concatenate(
        [_read_table(_published(data_dir, f"pendigits/{file}", PENDIGITS_URL + file), ",") for file in files]
    )
    return Dataset(rows[:, :-1] / 100, rows[:, -1].astype(np.int64), DIGIT_NAMES)


@register("har", 6)
def _har(data_dir):
    """10,299 windows of smartphone sensor signals, 561 features, published in [-1, 1]."""
    name = "UCI HAR Dataset.zip"
    archive = zipfile.ZipFile(io.BytesIO(_published(data_dir, f"har/{name}", HAR_URL, member=name)))

    def read(kind):
        files = [f"UCI HAR Dataset/{part}/{kind}_{part}.txt" for part in ("train", "test")]
        return np.concatenate([_read_table(archive.read(file), r"\s+") for file in files])

    return Dataset(read("X"), read("y")[:, 0].astype(np.int64) - 1, HAR_NAMES)


@register("coil20", 20)
def _coil20(data_dir):
    """1,440 images of 128 x 128: 20 objects on a turntable, one image every 5 degrees."""
    from PIL import Image

    archive = zipfile.ZipFile(io.BytesIO(_published(data_dir, "coil20/coil-20-proc.zip", COIL20_URL)))
    files = [f"coil-20-proc/obj{i}__{pose}.png" for i in range(1, 21) for pose in range(72)]
    x = np.stack([np.asarray(Image.open(archive.open(file)), np.float32).ravel() for file in files]) / 255
    return Dataset(x, np.repeat(np.arange(20), 72), tuple(f"object {i}" for i in range(1, 21)), (128, 128))


@register("digits", 10)
def _digits(data_dir):
    """1,797 images of 8 x 8 that come with scikit-learn: no file, no download."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Dataset((digits.data / 16).astype(np.float32), digits.target.astype(np.int64), DIGIT_NAMES, (8, 8))


def _npy(path, label_column):
    return _from_array(np.load(path, mmap_mode="c", allow_pickle=False))


def _npz(path, label_column):
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > (memory := os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")):
        raise DatasetError(f"{path} unpacks to {size / 2**30:.0f} GB, but there are {memory / 2**30:.0f} GB of memory")
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in ("x", "X", "data") if name in arrays] or arrays.files
        labels = [name for name in ("y", "labels", "target") if name in arrays]
        if not names or (len(names) > 1 and names == arrays.files):
            raise DatasetError(f"{path} must hold an array x, and may hold labels y; it has {', '.join(names)}")
        return _from_array(arrays[names[0]], arrays[labels[0]] if labels else None)


def _from_array(x, labels=None):
    if x.ndim not in (2, 3, 4) or x.dtype.kind not in "fiub":
        raise DatasetError(f"an array must hold numbers, (n_samples, n_features) or images, got {x.dtype} {x.shape}")
    shape = x.shape[1:]
    if x.ndim == 4 and shape[2] in CHANNELS and (shape[2] != 4 or shape[0] not in CHANNELS):  # as in most image files
        x, shape = x.transpose(0, 3, 1, 2), (shape[2], *shape[:2])
    image_shape = None if x.ndim == 2 else shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(shape) == 3 and shape[0] not in CHANNELS:  # numbers in three directions, of which nobody can draw a picture
        image_shape = None
    y, label_names = (None, ()) if labels is None else _classes(labels, len(x))
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
    has_header = not any(map(_is_number, first)) or any(
        _is_number(below) and not _is_number(above) for above, below in zip(first, second)
    )
    if not has_header and len(first) > 2 and first == [str(i) for i in range(len(first))]:
        warnings.warn("the first line counts the columns, as pandas does: taken for a header", stacklevel=2)
        has_header = True
    frame = pd.read_csv(path, sep=separator, header=0 if has_header else None, encoding="utf-8-sig")
    return _from_table(frame, label_column)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


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
        y, label_names = _classes(cells.obs[label_column], len(x))
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
        y, label_names = _classes(frame.iloc[:, number], len(frame))
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
    return Dataset(frame.to_numpy(np.float32), y, label_names, scale=None, feature_names=names)


def _classes(labels, n_samples):
    """Classes as 0, 1, ..., and their names."""
    import pandas as pd

    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise DatasetError(f"there must be one label a sample, got {labels.shape} for {n_samples} samples")
    if n_missing := np.sum(pd.isna(labels)):
        raise DatasetError(f"{n_missing} of {n_samples} samples have no label: fill in a class, or leave them out")
    names, y = np.unique(labels.astype(str), return_inverse=True)
    if all(map(_is_number, names)):  # 10 comes after 9
        order = sorted(range(len(names)), key=lambda i: float(names[i]))
        names, y = names[order], np.argsort(order)[y]
    return y.astype(np.int64), tuple(names.tolist())


def _image_folder(folder, image_size, grayscale):
    from PIL import Image, ImageOps

    def images(where):
        return sorted(path for path in where.iterdir() if path.suffix.lower() in IMAGES)

    classes = sorted(path for path in folder.iterdir() if path.is_dir() and images(path))
    files = images(folder) or [path for where in classes for path in images(where)]
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
    if not images(folder) and len(classes) > 1:
        y, label_names = _classes([file.parent.name for file in files], len(files))
    data = _from_array(np.stack(pictures), None)
    names = tuple(str(file.relative_to(folder)) for file in files)
    return Dataset(data.x, y, label_names, data.image_shape, "255", sample_names=names)


def _checked(data, path):
    """The user's own data in float32, or bytes as they are; finite, with a scale that suits it."""
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


def _read_table(data, separator):
    import pandas as pd

    # the lines of USPS end in a blank, which reads as an empty last column
    table = pd.read_csv(io.BytesIO(data), sep=separator, header=None, dtype=np.float32).dropna(axis=1)
    return np.ascontiguousarray(table.to_numpy())


def _idx_images(data_dir, name, parts, label_names, url):
    """MNIST or Fashion-MNIST, in IDX files (yann.lecun.com/exdb/mnist): a header, then one byte a value."""

    def read(stem, header):
        file = f"{name}/raw/{stem}"
        for path in (data_dir / f"{file}.gz", *([DEBIAN_FASHION / f"{stem}.gz"] if name == "FashionMNIST" else [])):
            if path.exists() and not (data_dir / file).exists():
                data = _verified(_unpacked(path), file, path)
                break
        else:
            data = _published(data_dir, file, f"{url}{stem}.gz", torchvision_name=name)
        return np.frombuffer(data, np.uint8, offset=header)

    x = np.concatenate([read(f"{part}-images-idx3-ubyte", 16) for part in parts])
    y = np.concatenate([read(f"{part}-labels-idx1-ubyte", 8) for part in parts])
    return Dataset(x.reshape(len(y), -1).astype(np.float32) / 255, y.astype(np.int64), label_names, (28, 28))


def _unpacked(path):
    """What is in a .gz file; nothing if it is damaged."""
    try:
        with gzip.open(path) as packed:
            return packed.read(MAX_IDX)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b""


def _published(data_dir, file, url, **source):
    """The content of one published file, below the data folder, which it is downloaded to if need be."""
    path = data_dir / file
    if not path.exists():
        try:
            _download(data_dir, file, url, **source)
        except (OSError, RuntimeError, KeyError, zipfile.BadZipFile) as error:
            raise DatasetError(
                f"{path.name} is not in {path.parent} and could not be downloaded ({type(error).__name__}): "
                f"get it from {url}{' (it is inside this zip)' if 'member' in source else ''} and put it there"
            ) from error
    return _verified(path.read_bytes(), file, path)


def _verified(data, file, source, advice="remove it, and it is downloaded anew"):
    if hashlib.sha256(data).hexdigest() != SHA256[file]:
        raise DatasetError(f"{source} is not the published file (its SHA-256 differs): {advice}")
    return data


def _download(data_dir, file, url, torchvision_name=None, member=None):
    """Download one file into the data folder, by way of a temporary folder in it, so that it arrives whole or not.

    `torchvision_name`: torchvision has a downloader for it, which fetches the other files of the dataset as well.
    `member`: the download is a zip, and the file is this member of it.
    """
    is_new = not data_dir.exists()
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=data_dir) as temporary:
            temporary = Path(temporary)
            if torchvision_name:
                import torchvision

                getattr(torchvision.datasets, torchvision_name)(temporary, download=True)
                arrived = {f: temporary / f for f in SHA256 if f.startswith(f"{torchvision_name}/")}
            else:
                import pooch

                pooch.get_logger().setLevel("WARNING")
                arrived = {file: Path(pooch.retrieve(url, None, "download", temporary, progressbar=True))}
                if member:
                    with zipfile.ZipFile(arrived[file]) as archive:
                        arrived[file] = Path(archive.extract(member, temporary / "unzipped"))
            for name, path in arrived.items():
                _verified(path.read_bytes(), name, url, "nothing of it was kept")
                (data_dir / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, data_dir / name)
    finally:
        if is_new and not any(data_dir.iterdir()):
            data_dir.rmdir()
