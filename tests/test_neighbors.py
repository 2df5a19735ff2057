import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll
from sklearn.neighbors import NearestNeighbors

from n2d import datasets
from n2d.method.autoencoder.scaling import Scaling
from n2d.method.manifold import neighbors, neighbourhood
from n2d.method.manifold.neighbors import directions
from n2d.method.progress import Progress

BOTH_WAYS = np.array([[0, 1], [1, 0]])


def test_among_all_the_closest_are_the_nearest_neighbours():
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    candidates = neighbors.nearest_neighbors(x, 60)[0]
    found, expected = neighbors.closest(x, candidates, 10), neighbors.nearest_neighbors(x, 10)
    assert np.array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)


def test_the_input_decides_among_the_candidates_and_a_candidate_of_one_is_one_of_both(monkeypatch):
    monkeypatch.setattr(neighbors, "FRIENDS", (1,))
    x = np.array([[0], [1], [3], [10]], np.float32)
    candidates = np.array([[0, 3, 2], [1, 2, 3], [2, 3, 0], [3, 2, 0]])
    indices, distances = neighbors.closest(x, candidates, 3)
    assert indices.tolist() == [[0, 2, 3], [1, 2, 3], [2, 1, 0], [3, 2, 1]]  # 1 was no candidate of 2, but 2 of 1
    assert distances.tolist() == [[0, 3, 10], [0, 2, 9], [0, 2, 3], [0, 7, 9]]


def test_neighbours_of_neighbours_are_found_though_they_were_no_candidates():
    x = np.array([[0], [1], [3], [10]], np.float32)
    candidates = np.array([[0, 3, 2], [1, 2, 3], [2, 3, 0], [3, 2, 0]])
    indices, distances = neighbors.closest(x, candidates, 3)
    assert indices.tolist() == [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 2, 1]]  # 0 and 1, by way of 2
    assert distances.tolist() == [[0, 1, 3], [0, 1, 2], [0, 2, 3], [0, 7, 9]]


def test_the_neighbours_of_neighbours_have_neighbours_too(monkeypatch):
    x = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    candidates = neighbors.nearest_neighbors(x[:, :2].copy(), 15)[0]
    nearest, found = neighbors.nearest_neighbors(x, 10)[0], []
    for friends in (neighbors.FRIENDS[:1], neighbors.FRIENDS):
        monkeypatch.setattr(neighbors, "FRIENDS", friends)
        indices = neighbors.closest(x, candidates, 10)[0]
        found.append(np.mean([np.isin(one, other).mean() for one, other in zip(nearest, indices)]))
    assert found[0] + 0.1 < found[1]


def test_how_many_rows_are_compared_at_once_does_not_matter(monkeypatch):
    x = np.random.default_rng(0).integers(3, size=(90, 4)).astype(np.float32)  # many distances are equal
    candidates = neighbors.nearest_neighbors(x[:, :2].copy(), 20)[0]
    at_once = neighbors.closest(x, candidates, 20)
    monkeypatch.setattr(neighbors, "ROWS", 7)
    for found, expected in zip(neighbors.closest(x, candidates, 20), at_once):
        assert np.array_equal(found, expected)


def test_the_parts_that_are_compared_are_tracked(monkeypatch):
    monkeypatch.setattr(neighbors, "ROWS", 7)
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    steps = []
    neighbors.closest(x, neighbors.nearest_neighbors(x, 8)[0], 8, track=lambda parts: steps.append(len(parts)) or parts)
    assert steps == [3, 3, 3]  # the candidates, theirs, and theirs again


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_how_many_rows_are_searched_for_at_once_does_not_matter(roll, monkeypatch, metric):
    at_once = neighbors.nearest_neighbors(roll, 9, metric, n_jobs=1)
    monkeypatch.setattr(neighbors, "ROWS", 256)
    steps = []
    found = neighbors.nearest_neighbors(roll, 9, metric, 1, lambda parts: steps.append(len(parts)) or parts)
    assert steps == [3] and all(np.array_equal(*pair) for pair in zip(found, at_once))


@pytest.mark.parametrize("n_candidates", [None, 12])
def test_how_many_new_points_are_placed_at_once_does_not_matter(monkeypatch, n_candidates):
    x = datasets.load("digits").x
    found = neighbourhood.Neighbourhood(
        x[:900], n_candidates and x[:900], n_candidates=n_candidates, image_shape=(8, 8)
    )
    at_once = found.query(x, x, np.arange(900, 1200))
    monkeypatch.setattr(neighbourhood, "ROWS", 70)
    steps = []
    parts = found.query(x, x, np.arange(900, 1200), track=lambda parts: steps.append(len(parts)) or parts)
    assert steps == [5] and all(np.array_equal(*pair) for pair in zip(parts, at_once))


