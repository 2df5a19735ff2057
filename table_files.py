"""Tables of the user's own."""

import csv
import warnings

import numpy as np

from n2d.samples import Dataset, DatasetError, classes, is_number

MAX_LINE = 2**22  # characters of a table's line


def read_text(path, options):
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
    return _from_table(frame, options)


def read_parquet(path, options):
    """Columns with types and names."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise DatasetError(f"{path}: reading .parquet needs pyarrow (pip install pyarrow)") from error
    return _from_table(frame, options)


def _from_table(frame, options):
    label_column, y, label_names = options.label_column, None, ()
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
