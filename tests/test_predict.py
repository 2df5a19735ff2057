import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from n2d import pipeline
from n2d.method import persistence
from n2d.method.autoencoder import weights
from n2d.method.clusters import assignment, confidence


def test_points_of_the_fit_get_their_place_and_cluster_again(blobs, fitted):
    np.testing.assert_allclose(fitted.transform(blobs[0]), fitted.embedding_, atol=0.05)
    assert np.array_equal(fitted.predict(blobs[0]), fitted.labels_)
    assert np.array_equal(fitted.predict(blobs[0][::-7]), fitted.labels_[::-7])


@pytest.mark.parametrize("cluster", ["GMM", "KM", "SC"])
def test_new_points_go_to_the_cluster_of_their_like(blobs, cluster, quick):
    x, y = blobs
    learner = "none" if cluster == "SC" else "UMAP"  # UMAP tears the blobs into more pieces than there are clusters
    model = pipeline.N2D(**quick, cluster=cluster, manifold_learner=learner).fit(x[:300])
    assert adjusted_rand_score(y[300:], model.predict(x[300:])) == 1
    assert hasattr(model, "predict_proba") == (cluster == "GMM")
    if cluster == "GMM":
        sure = model.predict_proba(x[300:])
        np.testing.assert_allclose(sure.sum(axis=1), 1, rtol=1e-5)
        assert np.array_equal(sure.argmax(axis=1), model.predict(x[300:]))


def test_points_are_sorted_into_the_clusters_of_another_number(blobs, quick):
    x, y = blobs
    model = pipeline.N2D(**quick | {"n_clusters": 3}).fit(x[:300])
    assert [one["n_clusters"] for one in model.alternatives_] == [2, 4]
    assert np.array_equal(model.predict(x[:300], n_clusters=3), model.labels_)
    for one in model.alternatives_:
        assert np.array_equal(model.predict(x[:300], n_clusters=one["n_clusters"]), one["labels"])
    assert adjusted_rand_score(y[300:], model.predict(x[300:], n_clusters=4)) == 1
    labels, confidence, outlier = model.predict(x, return_confidence=True, return_outlier=True, n_clusters=2)
    assert np.array_equal(labels[:300], model.clusters(2)) and confidence.shape == outlier.shape == (400,)
    assert set(model.predict(x[:9], n_clusters=1)) == {0}
    for wrong in (0, 5, "3"):
        with pytest.raises(ValueError, match=f"n_clusters must be 1 to 3, or 4, got {wrong!r}"):
            model.predict(x, n_clusters=wrong)


def test_a_point_gets_a_finer_cluster_inside_its_own_if_they_are_nested():
    knn = np.array([[0, 1, 2]]), np.array([[1.0, 1.0, 1.0]])
    fine, coarse, own = np.array([2, 2, 1]), np.array([0, 0, 1]), np.array([1])
    assert assignment.vote(knn, fine).tolist() == [2]
    assert assignment.vote(knn, fine, (own, coarse)).tolist() == [1]


@pytest.mark.parametrize("n_candidates", [None, 30, 4])
def test_a_new_point_is_what_its_ten_nearest_neighbours_are(blobs, fitted, n_candidates):
    """In the latent space; or in the input, of 30 in the latent space, and of ten at least."""
    model = clone(fitted).set_params(n_candidates=n_candidates).fit(blobs[0])
    between = (blobs[0][::10] + blobs[0][5::10]) / 2  # pairs of any two classes
    sure = np.eye(4)[model.labels_]  # of four candidates the map is torn, and k-means of the inputs clearer
    if not model.kept_kmeans:
        sure = model.clusterer_.predict_proba(model.embedding_.astype(np.float64))
    found = zip(between, model.encode(between), model.predict_proba(between), model.transform(between))
    for point, latent, probabilities, place in found:
        distances = np.linalg.norm(model.latent_ - latent, axis=1)
        if n_candidates is not None:
            far = distances.argsort()[max(n_candidates, 10) :]
            distances = np.linalg.norm(blobs[0] - point, axis=1)
            distances[far] = np.inf
        near = distances.argsort()[:10]
        weights = distances[near] ** -2 / np.sum(distances[near] ** -2)
        np.testing.assert_allclose(probabilities, weights @ sure[near], atol=1e-4)
        np.testing.assert_allclose(place, weights @ model.embedding_[near], rtol=1e-3)
    assert np.array_equal(model.predict(between), model.predict_proba(between).argmax(axis=1))


