"""Pictures of an embedding."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.lines import Line2D


def scatter(embedding, groups, names, path, *, title, subtitle="", max_points=100_000, seed=0):
    """Draw an embedding as a map, one colour a group, and write it as a PNG.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_components)
        Of more than two dimensions, the two principal components are drawn.
    groups : ndarray of int, shape (n_samples,)
        Index into `names`.
    names : sequence of str
        One for each group, for the legend; each group's name also stands on the map, so that colour is not needed
        to tell groups apart.
    path : path-like
    title, subtitle : str
    max_points : int
        A random sample of this size is drawn if there are more points.
    seed : int
        Of the sample and of the order in which points are drawn.
    """
    order = np.random.default_rng(seed).permutation(len(embedding))[:max_points]
    points, axis_names = plane(embedding)
    points, groups = points[order], groups[order]
    colors = palette(len(names))

    figure, axes = plt.subplots(figsize=(8.4, 6.6), layout="constrained")
    size = float(np.clip(20_000 / len(points), 0.6, 16))
    axes.scatter(*points.T, c=colors[groups], s=size, linewidths=0, alpha=0.7, rasterized=True)
    present = [group for group in range(len(names)) if np.any(groups == group)]
    for group in present:
        text = axes.text(*np.median(points[groups == group], axis=0), names[group], size=9, weight="bold", ha="center")
        text.set_path_effects([patheffects.withStroke(linewidth=3, foreground="white")])
    handles = [Line2D([], [], marker="o", linestyle="", color=colors[group], label=names[group]) for group in present]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], xticks=[], yticks=[])
    axes.set_title(subtitle, size=10)
    axes.spines[:].set_visible(False)
    figure.suptitle(title, size=13)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plane(embedding):
    """The two columns to draw, and their names: the embedding itself, or its first two principal components."""
    if embedding.shape[1] == 1:
        embedding = np.hstack([embedding, np.zeros_like(embedding)])
    if embedding.shape[1] == 2:
        return embedding, ("dimension 1", "dimension 2")
    from sklearn.decomposition import PCA

    names = [f"{which} principal component of {embedding.shape[1]} dimensions" for which in ("first", "second")]
    return PCA(2).fit_transform(embedding), names


def palette(n):
    """RGBA colours, shape (n, 4): ten that colour-blind people can tell apart (Petroff 2021), then a spectrum."""
    if n <= 10:
        return matplotlib.colors.to_rgba_array(matplotlib.color_sequences["petroff10"])[:n]
    return matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, n))


def matched_names(labels, match, label_names):
    """Names for predicted clusters: the class each is matched with, or 'cluster i' for those left over.

    Returns
    -------
    groups : ndarray of int, shape (n_samples,)
        Index into `names`: a matched cluster has its class's index, and so its colour.
    names : list of str
    """
    names = list(label_names)
    groups = dict(match)
    for cluster in np.unique(labels).tolist():
        if cluster not in groups:
            groups[cluster] = len(names)
            names.append(f"cluster {cluster}")
    return np.vectorize(groups.get, otypes=[np.intp])(labels), names
