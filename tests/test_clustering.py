import warnings

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import kneighbors_graph

from n2d.method.clusters import clustering, judge
from n2d.method.progress import Progress


@pytest.mark.parametrize("name", clustering.CLUSTERERS)
def test_each_clusterer_finds_separate_blobs(name):
    x, y = make_blobs(300, n_features=4, centers=5, cluster_std=1.2, random_state=1)
    labels = [clustering.fit(name, x, n_clusters=5, restarts=10, random_state=0).labels for _ in range(2)]
    assert adjusted_rand_score(y, labels[0]) > 0.9
    assert np.array_equal(*labels)


def test_unknown_clusterer():
    with pytest.raises(ValueError, match="must be GMM, KM or SC, got 'DBSCAN'"):
        clustering.fit("DBSCAN", np.zeros((20, 2)))


def test_modularity_and_information_of_two_triangles_joined_by_an_edge():
    """7 edges, 6 of them inside the triangles: Q = 6/7 - 2 (1/2)^2; all in one cluster: 0."""
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)]
    rows, columns = np.array(edges).T
    half = sparse.coo_array((np.ones(7), (rows, columns)), shape=(6, 6))
    graph = half + half.T
    information = (6 / 7 * np.log(12 / 7) + 1 / 7 * np.log(2 / 7)) / np.log(2) ** 0.35
    triangles = pytest.approx((6 / 7 - 1 / 2, 1 / 7, information))
    assert judge.support(graph, np.array([0, 0, 0, 1, 1, 1])) == triangles
    assert judge.support(3 * graph, np.array([5, 5, 5, 0, 0, 0])) == triangles
    assert judge.support(graph, np.zeros(6, int)) == pytest.approx((0, 0, 0))
    assert judge.support(graph, np.arange(6))[:2] == pytest.approx((-(4 * 2**2 + 2 * 3**2) / 14**2, 1))


def test_a_large_cluster_is_not_halved_where_its_halves_touch_though_modularity_is_greater():
    """Two halves of a class that has two thirds of the weight, and two small classes that touch ten times less."""
    graph = sparse.csr_array([[0.3, 0.04, 0, 0], [0.04, 0.3, 0, 0], [0, 0, 0.156, 0.004], [0, 0, 0.004, 0.156]])
    both = np.array([[0, 0, 1, 2], [0, 1, 2, 2]])
    whole, halved = (judge.Fit(None, None, None, *judge.support(graph, labels)) for labels in both)
    assert judge.merit(whole) > judge.merit(halved) and whole.modularity < halved.modularity


