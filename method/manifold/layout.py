"""UMAP's layout on several threads: stratified stochastic gradient descent, the same for any number of threads."""

import numba
import numpy as np

from ..kernels import n_threads, njit

BLOCKS = 16  # of points: half as many threads have work at a time
BLOCK_SIZE = 500  # points at least, for a task to be worth its start
SMALL = 10_000  # points up to which there are more epochs
NEGATIVE_SAMPLES = 5  # of each pull
STRONGEST = 4.0  # largest move in any direction, before the learning rate
STRIDE = np.uint64(0x9E3779B97F4A7C15)  # of the counters of SplitMix64
GRADIENT_STEPS = 0x7F80  # how often the upper 16 bits of a positive float32 change


def optimize(graph, start, a, b, *, seed, n_jobs=None, track=iter):
    """Lay out a fuzzy neighbour graph by stochastic gradient descent, as UMAP does.

    An edge is drawn as often as its weight says; it pulls both ends towards each other, and one of them is pushed away
    from five random points. Here the points are in blocks, and the edges between two blocks are one task, done in
    sequence. Tasks of different blocks share no point and run at the same time; pushes use the positions after the last
    epoch. So the result does not depend on the order of threads.

    Parameters
    ----------
    graph : sparse array of float, shape (n_samples, n_samples)
        Symmetric weights, of at least 0.
    start : ndarray of float32, shape (n_samples, n_components)
    a, b : float
        Of the similarity of two points at distance d, 1 / (1 + a d^(2 b)).
    seed : int
    n_jobs : int or None
        Threads, see `kernels.n_threads`.
    track : callable
        Wraps the iterable of epochs, to show progress.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_components)

    References
    ----------
    McInnes, Healy, Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
    arXiv:1802.03426, algorithm 5, with the details of `umap.layouts.optimize_layout_euclidean` of umap-learn 0.5.
    Gemulla, Nijkamp, Haas, Sismanis, "Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent",
    KDD 2011: the strata.
    """
    n_epochs = default_epochs(len(start))
    order = np.random.default_rng(seed).permutation(len(start))  # blocks are alike, in whatever order the samples came
    heads, tails, weights, tasks, rounds = strata(graph[order][:, order], n_epochs)
    gradients = gradient_tables(a, b)
    places = np.ascontiguousarray(start[order], np.float32)
    most = int(np.diff(rounds).max(initial=1))  # a thread without work would be waited for
    threads = numba.get_num_threads()
    numba.set_num_threads(min(n_threads(n_jobs), most, numba.config.NUMBA_NUM_THREADS))
    try:
        for epoch in track(range(1, n_epochs)):
            _run_epoch(places, places.copy(), heads, tails, weights, tasks, rounds, epoch, n_epochs, seed, *gradients)
    finally:
        numba.set_num_threads(threads)
    embedding = np.empty_like(places)
    embedding[order] = places
    return embedding


def default_epochs(n_samples):
    """Return UMAP's default number of epochs."""
    return 500 if n_samples <= SMALL else 200


def strata(graph, n_epochs):
    """Split the edges of a graph into tasks, and these into rounds; no two tasks of a round share a point.

    Parameters
    ----------
    graph : sparse array, shape (n_samples, n_samples)
    n_epochs : int
        Edges that would not be drawn once are left out.

    Returns
    -------
    heads, tails : ndarray of int32, shape (n_edges,)
    weights : ndarray of float32, shape (n_edges,)
        The probability that an edge is drawn in an epoch, at most 1.
    tasks : ndarray of int64, shape (n_tasks + 1,)
        Where the edges of each begin, and the last ones end.
    rounds : ndarray of int64, shape (n_rounds + 1,)
        Where the tasks of each begin, and the last ones end.
    """
    graph = graph.tocsr().tocoo()  # by rows
    weights = (graph.data / graph.data.max(initial=0)).astype(np.float32)
    kept = weights >= 1 / n_epochs
    heads, tails, weights = graph.row[kept], graph.col[kept], weights[kept]
    n_blocks = int(np.clip(graph.shape[0] // BLOCK_SIZE, 1, BLOCKS))
    block = (np.arange(graph.shape[0]) * n_blocks // graph.shape[0]).astype(np.uint16)  # which NumPy sorts by radix
    of_head, of_tail = block[heads], block[tails]
    task = (of_head + of_tail) % n_blocks * n_blocks + np.minimum(of_head, of_tail)  # blocks of one sum are disjoint
    order = np.argsort(task, kind="stable")
    numbers, firsts = np.unique(task[order], return_index=True)
    rounds = np.searchsorted(numbers, np.arange(n_blocks + 1) * n_blocks)
    edges = heads[order].astype(np.int32), tails[order].astype(np.int32), weights[order]
    return *edges, np.append(firsts, len(task)), rounds


def gradient_tables(a, b):
    """Tabulate pull and push by the upper 16 bits of the squared distance, a float32: to 0.8 percent."""
    squared = (np.arange(GRADIENT_STEPS, dtype=np.int32) << 16 | 0x8000).view(np.float32).astype(np.float64)
    powers = squared**b
    pull = 2 * a * b * powers / squared / (1 + a * powers)
    push = 2 * b / ((0.001 + squared) * (1 + a * powers))
    return pull.astype(np.float32), push.astype(np.float32)


@njit(parallel=True, fastmath=True)
def _run_epoch(places, before, heads, tails, weights, tasks, rounds, epoch, n_epochs, seed, pull, push):
    """Run one epoch; `places` change, and are equal to `before` at its start."""
    for r in range(len(rounds) - 1):
        for task in numba.prange(rounds[r], rounds[r + 1]):
            _draw_edges(
                places, before, heads, tails, weights, tasks[task], tasks[task + 1], epoch, n_epochs, seed, pull, push
            )


@njit(fastmath=True)
def _draw_edges(places, before, heads, tails, weights, first, last, epoch, n_epochs, seed, pull, push):
    """Draw the edges of one task that are due in this epoch, and move their points."""
    rate = np.float32(1 - epoch / n_epochs)
    most = np.float32(STRONGEST) * rate
    n = np.uint64(len(places))
    for edge in range(first, last):
        if int(epoch * weights[edge]) == int((epoch - 1) * weights[edge]):
            continue
        point, other = places[heads[edge]], places[tails[edge]]
        strength = rate * pull[_table_index(point, other)]
        for d in range(len(point)):
            move = min(max(strength * (other[d] - point[d]), -most), most)
            point[d] += move
            other[d] -= move
        counter = _splitmix64(np.uint64(seed) + STRIDE * np.uint64(epoch * len(weights) + edge))
        for _ in range(NEGATIVE_SAMPLES):
            counter += STRIDE
            chosen = int((_splitmix64(counter) >> np.uint64(32)) * n >> np.uint64(32))
            if chosen != heads[edge]:
                other = before[chosen]
                strength = rate * push[_table_index(point, other)]
                for d in range(len(point)):
                    point[d] += min(max(strength * (point[d] - other[d]), -most), most)


@njit(fastmath=True)
def _table_index(point, other):
    """Return the index of the distance of two points in the tables of gradients."""
    squared = np.float32(0)
    for d in range(len(point)):
        squared += (point[d] - other[d]) * (point[d] - other[d])
    return min(np.float32(squared).view(np.int32) >> 16, GRADIENT_STEPS - 1)


@njit()
def _splitmix64(counter):
    """Return the random number of a counter: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    counter = (counter ^ (counter >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    counter = (counter ^ (counter >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return counter ^ (counter >> np.uint64(31))
