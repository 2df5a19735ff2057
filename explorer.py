"""A page to explore a map: one HTML file, for any browser."""

import base64
import html
import io
import json
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from n2d.samples import FORMULA
from n2d.visualize import as_picture, palette, plane

PAGE = Path(__file__).resolve().parent / "page"  # its HTML, its looks and what it does
STEPS = (0, 0.3, 0.5, 0.7, 0.9)  # of confidence, each with a colour of its own


def explore(data, embedding, clusters, path, *, confidence, title, max_points=10_000, seed=0):
    """Write a map to explore in a browser, one HTML file that needs no network.

    Points can be coloured by cluster, true class or confidence, and the legend hides what it shows; a card shows the
    image under the pointer, or the features of it that are furthest from their mean; what a box or a lasso selects is
    listed, and saved as CSV, with the columns of `clusters.csv`.

    Parameters
    ----------
    data, embedding, confidence, title
        See `visualize.members`.
    clusters : naming.Clusters
    path : path-like
    max_points : int
        A random sample of this size is shown if there are more points.
    seed : int
        Of the sample.
    """
    from bokeh import embed, resources

    order = np.random.default_rng(seed).permutation(len(embedding))[:max_points]
    points = plane(embedding)[0][order].astype(np.float32)
    columns = _columns(data, clusters, confidence, order)
    some = f"{len(order):,} of {len(embedding):,}" if len(order) < len(embedding) else f"{len(order):,}"
    limits = [_with_margin(coordinate) for coordinate in points.T]
    about = {
        "title": title,
        "points": f"{some} points",
        "columns": list(columns),
        "colourings": _colourings(data, clusters, confidence, order),
        "formula": FORMULA,
        "x": limits[0],
        "y": limits[1],
    }
    document = _document(
        {**columns, "x": points[:, 0], "y": points[:, 1], "card": _cards(data, order)}, limits, columns
    )
    page = {
        "css": (PAGE / "explore.css").read_text(encoding="utf-8"),
        "js": (PAGE / "explore.js").read_text(encoding="utf-8"),
        "about": json.dumps(about).replace("<", "\\u003c"),  # a name may look like the end of the script
    }
    template = (PAGE / "explore.html").read_text(encoding="utf-8")
    text = embed.file_html(document, resources.INLINE, title, template=template, template_variables=page)
    Path(path).write_text(text, encoding="utf-8")


def _columns(data, clusters, confidence, order):
    """What is known of the points shown, by the names that it has in clusters.csv."""
    columns = {"index": order, "cluster": clusters.labels[order]}
    if clusters.names is not None:
        columns["cluster_name"] = np.array(clusters.names)[columns["cluster"]]
    columns["confidence"] = confidence[order].round(4)
    if data.y is not None:
        columns["label"] = np.array([*data.label_names, ""])[data.y[order]]  # unknown is -1
    if data.sample_names is not None:
        columns["name"] = np.array(data.sample_names)[order]
    return columns


def _colourings(data, clusters, confidence, order):
    """By what points can be coloured: the group of each point, and the name and colour of each group."""
    steps = np.searchsorted(STEPS, confidence[order], side="right") - 1
    above = [f"{low:g} to {high:g}" for low, high in zip(STEPS, (*STEPS[1:], 1))]
    viridis = matplotlib.colormaps["viridis_r"](np.linspace(0, 1, len(STEPS)))  # the uncertain ones stand out
    what = "cluster" if clusters.names is None else "cluster: name"
    found = {
        "cluster": (what, clusters.labels[order], clusters.captions, clusters.colors),
        "confidence": ("confidence", steps.clip(0), above, viridis),
    }
    if data.y is not None:
        groups, names = data.groups
        found["label"] = ("true class", groups[order], names, palette(len(names)))
    return {
        key: {
            "title": title,
            "groups": groups.tolist(),
            "entries": [{"name": str(name), "color": to_hex(color)} for name, color in zip(names, colors)],
        }
        for key, (title, groups, names, colors) in found.items()
    }


def _with_margin(coordinates):
    """Where an axis begins and ends."""
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _document(columns, limits, shown):
    """Bokeh's part: the points, a ring around the one that is shown, and a card under the pointer."""
    from bokeh import models, plotting
    from bokeh.document import Document

    points = models.ColumnDataSource({**columns, "color": ["gray"] * len(columns["x"])})
    ring = models.ColumnDataSource({"x": [], "y": []})
    visible = models.BooleanFilter(booleans=[True] * len(columns["x"]))
    tools = {"pan": models.PanTool(), "box": models.BoxSelectTool(), "lasso": models.LassoSelectTool()}
    wheel = models.WheelZoomTool()
    plot = plotting.figure(
        name="map",
        x_range=limits[0],
        y_range=limits[1],
        sizing_mode="stretch_both",
        output_backend="webgl",
        toolbar_location=None,
        tools=[*tools.values(), wheel, models.TapTool()],
        active_drag=tools["pan"],
        active_scroll=wheel,
    )
    plot.axis.visible = plot.grid.visible = False
    plot.outline_line_color = None
    look = {"line_color": None, "fill_alpha": 0.7, "nonselection_fill_alpha": 0.25}
    marked = {"selection_fill_alpha": 1.0, "selection_line_color": "black"}
    view = models.CDSView(filter=visible)
    size = 6 if len(columns["x"]) > 500 else 9
    dots = plot.scatter("x", "y", source=points, view=view, size=size, fill_color="color", **look, **marked)
    plot.scatter("x", "y", source=ring, size=20, fill_color=None, line_color="black", line_width=3)
    card = "<br>".join(["@card{safe}", *(f"{name} <b>@{name}</b>" for name in shown)])
    plot.add_tools(models.HoverTool(tooltips=f'<div class="card">{card}</div>', renderers=[dots], limit=1))
    document = Document()
    document.add_root(plot)
    parts = {"plot": plot, "points": points, "visible": visible, "ring": ring, **tools}
    start = "explore({plot, points, visible, ring, tools: {pan, box, lasso}})"
    document.js_on_event("document_ready", models.CustomJS(args=parts, code=start))
    return document


def _cards(data, order, side=64):
    """What is shown of each point under the pointer: its image, or the five features furthest from their mean."""
    from PIL import Image

    if data.image_shape is not None:
        low, high = data.x.min(), data.x.max()
        cards = []
        for i in order:
            picture = Image.fromarray(as_picture(data.x[i], data.image_shape, low, high))
            picture.thumbnail((side, side))
            file = io.BytesIO()
            picture.save(file, "png")
            code = base64.b64encode(file.getvalue()).decode()
            look = "height:84px;image-rendering:pixelated"
            cards.append(f'<img alt="sample {i}" src="data:image/png;base64,{code}" style="{look}">')
        return cards
    names = data.feature_names or [f"feature {i}" for i in range(data.x.shape[1])]
    deviation = data.x.std(axis=0)
    z = (data.x[order] - data.x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    most = np.argsort(-np.abs(z), axis=1)[:, :5]
    return [
        "<br>".join(f"{html.escape(names[j])} {data.x[i, j]:.4g} ({row[j]:+.1f}&sigma;)" for j in features)
        for i, row, features in zip(order, z, most)
    ]
