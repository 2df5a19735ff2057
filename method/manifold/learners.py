"""Manifold learners behind one function: UMAP, t-SNE, Isomap, LLE."""

import warnings

import numba
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import minmax_scale
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from ...command.limits import WITH_GRAPH  # noqa: F401  (here it belongs, and there it costs no import)
from ..kernels import import_compiled, n_threads
from . import layout
from .neighbors import nearest_neighbors

MANIFOLD_LEARNERS = ("UMAP", "umap-learn", "LLE", "tSNE", "isomap", "none")
PERPLEXITY = 30
WIDTH = 10  # of UMAP's starts, in each dimension
TSNE_NEIGHBORS = 3 * PERPLEXITY + 1  # how far openTSNE looks, the point itself included


def manifold_learner(
    name="UMAP",
    *,
    n_components=2,
    n_neighbors=10,
    min_dist=0.0,
    metric="euclidean",
    random_state=None,
    knn=None,
    n_jobs=None,
    track=iter,
):
    """An unfitted scikit-learn transformer from latent space to embedding.

    Parameters
    ----------
    name : {'UMAP', 'umap-learn', 'LLE', 'tSNE', 'isomap', 'none'}
        'umap-learn' is UMAP with that library's own layout, on one thread; 'none' returns its input.
    n_components : int
        Dimensions of the embedding; t-SNE: at most 3.
    n_neighbors : int
        Size of the neighbourhoods, the point itself included; t-SNE has a perplexity of 30 instead.
    min_dist : float
        UMAP alone: the smallest distance in the embedding.
    metric : str
        Distance in the latent space.
    random_state : int or None
    knn : tuple of ndarray, or None
        What `nearest_neighbors` returned for the samples to be embedded, with at least `neighbors_needed` columns.
        None: they are searched for.
    n_jobs, track
        Of UMAP, see there.
    """
    settings = {"n_components": n_components, "metric": metric, "random_state": random_state, "knn": knn}
    if name == "UMAP":
        return UMAP(n_neighbors=n_neighbors, min_dist=min_dist, n_jobs=n_jobs, track=track, **settings)
    if name == "umap-learn":
        return umap_learn(n_neighbors=n_neighbors, min_dist=min_dist, **settings)
    if name == "LLE":
        return LocallyLinearEmbedding(n_neighbors=n_neighbors, **settings)
    if name == "tSNE":
        return TSNE(**settings)
    if name == "isomap":
        return LandmarkIsomap(n_neighbors=n_neighbors, **settings)
    if name == "none":
        from sklearn.preprocessing import FunctionTransformer

        return FunctionTransformer()
    raise ValueError(f"manifold learner must be UMAP, umap-learn, LLE, tSNE, isomap or none, got {name!r}")


def neighbors_needed(name, n_neighbors):
    """Columns of `nearest_neighbors` that a learner looks at."""
    return {"tSNE": TSNE_NEIGHBORS, "none": 1}.get(name, n_neighbors)


class _FromNeighbors(TransformerMixin, BaseEstimator):
    """What the learners below have in common."""

    def fit(self, x, y=None):
        """Embed x, array-like of shape (n_samples, n_features); y is ignored."""
        self.fit_transform(x)
        return self

    def _knn(self, x, n_neighbors):
        indices, distances = self.knn or nearest_neighbors(x, n_neighbors, self.metric)
        return indices[:, :n_neighbors], distances[:, :n_neighbors]


def umap_learn(knn=None, random_state=None, **settings):
    """umap-learn's own UMAP; see `manifold_learner`."""
    umap = import_compiled("umap")
    warnings.filterwarnings("ignore", message=".*transforming new data with transform", module="umap")
    if knn is not None:
        knn = tuple(np.ascontiguousarray(array[:, : settings["n_neighbors"]]) for array in knn)
    return umap.UMAP(
        precomputed_knn=knn or (None, None, None),
        random_state=random_state,
        n_jobs=1 if random_state is not None else min(n_threads(), numba.config.NUMBA_NUM_THREADS),
        disconnection_distance=None if knn is None else np.inf,  # a limit of the metric's says nothing of others
        **settings,
    )


