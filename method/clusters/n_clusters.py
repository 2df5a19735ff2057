"""Choose the number of clusters without labels."""

import math
from functools import partial
from itertools import combinations

import joblib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from ..kernels import n_threads
from ..manifold.maps import MAP_DIMS, embed
from ..manifold.neighbourhood import N_COMPONENTS
from . import clustering, judge

NUMBERS = (*range(2, 21), 22, 24, 27, 30, 34, 38, 43, 48, 54, 60)  # of clusters that 'auto' tries
SAMPLES = 5000  # that it uses, at most
MEMBERS = 8  # samples per cluster on average, at least
STEADY = 0.02  # at most this below the greatest stability, a number is stable
NEAR = 0.1  # at most this below the greatest stability, a number that is more stable than those beside it is plausible
PLAUSIBLE = 4  # numbers, at most
PAST = 4  # numbers in a row that are neither plausible nor the clearest so far: no larger one is tried
MAPS = 6  # whose clusters are compared, at least


def find(neighbourhood, sizes, learner, progress, *, random_state, inputs=None, **settings):
    """Choose the number of clusters by at least six maps of the samples, some of each neighbourhood size.

    The maps have two dimensions: in five, pieces of clusters lie apart, and are stable.

    Parameters
    ----------
    neighbourhood : neighbourhood.Neighbourhood
        With its `knn`.
    sizes : callable
        From numbers of samples and clusters to the sizes of the neighbourhoods.
    learner : str
        See `learners.manifold_learner`.
    progress : progress.Progress
    random_state : int
    inputs : ndarray, shape (n_samples, n_features), or None
        See `scan`.
    **settings
        Of `learners.manifold_learner`.

    Returns
    -------
    rows : list of dict
    best : int
        See `scan`.
    """
    n_samples = len(neighbourhood.latent)
    numbers = [n for n in NUMBERS if n <= max(2, n_samples // MEMBERS)]
    suited = partial(sizes, n_samples)
    every = sorted({size for number in numbers for size in suited(number)})
    with progress.stage("scan", f"{numbers[0]} to at most {numbers[-1]} clusters"):
        maps = []
        for seed in range(random_state, random_state + math.ceil(MAPS / len(every))):
            for size in every:
                fitted, embedding = embed(
                    learner,
                    neighbourhood.latent,
                    size,
                    progress,
                    n_components=MAP_DIMS,
                    random_state=seed % 2**32,
                    knn=neighbourhood.knn,
                    **settings,
                )
                graph = fitted.graph_ if hasattr(fitted, "graph_") else neighbourhood.graph()[1]
                maps.append((size, embedding, graph / graph.sum()))
        if inputs is not None and min(inputs.shape) > N_COMPONENTS:
            with threadpool_limits(1):  # sums of several threads differ in their last bits
                inputs = PCA(N_COMPONENTS, random_state=random_state).fit_transform(inputs.astype(np.float32))
        settings = {"inputs": inputs, "random_state": random_state, "n_jobs": settings.get("n_jobs")}
        return scan(maps, progress.bar("numbers")(numbers), suited, **settings)


def scan(maps, numbers, sizes, *, inputs=None, random_state=None, restarts=4, n_jobs=None):
    """Score each number of clusters by its stability: random halves of the samples have to agree on different maps.

    With a wrong number, a mixture has to split or merge classes, and does so differently for another half of the
    samples on another map (Lange, Roth, Braun, Buhmann, "Stability-based validation of clustering solutions", Neural
    Computation 2004). Where k-means of the inputs is clearer than any map, halves of the inputs have to agree.

    Parameters
    ----------
    maps : list of tuple
        The size of the neighbourhoods, the embedding, ndarray of shape (n_samples, n_components), and the neighbour
        graph, sparse array of shape (n_samples, n_samples), of each map.
    numbers : sequence of int
        Of clusters, in ascending order; those after four in a row that are too unstable to be plausible, and less clear
        than the clearest, are not tried.
    sizes : callable
        From a number of clusters to the sizes of the neighbourhoods that suit it.
    inputs : ndarray, shape (n_samples, n_features), or None
        As `clustering.kmeans_of_inputs` takes them.
    random_state : int or None
    restarts : int
        Mixtures of each half, of which `judge.best` takes one; or starts of k-means.
    n_jobs : int or None
        Threads, see `kernels.n_threads`; any number gives the same rows.

    Returns
    -------
    rows : list of dict
        'n_clusters'; 'stability': adjusted Rand index of the clusters of all samples, mean over the pairs of maps;
        'modularity': of the best of them; 'plausible': the reason that `plausible` gives, or ''.
    best : int
        Of the numbers whose stability is at most 0.02 below the greatest, the one of the greatest modularity.
    """
    rng = np.random.default_rng(random_state)
    rows = []
    is_large = len(maps[0][1]) >= clustering.SHARED  # fits of a few points would wait for each other
    parallel = joblib.Parallel(n_threads(n_jobs) if is_large else 1, backend="threading")
    for n_clusters in numbers:
        suited = [of_size for of_size in maps if of_size[0] in sizes(n_clusters)]
        graph = sum(graph for _, _, graph in suited)
        tasks = []
        for _, embedding, _ in suited:
            embedding = np.asarray(embedding, np.float64)
            half = rng.permutation(embedding)[: len(embedding) // 2]
            seeds = rng.integers(2**32, size=restarts).tolist()
            tasks += [joblib.delayed(_fit_half)(half, embedding, n_clusters, graph, seed) for seed in seeds]
        if inputs is not None:
            halves = [rng.permutation(len(inputs))[: len(inputs) // 2] for _ in range(2)]
            found = inputs, n_clusters, graph, int(rng.integers(2**31))
            tasks += [joblib.delayed(clustering.kmeans_of_inputs)(*found, half, restarts) for half in halves]
        with threadpool_limits(1):
            judged = parallel(tasks)
        n_mixtures = len(suited) * restarts
        fits = [judge.best(judged[i : i + restarts]) for i in range(0, n_mixtures, restarts)]
        of_inputs = judged[n_mixtures:]
        if of_inputs and max(fit.assortativity for fit in of_inputs) > max(fit.assortativity for fit in fits):
            fits = of_inputs
        agreement = [adjusted_rand_score(one.labels, other.labels) for one, other in combinations(fits, 2)]
        modularity = max(fit.modularity for fit in fits)
        rows.append({"n_clusters": n_clusters, "stability": float(np.mean(agreement)), "modularity": modularity})
        if _is_past(rows):
            break
    steady = max(row["stability"] for row in rows) - STEADY
    best = max((row for row in rows if row["stability"] >= steady), key=lambda row: row["modularity"])
    reasons = plausible(rows, best["n_clusters"])
    return [row | {"plausible": reasons.get(row["n_clusters"], "")} for row in rows], best["n_clusters"]


def _is_past(rows):
    """Whether each of the last four numbers is too unstable to be plausible, and less clear than the clearest."""
    stability, modularity = (max(row[score] for row in rows) for score in ("stability", "modularity"))
    last = rows[-PAST:]
    return all(row["stability"] < stability - NEAR and row["modularity"] < modularity for row in last)


def _fit_half(half, embedding, n_clusters, graph, seed):
    """Fit a mixture to half of an embedding, and judge the clusters of all its points."""
    labels = clustering.fit_mixture(half, n_clusters, "k-means++", seed, refit=False)[-1].predict(embedding)
    return judge.Fit(None, labels, None, *judge.support(graph, labels))


def plausible(rows, best):
    """Choose the numbers of clusters that are worth a look, and say why.

    They are `best`, the local maxima of the stability over the numbers that were tried which are at most 0.1 below the
    greatest, and the number of the greatest modularity, four at most: of the maxima the most stable ones. Where large
    groups of classes are stable, this last one is often nearer to the number of classes.

    Parameters
    ----------
    rows : list of dict
        See `scan`.
    best : int

    Returns
    -------
    dict of int to str
        A reason for each plausible number; `best` comes first, then the more stable ones, then the clearest.
    """
    stability = np.array([row["stability"] for row in rows])
    at = next(i for i, row in enumerate(rows) if row["n_clusters"] == best)
    beside = np.pad(stability, 1, constant_values=-np.inf)
    is_peak = (stability >= np.maximum(beside[:-2], beside[2:])) & (stability >= stability.max() - NEAR)
    order = [i for i in np.argsort(-stability, kind="stable").tolist() if is_peak[i] and i != at]
    first = at if stability[at] == stability.max() else order[0]
    clearest = max(at, *range(len(rows)), key=lambda i: rows[i]["modularity"])
    peaks = [i for i in order if i != clearest]
    others = peaks[: PLAUSIBLE - 2] + [clearest] if clearest != at else peaks[: PLAUSIBLE - 1]
    reasons = {}
    for i in (at, *others):
        if i == clearest != at:  # one that is as stable as any would have been chosen
            reason = "clearer, but less stable"
        elif i == first:
            reason = "most stable"
        elif stability[i] >= stability[first] - STEADY:
            reason = "about as stable, and clearer" if i == at else "about as stable"
        else:
            next_to_it = [str(row["n_clusters"]) for row in (*rows[max(0, i - 1) : i], *rows[i + 1 : i + 2])]
            reason = f"less stable, but more so than {' and '.join(next_to_it)}"
        reasons[rows[i]["n_clusters"]] = reason
    return reasons