def test_a_new_point_finds_the_nearest_of_its_candidates():
    x = np.array([[0], [1], [3], [10], [20]], np.float32)
    new = np.array([[2], [18]], np.float32)
    indices, distances = neighbors.closest_among(new, x, np.array([[0, 3, 1], [1, 3, 0]]), 2)
    assert indices.tolist() == [[1, 0], [3, 1]]
    assert distances.tolist() == [[1, 2], [8, 17]]


def test_equal_points_are_neighbours_at_no_distance():
    x = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    indices, distances = neighbors.closest(x, neighbors.nearest_neighbors(x, 8)[0], 4)
    assert np.array_equal(indices // 4, np.repeat(np.arange(3), 4)[:, None].repeat(4, axis=1))
    assert not distances.any()


def test_digits_that_are_alike_when_bent_are_of_the_same_class_more_often():
    data = datasets.load("digits")
    candidates = neighbors.nearest_neighbors(data.x, 50)[0]

    def purity(image_shape):
        indices, _ = neighbors.closest(data.x, candidates, 11, image_shape)
        return (data.y[indices[:, 1:]] == data.y[:, None]).mean()

    assert purity(data.image_shape) > purity(None) + 0.005


@pytest.fixture(scope="module")
def roll():
    return make_swiss_roll(800, random_state=0)[0].astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "canberra"])
def test_nearest_neighbors_are_exact_and_start_with_the_point_itself(roll, metric):
    from scipy.spatial.distance import cdist

    x = np.vstack([roll[:100], roll[:10]])  # some points lie twice
    indices, distances = neighbors.nearest_neighbors(x, 12, metric)
    assert indices[:, 0].tolist() == list(range(110)) and not distances[:, 0].any()
    expected = cdist(x, x, metric)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :12], atol=1e-5 * expected.max())
    np.testing.assert_allclose(np.take_along_axis(expected, indices, 1), distances, atol=1e-5 * expected.max())


def test_many_points_have_approximate_neighbors(roll, monkeypatch):
    exact, _ = neighbors.nearest_neighbors(roll, 10)
    monkeypatch.setattr(neighbors, "EXACT_NEIGHBORS", 100)
    indices, distances = neighbors.nearest_neighbors(roll, 10)
    assert indices[:, 0].tolist() == list(range(800)) and not distances[:, 0].any()
    assert np.mean([len(set(a) & set(b)) for a, b in zip(indices, exact)]) > 9.8


def test_in_the_cells_around_a_point_nearly_all_of_its_neighbours_are_found_with_any_number_of_threads(
    roll, monkeypatch
):
    monkeypatch.setattr(neighbors, "CELL", 20)
    monkeypatch.setattr(neighbors, "PROBED", 2)
    x = np.vstack([roll, roll[:10]])  # some points lie twice
    one, *others = [neighbors.nearest_in_cells(x, 12, n_jobs=n_jobs) for n_jobs in (1, 2, 5)]
    for other in others:
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
    indices, distances = one
    assert indices[:, 0].tolist() == list(range(810)) and not distances[:, 0].any()
    np.testing.assert_allclose(distances[:, 1:], np.linalg.norm(x[indices] - x[:, None], axis=2)[:, 1:], atol=1e-2)
    exact, _ = neighbors.nearest_neighbors(x, 12)
    assert 0.9 < np.mean([len(set(a) & set(b)) for a, b in zip(indices, exact)]) / 12 < 0.99
    monkeypatch.setattr(neighbors, "CELL", 1)  # so small that all samples have to be searched
    assert np.array_equal(neighbors.nearest_in_cells(x, 12)[1], neighbors.nearest_neighbors(x, 12)[1])


