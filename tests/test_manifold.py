import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll
from sklearn.manifold import trustworthiness

import manifold


@pytest.fixture(scope="module")
def roll():
    return make_swiss_roll(800, random_state=0)[0].astype(np.float32)


@pytest.mark.parametrize("name", manifold.MANIFOLD_LEARNERS)
def test_each_learner_keeps_neighbourhoods_and_obeys_its_seed(name, roll):
    embeddings = [
        manifold.manifold_learner(name, n_components=2, n_neighbors=8, random_state=3).fit_transform(roll)
        for _ in range(2)
    ]
    assert embeddings[0].shape == (800, 2)
    if name == "isomap":  # its eigensolver has no seed
        np.testing.assert_allclose(*np.abs(embeddings), rtol=1e-3, atol=1e-6 * np.abs(embeddings).max())
    else:
        assert np.array_equal(*embeddings)
    assert trustworthiness(roll, embeddings[0], n_neighbors=5) > 0.9


def test_settings_reach_umap():
    learner = manifold.manifold_learner(
        "UMAP", n_components=6, n_neighbors=21, min_dist=0.1, metric="cosine", random_state=4
    )
    assert (learner.n_components, learner.n_neighbors, learner.min_dist) == (6, 21, 0.1)
    assert (learner.metric, learner.random_state, learner.n_jobs) == ("cosine", 4, 1)
    assert manifold.manifold_learner("UMAP").n_jobs == -1


def test_unknown_learner():
    with pytest.raises(ValueError, match="must be UMAP, LLE, tSNE or isomap, got 'umap'"):
        manifold.manifold_learner("umap")


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "canberra"])
def test_nearest_neighbors_are_exact_and_start_with_the_point_itself(roll, metric):
    from scipy.spatial.distance import cdist

    x = np.vstack([roll[:100], roll[:10]])  # some points lie twice
    indices, distances = manifold.nearest_neighbors(x, 12, metric)
    assert indices[:, 0].tolist() == list(range(110)) and not distances[:, 0].any()
    expected = cdist(x, x, metric)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :12], atol=1e-5 * expected.max())
    np.testing.assert_allclose(np.take_along_axis(expected, indices, 1), distances, atol=1e-5 * expected.max())


def test_many_points_have_approximate_neighbors(roll, monkeypatch):
    exact, _ = manifold.nearest_neighbors(roll, 10)
    monkeypatch.setattr(manifold, "EXACT_NEIGHBORS", 100)
    indices, distances = manifold.nearest_neighbors(roll, 10)
    assert indices[:, 0].tolist() == list(range(800)) and not distances[:, 0].any()
    assert np.mean([len(set(a) & set(b)) for a, b in zip(indices, exact)]) > 9.8


@pytest.mark.parametrize("n", [800, 5000])
def test_umap_makes_the_same_graph_of_given_neighbors(n):
    x = make_swiss_roll(n, random_state=0)[0].astype(np.float32)
    knn = manifold.nearest_neighbors(x, 30)
    settings = {"n_neighbors": 15, "random_state": 0}
    graphs = [manifold.manifold_learner("UMAP", **settings, knn=k).fit(x).graph_ for k in (knn, None)]
    assert abs(graphs[0] - graphs[1]).sum() < 0.01 * graphs[1].sum()
