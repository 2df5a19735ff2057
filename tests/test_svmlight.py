"""Sparse text: a label, and what is not 0 as feature:value."""

import warnings

import numpy as np
import pytest

from n2d.readers import files
from n2d.readers.samples import DatasetError, settled

X = np.random.default_rng(0).normal(size=(40, 5)).round(3) * (np.arange(200).reshape(40, 5) % 3 > 0)
Y = np.arange(40) % 3


def rows(x=X, labels=Y, first=1):
    pairs = (" ".join(f"{i}:{value}" for i, value in enumerate(row, first) if value) for row in x)
    return "".join(f"{label} {pair}\n" for label, pair in zip(labels, pairs))


def read(path, text, **options):
    """The dataset in a text, and the notices."""
    path.write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("ending", ["svm", "svmlight", "libsvm", "txt", "dat", "data", "csv"])
@pytest.mark.parametrize("first", [0, 1])
def test_sparse_text_is_read_with_its_classes(tmp_path, ending, first):
    data, notices = read(tmp_path / f"a.{ending}", "# by hand\n\n" + rows(first=first))
    assert np.array_equal(data.x, X) and data.y.tolist() == Y.tolist() and data.label_names == ("0", "1", "2")
    assert data.left_out == () and not notices


def test_numbers_before_the_features_that_are_no_classes_are_left_out(tmp_path):
    for labels in (np.arange(40) / 7, np.zeros(40)):
        data, _ = read(tmp_path / "a.svm", rows(labels=labels))
        assert np.array_equal(data.x, X) and data.y is None
        assert data.left_out == ("the numbers before the features, which are no classes",)
    data, _ = read(tmp_path / "a.txt", rows(labels=[""] * 40))
    assert np.array_equal(data.x, X) and data.y is None and data.left_out == ()


@pytest.mark.parametrize("first", [0, 1])
def test_new_rows_have_the_features_of_the_model_though_the_first_and_last_are_0(tmp_path, first):
    reading = settled(read(tmp_path / "a.svm", rows(first=first))[0])
    new = X * [0, 1, 1, 0, 0]
    data, _ = read(tmp_path / "new.svm", rows(new, first=first), reading=reading)
    assert np.array_equal(data.x, new)


def test_rows_of_zeros_queries_and_comments(tmp_path):
    text = "1 qid:7 1:0.5 # 12:30\n2\n3 qid:7 2:4 # 8:30\n"
    data, _ = read(tmp_path / "a.txt", text)
    assert data.x.tolist() == [[0.5, 0], [0, 0], [0, 4]] and data.label_names == ("1", "2", "3")
    with pytest.raises(DatasetError, match="it is empty"):
        read(tmp_path / "a.svm", "# nothing\n")


@pytest.mark.parametrize(
    "text", ["1 08:30 09:45\n2 10:15 12:00\n", "8:30 9:45\n10:15 12:00\n", "3 16:9 4:3\n5 4:3 3:2\n"]
)
def test_times_and_ratios_are_no_sparse_text(tmp_path, text):
    with pytest.raises(DatasetError, match="columns must be numbers|cannot be told whether its first line"):
        read(tmp_path / "a.txt", text * 10)


def test_flags_of_tables_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="--drop is not for sparse text of SVMlight's, which .*a.txt is"):
        read(tmp_path / "a.txt", rows(), drop=("0",))
