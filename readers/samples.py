"""The Dataset that every reader returns, and the checks that readers share."""

import dataclasses
import difflib
import re
import textwrap
import warnings

import numpy as np

from .options import Options
from .scales import FULL, has_unit_length, suitable_scale

LINE = "line"  # name of a table's index that has the line of each row in its file
CHANNELS = (1, 3, 4)  # grey, red-green-blue, and that with transparency
MANY = 5  # names that a message lists
FAR = 128  # whole numbers whose largest is from here to 255 are bytes
FORMULA = r"[=+\-@\t\r]"  # the characters with which a spreadsheet's formulas begin
UNITS = ("0 and 1", "numbers in [0, 1]", "bytes", "whole numbers beyond 255")
STAND_INS = {  # the first bytes, in lower case, of a placeholder for another file
    b"version https://git-lfs.github.com/spec/": "a Git LFS pointer, not the file itself: git lfs pull",
    b"/annex/objects/": "a git-annex pointer, not the file itself: git annex get",
    b"<!doctype html": "a web page, not the file itself: download that",
    b"<html": "a web page, not the file itself: download that",
}
NAMES = ("label_names", "feature_names", "sample_names")  # attributes of a dataset
COLUMNS = 100  # columns that are copied together


class DatasetError(ValueError):
    """Raised when a dataset cannot be loaded: there is no file and no download, or the file is invalid."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Samples with their classes, names and other properties.

    Attributes
    ----------
    x : ndarray of float32, float64 or uint8, shape (n_samples, n_features)
        The datasets of the registry, in float32, are scaled as the paper's code scales them; files are not
        scaled; numbers that are to be standardised stay in float64 if the file has float64.
    y : ndarray of int64, shape (n_samples,), or None
        Classes 0 to len(label_names) - 1, and -1 where it is not known. For scores and pictures only.
    label_names : tuple of str
        A name for each class.
    image_shape : tuple of int or None
        (height, width), or (channels, height, width), if a row of x is an image.
    scale : str
        What the features need, see `pipeline.N2D`.
    feature_names, sample_names : tuple of str, or None
        Where the file has them.
    kinds : str
        What the features are, in words.
    left_out : tuple of str, or None
        Descriptions of the parts of the user's file that were left out.
    lines : ndarray of int, shape (n_samples,), or None
        The line of each sample in the user's file, counted from 1 as in an editor or a spreadsheet, if it is known.
    reading : dict
        How the samples were read, so that new points are read in the same way: `background`, the grey behind
        transparent images; `cell_total`, the total that the counts of each cell were normalised to; `text_column`;
        `features`, what made the features of pictures or texts, see `features.images` and `features.texts`.
    beside : dict of str to pandas.Series
        By name, the columns of the user's file that are not features, classes or names: a value a sample.
    pictures, documents : tuple of pathlib.Path, or of str, or None
        The picture or text of each sample, where x has, or will have, features of it.
    """

    x: np.ndarray
    y: np.ndarray | None
    label_names: tuple = ()
    image_shape: tuple | None = None
    scale: str = "none"
    feature_names: tuple | None = None
    sample_names: tuple | None = None
    kinds: str = ""
    left_out: tuple | None = None
    lines: np.ndarray | None = None
    reading: dict = dataclasses.field(default_factory=dict)
    pictures: tuple | None = None
    documents: tuple | None = None
    beside: dict = dataclasses.field(default_factory=dict)

    @property
    def things(self):
        """What a page shows in place of x: the pictures, the documents, or None."""
        return self.documents if self.pictures is None else self.pictures

    @property
    def is_unread(self):
        """Whether its features are still to be worked out: x has no columns."""
        return self.things is not None and self.x.shape[1] == 0

    @property
    def is_table(self):
        """Whether the features are a table's columns: those of images and texts mean nothing alone."""
        return self.things is None and self.image_shape is None

    @property
    def groups(self):
        """Classes and their names for pictures; samples of unknown class form the group 'unknown'."""
        is_known = self.y >= 0
        if is_known.all():
            return self.y, self.label_names
        return np.where(is_known, self.y, len(self.label_names)), (*self.label_names, "unknown")


