"""Large images are reduced to the size at which bending by two pixels means something."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from n2d.method import reduction
from n2d.method.persistence import load, save
from n2d.pipeline import N2D


@pytest.mark.parametrize(
    "image_shape, shape",
    [
        ((28, 28), (28, 28)),
        ((8, 8), (8, 8)),
        ((128, 128), (28, 28)),
        ((3, 100, 50), (28, 14)),
        ((3, 20, 28), (3, 20, 28)),
        ((1000, 3), (28, 1)),
    ],
)
def test_the_larger_side_has_28_pixels_at_most(image_shape, shape):
    assert reduction.small(image_shape) == shape


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_reduced_images_are_means_over_areas(dtype):
    x = np.random.default_rng(0).integers(0, 255, (3, 3, 56, 56)).astype(dtype)
    found = reduction.reduced(x.reshape(3, -1), (3, 56, 56), (28, 28))
    means = np.einsum("nchdwe,c->nhw", x.reshape(3, 3, 28, 2, 28, 2) / 4.0, reduction.LUMA).reshape(3, -1)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, means, atol=0.5 if dtype == np.uint8 else 1e-3)


def test_images_that_are_small_enough_are_not_copied():
    x = np.zeros((2, 784), np.float32)
    assert reduction.reduced(x, (28, 28), (28, 28)) is x


def test_a_model_of_large_images(tmp_path):
    small = load_digits().images.astype(np.uint8)[:200] * 15
    x = np.kron(small, np.ones((10, 10), np.uint8)).reshape(200, -1)
    model = N2D(10, image_shape=(80, 80), scale="255", pretrain_epochs=2, gmm_restarts=2, random_state=0).fit(x)
    assert model.small_shape_ == (28, 28) and model.network_[0] == 784
    assert model.neighbourhood_.inputs.shape == (200, 784)
    assert model.inverse_transform(model.embedding_[:2]).shape == (2, 6400)
    save(model, tmp_path)
    loaded = load(N2D, tmp_path)
    assert loaded.small_shape_ == (28, 28) and loaded.n_features_in_ == 6400
    np.testing.assert_array_equal(loaded.predict(x), model.labels_)


@pytest.mark.parametrize("n_samples, shape, n", [(500, (28, 28), 499), (8000, (28, 28), 500), (90_000, (28, 28), 100)])
def test_few_images_that_are_reduced_have_more_candidates(n_samples, shape, n):
    assert reduction.n_candidates(100, n_samples, (64, 64), shape) == n
    assert reduction.n_candidates(100, n_samples, shape, shape) == 100


def test_images_come_back_in_their_size():
    x = np.full((2, 784), 7, np.float32)
    np.testing.assert_array_equal(reduction.enlarged(x, (28, 28), (3, 56, 40)), np.full((2, 6720), 7))


def test_without_the_comparison_of_inputs_images_keep_their_size():
    x = np.random.default_rng(0).random((40, 1600)).astype(np.float32)
    settings = {"manifold_learner": "umap-learn", "n_candidates": 0, "pretrain_epochs": 1, "gmm_restarts": 1}
    assert N2D(2, image_shape=(40, 40), **settings).fit(x).small_shape_ == (40, 40)
