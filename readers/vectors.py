"""Expand table columns whose cells are vectors: lists, arrays, or their text form in Python, JSON or NumPy."""

import re

import numpy as np

from .samples import LINE, DatasetError

WRITTEN = re.compile(r"\[[\[\s]*(np\.\w+\()?[-+]?\.?(\d|nan|inf).*\]", re.DOTALL | re.IGNORECASE)
END = re.compile(r"\[\s*(np\.\w+\(|[-+.]*\d|$)|([\d.)]|^)\s*\]")
MARKS = str.maketrans("[](),", "     ")


def is_vector(cell):
    """Whether a cell is a list or an array, or the text form of one of numbers."""
    if isinstance(cell, str):
        return WRITTEN.fullmatch(cell.strip()) is not None
    return isinstance(cell, (list, tuple, np.ndarray))


def is_torn(row):
    """Whether a cell of a row has only the start or the end of a vector, as a wrong separator leaves it."""
    return any(("[" in cell) != ("]" in cell) and END.search(cell) for cell in row)


def unfolded(frame):
    """Expand each column of vectors to a column for each number: `v` becomes `v[0]`, `v[1]`, ...

    Raises
    ------
    DatasetError
        If vectors have several lengths, or hold anything but numbers; the message names column and row.
    """
    import pandas as pd

    words = frame.select_dtypes(["object", "string"])
    folded = {name for name in words if words[name].dropna().head(1).map(is_vector).any()}
    if not folded:
        return frame
    parts = [_numbers(frame[name]) if name in folded else frame[[name]] for name in frame]
    whole = pd.concat(parts, axis=1)
    return whole if frame.columns.dtype.kind != "i" else whole.set_axis(range(whole.shape[1]), axis=1)


def _numbers(column):
    """Return a frame with the numbers of a column of vectors; NaN where a vector is missing."""
    import pandas as pd

    numbers = None
    for i in np.flatnonzero(column.notna()):
        try:
            vector = _vector(column.iat[i])
        except (TypeError, ValueError) as error:
            reason = f"column {column.name} must hold vectors of numbers, in {place(column, i)}: {error}"
            raise DatasetError(reason) from error
        if numbers is None:
            first, numbers = i, np.full((len(column), len(vector)), np.nan)
        if len(vector) != numbers.shape[1]:
            lengths = f"{place(column, first)} has {numbers.shape[1]} numbers, {place(column, i)} has {len(vector)}"
            raise DatasetError(f"column {column.name} must hold vectors of one length: {lengths}")
        numbers[i] = vector
    return pd.DataFrame(numbers, column.index, [f"{column.name}[{k}]" for k in range(numbers.shape[1])])


def _vector(cell):
    if isinstance(cell, str):
        if "..." in cell:
            raise ValueError("NumPy has left numbers out, as it does on a screen: write all, or save with np.save")
        cell = re.sub(r"np\.\w+", "", cell).translate(MARKS).split()  # as NumPy 2 writes its numbers in a list
    elif isinstance(cell, np.ndarray) and cell.dtype == object:
        cell = cell.tolist()  # lists in a list
    return np.asarray(cell, np.float64).ravel()


def place(rows, i):
    """Describe the position of a row, by its line in the file if that is known."""
    return f"{'line' if rows.index.name == LINE else 'row'} {rows.index[i]}"
