"""What a fitted N2D makes of points: their clusters, their places on the map, and what lies at a place."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from .method.autoencoder import training
from .method.clusters import confidence, outliers
from .method.manifold import neighbors
from .method.persistence import ModelError
from .readers import frames


def _gives_probabilities(model):
    return model.cluster == "GMM"


class OfPoints(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The half of N2D that needs no fit of its own: every point is what its nearest samples are."""

    @property
    def is_of_inputs(self):
        """Whether the clusters are those of k-means of the inputs, which were clearer than any map's."""
        return self.cluster == "GMM" and not hasattr(self.clusterer_, "predict_proba")

    def transform(self, x):
        """Embed points, each between its nearest neighbours among the samples.

        Parameters
        ----------
        x : array-like of shape (n_points, n_features)
            Points of the fit get their place in `embedding_`, up to rounding.

        Returns
        -------
        ndarray of float32, shape (n_points, n_components)
        """
        check_is_fitted(self)
        return self._place_among(x, self.embedding_)

    def on_map(self, x):
        """Where points, array-like (n_points, n_features), lie on `map_`, as in `transform`: float32, its columns."""
        check_is_fitted(self)
        return self._place_among(x, self.map_)

    def predict(self, x, return_confidence=False, return_outlier=False):
        """The clusters of points, how sure they are, and whether the points belong anywhere.

        The cluster to which most of a point's neighbours belong, each weighted as in `transform`. Where the neighbours
        lie in two clusters, the mixture at the point's own place, between the two, is a worse guess.

        Parameters
        ----------
        x : array-like of shape (n_points, n_features)
        return_confidence, return_outlier : bool

        Returns
        -------
        labels : ndarray of int, shape (n_points,)
        confidence : ndarray of float, shape (n_points,)
            Only with `return_confidence`. 0 to 1: the mean `confidence_` of the neighbours, those in other clusters
            counting as 0; of a point of the fit its own. Less, in proportion, for a point that is farther from the
            nearest sample than `reach_`.
        outlier : ndarray of float, shape (n_points,)
            Only with `return_outlier`. 0 to 1, as `outlier_`: close to 1 for a point that is like none of the samples.
        """
        knn = self._neighbors_of(x)
        labels = self._memberships(knn).argmax(axis=1)
        found = [labels]
        if return_confidence:
            known = self.labels_[self.sample_], self.confidence_[self.sample_]
            found.append(confidence.of_points(knn, labels, *known, self.reach_))
        if return_outlier:
            found.append(outliers.of_points(knn, self.outliers_, self.outlier_[self.sample_]))
        return found[0] if len(found) == 1 else tuple(found)

    @available_if(_gives_probabilities)
    def predict_proba(self, x):
        """The mixture's posterior probabilities of a point's neighbours, on average; if `is_of_inputs`, their shares.

        Returns
        -------
        ndarray of float32, shape (n_points, n_clusters)
            Rows sum to 1.
        """
        return self._memberships(self._neighbors_of(x))

    def encode(self, x):
        """The latent space of x, array-like of shape (n_points, n_features): float32 (n_points, n_latent)."""
        x, prepare = self.scaling_.in_batches(self._checked(x), self.device)
        return training.encode(self.autoencoder_, x, prepare=prepare, track=self._bar("encoded", unit="batch"))

    def inverse_transform(self, embedding):
        """What lies at places of the embedding: their neighbours' mean latent point, decoded.

        Parameters
        ----------
        embedding : array-like of shape (n_points, n_components)

        Returns
        -------
        ndarray of float32, shape (n_points, n_features)
            In the units of the data, the mean over the autoencoders.

        Raises
        ------
        ModelError
            If the autoencoder comes from a small copy of its weights, which has no decoder.
        models.ArchitectureError
            If a layer of the autoencoder is of type MaxPool2D*, which is only undone beside its input.
        """
        check_is_fitted(self)
        if not self.autoencoder_.decodes:
            raise ModelError("the weights are a small copy without a decoder: nothing can be decoded")
        latent = np.asarray(embedding, dtype=np.float32)
        if self.manifold_learner != "none":
            knn = neighbors.nearest_among(latent, self.embedding_[self.sample_], neighbors.N_ALIKE)
            latent = neighbors.place(knn, self.latent_[self.sample_])
        return self.scaling_.invert(training.decode(self.autoencoder_, latent))

    def scaled(self, x):
        """x, array-like of shape (n_samples, n_features), checked and in float32, as the autoencoder sees it."""
        return self.scaling_.apply(self._checked(x))

    def _checked(self, x, reset=False, **requirements):
        """x as an array of float64, or of float32 or bytes if it is one of these, which are never copied whole."""
        frames.refuse_words(x)
        try:
            return validate_data(
                self, x, dtype=[np.float64, np.float32, np.uint8], order="C", reset=reset, **requirements
            )
        except ValueError as error:
            if which := frames.columns_meant(error, x, getattr(self, "feature_names_in_", ())):
                raise ValueError(f"{str(error).rstrip()}\n{which}") from error
            raise

    def _neighbors_of(self, x, latent=None):
        """The ten samples that points, array-like (n_points, n_features), are most like: indices, distances."""
        check_is_fitted(self)
        latent = self.encode(x) if latent is None else latent
        return self.neighbourhood_.of_points(latent, self._checked(x), track=self._bar("placed", unit="part"))

    def _place_among(self, x, places):
        """Points, array-like (n_points, n_features), between their neighbours' places, (n_samples, n_dimensions)."""
        latent = self.encode(x)
        if self.manifold_learner == "none":
            return latent
        return neighbors.place(self._neighbors_of(x, latent), places[self.sample_])

    def _memberships(self, knn):
        known = self._known_memberships(self.embedding_[self.sample_], self.labels_[self.sample_])
        return neighbors.place(knn, known)

    def _known_memberships(self, embedding, labels):
        """What the mixture says of samples that it was fitted to; of other clusterers the clusters themselves."""
        of_labels = np.eye(self.n_clusters_)[labels]
        if not hasattr(self.clusterer_, "predict_proba"):
            return of_labels
        memberships = self.clusterer_.predict_proba(embedding.astype(np.float64))
        moved = memberships.argmax(axis=1) != labels  # to the cluster of samples that are equal to them
        memberships[moved] = of_labels[moved]
        return memberships
