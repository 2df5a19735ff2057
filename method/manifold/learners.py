"""Manifold learners behind one function: UMAP, t-SNE, Isomap, LLE."""

import warnings

import numba
import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import minmax_scale
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from ..kernels import import_compiled, n_threads
from . import layout
from .base import FromNeighbors
from .isomap import LandmarkIsomap
from .lle import LocallyLinearEmbedding

MANIFOLD_LEARNERS = ("UMAP", "umap-learn", "LLE", "tSNE", "isomap", "none")
WITH_GRAPH = ("UMAP", "umap-learn")  # those that have a weighted neighbour graph of the samples
PERPLEXITY = 30
WIDTH = 10  # of UMAP's initial layout, in each dimension
TSNE_NEIGHBORS = 3 * PERPLEXITY + 1  # that openTSNE uses, the point itself included


def manifold_learner(
    name="UMAP",
    *,
    n_components=2,
    n_neighbors=10,
    min_dist=0.0,
    metric="euclidean",
    random_state=None,
    knn=None,
    graph=None,
    n_jobs=None,
    track=iter,
):
    """Return an unfitted scikit-learn transformer from latent space to embedding.

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
    graph, n_jobs, track
        UMAP alone, see there.
    """
    settings = {"n_components": n_components, "metric": metric, "random_state": random_state, "knn": knn}
    if name == "UMAP":
        settings |= {"graph": graph, "n_jobs": n_jobs, "track": track}
        return UMAP(n_neighbors=n_neighbors, min_dist=min_dist, **settings)
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
    """Return how many nearest neighbours a learner needs, the point itself included."""
    return {"tSNE": TSNE_NEIGHBORS, "none": 1}.get(name, n_neighbors)


def umap_learn(knn=None, random_state=None, **settings):
    """Return umap-learn's own UMAP, unfitted; see `manifold_learner`."""
    if knn is not None:
        knn = tuple(np.ascontiguousarray(array[:, : settings["n_neighbors"]]) for array in knn)
    return _umap().UMAP(
        precomputed_knn=knn or (None, None, None),
        random_state=random_state,
        n_jobs=1 if random_state is not None else min(n_threads(), numba.config.NUMBA_NUM_THREADS),
        disconnection_distance=None if knn is None else np.inf,  # the metric's limit is not for other distances
        **settings,
    )


def _umap():
    """Import umap-learn, without its warnings of what is done on purpose."""
    umap = import_compiled("umap")
    warnings.filterwarnings("ignore", message=".*transforming new data with transform", module="umap")
    warnings.filterwarnings("ignore", message="Spectral initialisation failed")  # the layout then starts at random
    return umap


class UMAP(FromNeighbors):
    """UMAP with umap-learn's graph and initial layout, optimised on several threads, see `layout.optimize`.

    Parameters
    ----------
    n_components, n_neighbors, min_dist, metric, random_state, knn
        See `learners.manifold_learner`.
    graph : sparse array of float32, shape (n_samples, n_samples), or None
        Its `fuzzy_graph`, if it is there already.
    n_jobs : int or None
        Threads, see `kernels.n_threads`; any number gives the same embedding.
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
        graph=None,
        n_jobs=None,
        track=iter,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.metric = metric
        self.random_state = random_state
        self.knn = knn
        self.graph = graph
        self.n_jobs = n_jobs
        self.track = track

    def fit_transform(self, x, y=None):
        """Embed x; float32 (n_samples, n_components)."""
        umap_ = _umap().umap_
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.graph_ = self.graph
        if self.graph is None:
            self.graph_ = fuzzy_graph(self._knn(x, self.n_neighbors), self.n_neighbors)
        a, b = umap_.find_ab_params(1.0, self.min_dist)
        settings = {"init": "spectral", "n_epochs": 0, "random_state": check_random_state(seed), "a": a, "b": b}
        settings |= {"initial_alpha": 1.0, "gamma": 1.0, "negative_sample_rate": 5, "metric": self.metric}
        settings |= {"metric_kwds": {}, "densmap": False, "densmap_kwds": {}, "output_dens": False}
        start, _ = umap_.simplicial_set_embedding(x, self.graph_, self.n_components, **settings)
        settings = {"seed": seed, "n_jobs": self.n_jobs, "track": self.track}
        self.embedding_ = layout.optimize(self.graph_, start, a, b, **settings)
        return self.embedding_


def fuzzy_graph(knn, n_neighbors):
    """Return UMAP's fuzzy graph of the nearest neighbours, sparse float32 (n_samples, n_samples).

    `knn` is what `nearest_neighbors` returned, with at least n_neighbors columns.
    """
    indices, distances = (np.ascontiguousarray(array[:, :n_neighbors]) for array in knn)
    fuzzy = import_compiled("umap").umap_.fuzzy_simplicial_set
    return fuzzy(indices, n_neighbors, None, "euclidean", knn_indices=indices, knn_dists=distances)[0]


def to_plane(learner, embedding, *, min_dist=0.0, random_state=None, n_jobs=None, track=iter):
    """Lay out the graph of a fitted UMAP in two dimensions, starting from its embedding.

    It starts from the two principal components of the embedding, so that what lies apart there does so on the map
    (Kobak, Linderman, "Initialization is critical for preserving global data structure in both t-SNE and UMAP", Nature
    Biotechnology 2021).

    Parameters
    ----------
    learner : UMAP, or umap-learn's own
    embedding : ndarray of float, shape (n_samples, n_components)
    min_dist, random_state, n_jobs, track
        See `learners.manifold_learner`.

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


class TSNE(FromNeighbors):
    """t-SNE by openTSNE: Barnes-Hut, or interpolation from 10,000 samples on; several threads.

    Parameters
    ----------
    n_components : int
        1 to 3.
    metric, random_state, knn
        See `learners.manifold_learner`.

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
