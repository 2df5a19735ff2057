"""Tables however they are written: separators, encodings, packed and other formats, and what is in their columns."""

import gzip
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import read

from n2d.readers import files, samples
from n2d.readers.samples import DatasetError

ROWS = [[0.5, 100, 3], [1.25, 200, 4], [2, 3000.5, 5], [3, 400, 7]]


def table(separator=",", number=str):
    lines = [["a", "b", "c"], *([number(value) for value in row] for row in ROWS)]
    return "".join(separator.join(line) + "\n" for line in lines)


def european(value):
    return f"{value:,}".replace(",", "_").replace(".", ",").replace("_", ".")


SPELLINGS = {
    "commas": (table(","), "commas"),
    "semicolons": (table(";"), "semicolons"),
    "tabs": (table("\t"), "tabs"),
    "bars": (table("|"), "bars"),
    "blanks": (table("  "), "blanks"),
    "decimal commas": (table(";", lambda value: str(value).replace(".", ",")), "semicolons, decimal commas"),
    "decimal commas and tabs": (table("\t", lambda value: str(value).replace(".", ",")), "tabs, decimal commas"),
    "decimal commas and blanks": (table(" ", lambda value: str(value).replace(".", ",")), "blanks, decimal commas"),
    "decimal commas and points": (table(";", european), "semicolons, decimal commas, thousands by '.'"),
    "thousands in quotes": (table(",", lambda value: f'"{value:,}"'), "commas, thousands by ','"),
    "thousands by blanks": (
        table(";", lambda value: f"{value:,}".replace(",", "\u202f").replace(".", ",")),
        r"semicolons, decimal commas, thousands by '\u202f'",
    ),
    "blanks after commas": (table(", "), "commas"),
    "comments above": ("# by hand\n# in 2020\n" + table(), "commas"),
    "a title above": ("Measured by hand\n\n" + table(), "commas"),
    "numpy.savetxt": ("# " + table(), "commas"),
    "separators at the ends": (table().replace("\n", ",\n"), "commas"),
    "separators at the ends but of the header": (table().replace("\n", ",\n").replace("c,", "c"), "commas"),
    "empty rows at the end": (table() + ",,\n,,\n", "commas"),
    "a row of the lines of Windows": (table().replace("\n", "\r\n"), "commas"),
}


