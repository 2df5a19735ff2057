"""Pictures of clusters: their members, what sets them apart, and a dendrogram."""

import math

import numpy as np
from matplotlib.figure import Figure

from ..readers.samples import printable, shortened
from ..visualize import as_picture, head, in_lines, longest, plain_text, wrapped
from . import photographs
from .profiles import members_of, special_of

N_BARS = 5  # features, or words, of each cluster
LEAST = 0.25  # standard deviations from which on the number is written
PHOTOGRAPH = 96  # pixels of the longer side of a photograph
COLUMNS = 4  # clusters side by side


@plain_text
def members(data, groups, path, *, names, confidence, title, n_members=10):
    """Draw members of each cluster, or its means, and write them as a PNG.

    Of texts the words of each cluster, and its most typical texts. Of images the mean of each cluster, its most typical
    members, the medoid first, and the least certain ones. Of a table each cluster's mean of the features that differ
    most between the clusters.

    Parameters
    ----------
    data : samples.Dataset
    groups : ndarray of int, shape (n_samples,)
        Index into `names`.
    path : path-like
    names : sequence of str
    confidence : ndarray of float, shape (n_samples,)
    title : str
    n_members : int
    """
    present = [group for group in range(len(names)) if np.any(groups == group)]
    if data.documents is not None:
        return _draw_texts(data, groups, present, path, names=names, title=title)
    if data.is_table:
        return _draw_means(data, groups, present, path, names=names, title=title)
    typical = members_of(data, groups, len(names), n_members)
    unsure = {}
    for group in present:
        inside = np.flatnonzero(groups == group)
        unsure[group] = inside[np.argsort(confidence[inside], kind="stable")[:n_members]]
    place = np.arange(len(data.x))
    columns = [("mean", 1)] * (data.pictures is None) + [("most typical", n_members), ("least certain", n_members)]
    if data.pictures is not None:  # of all others no pixel is read; their mean would be a blur
        shown = np.unique(np.concatenate([rows for group in present for rows in (typical[group], unsure[group])]))
        place[shown.astype(int)] = np.arange(len(shown))
        data = photographs.small(data, shown.astype(int), side=PHOTOGRAPH)
    height, width = data.image_shape[-2:]
    low, high = data.x.min(), data.x.max()
    wide = sum(n for _, n in columns)
    figure = Figure(figsize=(wide * 0.5 + 2, len(present) * 0.5 * height / width + 1.2), layout="constrained")
    axes = figure.subplots(len(present), len(columns), squeeze=False, width_ratios=[n for _, n in columns])
    for row, group in zip(axes, present):
        parts = [data.x[place[typical[group]]], data.x[place[unsure[group]]]]
        if len(columns) == 3:
            parts.insert(0, [data.x[np.flatnonzero(groups == group)].mean(axis=0, dtype=np.float64)])
        for axis, images, (_, n) in zip(row, parts, columns):
            strip = _strip([as_picture(image, data.image_shape, low, high) for image in images], n)
            axis.imshow(strip, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(in_lines(names[group]), rotation=0, ha="right", va="center", size=9)
    for axis, (what, _) in zip(axes[0], columns):
        axis.set_title(what, size=10)
    head(figure, title)
    figure.savefig(path, dpi=150)


def _strip(pictures, n):
    """Join pictures side by side, with a white line between each two, to the width of n of them."""
    pictures = pictures + [np.full_like(pictures[0], 255)] * (n - len(pictures))
    gap = np.full_like(pictures[0][:, : max(1, pictures[0].shape[1] // 28)], 255)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _draw_texts(data, groups, present, path, *, names, title, n_texts=3, most=110):
    """Draw the words of each cluster, and the beginnings of its most typical texts."""
    _, terms = special_of(data, groups, len(names))
    typical = members_of(data, groups, len(names), n_texts)
    figure = Figure(figsize=(9, 0.165 * (n_texts + 2) * len(present) + 0.9), layout="constrained")
    axes = figure.subplots(len(present), squeeze=False).ravel()
    for axis, group in zip(axes, present):
        words = " ".join(terms.loc[terms["cluster"] == group, "term"].head(N_BARS))
        texts = [printable(data.documents[i]) or "(empty)" for i in typical[group]]
        texts = [text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}" for text in texts]
        caption = f"{shortened(names[group], 52)} ({np.sum(groups == group):,})" + f": {words}" * bool(words)
        axis.text(0, 1, caption, va="top", size=9, weight="bold", transform=axis.transAxes)
        axis.text(0.02, 0.74, "\n".join(texts), va="top", size=8, transform=axis.transAxes)
        axis.set_axis_off()
    head(figure, title)
    figure.savefig(path, dpi=150)


def _draw_means(data, groups, present, path, *, names, title, n_features=30):
    means = np.stack([data.x[groups == group].mean(axis=0) for group in present])
    deviation = data.x.std(axis=0)
    profile = (means - data.x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    shown = np.sort(np.argsort(-profile.std(axis=0), kind="stable")[:n_features])
    profile = profile[:, shown]
    features = data.feature_names or [f"feature {i}" for i in range(data.x.shape[1])]
    rows = [in_lines(f"{shortened(names[g], 52)}: {np.sum(groups == g):,}") for g in present]
    columns = [shortened(features[i], 40) for i in shown]
    width = max(4, 0.35 * len(shown) + 1.5 + 0.08 * longest(rows))
    figsize = (width, 0.35 * len(present) + 1.5 + 0.09 * longest(columns))
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    limit = float(np.abs(profile).max())
    drawn = axes.imshow(profile, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(profile):  # in grey, the colours of high and low are the same
        if abs(value) >= LEAST:
            color = "white" if abs(value) > 0.6 * limit else "black"
            axes.text(column, row, f"{value:+.1f}", ha="center", va="center", size=6, color=color)
    axes.set_xticks(range(len(shown)), columns, rotation=90, size=8)
    axes.set_yticks(range(len(present)), rows, size=8)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn)
    what = "mean of each cluster, in standard deviations from that of all"
    axes.set_title(wrapped(what, int(11 * width) - 12), size=10)
    head(figure, title)
    figure.savefig(path, dpi=150)


@plain_text
def apart(features, terms, names, path, *, title):
    """Draw the features or words that set each cluster apart, and write them as a PNG.

    Parameters
    ----------
    features, terms : pandas.DataFrame
        See `profiles.special_of`. Of features a bar is Cliff's delta, -1 to 1, beside the medians in the cluster and in
        the rest; of words it is the share of the cluster's samples that have it.
    names : sequence of str
        Of the clusters.
    path : path-like
    title : str
    """
    n_columns = min(COLUMNS, len(names))
    n_rows = math.ceil(len(names) / n_columns)
    figure = Figure(figsize=(4.2 * n_columns, 1.75 * n_rows + 0.9), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for cluster, (axis, name) in enumerate(zip(axes, names)):
        bars = _bars(features[features["cluster"] == cluster], terms[terms["cluster"] == cluster])
        axis.barh(range(len(bars)), [value for _, value, _ in bars], color="0.8", height=0.8)
        axis.axvline(0, color="black", linewidth=0.8)
        for i, (what, value, numbers) in enumerate(bars):
            sides = ("right", "left") if value > 0 else ("left", "right")  # the bar is on one, the name on the other
            for text, side in zip((what, numbers), sides):
                axis.text(-0.03 if side == "right" else 0.03, i, text, ha=side, va="center", size=7)
        axis.set(xlim=(-1.05, 1.05), ylim=(N_BARS - 0.4, -0.6), xticks=[-1, 0, 1], yticks=[])
        axis.tick_params(labelsize=7)
        axis.set_title(in_lines(name), size=9)
        axis.spines[["top", "right", "left"]].set_visible(False)
    what = "share of samples that have the word, and of the rest"
    if len(features):
        what = "Cliff's delta (1: all above the rest, -1: all below), and the medians in the cluster and the rest"
    figure.supxlabel(wrapped(what, int(14 * figure.get_figwidth())), size=9)
    head(figure, title)
    figure.savefig(path, dpi=150)


def _bars(features, terms):
    """Return the bars of a cluster: their names, lengths and numbers in words."""
    bars = []
    for row in features.sort_values("told", ascending=False, kind="stable").head(N_BARS).itertuples():
        inside, outside = (f"{x:.0%}" if row.is_binary else _format_number(x) for x in (row.inside, row.outside))
        bars.append((shortened(" ".join(row.feature.split()), 34), row.effect, f"{inside}, rest {outside}"))
    if not bars:
        for row in terms.head(N_BARS).itertuples():
            bars.append((shortened(row.term, 34), row.inside, f"{row.inside:.0%}, rest {row.outside:.0%}"))
    return bars


def _format_number(x):
    return f"{x:,.0f}" if abs(x) >= 1e4 else f"{x:.4g}"


@plain_text
def dendrogram(linkage, names, sizes, path, *, title):
    """Draw the dendrogram of the clusters, and write it as a PNG.

    Parameters
    ----------
    linkage : ndarray of float, shape (n_clusters - 1, 4)
        See `hierarchy.merges`; its heights are logarithms.
    names : sequence of str
    sizes : ndarray of int, shape (n_clusters,)
        Samples, written behind the names.
    path : path-like
    title : str
    """
    from scipy.cluster.hierarchy import dendrogram

    labels = [in_lines(f"{shortened(name, 52)}: {size:,}") for name, size in zip(names, sizes)]
    figure = Figure(figsize=(5 + 0.08 * longest(labels), 0.3 * len(names) + 1.3), layout="constrained")
    axes = figure.subplots()
    look = {"color_threshold": 0, "above_threshold_color": "black"}
    drawn = dendrogram(linkage, orientation="left", ax=axes, no_labels=True, **look)
    axes.set_yticks(10 * np.arange(len(names)) + 5, [labels[i] for i in drawn["leaves"]], size=8)
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("log10(1 + how many times less than by chance the two are linked)", size=8)
    axes.spines[["top", "left", "right"]].set_visible(False)
    head(figure, title)
    figure.savefig(path, dpi=150)
