"""The columns of the user's file that are not clustered, for a page."""

import numpy as np

from ..readers.samples import as_words, is_number, writable

CELLS = 2_400_000  # of all these columns together, at most
SHORTEST, LONGEST = 20, 200  # characters of a cell, at most: of many cells, and of few
CHARACTERS = 20_000_000  # of all cells together


def packed(columns, order):
    """Return what the page knows of the columns: a dict of each for its header, and an array of each.

    Parameters
    ----------
    columns : dict of str to pandas.Series
        See `samples.Dataset`, `beside`.
    order : ndarray of int, shape (n_points,)
        The samples that are on the page.

    Returns
    -------
    about : list of dict
        `name`, and `values`: its different words, in the order of its categories, or else of the alphabet; None of a
        column of numbers.
    arrays : dict of ndarray, shape (n_points,)
        `beside 0`, ...: numbers, float64, or positions in `values`, uint32.
    """
    about, arrays = [], {}
    most = min(len(columns), max(1, CELLS // len(order)))
    longest = min(LONGEST, max(SHORTEST, CHARACTERS // (len(order) * max(1, most))))
    for name in list(columns)[:most]:
        column, values = columns[name].iloc[order], None
        categories = getattr(column.dtype, "categories", None)
        cells = as_words(column)
        if categories is None and all(is_number(cell) and np.isfinite(float(cell)) for cell in cells):
            array = np.array(cells, dtype=np.float64)
        else:
            cells = _shortened(cells, longest)
            values = sorted(set(cells))
            if categories is not None:
                rank = {word: i for i, word in enumerate(_shortened(map(str, categories), longest))}
                values.sort(key=lambda word: rank.get(word, -1))  # a missing value is no category
            place = {value: i for i, value in enumerate(values)}
            array = np.array([place[cell] for cell in cells], dtype=np.uint32)
        arrays[f"beside {len(about)}"] = array
        about.append({"name": name, "values": values})
    return about, arrays


def _shortened(cells, longest):
    """Cut off the ends of long cells, and escape what cannot be written."""
    cells = map(writable, cells)
    return [cell if len(cell) <= longest else f"{cell[: longest - 1]}\N{HORIZONTAL ELLIPSIS}" for cell in cells]
