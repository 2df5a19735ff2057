import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

import models
import pipeline

QUICK = {
    "n_clusters": 4,
    "n_autoencoders": 2,
    "pretrain_epochs": 5,
    "n_neighbors": 10,
    "gmm_restarts": 3,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def blobs():
    x, y = make_blobs(400, n_features=12, centers=4, cluster_std=0.3, random_state=0)
    return x.astype(np.float32), y


@pytest.fixture(scope="module")
def fitted(blobs):
    return pipeline.N2D(**QUICK).fit(blobs[0])


def test_separate_blobs_are_found(blobs, fitted):
    assert adjusted_rand_score(blobs[1], fitted.labels_) == 1


def test_every_stage_leaves_its_result(fitted):
    assert fitted.autoencoder_[0].line == "12-500-500-2000-4"
    assert [len(losses) for losses in fitted.history_] == [5, 5]
    assert fitted.latent_.shape == (400, 8) and fitted.latent_.dtype == np.float32
    assert fitted.embedding_.shape == (400, 2) and fitted.embedding_.dtype == np.float64
    assert list(fitted.seconds_) == ["pretrain", "encode", "neighbours", "manifold", "cluster"]


def test_same_random_state_same_labels_and_fit_predict_agrees(blobs, fitted):
    again = clone(fitted)
    labels = again.fit_predict(blobs[0])
    assert np.array_equal(labels, fitted.labels_)
    assert np.array_equal(again.embedding_, fitted.embedding_)


def test_labels_do_not_matter(blobs, fitted):
    assert np.array_equal(clone(fitted).fit(*blobs).labels_, fitted.labels_)


def test_of_several_neighbourhoods_the_one_with_the_greatest_modularity_is_kept(blobs, fitted, monkeypatch):
    """With a stand-in for modularity: its values in the order in which the embeddings are made."""
    model = clone(fitted).set_params(n_neighbors=(10, 20, 15))
    model.fit_autoencoder(blobs[0])
    values = iter([0.3, 0.9, 0.5])
    monkeypatch.setattr(pipeline.clustering, "modularity", lambda graph, labels: next(values))
    monkeypatch.setattr(pipeline.clustering, "fit", lambda name, embedding, **_: (embedding[0, 0], embedding[:, 0]))
    model.fit_clusters(blobs[0])
    assert (model.modularity_, model.manifold_.n_neighbors) == (0.9, 15)
    assert model.clusterer_ == model.embedding_[0, 0] == model.labels_[0]
    assert model.graph_.sum() == pytest.approx(3)  # all are judged by the three graphs together
    assert model.graph_.nnz > fitted.graph_.nnz


def test_modularity_is_that_of_the_labels_in_umaps_graph(fitted):
    assert fitted.modularity_ == pipeline.clustering.modularity(fitted.manifold_.graph_, fitted.labels_)
    assert 0.5 < fitted.modularity_ < 0.75  # four equal blobs without an edge between them: 1 - 1/4


def test_weights_replace_training(blobs, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    models.save_weights(fitted.autoencoder_, path)
    loaded = clone(fitted).set_params(ae_weights=path).fit(blobs[0])
    assert loaded.history_ == []
    assert "pretrain" not in loaded.seconds_
    assert np.array_equal(loaded.labels_, fitted.labels_)


def test_compact_weights_hold_the_same_clusters(blobs, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    models.save_weights(fitted.autoencoder_, path, compact=True)
    loaded = clone(fitted).set_params(ae_weights=path, n_autoencoders=7).fit(blobs[0])
    assert len(loaded.autoencoder_) == 2  # as many as there are in the file
    assert adjusted_rand_score(loaded.labels_, fitted.labels_) == 1


def test_members_differ_and_a_larger_ensemble_starts_with_the_same(blobs, fitted):
    single = clone(fitted).set_params(n_autoencoders=1).fit_autoencoder(blobs[0])
    first, second = fitted.history_
    assert single.history_ == [first] and first != second


def test_no_random_state_still_works(blobs):
    labels = pipeline.N2D(**{**QUICK, "random_state": None}).fit_predict(blobs[0])
    assert adjusted_rand_score(blobs[1], labels) == 1


def test_verbose_reports_each_stage(blobs, capsys):
    pipeline.N2D(**QUICK, verbose=True).fit(blobs[0])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["pretrain", "encode", "neighbours", "manifold", "cluster"]


def test_comparison_scores_every_clusterer_on_every_space(blobs, fitted):
    rows, embeddings = zip(*pipeline.compare(fitted, *blobs))
    learners = ("none", "UMAP", "LLE", "isomap", "tSNE")
    assert [(row["input"], row["manifold"], row["cluster"]) for row in rows] == [
        (source, learner, cluster)
        for source in ("raw", "autoencoder")
        for learner in learners
        for cluster in ("GMM", "KM", "SC")
    ]
    assert [row["n_components"] for row in rows] == [12] * 3 + [2] * 12 + [8] * 3 + [2] * 12
    assert all(embedding.shape == (400, row["n_components"]) for row, embedding in zip(rows, embeddings))
    for row in rows:
        if row["manifold"] in ("none", "UMAP", "tSNE") and row["cluster"] == "KM":
            assert row["acc"] > 0.9, row


def test_no_manifold_clusters_the_latent_space_itself(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="none", n_neighbors=10).fit(blobs[0])
    assert np.array_equal(model.embedding_, model.latent_.astype(np.float64))
    assert adjusted_rand_score(blobs[1], model.labels_) == 1


def test_several_neighbourhoods_need_umap(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="LLE", n_neighbors=(5, 9))
    with pytest.raises(ValueError, match=r"n_neighbors must be one number with LLE, got \(5, 9\)"):
        model.fit(blobs[0])


def test_without_umap_there_is_no_graph_and_the_likeliest_mixture_is_kept(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="isomap").fit(blobs[0])
    assert model.graph_ is None and model.modularity_ is None
    assert adjusted_rand_score(blobs[1], model.labels_) == 1


def test_bad_data_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        pipeline.N2D(**QUICK).fit(np.full((50, 3), np.nan))
