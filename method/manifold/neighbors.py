"""Nearest neighbours of samples and of new points: exact, approximate, and re-ranked by the distance of the inputs."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches
from threadpoolctl import ThreadpoolController, threadpool_limits

from ..kernels import by_threads, n_threads, njit
from . import deformation

EXACT_NEIGHBORS = 100_000  # samples up to which all pairs are compared
CELL = 100  # samples in a cell, on average
PROBED = 25  # cells nearest to a sample: those of all samples of its cell are searched
FRIENDS = (15, 10)  # nearest ones, itself included, whose own are compared, too: first, and of those then once more
METRICS = ("euclidean", "manhattan", "chebyshev", "canberra", "braycurtis", "cosine", "correlation")
DIRECTIONS = ("cosine", "correlation")  # those that do not depend on the length of vectors
N_ALIKE = 10  # nearest samples that a new point is predicted from
ROWS = 2_048  # points that are compared, or times threads, searched for, at once: in about a second


def nearest_neighbors(x, n_neighbors, metric="euclidean", n_jobs=None, track=iter):
    """Return the nearest neighbours of each sample, itself first.

    Exact up to 100,000 samples. Above that nearly all of them are found, see `nearest_in_cells`.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, n_features)
    n_neighbors : int
        With the point itself.
    metric : str
    n_jobs : int or None
        Threads, see `kernels.n_threads`.
    track : callable
        Wraps the iterable of parts of the samples, to show progress.

    Returns
    -------
    indices : ndarray of int32, shape (n_samples, n_neighbors)
    distances : ndarray of float32, shape (n_samples, n_neighbors)
    """
    if len(x) > EXACT_NEIGHBORS:
        return nearest_in_cells(x, n_neighbors, metric, n_jobs, track)
    n_jobs = n_threads(n_jobs)
    x, metric, distance = _searchable(x, metric)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute", metric=metric, n_jobs=n_jobs).fit(x)
    shape = (len(x), n_neighbors)
    indices, distances = np.empty(shape, np.int32), np.zeros(shape, np.float32)
    with threadpool_limits(n_jobs):
        for part in track(list(gen_batches(len(x), ROWS * n_jobs, min_batch_size=ROWS * n_jobs))):
            its_distances, found = search.kneighbors(x[part])
            indices[part], distances[part] = _itself_first(np.arange(len(x))[part], found, distance(its_distances))
    return indices, distances


def nearest_in_cells(x, n_neighbors, metric="euclidean", n_jobs=None, track=iter):
    """Return nearly all of the nearest neighbours of each sample, itself first.

    Random samples divide the space into cells of those that are nearest to them. The samples of a cell are compared
    with all in the 25 cells nearest to any of them. In clusters, or in few dimensions, nearly all neighbours are found;
    without clusters and in many dimensions fewer.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, n_features)
    n_neighbors : int
        With the point itself.
    metric : str
    n_jobs : int or None
        Threads, see `kernels.n_threads`.
    track : callable
        Wraps the iterable of cells, to show progress.

    Returns
    -------
    indices, distances
        As `nearest_neighbors` returns them.

    References
    ----------
    Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 33(1), 2011: the inverted file.
    """
    x, metric, distance = _searchable(x, metric)
    centres = np.unique(np.random.default_rng(0).choice(x, -(-len(x) // CELL), replace=False), axis=0)
    near = nearest_among(x, centres, PROBED, metric, n_jobs)[0]
    ends = np.cumsum(np.bincount(near[:, 0], minlength=len(centres)))
    members = np.split(np.argsort(near[:, 0], kind="stable"), ends[:-1])
    indices, distances = np.empty((len(x), n_neighbors), np.int32), np.empty((len(x), n_neighbors), np.float32)

    def search(own):
        others = np.concatenate([members[cell] for cell in np.unique(near[own])])
        if len(others) < n_neighbors:
            others = np.arange(len(x))
        among = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute", metric=metric).fit(x[others])
        with controller.limit(limits=1):  # OpenMP's number is that of each thread
            its_distances, found = among.kneighbors(x[own])
        indices[own], distances[own] = _itself_first(own, others[found], distance(its_distances))

    controller = ThreadpoolController()
    parallel = joblib.Parallel(n_threads(n_jobs), require="sharedmem")
    with controller.limit(limits=1):
        parallel(joblib.delayed(search)(own) for own in track(members) if len(own))
    return indices, distances


def _itself_first(rows, indices, distances):
    """Put each point first in its row; where it was not found, it replaces the first neighbour."""
    others = indices != rows[:, None]
    others[others.all(axis=1), 0] = False  # one of several equal points
    shape = len(rows), -1
    zero = np.zeros((len(rows), 1))
    return np.hstack([rows[:, None], indices[others].reshape(shape)]), np.hstack(
        [zero, distances[others].reshape(shape)]
    )


def nearest_among(points, x, n_neighbors, metric="euclidean", n_jobs=None):
    """Return the nearest neighbours of new points among the samples.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_features)
    x : ndarray, shape (n_samples, n_features)
    n_neighbors : int
        At most n_samples are found.
    metric : str

    Returns
    -------
    indices : ndarray of int64, shape (n_points, n_neighbors)
        Rows of x.
    distances : ndarray of float, shape (n_points, n_neighbors)
    """
    n_jobs = n_threads(n_jobs)
    x, search_metric, distance = _searchable(x, metric)
    n_neighbors = min(n_neighbors, len(x))
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute", metric=search_metric, n_jobs=n_jobs).fit(x)
    with threadpool_limits(n_jobs):
        distances, indices = search.kneighbors(_searchable(points, metric)[0])
    return indices, distance(distances)


def _searchable(x, metric):
    """Vectors that can be searched fast: scikit-learn's search is so for Euclidean distances alone.

    Returns
    -------
    x : ndarray
        By cosine and correlation the `directions`.
    metric : str
    distance : callable
        From distances of this metric to those that were asked for.
    """
    if metric in DIRECTIONS:
        return directions(x, metric), "euclidean", lambda distances: distances**2 / 2
    return x, metric, lambda distances: distances


def directions(x, metric):
    """Rows in float32, of length 1, for correlation centred first: half of their squared distances are the metric's."""
    x = np.asarray(x, np.float32)
    return normalize(x - x.mean(axis=1, keepdims=True) if metric == "correlation" else x)


