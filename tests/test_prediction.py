"""What a saved model was fitted to is part of it: names, shape and units."""

import argparse
import types

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import n2d
from n2d import prediction, report, samples
from n2d.samples import Dataset


def model(**known):
    defaults = {"n_features_in_": 128, "image_shape": (8, 16), "scale": "255", "largest_": 255.0}
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
    assert message in asked(model(), points(np.resize(BYTES, (2, np.prod(shape))), shape))


def test_bytes_and_numbers_in_0_to_1_are_told_apart():
    message = "new has numbers up to 1, and the model is of numbers up to 255: give the same"
    assert asked(model(), points(BYTES / np.float32(255), scale="none")) == message
    assert asked(model(image_shape=None), points(BYTES / np.float32(255), None, "none")) == message
    message = "new has numbers up to 255, and the model is of numbers up to 1: give the same"
    assert asked(model(scale="none", largest_=1.0), points(BYTES)) == message
    assert asked(model(scale="none", largest_=1.0), points(BYTES.astype(np.float32))) == message
    assert asked(model(scale="range", largest_=65535.0), points(BYTES / np.float32(255), scale="none")).startswith(
        "new has"
    )


def test_of_a_table_rows_may_be_small_where_others_are_large():
    known = model(image_shape=None, scale="standard", largest_=1.7e9)
    assert isinstance(asked(known, points(BYTES / np.float64(255), None, "standard")), np.ndarray)


def test_names_in_other_order_are_refused():
    names = [f"c{i}" for i in range(128)]
    known = model(feature_names_in_=np.array(names, object), image_shape=None)
    assert list(asked(known, points(BYTES, None, feature_names=tuple(names)))) == names
    assert asked(known, points(BYTES, None, feature_names=tuple(names[::-1]))) == (
        "new: column 0 must be the model's c0, got c127"
    )


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
    assert "one: 1 samples, 128 features; images of 8 x 16" in capsys.readouterr().out
    for name, message in {"turned": "has images of 16 x 8, and the model", "scaled.npy": "has numbers up to "}.items():
        with pytest.raises(SystemExit) as stop:
            n2d.main(["predict", f"{tmp_path}/model", f"{tmp_path}/{name}"])
        assert stop.value.code == 2 and message in capsys.readouterr().err
    assert samples.largest(np.array([-3.0, 2])) == 3
