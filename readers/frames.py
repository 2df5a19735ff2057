"""Convert a table to a dataset: find which columns are features, and which are names, classes, words or dates."""

import warnings
from itertools import combinations

import numpy as np

from .samples import LINE, Dataset, DatasetError, as_words, classes, is_number, listed, notice, or_near, writable
from .vectors import place, unfolded

LABELS = ("label", "labels", "target", "class", "classes", "category", "species", "ground_truth")
MAX_WORDS = 100  # different words, at most, in a column that --categorical=onehot encodes
LONG = 4  # words in a cell from which on it is a text, on average
MIN_IDS = 10  # rows, at least, for a column of unique whole numbers to look like names of rows


def from_frame(frame, options, how="", left_out=()):
    """Convert a table to a dataset.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns are named by whole numbers if it has no header.
    options : options.Options
    how : str
        How the table is written, for the summary.
    left_out : sequence of str
        Descriptions of the parts of the file that are not in the table.

    Raises
    ------
    DatasetError
        If a column holds anything but numbers; the message names it and says what to do.
    """
    if not len(frame):
        raise DatasetError("a table must have rows")
    left_out = list(left_out)
    frame = _without_nothing(frame, left_out)
    (y, label_names), ids, texts, beside, frame = _told(frame, options, left_out)
    if texts is not None:
        return _of_texts(texts, frame, options, y, label_names, ids, beside, left_out)
    frame = unfolded(frame)
    sample_names, frame = _row_names(frame, left_out)
    sample_names = sample_names if ids is None else ids
    if not frame.shape[1]:
        raise DatasetError("a table must have columns of numbers")
    if options.reading is None:  # new points have the model's columns, odd or not
        if empty := listed(frame.columns[frame.isna().all()]):
            raise DatasetError(f"column {empty} has no value: leave it out, as --drop does")
        _name_odd_columns(frame, options.label_column)
    frame, kinds = _as_numbers(_without_quotes(frame), options)
    names = None if frame.columns.dtype.kind == "i" else tuple(map(str, frame))
    x = frame.to_numpy(np.float64, na_value=np.nan)
    kinds = "; ".join(filter(None, (kinds, how)))
    lines = frame.index.to_numpy() if frame.index.name == LINE else None
    left_out = tuple(left_out)
    return Dataset(x, y, label_names, None, None, names, sample_names, kinds, left_out, lines, beside=beside)


def is_counted(frame):
    """Whether the index only counts the rows or lines, and has no names of rows."""
    import pandas as pd

    return isinstance(frame.index, pd.RangeIndex) or frame.index.name == LINE


def _is_unnamed(name):
    return str(name) == "" or str(name).startswith("Unnamed: ")


def _without_nothing(frame, left_out):
    """Drop empty rows, and empty columns without a name."""
    rows = frame.isna().all(axis=1)
    columns = [name for name in frame if _is_unnamed(name) and frame[name].isna().all()]
    if rows.any():
        left_out.append(f"{rows.sum():,} empty rows")
    if columns:
        left_out.append(f"{len(columns)} empty columns without a name")
    if rows.any() or columns:
        notice(f"left out: {' and '.join(left_out)}")
        is_range = is_counted(frame) and frame.index.name != LINE
        frame = frame[~rows].drop(columns=columns)
        frame = frame.reset_index(drop=True) if is_range else frame
    return frame


def _told(frame, options, left_out):
    """Split a table into classes with their names, names of the samples, and the columns that no flag mentions.

    The columns to drop are kept beside them.
    """
    names = [str(name) for name in frame]
    flags = {"label_column": options.label_column, "id_column": options.id_column}
    flags["text_column"] = options.text_column
    taken = {flag: position(names, flag, column) for flag, column in flags.items() if column is not None}
    dropped = [position(names, "drop", column) for column in options.drop]
    for flag, other in combinations(taken, 2):
        if taken[flag] == taken[other]:
            raise DatasetError(f"--{flag} and --{other} must be two columns, got {flags[other]} for both")
    labels, ids, texts = (None, ()), None, None
    if "label_column" in taken:
        labels = classes(frame.iloc[:, taken["label_column"]], len(frame))
    if "id_column" in taken:
        column = frame.iloc[:, taken["id_column"]]
        ids = as_words(column)
    if "text_column" in taken:
        texts = as_words(frame.iloc[:, taken["text_column"]])
    if dropped:
        left_out.append(f"column {listed((names[i] for i in dropped), len(names))}")
    gone = {*taken.values(), *dropped}
    beside = by_name(frame.iloc[:, sorted({*dropped} - {*taken.values()})])
    return labels, ids, texts, beside, frame.iloc[:, [i for i in range(len(names)) if i not in gone]]


