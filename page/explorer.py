"""Write the page to explore a map: one HTML file, for any browser, that needs no network."""

import base64
import gzip
import hashlib
import html
import json
import string
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from ..readers.samples import FORMULA
from ..visualize import plane
from . import beside, photographs, thumbnails
from . import layers as clusterings
from .colors import palette

PAGE = Path(__file__).resolve().parent  # folder of the page's HTML, CSS and JavaScript
SCRIPTS = (  # each comes after those that it needs
    "unpack.js",
    "parts.js",
    "map.js",
    "corrections.js",
    "layers.js",
    "columns.js",
    "describe.js",
    "points.js",
    "filters.js",
    "colours.js",
    "clusters.js",
    "split.js",
    "tree.js",
    "point.js",
    "selection.js",
    "search.js",
    "picture.js",
    "explore.js",
)
MAX_POINTS = 100_000
N_NEIGHBORS = 10
N_COLORS = 30  # of words in a column, and of clusters that a person adds
N_TELLING = 5  # features of a point that are furthest from their mean
FEATURES = (24, 256)  # number of features that all points have on the page, at least and at most
VALUES = 2_400_000  # values of these features, for all points together
SHORTEST, LONGEST = 200, 2_000  # characters of a text on the page, at most: of many texts, and of few
CHARACTERS = 20_000_000  # of all texts together
NUMBERS = 4_000_000  # numbers of the data that are processed together


class Page:
    """A page as HTML text, which a notebook shows in place.

    Attributes
    ----------
    text : str
        All of its HTML.
    """

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        """Return what a terminal shows."""
        return f"Page of {len(self.text):,} characters: .save(path) keeps it"

    def _repr_html_(self):
        """Return what a notebook shows: the page in a frame."""
        look = "width:100%;height:820px;border:1px solid #8888"
        return f'<iframe srcdoc="{html.escape(self.text)}" style="{look}" title="Map of the clusters"></iframe>'

    def save(self, path):
        """Write the page to a file, to be opened in a browser."""
        Path(path).write_text(self.text, encoding="utf-8")


def explore(data, embedding, clusters, path, **shown):
    """Write the page to a file; the other arguments are those of `page`."""
    page(data, embedding, clusters, **shown).save(path)


def page(
    data,
    embedding,
    clusters,
    *,
    confidence,
    title,
    profile,
    outlier=None,
    neighbors=None,
    corrections=None,
    layers=(),
    reason=None,
    halves=None,
    max_points=MAX_POINTS,
    seed=0,
):
    """Build the page with a map to explore in a browser.

    Points can be coloured by cluster, true class, confidence or outlier score. The clusters are listed with typical
    members and what is special about them, can be shown alone, renamed, merged and marked. What a box, a lasso, a
    search or a click selects is shown, as images or as features beside those of all points, and saved as CSV with the
    columns of `clusters.csv`. Corrections are saved as a JSON file, which `corrections_file` reads. With layers, one
    control switches between the clusterings, and a tree says which clusters of the one are in which of the other.

    Parameters
    ----------
    data, embedding, confidence, title
        See `portraits.members`; the embedding has a row a sample.
    clusters : naming.Clusters
    profile : pandas.DataFrame
        A row a cluster, with `description` and `members`, row numbers of typical samples, the most typical one first:
        see `profiles.profile`.
    outlier : ndarray of float, shape (n_samples,), or None
        Outlier scores, 0 to 1: close to 1 if a sample is much farther from its neighbours than they are from theirs.
    neighbors : ndarray of int, shape (n_samples, n_neighbors), or None
        The nearest samples of each, -1 where there are fewer; see `nearest_samples`.
    corrections : dict or None
        Corrections applied to the clusters, as in the file that the page saves: `names`, `merged`, `marked`, `moved`,
        `outliers` and `split`.
    layers : sequence of dict
        The samples in other numbers of clusters, see `pipeline.N2D.alternatives_`.
    reason : str or None
        Why the clusters are as many as they are, if there is a reason.
    halves : ndarray of int8, shape (n_samples,), or None
        In which part of the best division in two of its cluster each sample is: 0 the larger part, 1 the smaller, -1
        where the cluster is not divided.
    max_points : int
        A random sample of this size is shown if there are more points.
    seed : int
        Seed of the random sample.

    Returns
    -------
    Page
    """
    points = plane(embedding)[0]
    layers = clusterings.together(data, clusters, profile, halves, layers, reason)
    members = [rows for layer in layers for rows in layer["profile"]["members"]]
    order = _shown(len(points), members, max_points, seed)
    place = np.full(len(points), -1, np.int32)
    place[order] = np.arange(len(order))
    arrays = {
        "x": points[order, 0].astype(np.float32),
        "y": points[order, 1].astype(np.float32),
        "confidence": np.rint(10_000 * confidence[order]).astype(np.uint16),
    }
    of_layers, found = clusterings.packed(layers, order, place)
    arrays |= found
    if len(order) < len(points):
        arrays["index"] = order.astype(np.uint32)
    if outlier is not None:
        arrays["outlier"] = np.rint(10_000 * np.clip(outlier[order], 0, 1)).astype(np.uint16)
    if neighbors is not None:
        near = neighbors[order, :N_NEIGHBORS]
        arrays["neighbors"] = np.where(near < 0, -1, place[near]).astype(np.int32)
    about = {
        "title": title,
        "n_samples": len(points),
        "n_points": len(order),
        "formula": FORMULA,
        "layers": of_layers,
        "colors": [to_hex(color) for color in palette(N_COLORS)],
        "corrections": corrections,
    }
    if data.y is not None:
        groups, names = data.groups
        arrays["label"] = groups[order].astype(np.uint16)
        about["classes"] = [{"name": str(n), "color": to_hex(c)} for n, c in zip(names, palette(len(names)))]
        about["n_known"] = len(data.label_names)
    if data.sample_names is not None:
        about["names"] = [str(data.sample_names[i]) for i in order]
    about["beside"], columns = beside.packed(data.beside, order)
    arrays |= columns
    sheets = []
    if data.pictures is not None:
        about["images"], sheets = thumbnails.sheets(photographs.small(data, order), np.arange(len(order)))
    elif data.image_shape is not None:
        about["images"], sheets = thumbnails.sheets(data, order)
    elif data.documents is not None:
        about["texts"] = _texts(data.documents, order)
    else:
        about["features"], of_features = _features(data, clusters.labels, order)
        arrays |= of_features
    return Page(_filled(title, about, arrays, sheets))


