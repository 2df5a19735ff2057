import json
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

from n2d import pipeline
from n2d.method import persistence
from n2d.method.autoencoder import weights
from n2d.method.clusters import clustering


@pytest.mark.parametrize("parameters", [{}, {"cluster": "KM", "scale": "minmax"}, {"cluster": "SC"}])
def test_a_saved_model_predicts_the_same(blobs, tmp_path, parameters, quick):
    frame = pd.DataFrame(blobs[0], columns=[f"c{i}" for i in range(12)])
    model = pipeline.N2D(**quick, **parameters).fit(frame)
    model.save(tmp_path / "model")
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert files == {"model.json", "autoencoder.safetensors", "state.safetensors"}
    assert len({file.stat().st_mode for file in (tmp_path / "model").iterdir()}) == 1  # no file is its owner's alone
    loaded = pipeline.N2D.load(tmp_path / "model")
    assert np.array_equal(loaded.predict(frame), model.predict(frame))
    np.testing.assert_allclose(loaded.inverse_transform(model.embedding_), model.inverse_transform(model.embedding_))
    assert np.array_equal(loaded.labels_, model.labels_) and np.array_equal(loaded.map_, model.map_)
    assert loaded.get_params() == model.get_params()
    assert np.array_equal(loaded.confidence_, model.confidence_)
    between = (frame + frame[::-1].to_numpy()) / 2
    for found, expected in zip(*(one.predict(between, return_confidence=True) for one in (loaded, model))):
        assert np.array_equal(found, expected)
    if model.cluster == "GMM":
        np.testing.assert_allclose(loaded.predict_proba(between), model.predict_proba(between))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"c0": "other"}))


def test_a_saved_model_brings_new_counts_to_the_total_of_its_samples(tmp_path, quick):
    rng = np.random.default_rng(0)
    y = np.repeat(range(4), 60)
    shares = rng.dirichlet(np.full(80, 0.2), size=4)[y]
    counts = np.array([rng.multinomial(n, of) for n, of in zip(rng.integers(40, 400, 240), shares)], np.float32)
    model = pipeline.N2D(**quick, scale="counts").fit(counts[::2])
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    assert loaded.scaling_.total == model.scaling_.total > 1
    assert np.array_equal(loaded.predict(counts[1::2]), model.predict(counts[1::2]))
    assert np.array_equal(loaded.predict(10 * counts[1::2]), model.predict(counts[1::2]))  # texts ten times as long
    assert adjusted_rand_score(y[1::2], model.predict(counts[1::2])) > 0.9


@pytest.mark.parametrize("parameters", [{}, {"manifold_learner": "none"}, {"n_candidates": None}])
def test_a_model_saved_before_there_were_outliers_has_them_when_it_is_loaded(blobs, fitted, tmp_path, parameters):
    model = clone(fitted).set_params(**parameters).fit(blobs[0])
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    for name in ("outlier_", "hierarchy_"):
        assert np.array_equal(getattr(loaded, name), getattr(model, name))
    far = 3 * blobs[0][:9]
    assert np.array_equal(loaded.predict(far, return_outlier=True)[1], model.predict(far, return_outlier=True)[1])
    record = json.loads((tmp_path / "model.json").read_text())
    del record["outliers"]
    (tmp_path / "model.json").write_text(json.dumps(record))
    state = safetensors.numpy.load_file(tmp_path / "state.safetensors")
    kept = {name: array for name, array in state.items() if name not in ("outlier_", "hierarchy_", "usual_")}
    safetensors.numpy.save_file(kept, tmp_path / "state.safetensors")
    old = pipeline.N2D.load(tmp_path)
    assert np.corrcoef(old.outlier_, model.outlier_)[0, 1] > 0.8 and old.hierarchy_.shape == (3, 4)
    assert np.array_equal(old.predict(blobs[0]), model.predict(blobs[0]))
    assert old.predict(far, return_outlier=True)[1].min() > 0.95