def by_name(frame):
    """Return the columns of a table, for `Dataset.beside`; of two of one name the first."""
    columns = {}
    for i, name in enumerate(map(str, frame)):
        columns.setdefault(writable(name), frame.iloc[:, i].copy())  # a view would keep the whole table
    return columns


def _of_texts(texts, frame, options, y, label_names, ids, beside, left_out):
    """Return a column of texts as a dataset; columns of which nothing was said are left out."""
    sample_names, frame = _row_names(frame, left_out)
    if frame.shape[1]:
        left_out.append(f"column {listed(frame.columns)}")
        notice(f"texts are clustered by their words alone, without column {listed(frame.columns)}")
    lines = frame.index.to_numpy() if frame.index.name == LINE else None
    reading = {"text_column": options.text_column}
    names = sample_names if ids is None else ids
    return as_texts(texts, y, label_names, names, left_out, lines, reading, beside | by_name(frame))


def as_texts(texts, y=None, label_names=(), sample_names=None, left_out=(), lines=None, reading=None, beside=None):
    """Return texts as a dataset, whose features are worked out later: `x` has a row a text, and no column."""
    documents = tuple(writable(text.replace("\0", " ")).strip() for text in texts)
    if not documents:
        raise DatasetError("it has no samples")
    if empty := sum(not text for text in documents):
        notice(f"{empty:,} of {len(documents):,} texts are empty")
    x = np.empty((len(documents), 0), np.float32)
    left_out, reading = tuple(left_out), reading or {}
    about = {"kinds": "texts", "left_out": left_out, "lines": lines, "reading": reading, "documents": documents}
    about["beside"] = beside or {}
    return Dataset(x, y, label_names, None, "none", None, sample_names, **about)


def position(names, flag, column):
    """Return the position of a column that a flag gives by name, or by number from 0.

    Raises
    ------
    DatasetError
        If there is no such column.
    """
    try:
        return names.index(column) if column in names else range(len(names))[int(column)]
    except (ValueError, IndexError) as error:
        what = f"--{flag} {column} is neither a column nor a number of one"
        raise DatasetError(f"{what} ({or_near(column, names)})") from error


def _row_names(frame, left_out):
    """Return the names of the samples and the other columns.

    The names are the index, or a first column without a name, as R and pandas write it."""
    if not is_counted(frame):
        left_out.append("the names of the rows")
        return tuple(map(str, frame.index)), frame
    names = None
    while frame.shape[1]:  # a table that was saved twice has two such columns
        first, has_header = frame.iloc[:, 0], frame.columns.dtype.kind != "i"
        if has_header and not _is_unnamed(frame.columns[0]) or first.dtype.kind == "f" or not first.is_unique:
            break
        is_count = first.dtype.kind in "iu" and sorted(first) in (
            list(range(len(first))),
            list(range(1, len(first) + 1)),
        )
        if not has_header and not (is_count and len(first) >= MIN_IDS):
            break
        names, frame = tuple(map(str, first)), frame.iloc[:, 1:]
        notice(f"the first column has no name and {'counts' if is_count else 'names'} the rows: left out")
        left_out.append("the first column, which has no name")
    return names, frame


def _name_odd_columns(frame, label_column):
    """Give notices of columns that are clustered, and perhaps should not be."""
    for name in frame:
        column = frame[name]
        if label_column is None and str(name).lower() in LABELS and column.dtype.kind in "fiub":
            notice(f"column {name} is clustered: give --label_column={name} if it has the classes, or --drop={name}")
        elif column.dtype.kind in "iu" and len(column) >= MIN_IDS and column.is_unique:
            what = "has another whole number in every row, and is clustered"
            notice(f"column {name} {what}: --id_column={name} if it is an id, or --drop={name}")
    if unnamed := [name for name in frame if _is_unnamed(name)]:
        notice(f"columns without a name are clustered: {listed(unnamed)}")
    constant = [name for name in frame if frame[name].dtype.kind in "fiub" and frame[name].nunique(dropna=False) == 1]
    if constant:
        notice(f"column {listed(constant)} has one value in all rows: it says nothing")


