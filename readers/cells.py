"""Split the lines of a text table into cells, and recognise the numbers among them."""

import csv
import re
from collections import Counter
from functools import cache
from itertools import chain, islice

import numpy as np

from .samples import is_number
from .vectors import is_vector

MAX_LINE = 2**22  # characters of a table's line, at most
PREVIEW = 1000  # lines that are read to detect the format
SOME = 100  # of these lines, how many are examined for the usual number and kind of cells
EVEN = 0.8  # share of these with equally many cells, at least, if few cells have line breaks
MISSING = ("", "?", "-", "--", ".", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>")
BLANKS = r"\s+"
SPACES = (" ", "\u00a0", "\u202f")  # and non-breaking spaces
FORMATS = ((".", None), (",", None), (".", ","), (",", "."), *((d, t) for t in (*SPACES, "'") for d in (",", ".")))


def split(lines, separator):
    """Split lines into rows of cells; empty rows are left out."""
    quoting = csv.QUOTE_NONE if stray_quote(lines, separator) else csv.QUOTE_MINIMAL
    rows = [[cell.strip() for cell in row] for row in _parsed(lines, separator, quoting=quoting) if row]
    return rows[:-1] if len(lines) == PREVIEW else rows  # the last row may be cut, if its cells have line breaks


def _parsed(lines, separator, **settings):
    """Return a `csv.reader` of the lines, which counts those that it has read."""
    csv.field_size_limit(MAX_LINE)  # of a table with one column, a cell is a line
    if separator == BLANKS:
        separator, lines = " ", (line.replace("\t", " ").strip() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, **settings)


def stray_quote(lines, separator, is_whole=False):
    """Return the line, counted from 1, of the first unpaired quotation mark; 0 if there is none.

    Read as the start of a quoted cell, such a mark would swallow the rows after it. A cell with line breaks goes on in
    lines that are no rows, and ends at a mark with a separator behind it.

    Parameters
    ----------
    lines : iterable of str
    separator : str
    is_whole : bool
        Whether these are all lines of the file: then no cell may be open at its end.
    """
    lines = iter(lines)
    first = list(islice(lines, SOME))
    opening, opened_in, is_row = None, 0, None
    for number, line in enumerate(chain(first, lines), start=1):
        if opening is None:
            if '"' in line and _is_open(line, separator):
                opening, opened_in = line, number
            continue
        is_row = is_row or _like_most(first, separator)
        try:
            goes_on = _is_open('"' + line, separator, strict=True)
        except csv.Error:  # the cell ends, and no separator follows
            return opened_in
        is_inside = '"' not in line.replace('""', "")
        if is_row(line) and (is_inside or is_row(opening)):
            return opened_in
        if not is_inside:  # the cell ends, and another may begin
            opening, opened_in = (line, number) if goes_on else (None, 0)
    return opened_in if is_whole else 0


def _is_open(line, separator, **settings):
    """Whether a quoted cell goes on in the next line."""
    reader = _parsed([line, '"'], separator, **settings)
    next(reader)
    return reader.line_num == 2


def _like_most(lines, separator):
    """Return a function that tells whether a line has as many cells as most lines, and numbers where most have them."""

    def cells(line):
        is_cut = _is_open(line, separator)
        return next(_parsed([line], separator, quoting=csv.QUOTE_NONE if is_cut else csv.QUOTE_MINIMAL))

    rows = [row for row in map(cells, lines) if row]
    width, n_equal = Counter(map(len, rows)).most_common(1)[0]
    columns = zip(*(row for row in rows if len(row) == width))
    is_even = width > 1 and n_equal >= EVEN * len(rows)
    numeric = [i for i, column in enumerate(columns) if np.mean(list(map(may_be_number, column))) > 0.5]

    def is_row(line):
        row = cells(line)
        return is_even and len(row) == width and all(may_be_number(row[i]) for i in numeric)

    return is_row


def may_be_number(cell):
    """Whether a cell is a number in any known format, a vector, or a missing value."""
    return cell in MISSING or any(matches(*marks, cell) for marks in FORMATS)


def matches(decimal, thousands, cell):
    """Whether a cell is a number with this decimal mark and thousands separator, or a vector."""
    if is_vector(cell):
        return True
    if (decimal, thousands) == (".", None):
        return "_" not in cell and is_number(cell)
    return _pattern(decimal, thousands).fullmatch(cell) is not None


@cache
def _pattern(decimal, thousands):
    whole = r"\d+" if thousands is None else rf"(\d{{1,3}}({re.escape(thousands)}\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?{whole}({re.escape(decimal)}\d+)?([eE][+-]?\d+)?")
