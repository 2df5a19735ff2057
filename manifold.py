"""Manifold learners behind one function, and the neighbours that they start from."""

import warnings

import numpy as np

MANIFOLD_LEARNERS = ("UMAP", "LLE", "tSNE", "isomap")
EXACT_NEIGHBORS = 200_000  # samples up to which an exact search is faster than an approximate one


def nearest_neighbors(x, n_neighbors, metric="euclidean"):
    """Each point's nearest neighbours, the point itself being the first.

    Exact up to 200,000 samples: on 70,000 samples of 30 dimensions the exact search takes 8 s where NN-descent takes
    10 to 16 s, after 17 s of compilation. Above that, NN-descent.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, n_features)
    n_neighbors : int
        With the point itself.
    metric : str

    Returns
    -------
    indices : ndarray of int32, shape (n_samples, n_neighbors)
    distances : ndarray of float32, shape (n_samples, n_neighbors)
    """
    if len(x) > EXACT_NEIGHBORS:
        from pynndescent import NNDescent

        return NNDescent(x, metric, n_neighbors=n_neighbors, random_state=0).neighbor_graph
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=n_neighbors - 1, algorithm="brute", metric=metric, n_jobs=-1).fit(x)
    distances, indices = search.kneighbors()
    indices = np.hstack([np.arange(len(x))[:, None], indices])
    return indices.astype(np.int32), np.pad(distances, ((0, 0), (1, 0))).astype(np.float32)


def manifold_learner(
    name="UMAP", *, n_components=2, n_neighbors=10, min_dist=0.0, metric="euclidean", random_state=None, knn=None
):
    """An unfitted scikit-learn transformer from latent space to embedding.

    Parameters
    ----------
    name : {'UMAP', 'LLE', 'tSNE', 'isomap'}
    n_components : int
        Dimensions of the embedding; t-SNE: at most 3.
    n_neighbors : int
        Size of the neighbourhoods; t-SNE has a perplexity instead, left at scikit-learn's 30.
    min_dist, metric
        UMAP alone: the smallest distance in the embedding, and the distance in the latent space.
    random_state : int or None
        An int gives the same embedding every time (isomap: up to rounding and reflection), and UMAP one thread.
    knn : tuple of ndarray, or None
        UMAP alone: what `nearest_neighbors` returned for the samples to be embedded, with at least n_neighbors columns.
    """
    if name == "UMAP":
        from umap import UMAP

        warnings.filterwarnings("ignore", message=".*transforming new data with transform", module="umap")
        if knn is not None:
            knn = tuple(np.ascontiguousarray(array[:, :n_neighbors]) for array in knn)
        return UMAP(
            precomputed_knn=knn or (None, None, None),
            n_components=n_components,
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            metric=metric,
            random_state=random_state,
            n_jobs=1 if random_state is not None else -1,
        )
    from sklearn import manifold

    if name == "LLE":
        return manifold.LocallyLinearEmbedding(
            n_components=n_components, n_neighbors=n_neighbors, random_state=random_state, n_jobs=-1
        )
    if name == "tSNE":
        return manifold.TSNE(n_components=n_components, random_state=random_state, n_jobs=-1)
    if name == "isomap":
        return manifold.Isomap(n_components=n_components, n_neighbors=n_neighbors, n_jobs=-1)
    raise ValueError(f"manifold learner must be UMAP, LLE, tSNE or isomap, got {name!r}")
