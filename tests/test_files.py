from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from n2d import metrics
from n2d.command import report
from n2d.readers import files, samples
from n2d.readers.samples import DatasetError

X = np.array([[0, 100, 3], [1, 200, 4], [2, 300, 5], [3, 400, 7]], np.float32)


def write(path, content):
    path.write_text(content)
    return path


TABLES = {
    "numbers alone": ("a.csv", "0,100,3\n1,200,4\n2,300,5\n3,400,7\n", None),
    "a header": ("a.csv", "age,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n", ("age", "height", "n")),
    "a header of numbers and words": (
        "a.csv",
        "2020,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n",
        ("2020", "height", "n"),
    ),
    "tabs": ("a.tsv", "age\theight\tn\n0\t100\t3\n1\t200\t4\n2\t300\t5\n3\t400\t7\n", ("age", "height", "n")),
    "semicolons": ("a.csv", "age;height;n\n0;100;3\n1;200;4\n2;300;5\n3;400;7\n", ("age", "height", "n")),
    "a byte order mark": ("a.csv", "\ufeffage,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n", ("age", "height", "n")),
    "quotes": (
        "a.csv",
        '"age, in years","height","n"\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n',
        ("age, in years", "height", "n"),
    ),
}


@pytest.mark.parametrize("name, text, header", TABLES.values(), ids=TABLES)
def test_tables_are_read_with_and_without_a_header(tmp_path, name, text, header):
    data = files.read(write(tmp_path / name, text))
    assert np.array_equal(data.x, X) and data.x.dtype == np.float64
    assert data.y is None and data.label_names == () and data.scale == "standard"
    assert data.feature_names == header


def test_pandas_own_header_and_count_of_rows_are_no_data(tmp_path):
    frame = pd.DataFrame(X)
    frame.to_csv(tmp_path / "header.csv", index=False)
    with pytest.warns(UserWarning, match="the first line counts the columns, as pandas does: taken for a header"):
        data = files.read(tmp_path / "header.csv")
    assert np.array_equal(data.x, X) and data.feature_names == ("0", "1", "2")
    for columns in (None, ["a", "b", "c"]):
        frame.set_axis(columns or range(3), axis=1).to_csv(tmp_path / "counted.csv")
        with pytest.warns(UserWarning, match="the first column has no name and counts the rows: left out"):
            data = files.read(tmp_path / "counted.csv")
        assert np.array_equal(data.x, X) and data.feature_names == tuple(columns or "012")


@pytest.mark.parametrize("gap", ["", "NA"])
def test_a_sample_without_a_label_belongs_to_no_class(tmp_path, gap):
    path = write(tmp_path / "a.csv", f"x,c\n0,a\n1,{gap}\n2,b\n3,a\n")
    with pytest.warns(UserWarning, match="1 of 4 samples have no label: the scores are of the others"):
        data = files.read(path, label_column="c")
    assert data.y.tolist() == [0, -1, 1, 0] and data.label_names == ("a", "b")
    assert samples.summary("a", data).startswith("a: 4 samples, 1 features, 2 classes (1 samples of none); ")
    assert data.groups[0].tolist() == [0, 2, 1, 0] and data.groups[1] == ("a", "b", "unknown")
    table = report.clusters_table(data, np.zeros(4, int), None)
    assert table["label"].tolist() == ["a", "", "b", "a"]
    with pytest.raises(DatasetError, match="no sample has a label"):
        files.read(write(path, "x,c\n0,\n1,\n"), label_column="c", header="yes")


def test_label_minus_1_is_unknown_where_there_are_other_classes():
    with pytest.warns(UserWarning, match="label -1 .1 of 4 samples. is taken for unknown: rename it if it is a class"):
        y, names = samples.classes(np.array([3.0, -1.0, 0.0, 3.0]), 4)
    assert y.tolist() == [1, -1, 0, 1] and names == ("0", "3")
    y, names = samples.classes(np.array([-1, 1, 1]), 3)
    assert y.tolist() == [0, 1, 1] and names == ("-1", "1")
    assert samples.classes(np.array([-1, 0.5, 1]), 3)[1] == ("-1.0", "0.5", "1.0")


def test_samples_of_no_class_do_not_count():
    y, labels = metrics.of_known(np.array([0, -1, 1, 1]), np.array([5, 5, 3, 3]))
    assert metrics.scores(y, labels)["acc"] == 1


@pytest.mark.parametrize("column", ["kind", "1", "-3"])
def test_a_column_of_a_table_holds_the_classes(tmp_path, column):
    path = write(tmp_path / "a.csv", "age,kind,height,n\n0,dog,100,3\n1,cat,200,4\n2,dog,300,5\n3,ant,400,7\n")
    data = files.read(path, label_column=column)
    assert np.array_equal(data.x, X)
    assert data.label_names == ("ant", "cat", "dog") and data.y.tolist() == [2, 1, 2, 0]
    assert data.feature_names == ("age", "height", "n")


