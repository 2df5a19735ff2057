"""What a fitted N2D shows in a notebook."""

from sklearn.utils.validation import check_is_fitted

from n2d import explorer, naming
from n2d.samples import Dataset


class InNotebook:
    """The part of N2D that shows what was found."""

    def explore(self, x, names=None):
        """The map to explore, which a notebook shows where it stands; `.save(path)` makes a file of it.

        Parameters
        ----------
        x : array-like of shape (n_samples, n_features)
            What was fitted.
        names : sequence of str, or None
            A name for each sample.

        Returns
        -------
        explorer.Page

        Raises
        ------
        ValueError
            If x, or names, are not as many as the samples of the fit.
        """
        check_is_fitted(self)
        x = self._checked(x)
        for what, given in (("x", x), ("names", names)):
            if given is not None and len(given) != len(self.labels_):
                raise ValueError(f"{what} must be of the {len(self.labels_)} samples of the fit, got {len(given)}")
        features = getattr(self, "feature_names_in_", None)
        data = Dataset(
            x,
            None,
            image_shape=self.image_shape,
            feature_names=None if features is None else tuple(features),
            sample_names=None if names is None else tuple(map(str, names)),
        )
        return explorer.page(
            data,
            self.embedding_,
            naming.named(self.labels_, self.n_clusters_),
            confidence=self.confidence_,
            title=f"{len(x):,} samples, {self.n_clusters_} clusters",
            outlier=getattr(self, "outlier_", None),
            neighbors=explorer.nearest_in_graph(self),
        )
