"""Landmark Isomap."""

import warnings

import numpy as np
from scipy import sparse

from .base import FromNeighbors
from .neighbors import nearest_among, neighbor_graph


class LandmarkIsomap(FromNeighbors):
    """Isomap with geodesic distances from landmarks alone; exact if every sample is one.

    Classical scaling of the landmarks gives their coordinates, and each other point is placed by its geodesic distances
    to them (de Silva and Tenenbaum 2003, section 2.3).

    Parameters
    ----------
    n_components, n_neighbors, metric, random_state, knn
        See `learners.manifold_learner`.
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
        # where geodesics do not differ, the eigenvalue is no more than rounding
        self._pseudoinverse = vectors / np.sqrt(np.maximum(values, np.finfo(float).eps * values[0]))
        self._samples = x
        self.embedding_ = self._triangulate(self.geodesics_)
        return self.embedding_

    def transform(self, x):
        """Embed new points by their nearest neighbours among the samples; float64 (n_points, n_components)."""
        indices, distances = nearest_among(x, self._samples, self.n_neighbors - 1, self.metric)
        geodesics = [(self.geodesics_[:, near] + steps).min(axis=1) for near, steps in zip(indices, distances)]
        return self._triangulate(np.transpose(geodesics))

    def _triangulate(self, geodesics):
        """Triangulate points from their geodesic distances to the landmarks, (n_landmarks, n_points)."""
        return 0.5 * (self._means[:, None] - geodesics**2).T @ self._pseudoinverse


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
        for smaller in members[i + 1 :]:
            nearest, distances = nearest_among(x[smaller], x[larger], 1, metric)
            best = distances.argmin()
            edges.append((distances[best, 0], smaller[best], larger[nearest[best, 0]]))
    lengths, rows, columns = zip(*edges)
    return graph + sparse.csr_array((lengths, (rows, columns)), graph.shape)