class UMAP(_FromNeighbors):
    """UMAP: graph and start by umap-learn, and a layout on several threads, see `layout.optimize`.

    Parameters
    ----------
    n_components, n_neighbors, min_dist, metric, random_state, knn
        See `manifold_learner`.
    n_jobs : int or None
        Threads, see `compiled.n_threads`; any number gives the same embedding.
    track : callable
        See `layout.optimize`.

    Attributes
    ----------
    graph_ : sparse array of float32, shape (n_samples, n_samples)
        Weights of the fuzzy graph.
    embedding_ : ndarray of float32, shape (n_samples, n_components)

    References
    ----------
    McInnes, Healy, Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
    arXiv:1802.03426.
    """

    def __init__(
        self,
        n_components=2,
        n_neighbors=10,
        min_dist=0.0,
        metric="euclidean",
        random_state=None,
        knn=None,
        n_jobs=None,
        track=iter,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.metric = metric
        self.random_state = random_state
        self.knn = knn
        self.n_jobs = n_jobs
        self.track = track

    def fit_transform(self, x, y=None):
        """Embed x; float32 (n_samples, n_components)."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        start = umap_learn(
            self.knn,
            seed,
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            min_dist=self.min_dist,
            metric=self.metric,
            n_epochs=0,
        ).fit(x)
        self.graph_ = start.graph_
        settings = {"seed": seed, "n_jobs": self.n_jobs, "track": self.track}
        self.embedding_ = layout.optimize(start.graph_, start.embedding_, start._a, start._b, **settings)
        return self.embedding_


def flat(learner, embedding, *, min_dist=0.0, random_state=None, n_jobs=None, track=iter):
    """The graph of a fitted UMAP in two dimensions, to look at, from where its embedding lies.

    It starts from the two principal components of the embedding, so that what lies apart there does so on the map
    (Kobak, Linderman, "Initialization is critical for preserving global data structure in both t-SNE and UMAP", Nature
    Biotechnology 2021).

    Parameters
    ----------
    learner : UMAP, or umap-learn's own
    embedding : ndarray of float, shape (n_samples, n_components)
    min_dist, random_state, n_jobs, track
        See `manifold_learner`.

    Returns
    -------
    ndarray of float32, shape (n_samples, 2)
    """
    find_ab_params = import_compiled("umap").umap_.find_ab_params
    with threadpool_limits(1):  # sums of several threads differ in their last bits
        start = PCA(2, random_state=random_state).fit_transform(embedding)
    start = WIDTH * minmax_scale(start)
    settings = {"seed": random_state, "n_jobs": n_jobs, "track": track}
    return layout.optimize(learner.graph_, start, *find_ab_params(1.0, min_dist), **settings)


class TSNE(_FromNeighbors):
    """t-SNE by openTSNE: Barnes-Hut, or interpolation from 10,000 samples on; several threads.

    Parameters
    ----------
    n_components : int
        1 to 3.
    metric, random_state, knn
        See `manifold_learner`.

    References
    ----------
    Poličar, Stražar, Zupan, "openTSNE: A Modular Python Library for t-SNE Dimensionality Reduction and Embedding",
    Journal of Statistical Software 2024.
    """

    def __init__(self, n_components=2, metric="euclidean", random_state=None, knn=None):
        self.n_components = n_components
        self.metric = metric
        self.random_state = random_state
        self.knn = knn

    def fit_transform(self, x, y=None):
        """Embed x; float64 (n_samples, n_components)."""
        import openTSNE
        from openTSNE.nearest_neighbors import PrecomputedNeighbors

        if not 1 <= self.n_components <= 3:
            raise ValueError(f"n_components must be 1, 2 or 3 with t-SNE, got {self.n_components}")
        indices, distances = self._knn(x, min(TSNE_NEIGHBORS, len(x)))
        affinities = openTSNE.affinity.PerplexityBasedNN(
            perplexity=min(PERPLEXITY, (indices.shape[1] - 1) / 3),
            knn_index=PrecomputedNeighbors(indices[:, 1:], distances[:, 1:].astype(np.float64)),
            n_jobs=n_threads(),
        )
        start = openTSNE.initialization.pca(x, self.n_components, random_state=self.random_state)
        tsne = openTSNE.TSNE(
            self.n_components,
            negative_gradient_method="bh" if self.n_components == 3 else "auto",
            random_state=self.random_state,
            n_jobs=n_threads(),
        )
        return np.array(tsne.fit(affinities=affinities, initialization=start))


class LandmarkIsomap(_FromNeighbors):
    """Isomap whose geodesics start from landmarks alone; exact if every sample is one.

    Classical scaling of the landmarks gives their coordinates, and each other point is placed by its geodesic distances
    to them (de Silva and Tenenbaum 2003, section 2.3).

    Parameters
    ----------
    n_components, n_neighbors, metric, random_state, knn
        See `manifold_learner`.
    n_landmarks : int
        Random samples, or all samples if there are not more.

    Attributes
    ----------
    landmarks_ : ndarray of int, shape (n_landmarks,)
    geodesics_ : ndarray of float64, shape (n_landmarks, n_samples)
    embedding_ : ndarray of float64, shape (n_samples, n_components)

    References
    ----------
    de Silva, Tenenbaum, "Global versus local methods in nonlinear dimensionality reduction", NIPS 2002.
    """

    def __init__(
        self, n_components=2, n_neighbors=10, n_landmarks=1000, metric="euclidean", random_state=None, knn=None
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_landmarks = n_landmarks
        self.metric = metric
        self.random_state = random_state
        self.knn = knn

    def fit_transform(self, x, y=None):
        """Embed x; float64 (n_samples, n_components)."""
        x = np.asarray(x)
        indices, distances = self._knn(x, min(self.n_neighbors, len(x)))
        graph = join_components(x, neighbor_graph(indices, distances), self.metric)
        graph.indices, graph.indptr = np.int32(graph.indices), np.int32(graph.indptr)  # SciPy before 1.15 needs them so
        rng = np.random.default_rng(self.random_state)
        self.landmarks_ = np.sort(rng.permutation(len(x))[: self.n_landmarks])
        self.geodesics_ = sparse.csgraph.dijkstra(graph, directed=False, indices=self.landmarks_)
        squared = self.geodesics_[:, self.landmarks_] ** 2
        self._means = squared.mean(axis=0)
        centred = -0.5 * (squared - self._means - self._means[:, None] + squared.mean())
        values, vectors = np.linalg.eigh(centred)
        values, vectors = values[: -self.n_components - 1 : -1], vectors[:, : -self.n_components - 1 : -1]
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(self.n_components)])
        # directions in which geodesics do not differ have no place to be told from noise
        self._pseudoinverse = vectors / np.sqrt(np.maximum(values, np.finfo(float).eps * values[0]))
        self._search = NearestNeighbors(n_neighbors=self.n_neighbors - 1, metric=self.metric).fit(x)
        self.embedding_ = self._place(self.geodesics_)
        return self.embedding_

    def transform(self, x):
        """Embed new points, by way of their neighbours among the samples; float64 (n_points, n_components)."""
        distances, indices = self._search.kneighbors(x)
        geodesics = [(self.geodesics_[:, near] + steps).min(axis=1) for near, steps in zip(indices, distances)]
        return self._place(np.transpose(geodesics))

    def _place(self, geodesics):
        """Triangulate points from their geodesic distances to the landmarks, (n_landmarks, n_points)."""
        return 0.5 * (self._means[:, None] - geodesics**2).T @ self._pseudoinverse


class LocallyLinearEmbedding(_FromNeighbors):
    """Locally linear embedding with a sparse eigensolver, for many samples.

    The coordinates have unit variance (scikit-learn's have unit length, so that they shrink with the samples).

    Parameters
    ----------
    n_components, n_neighbors, metric, random_state, knn
        See `manifold_learner`.
    reg : float
        Of the local Gram matrices, relative to their trace.

    References
    ----------
    Roweis, Saul, "Nonlinear dimensionality reduction by locally linear embedding", Science 2000.
    """

    def __init__(self, n_components=2, n_neighbors=10, reg=1e-3, metric="euclidean", random_state=None, knn=None):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.reg = reg
        self.metric = metric
        self.random_state = random_state
        self.knn = knn

    def fit_transform(self, x, y=None):
        """Embed x; float64 (n_samples, n_components)."""
        x = np.asarray(x)
        indices, _ = self._knn(x, min(self.n_neighbors, len(x)))
        weights = _reconstruction_weights(x, indices[:, 1:], self.reg)
        residual = sparse.eye_array(len(x), format="csr") - weights
        vectors = smallest_singular_vectors(residual, self.n_components + 1, self.random_state)
        return vectors[:, 1:] * np.sqrt(len(x))


def _reconstruction_weights(x, neighbors, reg, chunk=2048):
    """Sparse rows that sum to 1 and reconstruct each point from its neighbours (Roweis and Saul 2000, equation 2)."""
    n, k = neighbors.shape
    weights = np.empty((n, k))
    for start in range(0, n, chunk):
        part = slice(start, start + chunk)
        spokes = (x[neighbors[part]] - x[part, None]).astype(np.float64)
        gram = spokes @ spokes.transpose(0, 2, 1)
        trace = np.trace(gram, axis1=1, axis2=2)
        gram[:, range(k), range(k)] += np.where(trace > 0, reg * trace, reg)[:, None]
        solution = np.linalg.solve(gram, np.ones((len(gram), k, 1)))[..., 0]
        weights[part] = solution / solution.sum(axis=1, keepdims=True)
    return sparse.csr_array((weights.ravel(), neighbors.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def neighbor_graph(indices, distances):
    """Sparse distances from each point to its neighbours, from what `nearest_neighbors` returns."""
    n, k = indices.shape
    lengths = np.maximum(distances[:, 1:].ravel(), 1e-12)  # between equal points: a sum of graphs drops what is zero
    graph = sparse.coo_array((lengths, (np.repeat(np.arange(n), k - 1), indices[:, 1:].ravel())), (n, n))
    return graph.tocsr().astype(np.float64)


def symmetric_graph(indices):
    """How many of two samples are among the other's nearest, 0 to 2: sparse (n_samples, n_samples)."""
    graph = neighbor_graph(indices, np.ones(indices.shape))
    return graph + graph.T


def join_components(x, graph, metric="euclidean"):
    """Add the shortest edge between every two components of a neighbour graph, as scikit-learn's Isomap does.

    Parameters
    ----------
    x : ndarray, shape (n_samples, n_features)
    graph : sparse array of distances, shape (n_samples, n_samples)
    metric : str

    Returns
    -------
    sparse array, shape (n_samples, n_samples)
        With one component. A warning says how many there were.
    """
    n_components, component = sparse.csgraph.connected_components(graph, directed=False)
    if n_components == 1:
        return graph
    warnings.warn(f"the neighbour graph has {n_components} components: joined by shortest edges", stacklevel=3)
    members = [np.flatnonzero(component == c) for c in range(n_components)]
    members.sort(key=len, reverse=True)
    edges = []
    for i, larger in enumerate(members[:-1]):
        search = NearestNeighbors(n_neighbors=1, metric=metric).fit(x[larger])
        for smaller in members[i + 1 :]:
            distances, nearest = search.kneighbors(x[smaller])
            best = distances.argmin()
            edges.append((distances[best, 0], smaller[best], larger[nearest[best, 0]]))
    lengths, rows, columns = zip(*edges)
    return graph + sparse.csr_array((lengths, (rows, columns)), graph.shape)


def smallest_singular_vectors(matrix, n_vectors, random_state=None):
    """Right singular vectors of the smallest singular values of a sparse square matrix A, none of it ever dense.

    Lanczos bidiagonalisation of the inverse of A, from its sparse factors: those of A'A have three times as many
    entries, and the eigenvalues of its inverse spread over sixteen digits. LLE's singular values lie so close together
    that LOBPCG with algebraic multigrid is still far from them after hundreds of steps. Minimum-degree ordering keeps
    the factors small, as long as pivots stay on the diagonal: A has to be one that needs no others, as LLE's is.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_vectors)
        In ascending order of their singular values, each with its largest entry positive.

    References
    ----------
    Larsen, "Lanczos bidiagonalization with partial reorthogonalization", DAIMI PB 537, 1998: PROPACK.
    """
    from scipy.sparse.linalg import LinearOperator, splu, svds

    n = matrix.shape[0]
    shifted = sparse.csc_array(matrix + 1e-8 * sparse.eye_array(n))  # A is singular
    factors = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    inverse = LinearOperator((n, n), factors.solve, lambda b: factors.solve(b, trans="T"), dtype=np.float64)
    start = np.random.default_rng(random_state).normal(size=n)
    steps = min(n, 10 * n_vectors + 100)
    vectors, values, _ = svds(inverse, n_vectors, v0=start, tol=1e-6, maxiter=steps, solver="propack")
    vectors = vectors[:, np.argsort(-values)]
    return vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(n_vectors)])
