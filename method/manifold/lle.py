"""Locally linear embedding with a sparse eigensolver."""

import numpy as np
from scipy import sparse

from .base import FromNeighbors


class LocallyLinearEmbedding(FromNeighbors):
    """Locally linear embedding with a sparse eigensolver, for many samples.

    The coordinates have unit variance (scikit-learn's have unit length, so that they shrink as samples are added).

    Parameters
    ----------
    n_components, n_neighbors, metric, random_state, knn
        See `learners.manifold_learner`.
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


def smallest_singular_vectors(matrix, n_vectors, random_state=None):
    """Return right singular vectors of the smallest singular values of a sparse square matrix A, with no dense copy.

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
