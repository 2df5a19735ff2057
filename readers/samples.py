"""What every reader of data returns, and the checks that readers share."""

import dataclasses
import difflib
import re
import textwrap
import warnings

import numpy as np

from .options import Options

LINE = "line"  # name of a table's index that has where each row stands in its file
CHUNK = 20_000  # samples that are looked at together
CHANNELS = (1, 3, 4)  # grey, red-green-blue, and that with transparency
MANY = 5  # names that a message lists
FAR = 128  # whole numbers that reach it, and not 256, are bytes, and not in [0, 1]
FORMULA = r"[=+\-@\t\r]"  # how a spreadsheet's formulas begin
UNITS = ("0 and 1", "numbers in [0, 1]", "bytes", "whole numbers beyond 255")
STAND_INS = {  # how a file begins that stands where another should be, in small letters
    b"version https://git-lfs.github.com/spec/": "a Git LFS pointer, not the file itself: git lfs pull",
    b"/annex/objects/": "a git-annex pointer, not the file itself: git annex get",
    b"<!doctype html": "a web page, not the file itself: download that",
    b"<html": "a web page, not the file itself: download that",
}
NAMES = ("label_names", "feature_names", "sample_names")  # parts of a dataset
COLUMNS = 100  # that are copied together
FULL = 0.5  # numbers that reach further than this towards 1 or -1 have been scaled to them


class DatasetError(ValueError):
    """A dataset that cannot be had: no file and no download, or a file that is not what it should be."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Samples, and what is known of them.

    Attributes
    ----------
    x : ndarray of float32, float64 or uint8, shape (n_samples, n_features)
        The datasets of the registry, in float32, are scaled as the paper's code scales them; files are as they are,
        numbers that want to be standardised in float64 where the file has them so.
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
        What of the user's file is in none of these, in words.
    lines : ndarray of int, shape (n_samples,), or None
        Where each sample stands in the user's file, as an editor or a spreadsheet counts from 1, where that is known.
    reading : dict
        What new points have in common with these samples, if they are to be read alike: `background`, the grey behind
        transparent images; `cell_total`, what the counts of each cell were brought to.
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

    @property
    def groups(self):
        """Classes and their names for pictures: those not known are a group of their own."""
        is_known = self.y >= 0
        if is_known.all():
            return self.y, self.label_names
        return np.where(is_known, self.y, len(self.label_names)), (*self.label_names, "unknown")


def stand_in(path):
    """What a file is, in words, if it only stands where another should be; or None."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(max(map(len, STAND_INS))).lower()
    return next((words for begin, words in STAND_INS.items() if start.startswith(begin)), None)


def notice(text):
    """Tell the user what was understood of a file; the program prints it as one line."""
    warnings.warn(text, stacklevel=3)


def writable(text):
    """A text that every file and screen takes: of a file name, bytes that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listed(names, most=MANY):
    """Names for a message on one line, the first few of many."""
    names = [writable(" ".join(str(name).split())) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def in_columns(text):
    """A text for a screen, in lines of at most 80 columns; a longer word, as a path may be, stays whole."""
    return textwrap.fill(writable(text), 80, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def or_near(name, names):
    """'did you mean X?' with the one of several names that is nearest to a mistyped one, or else what there is."""
    near = difflib.get_close_matches(name, list(map(str, names)), n=1)
    return f"did you mean {near[0]}?" if near else f"there: {listed(names, 20) or 'none'}"


def printable(text):
    """A stranger's words on one line of a screen, without what moves its cursor."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def shortened(name, most):
    """A name of at most so many characters, cut in its middle: many names differ in their ends alone."""
    if len(name) <= most:
        return name
    end = most // 2
    return f"{name[: most - 1 - end].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-end:].lstrip()}"


def summary(name, data):
    """One line: what a reader took, and what of the user's own files it left."""
    line = f"{name}: {len(data.x):,} samples, {data.x.shape[1]} features"
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
    """What numbers are beyond doubt, one of `UNITS`; or None."""
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
    """What a model keeps of how its samples were read: new points are read alike, see `Dataset.reading`.

    Returns
    -------
    dict
        It also has `units`, see `units`; and but for images and bytes the `medians` of the features, and their names,
        `columns`.
    """
    kept = {**data.reading, "units": units(data.x)}
    if data.image_shape is None and data.x.dtype != np.uint8:
        parts = [data.x[:, i : i + COLUMNS] for i in range(0, data.x.shape[1], COLUMNS)]
        kept["medians"] = [float(median) for part in parts for median in np.median(part, axis=0)]
        kept["columns"] = data.feature_names
    return kept


def no_formulas(names):
    """Names that no spreadsheet takes for formulas: an apostrophe before what begins as one, as OWASP advises."""
    return tuple(f"'{name}" if re.match(FORMULA, name) and not is_number(name) else name for name in names)


def classes(labels, n_samples):
    """Classes as 0, 1, ..., and their names: sorted, as numbers if they all are.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Words or numbers. None, NaN, an empty word, or -1 among whole numbers of which two are others: not known.
    n_samples : int

    Returns
    -------
    y : ndarray of int64, shape (n_samples,)
        -1 where it is not known.
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
    """Whether a word of a table is a number."""
    try:
        float(text)
    except (TypeError, ValueError):  # a cell may hold anything
        return False
    return True


def checked(data, options=None):
    """The user's own data, finite, with a scale that suits it: bytes, or float32; float64 if they are to be scaled.

    All names are such that they can be written, see `writable`.

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


def suitable_scale(x, image_shape=None):
    """The scale of numbers of which nothing else is known.

    What fills [-1, 1] or [0, 1], or has length 1, has been scaled, and pixels that are seldom on would be blown up by
    the deviation. Numbers that are merely small have not.
    """
    low, high = float(x.min()), float(x.max())
    if -1 <= low and high <= 1:
        if max(-low, high) > FULL or has_unit_length(x):
            return "none"
    return "range" if image_shape is not None and low >= 0 else "standard"


def has_unit_length(x):
    """Whether all samples, ndarray (n_samples, n_features), are vectors of length 1, as embeddings of texts are.

    Of rows of zeros, as an empty text may have, there may be some beside them.
    """
    if x.dtype == np.uint8:
        return False
    parts = (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))
    lengths = np.concatenate([np.linalg.norm(part, axis=1) for part in parts])
    lengths = lengths[lengths > 0]
    return len(lengths) > 0 and np.allclose(lengths, 1, atol=1e-3)


def _written(data):
    """The dataset with names that can be written, and a notice of those that could not."""
    told = {part: tuple(map(writable, names)) for part in NAMES if (names := getattr(data, part))}
    odd = [new for part, names in told.items() for new, name in zip(names, getattr(data, part)) if new != name]
    if odd:
        notice(f"names that are not in UTF-8 are written with escapes: {listed(odd)}")
    return dataclasses.replace(data, **told)


def _told_apart(names):
    """Names of features, of which each is there once: a second `a` is `a.1`, as in pandas."""
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
    """x, if no value is missing, or with these filled in: of new points with the medians of the model's samples."""
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
    """The medians of a model's samples by the number of the column here: of names by these, or else in their order."""
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
