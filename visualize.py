"""Pictures of embeddings, clusters and reconstructions, and of a latent space on its way."""

import math

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure  # not pyplot, which has a state of its own: a notebook's
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

plain_text = matplotlib.rc_context({"text.parse_math": False})  # a name with two dollars in it is no formula


@plain_text
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

    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(20_000 / len(points), 0.6, 16))
    axes.scatter(*points.T, c=colors[groups], s=size, linewidths=0, alpha=0.7, rasterized=True)
    present = [group for group in range(len(names)) if np.any(groups == group)]
    texts = []
    for group in present:
        text = axes.text(*np.median(points[groups == group], axis=0), names[group], size=9, weight="bold", ha="center")
        text.set_path_effects([patheffects.withStroke(linewidth=3, foreground="white")])
        texts.append(text)
    handles = [Line2D([], [], marker="o", linestyle="", color=colors[group], label=names[group]) for group in present]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], xticks=[], yticks=[])
    axes.set_title(subtitle, size=10)
    axes.spines[:].set_visible(False)
    figure.suptitle(title, size=13)
    spread(texts)
    figure.savefig(path, dpi=150)


def spread(texts):
    """Move the texts of a finished figure up, from the lowest on, until none covers another."""
    texts[0].figure.draw_without_rendering()  # the layout decides where they are
    to_data = texts[0].axes.transData.inverted()
    boxes = []
    for text in sorted(texts, key=lambda text: text.get_position()[1]):
        box = text.get_window_extent()
        while covered := [other for other in boxes if box.overlaps(other)]:
            box = box.translated(0, max(other.y1 for other in covered) - box.y0 + 1)
        x, _ = text.get_position()
        text.set(y=to_data.transform((0, box.y0))[1], va="bottom")
        boxes.append(box)


@plain_text
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
    figure = Figure(figsize=(3 * n_columns + 1.4, 6.4), layout="constrained")
    axes = figure.subplots(2, n_columns, squeeze=False)
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


def reconstructions(x, reconstruction, image_shape, path):
    """Draw images above their reconstructions, and write them as a PNG.

    Parameters
    ----------
    x, reconstruction : ndarray of shape (n_images, n_features)
    image_shape : tuple of int
        (height, width) or (channels, height, width)
    path : path-like
    """
    figure = Figure(figsize=(0.9 * len(x) + 1, 2.2), layout="constrained")
    axes = figure.subplots(2, len(x), squeeze=False)
    for row, images, name in zip(axes, (x, reconstruction), ("original", "decoded")):
        for axis, image in zip(row, images):
            axis.imshow(as_picture(image, image_shape, x.min(), x.max()), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name)
    figure.savefig(path, dpi=150)


@plain_text
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

    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    axes = figure.subplots()
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


def losses(history, path, *, title):
    """Draw the training loss of every autoencoder, lists of one number an epoch, and write it as a PNG."""
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for i, (run, color) in enumerate(zip(history, palette(len(history))), start=1):
        axes.plot(range(1, len(run) + 1), run, color=color, marker="o" if len(run) == 1 else None, label=f"{i}")
    axes.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if len(history) > 1:
        axes.legend(title="autoencoder", frameon=False)
    figure.suptitle(title, size=13, parse_math=False)  # the axis has formulas of its own
    figure.savefig(path, dpi=150)


@plain_text
def scan(rows, chosen, path, *, title):
    """Draw what `clustering.scan` found for each number of clusters, and write it as a PNG."""
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    numbers = [row["n_clusters"] for row in rows]
    names = {"stability": "agreement of halves (ARI)", "bic": "BIC per sample"}
    for axis, (name, label), color in zip(axes, names.items(), palette(2)):
        axis.plot(numbers, [row[name] for row in rows], color=color, marker="o")
        axis.axvline(chosen, color="black", linestyle=":")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set(xlabel="clusters", xticks=numbers)
    figure.suptitle(f"{title}: {chosen} clusters", size=13)
    figure.savefig(path, dpi=150)