def found_by(model):
    """Return what the page shows of a fitted model, pipeline.N2D: a dict of arguments of `page`."""
    scan = getattr(model, "scan_", None) or ()
    return {
        "confidence": model.confidence_,
        "outlier": model.outlier_,
        "neighbors": nearest_samples(model),
        "layers": getattr(model, "alternatives_", ()),  # a model that was saved has none
        "reason": next((row["plausible"] for row in scan if row["n_clusters"] == model.n_clusters_), None),
        "halves": getattr(model, "halves_", None),
    }


def nearest_samples(model):
    """Return the nearest samples of each sample of a fitted model.

    Parameters
    ----------
    model : pipeline.N2D

    Returns
    -------
    ndarray of int, shape (n_samples, 10), or None
        The nearest first; -1 where there are fewer, and of samples that the fit left out. None without UMAP.
    """
    if model.knn_ is None:
        return None
    sample = np.arange(len(model.labels_))[model.sample_]
    near = model.knn_[0][:, 1 : N_NEIGHBORS + 1]
    nearest = np.full((len(model.labels_), N_NEIGHBORS), -1)
    nearest[sample, : near.shape[1]] = sample[near]
    return nearest


def _shown(n_samples, members, max_points, seed):
    """Choose the points on the page: return sorted row numbers of all, or of typical ones and others at random."""
    if n_samples <= max_points:
        return np.arange(n_samples)
    first = np.unique(np.concatenate(members).astype(int))[:max_points]
    others = np.setdiff1d(np.random.default_rng(seed).permutation(n_samples)[:max_points], first, assume_unique=True)
    return np.sort(np.concatenate([first, others[: max_points - len(first)]]))


def _texts(documents, order):
    """Return the texts of the points, the ends of long ones cut off."""
    most = max(SHORTEST, min(LONGEST, CHARACTERS // len(order)))
    return [
        text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
        for text in map(str, (documents[i] for i in order))
    ]


def _features(data, labels, order):
    """Return the features that tell the clusters apart, and, of wide tables, the most extreme ones of each point."""
    n_features = data.x.shape[1]
    mean = data.x.mean(axis=0, dtype=np.float64)
    deviation = data.x.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1
    means = np.stack([data.x[labels == i].mean(axis=0, dtype=np.float64) for i in np.unique(labels)])
    apart = np.argsort(-((means - mean) / deviation).std(axis=0), kind="stable")
    low, high = FEATURES
    common = apart[: int(np.clip(VALUES // len(order), low, high))]
    arrays = {"values": data.x[np.ix_(order, common)].astype(np.float32)}
    if n_features > len(common):
        telling = np.empty((len(order), N_TELLING), np.uint32)
        step = max(1, NUMBERS // n_features)
        for start in range(0, len(order), step):
            z = np.abs(data.x[order[start : start + step]] - mean) / deviation
            telling[start : start + step] = np.argsort(-z, axis=1)[:, :N_TELLING]
        arrays["telling"] = telling
        arrays["telling_values"] = data.x[order[:, None], telling].astype(np.float32)
    names = data.feature_names or [f"feature {i}" for i in range(n_features)]
    known = np.union1d(common, arrays.get("telling", [])).astype(int)  # of 20,000 genes some are never shown
    if "telling" in arrays:
        arrays["telling"] = np.searchsorted(known, arrays["telling"]).astype(np.uint32)
    about = {
        "n_features": n_features,
        "is_named": data.feature_names is not None,
        "common": np.searchsorted(known, common).tolist(),
        "names": [str(names[i]) for i in known],
        "mean": [float(f"{mean[i]:.6g}") for i in known],
        "deviation": [float(f"{deviation[i]:.6g}") for i in known],
    }
    return about, arrays


def _filled(title, about, arrays, sheets):
    """Fill in the HTML template; names from the data occur only in the packed data, and escaped in the title."""
    script = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = [_packed(about, arrays), *sheets]
    blocks = (f'<script type="text/plain" class="data">{base64.b64encode(part).decode()}</script>' for part in data)
    template = string.Template((PAGE / "explore.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        css=(PAGE / "explore.css").read_text(encoding="utf-8"),
        js=script,
        hash=hashed,
        data="\n".join(blocks),
    )


def _packed(about, arrays):
    """Pack into gzip: the length of a JSON header, the header, and arrays, each at a multiple of 8 bytes from there."""
    parts, at, header = [], 0, {**about, "arrays": {}}
    for name, array in arrays.items():
        header["arrays"][name] = {"type": array.dtype.name, "at": at, "length": array.size}
        parts.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
        parts.append(b"\0" * (-len(parts[-1]) % 8))
        at += len(parts[-2]) + len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return gzip.compress(len(text).to_bytes(4, "little") + text + b"".join(parts), compresslevel=6, mtime=0)