@pytest.mark.parametrize("fit_samples", [None, 200])
def test_a_saved_model_has_halves_and_the_clusters_of_other_numbers(blobs, quick, tmp_path, fit_samples):
    x = blobs[0]
    model = pipeline.N2D(**quick | {"n_clusters": 3}, fit_samples=fit_samples).fit(x)
    model.save(tmp_path / "once")
    pipeline.N2D.load(tmp_path / "once").save(tmp_path / "twice")
    for name in ("once", "twice"):
        loaded = pipeline.N2D.load(tmp_path / name)
        assert loaded.halves_.dtype == np.int8 and np.array_equal(loaded.halves_, model.halves_[model.sample_])
        assert np.array_equal(loaded.rows_ if fit_samples else np.arange(400), np.arange(400)[model.sample_])
        for kept, one in zip(loaded.alternatives_, model.alternatives_, strict=True):
            assert {**kept, "labels": None} == {**one, "labels": None}
            assert np.array_equal(kept["labels"], one["labels"][model.sample_])
        for number in (1, 2, 3, 4):
            assert np.array_equal(loaded.predict(x, n_clusters=number), model.predict(x, n_clusters=number))
        assert np.array_equal(loaded.clusters(2), model.clusters(2)[model.sample_])  # numbered by all samples


def test_a_model_saved_before_there_were_halves_has_none(fitted, blobs, tmp_path):
    fitted.save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    del record["alternatives"]
    (tmp_path / "model.json").write_text(json.dumps(record))
    state = safetensors.numpy.load_file(tmp_path / "state.safetensors")
    kept = {name: array for name, array in state.items() if name not in ("halves_", "sizes_")}
    safetensors.numpy.save_file(kept, tmp_path / "state.safetensors")
    old = pipeline.N2D.load(tmp_path)
    assert set(old.halves_) == {-1} and old.alternatives_ == []
    assert np.array_equal(old.predict(blobs[0], n_clusters=2), fitted.clusters(2))


