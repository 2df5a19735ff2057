from pathlib import Path

import numba
import numpy as np
import pytest
import scipy.sparse.linalg
import sklearn.manifold
import torch
from scipy import sparse
from sklearn.datasets import make_swiss_roll
from sklearn.manifold import Isomap, trustworthiness

from n2d.method.manifold import learners, lle, maps, neighbors
from n2d.method.progress import Progress

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def roll():
    return make_swiss_roll(800, random_state=0)[0].astype(np.float32)


@pytest.mark.parametrize("name", ["UMAP", "umap-learn", "LLE", "tSNE", "isomap"])
def test_each_learner_keeps_neighbourhoods_and_obeys_its_seed(name, roll):
    knn = neighbors.nearest_neighbors(roll, learners.neighbors_needed(name, 8))
    embeddings = [
        learners.manifold_learner(name, n_components=2, n_neighbors=8, random_state=3, knn=k).fit_transform(roll)
        for k in (None, None, knn)
    ]
    assert embeddings[0].shape == (800, 2)
    assert np.array_equal(*embeddings[:2])
    assert trustworthiness(roll, embeddings[0], n_neighbors=5) > 0.9
    assert trustworthiness(roll, embeddings[2], n_neighbors=5) > 0.9


def test_no_learner_returns_its_input(roll):
    assert np.array_equal(learners.manifold_learner("none", n_components=7).fit_transform(roll), roll)


def match(a, b, scale=1.0):
    """b with the signs of a's columns."""
    return a, scale * b * np.sign((a * b).sum(axis=0))


def test_isomap_is_scikit_learns_if_all_samples_are_landmarks(roll):
    expected = Isomap(n_components=3, n_neighbors=7).fit(roll)
    learner = learners.LandmarkIsomap(n_components=3, n_neighbors=8, n_landmarks=800).fit(roll)
    np.testing.assert_allclose(*match(learner.embedding_, expected.embedding_), atol=1e-3)
    new = roll[:50] + 0.1
    np.testing.assert_allclose(*match(learner.transform(new), expected.transform(new)), atol=1e-3)


def test_isomap_of_landmarks_is_near_the_exact_one(roll):
    exact = learners.LandmarkIsomap(n_neighbors=8, n_landmarks=800).fit_transform(roll)
    learner = learners.LandmarkIsomap(n_neighbors=8, n_landmarks=100, random_state=0)
    a, b = match(exact, learner.fit_transform(roll))
    assert learner.geodesics_.shape == (100, 800)
    assert np.linalg.norm(a - b) < 0.1 * np.linalg.norm(a)
    landmarks = learner.landmarks_
    np.testing.assert_allclose(learner.transform(roll)[landmarks], learner.embedding_[landmarks], atol=1e-5)


def test_isomap_joins_components_as_scikit_learn_does_and_says_so():
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(size=(60, 3)) + [10 * i, 0, 0] for i in range(3)]).astype(np.float32)
    learner = learners.LandmarkIsomap(n_neighbors=6, n_landmarks=180)
    with pytest.warns(UserWarning, match="3 components: joined by shortest edges"):
        embedding = learner.fit_transform(x)
    with pytest.warns(UserWarning):
        expected = Isomap(n_neighbors=5).fit_transform(x)
    np.testing.assert_allclose(*match(embedding, expected), atol=1e-3)


def test_lle_is_scikit_learns_but_for_its_scale(roll):
    expected = sklearn.manifold.LocallyLinearEmbedding(n_neighbors=9, eigen_solver="dense").fit_transform(roll)
    embedding = learners.LocallyLinearEmbedding(n_neighbors=10).fit_transform(roll)
    np.testing.assert_allclose(*match(embedding, expected, 800**0.5), atol=0.02)
    np.testing.assert_allclose(embedding.var(axis=0), 1, rtol=1e-3)


def test_the_factors_of_lle_keep_their_order_and_its_vectors_are_exact(monkeypatch):
    """With as many dimensions as neighbours weights are large, and partial pivoting leaves the diagonal."""
    factors, splu = [], scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda *a, **k: factors.append(splu(*a, **k)) or factors[0])
    x = np.random.default_rng(0).normal(size=(1500, 10)).astype(np.float32)
    indices, _ = neighbors.nearest_neighbors(x, 10)
    residual = sparse.eye_array(len(x)) - lle._reconstruction_weights(x, indices[:, 1:], 1e-3)
    found = lle.smallest_singular_vectors(residual, 5, random_state=0)
    assert np.array_equal(factors[0].perm_r, factors[0].perm_c)
    expected = np.linalg.svd(residual.toarray())[2][::-1][:5]
    np.testing.assert_allclose(abs((expected * found.T).sum(axis=1)), 1, rtol=1e-6)


