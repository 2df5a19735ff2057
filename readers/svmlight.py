"""Read sparse text of SVMlight and LIBSVM: each line has a label, and the non-zero features as feature:value."""

import io
import re
from itertools import pairwise

import numpy as np

from .array_files import dense
from .samples import Dataset, DatasetError, classes

ROW = re.compile(rb"\s*(\d+:)?[-+.\deE]+(\s+qid:\d+)?(\s+\d+:[-+.\deE]+)*\s*(#.*)?")
START = 2**22  # bytes that are read to recognise the format: a row may be long


def is_svmlight(path):
    """Whether a text is in SVMlight's format, judged by its first rows.

    The numbers of the features must ascend, and the values must not all look like minutes, as in 12:30."""
    with path.open("rb") as file:
        lines = file.read(START).splitlines()
    lines = lines[:-1] or lines  # the last may be cut
    rows = [line for line in lines if line.strip() and not line.startswith(b"#")]
    if not rows or not all(map(ROW.fullmatch, rows)):
        return False
    pairs = [re.findall(rb"\b(\d+):(\S+)", row.split(b"#")[0]) for row in rows]
    ascends = all(int(first[0]) < int(second[0]) for row in pairs for first, second in pairwise(row))
    return ascends and not all(re.fullmatch(rb"\d\d", value) for row in pairs for _, value in row)


def read_svmlight(path, options):
    """Read a file in SVMlight's format; whole numbers before the features are classes."""
    from sklearn.datasets import load_svmlight_file

    reading = options.reading or {}
    lines = path.read_bytes().splitlines(keepends=True)
    rows = [line for line in lines if line.strip() and not line.startswith(b"#")]
    if not rows:
        raise DatasetError("it is empty")
    is_labelled = b":" not in rows[0].split()[0]
    text = b"".join(rows if is_labelled else (b"0 " + row for row in rows))
    x, y = load_svmlight_file(io.BytesIO(text), zero_based=True)
    is_zero_based = reading.get("zero_based", x[:, 0].nnz > 0)  # a new point may have no feature 0, or not the last
    x = x[:, 0 if is_zero_based else 1 :]
    x.resize(len(y), max(x.shape[1], len(reading.get("medians", ()))))
    are_classes = is_labelled and np.array_equal(y, np.rint(y)) and np.ptp(y) > 0
    left_out = ("the numbers before the features, which are no classes",) * (is_labelled and not are_classes)
    y, label_names = classes(y, len(y)) if are_classes else (None, ())
    kept = {"zero_based": bool(is_zero_based)}
    return Dataset(dense(x), y, label_names, scale=None, kinds="features: sparse", left_out=left_out, reading=kept)