@pytest.mark.parametrize("text, how", SPELLINGS.values(), ids=SPELLINGS)
def test_a_table_is_read_however_it_is_written(tmp_path, text, how):
    (tmp_path / "a.csv").write_bytes(text.encode())
    data, _ = read(tmp_path / "a.csv")
    assert data.x.tolist() == ROWS and data.feature_names == ("a", "b", "c")
    assert data.kinds.endswith(f"separated by {how}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_table_is_read_in_the_encoding_that_it_has(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(table().replace("a", "Größe").encode(encoding))
    data, notices = read(tmp_path / "a.csv")
    assert data.x.tolist() == ROWS and data.feature_names == ("Größe", "b", "c")
    assert bool(notices) == (encoding == "latin-1")


def test_line_breaks_in_quotes_do_not_end_a_row(tmp_path):
    data, _ = read(tmp_path / "a.csv", '"the\nage",b\n1,2\n3,5\n')
    assert data.x.tolist() == [[1, 2], [3, 5]] and data.feature_names == ("the\nage", "b")


def test_a_wide_table_with_semicolons_is_no_single_cell(tmp_path):
    x = np.random.default_rng(0).random((3, 30_000)).round(4) * 4
    pd.DataFrame(x).add_prefix("gene").to_csv(tmp_path / "a.csv", sep=";", decimal=",", index=False)
    assert np.array_equal(read(tmp_path / "a.csv")[0].x, x)


def test_packed_tables(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(table())
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("folder/b.csv", table(";"))
        archive.writestr("__MACOSX/folder/._b.csv", "\0")
    (tmp_path / "C.CSV").write_text(table())
    for name in ("a.csv.gz", "b.zip", "C.CSV"):
        assert read(tmp_path / name)[0].x.tolist() == ROWS
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as archive:
        archive.writestr("c.csv", table())
    with pytest.raises(DatasetError, match="must hold one table .*, this has folder/b.csv, c.csv"):
        read(tmp_path / "b.zip")


def test_feather(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    pd.DataFrame(ROWS, columns=["a", "b", "c"]).to_feather(tmp_path / "a.feather")
    data, _ = read(tmp_path / "a.feather")
    assert data.x.tolist() == ROWS and data.feature_names == ("a", "b", "c")


def test_excel(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (pip install openpyxl)")
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        frame.to_excel(book, sheet_name="first", index=False)
        frame[["c"]].to_excel(book, sheet_name="second", index=False)
    data, notices = read(tmp_path / "a.xlsx")
    assert data.x.tolist() == ROWS and data.feature_names == ("a", "b", "c")
    assert notices == ["of 2 sheets the first is read, first: --sheet reads another (second)"]
    assert data.left_out == ("sheet second",)
    data, notices = read(tmp_path / "a.xlsx", sheet="second")
    assert data.feature_names == ("c",) and data.left_out == ("sheet first",) and not notices
    with pytest.raises(DatasetError, match=r"--sheet secnd is not there \(did you mean second\?\)"):
        read(tmp_path / "a.xlsx", sheet="secnd")
    frame.to_excel(tmp_path / "b.xlsx", index=False, header=False)
    assert read(tmp_path / "b.xlsx")[0].x.tolist() == ROWS


def test_a_package_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pd, "ExcelFile", lambda path: __import__("no_such_package"))
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(DatasetError, match=r"reading .xlsx needs openpyxl \(pip install openpyxl\)"):
        read(tmp_path / "a.xlsx")


def test_a_comma_that_may_divide_thousands_is_asked_about(tmp_path):
    text = "a;b\n1,234;1\n2,345;2\n"
    with pytest.raises(DatasetError, match="whether 1,234 has a decimal comma or thousands: give --decimal=, or"):
        read(tmp_path / "a.csv", text)
    assert read(tmp_path / "a.csv", text, decimal=",")[0].x.tolist() == [[1.234, 1], [2.345, 2]]
    assert read(tmp_path / "a.csv", text, decimal=".")[0].x.tolist() == [[1234, 1], [2345, 2]]


def test_dates_with_points_are_no_thousands(tmp_path):
    with pytest.raises(DatasetError, match="got dates in day: remove them, or give days or years"):
        read(tmp_path / "a.csv", "day;b\n01.02.2020;1.234,5\n02.02.2020;2.345,5\n")


MIXED = "height,kind,smoker\n1,cat,True\n2,dog,False\n3,cat,False\n5,cow,True\n"


def test_words_and_yes_and_no_are_refused_by_name_or_encoded(tmp_path):
    with pytest.raises(DatasetError, match=r"got kind, smoker \(yes/no\): remove them, .* or --categorical=onehot"):
        read(tmp_path / "a.csv", MIXED)
    data, _ = read(tmp_path / "a.csv", MIXED, categorical="onehot")
    assert data.feature_names == ("height", "kind=cat", "kind=cow", "kind=dog", "smoker")
    assert data.x.tolist() == [[1, 1, 0, 0, 1], [2, 0, 0, 1, 0], [3, 1, 0, 0, 0], [5, 0, 1, 0, 1]]
    assert data.kinds.startswith("features: 1 whole, 1 words, 1 yes/no")
    many = "a,kind\n" + "".join(f"{i},w{i}\n" for i in range(200))
    with pytest.raises(DatasetError, match="column kind has 200 different words, too many"):
        read(tmp_path / "a.csv", many, categorical="onehot")
    with pytest.raises(DatasetError, match="got kind: remove them, .* for the classes, or --id_column for names$"):
        read(tmp_path / "a.csv", many)  # and no --categorical, which would be refused


def test_a_missing_word_is_a_missing_value(tmp_path):
    with pytest.raises(DatasetError, match=r"words are missing in column kind \(1 of 4 rows\)"):
        read(tmp_path / "a.csv", MIXED.replace("dog", ""), categorical="onehot")


def test_a_mistyped_number_is_shown(tmp_path):
    with pytest.raises(DatasetError, match=r"columns must be numbers, got b \('4o' in line 3\)"):
        read(tmp_path / "a.csv", "a,b\n1,2\n3,4o\n5,6\n7,8\n")


@pytest.mark.parametrize("above", ["", "# a comment\n", "Weights\n\n", "\n"])
def test_lines_are_told_as_an_editor_counts_them(tmp_path, above):
    text = f"{above}a,b\n1,2\n\n   \n3,4\n,\n5,{{}}\n7,8\n"
    line = 1 + next(i for i, line in enumerate(text.splitlines()) if line.startswith("5,"))
    for wrong in ("6x", "inf"):
        with pytest.raises(DatasetError, match=rf"line {line}\b"):
            read(tmp_path / "a.csv", text.format(wrong))


def test_lines_of_a_workbook_are_those_of_its_sheet(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (pip install openpyxl)")
    pd.DataFrame({"a": [1, 2, 3], "b": [4, "x", 6], "c": [1, 1, 2]}).to_excel(tmp_path / "a.xlsx", index=False)
    with pytest.raises(DatasetError, match=r"'x' in line 3"):
        read(tmp_path / "a.xlsx")


def test_a_column_names_the_samples_and_others_are_dropped(tmp_path):
    text = "who,a,b,kind,note\nann,1,2,x,ok\nbob,3,4,y,\ncem,5,7,x,ok\n,8,9,y,-\n"
    data, _ = read(tmp_path / "a.csv", text, id_column="who", label_column="3", drop=("note", "2"))
    assert data.sample_names == ("ann", "bob", "cem", "") and data.feature_names == ("a",)
    assert data.y.tolist() == [0, 1, 0, 1] and data.x.tolist() == [[1], [3], [5], [8]]
    assert data.left_out == ("column note, b",)
    beside = {name: samples.as_words(column) for name, column in data.beside.items()}
    assert beside == {"b": ("2", "4", "7", "9"), "note": ("ok", "", "ok", "")}  # - is a missing value


def test_missing_values_are_refused_with_columns_and_counts_or_filled(tmp_path):
    text = "a,b,c\n1,2,\n3,,\n5,7,1\n8,9,2\n"
    with pytest.raises(DatasetError, match=r"column b \(1 of 4 rows\), c \(2 of 4 rows\): fill them in"):
        read(tmp_path / "a.csv", text)
    data, _ = read(tmp_path / "a.csv", text, missing="median")
    assert data.x.tolist() == [[1, 2, 1.5], [3, 7, 1.5], [5, 7, 1], [8, 9, 2]]


@pytest.mark.parametrize("options", [{}, {"missing": "median"}])
def test_a_column_without_any_value_is_named_and_no_constant(tmp_path, options):
    (tmp_path / "a.csv").write_text("a,b,c\n1,,3\n2,,4\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DatasetError, match="column b has no value: leave it out, as --drop does$"):
            files.read(tmp_path / "a.csv", **options)
    assert read(tmp_path / "a.csv", drop=("b",))[0].x.tolist() == [[1, 3], [2, 4]]


def test_columns_that_look_odd_are_named(tmp_path):
    text = "id,class,k,a,a\n" + "".join(f"{7 * i % 40},{i % 2},1,{i / 7},{i / 3}\n" for i in range(40))
    data, notices = read(tmp_path / "a.csv", text)
    assert data.feature_names == ("id", "class", "k", "a", "a.1")
    assert "columns have the same name (a): the second is called a.1" in notices[0]
    assert "column id has another whole number in every row, and is clustered" in notices[1]
    assert "column class is clustered: give --label_column=class" in notices[2]
    assert "column k has one value in all rows" in notices[3]
    assert samples.summary("a", data) == (
        "a: 40 samples, 5 features; features: 3 whole, 2 decimal; separated by commas; left out: nothing"
    )
    _, notices = read(tmp_path / "a.csv", text, label_column="class")
    assert not any("--label_column" in notice for notice in notices)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_seconds_of_the_unix_epoch_lose_nothing(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    seconds, path = 1_700_000_000.25 + np.arange(40), tmp_path / f"a.{ending}"
    frame = pd.DataFrame({"t": seconds, "u": seconds % 7})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    data, _ = read(path)
    assert data.scale == "standard" and np.array_equal(data.x[:, 0], seconds)


def test_numbers_of_many_digits_are_read_to_the_last_one(tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.random((200, 3)) * 10.0 ** rng.integers(-12, 12, (200, 3))
    pd.DataFrame(numbers, columns=["a", "b", "c"]).to_csv(tmp_path / "a.csv", index=False)
    assert np.array_equal(read(tmp_path / "a.csv")[0].x, numbers)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "double[pyarrow]", "int64[pyarrow]"])
def test_nullable_and_arrow_columns(tmp_path, dtype):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    frame = pd.DataFrame({"a": [1, 2, None], "b": [3, 5, 4]}).astype(dtype)
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=r"column a \(1 of 3 rows\)"):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", missing="median")[0].x.tolist() == [[1, 3], [2, 5], [1.5, 4]]


def test_an_index_of_parquet_names_the_samples(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    pd.DataFrame(ROWS, columns=["a", "b", "c"], index=["p", "q", "r", "s"]).to_parquet(tmp_path / "a.parquet")
    data, _ = read(tmp_path / "a.parquet")
    assert data.sample_names == ("p", "q", "r", "s") and data.x.tolist() == ROWS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp1252"])
def test_text_of_other_encodings_keeps_its_names(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("Größe,€,n\n1,2,3\n2,3,4\n".encode(encoding))
    data, _ = read(tmp_path / "a.csv")
    assert data.feature_names == ("Größe", "€", "n")


def test_utf_16_without_its_mark_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b\n1,2\n3,4\n".encode("utf-16-le"))
    with pytest.raises(DatasetError, match="it holds no text, or text in UTF-16 without its mark: save it in UTF-8"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", ["txt", "dat", "data"])
def test_text_under_its_plainer_names(tmp_path, ending):
    np.savetxt(tmp_path / f"a.{ending}", [[0.5, 2], [3, 4]])
    data, _ = read(tmp_path / f"a.{ending}")
    assert data.x.tolist() == [[0.5, 2], [3, 4]] and data.feature_names is None


def test_numbers_that_are_written_as_words_are_numbers(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    frame = pd.DataFrame({"a": ["1.5", "2", None], "b": [1, 2, 3], "c": pd.Categorical(["1", "2", "1"])})
    frame[["a", "b"]].to_parquet(tmp_path / "a.parquet")
    data, notices = read(tmp_path / "a.parquet", missing="median")
    assert data.x.tolist() == [[1.5, 1], [2, 2], [1.75, 3]]
    assert notices[0] == "column a holds numbers as words: read as numbers"
    frame[["b", "c"]].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match="columns must be numbers, got c: remove them"):
        read(tmp_path / "a.parquet")
    data, _ = read(tmp_path / "b.csv", "a,b\n" + "".join(f"{10**30 + i},{i}\n" for i in range(3)))
    assert data.x[:, 0].tolist() == [1e30] * 3


def test_a_title_above_a_table_in_excel_is_left_out(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed (pip install openpyxl)")
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"a": [1.5, 2], "b": [3, 4]}).to_excel(book, startrow=2, index=False)
        book.book.active["A1"] = "Of Monday"
    data, notices = read(tmp_path / "a.xlsx")
    assert data.x.tolist() == [[1.5, 3], [2, 4]] and data.feature_names == ("a", "b")
    assert notices == ["lines above the table are left out: Of Monday"]
