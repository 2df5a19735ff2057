"""Clusterings that people would run instead, for the table collection: plain scikit-learn, umap-learn, Leiden.

Each is a function of x, ndarray of float32 (n_samples, n_features), scaled, the number of clusters and a seed, and
returns labels, ndarray of int (n_samples,).
"""

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from ..method.kernels import import_compiled

MIXTURE_COMPONENTS = 50  # in more dimensions, a mixture's covariances have more numbers than there are samples


def k_means(x, n_clusters, seed):
    """Cluster by k-means, the best of 20 starts."""
    return KMeans(n_clusters, n_init=20, random_state=seed).fit_predict(x)


def mixture(x, n_clusters, seed):
    """Fit a Gaussian mixture, the likeliest of 5 starts; to 50 principal components where x is wider."""
    if x.shape[1] > MIXTURE_COMPONENTS:
        x = PCA(min(MIXTURE_COMPONENTS, len(x)), random_state=seed).fit_transform(x)
    return GaussianMixture(n_clusters, n_init=5, random_state=seed).fit_predict(x.astype(np.float64))


def ward(x, n_clusters, seed):
    """Cluster by Ward's agglomerative clustering, which has no seed."""
    return AgglomerativeClustering(n_clusters).fit_predict(x)


def spectral(x, n_clusters, seed):
    """Do spectral clustering of the graph of ten neighbours."""
    return SpectralClustering(
        n_clusters, affinity="nearest_neighbors", n_neighbors=10, assign_labels="kmeans", random_state=seed
    ).fit_predict(x)


def umap_mixture(x, n_clusters, seed):
    """Cluster UMAP's embedding by a Gaussian mixture, the likeliest of 10 starts."""
    embedding = _umap(x, n_clusters, seed).embedding_.astype(np.float64)
    return GaussianMixture(n_clusters, n_init=10, random_state=seed).fit_predict(embedding)


def umap_hdbscan(x, n_clusters, seed):
    """Cluster UMAP's embedding by HDBSCAN, at least a fiftieth of the samples each; noise is one more cluster."""
    embedding = _umap(x, n_clusters, seed).embedding_
    labels = HDBSCAN(min_cluster_size=max(2, len(x) // 50), copy=True).fit_predict(embedding)
    return np.unique(labels, return_inverse=True)[1]


def leiden(x, n_clusters, seed):
    """Cluster UMAP's graph by Leiden and modularity, which find the number of clusters by themselves."""
    import igraph
    import leidenalg

    edges = _umap(x, n_clusters, seed).graph_.tocoo()
    upper = edges.row < edges.col
    graph = igraph.Graph(len(x), np.c_[edges.row, edges.col][upper])
    partition = leidenalg.find_partition(
        graph, leidenalg.ModularityVertexPartition, weights=edges.data[upper].tolist(), n_iterations=-1, seed=seed
    )
    return np.array(partition.membership)


def _umap(x, n_clusters, seed):
    """Return a UMAP fitted with 15 neighbours."""
    umap = import_compiled("umap")
    n_neighbors = min(15, len(x) - 1)
    return umap.UMAP(
        n_components=min(n_clusters, 10), n_neighbors=n_neighbors, min_dist=0.0, random_state=seed, n_jobs=1
    ).fit(x)


PEERS = {
    "k-means": k_means,
    "mixture": mixture,
    "Ward": ward,
    "spectral": spectral,
    "UMAP + mixture": umap_mixture,
    "UMAP + HDBSCAN": umap_hdbscan,
    "Leiden": leiden,
}