def test_classes_in_words_do_not_make_the_first_row_a_header(tmp_path):
    path = write(tmp_path / "a.csv", "0,100,3,dog\n1,200,4,cat\n2,300,5,dog\n3,400,7,cat\n")
    data = files.read(path, label_column="-1")
    assert np.array_equal(data.x, X) and data.y.tolist() == [1, 0, 1, 0]


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path):
    path = write(tmp_path / "a.csv", "x,c\n0,10\n1,9\n2,10\n3,2\n")
    data = files.read(path, label_column="c")
    assert data.label_names == ("2", "9", "10") and data.y.tolist() == [2, 1, 2, 0]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(kind=list("xyxy")).to_parquet(tmp_path / "a.parquet")
    data = files.read(tmp_path / "a.parquet", label_column="kind")
    assert np.array_equal(data.x, X) and data.y.tolist() == [0, 1, 0, 1]


WRONG = {
    "words": ("a.csv", "age,name\n1,ann\n2,bob\n", "columns must be numbers, got name"),
    "a hole": (
        "a.csv",
        "age,height\n1,2\n3,\n",
        r"values are missing in column height \(1 of 2 rows\).* or give --missing=median",
    ),
    "infinity": ("a.csv", "1,2\n3,inf\n4,5\n", "line 2, column 1 is inf"),
    "nothing": ("a.csv", "", "a.csv: it is empty"),
    "a header alone": ("a.csv", "a,b\n", "a table must have rows"),
    "ragged rows": ("a.csv", "1,2\n3,4\n5,6,7\n", "a.csv cannot be read"),
    "no array": ("a.npy", "1,2", "a.npy cannot be read"),
    "no zip": ("a.npz", "1,2", "a.npz cannot be read"),
    "another kind": ("a.doc", "1,2", "a.doc must be a folder of images, or end in .npy"),
}


@pytest.mark.parametrize("name, text, message", WRONG.values(), ids=WRONG)
def test_files_that_are_no_data_are_refused(tmp_path, name, text, message):
    with pytest.raises(DatasetError, match=message):
        files.read(write(tmp_path / name, text))


def test_other_mistakes_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", "age,kind\n1,dog\n2,cat\n")
    with pytest.raises(DatasetError, match=r"--label_column sort is neither .* \(there: age, kind\)"):
        files.read(path, label_column="sort")
    np.savez(tmp_path / "two.npz", a=X, b=X)
    with pytest.raises(
        DatasetError, match=r"must have an array x, or --array=NAME must name one; it has a \(4, 3\), b \(4, 3\)"
    ):
        files.read(tmp_path / "two.npz")
    np.save(tmp_path / "flat.npy", X[0])
    with pytest.raises(DatasetError, match=r"an array must hold numbers, \(n_samples, n_features\) or images, got"):
        files.read(tmp_path / "flat.npy")
    np.save(tmp_path / "objects.npy", np.array([[None, "a"]]))
    with pytest.raises(DatasetError, match=r"objects.npy cannot be read .*: save numbers, x.astype\(float\)"):
        files.read(tmp_path / "objects.npy")
    np.savez(tmp_path / "short.npz", x=X, y=[0, 1])
    with pytest.raises(DatasetError, match="one label a sample"):
        files.read(tmp_path / "short.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty: it has no images"):
        files.read(tmp_path / "empty")


def test_numbers_that_float32_cannot_tell_apart_stay_apart(tmp_path):
    seconds = 1_700_000_000 + np.arange(40)
    (tmp_path / "times.csv").write_text("time,noise\n" + "".join(f"{s},{s % 7}\n" for s in seconds))
    np.save(tmp_path / "times.npy", np.c_[seconds, seconds % 7])
    for name in ("times.csv", "times.npy"):
        data = files.read(tmp_path / name)
        assert data.scale == "standard" and np.array_equal(data.x[:, 0], seconds)


STAND_INS = {
    "Git LFS": ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 12345\n", "git lfs pull"),
    "git-annex": ("/annex/objects/SHA256E-s12345--4d7a2.npy\n", "git annex get"),
    "a web page": ("<!DOCTYPE html>\n<html><body>data.csv, 3 kB</body></html>", "download that"),
}


@pytest.mark.parametrize(
    "file", [*(f"a{end}" for end in files.READERS if end != ".zarr"), "a.zarr/zarr.json", "a/b.png"]
)
@pytest.mark.parametrize("text, advice", STAND_INS.values(), ids=STAND_INS)
def test_a_file_that_stands_for_another_is_told_as_that(tmp_path, file, text, advice):
    if "zarr" in file:
        pytest.importorskip("zarr", reason="zarr is not installed (pip install zarr)")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    write(tmp_path / file, text)
    with pytest.raises(DatasetError, match=f"not the file itself: {advice}"):
        files.read(tmp_path / file.split("/")[0])


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_a_file_that_may_not_be_opened_is_refused(tmp_path, monkeypatch, ending):
    def refuse(path, *mode):
        raise PermissionError(13, "Permission denied", str(path))

    path = write(tmp_path / f"a.{ending}", "1,2\n")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DatasetError, match=rf"a.{ending} cannot be read \(Permission denied\)"):
        files.read(path)
