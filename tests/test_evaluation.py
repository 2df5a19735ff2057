import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine

from n2d.method import evaluation
from n2d.method.manifold import learners


def test_comparison_scores_every_clusterer_on_every_space(blobs, fitted):
    rows, embeddings = zip(*evaluation.compare(fitted, *blobs))
    learners = ("none", "UMAP", "LLE", "isomap", "tSNE")
    assert [(row["input"], row["manifold"], row["cluster"]) for row in rows] == [
        (source, learner, cluster)
        for source in ("raw", "autoencoder")
        for learner in learners
        for cluster in ("GMM", "KM", "SC")
    ]
    assert [row["n_components"] for row in rows] == [12] * 3 + [5] * 9 + [2] * 3 + [8] * 3 + [5] * 9 + [2] * 3
    assert all(embedding.shape == (400, row["n_components"]) for row, embedding in zip(rows, embeddings))
    for row in rows:
        if row["manifold"] in ("none", "UMAP", "tSNE") and row["cluster"] == "KM":
            assert row["acc"] > 0.9, row


def test_a_comparison_that_was_stopped_goes_on(blobs, fitted, tmp_path, monkeypatch):
    some = blobs[0][:200], blobs[1][:200]
    model = clone(fitted).fit(some[0])
    whole = [row for row, _ in evaluation.compare(model, *some)]
    rows = evaluation.compare(model, *some, tmp_path)
    begun = [next(rows) for _ in range(7)]  # two manifolds, and one row of the third
    rows.close()
    learned = []
    learner = learners.manifold_learner
    monkeypatch.setattr(
        learners, "manifold_learner", lambda name, **options: learned.append(name) or learner(name, **options)
    )
    again = list(evaluation.compare(model, *some, tmp_path))
    assert learned == ["isomap", "tSNE", "none", "UMAP", "LLE", "isomap", "tSNE"]
    for (row, embedding), (old, old_embedding) in zip(again, begun):
        assert row == old
        np.testing.assert_array_equal(embedding, old_embedding)
    assert [row["acc"] for row, _ in again] == [row["acc"] for row in whole]
    model.set_params(min_dist=0.5)
    next(evaluation.compare(model, *some, tmp_path))
    assert learned[7:] == ["none"]  # other settings: nothing is taken over


def test_clusters_are_judged_without_labels(fitted):
    figures = evaluation.internal_scores(fitted)
    assert figures["agreement"] == 1 and figures["silhouette"] > 0.5
    assert figures["modularity"] == fitted.modularity_
    assert sum(figures["sizes"]) == 400 and len(figures["sizes"]) == 4
    assert figures["log_likelihood"] == pytest.approx(fitted.clusterer_.score(fitted.embedding_.astype(np.float64)))


def test_of_several_maps_none_is_made_again_to_judge_the_clusters(blobs, fitted, monkeypatch):
    model = clone(fitted).set_params(n_neighbors=(5, 10)).fit(blobs[0])
    monkeypatch.setattr(type(model), "embed_and_cluster", None)
    assert evaluation.internal_scores(model)["agreement"] == 1


def test_the_largest_seed_has_a_next_one(blobs, fitted):
    model = clone(fitted).set_params(random_state=2**32 - 1, n_autoencoders=1).fit(blobs[0])
    assert evaluation.internal_scores(model)["agreement"] == 1


def test_baselines_see_the_features_that_n2d_sees(fitted):
    x, y = load_wine(return_X_y=True)
    model = clone(fitted).set_params(n_clusters=3, scale="standard").fit(x)
    rows = {(row["input"], row["manifold"], row["cluster"]): row["acc"] for row, _ in evaluation.compare(model, x, y)}
    assert rows["raw", "none", "KM"] > 0.95  # .702 where proline's hundreds outweigh all else
    (pixels,) = [row for row in evaluation.stages(model, x, y) if row["space"] == "pixels"]
    assert pixels["acc"] > 0.95
