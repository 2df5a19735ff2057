"""Pictures of embeddings, clusters and reconstructions, and animations of a latent space in training."""

import math
import re
import textwrap

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure  # not pyplot, which has a state of its own: a notebook's
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .page.colors import palette
from .readers.samples import shortened

LEGEND_ROWS = 30
LEGEND_NAME = 64  # characters of a name in a legend
FREE = 28  # characters of a legend that a figure has room for
LINE = 32  # characters of a name in a line
LINES = ("-", "--", "-.", ":")
FEW = 12  # groups whose names fit on a map
CLUSTER = re.compile(r"(?:^| \()cluster (\d+)\)?$")  # the number in a cluster's caption

plain_text = matplotlib.rc_context({"text.parse_math": False})  # a name with two dollars in it is no formula


@plain_text
def scatter(
    embedding, groups, names, path, *, title, subtitle="", colors=None, heading=None, max_points=100_000, seed=0
):
    """Draw an embedding as a map, one colour a group, and write it as a PNG.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_components)
        Of more than two dimensions, the two principal components are drawn.
    groups : ndarray of int, shape (n_samples,)
        Index into `names`.
    names : sequence of str
        One for each group, for the legend; each group's name, or of many groups a number, also stands on the map, so
        that colour is not needed to tell groups apart. Long ones are cut short.
    path : path-like
    title, subtitle : str
    colors : ndarray of float, shape (n_groups, 4), or None
        RGBA; None is `palette`.
    heading : str or None
        What the names are, for the legend.
    max_points : int
        A random sample of this size is drawn if there are more points.
    seed : int
        Of the sample and of the order in which points are drawn.
    """
    order = np.random.default_rng(seed).permutation(len(embedding))[:max_points]
    points, axis_names = plane(embedding)
    points, groups = points[order], groups[order]
    figure = Figure(figsize=(8.4 + extra_width(names), 6.6), layout="constrained")
    axes = figure.subplots()
    texts = draw_map(axes, points, groups, names, colors=colors, heading=heading)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    is_wide = max(len(names[group]) for group in np.unique(groups)) < 16  # the map beside the legend
    axes.set_title(wrapped(subtitle, 80 if is_wide else 50), size=10)
    head(figure, title)
    spread(texts)
    figure.savefig(path, dpi=150)


@plain_text
def draw_map(axes, points, groups, names, *, colors=None, heading=None):
    """Draw points on axes, one colour a group, with each group's mark at its middle and a legend beside them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    points : ndarray of shape (n_points, 2)
    groups, names, colors, heading
        See `scatter`.

    Returns
    -------
    list of matplotlib.text.Text
        The marks, which `spread` moves apart once the figure is finished.
    """
    colors = palette(len(names)) if colors is None else colors
    size = float(np.clip(20_000 / len(points), 0.6, 16))
    axes.scatter(*points.T, c=colors[groups], s=size, linewidths=0, alpha=0.7, rasterized=True)
    marks, names = _marks(groups, names)
    texts = _write_marks(axes, points, groups, marks, 9 if len(marks) <= FEW else 7)
    _legend(axes, colors[list(marks)], [names[group] for group in marks], heading)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return texts


def _marks(groups, names):
    """Return the mark on the map of each group that has points, by group; and the names, with marks that are numbers.

    Few groups have their names as marks; many the clusters' numbers, names of at most four characters, or a number.
    """
    present = [group for group in range(len(names)) if np.any(groups == group)]
    if len(present) <= FEW:
        return {group: shortened(CLUSTER.sub("", names[group]) or names[group], 18) for group in present}, names
    marks = {group: (CLUSTER.search(names[group]) or ["", names[group]])[1] for group in present}
    if max(map(len, marks.values())) > 4:
        marks = {group: str(group) for group in present}
        names = [f"{i}: {name}" for i, name in enumerate(names)]
    return marks, names


def _write_marks(axes, points, groups, marks, size):
    """Write each group's mark at its middle, with a halo; colour is not needed to tell groups apart."""
    texts, extent = [], np.ptp(points, axis=0)
    for group, mark in marks.items():
        text = axes.text(*middle(points[groups == group], extent), mark, size=size, weight="bold", ha="center")
        text.set_path_effects([patheffects.withStroke(linewidth=3 if size > 8 else 2, foreground="white")])
        text.set_in_layout(False)  # or the map would shrink where `spread` moves it
        texts.append(text)
    return texts


