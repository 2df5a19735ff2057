"""Pictures of embeddings, clusters and reconstructions, and of a latent space on its way."""

import math
import textwrap

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure  # not pyplot, which has a state of its own: a notebook's
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

LEGEND_ROWS = 25
FEW = 12  # groups whose names fit on a map

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
        One for each group, for the legend; each group's name, or of many groups the cluster's number alone, also
        stands on the map, so that colour is not needed to tell groups apart. Long ones are cut short.
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
    colors = palette(len(names)) if colors is None else colors

    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(20_000 / len(points), 0.6, 16))
    axes.scatter(*points.T, c=colors[groups], s=size, linewidths=0, alpha=0.7, rasterized=True)
    present = [group for group in range(len(names)) if np.any(groups == group)]
    is_few = len(present) <= FEW
    texts = []
    for group in present:
        caption = short(
            names[group] if is_few else names[group].removeprefix("cluster ").split(":")[0], 18 if is_few else 10
        )
        place = np.median(points[groups == group], axis=0)
        text = axes.text(*place, caption, size=9 if is_few else 7, weight="bold", ha="center")
        text.set_path_effects([patheffects.withStroke(linewidth=3 if is_few else 2, foreground="white")])
        texts.append(text)
    _legend(axes, colors[present], [names[group] for group in present], heading)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], xticks=[], yticks=[])
    is_wide = max(len(names[group]) for group in present) < 16  # the map beside the legend
    axes.set_title(_wrapped(subtitle, 80 if is_wide else 50), size=10)
    axes.spines[:].set_visible(False)
    _head(figure, title)
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
    last = axes[:, -1][0]
    _legend(last, colors, names)
    _head(figure, title)
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
    _legend(axes, colors, names)
    _head(figure, title)

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
    _head(figure, title, parse_math=False)  # the axis has formulas of its own
    figure.savefig(path, dpi=150)


@plain_text
def scan(rows, chosen, path, *, title):
    """Draw what `n_clusters.scan` found for each number of clusters, and write it as a PNG."""
    figure = Figure(figsize=(7.2, 5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    numbers = [row["n_clusters"] for row in rows]
    names = {"stability": "agreement of halves (ARI)", "modularity": "greatest modularity"}
    for axis, (name, label), color in zip(axes, names.items(), palette(2)):
        axis.plot(numbers, [row[name] for row in rows], color=color, marker="o")
        axis.axvline(chosen, color="black", linestyle=":")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set(xlabel="clusters")
    axes[1].set_xscale("log", base=2)
    axes[1].set_xticks(ticks := [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60], map(str, ticks))
    axes[1].set_xticks([], minor=True)
    axes[1].set_xlim(numbers[0] * 0.95, numbers[-1] * 1.05)
    _head(figure, f"{title}: {chosen} clusters")
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
        In which the clusters stand; None is that of their numbers.
    """
    table = np.zeros((len(class_names), len(cluster_names)), dtype=int)
    np.add.at(table, (classes, clusters), 1)
    order = np.arange(len(cluster_names)) if order is None else order
    table, cluster_names = table[:, order], [short(cluster_names[i], 24) for i in order]
    class_names = [short(name, 32) for name in class_names]
    cell, margin = 0.45, 0.09  # inches of a cell, and of a letter beside it
    width = cell * table.shape[1] + margin * max(map(len, class_names)) + 1.2
    height = cell * table.shape[0] + 0.7 * margin * max(map(len, cluster_names)) + 1.5
    figure = Figure(figsize=(max(4, width), height), layout="constrained")
    axes = figure.subplots()
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        if count:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", size=7, color=color)
    axes.set_xticks(range(len(cluster_names)), cluster_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set(xlabel="cluster: name", ylabel="true class")
    axes.spines[:].set_visible(False)
    _head(figure, title)
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
        row[0].set_ylabel(short(names[group], 32), rotation=0, ha="right", va="center")
    axes[0, 0].set_title("most typical", size=10)
    axes[0, 1].set_title("least certain", size=10)
    _head(figure, title)
    figure.savefig(path, dpi=150)


def _profiles(data, groups, present, path, *, names, title, n_features=30):
    means = np.stack([data.x[groups == group].mean(axis=0) for group in present])
    deviation = data.x.std(axis=0)
    profile = (means - data.x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    shown = np.sort(np.argsort(-profile.std(axis=0), kind="stable")[:n_features])
    features = data.feature_names or [f"feature {i}" for i in range(data.x.shape[1])]
    rows = [f"{short(names[g], 32)} ({np.sum(groups == g):,})" for g in present]
    columns = [short(features[i], 40) for i in shown]
    width = max(4, 0.35 * len(shown) + 1.5 + 0.09 * max(map(len, rows)))
    figsize = (width, 0.35 * len(present) + 1.5 + 0.09 * max(map(len, columns)))
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    limit = float(np.abs(profile).max())
    drawn = axes.imshow(profile[:, shown], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(shown)), columns, rotation=90, size=8)
    axes.set_yticks(range(len(present)), rows)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn)
    what = "mean of each cluster, in standard deviations from that of all"
    axes.set_title(_wrapped(what, int(11 * width) - 12), size=10)
    _head(figure, title)
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
    """RGBA colours, shape (n, 4): ten that colour-blind people can tell apart (Petroff 2021), then other ones.

    The first of many are those of few. Each beyond ten is the colour that is furthest from all before it, and from the
    white behind them, in OKLab (Ottosson 2020), in which distances are about those that people see.
    """
    colors = matplotlib.colors.to_rgba_array(matplotlib.color_sequences["petroff10"])
    if n > len(colors):
        steps = np.linspace(0, 1, 12)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        seen = _oklab(grid)
        is_clear = (0.25 < seen[:, 0]) & (seen[:, 0] < 0.85)
        grid, seen = grid[is_clear], seen[is_clear]
        distance = np.min([np.linalg.norm(seen - color, axis=1) for color in _oklab(colors[:, :3])], axis=0)
        while len(colors) < n:
            furthest = distance.argmax()
            colors = np.vstack([colors, [*grid[furthest], 1]])
            distance = np.minimum(distance, np.linalg.norm(seen - seen[furthest], axis=1))
    return colors[:n]


def _oklab(rgb):
    """sRGB, shape (n, 3), as lightness and two opponent colours."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.transpose(to_cones)) @ np.transpose(to_lab)


def short(name, most=28):
    """A name of at most so many characters, with a mark in the place of what is left out."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def _wrapped(text, width):
    """The lines of a text, broken between words where they are longer than so many characters."""
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, width))


def _head(figure, title, **settings):
    """The title of a finished figure, in lines that fit into it."""
    figure.suptitle(_wrapped(title, int(7 * figure.get_figwidth())), size=13, **settings)


def _legend(axes, colors, names, title=None):
    """What the colours mean, beside the axes, of many groups in several columns."""
    handles = [Line2D([], [], marker="o", linestyle="", color=color, label=name) for color, name in zip(colors, names)]
    n_columns = math.ceil(len(names) / LEGEND_ROWS)
    most = 28 if n_columns == 1 else 14
    for handle in handles:
        handle.set_label(short(handle.get_label(), most))
    look = {"ncols": n_columns, "frameon": False, "title": title, "columnspacing": 1.0, "handletextpad": 0.3}
    axes.legend(
        handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=10 if n_columns == 1 else 8, **look
    )