def _without_quotes(frame):
    """Convert columns of numbers that are stored as text, as in many spreadsheets, to numbers."""
    words = frame.select_dtypes(["object", "string"])
    written = [name for name in words if _kind(words[name]) == "words" and words[name].dropna().map(is_number).all()]
    if not written:
        return frame
    if said := [name for name in written if frame[name].notna().any()]:
        notice(f"column {listed(said)} holds numbers as words: read as numbers")
    frame = frame.copy()
    for name in written:
        frame[name] = frame[name].map(float, na_action="ignore").astype(float)
    return frame


def _as_numbers(frame, options):
    """Convert all columns to numbers, and describe them; refuse dates, and words unless they are to be encoded."""
    import pandas as pd

    kinds = {name: _kind(frame[name]) for name in frame}
    words = [name for name in frame if kinds[name] in ("words", "yes/no")]
    dates = [name for name in frame if kinds[name] == "dates"]
    if dates:
        raise DatasetError(f"columns must be numbers, got dates in {listed(dates)}: remove them, or give days or years")
    n_words = {name: frame[name].astype(str).nunique() for name in words}
    if words and options.categorical is None:
        what = listed(f"{name}{_mistyped(frame[name], kinds[name])}" for name in words)
        ways = ["remove them, as --drop does", "give --label_column for the classes", "--id_column for names"]
        ways += [f"--text_column={name} to cluster its texts" for name in words if _looks_like_text(frame[name])][:1]
        ways += ["--categorical=onehot"] * (max(n_words.values()) <= MAX_WORDS)
        raise DatasetError(f"columns must be numbers, got {what}: {', '.join(ways[:-1])}, or {ways[-1]}")
    for name in words:
        if n_missing := frame[name].isna().sum():
            rows = f"{n_missing:,} of {len(frame):,} rows"
            raise DatasetError(
                f"words are missing in column {name} ({rows}): fill them in, or leave rows or column out"
            )
        if n_words[name] > MAX_WORDS:
            reason = f"column {name} has {n_words[name]:,} different words, too many for --categorical: --drop it"
            raise DatasetError(reason)
    counts = [f"{count:,} {kind}" for kind, count in pd.Series(kinds.values()).value_counts(sort=False).items()]
    return _encoded(frame, words, kinds), "features: " + ", ".join(counts)


def _encoded(frame, words, kinds):
    """One-hot encode the columns of words; a column of yes and no becomes one, in which 1 is yes."""
    import pandas as pd

    if not words:
        return frame
    parts = []
    for name in frame:
        column = frame[name]
        if kinds[name] == "yes/no":
            parts.append(column.astype(bool).astype(float).rename(str(name)))
        elif kinds[name] == "words":
            parts.append(pd.get_dummies(column.astype(str), prefix=str(name), prefix_sep="=", dtype=float))
        else:
            parts.append(column.rename(str(name)))
    return pd.concat(parts, axis=1)


def _kind(column):
    """Return the kind of a column: 'yes/no', 'whole', 'decimal', 'dates' or 'words'."""
    import pandas as pd

    types = pd.api.types
    if types.is_bool_dtype(column.dtype) or types.infer_dtype(column, skipna=True) == "boolean":
        return "yes/no"
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        return "whole" if types.is_integer_dtype(column.dtype) else "decimal"
    if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
        return "dates"
    some = column.dropna().astype(str).head(100)
    if len(some) and some.str.contains(r"\d\D+\d").all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if pd.to_datetime(some, errors="coerce", format="mixed").notna().all():
                return "dates"
    return "words"


def _mistyped(column, kind):
    """Tell where the first word is in a column that has more numbers than words, for an error message."""
    if kind != "words":
        return f" ({kind})"
    column = column.dropna().astype(str)
    numbers = column.map(is_number)
    if not 0.5 < numbers.mean() < 1:
        return ""
    i = int(np.argmin(numbers))
    return f" ({column.iat[i]!r} in {place(column, i)})"


def _looks_like_text(column):
    """Whether a column of words, pandas.Series, holds texts: several words in a cell, and few cells alike."""
    some = column.dropna().astype(str).head(1000)
    return len(some) > 1 and some.str.split().str.len().mean() >= LONG and some.nunique() > len(some) / 2
