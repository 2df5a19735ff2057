"""Tables in text whose marks mean something else than they usually do."""

import warnings

import numpy as np
import pandas as pd
import pytest

from n2d.readers import files
from n2d.readers.samples import DatasetError

X = np.random.default_rng(0).normal(size=(40, 3)).round(3)


def read(path, text, **options):
    """The dataset in a text, and the notices."""
    path.write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


def named(names, separator, header=""):
    """A table of X with a name in each row."""
    rows = (separator.join([name, *map(str, row)]) for name, row in zip(names, X))
    return header + "".join(f"{row}\n" for row in rows)


def with_marks(names):
    return [names.get(i, f"ant {i}") for i in range(len(X))]


STRAY = {
    "two names that begin with one": (with_marks({5: '"ant 5', 20: '"ant 20'}), "\t", 6),
    "one name that begins with one": (with_marks({5: '"ant 5'}), "\t", 6),
    "the last name begins with one": (with_marks({39: '"ant 39'}), ",", 40),
    "a word that is one": (["the", ",", '"', *(f"ant{i}" for i in range(37))], " ", 3),
    "two words that are one": (["the", ",", '"', '"', *(f"ant{i}" for i in range(36))], " ", 3),
    "far below": (with_marks({30: '"ant 30', 33: '"ant 33'}), ";", 31),
}


@pytest.mark.parametrize("names, separator, line", STRAY.values(), ids=STRAY)
def test_a_quotation_mark_without_its_pair_swallows_no_rows(tmp_path, names, separator, line):
    data, notices = read(tmp_path / "a.txt", named(names, separator), id_column="0", header="no")
    assert np.array_equal(data.x, X) and list(data.sample_names) == names
    assert notices == [f"line {line} has a quotation mark without its pair: all are read as letters"]


def test_a_quotation_mark_without_its_pair_is_refused_by_its_line_where_others_are_needed(tmp_path):
    names = with_marks({5: '"ant 5', 20: '"ant 20', 30: '"ant, the 30th"'})
    with pytest.raises(DatasetError, match="line 8 has a quotation mark without its pair: remove it"):
        read(tmp_path / "a.csv", named(names, ",", "# by hand\nname,a,b,c\n"), id_column="name")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_with_line_breaks_separators_and_marks_are_no_rows(tmp_path, separator, place):
    texts = ["He came\nand saw, 5, 6", 'a 5" pipe', "1, 2\n3; 4\n\n5\t6", "plain"] * 10
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.insert(min(place, 3), "note", texts)
    data, notices = read(tmp_path / "a.csv", frame.to_csv(sep=separator, index=False), drop=("note",), header="yes")
    assert np.array_equal(data.x, X) and not notices


def test_blanks_in_names_do_not_divide_a_table_of_tabs(tmp_path):
    names = [f"ant {i}" for i in range(40)]
    data, _ = read(tmp_path / "a.tsv", named(names, "\t", "name\ta\tb\tc\n"), id_column="name")
    assert np.array_equal(data.x, X) and list(data.sample_names) == names
    text = "".join(f"{a} {b}\t{c}\n" for a, b, c in X)
    assert np.array_equal(read(tmp_path / "b.txt", text)[0].x, X)


WORDS = ["the", ",", '"', "NA", "null", "-", ".", "007", *(f"ant{i}" for i in range(32))]


@pytest.mark.parametrize("ending", ["txt", "vec"])
def test_the_count_above_word_vectors_is_no_sample_and_words_are_names(tmp_path, ending):
    data, notices = read(tmp_path / f"a.{ending}", named(WORDS, " ", "40 3\n"))
    assert np.array_equal(data.x, X) and list(data.sample_names) == WORDS and data.feature_names is None
    assert notices[0] == "the first line (40 3) counts words and their numbers, as word2vec does: left out"
    _, notices = read(tmp_path / f"a.{ending}", named(WORDS, " ", "50 3\n"))
    assert notices[-1] == "of the 50 words that the first line counts, 40 are there"
    data, _ = read(tmp_path / f"a.{ending}", "40 1\n2 3\n5 7\n")
    assert data.x.tolist() == [[40, 1], [2, 3], [5, 7]]


@pytest.mark.parametrize("header", ["name\ta\tb\tc\n", ""])
def test_names_are_those_that_are_written(tmp_path, header):
    data, _ = read(tmp_path / "a.tsv", named(WORDS, "\t", header), id_column="0", header="yes" if header else "no")
    assert list(data.sample_names) == WORDS and np.array_equal(data.x, X)
