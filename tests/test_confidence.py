import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import kneighbors_graph

from n2d import datasets
from n2d.method.clusters import clustering, confidence


def test_confidence_is_low_between_clusters():
    x = np.concatenate([np.random.default_rng(0).normal(c, 0.5, (200, 2)) for c in (0, 2)])
    middle = np.abs(x.sum(axis=1) - 2).argsort()
    graph = kneighbors_graph(x, 15)
    for name in ("GMM", "KM", "SC"):
        labels = clustering.fit(name, x, n_clusters=2, restarts=2, random_state=0).labels
        sure = confidence.score_samples(graph, labels)
        assert sure.shape == (400,) and sure.max() <= 1 and sure.min() >= 0
        assert sure[middle[:10]].mean() < 0.9 < 0.99 < sure[middle[-200:]].mean()


def test_confidence_is_the_share_of_the_weight_inside_the_cluster():
    graph = sparse.csr_array([[0, 3.0, 1], [3, 0, 0], [1, 0, 0]])
    assert confidence.score_samples(graph, np.array([0, 0, 1])).tolist() == [0.75, 1, 0]
    alone = sparse.csr_array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]])
    assert confidence.score_samples(alone, np.array([0, 0, 0])).tolist() == [1, 1, 0]


def test_confidence_is_low_where_rivals_put_a_group_elsewhere_whatever_they_call_it():
    graph = sparse.csr_array(sparse.block_diag([np.ones((4, 4))] * 3))  # three groups without an edge between them
    labels, rival = np.repeat([0, 1, 1], 4), np.repeat([0, 0, 1], 4)
    assert confidence.score_samples(graph, labels, [1 - labels]).tolist() == [1] * 12
    assert confidence.score_samples(graph, labels, [rival]).tolist() == [1] * 4 + [0.5] * 4 + [1] * 4
    finer = np.repeat([0, 1, 2], 4)  # its third cluster has no like
    assert confidence.score_samples(graph, labels, [finer]).min() == 0.5


def test_confidence_of_digits_knows_errors_and_rivals_know_more():
    data = datasets.load("digits")
    graph, areas = kneighbors_graph(data.x, 15), []
    for seed in range(0, 20, 5):
        labels, *rivals = [KMeans(10, n_init=1, random_state=seed + i).fit_predict(data.x) for i in range(5)]
        majority = np.array([np.bincount(data.y[labels == cluster]).argmax() for cluster in range(10)])
        sure = [confidence.score_samples(graph, labels, others) for others in ((), rivals)]
        areas.append([roc_auc_score(majority[labels] == data.y, one) for one in sure])
    alone, together = np.mean(areas, axis=0)
    assert 0.6 < alone < together - 0.05, areas


def test_confidence_of_a_new_point_is_that_of_its_neighbours():
    known = np.array([0, 0, 1]), np.array([0.9, 0.7, 0.4])
    knn = np.array([[0, 1, 2]] * 4), np.array([[1.0, 1, 1], [0, 1, 1], [1, 1, 1], [4, 4, 4]])
    sure = confidence.predict(knn, np.array([0, 0, 1, 0]), *known, reach=2)
    np.testing.assert_allclose(sure, [1.6 / 3, 0.9, 0.4 / 3, 0.8 / 3], rtol=1e-6)  # the last is twice out of reach