@pytest.mark.parametrize("n_components", [0, 4, 10])
def test_tsne_says_how_many_components_it_can(n_components, roll):
    with pytest.raises(ValueError, match=f"n_components must be 1, 2 or 3 with t-SNE, got {n_components}"):
        learners.manifold_learner("tSNE", n_components=n_components).fit_transform(roll)


def test_tsne_of_three_components(roll):
    embedding = learners.manifold_learner("tSNE", n_components=3, random_state=0).fit_transform(roll[:200])
    assert embedding.shape == (200, 3) and np.isfinite(embedding).all()


def test_settings_reach_umap(roll):
    learner = learners.manifold_learner(
        "umap-learn", n_components=6, n_neighbors=21, min_dist=0.1, metric="cosine", random_state=4
    )
    assert (learner.n_components, learner.n_neighbors, learner.min_dist) == (6, 21, 0.1)
    assert (learner.metric, learner.random_state, learner.n_jobs) == ("cosine", 4, 1)
    assert learners.manifold_learner("umap-learn").n_jobs == min(
        torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS
    )
    settings = {"n_components": 3, "n_neighbors": 12, "metric": "cosine", "random_state": 4}
    graphs = [learners.manifold_learner(name, **settings).fit(roll).graph_ for name in learners.WITH_GRAPH]
    assert abs(graphs[0] - graphs[1]).max() < 1e-3  # umap-learn's own distances differ by rounding


def test_maps_are_made_one_by_one_of_graphs_that_are_there_before(roll):
    settings = {"n_components": 2, "knn": neighbors.nearest_neighbors(roll, 20), "random_state": 0}
    made = maps.Maps("UMAP", roll, [10, 20], Progress(False), **settings)
    assert made.graph.sum() == pytest.approx(2) and not made.embeddings
    for n, (seed, size) in enumerate([(0, 10), (0, 20), (1, 10), (1, 20)], start=1):
        settings["random_state"] = seed
        expected = learners.manifold_learner("UMAP", n_neighbors=size, **settings).fit_transform(roll)
        assert np.array_equal(made.make_next(), expected) and len(made.embeddings) == n


def test_unknown_learner():
    with pytest.raises(ValueError, match="must be UMAP, umap-learn, LLE, tSNE, isomap or none, got 'umap'"):
        learners.manifold_learner("umap")


@pytest.mark.parametrize("n", [800, pytest.param(5000, marks=pytest.mark.slow)])  # NN-descent compiles for a minute
def test_umap_makes_the_same_graph_of_given_neighbors(n):
    x = make_swiss_roll(n, random_state=0)[0].astype(np.float32)
    knn = neighbors.nearest_neighbors(x, 30)
    settings = {"n_neighbors": 15, "random_state": 0}
    graphs = [learners.manifold_learner("UMAP", **settings, knn=k).fit(x).graph_ for k in (knn, None)]
    assert abs(graphs[0] - graphs[1]).sum() < 0.01 * graphs[1].sum()


def test_a_metric_with_a_greatest_distance_takes_neighbours_that_others_have_found(roll):
    """umap-learn would cut all edges of 2 and more with the cosine's: here they are of the input."""
    indices, distances = neighbors.nearest_neighbors(roll, 10)
    far = indices, distances + 5
    umap = learners.manifold_learner("UMAP", n_neighbors=10, metric="cosine", random_state=0, knn=far)
    assert np.isfinite(umap.fit_transform(roll)).all()
    assert umap.graph_.nnz >= 9 * len(roll)


def test_isomap_joins_equal_points_to_the_others():
    x = np.concatenate([np.full((15, 3), 50.0), np.random.default_rng(0).normal(size=(60, 3))]).astype(np.float32)
    with pytest.warns(UserWarning, match="2 components"):
        embedding = learners.manifold_learner("isomap", n_neighbors=10, random_state=0).fit_transform(x)
    assert np.isfinite(embedding).all()
    assert np.ptp(embedding[:15], axis=0).max() < 1e-3 * np.ptp(embedding, axis=0).max()


@pytest.mark.parametrize("name", learners.WITH_GRAPH)
def test_copies_of_three_samples_are_embedded_without_a_word(name, recwarn):
    """UMAP finds no spectral start for them, and takes a random one."""
    x = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    learners.manifold_learner(name, n_neighbors=5, random_state=0).fit(x)
    assert not [warning for warning in recwarn if "Spectral" in str(warning.message)]
