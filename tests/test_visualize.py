import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from n2d import visualize
from n2d.page import colors


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, for inspection."""
    kept = []
    monkeypatch.setattr(visualize, "Figure", lambda **settings: kept.append(Figure(**settings)) or kept[-1])
    return kept


@pytest.fixture(scope="module")
def embedding():
    return np.random.default_rng(0).normal(size=(300, 2))


def test_every_point_every_name_and_the_title_are_in_the_picture(embedding, tmp_path, figures):
    groups = np.arange(300) % 3
    path = tmp_path / "map.png"
    visualize.scatter(embedding, groups, ["ant", "bee", "cow"], path, title="Insects?", subtitle="ACC 0.5")
    axes = figures[0].axes[0]
    assert sorted(map(tuple, axes.collections[0].get_offsets())) == sorted(map(tuple, embedding))
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"ant", "bee", "cow"}
    assert {text.get_text() for text in axes.texts} == {"ant", "bee", "cow"}
    assert figures[0].get_suptitle() == "Insects?"
    assert axes.get_title() == "ACC 0.5"
    assert imread(path).shape[0] > 800


def test_colour_is_the_groups(embedding, tmp_path, figures):
    groups = (embedding[:, 0] > 0).astype(int)
    visualize.scatter(embedding, groups, ["left", "right"], tmp_path / "map.png", title="")
    points = figures[0].axes[0].collections[0]
    drawn = points.get_facecolors()[:, :3]
    right = np.asarray(points.get_offsets())[:, 0] > 0
    assert len(np.unique(drawn[right], axis=0)) == len(np.unique(drawn[~right], axis=0)) == 1
    np.testing.assert_allclose(drawn[right][0], colors.palette(2)[1, :3])


def test_max_points(embedding, tmp_path, figures):
    visualize.scatter(embedding, np.zeros(300, int), ["all"], tmp_path / "map.png", title="", max_points=50)
    assert len(figures[0].axes[0].collections[0].get_offsets()) == 50


def test_names_of_groups_in_one_place_can_all_be_read(embedding, tmp_path, figures):
    names = [f"group number {i}" for i in range(8)]
    groups = np.arange(300) % 8
    visualize.scatter(embedding, groups, names, tmp_path / "map.png", title="A", subtitle="B")
    figures[0].draw_without_rendering()
    boxes = [text.get_window_extent() for text in figures[0].axes[0].texts]
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
    for box, group in zip(boxes, range(8)):  # and none is far from its group
        middle = figures[0].axes[0].transData.transform(np.median(embedding[groups == group], axis=0))
        assert abs((box.x0 + box.x1) / 2 - middle[0]) < 2 and abs(box.y0 - middle[1]) < 8 * box.height


def test_legend_is_outside_the_axes(embedding, tmp_path, figures):
    visualize.scatter(embedding, np.zeros(300, int), ["all"], tmp_path / "map.png", title="")
    axes = figures[0].axes[0]
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


def test_principal_components_stand_for_more_than_two_dimensions():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(500, 5)) * [1, 1, 9, 1, 5]
    points, names = visualize.plane(wide)
    assert abs(np.corrcoef(points[:, 0], wide[:, 2])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], wide[:, 4])[0, 1]) > 0.99
    assert names == ["first principal component of 5 dimensions", "second principal component of 5 dimensions"]
    assert visualize.plane(wide[:, :1])[0].shape == (500, 2)


def test_reconstructions_stand_below_their_originals(tmp_path, figures):
    x = np.random.default_rng(0).random((5, 12))
    visualize.reconstructions(x, x / 2, (3, 4), tmp_path / "pairs.png")
    drawn = [np.asarray(axis.images[0].get_array()) for axis in figures[0].axes]
    grey = 255 * (x.reshape(5, 3, 4) - x.min()) / np.ptp(x)
    np.testing.assert_allclose(drawn[:5], grey, atol=0.51)
    np.testing.assert_allclose(
        drawn[5:], np.clip(255 * (x.reshape(5, 3, 4) / 2 - x.min()) / np.ptp(x), 0, 255), atol=0.51
    )
    assert len({axis.images[0].get_clim() for axis in figures[0].axes}) == 1
    assert imread(tmp_path / "pairs.png").shape[1] > 700


def test_evolution_keeps_its_axes_and_shows_every_frame(tmp_path, figures, monkeypatch):
    frames = np.cumsum(np.random.default_rng(0).normal(size=(4, 50, 3)), axis=0)
    shown = []
    monkeypatch.setattr(visualize.PillowWriter, "grab_frame", lambda writer, **_: shown.append(snapshot(writer.fig)))
    monkeypatch.setattr(visualize.PillowWriter, "finish", lambda writer: None)
    visualize.evolution(frames, np.arange(50) % 2, ["ant", "bee"], tmp_path / "way.gif", title="", fps=2)
    titles = [title for title, _, _ in shown]
    assert list(dict.fromkeys(titles)) == ["before", *(f"after epoch {i} of 3" for i in (1, 2, 3))]
    assert titles.count("before") > 1 and titles.count("after epoch 3 of 3") > 1  # time to look
    assert len({limits for _, limits, _ in shown}) == 1
    assert len({points for _, _, points in shown}) == 4


def snapshot(figure):
    axes = figure.axes[0]
    return axes.get_title(), (*axes.get_xlim(), *axes.get_ylim()), axes.collections[0].get_offsets().tobytes()


def test_evolution_is_a_gif_that_plays(tmp_path):
    from PIL import Image

    frames = np.cumsum(np.random.default_rng(0).normal(size=(3, 20, 2)), axis=0)
    visualize.evolution(frames, np.zeros(20, int), ["all"], tmp_path / "way.gif", title="", fps=1)
    with Image.open(tmp_path / "way.gif") as image:
        assert image.n_frames > 2


def test_grid_has_one_map_an_embedding(tmp_path, figures):
    rng = np.random.default_rng(0)
    embeddings = {f"map {i}": rng.normal(size=(40, 2 + i)) for i in range(3)}
    visualize.grid(embeddings, np.arange(40) % 2, ["ant", "bee"], tmp_path / "grid.png", title="Insects")
    drawn = [axis for axis in figures[0].axes if axis.collections]
    assert [axis.get_title() for axis in drawn] == list(embeddings)
    offsets = np.asarray(drawn[0].collections[0].get_offsets())
    assert sorted(map(tuple, offsets)) == sorted(map(tuple, embeddings["map 0"]))


def test_confusion_counts_classes_in_clusters(tmp_path, figures):
    classes, clusters = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 1])
    names = ["ant", "bee"]
    visualize.confusion(classes, clusters, names, [*names, "cluster 2"], tmp_path / "confusion.png", title="Insects")
    axes = figures[0].axes[0]
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), "2"),
        ((2, 0), "1"),
        ((1, 1), "2"),
    }
    np.testing.assert_allclose(axes.images[0].get_array(), [[2 / 3, 0, 1 / 3], [0, 1, 0]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ant", "bee", "cluster 2"]


def test_confusion_is_as_wide_as_its_clusters_and_in_the_order_of_the_classes(tmp_path, figures):
    clusters = np.arange(300) % 30
    captions, order = [f"{i}: " + "very " * 9 + "long" for i in range(30)], np.roll(np.arange(30), 1)
    names = ["ant " * 15, "bee"]
    visualize.confusion(clusters % 2, clusters, names, captions, tmp_path / "c.png", title="Insects " * 20, order=order)
    figures[0].draw_without_rendering()
    axes = figures[0].axes[0]
    assert axes.get_xticklabels()[0].get_text().startswith("29: very")
    inside, whole = axes.get_window_extent(), figures[0].bbox
    assert inside.width > 0.7 * whole.width and inside.height > 0.15 * whole.height
    for text in (figures[0]._suptitle, *axes.get_xticklabels(), *axes.get_yticklabels()):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1


def test_long_names_leave_the_map_most_of_its_picture(embedding, tmp_path, figures):
    names = [f"{i}: a class that is described in a sentence of many words, number {i}" for i in range(3)]
    title = "a file with a name that is as long as names of files can be: " * 2
    visualize.scatter(
        embedding, np.arange(300) % 3, names, tmp_path / "m.png", title=title, subtitle=title, heading="a"
    )
    figures[0].draw_without_rendering()
    axes, whole = figures[0].axes[0], figures[0].bbox
    assert axes.get_window_extent().width > 0.6 * whole.width
    for text in (figures[0]._suptitle, axes.title, *axes.texts, *axes.get_legend().get_texts()):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1, text.get_text()


def test_names_that_begin_alike_can_be_told_apart_on_the_map(embedding, tmp_path, figures):
    names = [f"{i}: wine of cultivar no. {letter}" for i, letter in enumerate("ABC")]
    visualize.scatter(embedding, np.arange(300) % 3, names, tmp_path / "m.png", title="")
    on_the_map = [text.get_text() for text in figures[0].axes[0].texts]
    assert sorted(text[-6:] for text in on_the_map) == [" no. A", " no. B", " no. C"]
    assert max(map(len, on_the_map)) <= 18


def test_of_many_groups_the_numbers_are_on_the_map_and_the_names_in_the_legend(embedding, tmp_path, figures):
    names = [f"cat #{i} (cluster {i})" for i in range(30)]
    visualize.scatter(embedding, np.arange(300) % 30, names, tmp_path / "m.png", title="")
    figures[0].draw_without_rendering()
    axes = figures[0].axes[0]
    assert {text.get_text() for text in axes.texts} == {str(i) for i in range(30)}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    assert axes.get_legend().get_window_extent().height < figures[0].bbox.height


def test_losses_have_a_line_for_each_autoencoder(tmp_path, figures):
    visualize.losses([[3.0, 2.0, 1.0], [4.0, 2.5]], tmp_path / "history.png", title="")
    lines = figures[0].axes[0].lines
    assert [line.get_xydata().tolist() for line in lines] == [[[1, 3], [2, 2], [3, 1]], [[1, 4], [2, 2.5]]]


def test_the_scan_marks_the_chosen_number(tmp_path, figures):
    rows = [{"n_clusters": k, "stability": 1 / k, "modularity": -k, "plausible": ""} for k in (2, 3, 4)]
    rows[0]["plausible"] = rows[1]["plausible"] = "about as stable"
    visualize.scan(rows, 3, tmp_path / "scan.png", title="Insects")
    for axes, values in zip(figures[0].axes, ([1 / 2, 1 / 3, 1 / 4], [-2, -3, -4])):
        assert axes.lines[0].get_ydata().tolist() == values
        assert axes.lines[1].get_xydata().tolist() == [[2, values[0]], [3, values[1]]]  # the circles
        assert axes.lines[2].get_xdata() == [3, 3]
    assert figures[0].get_suptitle() == "Insects: 3 clusters\nplausible (circled): 2, 3"


def test_a_name_with_dollars_is_no_formula(embedding, tmp_path, figures):
    names, groups = ["$1,000-$2,000", r"a$\b$", "50K ($)"], np.arange(300) % 3
    visualize.scatter(embedding, groups, names, tmp_path / "map.png", title="$x$")
    visualize.confusion(groups, groups, names, names, tmp_path / "confusion.png", title="$_$")
    visualize.losses([[3.0, 2.0, 0.5]], tmp_path / "losses.png", title="$_$")
    for text in figures[0].axes[0].texts:
        assert not text.get_parse_math()
    formulas = [label.get_text() for label in figures[2].axes[0].get_yticklabels()]
    assert any("10^" in formula for formula in formulas)  # of the axis they are


def test_the_mark_of_a_group_is_where_most_of_it_is():
    rng = np.random.default_rng(0)
    islands = np.array([[0, 0], [10, 0], [5, 10]])[np.repeat([0, 1, 2], [60, 50, 40])]
    points = islands + 0.1 * rng.normal(size=(150, 2))
    extent = np.ptp(points, axis=0)
    np.testing.assert_allclose(visualize.middle(points, extent), np.median(points[:60], axis=0))
    blob = rng.normal(size=(500, 2))
    np.testing.assert_allclose(visualize.middle(blob, np.array([80, 80])), np.median(blob, axis=0))
    np.testing.assert_allclose(visualize.middle(np.ones((3, 2)), np.zeros(2)), [1, 1])


def test_pyplot_with_its_backend_and_open_figures_is_left_alone(tmp_path):
    """In a process of its own, where nothing else imports it."""
    code = (
        "import sys, numpy as np\n"
        "from n2d import visualize\n"
        "from n2d.page import explorer\n"
        "x, groups = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2\n"
        "visualize.scatter(x, groups, ['ant', 'bee'], 'map.png', title='Insects')\n"
        "visualize.evolution(np.stack([x, -x]), groups, ['ant', 'bee'], 'way.gif', title='Insects', fps=1)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(visualize.__file__).parent)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