def stand_in(path):
    """Describe a file that is only a placeholder for another, such as a Git LFS pointer; None for other files."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(max(map(len, STAND_INS))).lower()
    return next((words for begin, words in STAND_INS.items() if start.startswith(begin)), None)


def notice(text):
    """Warn the user of how a file is read; the program prints the notice as one line."""
    warnings.warn(text, stacklevel=3)


def writable(text):
    """Escape what cannot be written in UTF-8, such as bytes of a file name that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listed(names, most=MANY):
    """Join names for a message on one line; of many, only the first few."""
    names = [writable(" ".join(str(name).split())) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def in_columns(text):
    """Wrap a text to lines of at most 80 columns; a longer word, as a path may be, stays whole."""
    return textwrap.fill(writable(text), 80, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def or_near(name, names):
    """Suggest the name closest to a mistyped one, as 'did you mean X?'; if none is close, list the names."""
    near = difflib.get_close_matches(name, list(map(str, names)), n=1)
    return f"did you mean {near[0]}?" if near else f"there: {listed(names, 20) or 'none'}"


def printable(text):
    """Put a text from a file on one line, without unprintable characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def shortened(name, most):
    """Shorten a name to at most `most` characters by cutting its middle: many names differ only at their ends."""
    if len(name) <= most:
        return name
    end = most // 2
    return f"{name[: most - 1 - end].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-end:].lstrip()}"


def summary(name, data):
    """Summarise in one line what was read, and what of the user's own file was left out."""
    line = f"{name}: {len(data.x):,} samples"
    if not data.is_unread:
        line += f", {data.x.shape[1]} features"
    if data.y is not None:
        line += f", {len(data.label_names)} classes"
        if n_unknown := int(np.sum(data.y < 0)):
            line += f" ({n_unknown:,} samples of none)"
    if data.kinds:
        line += f"; {data.kinds}"
    if data.left_out is not None:
        line += f"; left out: {', '.join(data.left_out) or 'nothing'}"
    return line


def units(x):
    """Return the units of numbers, one of `UNITS`, or None if there is any doubt."""
    low, high = float(x.min()), float(x.max())
    is_byte = x.dtype == np.uint8
    if low < 0 or high <= (1 if is_byte else FULL):  # dark bytes may be all 0 and 1
        return None
    some = x[:: max(1, len(x) // 1000)]
    is_whole = is_byte or bool((some == np.rint(some)).all())
    if high <= 1:
        return UNITS[0] if is_whole else UNITS[1]
    if not is_byte and high < FAR or not is_whole:
        return None
    return UNITS[2] if high < 256 else UNITS[3]


def settled(data):
    """Return how samples were read, for a model to keep: new points are read in the same way, see `Dataset.reading`.

    Returns
    -------
    dict
        `Dataset.reading`, with `units`, see `units`; and, of tables except bytes, with the `medians` of the features,
        and the names of these, `columns`.
    """
    kept = {**data.reading, "units": units(data.x)}
    if data.is_table and data.x.dtype != np.uint8:
        parts = [data.x[:, i : i + COLUMNS] for i in range(0, data.x.shape[1], COLUMNS)]
        kept["medians"] = [float(median) for part in parts for median in np.median(part, axis=0)]
        kept["columns"] = data.feature_names
    return kept


def no_formulas(names):
    """Put an apostrophe before names that a spreadsheet would take for formulas, as OWASP advises."""
    return tuple(f"'{name}" if re.match(FORMULA, name) and not is_number(name) else name for name in names)


def as_words(column):
    """Return the values of a column, pandas.Series, as words; a missing one is ''."""
    values = column.to_numpy() if column.dtype.kind == "f" else column  # 0.1 of single precision is 0.1
    return tuple("" if is_missing else str(value) for value, is_missing in zip(values, column.isna()))


def classes(labels, n_samples):
    """Convert labels to classes 0, 1, ... and their names, sorted, as numbers if all are numbers.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Words or numbers. Unknown are None, NaN, an empty word, and -1 if all others are whole numbers, two at least.
    n_samples : int

    Returns
    -------
    y : ndarray of int64, shape (n_samples,)
        -1 where the class is not known.
    names : tuple of str

    Raises
    ------
    DatasetError
        If there is not one label a sample, or all are missing.
    """
    import pandas as pd

    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise DatasetError(f"there must be one label a sample, got {labels.shape} for {n_samples} samples")
    is_known = ~pd.isna(labels) & (labels.astype(str) != "")
    if not is_known.any():
        raise DatasetError("no sample has a label")
    if not is_known.all():
        notice(f"{np.sum(~is_known):,} of {n_samples:,} samples have no label: the scores are of the others")
    known = labels[is_known]
    if known.dtype.kind == "f" and np.array_equal(known, np.rint(known)):
        known = known.astype(np.int64)  # class 0, not 0.0
    names, y = np.unique(known.astype(str), return_inverse=True)
    if all(map(is_number, names)):  # 10 comes after 9
        order = sorted(range(len(names)), key=lambda i: float(names[i]))
        names, y = names[order], np.argsort(order)[y]
    if len(names) > 2 and names[0] == "-1" and all(map(str.isdecimal, names[1:])):  # of two, it is the other class
        notice(
            f"label -1 ({np.sum(y == 0):,} of {n_samples:,} samples) is taken for unknown: rename it if it is a class"
        )
        names, y = names[1:], y - 1
    found = np.full(n_samples, -1, np.int64)
    found[is_known] = y
    return found, tuple(names.tolist())


def is_number(text):
    """Whether a cell of a table can be parsed as a number."""
    try:
        float(text)
    except (TypeError, ValueError):  # a cell may hold anything
        return False
    return True


def checked(data, options=None):
    """Validate the user's own data, fill in missing values if asked, and choose scale and dtype.

    The result holds bytes or float32, or float64 if it is to be scaled. All names can be written, see `writable`.

    Parameters
    ----------
    data : Dataset
        Its `scale` may be None.
    options : Options or None

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If there are no samples, or a number is missing or infinite: the message says where.
    """
    options = options or Options()
    if data.is_unread:
        return dataclasses.replace(_written(data), left_out=data.left_out or (), scale="none")
    exact = data.x.dtype in (np.uint8, np.float32)
    x = np.ascontiguousarray(data.x, dtype=data.x.dtype if exact else np.float64)
    if not x.size:
        raise DatasetError("it has no samples")
    data = _written(data)
    data = dataclasses.replace(data, feature_names=_told_apart(data.feature_names), left_out=data.left_out or ())
    x = _without_gaps(x, data, options)
    _refuse_infinite(x, data)
    n_zero = np.sum(~x.any(axis=1))
    if n_zero and data.image_shape is None and has_unit_length(x):
        notice(f"{n_zero:,} rows are all zeros; the others have length 1")
    scale = data.scale or suitable_scale(x, data.image_shape)
    if x.dtype == np.float64 and (scale == "none" or data.image_shape is not None and scale != "standard"):
        x = x.astype(np.float32)
    return dataclasses.replace(data, x=x, scale=scale)


def _written(data):
    """Escape names that cannot be written, and give a notice of them."""
    told = {part: tuple(map(writable, names)) for part in NAMES if (names := getattr(data, part))}
    odd = [new for part, names in told.items() for new, name in zip(names, getattr(data, part)) if new != name]
    if odd:
        notice(f"names that are not in UTF-8 are written with escapes: {listed(odd)}")
    return dataclasses.replace(data, **told)


def _told_apart(names):
    """Make the names of features unique: a second `a` becomes `a.1`, as in pandas."""
    if names is None or len(set(names)) == len(names):
        return names
    told, again = [], []
    taken, every = set(), set(names)
    for name in names:
        new, k = name, 0
        while new in taken or k and new in every:
            k += 1
            new = f"{name}.{k}"
        if k:
            again.append(f"{name}, now {new}")
        taken.add(new)
        told.append(new)
    notice(f"features have a name that another has: {listed(again)}")
    return tuple(told)


def _without_gaps(x, data, options):
    """Fill in missing values with medians (for new points, those of the model's samples), or refuse them."""
    if x.dtype == np.uint8 or not len(rows := np.flatnonzero(np.isnan(x.min(axis=1)))):
        return x
    counts = np.isnan(x[rows]).sum(axis=0)
    columns = np.flatnonzero(counts)
    names = [data.feature_names[i] if data.feature_names else i for i in columns]
    medians = _known_medians(data, options.reading)
    unknown = [i for i in columns if i not in medians]
    if empty := listed(name for i, name in zip(columns, names) if i in unknown and counts[i] == len(x)):
        raise DatasetError(f"column {empty} has no value: leave it out")
    where = listed(f"{name} ({count:,} of {len(x):,} rows)" for name, count in zip(names, counts[columns]))
    if options.missing is None:
        raise DatasetError(
            f"values are missing in column {where}: fill them in, leave these rows or columns out, or give "
            "--missing=median"
        )
    x = x.copy()
    for i in columns:
        x[np.isnan(x[:, i]), i] = medians[i] if i in medians else np.nanmedian(x[:, i])
    whose = "their column" if unknown else "the model's samples"
    notice(f"missing values are filled with the median of {whose}: {where}")
    return x


def _known_medians(data, reading):
    """Return the medians of a model's samples by column number here, matched by name, or by order without names."""
    medians, known = (reading or {}).get("medians") or (), (reading or {}).get("columns")
    if data.feature_names is None or known is None:
        return dict(enumerate(medians))
    of_names = dict(zip(known, medians))
    return {i: of_names[name] for i, name in enumerate(data.feature_names) if name in of_names}


def _refuse_infinite(x, data):
    most = np.finfo(np.float32).max
    bad = np.flatnonzero(~((x.max(axis=1) <= most) & (x.min(axis=1) >= -most)))
    if len(bad):
        row = int(bad[0])
        column = int(np.flatnonzero(~(np.abs(x[row]) <= most))[0])
        name = data.feature_names[column] if data.feature_names else column
        place = f"sample {row}" if data.lines is None else f"line {data.lines[row]}"
        raise DatasetError(
            f"numbers must be finite: {place}, column {name} is {x[row, column]} ({len(bad)} rows have such)"
        )
