import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from n2d.method.clusters import hierarchy
from n2d.page import portraits, profiles
from n2d.readers.samples import Dataset

LONG = [f"{i}: a class that is described in a sentence of many words, number {i}" for i in range(30)]


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, for inspection."""
    kept = []
    monkeypatch.setattr(portraits, "Figure", lambda **settings: kept.append(Figure(**settings)) or kept[-1])
    return kept


def outside(figure, texts):
    """Of texts with letters those that are not wholly in their figure."""
    boxes = {text.get_text(): text.get_window_extent() for text in texts if any(map(str.isalpha, text.get_text()))}
    x, y = figure.bbox.x1, figure.bbox.y1
    return [text for text, box in boxes.items() if not (0 <= box.x0 and box.x1 <= x and 0 <= box.y0 and box.y1 <= y)]


def test_the_mean_the_most_typical_and_the_least_certain_members_are_drawn(tmp_path, figures, pictures):
    data, _, groups, shown = pictures
    portraits.members(data, groups, tmp_path / "clusters.png", names=["ant", "bee"], **shown, n_members=4)
    strips = [np.asarray(axis.images[0].get_array(), float)[0, ::6] * 39 / 255 for axis in figures[0].axes]
    assert [axis.get_ylabel() for axis in figures[0].axes] == ["ant", "", "", "bee", "", ""]
    assert [strip.round(1).tolist() for strip in (strips[0], strips[3])] == [[9.5], [29.5]]
    assert sorted(strips[1].round()) == [8, 9, 10, 11] and sorted(strips[4].round()) == [28, 29, 30, 31]
    assert strips[2].round().tolist() == [19, 18, 17, 16] and strips[5].round().tolist() == [39, 38, 37, 36]


def test_the_clusters_of_a_table_are_drawn_by_their_means(tmp_path, figures, pictures):
    _, _, groups, shown = pictures
    x = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    x[:, 7] = 100 * groups
    data = Dataset(x, None, feature_names=tuple(f"f{i}" for i in range(50)))
    portraits.members(data, groups, tmp_path / "clusters.png", names=["ant", "bee"], **shown)
    axes = figures[0].axes[0]
    features = [label.get_text() for label in axes.get_xticklabels()]
    assert len(features) == 30 and "f7" in features
    column = np.asarray(axes.images[0].get_array())[:, features.index("f7")]
    np.testing.assert_allclose(column, [-1, 1], atol=1e-5)
    numbers = {text.get_position(): text.get_text() for text in axes.texts}  # colours alone are the same in grey
    assert [numbers[features.index("f7"), row] for row in (0, 1)] == ["-1.0", "+1.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ant: 20", "bee: 20"]


def test_a_bar_is_as_long_as_the_effect_and_says_it_in_the_units_of_the_data(tmp_path, figures):
    groups = np.repeat([0, 1], 20)
    data = Dataset(np.stack([50 * groups, groups], axis=1).astype(float), None, feature_names=("$price$", "new=yes"))
    data.x[0, 0] = 7
    special = profiles.special_of(data, groups, 2)
    portraits.apart(*special, ["cheap", "dear"], tmp_path / "profile.png", title="A")
    cheap, dear = figures[0].axes
    assert [axis.get_title() for axis in figures[0].axes] == ["cheap", "dear"]
    assert [bar.get_width() for bar in cheap.patches] == [-1, -1]
    assert [bar.get_width() for bar in dear.patches] == [1, 1]
    assert [text.get_text() for text in dear.texts] == ["$price$", "50, rest 0", "new=yes", "100%, rest 0%"]
    assert imread(tmp_path / "profile.png").shape[1] > 800


def test_words_are_drawn_with_their_shares(tmp_path, figures):
    terms = pd.DataFrame([[0, "excel", 0.5, 0.75, 0.1]], columns=["cluster", "term", "weight", "inside", "outside"])
    none = profiles.features_of(Dataset(np.eye(3), None), np.zeros(3, int), 1)
    portraits.apart(none, terms, ["a", "b"], tmp_path / "profile.png", title="A")
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["excel", "75%, rest 10%"]
    assert not figures[0].axes[1].texts


def test_the_dendrogram_has_sizes_and_joins_what_is_alike(tmp_path, figures):
    linkage = np.array([[0, 2, 0.1, 2], [1, 3, 2.0, 3]])
    portraits.dendrogram(linkage, ["ant", "bee", "cow"], np.array([5, 4000, 3]), tmp_path / "h.png", title="A")
    labels = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert set(labels) == {"ant: 5", "bee: 4,000", "cow: 3"}
    assert abs(labels.index("ant: 5") - labels.index("cow: 3")) == 1


@pytest.mark.parametrize("n_clusters", [2, 30])
def test_long_names_stay_in_their_pictures(tmp_path, figures, n_clusters):
    rng = np.random.default_rng(0)
    groups = np.arange(300) % n_clusters
    x = rng.normal(size=(300, 16)) + 3 * rng.normal(size=(n_clusters, 16))[groups]
    columns = tuple(f"a measurement that has a long name and a number at its end, {i}" for i in range(16))
    table, images = Dataset(x, None, feature_names=columns), Dataset(x, None, image_shape=(4, 4))
    names, sizes = LONG[:n_clusters], np.bincount(groups)
    for data in (table, images):
        portraits.members(data, groups, tmp_path / "m.png", names=names, confidence=rng.random(300), title=LONG[0] * 3)
    portraits.apart(*profiles.special_of(table, groups, n_clusters), names, tmp_path / "p.png", title=LONG[0] * 3)
    linkage = hierarchy.merges(np.ones((300, 300)), groups, x, n_clusters)
    portraits.dendrogram(linkage, names, sizes, tmp_path / "d.png", title=LONG[0])
    for figure in figures:
        figure.draw_without_rendering()
        texts = [figure._suptitle]
        for axes in figure.axes:
            texts += [axes.title, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts]
        assert not outside(figure, texts)


def test_texts_are_drawn_as_they_are_and_shortened(tmp_path, figures):
    """Two dollars are no formula, and line ends and long texts do not run over."""
    texts = tuple(f"costs $x^{{ and $ {i}\nmore" if i < 5 else f"number {i} " * 50 for i in range(10))
    data = Dataset(np.eye(10, dtype=np.float32), None, (), None, "none", documents=texts)
    shown = {"names": ["cheap", "long"], "confidence": np.ones(10), "title": "Texts"}
    portraits.members(data, np.repeat([0, 1], 5), tmp_path / "clusters.png", **shown)
    drawn = [line for axis in figures[0].axes for line in axis.texts[1].get_text().splitlines()]
    assert len(drawn) == 6 and all(line.startswith("costs $x^{ and $") for line in drawn[:3])
    assert all(len(line) == 110 and line.endswith("\N{HORIZONTAL ELLIPSIS}") for line in drawn[3:])
