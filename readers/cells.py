"""The cells of a table in text: how its lines are divided into them, and which are numbers."""

import csv
import re
from functools import cache

from .samples import is_number

PREVIEW = 1000  # lines that are looked at
MISSING = ("", "?", "-", "--", ".", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>")
BLANKS = r"\s+"
SPACES = (" ", "\u00a0", "\u202f")  # and those that do not break a line
FORMATS = ((".", None), (",", None), (".", ","), (",", "."), *((d, t) for t in (*SPACES, "'") for d in (",", ".")))


def split(lines, separator):
    """The cells of each row; rows of nothing are left out."""
    rows = (line.split() for line in lines) if separator == BLANKS else csv.reader(lines, delimiter=separator)
    rows = [[cell.strip() for cell in row] for row in rows if row]
    return rows[:-1] if len(lines) == PREVIEW else rows  # the last may be half a row, if its cells have line breaks


def matches(decimal, thousands, cell):
    """Whether a cell is a number that is written with these marks."""
    if (decimal, thousands) == (".", None):
        return "_" not in cell and is_number(cell)
    return _pattern(decimal, thousands).fullmatch(cell) is not None


@cache
def _pattern(decimal, thousands):
    whole = r"\d+" if thousands is None else rf"(\d{{1,3}}({re.escape(thousands)}\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?{whole}({re.escape(decimal)}\d+)?([eE][+-]?\d+)?")
