"""Shallow clusterers behind one function, and the best of their fits to several maps."""

import warnings
from hashlib import blake2b

import joblib
import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from ..kernels import n_threads
from ..manifold.neighbourhood import N_COMPONENTS
from .judge import Fit, best, choose, merit, support

CLUSTERERS = ("GMM", "KM", "SC")
STATE = {  # the arrays that each fitted estimator needs to cluster new points
    "GaussianMixture": ("weights_", "means_", "covariances_", "precisions_cholesky_"),
    "KMeans": ("cluster_centers_",),
    "SpectralClustering": (),
}
SPECTRAL_NEIGHBORS = 10  # the point itself included, as in scikit-learn
INPUT_STARTS = 20  # of k-means of the inputs
BATCH = 20  # mixtures between two checks of whether to stop
OFTEN = 10  # times that the best mixture has to be found, to stop
IDLE = 40  # fits without a rise of the greatest merit and assortativity, after which to stop
SLIGHT = 1e-3  # share of the greatest merit or assortativity: less does not pay for as many mixtures again
ALIKE = 1e-4  # difference in merit or assortativity of fits that are the same optimum
MANY, AGREED = 10_000, 0.98  # samples, and the adjusted Rand index of two maps' clusters, from which two are enough
ROUNDS = 2  # seeds of each size where no two maps of so many samples agree
SHARED = 2_000  # points from which on several threads fit mixtures faster than one
REG_COVAR = 1e-6  # scikit-learn's default
MIXTURE_SAMPLE = 20_000  # points: enough for the few hundred numbers of a mixture in ten dimensions
MIXTURE_NUMBERS = 16_000_000  # points times dimensions: an iteration on all of MNIST's pixels takes 34 s


def fit(
    name,
    embedding,
    *,
    n_clusters=10,
    restarts=100,
    random_state=None,
    graph=None,
    knn=None,
    refit=True,
    n_jobs=None,
    track=iter,
):
    """Cluster an embedding.

    Parameters
    ----------
    name : {'GMM', 'KM', 'SC'}
        Gaussian mixture with full covariances, k-means, or spectral clustering of the nearest-neighbour graph.
    embedding : ndarray of float, shape (n_samples, n_components)
        Converted to float64: a mixture's covariances can come out singular in UMAP's float32.
    n_clusters : int
    restarts : int
        GMM: random restarts of `mixtures`, at most; `judge.best` keeps one fit. KM: restarts, of which the one with
        the smallest inertia is kept.
    random_state : int or None
    graph : sparse array, shape (n_samples, n_samples), or None
        Weighted neighbour graph, see `judge.support`.
    knn : tuple of ndarray, or None
        SC: indices and distances of each point's nearest neighbours, the point itself first, at least ten columns.
        None: they are searched for.
    refit : bool
        GMM: fit a mixture again if one of its components has collapsed, see `fit_mixture`.
    n_jobs : int or None
        GMM: threads that share the fits, see `kernels.n_threads`.
    track : callable
        GMM: wraps the iterable of batches of fits, to show progress.

    Returns
    -------
    Fit
    """
    embedding = np.asarray(embedding, np.float64)
    if name == "GMM":
        return best(mixtures(embedding, n_clusters, restarts, random_state, graph, refit, n_jobs, track))
    from sklearn import cluster

    if name == "SC":
        clusterer, labels = _spectral(embedding, n_clusters, random_state, knn)
    elif name == "KM":
        clusterer = cluster.KMeans(n_clusters, n_init=restarts, random_state=random_state)
        labels = clusterer.fit_predict(embedding)
    else:
        raise ValueError(f"clusterer must be GMM, KM or SC, got {name!r}")
    return Fit(clusterer, labels, None, *(() if graph is None else support(graph, labels)))