def place(knn, values):
    """Interpolate values of new points: the mean over their nearest samples, weighted by 1 / squared distance.

    This works for every manifold learner, also without an out-of-sample extension, and a point's place does not depend
    on the other points of the call, as it does in UMAP's own `transform`.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances, (n_points, n_neighbors), of which `nearest_among` returns some.
    values : ndarray, shape (n_samples, n_components)

    Returns
    -------
    ndarray of float32, shape (n_points, n_components)
    """
    placed = np.empty((len(knn[0]), values.shape[1]), np.float32)
    for part in gen_batches(len(placed), ROWS):
        indices, distances = knn[0][part], knn[1][part].astype(np.float64)
        weights = 1 / np.maximum(distances, 1e-6 * distances[:, -1:] + 1e-30) ** 2  # finite where a point is a sample
        weights /= weights.sum(axis=1, keepdims=True)
        n, k = indices.shape
        mean = sparse.csr_array((weights.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), (n, len(values)))
        placed[part] = mean @ values
    return placed


def closest(x, candidates, n_neighbors, image_shape=None, n_jobs=None, track=iter):
    """Re-rank the candidates of each sample by the distance of the inputs, and return the nearest.

    The candidates come from the latent space, in which the autoencoder puts some points side by side by mistake. They
    are made symmetric; and the nearest candidates of a point's nearest candidates are added to its own, twice, as in
    NN-descent (Dong, Moses, Li, WWW 2011).

    Parameters
    ----------
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
    candidates : ndarray of int, shape (n_samples, n_candidates)
        Rows of x, in each row the point itself first.
    n_neighbors : int
        With the point itself; at most n_candidates.
    image_shape : tuple of int or None
        (height, width) or (channels, height, width), if the features are pixels: distances are those of
        `deformation.pair_distances`. None: Euclidean distances.
    n_jobs : int or None
        Threads that compare, see `kernels.n_threads`; two more make the next pairs, and insert the last distances.
    track : callable
        Wraps the iterable of parts of the samples, to show progress: for the candidates, theirs, and theirs again.

    Returns
    -------
    indices : ndarray of int32, shape (n_samples, n_neighbors)
    distances : ndarray of float32, shape (n_samples, n_neighbors)
        As `nearest_neighbors` returns them.
    """
    if image_shape is not None:
        x = deformation.prepare(x, image_shape)  # once for all parts
    n, n_candidates = candidates.shape
    shape = (n, max(n_neighbors, min(max(FRIENDS), n_candidates)))
    indices, distances = np.full(shape, n, np.int32), np.full(shape, np.inf, np.float32)
    indices[:, 0], distances[:, 0] = np.arange(n), 0
    proposed, proposed_by = _adjacency(candidates)
    compared = [lambda rows: proposed[rows] + proposed_by[rows]]  # pairs; rows at a time: all would take kilobytes each

    def compare(pairs):
        def upper(start):
            found = sparse.triu(pairs(slice(start, start + ROWS)), start + 1)  # the distances are the same both ways
            return found.row + start, found.col

        with ThreadPoolExecutor(2) as beside:  # of the comparison: the next pairs, and the insertion of the last ones
            ahead, behind = beside.submit(upper, 0), None
            for start in track(range(0, n, ROWS)):
                first, second = ahead.result()
                if start + ROWS < n:
                    ahead = beside.submit(upper, start + ROWS)
                found = _metric(image_shape)(x, x, first, second, n_jobs=n_jobs)
                if behind is not None:  # one insertion after another
                    behind.result()
                behind = beside.submit(_insert, first, second, found, indices, distances)
            behind.result()

    compare(compared[0])
    for n_friends in FRIENDS:
        near, near_by = _adjacency(indices[:, : min(n_friends, n_candidates)].copy())
        compared.append(lambda rows, near=near, near_by=near_by: near[rows] @ near + near_by[rows] @ near_by)
        compare(lambda rows: compared[-1](rows) > sum(pairs(rows) for pairs in compared[:-1]))
    return indices[:, :n_neighbors], distances[:, :n_neighbors]


