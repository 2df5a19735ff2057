"""Evaluation of a fitted model: scores without labels, and scores of stages and of all manifolds against labels."""

import copy
import json
import os
import re
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import gen_batches

from .. import metrics
from .clusters import clustering
from .manifold import learners, neighbors
from .progress import Progress


def internal_scores(model):
    """Score a fitted model's clusters without labels.

    Returns
    -------
    figures : dict
        'agreement': mean adjusted Rand index with the best clusters of the other maps, which are made from more or
        fewer neighbours, or if there is one map alone, of another seed's; 'modularity'; 'silhouette' in the embedding,
        on at most 5,000 points (None if there is one cluster alone); 'log_likelihood' of the points under the mixture,
        mean, None without one; 'sizes' of the clusters.

    Raises
    ------
    ValueError
        If the model was loaded.
    """
    if not hasattr(model, "maps_"):
        raise ValueError("the model must be one that was fitted, not loaded: its maps are not saved with it")
    agreement = model.assignment_.agreement
    if agreement is None:
        other = copy.copy(model)
        other.progress_ = Progress(model.verbose)
        _, fit, _ = other.embed_and_cluster(model.neighbourhood_, (model.seed_ + 1) % 2**32)
        agreement = float(adjusted_rand_score(model.labels_[model.sample_], fit.labels))
    return {
        "agreement": agreement,
        "modularity": model.modularity_,
        "silhouette": metrics.silhouette(model.embedding_, model.labels_, model.seed_),
        "log_likelihood": _log_likelihood(model.clusterer_, model.embedding_),
        "sizes": np.bincount(model.labels_, minlength=model.n_clusters_).tolist(),
    }


def _log_likelihood(clusterer, embedding):
    """Return the mean log-likelihood of the points; None without a mixture."""
    if not hasattr(clusterer, "score_samples"):
        return None
    parts = (embedding[rows].astype(np.float64) for rows in gen_batches(len(embedding), clustering.MIXTURE_SAMPLE))
    return float(np.concatenate([clusterer.score_samples(part) for part in parts]).mean())


def stages(model, x, y):
    """Score k-means, and N2D's manifold and mixture, on the scaled data and on the latent space of each stage.

    Parameters
    ----------
    model : N2D
        Fitted on x.
    x : ndarray of float32, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)

    Yields
    ------
    row : dict
        Keys space ('pixels', 'autoencoder', and 'KLD' or 'KM' after a refinement), method ('kmeans' or 'n2d'), acc,
        nmi, ari and seconds. There is no 'n2d' of the pixels.
    """
    spaces = {"pixels": model.scaled(x), "autoencoder": model.latent_}
    if model.refine is not None:
        spaces |= {"autoencoder": model.pretrained_latent_, model.refine: model.latent_}
    settings = {"n_clusters": model.n_clusters_, "restarts": 20, "random_state": model.seed_}
    fitted_s = sum(model.seconds_.get(stage, 0.0) for stage in ("neighbours", "manifold", "cluster"))
    for space, points in spaces.items():
        start = time.perf_counter()
        labels = clustering.fit("KM", points, **settings).labels
        yield {
            "space": space,
            "method": "kmeans",
            **metrics.scores(*metrics.of_known(y, labels)),
            "seconds": time.perf_counter() - start,
        }
        if space == "pixels":
            continue
        if points is model.latent_:
            labels, seconds = model.labels_, fitted_s
        else:
            start = time.perf_counter()
            neighbourhood = model.find_neighbors(points, x, model.n_clusters_)
            labels = model.embed_and_cluster(neighbourhood, model.seed_)[1].labels
            seconds = time.perf_counter() - start
        yield {"space": space, "method": "n2d", **metrics.scores(*metrics.of_known(y, labels)), "seconds": seconds}


