import re

import numpy as np
import pytest

from n2d.method.autoencoder import training
from n2d.pipeline import N2D

X = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
WRONG = {
    "n_clusters 3": ({"n_clusters": "3"}, "The 'n_clusters' parameter of N2D must be"),
    "more clusters than samples": (
        {"n_clusters": 401},
        "n_clusters must be at most 400, the number of samples, got 401",
    ),
    "scale": ({"scale": "max"}, "The 'scale' parameter of N2D must be a str among"),
    "cluster": ({"cluster": "kmeans"}, "The 'cluster' parameter of N2D must be a str among"),
    "refine": ({"refine": "kld"}, "The 'refine' parameter of N2D must be"),
    "precision": ({"precision": "bfloat16"}, "The 'precision' parameter of N2D must be a str among"),
    "learner": ({"manifold_learner": "umap"}, "The 'manifold_learner' parameter of N2D must be a str among"),
    "one neighbour": ({"n_neighbors": 1}, "The 'n_neighbors' parameter of N2D must be an int in the range [2, inf)"),
    "no neighbours": ({"n_neighbors": ()}, "n_neighbors must be one or more whole numbers of at least 2, got ()"),
    "one of several": (
        {"n_neighbors": (20, 1)},
        "n_neighbors must be one or more whole numbers of at least 2, got (20, 1)",
    ),
    "halves": ({"n_neighbors": [2.5]}, "n_neighbors must be one or more whole numbers of at least 2, got [2.5]"),
    "several without UMAP": (
        {"manifold_learner": "LLE", "n_neighbors": (5, 9)},
        "n_neighbors must be one number with LLE, got (5, 9)",
    ),
    "few for a graph": (
        {"cluster": "SC", "n_clusters": 3, "fit_samples": 8},
        "cluster='SC' needs at least 10 samples, got 8",
    ),
    "no thread": ({"n_jobs": 0}, "The 'n_jobs' parameter of N2D must be an int in the range [1, inf)"),
    "a word for a device": (
        {"device": "gpu"},
        "device must be 'cpu', or 'cuda:0', ... or 'mps' where there is one, got",
    ),
    "restarts": ({"gmm_restarts": 0}, "The 'gmm_restarts' parameter of N2D must be an int in the range [1, inf)"),
    "no dimension": ({"n_components": 0}, "The 'n_components' parameter of N2D must be an int in the range [1, inf)"),
    "dimensions": ({"n_components": 500}, "n_components must be less than the 400 samples, got 500"),
    "dimensions of some": (
        {"n_components": 50, "fit_samples": 50, "n_clusters": 3},
        "n_components must be less than the 50 samples, got 50",
    ),
    "dimensions of t-SNE": (
        {"n_components": 4, "manifold_learner": "tSNE"},
        "n_components must be 1, 2 or 3 with tSNE, got 4",
    ),
    "metric": ({"metric": "cosin"}, "The 'metric' parameter of N2D must be a str among"),
    "distance": ({"min_dist": 3}, "The 'min_dist' parameter of N2D must be a float in the range [0.0, 1.0]"),
    "candidates": ({"n_candidates": -5}, "The 'n_candidates' parameter of N2D must be an int in the range [0, inf)"),
    "epochs": ({"pretrain_epochs": -1}, "The 'pretrain_epochs' parameter of N2D must be an int in the range [0, inf)"),
    "batches": ({"batch_size": 0}, "The 'batch_size' parameter of N2D must be an int in the range [1, inf)"),
    "weight": ({"cluster_weight": -1}, "The 'cluster_weight' parameter of N2D must be a float in the range [0.0, inf)"),
    "samples": ({"fit_samples": 10}, "fit_samples must be more than the 10 clusters, got 10"),
    "channels last": (
        {"image_shape": (2, 2, 3)},
        "image_shape must be (height, width), or (channels, height, width) with 1, 3 or 4 channels, got (2, 2, 3)",
    ),
    "other pixels": ({"image_shape": (3, 5)}, "image_shape must be that of images of 12 pixels, got (3, 5)"),
    "no image": ({"augment": True}, "augment shifts and rotates images: image_shape must be given with it"),
    "a loss without centres": (
        {"n_clusters": "auto", "refine": "KM"},
        "n_clusters must be a number with refine: its loss has a centre for each cluster",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_parameter_is_named_before_anything_is_trained(wrong, monkeypatch):
    def pretrain(*_, **__):
        raise AssertionError("the training has begun")

    monkeypatch.setattr(training, "pretrain", pretrain)
    parameters, message = WRONG[wrong]
    model = N2D(**parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X)
    assert not hasattr(model, "autoencoder_")


def test_seven_samples_are_too_few_for_auto():
    with pytest.raises(ValueError, match="n_clusters='auto' needs at least 10 samples, got 7"):
        N2D("auto").fit(X[:7])


def test_without_umap_there_is_one_neighbourhood():
    assert N2D(n_neighbors=10).sizes(400, 2) == [10]
    assert N2D(manifold_learner="isomap").sizes(400, 2) == [10]


def test_neighbourhoods_suit_the_number_of_samples_and_clusters():
    """Of 10, 20, 50 and 100 the three largest of at most a fifth of a cluster's samples, or 10."""
    assert N2D().sizes(10_000, 10) == [20, 50, 100]
    assert N2D().sizes(4999, 10) == [10, 20, 50]
    assert N2D().sizes(400, 2) == [10, 20]
    assert N2D().sizes(165, 15) == [10]
    assert N2D().sizes(6, 2) == [5]
    assert N2D(n_neighbors=(20, 50, 100)).sizes(31, 10) == [20, 30]


def test_a_small_sample_is_trained_on_for_some_steps_at_least():
    assert [training.default_epochs(n, proposes=False) for n in (165, 256, 257, 4000)] == [200, 200, 100, 50]
    large = [training.default_epochs(n, proposes=False) for n in (5121, 11_000, 14_000, 70_000, 1_000_000)]
    assert large == [50, 50, 39, 7, 7]
    assert [training.default_epochs(n) for n in (165, 257, 4000)] == [50, 25, 15]
    assert [training.default_epochs(n) for n in (10_000, 20_000, 70_000, 1_000_000)] == [15, 14, 4, 1]


@pytest.mark.parametrize(
    "alone",
    [{}, {"n_candidates": None}, {"refine": "KLD"}, {"manifold_learner": "isomap"}, {"metric": "manhattan"}],
    ids=str,
)
def test_an_autoencoder_that_does_more_than_propose_is_trained_longer(alone):
    assert N2D(**alone).epochs(4000) == (50 if alone else 15)
    assert N2D(**alone, pretrain_epochs=3).epochs(4000) == 3


def test_four_samples_are_enough_and_three_are_refused():
    x = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], dtype=np.float32)
    settings = {"n_clusters": 2, "pretrain_epochs": 5, "gmm_restarts": 2, "random_state": 0}
    assert len(N2D(**settings).fit(x).labels_) == 4
    with pytest.raises(ValueError, match="minimum of 4 is required"):
        N2D(**settings).fit(x[:3])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"n_neighbors": 500}, "n_neighbors must be less than the 400 samples, got 500: 399 are taken"),
        ({"checkpoint_dir": "."}, "checkpoint_dir is of no use without a random_state: no checkpoint is written"),
    ],
)
def test_what_is_given_in_vain_is_said(parameters, said):
    with pytest.warns(UserWarning) as notices:
        N2D(4, **parameters).validate(X)
    assert [str(notice.message) for notice in notices] == [said]


def test_pixels_are_not_told_to_be_standardised_alone():
    x = np.abs(X) * 10.0 ** np.arange(12)
    with pytest.warns(UserWarning, match="makes them equal; of images give image_shape, and scale='255' or 'range'"):
        N2D().warn_of_units(x)
