"""Texts from tables, text files, JSON lines and folders."""

import warnings

import pytest

from n2d.readers import files
from n2d.readers.samples import DatasetError, as_words, summary


def read(path, content=None, **options):
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, " ".join(str(warning.message) for warning in caught)


def beside(data):
    return {name: as_words(column) for name, column in data.beside.items()}


def test_a_column_of_texts_with_names_and_classes(tmp_path):
    content = 'id,title,topic,year\na,"Cats, and dogs",x,1999\nb,NA,y,2000\nc,,x,2001\nd,007,y,2002\n'
    flags = {"text_column": "title", "label_column": "topic", "id_column": "id"}
    data, told = read(tmp_path / "t.csv", content, **flags)
    assert data.documents == ("Cats, and dogs", "NA", "", "007")
    assert data.x.shape == (4, 0) and data.sample_names == tuple("abcd") and data.y.tolist() == [0, 1, 0, 1]
    assert "1 of 4 texts are empty" in told and "without column year" in told
    assert beside(data) == {"year": ("1999", "2000", "2001", "2002")}
    assert summary("t", data).startswith("t: 4 samples, 2 classes; texts")


def test_one_column_of_texts_is_not_separated_by_blanks(tmp_path):
    data, _ = read(tmp_path / "t.csv", "title\na b c\nd e f\ng h\ni j k\n", text_column="title")
    assert data.documents == ("a b c", "d e f", "g h", "i j k")


def test_a_model_reads_its_column_without_a_flag(tmp_path):
    content = "title,n\na b c,1\nd e f,2\n"
    data, _ = read(tmp_path / "t.csv", content, reading={"text_column": "title"})
    assert data.documents == ("a b c", "d e f")


def test_the_refusal_of_a_table_names_its_column_of_texts(tmp_path):
    content = "kind,title\nx,a long title of words\ny,another one with words\nx,and here is a third\n"
    with pytest.raises(DatasetError, match="--text_column=title to cluster its texts"):
        read(tmp_path / "t.csv", content)


@pytest.mark.parametrize("column", ["none", "7"])
def test_no_such_column(tmp_path, column):
    with pytest.raises(DatasetError, match=f"--text_column {column} is neither a column"):
        read(tmp_path / "t.csv", "title,n\na b,1\n", text_column=column)


def test_a_txt_of_texts_has_one_a_line(tmp_path):
    data, told = read(tmp_path / "t.txt", "Cats, and dogs.\n\nIn 2020 it was so\nLast one here\n")
    assert data.documents == ("Cats, and dogs.", "In 2020 it was so", "Last one here")
    assert data.lines.tolist() == [1, 3, 4] and "empty lines are left out: 1" in told


@pytest.mark.parametrize(
    "content",
    ["1 2 3\n4 5 6\n7 8 1\n", "a,b\n1,2\n3,4\n5,6\n", "1.5\n2.5\n3.5\n"],
)
def test_a_txt_of_numbers_is_a_table(tmp_path, content):
    data, _ = read(tmp_path / "t.txt", content)
    assert data.documents is None and data.x.shape[1] > 0


def test_json_lines(tmp_path):
    content = '{"title": "a b", "kind": "x", "n": 1}\n\n{"title": null, "kind": "y", "n": 2}\n'
    data, _ = read(tmp_path / "t.jsonl", content, text_column="title", label_column="kind", id_column="n")
    assert (data.documents, data.sample_names, data.label_names) == (("a b", ""), ("1", "2"), ("x", "y"))
    assert read(tmp_path / "o.jsonl", '{"text": "a b", "n": 1}\n{"text": "c", "n": 2}\n')[0].documents == ("a b", "c")


def test_other_fields_of_json_lines_are_kept_beside_the_texts_if_they_are_one_value_each(tmp_path):
    lines = [
        '{"id": 7, "title": "a b", "year": 1999, "tags": ["x"], "good": true, "by": {"name": "z"}}',
        '{"title": "c", "id": 8, "year": null, "place": "007", "tags": "y", "score": 0.1}',
        '{"title": "d e", "id": 9, "year": 2001, "good": false, "score": NaN}',
    ]
    data, told = read(tmp_path / "t.jsonl", "\n".join(lines), text_column="title", id_column="id")
    assert beside(data) == {
        "year": ("1999", "", "2001"),
        "good": ("True", "", "False"),
        "place": ("", "007", ""),
        "score": ("", "0.1", ""),
    }
    assert data.sample_names == ("7", "8", "9")
    assert data.left_out == ("field year, tags, good, by, place and 1 more",) and "without field year, tags" in told
    data, told = read(tmp_path / "o.jsonl", '{"title": "a b"}\n{"title": "c"}\n')
    assert data.beside == {} and data.left_out == () and not told


@pytest.mark.parametrize(
    "content, said",
    [
        ('{"a": "b"}\n{"a": \n', "line 2 is no JSON"),
        ('{"title": "b"}\n{"titel": "c"}\n', r"line 2 has no field title \(did you mean titel\?\)"),
        ('{"a": "b"}\n[1]\n', "line 2 is no JSON object"),
        ('{"a": "b c d", "b": "x"}\n', "several fields are texts .* --text_column=a"),
        ('{"a": 1}\n', "no field is a text"),
        ("", "it is empty"),
    ],
)
def test_broken_json_lines_are_named(tmp_path, content, said):
    with pytest.raises(DatasetError, match=said):
        read(tmp_path / "t.jsonl", content)


def test_a_folder_of_texts_and_its_classes(tmp_path):
    for kind, name in (("x", "1"), ("x", "2"), ("y", "1")):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.txt").write_text(f"text {name} of {kind}")
    (tmp_path / "y" / "2.txt").write_bytes(b"a\0b")
    (tmp_path / "x" / "3.txt").write_bytes(b"\xe9t\xe9")
    (tmp_path / "x" / "notes.md").write_text("no")
    data, told = read(tmp_path)
    assert data.documents == ("text 1 of x", "text 2 of x", "été", "text 1 of y")
    assert data.label_names == ("x", "y") and data.sample_names[0].startswith("x")
    assert "2.txt" in told and "notes.md" in told and "not in UTF-8" in told
    with pytest.raises(DatasetError, match="cannot be read"):
        read(tmp_path, strict=True)


def test_nul_bytes_and_other_encodings(tmp_path):
    with pytest.raises(DatasetError, match="no text"):
        read(tmp_path / "t.csv", b"title\na\0b\n", text_column="title")
    data, told = read(tmp_path / "u.csv", b"title\n\xe9t\xe9 chaud\nhiver\n", text_column="title")
    assert data.documents == ("été chaud", "hiver") and "Windows-1252" in told