def cluster_maps(name, maps, n_clusters, progress, *, inputs=None, restarts=100, random_state=None, n_jobs=None):
    """Cluster several maps of the same samples, and keep the best fit.

    `judge.choose` takes it from the best fits to each map, and k-means of the inputs if these are given. There is a map
    for each size of the neighbourhoods. Of more than 10,000 samples, none is made after the best fits to two had nearly
    the same clusters; and if no two have, there is another one for each size.

    Parameters
    ----------
    name : {'GMM', 'KM', 'SC'}
        See `fit`.
    maps : maps.Maps
    n_clusters : int
    progress : progress.Progress
    inputs : ndarray of float32 or uint8, shape (n_samples, n_features), or None
        Used with GMM alone, and a graph of the maps.
    restarts, random_state, n_jobs
        See `fit`.

    Returns
    -------
    Fit
        The others' labels are among its rivals, and it has their `agreement`.
    index : int
        Of the best map, also if k-means of the inputs is kept.
    """
    settings = {"restarts": restarts, "random_state": random_state, "graph": maps.graph, "n_jobs": n_jobs}
    fits = []
    is_large = len(maps.latent) > MANY and maps.graph is not None and len(maps.sizes) > 1
    for size in maps.sizes * (ROUNDS if is_large else 1):
        embedding = maps.make_next()
        with progress.stage("cluster", f"{name}, {n_clusters} clusters, {size} neighbours"):
            track = progress.bar("mixtures", unit="batch")
            fits.append(fit(name, embedding, n_clusters=n_clusters, track=track, **settings))
        *others, last = fits
        if is_large and any(adjusted_rand_score(last.labels, other.labels) > AGREED for other in others):
            break
    index = choose(fits)
    kept = fits.pop(index)
    others = [labels for other in fits for labels in (other.labels, *other.rivals)]
    kept = kept._replace(rivals=[*kept.rivals, *others])
    if inputs is not None and maps.graph is not None and name == "GMM":
        with progress.stage("cluster", f"k-means of the inputs, {n_clusters} clusters"):
            of_them = kmeans_of_inputs(inputs, n_clusters, maps.graph, random_state)
        if choose([kept, of_them]) == 1:
            kept = of_them._replace(rivals=[kept.labels, *kept.rivals])
    agreement = [adjusted_rand_score(kept.labels, other.labels) for other in fits]
    return kept._replace(agreement=float(np.mean(agreement)) if agreement else None), index