def compare(model, x, y, folder=None):
    """Score every clusterer on the scaled data and on the latent space, as they are and on each manifold of them.

    A neighbour search for each of the two serves all manifold learners and spectral clustering. UMAP has the smallest
    of the model's neighbourhoods, LLE and Isomap have 10 neighbours. t-SNE has two components if the model has more
    than three. Without a manifold the mixture is fitted once, as in the paper: its covariances can be large there.

    Parameters
    ----------
    model : N2D
        Fitted on x; its parameters are those of the manifold learners and the clusterers here.
    x : ndarray of float32, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)
    folder : path-like or None
        Save the rows of each manifold there as soon as it is done, and resume a stopped comparison with the same data
        and settings from there.

    Yields
    ------
    row : dict
        Keys input ('raw' or 'autoencoder'), manifold ('none' or a learner), cluster, n_components, acc, nmi, ari,
        seconds (of the manifold learner and the clusterer, the neighbour search left out), peak_rss_mb (of the process
        meanwhile, on Linux) and trustworthiness (of the embedding, on at most 5,000 samples).
    embedding : ndarray of shape (n_samples, n_components)
    """
    n_neighbors = {"UMAP": model.sizes(len(x), model.n_clusters_)[0], "LLE": 10, "isomap": 10, "tSNE": 10}
    n_components = model.dimensions(len(x))
    needed = max(learners.neighbors_needed(name, size) for name, size in n_neighbors.items())
    settings = {"n_clusters": model.n_clusters_, "restarts": model.gmm_restarts, "random_state": model.seed_}
    for source, points in (("raw", model.scaled(x)), ("autoencoder", model.latent_)):
        knn = None
        for name in ("none", *n_neighbors):
            options = {
                "n_components": 2 if name == "tSNE" and n_components > 3 else n_components,
                "n_neighbors": n_neighbors.get(name),
                "min_dist": model.min_dist,
                "metric": model.metric_,
                "random_state": model.seed_,
            }
            kept = None
            if folder is not None:
                kept = Path(folder, f"{source}-{name}-{joblib.hash((points, y, options, settings))}.npz")
            if kept is not None and kept.exists():
                with np.load(kept) as done:
                    rows, embedding = json.loads(str(done["rows"])), done["embedding"]
            else:
                if knn is None:
                    knn = neighbors.nearest_neighbors(points, min(needed, len(points)), model.metric_)
                rows, embedding = _score_manifold(name, points, y, knn, options, settings)
                if kept is not None:
                    np.savez(kept.with_suffix(".part.npz"), rows=json.dumps(rows), embedding=embedding)
                    os.replace(kept.with_suffix(".part.npz"), kept)
            for row in rows:
                yield {"input": source, "manifold": name} | row, embedding


def _score_manifold(name, points, y, knn, options, settings):
    """Return the rows of one manifold, and its embedding: see `compare`."""
    start = time.perf_counter()
    _peak_rss_mb()
    learner = learners.manifold_learner(name, knn=knn, **options)
    embedding = learner.fit_transform(points).astype(np.float32)
    manifold_s, manifold_mb = time.perf_counter() - start, _peak_rss_mb()
    trust = metrics.trustworthiness(points, embedding, options["random_state"])
    rows = []
    for cluster in clustering.CLUSTERERS:
        start = time.perf_counter()
        _peak_rss_mb()
        fit = clustering.fit(
            cluster,
            embedding,
            graph=getattr(learner, "graph_", None),
            knn=knn if name == "none" else None,
            **settings | ({"restarts": 1, "refit": False} if name == "none" and cluster == "GMM" else {}),
        )
        cost = {
            "seconds": manifold_s + time.perf_counter() - start,
            "peak_rss_mb": max(manifold_mb, _peak_rss_mb()),
            "trustworthiness": trust,
        }
        rows.append(
            {"cluster": cluster, "n_components": embedding.shape[1]}
            | metrics.scores(*metrics.of_known(y, fit.labels))
            | cost
        )
    return rows, embedding


def _peak_rss_mb():
    """Return the process's peak resident memory since the last call; NaN without /proc, which Linux has."""
    try:
        peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, TypeError):
        return float("nan")
    return int(peak) // 1024
