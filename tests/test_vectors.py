"""Columns of a table whose cells are vectors."""

import warnings

import numpy as np
import pandas as pd
import pytest

from n2d.readers import files
from n2d.readers.samples import DatasetError

X = np.random.default_rng(0).normal(size=(40, 6)).round(3)
NAMES = [f"text {i}" for i in range(40)]
FEATURES = tuple(f"v[{i}]" for i in range(6))


def read(path, **options):
    """The dataset in a file, and the notices."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


def table(vectors):
    return pd.DataFrame({"name": NAMES, "v": vectors, "n": range(40), "kind": list("xy") * 20})


WAYS = {
    "lists": lambda row: row.tolist(),
    "arrays": lambda row: row,
    "arrays in float32": lambda row: row.astype(np.float32),
    "lists of lists": lambda row: row.reshape(2, 3).tolist(),
    "lists in words": lambda row: str(row.tolist()),
    "NumPy's numbers in a list": lambda row: str(list(row)),
    "NumPy's arrays in words": str,
    "a list of lists in words": lambda row: str(row.reshape(2, 3).tolist()),
}


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS)
def test_vectors_in_a_column_are_as_many_features_beside_names_and_classes(tmp_path, write, ending):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    frame, path = table([write(row) for row in X]), tmp_path / f"a.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_feather(path)
    data, _ = read(path, id_column="name", label_column="kind")
    np.testing.assert_allclose(data.x, np.c_[X, range(40)], rtol=1e-6)
    assert data.feature_names == (*FEATURES, "n") and data.kinds == "features: 6 decimal, 1 whole"
    assert data.sample_names == tuple(NAMES) and data.label_names == ("x", "y")


def test_lists_of_one_length_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    from pyarrow import parquet

    parquet.write_table(
        pa.table({"v": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 6)}), tmp_path / "a.parquet"
    )
    assert np.array_equal(read(tmp_path / "a.parquet")[0].x, X)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("write", list(WAYS.values())[4:], ids=list(WAYS)[4:])
def test_vectors_in_words(tmp_path, write, separator):
    frame = table([write(row) for row in X])
    frame.to_csv(tmp_path / "a.csv", sep=separator, index=False)
    data, _ = read(tmp_path / "a.csv", id_column="name", label_column="kind")
    assert np.array_equal(data.x, np.c_[X, range(40)]) and data.feature_names == (*FEATURES, "n")
    frame[["v"]].to_csv(tmp_path / "a.csv", sep=separator, index=False)
    assert np.array_equal(read(tmp_path / "a.csv")[0].x, X)
    frame[["v"]].to_csv(tmp_path / "a.csv", sep=separator)
    data, _ = read(tmp_path / "a.csv")
    assert np.array_equal(data.x, X) and data.feature_names == FEATURES


@pytest.mark.parametrize("write", [str, lambda row: str(row.tolist())])
def test_lines_of_vectors_without_quotation_marks_or_a_header(tmp_path, write):
    (tmp_path / "a.txt").write_text("".join(f"{write(row)}\n" for row in X))
    data, notices = read(tmp_path / "a.txt")
    assert np.array_equal(data.x, X) and data.feature_names is None and not notices


def test_brackets_in_words_and_names_are_no_vectors(tmp_path):
    rows = "".join(f"{'[sic' if i % 3 else '[12'} {i},{i / 7},{i / 3}\n" for i in range(20))
    (tmp_path / "a.csv").write_text(f"name,length [mm],b]\n{rows}")
    data, _ = read(tmp_path / "a.csv", id_column="name")
    assert data.feature_names == ("length [mm]", "b]") and data.sample_names[:2] == ("[12 0", "[sic 1")


def test_long_arrays_that_numpy_wrote_on_several_lines(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 50))
    pd.DataFrame({"v": [str(row) for row in x]}).to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_allclose(read(tmp_path / "a.csv")[0].x, x, atol=1e-7)


def test_vectors_in_a_workbook(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (pip install openpyxl)")
    table([str(row.tolist()) for row in X]).to_excel(tmp_path / "a.xlsx", index=False)
    assert np.array_equal(read(tmp_path / "a.xlsx", drop=("name", "kind", "n"))[0].x, X)


ODD = {
    "of another length": ("[1, 2]", "of one length: line 2 has 6 numbers, line 9 has 2$"),
    "of words": ("[1, 2, 3, 4, 5, six]", "of numbers, in line 9: could not convert string to float: 'six'"),
    "none": ("one", "of numbers, in line 9: could not convert string to float: 'one'"),
    "cut by NumPy": ("[1 2 3 ... 8 9]", "of numbers, in line 9: NumPy has left numbers out, as it does on a screen"),
}


@pytest.mark.parametrize("cell, message", ODD.values(), ids=ODD)
def test_a_vector_unlike_the_others_is_refused_with_its_row(tmp_path, cell, message):
    vectors = [str(row.tolist()) for row in X]
    vectors[7] = cell
    table(vectors).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DatasetError, match=f"column v must hold vectors {message}"):
        read(tmp_path / "a.csv", drop=("name", "kind"))


def test_a_vector_that_is_missing_has_missing_values(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    table([None, *X[1:]]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=r"missing in column v\[0\] \(1 of 40 rows\), v\[1\]"):
        read(tmp_path / "a.parquet", drop=("name", "kind"))
    data, _ = read(tmp_path / "a.parquet", drop=("name", "kind", "n"), missing="median")
    assert np.array_equal(data.x[0], np.median(X[1:], axis=0))


@pytest.mark.parametrize("cell", [{"bytes": b"1"}, b"1 2", None], ids=["records", "bytes", "nothing"])
def test_columns_of_other_things_are_refused_by_name(tmp_path, cell):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    table([cell] * 40).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=r"column.* v\b"):
        read(tmp_path / "a.parquet", drop=("name", "kind"))