def middle(points, extent):
    """Return the middle of a group of points; if it falls between several clumps, the middle of the largest.

    Parameters
    ----------
    points : ndarray of float, shape (n_points, 2)
    extent : ndarray of float, shape (2,)
        Width and height of the map.

    Returns
    -------
    ndarray of float, shape (2,)
        The median of all points; if twice as many are within an eighth of the map of the median of those in one of its
        eight by eight cells, the median of these.
    """
    side = np.where(extent > 0, extent, 1) / 8
    cells, inside = np.unique(np.floor(points / side), axis=0, return_inverse=True)
    places = [points, *(points[inside.ravel() == i] for i in range(len(cells)))]
    around, *others = (points[(np.abs(points - np.median(some, axis=0)) <= side).all(axis=1)] for some in places)
    crowd = max(others, key=len)
    return np.median(points if 2 * len(around) > len(crowd) else crowd, axis=0)


def spread(texts):
    """Move the texts of a finished figure up or down, as little as it takes, until none covers another."""
    texts[0].figure.draw_without_rendering()  # the layout decides where they are
    to_data = texts[0].axes.transData.inverted()
    steps = sorted(range(-8 * len(texts), 8 * len(texts) + 1), key=abs)
    boxes = []
    for text in sorted(texts, key=lambda text: text.get_position()[1]):
        box = text.get_window_extent()
        moved = (box.translated(0, step * box.height / 4) for step in steps)
        box = next(place for place in moved if not any(place.overlaps(other) for other in boxes))
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
    title, max_points, seed
        See `scatter`.
    """
    order = np.random.default_rng(seed).permutation(len(groups))[:max_points]
    groups, colors = groups[order], palette(len(names))
    marks, names = _marks(groups, names)
    n_columns, texts = math.ceil(len(embeddings) / 2), []
    figure = Figure(figsize=(3 * n_columns + 1.4 + extra_width(names), 6.4), layout="constrained")
    axes = figure.subplots(2, n_columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, embedding) in zip(axes.flat, embeddings.items()):
        points = plane(embedding)[0][order]
        size = float(np.clip(5_000 / len(order), 0.5, 8))
        axis.scatter(*points.T, c=colors[groups], s=size, linewidths=0, alpha=0.7, rasterized=True)
        axis.set_title(name, size=10)
        texts.append(_write_marks(axis, points, groups, marks, 6))
    _legend(figure, colors, names)
    head(figure, title)
    for of_map in texts:
        spread(of_map)
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
def evolution(frames, groups, names, path, *, title, heading=None, fps=5):
    """Animate the latent space of points during training, one colour a group, and write it as a GIF.

    All frames have the same axes: the two principal components of all of them together.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_points, n_latent)
    groups : ndarray of int, shape (n_points,)
        Index into `names`.
    names : sequence of str
    path : path-like
    title, heading
        See `scatter`.
    fps : int
        Frames a second.
    """
    n_frames, n_points, n_latent = frames.shape
    points = plane(frames.reshape(-1, n_latent))[0].reshape(n_frames, n_points, 2)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    margin = 0.03 * (high - low)
    colors = palette(len(names))
    marks, names = _marks(groups, names)
    figure = Figure(figsize=(7.2 + extra_width(names), 6), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    axes.set(xlabel="first principal component of all epochs", ylabel="second", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    drawn = axes.scatter(*points[0].T, c=colors[groups], s=8, linewidths=0, alpha=0.7)
    texts = _write_marks(axes, points[0], groups, marks, 9 if len(marks) <= FEW else 7)
    _legend(axes, colors, names, heading)
    head(figure, title)

    def show(i):
        drawn.set_offsets(points[i])
        for text, group in zip(texts, marks):
            text.set_position(middle(points[i][groups == group], high - low))
        axes.set_title("before" if i == 0 else f"after epoch {i} of {n_frames - 1}", size=10)
        if len(marks) <= FEW:
            spread(texts)

    show(0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the same place for the map in all frames
    pause = [0] * fps + list(range(n_frames)) + [n_frames - 1] * 2 * fps  # the first and the last frame last longer
    FuncAnimation(figure, show, pause).save(path, PillowWriter(fps), dpi=90)


def losses(history, path, *, title):
    """Draw the training loss of every autoencoder, lists of one number an epoch, and write it as a PNG."""
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for i, (run, color) in enumerate(zip(history, palette(len(history))), start=1):
        look = {"marker": "o" if len(run) == 1 else None, "linestyle": LINES[i % len(LINES)]}  # also without colours
        axes.plot(range(1, len(run) + 1), run, color=color, label=f"{i}", **look)
    axes.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if 1 < len(history) <= FEW:
        axes.legend(title="autoencoder", frameon=False)
    head(figure, title, parse_math=False)  # the axis has formulas of its own
    figure.savefig(path, dpi=150)


@plain_text
def scan(rows, chosen, path, *, title):
    """Draw what `n_clusters.scan` found for each number of clusters, the plausible ones circled, and write a PNG."""
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    numbers = [row["n_clusters"] for row in rows]
    marked = {row["n_clusters"]: row for row in rows if row["plausible"]}
    names = {"stability": "agreement of halves (ARI)", "modularity": "greatest modularity"}
    for axis, (name, label), color in zip(axes, names.items(), palette(2)):
        axis.plot(numbers, [row[name] for row in rows], color=color, marker="o")
        axis.plot([*marked], [row[name] for row in marked.values()], "ko", markersize=12, markerfacecolor="none")
        axis.axvline(chosen, color="black", linestyle=":")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_xscale("log", base=2)
    axes[1].set_xticks(ticks := [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60], map(str, ticks))
    axes[1].set_xticks([], minor=True)
    axes[1].set(xlabel="clusters", xlim=(numbers[0] * 0.95, numbers[-1] * 1.05))
    head(figure, f"{title}: {chosen} clusters\nplausible (circled): {', '.join(map(str, marked))}")
    figure.savefig(path, dpi=150)


@plain_text
def confusion(classes, clusters, class_names, cluster_names, path, *, title, order=None):
    """Draw how many samples of each class are in each cluster, and write it as a PNG.

    Parameters
    ----------
    classes, clusters : ndarray of int, shape (n_samples,)
        Index into the names.
    class_names, cluster_names : sequence of str
    path : path-like
    title : str
    order : ndarray of int, shape (n_clusters,), or None
        Order of the clusters; None is that of their numbers.
    """
    table = np.zeros((len(class_names), len(cluster_names)), dtype=int)
    np.add.at(table, (classes, clusters), 1)
    order = np.arange(len(cluster_names)) if order is None else order
    table, cluster_names = table[:, order], [in_lines(cluster_names[i]) for i in order]
    class_names = [in_lines(name) for name in class_names]
    cell, margin = 0.45, 0.09  # inches of a cell, and of a letter beside it
    width = cell * table.shape[1] + margin * longest(class_names) + 1.2
    height = cell * table.shape[0] + 0.7 * margin * longest(cluster_names) + 1.5
    figure = Figure(figsize=(max(4, width), height), layout="constrained")
    axes = figure.subplots()
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        if count:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", size=7, color=color)
    axes.set_xticks(range(len(cluster_names)), cluster_names, rotation=45, ha="right", rotation_mode="anchor", size=9)
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set(xlabel="name (cluster)", ylabel="true class")
    axes.spines[:].set_visible(False)
    head(figure, title)
    figure.savefig(path, dpi=150)


def as_picture(image, image_shape, low, high):
    """Convert a row of x to uint8 (height, width) or (height, width, channels), from `low`, black, to `high`, white."""
    scaled = np.clip((image.reshape(image_shape) - low) / max(high - low, 1e-12), 0, 1)
    picture = (255 * scaled).round().astype(np.uint8)
    return picture if picture.ndim == 2 else picture.transpose(1, 2, 0)


def plane(embedding):
    """Return two columns to draw, and their names: the embedding itself, or its first two principal components."""
    if embedding.shape[1] == 1:
        embedding = np.hstack([embedding, np.zeros_like(embedding)])
    if embedding.shape[1] == 2:
        return embedding, ("dimension 1", "dimension 2")
    from sklearn.decomposition import PCA

    names = [f"{which} principal component of {embedding.shape[1]} dimensions" for which in ("first", "second")]
    return PCA(2).fit_transform(embedding), names


def in_lines(name):
    """Wrap a name to at most two lines of 32 characters, with a mark where it is cut."""
    lines = textwrap.wrap(name, LINE) or [""]
    return "\n".join(lines if len(lines) <= 2 else (lines[0], shortened(" ".join(lines[1:]), LINE)))


def longest(names):
    """Return the length of the longest line among names."""
    return max(len(line) for name in names for line in name.split("\n"))


def wrapped(text, width):
    """Wrap the lines of a text, between words, to so many characters."""
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, width))


def head(figure, title, **settings):
    """Write the title of a finished figure, in lines that fit into it."""
    figure.suptitle(wrapped(title, int(7 * figure.get_figwidth())), size=13, **settings)


def extra_width(names):
    """Return the inches for a legend of long names, or of more than one column."""
    widest = min(longest(names), LEGEND_NAME)
    more = (math.ceil(len(names) / LEGEND_ROWS) - 1) * (0.6 + 0.065 * widest)
    return more + 0.11 * max(0, widest - FREE)


def _legend(place, colors, names, title=None):
    """Draw the legend beside axes, or all maps of a figure; many groups take several columns."""
    handles = [Line2D([], [], marker="o", linestyle="", color=color) for color in colors]
    labels = [shortened(name, LEGEND_NAME) for name in names]
    look = {"ncols": math.ceil(len(names) / LEGEND_ROWS), "title": title, "columnspacing": 1.0, "handletextpad": 0.3}
    look |= {"fontsize": 10 if len(names) <= 20 and longest(names) <= FREE else 8, "frameon": False}
    beside = {"loc": "outside right center"}
    if not isinstance(place, matplotlib.figure.Figure):
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    place.legend(handles, labels, **beside, **look)