def test_many_standardised_features_are_compared_by_the_direction_of_their_components():
    """Sixty features say a little of which of four groups a sample is in; six hundred say nothing."""
    rng = np.random.default_rng(0)
    y = np.repeat(range(4), 100)
    x = np.hstack([rng.normal(0, 0.5, size=(4, 60))[y] + rng.normal(size=(400, 60)), rng.normal(size=(400, 600))])
    latent = np.ones((400, 1), np.float32)  # it proposes nothing
    candidates = np.array([[i, *np.delete(np.arange(400), i)] for i in range(400)])
    purity = {}
    for reduces in (False, True):
        scaling = Scaling.fit(x, "standard")
        found = neighbourhood.Neighbourhood(latent, x, n_candidates=399, scaling=scaling, reduces=reduces)
        ranked, _ = found.rank((candidates, None), 10)
        purity[reduces] = (y[ranked] == y[:, None]).mean()
    assert purity[True] > purity[False] + 0.05
    assert found.inputs.shape == (400, 50)
    np.testing.assert_allclose(np.linalg.norm(found.inputs, axis=1), 1, rtol=1e-5)
    found.n_candidates = 400
    nearest, _ = found.query(latent, x)
    assert nearest[:, 0].tolist() == list(range(400))


@pytest.mark.parametrize(("features", "kind"), [(50, "standard"), (60, "minmax"), (60, "none")])
def test_few_features_and_those_that_were_not_standardised_are_compared_as_they_are(features, kind):
    x = np.random.default_rng(0).normal(size=(80, features))
    found = neighbourhood.Neighbourhood(x[:, :1], x, scaling=Scaling.fit(x, kind), reduces=True)
    assert found.components is None and found.inputs.shape == x.shape


@pytest.mark.parametrize("metric", neighbors.DIRECTIONS)
def test_neighbours_by_direction_are_those_of_the_slow_search(metric):
    x = np.random.default_rng(0).normal(size=(600, 20)).astype(np.float32) + 1
    slow = NearestNeighbors(n_neighbors=15, algorithm="brute", metric=metric).fit(x.astype(np.float64))
    expected, indices = slow.kneighbors(x)
    for found in (neighbors.nearest_neighbors(x, 15, metric), neighbors.nearest_among(x, x, 15, metric)):
        assert np.array_equal(found[0], indices)
        np.testing.assert_allclose(found[1], expected, atol=1e-6)


def test_embeddings_have_exact_neighbours_whatever_the_latent_space_proposes(monkeypatch):
    rng = np.random.default_rng(0)
    y = np.repeat(range(4), 50)
    x = directions(rng.normal(size=(4, 80))[y] + rng.normal(size=(200, 80)), "cosine")
    latent = rng.normal(size=(200, 2)).astype(np.float32)

    def found():
        made = neighbourhood.Neighbourhood(latent, x, metric="cosine", n_candidates=5, reduces=True)
        made.find(6, Progress(False))
        return made

    exact = found()
    assert np.array_equal(exact.knn[0], neighbors.nearest_neighbors(x, 6)[0])
    nearest, _ = exact.query(latent[::-1], x, n_neighbors=6)  # nor does it matter for new points
    assert np.array_equal(nearest, exact.knn[0])
    monkeypatch.setattr(neighbourhood, "PROJECTED", (100, 70))
    monkeypatch.setattr(neighbors, "FRIENDS", (1,))  # what the five nearest by components lack, is lacking
    of_five = found().knn[0]
    assert 0.3 < np.mean([len(set(a) & set(b)) / 6 for a, b in zip(of_five, exact.knn[0])]) < 0.95
    monkeypatch.undo()
    monkeypatch.setattr(neighbourhood, "PROJECTED", (100, 70))
    monkeypatch.setattr(neighbors, "CELL", 10)
    monkeypatch.setattr(neighbors, "PROBED", 3)
    of_many = found()
    assert np.mean([len(set(a) & set(b)) / 6 for a, b in zip(of_many.knn[0], exact.knn[0])]) > 0.9
    assert np.array_equal(of_many.query(latent, x, n_neighbors=6)[0], exact.knn[0])  # few new points by all features


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_inputs_are_ranked_by_the_metric(metric):
    """Classes are directions; lengths are noise."""
    rng = np.random.default_rng(0)
    y = np.repeat(range(4), 50)
    x = (rng.normal(size=(4, 12))[y] + rng.normal(0, 0.3, size=(200, 12))) * rng.uniform(1, 100, size=(200, 1))
    latent = np.ones((200, 1), np.float32)  # it proposes nothing
    found = neighbourhood.Neighbourhood(latent, x, metric=metric, n_candidates=199)
    exact = neighbors.nearest_neighbors(x, 10, metric)
    ranked = found.rank((np.argsort(rng.random((200, 200)), axis=1)[:, :199], None), 10)
    assert (y[ranked[0]] == y[:, None]).mean() > 0.95
    assert (y[exact[0]] == y[:, None]).mean() > 0.95
