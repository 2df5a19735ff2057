import numba
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from n2d.method.manifold import layout, learners, neighbors

A, B = 1.93281, 0.79049  # umap-learn's for a minimal distance of 0


@pytest.fixture(scope="module")
def rings():
    """A graph of 4 x 900 points in rings, each with its neighbours on both sides."""
    n = 900
    ring = sparse.diags_array([np.ones(n - abs(k)) for k in (-2, -1, 1, 2)], offsets=[-2, -1, 1, 2])
    graph = sparse.block_diag([ring] * 4, format="csr")
    start = np.random.default_rng(0).uniform(0, 10, (4 * n, 2)).astype(np.float32)
    return graph, start


def test_any_number_of_threads_gives_the_same_bits(rings):
    graph, start = rings
    runs = [layout.optimize(graph, start, A, B, seed=1, n_jobs=n) for n in (1, 2, 4)]
    assert np.array_equal(runs[0], runs[1]) and np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], layout.optimize(graph, start, A, B, seed=2))


@pytest.mark.parametrize("n, most", [(900, 1), (1000, 2), (3600, 4)])
def test_no_thread_is_without_work(rings, n, most, monkeypatch):
    """Blocks of 500 points: one is one task, two have two tasks that share no point, seven have four."""
    graph, start = rings[0][:n, :n], rings[1][:n]
    asked, threads = [], numba.get_num_threads()
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 64)
    monkeypatch.setattr(numba, "set_num_threads", asked.append)
    layout.optimize(graph, start, A, B, seed=0, n_jobs=64)
    assert asked == [most, threads]


def test_neighbours_come_together_and_others_apart(rings):
    graph, start = rings
    places = layout.optimize(graph, start, A, B, seed=0)
    edges = graph.tocoo()
    near = np.median(np.linalg.norm(places[edges.row] - places[edges.col], axis=1))
    others = np.random.default_rng(0).permutation(len(places))
    far = np.median(np.linalg.norm(places - places[others], axis=1))
    assert near < 0.5 < 5 < far and np.isfinite(places).all()


def test_the_start_is_left_as_it_was(rings):
    graph, start = rings
    before = start.copy(), graph.copy()
    layout.optimize(graph, start, A, B, seed=0)
    assert np.array_equal(start, before[0]) and (graph != before[1]).nnz == 0


@pytest.mark.parametrize("n", [4, 60, 1100, 9001])
def test_no_two_tasks_of_a_round_share_a_point_and_no_edge_is_lost(n):
    rng, k = np.random.default_rng(0), min(n, 20)
    graph = sparse.csr_array((rng.random(n * k), (np.repeat(np.arange(n), k), rng.integers(n, size=n * k))), (n, n))
    graph = graph + graph.T
    heads, tails, weights, tasks, rounds = layout.strata(graph, 500)
    kept = graph.tocoo()
    drawn = (kept.data / kept.data.max()).astype(np.float32) >= 1 / 500
    kept = set(zip(kept.row[drawn].tolist(), kept.col[drawn].tolist()))
    assert set(zip(heads.tolist(), tails.tolist())) == kept and len(heads) == len(kept)
    assert weights.max() == 1 and tasks[-1] == len(heads) and rounds[-1] == len(tasks) - 1
    for first, last in zip(rounds[:-1], rounds[1:]):
        owners = {}
        for task in range(first, last):
            for point in {*heads[tasks[task] : tasks[task + 1]], *tails[tasks[task] : tasks[task + 1]]}:
                assert owners.setdefault(point, task) == task


def test_gradients_are_umaps_to_a_percent():
    pull, push = layout.gradient_tables(A, B)
    for distance in (1e-4, 0.03, 0.7, 2.0, 55.0):
        s = distance**2
        step = layout._table_index(np.array([distance, 0], np.float32), np.zeros(2, np.float32))
        assert pull[step] == pytest.approx(2 * A * B * s ** (B - 1) / (1 + A * s**B), rel=0.008)
        assert push[step] == pytest.approx(2 * B / ((0.001 + s) * (1 + A * s**B)), rel=0.008)


def test_a_distance_out_of_range_has_an_entry():
    for point in (np.full(2, 1e30, np.float32), np.zeros(2, np.float32)):
        assert 0 <= layout._table_index(point, np.zeros(2, np.float32)) < layout.GRADIENT_STEPS


def test_a_graph_without_edges_only_stays_where_it_is():
    start = np.arange(10, dtype=np.float32).reshape(5, 2)
    assert np.array_equal(layout.optimize(sparse.csr_array((5, 5)), start, A, B, seed=0), start)


def test_it_is_as_good_as_umap_learns():
    """The share of each digit's neighbours in the map that were its neighbours before, and so close to umap-learn's."""
    x = load_digits().data.astype(np.float32)
    knn = neighbors.nearest_neighbors(x, 15)
    shares = {}
    for name in learners.WITH_GRAPH:
        learner = learners.manifold_learner(name, n_neighbors=15, random_state=0, knn=knn)
        found = neighbors.nearest_neighbors(learner.fit_transform(x).astype(np.float32), 15)[0]
        shares[name] = np.mean([np.isin(a[1:], b[1:]).mean() for a, b in zip(knn[0], found)])
    assert shares["UMAP"] > shares["umap-learn"] - 0.01 > 0.3


def test_progress_counts_the_epochs(rings):
    seen = []
    layout.optimize(*rings, A, B, seed=0, track=lambda epochs: seen.extend(epochs) or epochs)
    assert seen == list(range(1, 500))
