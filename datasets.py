"""Datasets by name, from the data folder or downloaded there once, and the user's own files.

Every published file is checked against its SHA-256 before it is read, wherever it came from.
"""

import difflib
import gzip
import hashlib
import io
import shutil
import tempfile
import zipfile
import zlib
from itertools import islice
from pathlib import Path

import numpy as np

from .readers import files
from .readers.options import Options
from .readers.samples import Dataset, DatasetError

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
MANY_FILES = 10_000  # of a folder, at most, that a mistyped name is compared with
MAX_IDX = 2**26  # bytes; the largest published file has 47 million

REGISTRY = {}


def register(name, n_classes):
    """Register a loader, a function from the data folder to a `Dataset`, under a name."""

    def decorate(loader):
        loader.n_classes = n_classes
        REGISTRY[name] = loader
        return loader

    return decorate


def load(name, data_dir="data", **options):
    """Load a dataset of the registry, or the user's own.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`, or a path of a kind that `files.read` knows.
    data_dir : path-like
        Where the files of the registry are looked for, in the layout of their official download, and where they are
        downloaded to.
    **options
        Of the user's own data, see `options.Options`.

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
        if given := Options(**options).given:
            raise DatasetError(f"--{given[0]} is for your own files, and {name} is none")
        return REGISTRY[name](Path(data_dir))
    path = Path(name)
    if not path.exists():
        near = _suggestion(path)
        hint = f"did you mean {near}?" if near else f"the datasets are {', '.join(REGISTRY)}"
        raise DatasetError(f"{name} is neither a dataset nor a file: {hint}")
    return files.read(path, **options)


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
        _read_table(gzip.decompress(_read_published(data_dir, f"usps/zip.{part}.gz", USPS_URL + f"zip.{part}.gz")), " ")
        for part in ("train", "test")
    ]
    rows = np.concatenate(parts)
    return Dataset(rows[:, 1:] + 1, rows[:, 0].astype(np.int64), DIGIT_NAMES, (16, 16))


@register("pendigits", 10)
def _pendigits(data_dir):
    """10,992 digits written on a tablet, as 8 points of the pen's path; published in [0, 100]."""
    names = ("pendigits.tra", "pendigits.tes")
    rows = np.concatenate(
        [_read_table(_read_published(data_dir, f"pendigits/{name}", PENDIGITS_URL + name), ",") for name in names]
    )
    return Dataset(rows[:, :-1] / 100, rows[:, -1].astype(np.int64), DIGIT_NAMES)


@register("har", 6)
def _har(data_dir):
    """10,299 windows of smartphone sensor signals, 561 features, published in [-1, 1]."""
    name = "UCI HAR Dataset.zip"
    archive = zipfile.ZipFile(io.BytesIO(_read_published(data_dir, f"har/{name}", HAR_URL, member=name)))

    def read(kind):
        members = [f"UCI HAR Dataset/{part}/{kind}_{part}.txt" for part in ("train", "test")]
        return np.concatenate([_read_table(archive.read(member), r"\s+") for member in members])

    return Dataset(read("X"), read("y")[:, 0].astype(np.int64) - 1, HAR_NAMES)


@register("coil20", 20)
def _coil20(data_dir):
    """1,440 images of 128 x 128: 20 objects on a turntable, one image every 5 degrees."""
    from PIL import Image

    archive = zipfile.ZipFile(io.BytesIO(_read_published(data_dir, "coil20/coil-20-proc.zip", COIL20_URL)))
    members = [f"coil-20-proc/obj{i}__{pose}.png" for i in range(1, 21) for pose in range(72)]
    x = np.stack([np.asarray(Image.open(archive.open(member)), np.float32).ravel() for member in members]) / 255
    return Dataset(x, np.repeat(np.arange(20), 72), tuple(f"object {i}" for i in range(1, 21)), (128, 128))


@register("digits", 10)
def _digits(data_dir):
    """1,797 images of 8 x 8 that come with scikit-learn: no file, no download."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Dataset((digits.data / 16).astype(np.float32), digits.target.astype(np.int64), DIGIT_NAMES, (8, 8))


def _suggestion(path):
    """Return the dataset or file in the same folder with the name most similar to a mistyped one, or None."""
    if near := difflib.get_close_matches(str(path).lower(), REGISTRY, n=1):
        return near[0]
    beside = [file.name for file in islice(path.parent.iterdir(), MANY_FILES)] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.8)
    return path.parent / near[0] if near else None


def _read_table(data, separator):
    import pandas as pd

    # the lines of USPS end in a blank, which reads as an empty last column
    table = pd.read_csv(io.BytesIO(data), sep=separator, header=None, dtype=np.float32).dropna(axis=1)
    return np.ascontiguousarray(table.to_numpy())


def _idx_images(data_dir, name, parts, label_names, url):
    """Read MNIST or Fashion-MNIST from IDX files (yann.lecun.com/exdb/mnist): a header, then one byte a value."""

    def read(stem, header):
        file = f"{name}/raw/{stem}"
        for path in (data_dir / f"{file}.gz", *([DEBIAN_FASHION / f"{stem}.gz"] if name == "FashionMNIST" else [])):
            if path.exists() and not (data_dir / file).exists():
                data = _verified(_unpacked(path), file, path)
                break
        else:
            data = _read_published(data_dir, file, f"{url}{stem}.gz", torchvision_name=name)
        return np.frombuffer(data, np.uint8, offset=header)

    x = np.concatenate([read(f"{part}-images-idx3-ubyte", 16) for part in parts])
    y = np.concatenate([read(f"{part}-labels-idx1-ubyte", 8) for part in parts])
    return Dataset(x.reshape(len(y), -1).astype(np.float32) / 255, y.astype(np.int64), label_names, (28, 28))


def _unpacked(path):
    """Unpack a .gz file; a damaged one is empty."""
    try:
        with gzip.open(path) as packed:
            return packed.read(MAX_IDX)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b""


def _read_published(data_dir, file, url, **source):
    """Read one published file from the data folder, after a download if it is not there."""
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
    """Download one file into the data folder, via a temporary folder in it: completely or not at all.

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
