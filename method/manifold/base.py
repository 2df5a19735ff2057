"""Base class of the manifold learners that start from nearest neighbours."""

from sklearn.base import BaseEstimator, TransformerMixin

from .neighbors import nearest_neighbors


class FromNeighbors(TransformerMixin, BaseEstimator):
    """A manifold learner that may be given the nearest neighbours of its samples, as `knn`."""

    knn, metric = None, "euclidean"

    def fit(self, x, y=None):
        """Embed x, array-like of shape (n_samples, n_features); y is ignored."""
        self.fit_transform(x)
        return self

    def _knn(self, x, n_neighbors):
        indices, distances = self.knn or nearest_neighbors(x, n_neighbors, self.metric)
        return indices[:, :n_neighbors], distances[:, :n_neighbors]