def mixtures(embedding, n_clusters, restarts, random_state=None, graph=None, refit=True, n_jobs=None, track=iter):
    """Fit Gaussian mixtures from different random starts.

    The first starts from k-means, as in the paper's code, and with a graph the others from the seeds of k-means++:
    these lead to more optima, good ones and others that only likelihood prefers. A single fit often ends in a poor
    optimum; and the likeliest of several may split one class and merge two, for a hundredth of a nat. Each of several
    fits sees at most 20,000 points, and every fit at most 16 million numbers: 20,408 points of 784 dimensions.

    With a graph, restarts stop when the greatest merit and the greatest assortativity were each found ten times, or
    raised by no more than a thousandth in the last 40 fits.

    Parameters
    ----------
    embedding : ndarray of float64, shape (n_samples, n_components)
    n_clusters, restarts, random_state, graph, refit, n_jobs, track
        See `fit`.

    Yields
    ------
    Fit
        One for each restart; more where a component had collapsed and there is a graph to judge both.
    """
    seeds = np.random.SeedSequence(random_state).generate_state(restarts).tolist()
    most = min(MIXTURE_SAMPLE if restarts > 1 else len(embedding), MIXTURE_NUMBERS // embedding.shape[1])
    common = None
    if len(embedding) > most:  # each fit has a sample of its own, but likelihoods are compared on the same one
        common = np.random.default_rng(seeds[0]).choice(embedding, most, replace=False)
    starts = ["kmeans"] * restarts if graph is None else ["kmeans", *["k-means++"] * (restarts - 1)]
    collapsed, merits, clearness = 0, [], []
    parallel = joblib.Parallel(n_threads(n_jobs) if most >= SHARED else 1, backend="threading")
    for part in track(list(gen_batches(restarts, BATCH))):
        with threadpool_limits(1):  # a fit is too small for several threads to share
            found = parallel(
                joblib.delayed(_fit_and_judge)(embedding, common, graph, n_clusters, start, seed, refit)
                for start, seed in zip(starts[part], seeds[part])
            )
        n_fitted = part.stop
        for fits in found:
            collapsed += fits[-1].clusterer.reg_covar > REG_COVAR
            yield from fits
        if graph is not None:
            merits += [merit(fit) for fits in found for fit in fits]
            clearness += [fit.assortativity for fits in found for fit in fits]
            if _is_settled(merits) and _is_settled(clearness):
                break
    if collapsed:
        warnings.warn(
            f"{collapsed} of {n_fitted} mixtures had a component that collapsed onto points without extent: "
            "fitted again, with more regularisation",
            stacklevel=2,
        )


def _is_settled(figures):
    """Return whether the greatest figure of fits was found ten times, or the last 40 fits have hardly raised it."""
    figures = np.array(figures)
    greatest = figures.max()
    is_found = np.count_nonzero(figures >= greatest - ALIKE) >= OFTEN
    return is_found or (figures[:-IDLE] >= greatest - SLIGHT * abs(greatest)).any()


def _fit_and_judge(embedding, common, graph, n_clusters, start, seed, refit):
    """Fit and score the mixtures of one start, the last one with more regularisation if a component had collapsed.

    Each fit sees as many random points as `common`, on which likelihoods are compared, has; None: all points.
    """
    sample = embedding
    if common is not None:
        sample = np.random.default_rng(seed).choice(embedding, len(common), replace=False)
    fitted = fit_mixture(sample, n_clusters, start, seed, refit)
    judged = []
    for mixture in fitted[-1:] if graph is None else fitted:  # likelihood would prefer a collapsed one
        labels = mixture.predict(embedding)
        supported = () if graph is None else support(graph, labels)
        log_likelihood = mixture.lower_bound_ if common is None else float(mixture.score(common))
        judged.append(Fit(mixture, labels, log_likelihood, *supported))
    return judged


def fit_mixture(sample, n_clusters, start, seed, refit=True):
    """Fit a Gaussian mixture, and if one of its components collapses, another with more regularisation.

    Many equal points, or a few on a line, let a component shrink without end. This raises the likelihood, so that the
    likeliest mixture has such a component, and the points next to it go to others. The second fit adds a thousandth of
    the mean variance of the sample to each covariance instead of 1e-6.

    Parameters
    ----------
    sample : ndarray of float64, shape (n_samples, n_components)
    n_clusters : int
    start : {'kmeans', 'k-means++'}
    seed : int
    refit : bool
        Whether to look for a collapse. A mixture that cannot be fitted at all is always fitted again.

    Returns
    -------
    list of GaussianMixture
        One; or two, the second with more regularisation; or the second alone if the first cannot be fitted.
    """
    from sklearn.mixture import GaussianMixture

    settings = {"init_params": start, "random_state": seed}
    mixtures = []
    try:
        mixtures.append(GaussianMixture(n_clusters, reg_covar=REG_COVAR, **settings).fit(sample))
        collapsed = refit and _is_flat(mixtures[0]) and not _is_flat(GaussianMixture(reg_covar=REG_COVAR).fit(sample))
    except ValueError:  # a covariance that is singular in spite of the regularisation
        collapsed = True
    if collapsed:
        reg_covar = 1e-3 * sample.var(axis=0).mean()
        mixtures.append(GaussianMixture(n_clusters, reg_covar=reg_covar, **settings).fit(sample))
    return mixtures


def _is_flat(mixture):
    """Return whether a component has collapsed: in some direction, its covariance is only the regularisation."""
    variances = np.linalg.eigvalsh(mixture.covariances_)
    rounding = variances.shape[1] * np.finfo(float).eps * variances.max(axis=1)
    return bool((variances.min(axis=1) < mixture.reg_covar * (1 + 1e-6) + rounding).any())


def kmeans_of_inputs(x, n_clusters, graph, random_state=None, sample=None, starts=INPUT_STARTS):
    """Cluster the inputs themselves by k-means, which may be better than any map: UMAP tears apart uneven densities.

    The best of the starts; for wide inputs these use 50 principal components, and the best continues on the inputs.

    Parameters
    ----------
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
    n_clusters, graph, random_state
        See `fit`.
    sample : ndarray of int, shape (n_sample,), or None
        Rows of x among which the centres are found; None: 20,000 random ones, or all.
    starts : int

    Returns
    -------
    Fit
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if sample is None:
        sample = np.arange(len(x))
        if len(x) > MIXTURE_SAMPLE:
            sample = np.random.default_rng(random_state).choice(len(x), MIXTURE_SAMPLE, replace=False)
    inputs = x[sample].astype(np.float32, copy=False)
    is_wide = min(inputs.shape) > N_COMPONENTS
    with threadpool_limits(1):  # sums of several threads differ in their last bits
        pca = PCA(N_COMPONENTS, random_state=random_state) if is_wide else None
        narrow = pca.fit_transform(inputs) if is_wide else inputs
        clusterer = KMeans(n_clusters, n_init=starts, random_state=random_state).fit(narrow)
        if is_wide:  # not from the means of the clusters: where samples are equal, some may be empty
            centres = pca.inverse_transform(clusterer.cluster_centers_)
            clusterer = KMeans(n_clusters, init=centres, n_init=1, copy_x=False).fit(inputs)
    parts = gen_batches(len(x), MIXTURE_SAMPLE)
    labels = np.concatenate([clusterer.predict(x[part].astype(np.float32)) for part in parts])
    return Fit(clusterer, labels, None, *support(graph, labels))


def unite_duplicates(x, labels):
    """Give duplicate samples the same cluster: the most frequent among them, the first of equally frequent ones.

    A manifold learner puts duplicates side by side, not in one place, so that a cluster may end between them.

    Parameters
    ----------
    x : ndarray, shape (n_samples, n_features)
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    ndarray of int, shape (n_samples,)
    """
    numbers = {}
    kind = [numbers.setdefault(blake2b(np.ascontiguousarray(row)).digest(), len(numbers)) for row in x]
    if len(numbers) == len(x):
        return labels
    counts = np.zeros((len(numbers), labels.max() + 1), int)
    np.add.at(counts, (kind, labels), 1)
    return counts.argmax(axis=1)[kind].astype(labels.dtype)


def restore(name, arrays):
    """Rebuild the clusterer of a saved model from the name of its class and the arrays of `STATE`, to predict."""
    from sklearn import cluster, mixture

    if name == "KMeans":  # fitted to its own centres, it keeps them
        centres = arrays["cluster_centers_"]
        return cluster.KMeans(len(centres), init=centres, n_init=1).fit(centres)
    clusterer = {"GaussianMixture": mixture.GaussianMixture, "SpectralClustering": cluster.SpectralClustering}[name]()
    for attribute in STATE[name]:
        setattr(clusterer, attribute, arrays[attribute])
    return clusterer


def _spectral(embedding, n_clusters, random_state, knn):
    """Do spectral clustering of the sparse graph of ten neighbours, with algebraic multigrid."""
    from scipy import sparse
    from sklearn.cluster import SpectralClustering
    from sklearn.neighbors import kneighbors_graph

    if knn is None:
        near = kneighbors_graph(embedding, SPECTRAL_NEIGHBORS, include_self=True, n_jobs=n_threads())
    else:
        indices = knn[0][:, :SPECTRAL_NEIGHBORS]
        n, k = indices.shape
        near = sparse.csr_matrix((np.ones(n * k), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    clusterer = SpectralClustering(
        n_clusters, affinity="precomputed", eigen_solver="amg", n_init=20, random_state=random_state
    )
    state = np.random.get_state()
    np.random.seed(random_state)  # pyamg takes no other seed
    try:
        with warnings.catch_warnings():
            # k-means does not need the eigenvectors of LOBPCG to more digits, nor a connected graph
            warnings.filterwarnings("ignore", category=UserWarning)
            return clusterer, clusterer.fit_predict(0.5 * (near + near.T))
    finally:
        np.random.set_state(state)