@plain_text
def confusion(classes, clusters, class_names, cluster_names, path, *, title):
    """Draw how many samples of each class are in each cluster, and write it as a PNG.

    Parameters
    ----------
    classes, clusters : ndarray of int, shape (n_samples,)
        Index into the names.
    class_names, cluster_names : sequence of str
    path : path-like
    title : str
    """
    table = np.zeros((len(class_names), len(cluster_names)), dtype=int)
    np.add.at(table, (classes, clusters), 1)
    size = 2.4 + 0.5 * max(table.shape)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        if count:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", size=7, color=color)
    axes.set_xticks(range(len(cluster_names)), cluster_names, rotation=45, ha="right")
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set(xlabel="cluster, named after the matched class", ylabel="true class")
    axes.spines[:].set_visible(False)
    figure.suptitle(title, size=13)
    figure.savefig(path, dpi=150)


@plain_text
def members(data, embedding, groups, path, *, names, confidence, title, n_members=10):
    """Draw what the clusters hold, and write it as a PNG.

    Of images the most typical members of each cluster, nearest to its median in the embedding, and the least certain
    ones. Of a table each cluster's mean of the features that differ most between the clusters.

    Parameters
    ----------
    data : samples.Dataset
    embedding : ndarray, shape (n_samples, n_components)
    groups : ndarray of int, shape (n_samples,)
        Index into `names`.
    path : path-like
    names : sequence of str
    confidence : ndarray of float, shape (n_samples,)
    title : str
    n_members : int
    """
    present = [group for group in range(len(names)) if np.any(groups == group)]
    if data.image_shape is None:
        return _profiles(data, groups, present, path, names=names, title=title)
    height, width = data.image_shape[-2:]
    low, high = data.x.min(), data.x.max()
    figsize = (2 * n_members * 0.5 + 2, len(present) * 0.5 * height / width + 1.2)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots(len(present), 2, squeeze=False)
    for row, group in zip(axes, present):
        inside = np.flatnonzero(groups == group)
        distance = np.linalg.norm(embedding[inside] - np.median(embedding[inside], axis=0), axis=1)
        for axis, order in zip(row, (distance, confidence[inside])):
            strip = [as_picture(data.x[i], data.image_shape, low, high) for i in inside[np.argsort(order)[:n_members]]]
            strip += [np.full_like(strip[0], 255)] * (n_members - len(strip))
            axis.imshow(np.concatenate(strip, axis=1), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(names[group], rotation=0, ha="right", va="center")
    axes[0, 0].set_title("most typical", size=10)
    axes[0, 1].set_title("least certain", size=10)
    figure.suptitle(title, size=13)
    figure.savefig(path, dpi=150)


def _profiles(data, groups, present, path, *, names, title, n_features=30):
    means = np.stack([data.x[groups == group].mean(axis=0) for group in present])
    deviation = data.x.std(axis=0)
    profile = (means - data.x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    shown = np.sort(np.argsort(-profile.std(axis=0), kind="stable")[:n_features])
    features = data.feature_names or [f"feature {i}" for i in range(data.x.shape[1])]
    figsize = (max(4, 0.35 * len(shown) + 2.5), 0.35 * len(present) + 2.5)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    limit = float(np.abs(profile).max())
    drawn = axes.imshow(profile[:, shown], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(shown)), [features[i] for i in shown], rotation=90, size=8)
    axes.set_yticks(range(len(present)), [f"{names[g]} ({np.sum(groups == g):,})" for g in present])
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn)
    axes.set_title("mean of each cluster, in standard deviations from that of all", size=10)
    figure.suptitle(title, size=13)
    figure.savefig(path, dpi=150)


def as_picture(image, image_shape, low, high):
    """A row of x as uint8 (height, width) or (height, width, channels), from `low`, black, to `high`, white."""
    scaled = np.clip((image.reshape(image_shape) - low) / max(high - low, 1e-12), 0, 1)
    picture = (255 * scaled).round().astype(np.uint8)
    return picture if picture.ndim == 2 else picture.transpose(1, 2, 0)


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
