"""What a fitted N2D says of new points, from their nearest samples. The functions are its methods, too."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from . import persistence, reduction
from .manifold import neighbors
from .progress import Progress


def transform(model, x):
    """Embed points: each at the weighted mean of its nearest samples, see `neighbors.place`.

    Parameters
    ----------
    model : pipeline.N2D
    x : array-like of shape (n_points, n_features)
        Points of the fit get their place in `embedding_`, up to rounding.

    Returns
    -------
    ndarray of float32, shape (n_points, n_components)
    """
    check_is_fitted(model)
    return _interpolate(model, x, model.embedding_)


def on_map(model, x):
    """Place points, array-like (n_points, n_features), on `map_`, as `transform` does: float32, its columns."""
    check_is_fitted(model)
    return _interpolate(model, x, model.map_)


def kneighbors(model, x, latent=None):
    """Find the ten nearest samples of points, in the same way as the neighbours of samples.

    Parameters
    ----------
    model : pipeline.N2D
    x : array-like of shape (n_points, n_features)
    latent : ndarray of float32, shape (n_points, n_latent), or None
        What `encode` returns for x, if it is known.

    Returns
    -------
    indices : ndarray of int, shape (n_points, 10)
        Among the samples that manifold and clusters were fitted to; the nearest first. Of fewer than ten, all.
    distances : ndarray of float, shape (n_points, 10)
    """
    check_is_fitted(model)
    latent = model.encode(x) if latent is None else latent
    track = Progress(model.verbose).bar("placed", unit="part")
    return model.neighbourhood_.query(latent, model._checked(x), track=track)


def predict(model, x, return_confidence=False, return_outlier=False, n_clusters=None):
    """Predict the clusters of points, and if asked to their confidence and outlier scores.

    A point's cluster is that of most of its neighbours, each weighted as in `transform`. Where the neighbours
    lie in two clusters, the mixture at the point's own place, between the two, is a worse guess.

    Parameters
    ----------
    model : pipeline.N2D
    x : array-like of shape (n_points, n_features)
    return_confidence, return_outlier : bool
    n_clusters : int or None
        Predict the clusters of another number: one of `alternatives_`, or a smaller one, see `clusters`. Points of
        the fit get the clusters that they have there. None is `n_clusters_`.

    Returns
    -------
    labels : ndarray of int, shape (n_points,)
    confidence : ndarray of float, shape (n_points,)
        Only with `return_confidence`. 0 to 1: the mean `confidence_` of the neighbours, those in other clusters
        counting as 0; of a point of the fit its own. Less, in proportion, for a point that is farther from the
        nearest sample than `reach_`. It is that in the `n_clusters_` clusters.
    outlier : ndarray of float, shape (n_points,)
        Only with `return_outlier`. 0 to 1, as `outlier_`: close to 1 for a point that is like none of the samples.

    Raises
    ------
    ValueError
        If the model does not have so many clusters.
    """
    check_is_fitted(model)
    layer_of(model, n_clusters)
    knn = kneighbors(model, x)
    labels = model.assignment_.predict(knn)
    found = [labels if n_clusters is None else in_layer(model, knn, labels, n_clusters)]
    if return_confidence:
        found.append(model.assignment_.predict_confidence(knn, labels))
    if return_outlier:
        found.append(model.assignment_.predict_outlier(knn))
    return found[0] if len(found) == 1 else tuple(found)


def layer_of(model, n_clusters):
    """Return the clusters of the samples of the fit in another number of clusters, see `predict`.

    Returns
    -------
    labels : ndarray of int, shape (n_samples of the fit,)
    nested : bool
        See `alternatives.find`.
    """
    fit = model.assignment_
    for other in model.alternatives_:
        if other["n_clusters"] == n_clusters:
            return other["labels"][model.sample_], other["nested"]
    if n_clusters in (None, fit.n_clusters):
        return fit.labels, True
    if n_clusters in range(1, fit.n_clusters):
        return fit.cut(n_clusters)[fit.labels], True
    more = sorted(other["n_clusters"] for other in model.alternatives_ if other["n_clusters"] > fit.n_clusters)
    or_more = f", or {' or '.join(map(str, more))}" if more else ""
    raise ValueError(f"n_clusters must be 1 to {fit.n_clusters}{or_more}, got {n_clusters!r}")


def in_layer(model, knn, labels, n_clusters):
    """Return the clusters of points, of `kneighbors` and found clusters, in another number of clusters."""
    if n_clusters == model.n_clusters_:
        return labels
    return model.assignment_.predict_others(knn, labels, *layer_of(model, n_clusters))


def predict_proba(model, x):
    """Predict cluster probabilities of points: the mean of their neighbours', or shares of these if `kept_kmeans`.

    Returns
    -------
    ndarray of float32, shape (n_points, n_clusters)
        Rows sum to 1.
    """
    knn = kneighbors(model, x)
    return model.assignment_.predict_memberships(knn)


def inverse_transform(model, embedding):
    """Decode places of the embedding, by way of the mean latent point of the nearest samples.

    Parameters
    ----------
    model : pipeline.N2D
    embedding : array-like of shape (n_points, n_components)

    Returns
    -------
    ndarray of float32, shape (n_points, n_features)
        In the units of the data, the mean over the autoencoders.

    Raises
    ------
    persistence.ModelError
        If the autoencoder comes from a small copy of its weights, which has no decoder.
    models.ArchitectureError
        If a layer of the autoencoder is of type MaxPool2D*, which takes the input to undo.
    """
    check_is_fitted(model)
    if not model.autoencoder_.decodes:
        raise persistence.ModelError("the weights are a small copy without a decoder: nothing can be decoded")
    latent = np.asarray(embedding, dtype=np.float32)
    if model.manifold_learner != "none":
        knn = neighbors.nearest_among(latent, model.embedding_[model.sample_], neighbors.N_ALIKE)
        latent = neighbors.place(knn, model.latent_[model.sample_])
    return reduction.enlarged(model.encoder_.decode(latent), model.small_shape_, model.image_shape)


def _interpolate(model, x, places):
    """Interpolate places of samples, (n_samples, n_dimensions), at points, array-like (n_points, n_features)."""
    latent = model.encode(x)
    if model.manifold_learner == "none":
        return latent
    return neighbors.place(kneighbors(model, x, latent), places[model.sample_])
