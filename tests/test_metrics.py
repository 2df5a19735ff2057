import numpy as np
import pytest

from n2d import metrics


def test_names_of_clusters_do_not_matter():
    assert metrics.scores([0, 0, 1, 1, 2, 2], [5, 5, 0, 0, 9, 9]) == {"acc": 1.0, "nmi": 1.0, "ari": 1.0}


def test_hand_worked_case():
    """Table of clusters (columns) by classes: [[3, 1], [1, 2]]; the best pairing agrees on 5 of 7."""
    y_true = np.array([0, 0, 0, 0, 1, 1, 1])
    y_pred = np.array([1, 1, 1, 0, 1, 0, 0])
    assert metrics.match_labels(y_true, y_pred) == ({1: 0, 0: 1}, 5)
    assert metrics.accuracy(y_true, y_pred) == 5 / 7
    # pairs together in both: 3 + 1 = 4; expected 9 * 9 / 21; so ARI = (4 - 27/7) / (9 - 27/7) = 1/36
    assert metrics.scores(y_true, y_pred)["ari"] == pytest.approx(1 / 36)


def test_a_greedy_pairing_would_be_worse():
    """Greedy takes the 5 and is left with 0; the best pairing takes 4 + 4."""
    y_true = [0] * 9 + [1] * 4
    y_pred = [0] * 5 + [1] * 4 + [0] * 4
    assert metrics.match_labels(y_true, y_pred) == ({1: 0, 0: 1}, 8)


def test_more_clusters_than_classes():
    match, n_agree = metrics.match_labels([0, 0, 0, 1, 1, 1], [0, 0, 2, 1, 1, 1])
    assert match == {0: 0, 1: 1}
    assert n_agree == 5


def test_fewer_clusters_than_classes():
    assert metrics.match_labels([0, 0, 1, 2], [0, 0, 1, 1])[1] == 3
    assert metrics.accuracy([0, 1, 2, 3], [7, 7, 7, 7]) == 0.25


def test_random_clusters_have_no_information():
    rng = np.random.default_rng(0)
    scores = metrics.scores(rng.integers(10, size=50_000), rng.integers(10, size=50_000))
    assert scores["acc"] < 0.12
    assert scores["nmi"] < 0.01
    assert abs(scores["ari"]) < 0.01


def test_trustworthiness_is_one_for_the_data_themselves_and_falls_with_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    noisy = x + 0.5 * rng.normal(size=x.shape)
    assert metrics.trustworthiness(x, 3 * x) == 1
    assert 0.7 < metrics.trustworthiness(x, noisy, n_samples=400) < 0.95
    assert metrics.trustworthiness(x, rng.normal(size=x.shape)) == pytest.approx(0.5, abs=0.05)