@pytest.fixture(scope="module")
def bent():
    """A class on a bow, which two Gaussians fit better than one, and two small ones that one Gaussian can hold."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 600)
    bow = 3 * np.c_[np.cos(angle), np.sin(angle)]
    pair = [rng.normal(size=(300, 2)) * 0.5 + [x, -6] for x in (-1.3, 1.3)]
    x = np.vstack([bow + 0.1 * rng.normal(size=bow.shape), *pair])
    return x, np.repeat([0, 1, 2], [600, 300, 300])


def test_without_a_graph_the_likeliest_mixture_is_kept(bent):
    x, y = bent
    one, _, *_ = clustering.fit("GMM", x, n_clusters=3, restarts=1, random_state=0)
    likeliest, labels, *_ = clustering.fit("GMM", x, n_clusters=3, restarts=20, random_state=0)
    assert likeliest.lower_bound_ >= one.lower_bound_
    assert adjusted_rand_score(y, labels) < 0.7  # it splits the bow and merges the pair


def test_with_a_graph_the_mixture_that_cuts_no_class_is_kept(bent):
    x, y = bent
    graph = kneighbors_graph(x, 10)
    graph = graph.maximum(graph.T)
    mixture, labels, *_ = clustering.fit("GMM", x, n_clusters=3, restarts=20, random_state=0, graph=graph)
    assert np.array_equal(mixture.predict(x), labels)
    assert adjusted_rand_score(y, labels) > 0.95


def likelihood(mixture):
    return mixture.lower_bound_


def test_a_component_that_collapsed_onto_equal_points_is_fitted_again():
    """A fifth of a class are equal points: a component on them alone is likelier than one for each class."""
    x, y = make_blobs([200, 200, 160], centers=[[0, 0], [5, 0], [0, 12]], random_state=0)
    x, y = np.vstack([x, np.tile([[0.0, 12.0]], (40, 1))]), np.append(y, [2] * 40)
    settings = {"n_clusters": 3, "start": "random_from_data"}
    likeliest = max((clustering.fit_mixture(x, seed=seed, **settings)[-1] for seed in range(20)), key=likelihood)
    assert adjusted_rand_score(y, likeliest.predict(x)) > 0.95
    settings = {"n_components": 3, "init_params": "random_from_data"}
    likeliest = max((GaussianMixture(random_state=seed, **settings).fit(x) for seed in range(20)), key=likelihood)
    assert adjusted_rand_score(y, likeliest.predict(x)) < 0.6


def test_what_collapsed_is_told():
    x = np.vstack([np.random.default_rng(0).normal(size=(100, 2)), np.full((100, 2), 50.0)])
    with pytest.warns(UserWarning, match="4 of 4 mixtures had a component that collapsed"):
        mixture, labels, *_ = clustering.fit("GMM", x, n_clusters=2, restarts=4, random_state=0)
    assert adjusted_rand_score(np.repeat([0, 1], 100), labels) == 1
    assert (mixture.predict(np.random.default_rng(1).normal(50, 1, size=(50, 2))) == labels[-1]).all()


def test_without_refitting_a_mixture_is_scikit_learns_own():
    x = np.vstack([np.random.default_rng(0).normal(size=(100, 2)), np.full((100, 2), 50.0)])
    with pytest.warns(UserWarning, match="1 of 1 mixtures had a component that collapsed"):
        mixture, _, *_ = clustering.fit("GMM", x, n_clusters=2, restarts=1, random_state=0)
    assert mixture.reg_covar > 1e-6
    mixture, _, *_ = clustering.fit("GMM", x, n_clusters=2, restarts=1, random_state=0, refit=False)
    assert mixture.reg_covar == 1e-6
    np.testing.assert_allclose(mixture.covariances_.min(axis=0), 1e-6 * np.eye(2), atol=1e-9)


def test_nothing_collapses_in_data_without_equal_points_or_with_a_constant_feature():
    x, _ = make_blobs(300, n_features=2, centers=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for points in (x, np.c_[x, np.ones(300)], 1e-8 * x):
            clustering.fit("GMM", points, n_clusters=3, restarts=3, random_state=0)


def test_the_next_best_fits_are_the_rivals_of_the_best():
    fits = [judge.Fit(None, np.array([i]), None, m, 0.1, m) for i, m in enumerate([0.1, 0.4, 0.2, 0.4, 0.3])]
    kept = judge.best(iter(fits))
    assert kept.labels == [1] and np.concatenate(kept.rivals).tolist() == [3, 4]
    assert judge.best(fits[:1]).rivals == ()


def test_assortativity_is_the_modularity_as_a_share_of_the_greatest_that_there_could_be():
    graph = np.kron(np.eye(2), np.ones((3, 3)) - np.eye(3))
    graph[2, 3] = graph[3, 2] = 1
    fit = judge.Fit(None, None, None, *judge.support(graph, np.repeat([0, 1], 3)))
    assert fit.assortativity == pytest.approx((6 / 7 - 1 / 2) / (1 - 1 / 2))
    assert judge.Fit(None, None, None, 0.0, 0.0).assortativity == 0  # one cluster alone
    assert judge.Fit(None, None).assortativity is None


def test_clusters_that_lie_apart_are_kept_though_unequal_ones_have_less_merit():
    """1 less the assortativity is .125; .00017, a 750th of it; .0066, a 19th; and of a handful of outliers 0."""
    cut = judge.Fit(None, np.array([0]), None, 0.70, 0.10, 1.4)
    apart = judge.Fit(None, np.array([1]), None, 0.60, 0.0001, 1.2)
    close = judge.Fit(None, np.array([2]), None, 0.60, 0.004, 1.2)
    outliers = judge.Fit(None, np.array([3]), None, 0.05, 0.0, 0.2)
    for fits in ([cut, close, apart, outliers], [outliers, apart, cut, close], [apart, outliers, close, cut]):
        kept = judge.best(fits)
        assert kept.labels == [1] and np.concatenate(kept.rivals)[0] == 0
    assert judge.best([close, cut]).labels == [0]  # clearer, but not thirty times
    assert judge.choose([cut, outliers]) == 0 and judge.choose([cut, outliers, apart]) == 2


def test_of_several_kinds_the_greatest_merit_counts_unless_another_is_clearer():
    """1 less the assortativity is .125; .045, which is not less than a third of it; and .04."""
    three = (0.7, 0.1, 2), (0.64, 0.03, 1), (0.48, 0.02, 1)
    kept, alike, clearer = (judge.Fit(None, None, None, *of) for of in three)
    assert judge.choose([alike, kept]) == 1
    assert judge.choose([alike, kept, clearer]) == 2
    assert judge.choose([judge.Fit(None, None, -1.0)]) == 0  # no graph to judge by


def test_k_means_of_the_inputs_is_judged_by_the_graph(monkeypatch):
    monkeypatch.setattr(clustering, "MIXTURE_SAMPLE", 100)
    x = np.repeat(np.array([[0, 0], [0, 200], [200, 0]], np.uint8), 100, axis=0)
    graph = sparse.csr_array(np.kron(np.eye(3), np.ones((100, 100))))
    fit = clustering.kmeans_of_inputs(x, 3, graph, random_state=0)
    assert fit.modularity == pytest.approx(2 / 3) and fit.cut == 0
    assert sorted(np.bincount(fit.labels)) == [100, 100, 100]


def test_k_means_of_wide_inputs_takes_fewer_distinct_samples_than_clusters():
    x = np.repeat(np.random.default_rng(0).normal(size=(3, 60)).astype(np.float32), 40, axis=0)
    graph = sparse.csr_array(np.kron(np.eye(3), np.ones((40, 40))))
    with pytest.warns(ConvergenceWarning):
        fit = clustering.kmeans_of_inputs(x, 5, graph, random_state=0)
    assert len(np.unique(fit.labels)) == 3 and fit.cut == 0


def test_a_mixture_sees_no_more_numbers_than_it_can_in_minutes(monkeypatch):
    x = np.random.default_rng(0).normal(size=(300, 8))
    seen = []
    fit_mixture = clustering.fit_mixture
    monkeypatch.setattr(
        clustering, "fit_mixture", lambda sample, *rest: seen.append(len(sample)) or fit_mixture(sample, *rest)
    )
    clustering.fit("GMM", x, n_clusters=2, restarts=1)
    monkeypatch.setattr(clustering, "MIXTURE_NUMBERS", 800)
    _, labels, *_ = clustering.fit("GMM", x, n_clusters=2, restarts=1)
    assert seen == [300, 100]
    assert len(labels) == 300


def test_likelihoods_are_compared_on_the_same_sample(monkeypatch):
    """Each fit sees 100 points of its own; that of the greatest likelihood on the common ones is kept."""
    monkeypatch.setattr(clustering, "MIXTURE_SAMPLE", 100)
    x, _ = make_blobs(1000, n_features=2, centers=4, cluster_std=2.0, random_state=0)
    fits = list(clustering.mixtures(x, 4, 10, random_state=0))
    scores = {round(fit.log_likelihood - fit.clusterer.score(x), 3) for fit in fits}
    common = np.random.default_rng(np.random.SeedSequence(0).generate_state(10)[0]).choice(x, 100, replace=False)
    assert [fit.log_likelihood for fit in fits] == pytest.approx([fit.clusterer.score(common) for fit in fits])
    assert max(scores) - min(scores) < 0.3
    kept = clustering.fit("GMM", x, n_clusters=4, restarts=10, random_state=0)
    assert kept.log_likelihood == max(fit.log_likelihood for fit in fits)


@pytest.mark.parametrize("angle", [0, 0.3, np.pi / 4])
def test_a_component_on_a_line_has_collapsed_whichever_way_the_line_goes(angle):
    rng = np.random.default_rng(0)
    line = np.c_[rng.normal(size=50), np.zeros(50)] @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    x = np.vstack([rng.normal(20, 1, size=(100, 2)), line])
    with pytest.warns(UserWarning, match="3 of 3 mixtures had a component that collapsed"):
        clustering.fit("GMM", x, n_clusters=2, restarts=3, random_state=0)


def test_a_component_of_too_few_points_for_its_dimensions_has_collapsed():
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(50, 1, size=(100, 10)), rng.normal(size=(4, 10))])
    with pytest.warns(UserWarning, match="3 of 3 mixtures had a component that collapsed"):
        clustering.fit("GMM", x, n_clusters=2, restarts=3, random_state=0)


def test_equal_samples_have_one_cluster():
    x = np.array([[1, 2], [3, 4], [1, 2], [1, 2], [3, 4], [5, 6]], np.float32)
    assert clustering.unite_duplicates(x, np.array([0, 1, 2, 2, 0, 1])).tolist() == [2, 0, 2, 2, 0, 1]
    labels = np.array([3, 1, 2, 0])
    assert clustering.unite_duplicates(x[[0, 1, 5, 5]] + np.arange(4)[:, None], labels) is labels


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_fits_are_the_same_under_every_backend(backend):
    x, _ = make_blobs(300, n_features=2, centers=4, cluster_std=2.0, random_state=0)
    expected = clustering.fit("GMM", x, n_clusters=4, restarts=4, random_state=0)
    with joblib.parallel_config(backend, n_jobs=2):
        found = clustering.fit("GMM", x, n_clusters=4, restarts=4, random_state=0, n_jobs=2)
    assert np.array_equal(found.labels, expected.labels)


@pytest.mark.parametrize(
    ("figures", "settled"),
    [
        ([0.5] * 10 + [0.3] * 30, True),  # found ten times
        ([0.5] * 9 + [0.3] * 31, False),
        ([0.5] * 9 + [0.3] * 40, True),  # no better in the last forty
        ([0.5] * 9 + [0.5004] + [0.3] * 39, True),  # hardly better
        ([0.5] * 9 + [0.502] + [0.3] * 39, False),
    ],
)
def test_a_figure_is_settled_when_found_often_or_hardly_raised_any_more(figures, settled):
    assert clustering._is_settled(figures) == settled


class OfThree:
    """Maps of points in two lines, for three sizes; the first are of other points each, those from `right` on alike."""

    def __init__(self, right):
        self.graph = sparse.csr_array(np.kron(np.eye(2), np.ones((20, 20))))
        self.sizes, self.right, self.embeddings = [10, 20, 50], right, []
        self.latent = self.line = np.random.default_rng(0).normal(size=(40, 2))

    def make_next(self):
        halves = np.arange(40) < 20
        if len(self.embeddings) < self.right:
            halves = np.random.default_rng(len(self.embeddings)).permutation(halves)
        self.embeddings.append(self.line + 50 * halves[:, None])
        return self.embeddings[-1]


@pytest.mark.parametrize(
    ("many", "right", "made"), [(39, 0, 2), (39, 1, 3), (39, 4, 6), (39, 6, 6), (40, 6, 3), (40, 0, 3)]
)
def test_of_many_samples_maps_are_made_until_two_agree(many, right, made, monkeypatch):
    monkeypatch.setattr(clustering, "MANY", many)
    maps = OfThree(right)
    fit, index = clustering.cluster_maps("GMM", maps, 2, Progress(False), restarts=3, random_state=0)
    assert len(maps.embeddings) == made
    assert (index >= right and adjusted_rand_score(np.arange(40) < 20, fit.labels) == 1) == (right < made)
    assert (fit.agreement == 1) == (right == 0)


def test_of_one_size_there_is_one_map_of_many_samples(monkeypatch):
    monkeypatch.setattr(clustering, "MANY", 39)
    maps = OfThree(right=0)
    maps.sizes = [10]
    clustering.cluster_maps("GMM", maps, 2, Progress(False), restarts=3, random_state=0)
    assert len(maps.embeddings) == 1


def test_kmeans_of_the_inputs_has_no_agreement_with_the_only_map_that_it_was_better_than():
    maps = OfThree(right=1)
    maps.sizes = [10]
    inputs = np.r_[np.zeros((20, 2)), np.ones((20, 2))].astype(np.float32)
    settings = {"inputs": inputs, "restarts": 3, "random_state": 0}
    fit, _ = clustering.cluster_maps("GMM", maps, 2, Progress(False), **settings)
    assert adjusted_rand_score(np.arange(40) < 20, fit.labels) == 1 and not hasattr(fit.clusterer, "predict_proba")
    assert fit.agreement is None