def test_a_saved_model_compares_by_the_same_components(fitted, tmp_path):
    x = np.random.default_rng(0).normal(size=(120, 60))
    model = clone(fitted).set_params(metric="auto", scale="standard", pretrain_epochs=1).fit(x)
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    new = np.random.default_rng(1).normal(size=(30, 60))
    assert loaded.neighbourhood_.inputs.shape == (120, 50)
    for found, expected in zip(*(one.neighbourhood_.query(one.encode(new), new) for one in (loaded, model))):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_saved_model_whose_clusters_are_those_of_k_means_predicts_the_same(fitted, tmp_path):
    """A large and some small clusters, between which no mixture of a map is as clear."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 2)) * 0.5 + np.repeat([[0, 0], [9, 9], [9, 0], [0, 9]], [500, 100, 50, 50], axis=0)
    model = clone(fitted).set_params(n_clusters=4, scale="standard")
    model.fit_autoencoder(x).fit_latent(x).fit_neighbors(x).fit_clusters(x)
    of_inputs = clustering.kmeans_of_inputs(model.neighbourhood_.inputs, 4, model.graph_, 0)
    model.assignment_.clusterer, model.assignment_.labels = of_inputs.clusterer, of_inputs.labels
    model.labels_ = of_inputs.labels
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    assert loaded.kept_kmeans and not fitted.kept_kmeans
    assert np.array_equal(loaded.predict(x), model.labels_)
    assert np.array_equal(loaded.predict_proba(x[:9]).argmax(axis=1), model.labels_[:9])


@pytest.mark.parametrize("divisor", [1, 255, None])
def test_images_of_a_saved_model_are_kept_in_bytes_if_nothing_is_lost(fitted, tmp_path, divisor):
    x = np.random.default_rng(0).integers(0, 256, size=(100, 12)).astype(np.float32)
    x = x / np.float32(divisor or 250)
    model = clone(fitted).set_params(image_shape=(3, 4), pretrain_epochs=1, scale="minmax").fit(x)
    model.save(tmp_path)
    kept = safetensors.numpy.load_file(tmp_path / "state.safetensors")["inputs_"]
    assert kept.dtype == (np.uint8 if divisor else np.float32)
    loaded = pipeline.N2D.load(tmp_path)
    assert loaded.neighbourhood_.inputs.dtype == np.float32
    assert np.array_equal(loaded.neighbourhood_.inputs, x)


def test_what_is_not_a_saved_model_is_refused(fitted, tmp_path):
    with pytest.raises(NotFittedError):
        pipeline.N2D().save(tmp_path / "unfitted")
    with pytest.raises(persistence.ModelError, match="nothing does not hold a saved model"):
        pipeline.N2D.load(tmp_path / "nothing")
    fitted.save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({"format": record["format"], "parameters": {"n_clusters": 4}}))
    with pytest.raises(persistence.ModelError, match="does not hold a saved model"):
        pipeline.N2D.load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(record | {"format": 1}))
    with pytest.raises(persistence.ModelError, match="its format is 1, not 4"):
        pipeline.N2D.load(tmp_path)
    fitted.save(tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"cut")
    with pytest.raises(persistence.ModelError, match="does not hold a saved model"):
        pipeline.N2D.load(tmp_path)


def test_numbers_of_numpy_and_a_random_state_can_be_saved(blobs, tmp_path, quick):
    state, device = np.random.RandomState(0), torch.device("cpu")
    settings = quick | {"n_clusters": np.int64(4), "random_state": state, "device": device}
    model = pipeline.N2D(**settings).fit(blobs[0])
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    assert (loaded.n_clusters, loaded.random_state) == (4, model.seed_)
    assert np.array_equal(loaded.predict(blobs[0]), model.labels_)


def test_a_model_that_cannot_be_saved_leaves_the_former_one(blobs, fitted, tmp_path):
    fitted.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = pickle.loads(pickle.dumps(fitted)).set_params(metric=object())
    with pytest.raises(AttributeError):  # JSON has no word for it
        other.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_saved_model_cannot_bring_folders_along(fitted, tmp_path):
    fitted.save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    record["parameters"]["checkpoint_dir"] = "/somewhere"
    (tmp_path / "model.json").write_text(json.dumps(record))
    assert pipeline.N2D.load(tmp_path).checkpoint_dir is None


@pytest.mark.parametrize("damage", [{"network": []}, {"network": [12, 2**40, 4]}, {"inputs_divisor": 255}])
def test_a_damaged_model_is_one_error(fitted, tmp_path, damage):
    clone(fitted).set_params(n_candidates=None, n_autoencoders=1).fit(np.eye(12, dtype=np.float32)).save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(record | damage))
    with pytest.raises(persistence.ModelError, match="does not hold a saved model"):
        pipeline.N2D.load(tmp_path)


def test_a_small_copy_of_weights_stays_one(blobs, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    weights.save_weights(fitted.autoencoder_, path, compact=True)
    model = clone(fitted).set_params(ae_weights=path)
    with pytest.raises(weights.WeightsError, match="small copy without a decoder"):
        clone(model).set_params(refine="KLD").fit(blobs[0])
    model.fit(blobs[0]).save(tmp_path / "model")
    loaded = pipeline.N2D.load(tmp_path / "model")
    assert np.array_equal(loaded.predict(blobs[0]), model.labels_)
    with pytest.raises(persistence.ModelError, match="without a decoder"):
        loaded.inverse_transform(model.embedding_)


@pytest.mark.parametrize("sizes", [(5, 10), [5, 10], range(5, 15, 5), np.array([5, 10])], ids=str)
def test_sizes_of_neighbourhoods_come_back_as_a_tuple(blobs, fitted, tmp_path, sizes):
    model = clone(fitted).set_params(n_neighbors=sizes, image_shape=[3, 4]).fit(blobs[0])
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    assert (loaded.n_neighbors, loaded.image_shape) == ((5, 10), (3, 4))
    assert np.array_equal(loaded.predict(blobs[0]), model.labels_)
