"""Read tables from files: text, Parquet, Feather, Excel."""

import bz2
import csv
import dataclasses
import gzip
import io
import lzma
import zipfile
from contextlib import contextmanager
from functools import partial
from itertools import islice

from .cells import FORMATS, MISSING, PREVIEW, matches, stray_quote
from .frames import from_frame, is_counted, position
from .samples import LINE, DatasetError, listed, notice, or_near
from .table_text import WINDOWS, describe, encoding_of, has_names

TEXTS = (".csv", ".tsv")
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@contextmanager
def opened(path):
    """Open a text file in binary mode, and decompress it if necessary."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_table(archive)) as file:
            yield file
    else:
        with PACKED.get(path.suffix.lower(), open)(path, "rb") as file:
            yield file


@contextmanager
def opened_as_text(path, encoding):
    """Open a text file, compressed or not, as text with unchanged line breaks."""
    errors = "replace" if encoding == WINDOWS else "strict"  # five bytes are undefined in Windows-1252
    with opened(path) as file, io.TextIOWrapper(file, encoding, errors, newline="") as text:
        yield text


def _only_table(archive):
    names = [name for name in archive.namelist() if name.lower().endswith(TEXTS) and not name.startswith("__MACOSX")]
    if len(names) != 1:
        raise DatasetError(f"a .zip must hold one table ({', '.join(TEXTS)}), this has {listed(names) or 'none'}")
    return names[0]


def read_text(path, options):
    """Read a table in text: detect its format, then parse it with pandas."""
    import pandas as pd

    with opened(path) as file:
        encoding = encoding_of(file)
    with opened_as_text(path, encoding) as file:
        dialect = describe(file, encoding, options)
    with opened_as_text(path, encoding) as file:
        stray = stray_quote(islice(file, dialect.n_skipped, None), dialect.separator, is_whole=True)
    if stray:
        stray += dialect.n_skipped
        notice(f"line {stray} has a quotation mark without its pair: all are read as letters")
    settings = {
        "sep": dialect.separator,
        "header": 0 if dialect.has_header else None,
        "skiprows": dialect.n_skipped,
        "decimal": dialect.decimal,
        "dtype": None if dialect.thousands is None else str,  # pandas would make a number of 01.02.2020
        "na_values": MISSING,
        "skipinitialspace": True,
        "quoting": csv.QUOTE_NONE if stray else csv.QUOTE_MINIMAL,
        "low_memory": False,
        "index_col": False if dialect.trails else None,
    }
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):  # whose default loses the last digits of long numbers
        settings["float_precision"] = "round_trip"
    with opened_as_text(path, encoding) as file:
        try:
            frame = pd.read_csv(file, **settings)
        except pd.errors.ParserError as error:
            if not stray:
                raise
            raise DatasetError(f"line {stray} has a quotation mark without its pair: remove it") from error
    with opened_as_text(path, encoding) as file:
        frame = _with_lines(frame, file, dialect)
    if dialect.n_words is not None:
        options = dataclasses.replace(options, id_column=options.id_column or "0")
        if len(frame) != dialect.n_words:
            notice(f"of the {dialect.n_words:,} words that the first line counts, {len(frame):,} are there")
    if dialect.thousands is not None:
        frame = _with_thousands(frame, dialect)
    for flag in ("id_column", "text_column") if is_counted(frame) else ():
        if (column := getattr(options, flag)) is None:
            continue
        i = position(list(map(str, frame)), flag, column)
        settings |= {"usecols": [i], "dtype": str, "na_filter": False}  # NA is a name, and 007 no number
        with opened_as_text(path, encoding) as file:
            names = pd.read_csv(file, **settings).iloc[:, 0].set_axis(frame.index)
        frame.isetitem(i, names.where(names != ""))
    if dialect.has_header:
        frame.columns = [name.lstrip("# ") if i == 0 else name for i, name in enumerate(frame)]
    return from_frame(frame, options, dialect.line)


def _with_lines(frame, file, dialect):
    """Index the frame by the lines of its rows in the file, unless rows have names or cells have line breaks."""
    import pandas as pd

    blank = " \t\r\n".replace(dialect.separator, "")  # pandas leaves such lines out
    lines = [i for i, line in enumerate(file, start=1) if i > dialect.n_skipped and line.strip(blank)]
    lines = lines[dialect.has_header :]
    if isinstance(frame.index, pd.RangeIndex) and len(lines) == len(frame):
        frame.index = pd.Index(lines, name=LINE)
    return frame


def _with_thousands(frame, dialect):
    """Convert columns of text with thousands separators to numbers."""
    import pandas as pd

    is_named = not is_counted(frame)  # the dialect counts these names as the first column
    columns = {}
    for i, name in enumerate(frame, start=int(is_named)):
        text = frame[name].str.replace(dialect.thousands, "").str.replace(dialect.decimal, ".")
        numbers = pd.to_numeric(text, errors="coerce")
        is_numeric = i not in dialect.words and numbers.notna().sum() == text.notna().sum()
        columns[name] = numbers if is_numeric else frame[name]
    return pd.DataFrame(columns)


def read_parquet(path, options):
    """Read a .parquet file."""
    import pandas as pd

    return from_frame(_with("pyarrow", pd.read_parquet, path), options)


def read_feather(path, options):
    """Read a .feather file."""
    import pandas as pd

    return from_frame(_with("pyarrow", pd.read_feather, path), options)


def read_excel(path, options):
    """Read a sheet of a workbook, the first unless another is named."""
    import pandas as pd

    with _with("openpyxl", pd.ExcelFile, path) as book:
        names = book.sheet_names
        sheet = names[0] if options.sheet is None else options.sheet
        if sheet not in names:
            raise DatasetError(f"--sheet {sheet} is not there ({or_near(sheet, names)})")
        others = [name for name in names if name != sheet]
        if others and options.sheet is None:
            notice(f"of {len(names)} sheets the first is read, {sheet}: --sheet reads another ({listed(others)})")
        return _table_in(book, sheet, options, [f"sheet {name}" for name in others])


def _table_in(book, sheet, options, left_out):
    import pandas as pd

    frame = book.parse(sheet, header=None, na_values=MISSING, nrows=PREVIEW, dtype=str)
    rows = frame.fillna("").to_numpy().tolist()
    if not rows:
        raise DatasetError("it is empty")
    n_titles = _titles(rows)
    if n_titles:
        said = [cell for row in rows[:n_titles] for cell in row if cell]
        notice(f"lines above the table are left out: {listed(said, 2)}")
    header = 0 if has_names(rows[n_titles:], partial(matches, *FORMATS[0]), options) else None
    frame = book.parse(sheet, header=header, skiprows=n_titles, na_values=MISSING)
    if is_counted(frame):
        first = n_titles + 1 + (header is not None)
        frame.index = pd.RangeIndex(first, first + len(frame), name=LINE)
    return from_frame(frame, options, left_out=left_out)


def _titles(rows):
    """Count the title rows above a table: they have at most one cell, where those below have several."""
    for i, row in enumerate(rows):
        words = [cell for cell in row if cell]
        if len(words) > 1 or words and row == ["", *words]:  # the name of a column beside names of rows
            return i
    return 0


def _with(package, reader, path):
    try:
        return reader(path)
    except ImportError as error:
        raise DatasetError(f"reading {path.suffix} needs {package} (pip install {package})") from error
