"""Frames of pandas and polars that Python hands over."""

import numpy as np
import pandas as pd
import pytest
import torch

from n2d.pipeline import N2D

X = np.vstack([np.random.default_rng(0).normal(4 * i, 1, size=(30, 3)) for i in range(2)])
FRAME = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"row {i}" for i in range(60)])


def fresh():
    quick = {"n_candidates": None, "manifold_learner": "none", "pretrain_epochs": 1, "gmm_restarts": 1}
    return N2D(2, scale="standard", random_state=0, **quick)


def as_pandas(frame):
    return frame


def as_nullable(frame):
    return frame.convert_dtypes()


def as_arrow(frame):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    return frame.convert_dtypes(dtype_backend="pyarrow")


def as_polars(frame):
    polars = pytest.importorskip("polars", reason="polars is not installed (pip install polars)")
    return polars.DataFrame({name: frame[name].to_list() for name in frame})


KINDS = pytest.mark.parametrize("convert", [as_pandas, as_nullable, as_arrow, as_polars])


@KINDS
def test_a_frame_is_its_numbers(convert):
    frame = FRAME.round().assign(c=[True, False] * 30)
    model = fresh().fit(convert(frame))
    assert np.array_equal(model.labels_, fresh().fit(frame.to_numpy(float)).labels_)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert np.array_equal(model.predict(convert(frame[:5])), model.labels_[:5])


def test_whole_numbers_as_names_are_no_names():
    model = fresh().fit(pd.DataFrame(X))
    assert np.array_equal(model.labels_, fresh().fit(X).labels_) and not hasattr(model, "feature_names_in_")


ODD = {
    "words": (["x", "y"] * 30),
    "dates": pd.date_range("2020", periods=60),
    "lengths of time": pd.to_timedelta(range(60), unit="h"),
}


@KINDS
@pytest.mark.parametrize("column", ODD.values(), ids=ODD)
def test_columns_that_are_no_numbers_are_named(convert, column):
    frame = convert(FRAME.assign(when=column))
    for x in (frame, frame[["when"]]):
        with pytest.raises(ValueError, match="^columns must be numbers, got when: encode or remove them$"):
            fresh().fit(x)


def test_categories_and_periods_are_named():
    frame = FRAME.assign(kind=pd.Categorical(["x", "y"] * 30), when=pd.period_range("2020", periods=60))
    with pytest.raises(ValueError, match="^columns must be numbers, got kind, when: encode or remove them$"):
        fresh().fit(frame)


@KINDS
def test_gaps_are_named(convert):
    with pytest.raises(ValueError, match=r"^values are missing in column b \(2 of 60 rows\): fill them in"):
        fresh().fit(convert(FRAME.assign(b=[np.nan, np.nan, *X[2:, 1]])))


@KINDS
def test_columns_in_another_order_missing_or_added_are_named(convert):
    model = fresh().fit(convert(FRAME))
    with pytest.raises(ValueError, match=r"^column 1 must be b, got c\n"):
        model.predict(convert(FRAME[["a", "c", "b"]]))
    with pytest.raises(ValueError, match=r"yet now missing:\n- b"):
        model.predict(convert(FRAME[["a", "c"]]))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- d"):
        model.predict(convert(FRAME.assign(d=0.0)))


def test_an_index_is_kept_where_frames_are_asked_for():
    model = fresh().set_output(transform="pandas")
    places = model.fit_transform(FRAME)
    assert places.index.equals(FRAME.index) and list(places) == list(model.get_feature_names_out())
    assert np.array_equal(places, model.embedding_)
    assert model.transform(FRAME.tail(3)).index.tolist() == ["row 57", "row 58", "row 59"]


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_tensors_are_their_numbers(kind):
    x = torch.tensor(X).to(getattr(torch, kind)).requires_grad_()
    model = fresh().fit(x)
    assert np.array_equal(model.labels_, fresh().fit(x.detach().float().numpy()).labels_)
    assert np.array_equal(model.predict(x), model.labels_)
