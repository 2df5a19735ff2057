from math import erf

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from n2d.method.clusters import outliers
from n2d.method.manifold.neighbors import nearest_among, nearest_neighbors


def measured(x, labels, n_neighbors=11):
    return outliers.fit(nearest_neighbors(x.astype(np.float32), n_neighbors), labels)


@pytest.fixture
def two():
    """A dense cluster, and one ten times as wide."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 300)
    return rng.normal(size=(600, 3)) * np.repeat([0.1, 1.0], 300)[:, None] + 20 * labels[:, None], labels


def test_samples_far_from_their_neighbours_stand_out_however_wide_their_cluster(two):
    x, labels = two
    x[:3], x[300:303] = x[:3] + [2, 0, 0], x[300:303] + np.eye(3) * 20
    _, probability = measured(x, labels)
    is_far = np.isin(np.arange(600), [0, 1, 2, 300, 301, 302])
    assert ((0 <= probability) & (probability <= 1)).all()
    assert probability[is_far].min() > 0.9 and probability[~is_far].mean() < 0.2
    assert abs(probability[3:300].mean() - probability[303:].mean()) < 0.1  # a wide cluster is no outlier


def test_it_is_loop_where_no_neighbour_is_farther_from_its_own_than_half_of_its_cluster(two):
    """Against Kriegel et al.'s formulas, on rows of which the median caps nothing."""
    distances = np.tile([0.0, 1.0, 2.0], (6, 1))
    indices = (np.arange(6)[:, None] + np.arange(3)) % 6
    distances[0, 2] = 5
    _, probability = outliers.fit((indices, distances), np.zeros(6, int))
    spread = np.sqrt((distances[:, 1:] ** 2).mean(axis=1))
    usual = np.minimum(spread, np.median(spread))
    plof = spread / usual[indices[:, 1:]].mean(axis=1) - 1
    scale = 3 * np.sqrt((plof**2).mean())
    np.testing.assert_allclose(probability, [max(0, erf(p / scale / 2**0.5)) for p in plof], atol=1e-6)


def test_outliers_that_are_near_each_other_do_not_excuse_each_other(two):
    x, labels = two
    x[:15] = np.random.default_rng(1).normal(size=(15, 3)) * 0.6 + [0, 0, 3]
    _, probability = measured(x, labels)
    assert roc_auc_score(np.arange(300) < 15, probability[:300]) > 0.99


def test_units_do_not_matter(two):
    x, labels = two
    np.testing.assert_allclose(measured(x, labels)[1], measured(1000 * x, labels)[1], atol=1e-3)


def test_new_points_are_measured_as_the_samples_are(two):
    x, labels = two
    x = x.astype(np.float32)
    reference, known = measured(x, labels)
    assert np.array_equal(outliers.predict(nearest_neighbors(x, 10), reference, known), known)
    inside = outliers.predict(nearest_among(x + 0.01, x, 10), reference, known)
    far = outliers.predict(nearest_among(x + 9, x, 10), reference, known)
    assert np.corrcoef(inside, known)[0, 1] > 0.8 and far.min() > 0.99


def test_copies_belong_together():
    x = np.repeat(np.arange(4.0), 30)[:, None] * np.ones(3)
    reference, probability = measured(x, np.repeat(np.arange(4), 30))
    assert not probability.any()
    new = np.array([[0.0, 0, 0], [9, 9, 9]])
    assert outliers.predict(nearest_among(new, x, 10), reference, probability).tolist() == [0, 1]


def test_few_neighbours_are_enough():
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    x[7] += 9
    reference, probability = measured(x, np.zeros(40, int), n_neighbors=2)
    assert reference.n_nearest == 1 and probability.argmax() == 7