def test_places_of_the_embedding_are_decoded_in_the_units_of_the_data(blobs, quick):
    x = 50 + 20 * blobs[0]
    model = pipeline.N2D(**{**quick, "pretrain_epochs": 30}, scale="standard").fit(x)
    decoded = model.inverse_transform(model.embedding_)
    assert decoded.shape == x.shape and decoded.dtype == np.float32
    assert ((decoded - x) ** 2).mean() < 0.2 * x.var(axis=0).mean()


def test_arrays_frames_and_tensors_are_all_the_same(blobs, fitted):
    x = blobs[0][:50]
    labels = fitted.predict(x)
    assert np.array_equal(fitted.predict(torch.from_numpy(x)), labels)
    assert np.array_equal(fitted.predict(x.astype(np.float64).tolist()), labels)
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(12)])
    model = clone(fitted).fit(frame)
    assert model.feature_names_in_.tolist() == list(frame)
    assert model.get_feature_names_out().tolist() == [f"n2d{i}" for i in range(5)]


def test_a_small_copy_of_the_weights_cannot_decode(blobs, fitted, tmp_path):
    weights.save_weights(fitted.autoencoder_, tmp_path / "small.safetensors", compact=True)
    loaded = clone(fitted).set_params(ae_weights=tmp_path / "small.safetensors").fit(blobs[0])
    with pytest.raises(persistence.ModelError, match="small copy without a decoder"):
        loaded.inverse_transform(loaded.embedding_)


def test_a_placed_sample_is_as_sure_as_its_neighbours(blobs, fitted):
    x, y = blobs
    between = (x[y == 0][:40] + x[y == 1][:40]) / 2
    everything = np.concatenate([x, between])
    model = clone(fitted).set_params(fit_samples=300, gmm_restarts=1, n_candidates=0).fit(everything)  # no rivals
    assert model.confidence_.shape == (440,)
    labels, sure = model.predict(everything, return_confidence=True)
    assert np.array_equal(labels, model.labels_) and np.array_equal(labels, model.predict(everything))
    np.testing.assert_allclose(sure, model.confidence_, atol=1e-6)
    of_fit = confidence.score_samples(model.graph_, model.labels_[model.sample_])
    np.testing.assert_allclose(model.confidence_[model.sample_], of_fit, atol=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"manifold_learner": "none"}, {"cluster": "KM"}, {"cluster": "SC"}])
def test_points_between_clusters_and_far_from_all_are_less_sure(blobs, fitted, parameters):
    x, y = blobs
    model = clone(fitted).set_params(**parameters).fit(x)
    assert model.confidence_.mean() > 0.95
    _, near = model.predict(x + 0.01, return_confidence=True)
    _, between = model.predict((x[y == 0] + x[y == 1]) / 2, return_confidence=True)
    _, far = model.predict(100 * x, return_confidence=True)
    assert near.mean() > 0.95 and between.mean() < 0.7 and far.max() < 0.2


@pytest.mark.parametrize("parameters", [{}, {"manifold_learner": "none"}, {"fit_samples": 300}])
def test_points_that_are_like_no_sample_are_outliers(blobs, fitted, parameters):
    x = blobs[0]
    model = clone(fitted).set_params(**parameters).fit(x)
    labels, confidence, outlier = model.predict(x, return_confidence=True, return_outlier=True)
    assert np.array_equal(labels, model.labels_) and np.array_equal(labels, model.predict(x))
    np.testing.assert_allclose(outlier, model.outlier_, atol=1e-6)
    assert outlier.mean() < 0.3
    _, near = model.predict(x + 0.01, return_outlier=True)
    _, far = model.predict(x + 20, return_outlier=True)
    assert near.mean() < 0.3 and far.min() > 0.99


def test_parameters_that_are_set_after_the_fit_wait_for_the_next_one(blobs, fitted):
    model = copy.copy(fitted).set_params(n_candidates=None, metric="cosine", image_shape=(3, 4))
    assert np.array_equal(model.predict(blobs[0]), fitted.labels_)
