import contextlib
import pickle
import sys
import unittest
import warnings
from importlib.util import find_spec

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from n2d import datasets, pipeline
from n2d.method import evaluation, progress
from n2d.method.autoencoder import training, weights
from n2d.method.autoencoder.checkpoint import Checkpoint
from n2d.method.clusters import assignment, judge, n_clusters
from n2d.method.manifold import neighbors


def test_separate_blobs_are_found(blobs, fitted):
    assert adjusted_rand_score(blobs[1], fitted.labels_) == 1


@pytest.mark.parametrize("settings", [{}, {"cluster": "KM"}, {"cluster": "SC"}, {"fit_samples": 150}], ids=str)
def test_clusters_are_numbered_by_size_in_all_that_is_said_of_them(quick, settings):
    x, y = make_blobs([40, 120, 25, 90], n_features=12, cluster_std=0.3, random_state=0)
    model = pipeline.N2D(**quick, **settings).fit(x)
    assert np.bincount(model.labels_).tolist() == [120, 90, 40, 25]
    assert [set(y[model.labels_ == cluster]) for cluster in range(4)] == [{1}, {3}, {0}, {2}]
    assert np.array_equal(model.predict(x), model.labels_)
    if model.cluster == "GMM":
        assert np.array_equal(model.predict_proba(x).argmax(axis=1), model.labels_)
    if model.cluster != "SC":
        assert np.array_equal(model.clusterer_.predict(model.embedding_.astype(np.float64)), model.labels_)
    if model.cluster == "KM":
        assert np.array_equal(model.clusterer_.labels_, model.labels_)


def test_of_two_clusters_of_a_size_the_one_with_the_first_sample_comes_first(fitted):
    first = [np.argmax(fitted.labels_ == cluster) for cluster in range(4)]
    assert np.bincount(fitted.labels_).tolist() == [100] * 4 and first == sorted(first)


def test_unequal_units_are_warned_of_unless_they_are_scaled_or_images(quick):
    x = np.random.default_rng(0).normal(size=(60, 4)) * [1, 1, 11, 100] + 300
    settings = {**quick, "n_autoencoders": 1, "pretrain_epochs": 1}
    with pytest.warns(UserWarning, match="standard deviations from .* to .*: scale='standard' makes them equal") as got:
        pipeline.N2D(**settings).fit(x)
    assert any(one.filename == __file__ for one in got if "standard deviations" in str(one.message))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        pipeline.N2D(**settings, scale="standard").fit_autoencoder(x)
        pipeline.N2D(**settings, image_shape=(2, 2)).fit_autoencoder(x)
        pipeline.N2D(**settings).fit_autoencoder(x * [9, 9, 1, 0.1])
        pipeline.N2D(**settings).fit_autoencoder(x / np.abs(x).max() * [1, 1, 1, 0.01])  # they fill [-1, 1]


def test_every_stage_leaves_its_result(fitted):
    assert fitted.autoencoder_[0].line == "12-500-500-2000-4"
    assert [len(losses) for losses in fitted.history_] == [2, 2]
    assert fitted.latent_.shape == (400, 8) and fitted.latent_.dtype == np.float32
    assert fitted.embedding_.shape == (400, 5) and fitted.embedding_.dtype == np.float32
    assert [array.shape for array in fitted.knn_] == [(400, 10)] * 2
    assert list(fitted.seconds_) == ["pretrain", "encode", "neighbours", "manifold", "cluster", "map"]


def test_the_map_has_two_dimensions_and_does_not_change_the_clusters(blobs, fitted):
    """It is what is clustered if that has two dimensions; else blobs that lie apart there do so on the map, too."""
    flat = clone(fitted).set_params(n_components=2).fit(blobs[0])
    assert flat.map_ is flat.embedding_ and "map" not in flat.seconds_
    assert fitted.map_.shape == (400, 2) and fitted.map_.dtype == np.float32
    assert silhouette_score(fitted.map_, blobs[1]) > 0.8
    np.testing.assert_allclose(fitted.on_map(blobs[0]), fitted.map_, atol=0.05)
    other = clone(fitted).set_params(manifold_learner="isomap", n_components=3).fit(blobs[0])
    assert other.map_ is other.embedding_


