"""Which line of a table is its header, and which column has the names of its rows."""

import numpy as np
import pandas as pd
import pytest
from conftest import read

from n2d.readers import files, samples
from n2d.readers.samples import DatasetError

ROWS = [[0.5, 1], [1.25, 2], [2, 3000.5], [3, 4]]


def spectra(header):
    rng = np.random.default_rng(0)
    rows = [[kind, *rng.random(3).round(3)] for kind in rng.choice(["oat", "rye"], 40)]
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows])


def test_a_header_of_wavelengths_is_no_sample(tmp_path):
    data, notices = read(tmp_path / "a.csv", spectra(["class", 400, 402, 404]), label_column="class")
    assert len(data.x) == 40 and data.feature_names == ("400", "402", "404") and data.label_names == ("oat", "rye")
    data, notices = read(tmp_path / "a.csv", spectra(["kind", 400, 402, 404]), label_column="0")
    assert len(data.x) == 40 and "is taken for a header: --header=no if it is a sample" in notices[0]
    text = "\n".join(line.split(",", 1)[1] for line in spectra(["class", 400, 402, 404]).splitlines())
    data, notices = read(tmp_path / "a.csv", text)
    assert len(data.x) == 40 and "counts evenly: taken for a header" in notices[0]
    assert len(read(tmp_path / "a.csv", text, header="no")[0].x) == 41


def test_uneven_wavelengths_above_small_numbers_are_asked_about(tmp_path):
    rows = np.random.default_rng(0).random((20, 5)).tolist()
    text = "\n".join(",".join(map(str, row)) for row in [[400, 402.5, 404.1, 409, 411], *rows])
    with pytest.raises(DatasetError, match=r"\(400, 402.5, 404.1, 409, 411\) has names: give --header=yes or"):
        read(tmp_path / "a.csv", text)
    assert len(read(tmp_path / "a.csv", text, header="yes")[0].x) == 20


def test_a_first_sample_of_a_class_is_no_header(tmp_path):
    data, notices = read(tmp_path / "a.csv", spectra(["rye", 0.4, 0.5, 0.6]), label_column="0")
    assert len(data.x) == 41 and data.feature_names is None and not notices


@pytest.mark.parametrize("header, n_samples", [("yes", 40), ("no", 41)])
def test_a_first_line_that_may_be_either_is_refused_until_a_flag_says_what_it_is(tmp_path, header, n_samples):
    text = spectra(["elm", 0.4, 0.5, 0.6])
    with pytest.raises(DatasetError, match=r"\(elm, 0.4, 0.5, 0.6\) has names: give --header=yes or --header=no"):
        read(tmp_path / "a.csv", text, label_column="0")
    assert len(read(tmp_path / "a.csv", text, label_column="0", header=header)[0].x) == n_samples


@pytest.mark.parametrize("gap", ["", "?", "NA", "nan", "-", "null"])
def test_a_gap_in_the_first_row_makes_it_no_header(tmp_path, gap):
    text = f"1,{gap},3\n4,5,6\n7,8,9\n1,2,3\n"
    with pytest.raises(DatasetError, match=r"values are missing in column 1 \(1 of 4 rows\)"):
        read(tmp_path / "a.csv", text)
    data, notices = read(tmp_path / "a.csv", text, missing="median")
    assert data.x.tolist() == [[1, 5, 3], [4, 5, 6], [7, 8, 9], [1, 2, 3]] and data.feature_names is None
    assert "filled with the median of their column: 1 (1 of 4 rows)" in notices[0]


def test_a_word_in_the_first_row_that_may_be_a_gap_is_asked_about(tmp_path):
    with pytest.raises(DatasetError, match="give --header=yes or --header=no"):
        read(tmp_path / "a.csv", "1,unknown,3,4\n4,5,6,7\n7,8,9,9\n1,2,3,0\n")


INDEXES = {
    "R": (range(1, 5), "counts"),
    "pandas": (range(4), "counts"),
    "shuffled": ((2, 0, 3, 1), "counts"),
    "a part of another table": ((17, 4, 99, 2), "names"),
    "words": (("ann", "bob", "cid", "dan"), "names"),
}


@pytest.mark.parametrize("index, what", INDEXES.values(), ids=INDEXES)
def test_names_of_rows_are_no_feature(tmp_path, index, what):
    pd.DataFrame(ROWS, columns=["a", "b"], index=index).to_csv(tmp_path / "a.csv")
    data, notices = read(tmp_path / "a.csv")
    assert data.x.tolist() == ROWS and data.feature_names == ("a", "b")
    assert data.sample_names == tuple(map(str, index))
    assert notices == [f"the first column has no name and {what} the rows: left out"]
    assert samples.summary("a", data).endswith("left out: the first column, which has no name")


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_name_of_a_single_column_beside_names_of_rows_is_no_title(tmp_path, ending):
    path, frame = tmp_path / f"a.{ending}", pd.DataFrame({"a": [1.5, 2.5, 4]}, index=["p", "q", "r"])
    if ending == "xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed (pip install openpyxl)")
    frame.to_csv(path) if ending == "csv" else frame.to_excel(path)
    data, notices = read(path)
    assert data.x.tolist() == [[1.5], [2.5], [4]] and data.feature_names == ("a",)
    assert data.sample_names == ("p", "q", "r")
    assert notices == ["the first column has no name and names the rows: left out"]


def test_a_table_that_was_saved_twice_has_two_columns_of_row_numbers(tmp_path):
    pd.DataFrame(ROWS, columns=["a", "b"]).to_csv(tmp_path / "a.csv")
    pd.read_csv(tmp_path / "a.csv").to_csv(tmp_path / "b.csv")
    data, _ = read(tmp_path / "b.csv")
    assert data.x.tolist() == ROWS and data.feature_names == ("a", "b")


def test_names_of_rows_as_r_writes_a_table(tmp_path):
    data, _ = read(tmp_path / "a.csv", '"a" "b"\n"ann" 1 2\n"bob" 3 5\n')
    assert data.x.tolist() == [[1, 2], [3, 5]] and data.sample_names == ("ann", "bob")
    assert samples.summary("a", data).endswith("left out: the names of the rows")


@pytest.mark.parametrize("first", [0, 1])
def test_a_first_column_that_counts_the_rows_is_no_feature_without_a_header_either(tmp_path, first):
    rng = np.random.default_rng(0)
    x, count = rng.normal(size=(40, 3)), rng.permutation(40) + first
    pd.DataFrame(x).assign(n=count)[["n", 0, 1, 2]].to_csv(tmp_path / "a.csv", index=False, header=False)
    with pytest.warns(UserWarning, match="the first column has no name and counts the rows: left out"):
        data = files.read(tmp_path / "a.csv")
    np.testing.assert_allclose(data.x, x)
    assert data.sample_names == tuple(map(str, count))
    pd.DataFrame(x).assign(n=count + 5)[["n", 0, 1, 2]].to_csv(tmp_path / "b.csv", index=False, header=False)
    assert files.read(tmp_path / "b.csv").x.shape == (40, 4)
