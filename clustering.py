"""Shallow clusterers behind one function."""

CLUSTERERS = ("GMM", "KM", "SC")


def clusterer(name="GMM", *, n_clusters=10, restarts=20, random_state=None):
    """An unfitted scikit-learn clusterer.

    Parameters
    ----------
    name : {'GMM', 'KM', 'SC'}
        Gaussian mixture with full covariances, k-means, or spectral clustering of the nearest-neighbour graph.
    n_clusters : int
    restarts : int
        GMM: this many fits from different k-means starts; the likeliest is kept. A single fit, as in the paper's code,
        often ends in a poor local optimum, and is why its numbers are hard to reproduce.
        KM: this many fits, of which the one with the smallest inertia is kept.
    random_state : int or None
    """
    if name == "GMM":
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(n_clusters, covariance_type="full", n_init=restarts, random_state=random_state)
    from sklearn import cluster

    if name == "KM":
        return cluster.KMeans(n_clusters, n_init=restarts, random_state=random_state)
    if name == "SC":
        return cluster.SpectralClustering(
            n_clusters, affinity="nearest_neighbors", random_state=random_state, n_jobs=-1
        )
    raise ValueError(f"clusterer must be GMM, KM or SC, got {name!r}")
