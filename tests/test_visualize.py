import matplotlib.pyplot as plt
import numpy as np
import pytest

import visualize


@pytest.fixture
def figures(monkeypatch):
    """Figures that `scatter` made, kept open for inspection."""
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    yield kept
    for figure in kept:
        figure.clf()


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
    assert plt.imread(path).shape[0] > 800


def test_colour_is_the_groups(embedding, tmp_path, figures):
    groups = (embedding[:, 0] > 0).astype(int)
    visualize.scatter(embedding, groups, ["left", "right"], tmp_path / "map.png", title="")
    points = figures[0].axes[0].collections[0]
    colors = points.get_facecolors()[:, :3]
    right = np.asarray(points.get_offsets())[:, 0] > 0
    assert len(np.unique(colors[right], axis=0)) == len(np.unique(colors[~right], axis=0)) == 1
    np.testing.assert_allclose(colors[right][0], visualize.palette(2)[1, :3])


def test_max_points(embedding, tmp_path, figures):
    visualize.scatter(embedding, np.zeros(300, int), ["all"], tmp_path / "map.png", title="", max_points=50)
    assert len(figures[0].axes[0].collections[0].get_offsets()) == 50


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


@pytest.mark.parametrize("n", [2, 6, 10, 20])
def test_colours_differ_also_without_red_and_green(n):
    """Machado, Oliveira, Fernandes 2009: full deuteranopia and protanopia, in linear RGB."""
    colors = visualize.palette(n)
    assert colors.shape == (n, 4)
    assert len(np.unique(colors, axis=0)) == n
    if n > 10:  # beyond ten, names on the map have to help
        return
    linear = np.where(colors[:, :3] <= 0.04045, colors[:, :3] / 12.92, ((colors[:, :3] + 0.055) / 1.055) ** 2.4)
    deuteranopia = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    protanopia = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    for simulate in (deuteranopia, protanopia):
        seen = np.clip(linear @ np.array(simulate).T, 0, 1) ** (1 / 2.2)
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(n)
        assert distance.min() > 0.08


def test_predicted_clusters_take_the_colour_and_name_of_their_class():
    labels = np.array([3, 3, 0, 5, 5, 5])
    groups, names = visualize.matched_names(labels, {3: 0, 5: 1}, ["ant", "bee"])
    assert [names[group] for group in groups] == ["ant", "ant", "cluster 0", "bee", "bee", "bee"]
    assert groups.tolist() == [0, 0, 2, 1, 1, 1]


def test_reconstructions_stand_below_their_originals(tmp_path, figures):
    x = np.random.default_rng(0).random((5, 12))
    visualize.reconstructions(x, x / 2, (3, 4), tmp_path / "pairs.png")
    drawn = [np.asarray(axis.images[0].get_array()) for axis in figures[0].axes]
    np.testing.assert_allclose(drawn[:5], x.reshape(5, 3, 4))
    np.testing.assert_allclose(drawn[5:], x.reshape(5, 3, 4) / 2)
    assert len({axis.images[0].get_clim() for axis in figures[0].axes}) == 1
    assert plt.imread(tmp_path / "pairs.png").shape[1] > 700


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
