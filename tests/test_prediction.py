"""What a saved model was fitted to is part of it: names, shape and units."""

import argparse
import types

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import n2d
from n2d.command import report
from n2d.command.finished import prediction
from n2d.pipeline import N2D
from n2d.readers import files, samples
from n2d.readers.samples import Dataset


def model(**known):
    defaults = {"n_features_in_": 128, "image_shape": (8, 16), "scale": "255", "reading_": {"units": "bytes"}}
    return types.SimpleNamespace(**defaults | known)


def points(x, image_shape=(8, 16), scale="255", **known):
    return Dataset(np.asarray(x), None, (), image_shape, scale, **known)


def asked(known, data, **arguments):
    """The points as the model takes them, or the line that refuses them."""

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise SystemExit(message)

    args = argparse.Namespace(**{"dataset": "new", "categorical": None} | arguments)
    try:
        return prediction.as_the_model_wants(Parser(), args, known, data)
    except SystemExit as stop:
        return stop.code


BYTES = np.arange(256, dtype=np.uint8).reshape(2, 128)


def test_images_of_the_model_s_shape_are_taken():
    assert np.array_equal(asked(model(), points(BYTES)), BYTES)
    assert np.array_equal(asked(model(), points(BYTES // 255)), BYTES // 255)  # dark, but bytes
    assert np.array_equal(asked(model(image_shape=None), points(BYTES)), BYTES)


SHAPES = {
    "turned": ((16, 8), "new has images of 16 x 8, and the model is of 8 x 16: give --image_size=8x16"),
    "in colour": ((3, 8, 16), "new has images of 3 x 8 x 16, and the model is of 8 x 16: give --grayscale"),
    "small": ((4, 4), "new has images of 4 x 4, and the model is of 8 x 16: give --image_size=8x16"),
}


@pytest.mark.parametrize("shape, message", SHAPES.values(), ids=SHAPES)
def test_images_of_another_shape_are_refused(shape, message):
    x = np.resize(BYTES, (2, np.prod(shape)))
    assert message in asked(model(), points(x, shape, sample_names=("0.png", "1.png")))
    assert asked(model(), points(x, shape)).endswith(", and the model is of 8 x 16: give the same")  # of an array


UNITS = {
    "nothing known": (np.array([[0, 0.2]]), None),
    "negative": (np.array([[-1, 0.7]]), None),
    "bits": (np.array([[0.0, 1]]), "0 and 1"),
    "dark bytes": (np.array([[0, 1]], np.uint8), None),
    "bytes": (np.array([[0, 2]], np.uint8), "bytes"),
    "fractions": (np.array([[0, 0.6]]), "numbers in [0, 1]"),
    "bytes as floats": (np.array([[0, 200.0]]), "bytes"),
    "small whole numbers": (np.array([[0, 16.0]]), None),
    "16 bits": (np.array([[0, 256.0]]), "whole numbers beyond 255"),
    "anything": (np.array([[0.5, 256.0]]), None),
}


@pytest.mark.parametrize("x, found", UNITS.values(), ids=UNITS)
def test_units_are_said_where_they_are_beyond_doubt(x, found):
    assert samples.units(x) == found


def of(units, **known):
    return model(reading_={"units": units}, **known)


def test_bytes_and_numbers_in_0_to_1_are_told_apart():
    scaled, table = BYTES / np.float32(255), {"image_shape": None, "scale": "standard"}
    message = "new has numbers in [0, 1], and the model is of bytes: give the same units"
    assert asked(model(), points(scaled, scale="none")) == message
    assert asked(of("bytes", **table), points(scaled, None, "none")) == message
    message = "new has bytes, and the model is of numbers in [0, 1]: give the same units"
    for new in (BYTES, BYTES.astype(np.float32)):
        assert asked(of("numbers in [0, 1]", scale="none"), points(new)) == message
        assert asked(of("numbers in [0, 1]", **table), points(new, None, "standard")) == message
    for known in ({"scale": "range"}, table):
        message = asked(of("whole numbers beyond 255", **known), points(scaled, known.get("image_shape", (8, 16))))
        assert message == "new has numbers in [0, 1], and the model is of whole numbers beyond 255: give the same units"
    message = asked(model(), points(BYTES * 257.0, scale="range"))
    assert message == "new has whole numbers beyond 255, and the model is of bytes: give the same units"
    assert asked(of("0 and 1"), points(BYTES)) == "new has bytes, and the model is of 0 and 1: give the same units"


def test_what_may_be_small_is_taken():
    dark, table = points(BYTES.astype(np.float32), scale="255"), {"image_shape": None, "scale": "standard"}
    assert isinstance(asked(of("whole numbers beyond 255"), dark), np.ndarray)  # 16 bits
    assert isinstance(asked(of("numbers in [0, 1]"), points((BYTES > 9) * 1.0)), np.ndarray)
    for new in (BYTES > 9, BYTES, BYTES * 257.0):
        for units in ("0 and 1", "bytes", "whole numbers beyond 255", None):
            assert isinstance(asked(of(units, **table), points(new * 1.0, None, "standard")), np.ndarray)


def test_names_in_other_order_are_refused():
    names = [f"c{i}" for i in range(128)]
    known = model(feature_names_in_=np.array(names, object), image_shape=None)
    assert list(asked(known, points(BYTES, None, feature_names=tuple(names)))) == names
    assert asked(known, points(BYTES, None, feature_names=tuple(names[::-1]))) == (
        "new: column 0 must be the model's c0, got c127"
    )


def test_columns_without_names_are_taken_in_the_model_s_order_which_is_said_once():
    names = np.array([f"c{i}" for i in range(128)], object)
    with pytest.warns(UserWarning) as told:
        points_of = asked(model(feature_names_in_=names, image_shape=None), points(BYTES, None))
    assert [str(warning.message) for warning in told] == [
        "new has no names of columns: they are taken in the order of the model's"
    ]
    assert list(points_of) == list(names) and np.array_equal(points_of, BYTES)


def test_columns_that_are_missing_or_added_are_named():
    known = model(
        feature_names_in_=np.array(["a", "b", "c"], object), image_shape=None, n_features_in_=3, scale="standard"
    )
    message = asked(known, points(np.zeros((2, 3)), None, feature_names=("a", "c", "d")))
    assert message == "new must have the model's columns: it lacks b and has d besides"
    message = asked(known, points(np.zeros((2, 2)), None, feature_names=("a", "c")))
    assert message == "new must have the model's columns: it lacks b"


def test_a_word_that_none_of_the_new_points_has_is_0_in_all_of_them():
    known = model(
        feature_names_in_=np.array(["kind=a", "kind=b", "c"], object),
        image_shape=None,
        n_features_in_=3,
        scale="standard",
    )
    x = asked(known, points(np.ones((2, 2)), None, "standard", feature_names=("kind=b", "c")), categorical="onehot")
    assert list(x) == ["kind=a", "kind=b", "c"] and x.to_numpy().tolist() == [[0, 1, 1]] * 2
    message = asked(
        known, points(np.ones((2, 2)), None, "standard", feature_names=("kind=d", "c")), categorical="onehot"
    )
    assert message == "new must have the model's columns: it lacks kind=a, kind=b and has kind=d besides"


@pytest.mark.parametrize("name", ["=cmd()", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_names_that_a_spreadsheet_would_calculate_are_harmless_in_tables(name):
    data = Dataset(np.eye(3), np.array([0, 1, 1]), (name, "-1"), sample_names=(name, "-1.5", "a=b"))
    table = report.clusters_table(data, np.zeros(3, int), None)
    assert table["label"].tolist() == [f"'{name}", "-1", "-1"] and table["name"].tolist() == [f"'{name}", "-1.5", "a=b"]


def test_a_model_of_a_folder_knows_shape_and_units_when_it_is_asked(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for i in range(24):
        for folder, shape in (("a", (8, 16)), ("turned", (16, 8))):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(rng.integers(256, size=shape, dtype=np.uint8)).save(tmp_path / folder / f"{i}.png")
    np.save(tmp_path / "scaled.npy", rng.random((4, 8, 16)))
    (tmp_path / "one").mkdir()
    Image.fromarray(rng.integers(256, size=(8, 16), dtype=np.uint8)).save(tmp_path / "one/0.png")
    quick = "--n_clusters=2 --pretrain_epochs=1 --gmm_restarts=1 --manifold_learner=none"
    n2d.main(f"{tmp_path}/a cpu {quick} --save_model={tmp_path}/model --save_dir={tmp_path}/run".split())
    assert "a: 24 samples, 128 features; images of 8 x 16 pixels, grey; left out: nothing" in capsys.readouterr().out
    n2d.main(["predict", f"{tmp_path}/model", f"{tmp_path}/one", f"--out={tmp_path}/one.csv"])  # one point alone
    assert len(pd.read_csv(tmp_path / "one.csv")) == 1
    assert "one: 1 samples, 128 features; images of 8 x 16" in " ".join(capsys.readouterr().out.split())
    for name, message in {
        "turned": "has images of 16 x 8, and",
        "scaled.npy": "has numbers in [0, 1], and",
        "none": "neither",
    }.items():
        with pytest.raises(SystemExit) as stop:
            n2d.main(["predict", f"{tmp_path}/model", f"{tmp_path}/{name}"])
        assert stop.value.code == 2 and message in capsys.readouterr().err


QUICK = "--n_clusters=2 --pretrain_epochs=1 --gmm_restarts=1 --manifold_learner=none"


def test_gaps_of_new_points_get_the_medians_of_the_fit(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + [0, 100, 5]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame.iloc[::7, 1] = np.nan
    frame.to_csv(tmp_path / "fit.csv", index=False)
    frame.to_csv(tmp_path / "fit-bare.csv", index=False, header=False)
    median = frame["b"].median()
    for name, header in (("fit.csv", True), ("fit-bare.csv", False)):
        flags = f"cpu {QUICK} --missing=median --save_model={tmp_path}/m --save_dir={tmp_path}/r --overwrite"
        n2d.main([f"{tmp_path}/{name}", *flags.split()])
        known = N2D.load(tmp_path / "m").reading_
        assert known["medians"][1] == pytest.approx(median) and len(known["medians"]) == 3
        new = pd.DataFrame({"a": [1.0, 2, 3], "b": [np.nan, 250, 300], "c": [5.0, 6, 7]})
        new.to_csv(tmp_path / "new.csv", index=False, header=header)
        data = files.read(tmp_path / "new.csv", missing="median", reading=known)
        assert data.x[:, 1].tolist() == pytest.approx([median, 250, 300])
        new.iloc[:1].to_csv(tmp_path / "one.csv", index=False, header=header)  # in which nothing has a median
        argv = ["--missing=median", "--header=yes" if header else "--header=no", f"--out={tmp_path}/one.out.csv"]
        n2d.main(["predict", f"{tmp_path}/m", f"{tmp_path}/one.csv", *argv])
        assert "the clusters of 1 points" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="filled with the median of the model's samples: 1 .1 of 1 rows"):
        files.read(tmp_path / "one.csv", missing="median", header="no", reading=known)


def test_a_gap_in_a_column_is_filled_by_its_name(tmp_path):
    known = {"medians": [1.5, 2.5], "columns": ["a", "b"]}
    (tmp_path / "a.csv").write_text("b,a,d\n1,,3\n,2,4\n1,2,\n")
    data = files.read(tmp_path / "a.csv", missing="median", reading=known)
    assert data.x.tolist() == [[1, 1.5, 3], [2.5, 2, 4], [1, 2, 3.5]]


def test_transparent_images_get_the_background_of_the_model_s(tmp_path, capsys):
    def save(path, level):
        path.parent.mkdir(exist_ok=True)
        alpha = np.zeros((8, 8), np.uint8)
        alpha[2:6, 2 : 3 + level % 5] = 255
        Image.fromarray(np.dstack([np.full((8, 8), level, np.uint8)] * 3 + [alpha])).save(path)

    for i in range(12):
        save(tmp_path / f"bright/{i}.png", 230 + i)
        save(tmp_path / f"dark/{i}.png", 10 + i)
    n2d.main(f"{tmp_path}/bright cpu {QUICK} --save_model={tmp_path}/m --save_dir={tmp_path}/r".split())
    known = N2D.load(tmp_path / "m").reading_
    assert known["background"] == 0 and "medians" not in known
    assert files.read(tmp_path / "dark").x[0, 0] == 255
    assert files.read(tmp_path / "dark", reading=known).x[0, 0] == 0
    n2d.main(["predict", f"{tmp_path}/m", f"{tmp_path}/dark", f"--out={tmp_path}/a.csv"])
    assert "12 points" in capsys.readouterr().out


def test_the_points_are_not_written_over(tmp_path, capsys):
    for name, text in (("a.csv", "1,2\n3,4\n"), ("a.h5ad", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(SystemExit) as stop:
            n2d.main(["predict", f"{tmp_path}/m", f"{tmp_path}/{name}", f"--out={tmp_path}/{name}"])
        assert stop.value.code == 2 and "--out must be another file than the points" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == text
    with pytest.raises(SystemExit):
        n2d.main(["predict", f"{tmp_path}/m", f"{tmp_path}/a.csv", f"--out={tmp_path}/b.h5ad"])
    assert "would be a copy of an .h5ad file, and" in capsys.readouterr().err


def test_no_result_is_written_over_unless_it_is_named(digits, tmp_path, monkeypatch, capsys):
    (tmp_path / "clusters.csv").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for out, message in (
        ([], "clusters.csv is there: --out=FILE names another file, and --out=clusters.csv replaces it"),
        ([f"--out={digits[0] / 'clusters.csv'}"], "--out must be no file of a run, got "),
    ):
        with pytest.raises(SystemExit) as stop:
            n2d.main(["predict", "model", "digits", *out])
        assert stop.value.code == 2 and message in capsys.readouterr().err
    assert (tmp_path / "clusters.csv").read_text() == "mine"
