"""Detect the format of a table in text from its first lines: encoding, separator, decimal mark, header."""

import codecs
import csv
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest

import numpy as np

from .cells import BLANKS, FORMATS, MAX_LINE, MISSING, PREVIEW, SOME, matches, may_be_number, split
from .samples import DatasetError, is_number, listed, notice
from .vectors import is_torn, is_vector

WINDOWS = "cp1252"
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", BLANKS: "blanks"}
FEW = 10  # lines in which all cells are checked for parts of vectors
CELLS = 20_000  # cells, at most, that are read to detect how numbers are written
SURE = 0.9  # share of a column's cells that must be numbers for it to be numeric: one may be mistyped
ENOUGH = 10  # rows that are needed to know the range of a column


@dataclass(frozen=True)
class Dialect:
    """Format of a table in text.

    Attributes
    ----------
    encoding, separator, decimal : str
    thousands : str or None
    has_header : bool
    n_skipped : int
        Lines above the header or the numbers.
    words : tuple of int
        Columns that hold no numbers.
    trails : bool
        Whether every row but the header ends in a separator.
    n_words : int or None
        The number of word vectors that a first line as of word2vec announces.
    """

    encoding: str
    separator: str
    decimal: str
    thousands: str | None
    has_header: bool
    n_skipped: int
    words: tuple
    trails: bool = False
    n_words: int | None = None

    @property
    def line(self):
        """Separator, decimal comma and thousands separator as a text, for the summary."""
        marks = [f"separated by {SEPARATORS[self.separator]}"]
        if self.decimal == ",":
            marks.append("decimal commas")
        if self.thousands is not None:
            marks.append(f"thousands by {self.thousands!r}")
        return ", ".join(marks)


def encoding_of(file, tells=True):
    """Detect the encoding of a binary file.

    UTF-8, UTF-16 or UTF-32 by the byte order mark; UTF-8 if the whole file is valid UTF-8; otherwise Windows-1252,
    of which there is a notice if it `tells`."""
    start = file.read(4)
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding = "utf-8-sig"  # with or without a byte order mark
    for block in chain([start], iter(partial(file.read, 2**20), b"")):
        if b"\0" in block:
            raise DatasetError("it holds no text, or text in UTF-16 without its mark: save it in UTF-8")
        if encoding == WINDOWS:
            continue
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            if tells:
                notice("the text is not in UTF-8: read as Windows-1252, which is Latin-1 and more")
            encoding = WINDOWS
    return encoding


def describe(file, encoding, options):
    """Detect the format of a table in text, its dialect.

    Parameters
    ----------
    file : text file
    encoding : str
        Encoding of the file.
    options : options.Options

    Raises
    ------
    DatasetError
        If there is no table, or it cannot be told whether its first line is a header or what its commas mean.
    """
    lines = first_lines(file)
    n_comments = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    body = lines[n_comments:]
    if not body:
        raise DatasetError("it is empty")
    separator = separator_of(body, without=BLANKS if options.text_column is not None else None)
    n_titles = _titles(body, separator)
    rows = split(body[n_titles:], separator)
    n_skipped = n_comments + n_titles
    if n_comments and not n_titles and _names_columns(lines[n_comments - 1], rows, separator):
        n_skipped -= 1
        rows.insert(0, split([lines[n_comments - 1].lstrip("# ")], separator)[0])
    if said := [line.strip() for line in lines[:n_skipped] if line.strip()]:
        notice(f"lines above the table are left out: {listed(said, 2)}")
    trails, n_words = False, None
    if _counts_words(rows):
        n_words = int(rows[0][0])
        notice(
            f"the first line ({lines[n_skipped].strip()}) counts words and their numbers, as word2vec does: left out"
        )
        n_skipped, rows = n_skipped + 1, rows[1:]
    if len(rows) > 1 and len(rows[0]) == len(rows[1]) - 1:
        trails = not any(row[-1] for row in rows[1:])
        rows[0].insert(len(rows[0]) if trails else 0, "")  # R writes no name above the names of the rows
    decimal, thousands = number_format(rows[1:] or rows, options.decimal)
    numeric = partial(matches, decimal, thousands)
    has_header = n_words is None and has_names(rows, numeric, options)
    if has_header and (twice := [name for name, count in Counter(rows[0]).items() if name and count > 1]):
        notice(f"columns have the same name ({listed(twice)}): the second is called {twice[0]}.1, and so on")
    below = zip_longest(*rows[has_header:], fillvalue="")
    words = tuple(i for i, cells in enumerate(below) if not _holds_numbers(cells, numeric))
    return Dialect(encoding, separator, decimal, thousands, has_header, n_skipped, words, trails, n_words)


