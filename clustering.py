"""Shallow clusterers behind one function, and how well a neighbour graph supports what they find."""

import warnings

import numpy as np

CLUSTERERS = ("GMM", "KM", "SC")
SPECTRAL_NEIGHBORS = 10  # the point itself included, as in scikit-learn
MIXTURE_SAMPLE = 20_000  # points: enough for the few hundred numbers of a mixture in ten dimensions


def fit(name, embedding, *, n_clusters=10, restarts=100, random_state=None, graph=None, knn=None):
    """Cluster an embedding.

    Parameters
    ----------
    name : {'GMM', 'KM', 'SC'}
        Gaussian mixture with full covariances, k-means, or spectral clustering of the nearest-neighbour graph.
    embedding : ndarray of float64, shape (n_samples, n_components)
    n_clusters : int
    restarts : int
        GMM: this many fits, of which the one with the greatest modularity is kept, or the likeliest if there is no
        graph. The first starts from k-means, as in the paper's code, and with a graph the others from the seeds of
        k-means++: these lead to more optima, good ones and such as only likelihood could take for good. A single fit
        often ends in a poor one; and the likeliest of several may split one class and merge two, at a gain of a
        hundredth of a nat. Each of several fits sees at most 20,000 points.
        KM: this many fits, of which the one with the smallest inertia is kept.
    random_state : int or None
    graph : sparse array, shape (n_samples, n_samples), or None
        Weighted neighbour graph, see `modularity`.
    knn : tuple of ndarray, or None
        SC: indices and distances of each point's nearest neighbours, the point itself first, at least ten columns.
        None: they are searched for.

    Returns
    -------
    clusterer : fitted scikit-learn estimator
    labels : ndarray of int, shape (n_samples,)
    """
    if name == "GMM":
        from sklearn.mixture import GaussianMixture

        best = None
        for i, seed in enumerate(np.random.SeedSequence(random_state).generate_state(restarts).tolist()):
            sample = embedding
            if restarts > 1 and len(embedding) > MIXTURE_SAMPLE:
                sample = np.random.default_rng(seed).choice(embedding, MIXTURE_SAMPLE, replace=False)
            start = "kmeans" if i == 0 or graph is None else "k-means++"
            mixture = GaussianMixture(n_clusters, init_params=start, random_state=seed)
            labels = mixture.fit(sample).predict(embedding)
            score = mixture.lower_bound_ if graph is None else modularity(graph, labels)
            if best is None or score > best[0]:
                best = score, mixture, labels
        return best[1:]
    from sklearn import cluster

    if name == "KM":
        clusterer = cluster.KMeans(n_clusters, n_init=restarts, random_state=random_state)
    elif name == "SC":
        return _spectral(embedding, n_clusters, random_state, knn)
    else:
        raise ValueError(f"clusterer must be GMM, KM or SC, got {name!r}")
    return clusterer, clusterer.fit_predict(embedding)


def _spectral(embedding, n_clusters, random_state, knn):
    """Spectral clustering of the sparse graph of ten neighbours, with algebraic multigrid."""
    from scipy import sparse
    from sklearn.cluster import SpectralClustering
    from sklearn.neighbors import kneighbors_graph

    if knn is None:
        near = kneighbors_graph(embedding, SPECTRAL_NEIGHBORS, include_self=True, n_jobs=-1)
    else:
        indices = knn[0][:, :SPECTRAL_NEIGHBORS]
        n, k = indices.shape
        near = sparse.csr_matrix((np.ones(n * k), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    clusterer = SpectralClustering(
        n_clusters, affinity="precomputed", eigen_solver="amg", n_init=20, random_state=random_state
    )
    state = np.random.get_state()
    np.random.seed(random_state)  # pyamg has no other way to be told
    try:
        with warnings.catch_warnings():
            # k-means does not need the eigenvectors of LOBPCG to more digits, nor a connected graph
            warnings.filterwarnings("ignore", category=UserWarning)
            return clusterer, clusterer.fit_predict(0.5 * (near + near.T))
    finally:
        np.random.set_state(state)


def modularity(graph, labels):
    """Share of a graph's weight that lies inside clusters, less what chance would put there.

    Newman, "Modularity and community structure in networks", PNAS 2006, equation 2: Q = sum_c (e_cc - a_c^2), where
    e_cd is the share of the weight between clusters c and d, and a_c = sum_d e_cd. Splitting a class cuts the edges
    inside it, and merging two raises what chance explains: either lowers Q, without a look at a label.

    Parameters
    ----------
    graph : sparse array, shape (n_samples, n_samples)
        Symmetric, weights of at least 0.
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    float
        At most 1; 0 if all samples are one cluster.
    """
    from scipy import sparse

    n = len(labels)
    member = sparse.csr_array((np.ones(n), (np.arange(n), labels)))
    weight = (member.T @ (sparse.csr_array(graph) @ member)).toarray()
    share = weight / weight.sum()
    return float(np.trace(share) - (share.sum(axis=1) ** 2).sum())