def test_same_random_state_same_labels_and_fit_predict_agrees(blobs, fitted):
    again = clone(fitted)
    labels = again.fit_predict(blobs[0])
    assert np.array_equal(labels, fitted.labels_)
    assert np.array_equal(again.embedding_, fitted.embedding_)


def test_labels_do_not_matter(blobs, fitted):
    assert np.array_equal(clone(fitted).fit(*blobs).labels_, fitted.labels_)


@pytest.mark.parametrize(("of_inputs", "wins"), [(0.8, False), (0.95, True)])
def test_the_fit_of_the_greatest_merit_is_kept_unless_another_is_clearer(blobs, fitted, monkeypatch, of_inputs, wins):
    """With a stand-in for modularity and merit: its values in the order in which the embeddings are made."""
    model = clone(fitted).set_params(n_neighbors=(10, 20, 15))
    model.fit_autoencoder(blobs[0])
    values = iter([0.3, 0.9, 0.5])

    def fit(name, embedding, **_):
        modularity = next(values)
        return judge.Fit(embedding[0, 0], np.arange(len(embedding)) % 4, None, modularity, 1 - modularity, modularity)

    def k_means(x, n_clusters, *_):
        assert x is model.neighbourhood_.inputs and n_clusters == 4
        return judge.Fit("k-means", np.arange(len(x)) // 100, None, of_inputs, 1 - of_inputs, of_inputs)

    monkeypatch.setattr(pipeline.clustering, "kmeans_of_inputs", k_means)
    monkeypatch.setattr(pipeline.clustering, "fit", fit)
    monkeypatch.setattr(assignment.confidence, "score_samples", lambda *_: None)
    model.fit_latent(blobs[0]).fit_neighbors(blobs[0]).fit_clusters(blobs[0])
    assert model.manifold_.n_neighbors == 15
    assert model.clusterer_ == ("k-means" if wins else model.embedding_[0, 0])
    assert model.labels_[:5].tolist() == ([0] * 5 if wins else [0, 1, 2, 3, 0])
    assert model.graph_.sum() == pytest.approx(3)  # all are judged by the three graphs together
    assert model.graph_.nnz > fitted.graph_.nnz


def test_modularity_is_that_of_the_labels_in_umaps_graph(fitted):
    expected, *_ = judge.support(fitted.manifold_.graph_, fitted.labels_)
    assert fitted.modularity_ == pytest.approx(expected, abs=1e-7)  # graph_ is scaled to a total weight of 1
    assert 0.5 < fitted.modularity_ < 0.75  # four equal blobs without an edge between them: 1 - 1/4


def test_weights_replace_training(blobs, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    weights.save_weights(fitted.autoencoder_, path)
    loaded = clone(fitted).set_params(ae_weights=path).fit(blobs[0])
    assert loaded.history_ == []
    assert "pretrain" not in loaded.seconds_
    assert np.array_equal(loaded.labels_, fitted.labels_)


def test_compact_weights_hold_the_same_clusters(blobs, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    weights.save_weights(fitted.autoencoder_, path, compact=True)
    loaded = clone(fitted).set_params(ae_weights=path, n_autoencoders=7).fit(blobs[0])
    assert len(loaded.autoencoder_) == 2  # as many as there are in the file
    assert adjusted_rand_score(loaded.labels_, fitted.labels_) == 1


def test_members_differ_and_a_larger_ensemble_starts_with_the_same(blobs, fitted):
    single = clone(fitted).set_params(n_autoencoders=1).fit_autoencoder(blobs[0])
    first, second = fitted.history_
    assert single.history_ == [first] and first != second


def test_no_random_state_still_works(blobs, quick):
    labels = pipeline.N2D(**{**quick, "random_state": None}).fit_predict(blobs[0])
    assert adjusted_rand_score(blobs[1], labels) == 1


@pytest.mark.parametrize("verbose", [True, False])
def test_what_takes_long_has_a_bar_or_none_in_silence(blobs, quick, monkeypatch, verbose):
    shown = {}
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = progress.tqdm
    monkeypatch.setattr(
        progress, "tqdm", lambda *a, desc, **b: shown.update({desc: not b["disable"]}) or bar(*a, disable=True)
    )
    model = pipeline.N2D(**quick, verbose=verbose, fit_samples=300).fit(blobs[0])
    stages = {"encoded", "searched", "compared", "layout", "mixtures", "placed"}
    assert stages <= set(shown) and set(shown.values()) == {verbose}
    shown.clear()
    model.predict(blobs[0])
    assert shown == {"encoded": verbose, "placed": verbose}


def test_verbose_reports_each_stage(blobs, capsys, quick):
    pipeline.N2D(**quick, verbose=True).fit(blobs[0])
    lines = capsys.readouterr().out.splitlines()
    stages = ["pretrain", "encode", "neighbours", "neighbours", *["manifold"] * 2, *["cluster"] * 3, "map"]
    assert [line.split()[0] for line in lines] == stages


def test_no_manifold_clusters_the_latent_space_itself(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="none", n_neighbors=10).fit(blobs[0])
    assert np.array_equal(model.embedding_, model.latent_)
    assert adjusted_rand_score(blobs[1], model.labels_) == 1


def test_without_umap_there_is_no_graph_and_the_likeliest_mixture_is_kept(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="isomap").fit(blobs[0])
    assert model.graph_ is None and model.modularity_ is None
    assert adjusted_rand_score(blobs[1], model.labels_) == 1


def test_bad_data_is_refused(quick):
    with pytest.raises(ValueError, match="NaN"):
        pipeline.N2D(**quick).fit(np.full((50, 3), np.nan))


ESTIMATORS = {
    "a mixture": {},
    "k-means without a manifold": {"cluster": "KM", "manifold_learner": "none"},
    "spectral clustering of what was refined": {"cluster": "SC", "refine": "KLD", "refine_epochs": 2},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("parameters", ESTIMATORS.values(), ids=ESTIMATORS)
def test_scikit_learn_takes_it_for_one_of_its_own(parameters):
    """check_estimator, check by check; scikit-learn itself skips one that needs SCIPY_ARRAY_API."""
    quick = {"n_autoencoders": 1, "pretrain_epochs": 2, "n_neighbors": 5, "gmm_restarts": 2}
    model = pipeline.N2D(3, **quick, **parameters)
    for estimator, check in estimator_checks_generator(model):
        try:
            check(estimator)
        except unittest.SkipTest as skipped:
            assert "SCIPY_ARRAY_API" in str(skipped)


def test_it_is_a_step_of_a_pipeline_and_survives_pickling(blobs, quick):
    steps = make_pipeline(StandardScaler(), pipeline.N2D(**quick)).fit(blobs[0])
    again = pickle.loads(pickle.dumps(steps))
    assert np.array_equal(again.predict(blobs[0]), steps.predict(blobs[0]))
    assert adjusted_rand_score(again.predict(blobs[0]), blobs[1]) == 1


def test_the_number_of_clusters_is_found(blobs, quick, monkeypatch):
    monkeypatch.setattr(n_clusters, "NUMBERS", (2, 3, 4, 5, 7, 50, 51))
    model = pipeline.N2D(**{**quick, "n_clusters": "auto"}).fit(blobs[0])
    assert model.n_clusters_ == 4 and len(np.unique(model.labels_)) == 4
    assert [row["n_clusters"] for row in model.scan_] == [2, 3, 4, 5, 7, 50]  # eight samples a cluster
    assert model.latent_.shape == (400, 20)  # 10 dimensions for each of two autoencoders
    with pytest.raises(ValueError, match="n_clusters must be a number with refine"):
        clone(model).set_params(refine="KM").fit(blobs[0])


def test_the_number_is_found_on_maps_of_other_learners(blobs, quick, monkeypatch):
    monkeypatch.setattr(n_clusters, "NUMBERS", (3, 4, 5))
    settings = {"n_clusters": "auto", "manifold_learner": "isomap", "n_neighbors": 10}
    model = pipeline.N2D(**quick | settings).fit(blobs[0])
    assert model.n_clusters_ == 4
    assert [0 < row["stability"] <= 1 for row in model.scan_] == [True] * 3  # NaN of a single map


def test_manifold_and_clusters_of_some_samples_serve_all(blobs, fitted, tmp_path):
    x, y = blobs
    model = clone(fitted).set_params(fit_samples=150).fit(x)
    assert len(set(model.sample_.tolist())) == 150
    assert model.graph_.shape == (150, 150)
    assert model.embedding_.shape == (400, 5) and model.map_.shape == (400, 2) and model.labels_.shape == (400,)
    assert adjusted_rand_score(y, model.labels_) == 1
    np.testing.assert_array_equal(model.predict(x), model.labels_)
    np.testing.assert_allclose(model.transform(x), model.embedding_, atol=1e-3)
    np.testing.assert_allclose(model.on_map(x), model.map_, atol=1e-3)
    model.save(tmp_path)
    loaded = pipeline.N2D.load(tmp_path)
    assert len(loaded.latent_) == 150
    np.testing.assert_array_equal(loaded.predict(x), model.labels_)
    assert 0 < evaluation.internal_scores(model)["agreement"] <= 1
    with pytest.raises(ValueError, match="fit_samples must be more than the 4 clusters, got 4"):
        clone(model).set_params(fit_samples=4).fit(x)


def test_bytes_stay_bytes_and_are_scaled_in_batches(fitted, tmp_path, monkeypatch):
    """A memory map of images gives what the same images in float32 give, and is not copied."""
    x = np.random.default_rng(0).integers(0, 256, size=(300, 12), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    data = datasets.load(str(tmp_path / "x.npy"))
    assert data.x.dtype == np.uint8 and data.scale == "255"
    assert np.shares_memory(data.x, data.x.base)
    seen = []
    pretrain = training.pretrain
    monkeypatch.setattr(training, "pretrain", lambda member, x, **rest: seen.append(x) or pretrain(member, x, **rest))
    settings = {"scale": "255", "refine": "KM", "refine_epochs": 1, "checkpoint_dir": tmp_path, "n_clusters": 3}
    model = clone(fitted).set_params(**settings).fit(data.x)
    assert all(np.shares_memory(x, data.x) for x in seen)
    same = clone(fitted).set_params(**settings).fit(x.astype(np.float32))
    np.testing.assert_array_equal(model.latent_, same.latent_)
    np.testing.assert_array_equal(model.knn_[0], same.knn_[0])
    np.testing.assert_array_equal(model.labels_, same.labels_)
    np.testing.assert_array_equal(model.predict(x[:50]), same.predict(x[:50].astype(np.float64)))


def test_any_number_of_threads_finds_the_same():
    x = load_digits().data.astype(np.float32)
    settings = {"pretrain_epochs": 2, "gmm_restarts": 30, "n_neighbors": (10, 20), "image_shape": (8, 8)}
    models = [pipeline.N2D(10, **settings, random_state=0, n_jobs=n_jobs).fit(x) for n_jobs in (1, 3)]
    for name in ("embedding_", "map_", "labels_", "confidence_"):
        assert np.array_equal(*(getattr(model, name) for model in models))


def test_images_are_distorted_in_training_alone_and_only_if_they_have_that_shape():
    x = np.random.default_rng(0).random((300, 64), dtype=np.float32)
    settings = {"n_autoencoders": 1, "pretrain_epochs": 2, "random_state": 0}
    plain = pipeline.N2D(**settings).fit_autoencoder(x)
    augmented = pipeline.N2D(**settings, image_shape=(8, 8), augment=True).fit_autoencoder(x)
    assert augmented.history_ != plain.history_
    np.testing.assert_array_equal(augmented.encode(x), augmented.encode(x))
    with pytest.raises(ValueError, match=r"that of images of 64 pixels, got \(8, 9\)"):
        pipeline.N2D(**settings, image_shape=(8, 9)).fit_autoencoder(x)
    with pytest.raises(ValueError, match="image_shape must be given"):
        pipeline.N2D(**settings, augment=True).fit_autoencoder(x)


def test_the_input_decides_which_of_the_latent_neighbours_are_neighbours(blobs, fitted):
    def neighbours(**parameters):
        model = clone(fitted).set_params(**parameters)
        model.encoder_, model.progress_ = fitted.encoder_, progress.Progress()
        model.n_features_in_, model.seed_, model.metric_ = 12, 0, "euclidean"
        model.small_shape_ = model.image_shape
        return model.fit_latent(blobs[0]).fit_neighbors(blobs[0]).knn_[0]

    latent = neighbors.nearest_neighbors(fitted.latent_, 10)[0]
    inputs = neighbors.nearest_neighbors(blobs[0], 10)[0]
    assert np.array_equal(neighbours(n_candidates=None), latent)
    assert np.array_equal(neighbours(n_candidates=0), latent)
    assert np.array_equal(neighbours(n_candidates=1000), inputs)
    assert not np.array_equal(latent, inputs)
    as_images = neighbours(n_candidates=1000, image_shape=(3, 4))
    assert not np.array_equal(as_images, inputs)


@pytest.mark.filterwarnings("error:.*feature names")
def test_a_frame_is_known_by_its_names_without_a_warning(blobs, quick):
    frame = pd.DataFrame(blobs[0], columns=[f"c{i}" for i in range(12)])
    model = pipeline.N2D(**quick, scale="standard").fit(frame)
    assert np.array_equal(model.predict(frame), model.labels_)


def test_only_its_own_checkpoints_are_removed(blobs, tmp_path, quick):
    (tmp_path / "checkpoint-best.pt").write_bytes(b"somebody else's")
    Checkpoint(tmp_path / "n2d-checkpoint-1.pt", "of another training").write({})
    pipeline.N2D(**quick, checkpoint_dir=tmp_path).fit(blobs[0])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-best.pt"]
    seedless = pipeline.N2D(**quick | {"random_state": None}, checkpoint_dir=tmp_path).fit_autoencoder(blobs[0])
    assert seedless.resumed_seconds_ == 0 and len(list(tmp_path.iterdir())) == 1


def backends():
    """joblib's, those of packages that are installed."""
    yield from ("loky", "multiprocessing", "threading")
    yield pytest.param("dask", marks=pytest.mark.skipif(not find_spec("distributed"), reason="needs distributed"))


@pytest.mark.parametrize("backend", list(backends()))
def test_fit_and_predict_do_not_depend_on_joblibs_backend(backend):
    x = load_digits().data[:300] / 16
    settings = {"pretrain_epochs": 2, "gmm_restarts": 3, "n_neighbors": (10, 20), "image_shape": (8, 8), "n_jobs": 2}
    expected = pipeline.N2D(**settings, random_state=0).fit(x)
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            from distributed import Client

            stack.enter_context(Client(processes=False, dashboard_address=None))
        stack.enter_context(joblib.parallel_config(backend, n_jobs=2))
        model = clone(expected).fit(x)
        assert np.array_equal(model.predict(x), model.labels_)
    assert np.array_equal(model.knn_[1], expected.knn_[1])
    assert np.array_equal(model.labels_, expected.labels_)


def test_a_large_cluster_is_not_cut_and_small_ones_are_not_merged():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 4, size=(5, 20))
    y = np.repeat(range(5), [1000, 100, 100, 30, 30])
    x = centres[y] + rng.normal(size=(len(y), 20))
    model = pipeline.N2D(5, scale="standard", pretrain_epochs=10, random_state=0).fit(x)
    assert adjusted_rand_score(y, model.labels_) > 0.99


def test_seconds_of_the_unix_epoch_separate_clusters(fitted):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    x = np.c_[1.7e9 + 60 * y + rng.normal(0, 1, 200), rng.normal(size=(200, 2)) / 10]
    model = clone(fitted).set_params(n_clusters=2, scale="standard").fit(x)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert np.array_equal(model.predict(x), y if model.labels_[0] == 0 else 1 - y)


def test_equal_rows_have_one_cluster_and_predict_agrees(fitted):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, size=(600, 4)).astype(np.float32)  # 81 kinds at most
    model = clone(fitted).set_params(n_clusters=5, scale="standard").fit(x)
    clusters = pd.DataFrame(x).groupby([0, 1, 2, 3]).ngroup()
    assert (pd.Series(model.labels_).groupby(clusters).nunique() == 1).all()
    assert np.array_equal(model.predict(x), model.labels_)


def test_without_a_manifold_points_that_were_left_out_lie_where_they_are(blobs, fitted):
    model = clone(fitted).set_params(manifold_learner="none", fit_samples=200).fit(blobs[0])
    np.testing.assert_allclose(model.transform(blobs[0]), model.embedding_, atol=1e-5)


def test_a_metric_that_cannot_rank_leaves_the_latent_space_alone(blobs, fitted):
    model = clone(fitted).set_params(metric="manhattan").fit(blobs[0])
    assert model.neighbourhood_.inputs is None
    expected = neighbors.nearest_neighbors(model.latent_, 10, "manhattan")
    assert np.array_equal(model.knn_[0], expected[0])