def first_lines(file):
    """Read the first lines of a text file, as many as are needed to detect its format."""
    lines, size = [], 0
    while len(lines) < PREVIEW and (len(lines) < 3 or size < 2 * MAX_LINE) and (line := file.readline(MAX_LINE)):
        if len(line) == MAX_LINE:
            raise DatasetError(f"it is no table: it has a line of more than {MAX_LINE:,} characters")
        lines.append(line)
        size += len(line)
    return lines


def separator_of(lines, without=None):
    """Detect the separator: the one that splits most lines into equally many cells, most of them numbers.

    A table of texts is not separated by blanks, the mark that it is `without`.
    """
    found = {}
    for separator in SEPARATORS:
        if separator == without:
            continue
        try:
            rows = split(lines[:SOME], separator)
        except csv.Error:  # with this separator a cell is too long
            rows = [[""]]
        if all(map(is_torn, rows[1:FEW] or rows)):
            continue
        width, n_equal = Counter(map(len, rows)).most_common(1)[0]
        cells = [cell for row in rows[1:] or rows for cell in row]
        cells = cells[:: max(1, 10 * len(cells) // CELLS)]
        found[separator] = (width > 1, n_equal / len(rows), np.mean(list(map(may_be_number, cells)) or [0]))
    if not any(is_wide for is_wide, *_ in found.values()):
        return next((separator for separator in (",", *found) if separator in found), ",")
    best = max(found, key=lambda separator: (found[separator][0], found[separator][1] * (0.1 + found[separator][2])))
    if best == BLANKS and found[best][2] < 1 and found.get("\t", ())[:2] == (True, 1):
        return "\t"  # the blanks are inside names
    return best


def _titles(lines, separator):
    """Count the title lines above a table: they have a single cell with text, where those below have many cells."""
    width = Counter(map(len, split(lines, separator))).most_common(1)[0][0]
    for i, line in enumerate(lines):
        if line.count('"') % 2:  # a cell with a line break in it
            return i
        cells = [cell for row in split([line], separator) for cell in row]
        words = list(filter(None, cells))
        if width == 1 or len(words) > 1 or words and (is_number(words[0]) or cells == ["", *words]):
            return i
    return 0


def _counts_words(rows):
    """Whether the first row is the header of word2vec: the number of words, and of numbers for each."""
    first, second = rows[0], rows[min(1, len(rows) - 1)]
    return len(first) == 2 < len(second) and all(map(str.isdecimal, first)) and len(second) == 1 + int(first[1])


def _names_columns(comment, rows, separator):
    """Whether a comment is the header of the columns, as NumPy writes it."""
    cells = split([comment.lstrip("# ")], separator)
    return len(rows[0]) > 1 and bool(cells) and len(cells[0]) == len(rows[0])


def number_format(rows, decimal=None):
    """Detect decimal mark and thousands separator: those with which most cells are numbers, the plainest of several.

    Raises
    ------
    DatasetError
        If a comma may be either.
    """
    some = rows[: max(10, CELLS // max(1, len(rows[0])))]
    cells = {cell for row in some for cell in row if any(map(str.isdigit, cell)) and not is_vector(cell)}
    if decimal != "," and all(matches(*FORMATS[0], cell) for cell in cells):
        return FORMATS[0]
    formats = [marks for marks in FORMATS if decimal in (None, marks[0])]
    counts = [sum(matches(*marks, cell) for cell in cells) for marks in formats]
    best = [marks for marks, count in zip(formats, counts) if count == max(counts)]
    if best[0] == (",", None) and (".", ",") in best:
        cell = next(cell for cell in sorted(cells) if "," in cell and matches(",", None, cell))
        raise DatasetError(
            f"it cannot be told whether {cell} has a decimal comma or thousands: give --decimal=, or --decimal=."
        )
    return best[0]


def _holds_numbers(cells, numeric):
    cells = [cell for cell in cells if cell not in MISSING]
    return bool(cells) and sum(map(numeric, cells)) >= SURE * len(cells)


def has_names(rows, numeric, options):
    """Whether the first row is a header: as the options say, or as `header_of` detects."""
    if options.header != "auto":
        return options.header == "yes"
    has_header = header_of(
        rows, numeric, {options.label_column, options.id_column, options.text_column, *options.drop} - {None}
    )
    if has_header is None:
        raise DatasetError(
            f"it cannot be told whether its first line ({listed(rows[0])}) has names: give --header=yes or --header=no"
        )
    return has_header


def header_of(rows, numeric, known=()):
    """Whether the first row names the columns, judged by the cells below it in every column.

    Parameters
    ----------
    rows : list of list of str
    numeric : callable
        Whether a cell is a number.
    known : container of str
        Names of columns that the user gave: a first row with one of them is a header.

    Returns
    -------
    bool or None
        None: it cannot be told.
    """
    first = rows[0]
    columns = [[cell for cell in cells if cell not in MISSING] for cells in zip_longest(*rows[1:], fillvalue="")]
    columns += [[] for _ in first[len(columns) :]]
    present = [i for i, cell in enumerate(first) if cell not in MISSING]
    words = [i for i in present if not numeric(first[i])]
    of_numbers = {i for i in present if _holds_numbers(columns[i], numeric)}
    above_numbers = [i for i in words if i in of_numbers]
    if any(first[i] in known for i in words):
        return True
    if any(map(is_vector, first)):
        return False
    if not words:
        return _counts(first, columns)
    if above_numbers:  # a word above numbers may also be a missing value
        return True if 2 * len(above_numbers) >= len(of_numbers) or _looks_like_names(first, columns) else None
    if any(first[i] in columns[i] for i in words):
        return False
    if len(words) == len(present):
        return True
    if _looks_like_names(first, columns):
        notice(f"the first line ({listed(first)}) is taken for a header: --header=no if it is a sample")
        return True
    repeated = [i for i in words if len(set(columns[i])) < len(columns[i])]
    return None if repeated or len(rows) == 2 else False


def _counts(first, columns):
    """Whether a first row of numbers is a header that counts the columns; None if it cannot be told."""
    numbers = first[1:] if first[0] in MISSING else first
    if len(numbers) > 2 and numbers == [str(i) for i in range(len(numbers))]:
        notice("the first line counts the columns, as pandas does: taken for a header")
        return True
    if _is_even(numbers) and len(columns[-1]) >= ENOUGH and _looks_like_names(first, columns, outside=1):
        notice(f"the first line ({listed(numbers)}) counts evenly: taken for a header, --header=no if it is a sample")
        return True
    is_ascending = (
        len(numbers) >= 5 and all(map(is_number, numbers)) and bool((np.diff(list(map(float, numbers))) > 0).all())
    )
    if is_ascending and len(columns[-1]) >= ENOUGH and _looks_like_names(first, columns, outside=1):
        return None  # wavelengths, or a sample that is out of the range of all others
    return False


def _is_even(cells):
    """Whether three numbers or more have equal steps between them."""
    if len(cells) < 3 or not all(map(is_number, cells)):
        return False
    steps = np.diff([float(cell) for cell in cells])
    return steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-3)


def _looks_like_names(first, columns, outside=0.5):
    """Whether the numbers of a first row look like names of columns.

    They do if they lie outside of the range of the numbers below in at least the share `outside` of the columns; of
    few rows, if they are evenly spaced."""
    above = [cell for cell in first if is_number(cell)]
    spans = [
        (float(cell), [float(c) for c in column if is_number(c)])
        for cell, column in zip(first, columns)
        if is_number(cell)
    ]
    spans = [(number, min(below), max(below)) for number, below in spans if below]
    if not spans:
        return False
    if len(columns[-1]) < ENOUGH:
        return _is_even(above)
    return np.mean([not low <= number <= high for number, low, high in spans]) >= outside
