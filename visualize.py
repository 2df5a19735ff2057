"""Pictures of embeddings, of reconstructions, and of a latent space on its way."""

import math

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.animation import FuncAnimation, PillowWriter
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


def grid(embeddings, groups, names, path, *, title="", max_points=10_000, seed=0):
    """Draw several embeddings of the same samples side by side, and write them as a PNG.

    Parameters
    ----------
    embeddings : dict of str to ndarray of shape (n_samples, n_components)
        By what to write above each; of more than two dimensions, the two principal components are drawn.
    groups : ndarray of int, shape (n_samples,)
        Index into `names`.
    names : sequence of str
    path : path-like
    title : str
    max_points, seed : int
        See `scatter`.
    """
    order = np.random.default_rng(seed).permutation(len(groups))[:max_points]
    colors = palette(len(names))
    n_columns = math.ceil(len(embeddings) / 2)
    figure, axes = plt.subplots(2, n_columns, figsize=(3 * n_columns + 1.4, 6.4), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, embedding) in zip(axes.flat, embeddings.items()):
        points = plane(embedding)[0][order]
        size = float(np.clip(5_000 / len(order), 0.5, 8))
        axis.scatter(*points.T, c=colors[groups[order]], s=size, linewidths=0, alpha=0.7, rasterized=True)
        axis.set_title(name, size=10)
    handles = [Line2D([], [], marker="o", linestyle="", color=color, label=name) for color, name in zip(colors, names)]
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    figure.suptitle(title, size=13)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def reconstructions(x, reconstruction, image_shape, path):
    """Draw images above their reconstructions, and write them as a PNG.

    Parameters
    ----------
    x, reconstruction : ndarray of shape (n_images, n_features)
    image_shape : tuple of int
        (height, width)
    path : path-like
    """
    figure, axes = plt.subplots(2, len(x), figsize=(0.9 * len(x) + 1, 2.2), layout="constrained", squeeze=False)
    for row, images, name in zip(axes, (x, reconstruction), ("original", "decoded")):
        for axis, image in zip(row, images):
            axis.imshow(image.reshape(image_shape), cmap="gray_r", vmin=x.min(), vmax=x.max())
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def evolution(frames, groups, names, path, *, title, fps=5):
    """Animate points on their way through a training, one colour a group, and write it as a GIF.

    All frames are seen from the same side, the two principal components of all of them together, with the same axes.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_points, n_latent)
    groups : ndarray of int, shape (n_points,)
        Index into `names`.
    names : sequence of str
    path : path-like
    title : str
    fps : int
        Frames a second.
    """
    n_frames, n_points, n_latent = frames.shape
    points = plane(frames.reshape(-1, n_latent))[0].reshape(n_frames, n_points, 2)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    margin = 0.03 * (high - low)
    colors = palette(len(names))

    figure, axes = plt.subplots(figsize=(7.2, 5.6), layout="constrained")
    axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    axes.set(xlabel="first principal component of all epochs", ylabel="second", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    drawn = axes.scatter(*points[0].T, c=colors[groups], s=8, linewidths=0, alpha=0.7)
    handles = [Line2D([], [], marker="o", linestyle="", color=color, label=name) for color, name in zip(colors, names)]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.suptitle(title, size=13)

    def show(i):
        drawn.set_offsets(points[i])
        axes.set_title("before" if i == 0 else f"after epoch {i} of {n_frames - 1}", size=10)

    pause = [0] * fps + list(range(n_frames)) + [n_frames - 1] * 2 * fps  # time to look at the first and the last
    FuncAnimation(figure, show, pause).save(path, PillowWriter(fps), dpi=90)
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
