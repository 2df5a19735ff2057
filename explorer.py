"""A page to explore a map: one HTML file, for any browser."""

import base64
import html
import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from n2d.samples import FORMULA
from n2d.visualize import as_picture, palette, plane

PAGE_SCRIPTS = {
    "colour": """
        source.data.color = source.data['color_' + select.value];
        source.change.emit();
        key.text = keys[select.value];
    """,
    "select": """
        const indices = source.selected.indices;
        const rows = {};
        for (const name of Object.keys(chosen.data)) rows[name] = indices.map(i => source.data[name][i]);
        chosen.data = rows;
        count.text = indices.length + ' points selected';
    """,
    "save": """
        const names = Object.keys(chosen.data);
        const isFormula = value => new RegExp('^' + formula).test(value) && isNaN(value);
        const quote = value => '"' + (isFormula(value) ? "'" : '') + String(value).replaceAll('"', '""') + '"';
        const lines = [names.join(',')];
        for (let i = 0; i < chosen.data.index.length; i++) {
            lines.push(names.map(name => quote(chosen.data[name][i])).join(','));
        }
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([lines.join('\\n') + '\\n'], {type: 'text/csv'}));
        link.download = 'selection.csv';
        link.click();
    """,
}


def explore(data, embedding, groups, path, *, names, confidence, title, max_points=10_000, seed=0):
    """Write a map to explore in a browser, one HTML file that needs no network.

    Points can be coloured by cluster, true class or confidence; a card shows the image under the pointer, or the
    features of it that are furthest from their mean; clusters hide with a click into the legend; what a box or a lasso
    selects is listed, and saved as CSV.

    Parameters
    ----------
    data, embedding, groups, names, confidence, title
        See `visualize.members`.
    path : path-like
    max_points : int
        A random sample of this size is shown if there are more points.
    seed : int
        Of the sample.
    """
    from bokeh import embed, layouts, models, resources

    order = np.random.default_rng(seed).permutation(len(embedding))[:max_points]
    points = plane(embedding)[0][order].astype(np.float32)
    columns, colors, keys = _columns(data, groups, names, confidence, order)
    hexes = {f"color_{name}": [to_hex(color) for color in rgba] for name, rgba in colors.items()}
    place = {"x": points[:, 0], "y": points[:, 1], "color": hexes["color_cluster"], "card": _cards(data, order)}
    source = models.ColumnDataSource({**columns, **hexes, **place})
    some = f"{len(order):,} of {len(embedding):,}" if len(order) < len(embedding) else f"{len(order):,}"
    present = [names[group] for group in np.unique(groups[order])]
    page = layouts.row(_map(source, present, columns, f"{title}: {some} points"), _controls(source, columns, keys))
    Path(path).write_text(embed.file_html(page, resources.INLINE, title), encoding="utf-8")


def _columns(data, groups, names, confidence, order):
    """By name: what is known of the points shown, the colours that they can have, and what the colours mean."""
    viridis = matplotlib.colormaps["viridis_r"]  # the uncertain ones stand out
    columns = {"index": order, "cluster": np.array(names)[groups[order]], "confidence": confidence[order].round(4)}
    colors = {"cluster": palette(len(names))[groups[order]], "confidence": viridis(confidence[order])}
    keys = {"cluster": "", "confidence": _swatches(("0", "0.5", "1"), viridis([0, 0.5, 1.0]))}
    if data.y is not None:
        columns["class"] = np.array(data.label_names)[data.y[order]]
        colors["class"] = palette(len(data.label_names))[data.y[order]]
        keys["class"] = _swatches(data.label_names, palette(len(data.label_names)))
    if data.sample_names is not None:
        columns["name"] = np.array(data.sample_names)[order]
    return columns, colors, keys


def _map(source, clusters, columns, title):
    """The plot: clusters that hide with a click into the legend, and a card under the pointer."""
    from bokeh import models, plotting

    tools = "pan,wheel_zoom,box_select,lasso_select,tap,reset,save"
    plot = plotting.figure(width=900, height=700, output_backend="webgl", tools=tools, active_scroll="wheel_zoom")
    plot.title.text = title
    plot.axis.visible = plot.grid.visible = False
    for cluster in clusters:
        view = models.CDSView(filter=models.GroupFilter(column_name="cluster", group=cluster))
        look = {"color": "color", "alpha": 0.7, "nonselection_alpha": 0.1, "legend_label": cluster}
        plot.scatter("x", "y", source=source, view=view, size=5, **look)
    plot.add_layout(plot.legend[0], "right")
    plot.legend.click_policy = "hide"
    card = "<br>".join(["@card{safe}", *(f"{name} <b>@{name}</b>" for name in columns)])
    plot.add_tools(models.HoverTool(tooltips=f'<div class="card">{card}</div>', limit=1))
    return plot


def _controls(source, columns, keys):
    """Beside the plot: the choice of colours and their meaning, and the selected points."""
    from bokeh import layouts, models

    select = models.Select(title="Colour", value="cluster", options=list(keys), width=200)
    key, count = models.Div(text=""), models.Div(text="0 points selected: draw a box or a lasso")
    chosen = models.ColumnDataSource({name: [] for name in columns})
    titles = [models.TableColumn(field=name, title=name) for name in columns]
    listing = models.DataTable(source=chosen, columns=titles, width=420, height=480, index_position=None)
    button = models.Button(label="Save the selection as CSV", width=200)
    args = {"source": source, "select": select, "key": key, "keys": keys, "chosen": chosen, "count": count}
    args["formula"] = FORMULA
    scripts = {name: models.CustomJS(args=args, code=code) for name, code in PAGE_SCRIPTS.items()}
    select.js_on_change("value", scripts["colour"])
    source.selected.js_on_change("indices", scripts["select"])
    button.js_on_click(scripts["save"])
    return layouts.column(select, key, count, listing, button)


def _swatches(names, colors):
    return " ".join(
        f'<span style="color:{to_hex(color)}">&#9679;</span>&nbsp;{html.escape(str(name))}'
        for name, color in zip(names, colors)
    )


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
            cards.append(f'<img src="data:image/png;base64,{code}" style="height:84px;image-rendering:pixelated">')
        return cards
    names = data.feature_names or [f"feature {i}" for i in range(data.x.shape[1])]
    deviation = data.x.std(axis=0)
    z = (data.x[order] - data.x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    most = np.argsort(-np.abs(z), axis=1)[:, :5]
    return [
        "<br>".join(f"{html.escape(names[j])} {data.x[i, j]:.4g} ({row[j]:+.1f}&sigma;)" for j in features)
        for i, row, features in zip(order, z, most)
    ]