def closest_among(points, x, candidates, n_neighbors, image_shape=None, n_jobs=None):
    """Re-rank the candidates of new points among the samples by the distance of the inputs.

    Parameters
    ----------
    points : ndarray of float32 or uint8, shape (n_points, n_features)
    x : ndarray of float32 or uint8, shape (n_samples, n_features), or deformation.Images
    candidates : ndarray of int, shape (n_points, n_candidates)
        Rows of x.
    n_neighbors : int
    image_shape : tuple of int or None
        As for `closest`.

    Returns
    -------
    indices : ndarray of int, shape (n_points, n_neighbors)
        Rows of x.
    distances : ndarray of float32, shape (n_points, n_neighbors)
    """
    columns = candidates
    if image_shape is not None and not isinstance(x, deformation.Images):  # only these have to be prepared
        looked_at, columns = np.unique(candidates, return_inverse=True)
        x = x[looked_at]
    rows = np.repeat(np.arange(len(points)), candidates.shape[1])
    distances = _metric(image_shape)(points, x, rows, columns.ravel(), n_jobs=n_jobs).reshape(candidates.shape)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return np.take_along_axis(candidates, nearest, axis=1), np.take_along_axis(distances, nearest, axis=1)


def _metric(image_shape):
    return euclidean if image_shape is None else partial(deformation.pair_distances, image_shape=image_shape)


def _adjacency(indices):
    """Return a sparse array (n, n), True in each row at these columns, int (n, n_columns), and its transpose."""
    n, k = indices.shape
    pattern = sparse.csr_array((np.ones(n * k, bool), indices.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    return pattern, pattern.T.tocsr()


def euclidean(x, y, first, second, n_jobs=None):
    """Return the Euclidean distances of pairs, float32 (n_pairs,): rows `first` of x and rows `second` of y."""
    return by_threads(_euclidean, np.asarray(x), np.asarray(y), first, second, n_jobs=n_jobs)


def neighbor_graph(indices, distances):
    """Return the sparse graph of distances from each point to its neighbours, see `nearest_neighbors`."""
    n, k = indices.shape
    lengths = np.maximum(distances[:, 1:].ravel(), 1e-12)  # between equal points: a sum of graphs drops what is zero
    graph = sparse.coo_array((lengths, (np.repeat(np.arange(n), k - 1), indices[:, 1:].ravel())), (n, n))
    return graph.tocsr().astype(np.float64)


def symmetric_graph(indices):
    """Count how many of two samples are neighbours of the other, 0 to 2: sparse (n_samples, n_samples)."""
    graph = neighbor_graph(indices, np.ones(indices.shape))
    return graph + graph.T


@njit(nogil=True)
def _insert(first, second, found, indices, distances):
    """Insert each pair's distance into the rows of both, which begin with the point itself and are sorted."""
    last = indices.shape[1] - 1
    for p in range(len(found)):
        for point, other in ((first[p], second[p]), (second[p], first[p])):
            its, of_its = indices[point], distances[point]
            new = found[p], other
            if new < (of_its[last], its[last]):
                place = last
                while place > 1 and new < (of_its[place - 1], its[place - 1]):
                    of_its[place], its[place] = of_its[place - 1], its[place - 1]
                    place -= 1
                of_its[place], its[place] = new


@njit(fastmath=True, nogil=True)
def _euclidean(x, y, first, second, out):
    for p in range(len(out)):
        a, b, total = x[first[p]], y[second[p]], np.float32(0)
        for f in range(len(a)):
            difference = np.float32(a[f]) - np.float32(b[f])
            total += difference * difference
        out[p] = np.sqrt(total)
