"""What a person looks at of a fitted N2D: fewer clusters, what each of them is, the map."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..method.clusters import hierarchy
from ..readers.samples import Dataset, classes


class Views:
    """The part of N2D that shows what was found."""

    def clusters(self, n_clusters):
        """The clusters of the samples when the nearest are merged until so many are left; no new fit.

        Parameters
        ----------
        n_clusters : int
            1 to `n_clusters_`.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            0 is the largest cluster. With `n_clusters_`, these are `labels_`.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        check_is_fitted(self)
        sizes = np.bincount(self.labels_, minlength=self.n_clusters_)
        return hierarchy.cut(self.hierarchy_, n_clusters, sizes)[self.labels_]

    def profile(self, x, names=None):
        """What each cluster is, a row a cluster.

        Parameters
        ----------
        x : array-like of shape (n_samples, n_features)
            The samples of the fit. The names of a frame's columns are those of the features.
        names : sequence of str, or None
            Of the samples, in which words are looked for.

        Returns
        -------
        pandas.DataFrame
            See `profiles.profile`.

        Raises
        ------
        ValueError
            If there are not as many samples, or names, as in the fit.
        """
        from . import profiles

        data = self._data_of(x, names)
        return profiles.profile(data, self.labels_, self.n_clusters_, confidence=self.confidence_)

    def explore(self, x, names=None):
        """The map to explore, which a notebook shows where it stands; `.save(path)` makes a file of it.

        Parameters
        ----------
        x : array-like of shape (n_samples, n_features)
            The samples of the fit.
        names : sequence of str, or None
            A name for each.

        Returns
        -------
        explorer.Page

        Raises
        ------
        ValueError
            If there are not as many samples, or names, as in the fit.
        """
        from . import explorer, naming  # they import matplotlib

        data = self._data_of(x, names)
        return explorer.page(
            data,
            self.map_,
            naming.named(self.labels_, self.n_clusters_),
            confidence=self.confidence_,
            title=f"{len(data.x):,} samples, {self.n_clusters_} clusters",
            profile=self.profile(x, names),
            outlier=self.outlier_,
            neighbors=explorer.nearest_in_graph(self),
        )

    def plot(self, y=None, names=None, ax=None):
        """Draw the map, each cluster with its number and colour.

        Parameters
        ----------
        y : array-like of shape (n_samples,), or None
            Classes, which are drawn instead of the clusters: words or numbers; missing ones, and -1 among other whole
            numbers, are unknown.
        names : sequence of str, or None
            Of the clusters, by number; with y, of its classes in ascending order.
        ax : matplotlib.axes.Axes, or None
            Where to draw; None is a new figure of pyplot's.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If y has another length than the samples of the fit, or names are too few.
        """
        from .. import visualize  # they import matplotlib
        from . import naming  # they import matplotlib

        check_is_fitted(self)
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(figsize=(8.4, 6.6), layout="constrained")[1]
        colors = None
        if y is None:
            found = naming.named(self.labels_, self.n_clusters_)
            groups, captions, colors = self.labels_, found.captions, found.colors
            if names is not None:
                captions = [f"{i}: {name}" for i, name in enumerate(names)]
        else:
            y, of_classes = classes(y, len(self.labels_))
            names = tuple(map(str, of_classes if names is None else names))
            groups, captions = Dataset(self.map_, y, names).groups
        if len(captions) <= groups.max():
            raise ValueError(f"names must be at least {groups.max() + 1}, one a group, got {len(captions)}")
        points, axis_names = visualize.plane(self.map_)
        texts = visualize.draw_map(ax, points, groups, captions, colors=colors)
        ax.set(xlabel=axis_names[0], ylabel=axis_names[1])
        visualize.spread(texts)
        return ax

    def _data_of(self, x, names):
        """The samples of the fit as a Dataset."""
        check_is_fitted(self)
        features = getattr(self, "feature_names_in_", None)
        x = self._checked(x)
        for what, n in (("x", len(x)), ("names", len(x) if names is None else len(names))):
            if n != len(self.labels_):
                raise ValueError(f"{what} must be of the {len(self.labels_):,} samples of the fit, got {n:,}")
        features = None if features is None else tuple(map(str, features))
        names = None if names is None else tuple(map(str, names))
        return Dataset(x, None, image_shape=self.image_shape, feature_names=features, sample_names=names)
