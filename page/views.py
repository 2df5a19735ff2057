"""Views of a fitted N2D: profiles of its clusters, and its map. The functions are its methods, too."""

from sklearn.utils.validation import check_is_fitted

from ..readers.samples import Dataset, classes


def clusters(model, n_clusters):
    """Merge the most similar clusters until `n_clusters` are left, and return those of the samples; no new fit.

    Parameters
    ----------
    model : pipeline.N2D
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
    check_is_fitted(model)
    return model.assignment_.cut(n_clusters)[model.labels_]


def profile(model, x, names=None):
    """Describe each cluster: return a table with a row a cluster.

    Parameters
    ----------
    model : pipeline.N2D
    x : array-like of shape (n_samples, n_features)
        The samples of the fit. The names of a frame's columns are those of the features.
    names : sequence of str, or None
        Of the samples; they are searched for words.

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

    data = _dataset_of_fit(model, x, names)
    return profiles.profile(data, model.labels_, model.n_clusters_, confidence=model.confidence_)


def explore(model, x, names=None):
    """Return the page to explore the map, which a notebook shows in place; `.save(path)` writes it to a file.

    Parameters
    ----------
    model : pipeline.N2D
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

    data = _dataset_of_fit(model, x, names)
    return explorer.page(
        data,
        model.map_,
        naming.named(model.labels_, model.n_clusters_),
        title=f"{len(data.x):,} samples, {model.n_clusters_} clusters",
        profile=profile(model, x, names),
        **explorer.found_by(model),
    )


def plot(model, y=None, names=None, ax=None):
    """Draw the map, each cluster with its number and colour.

    Parameters
    ----------
    model : pipeline.N2D
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

    check_is_fitted(model)
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8.4, 6.6), layout="constrained")[1]
    colors = None
    if y is None:
        found = naming.named(model.labels_, model.n_clusters_)
        groups, captions, colors = model.labels_, found.captions, found.colors
        if names is not None:
            captions = [naming.caption(i, name) for i, name in enumerate(names)]
    else:
        y, of_classes = classes(y, len(model.labels_))
        names = tuple(map(str, of_classes if names is None else names))
        groups, captions = Dataset(model.map_, y, names).groups
    if len(captions) <= groups.max():
        raise ValueError(f"names must be at least {groups.max() + 1}, one a group, got {len(captions)}")
    points, axis_names = visualize.plane(model.map_)
    texts = visualize.draw_map(ax, points, groups, captions, colors=colors)
    ax.set(xlabel=axis_names[0], ylabel=axis_names[1])
    visualize.spread(texts)
    return ax


def _dataset_of_fit(model, x, names):
    """Return the samples of the fit as a Dataset."""
    check_is_fitted(model)
    features = getattr(model, "feature_names_in_", None)
    x = model._checked(x)
    for what, n in (("x", len(x)), ("names", len(x) if names is None else len(names))):
        if n != len(model.labels_):
            raise ValueError(f"{what} must be of the {len(model.labels_):,} samples of the fit, got {n:,}")
    features = None if features is None else tuple(map(str, features))
    names = None if names is None else tuple(map(str, names))
    return Dataset(x, None, image_shape=model.image_shape, feature_names=features, sample_names=names)
