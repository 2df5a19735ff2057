"""The columns of the data on the page, in a browser: to colour, filter and sort by, to show and to save."""

import json

import numpy as np
import pandas as pd
import pytest

import n2d
from n2d.page import beside, explorer, naming
from n2d.readers.samples import Dataset

SCREENS = ("desk", "phone")


@pytest.fixture
def fruit(opened, tmp_path):
    """Function that opens the page of sixty fruit on a screen: two numbers, a word in three columns of 0 and 1."""
    rng = np.random.default_rng(0)
    kind = np.arange(60) % 3
    price = np.round(rng.uniform(0, 10, 60), 2)
    x = np.column_stack([price, *(kind == i for i in range(3)), np.exp(rng.normal(size=60) * 3)]).astype(np.float32)
    features = ("price", "colour=red", "colour=dark blue", "colour=green", "a long name of a feature, in five parts")
    names = tuple(f"fruit {i:02} of the market" for i in range(60))
    data = Dataset(x, None, feature_names=features, sample_names=names)
    clusters = naming.named(np.arange(60) // 20, 3)
    profile = pd.DataFrame({"description": ["", "", ""], "members": [[0], [20], [40]]})
    shown = {"confidence": np.linspace(0.2, 1, 60), "outlier": rng.random(60), "profile": profile, "title": "fruit"}
    explorer.explore(data, rng.normal(size=(60, 2)), clusters, tmp_path / "e.html", **shown)

    def fruit(screen):
        one = opened(tmp_path / "e.html", screen)
        one.price, one.kinds, one.outlier = price, kind, shown["outlier"]
        return one

    return fruit


@pytest.mark.parametrize("screen", SCREENS)
def test_the_card_of_a_table_can_be_read(fruit, screen):
    one = fruit(screen)
    page = one.page
    one.touch(7) if screen == "phone" else page.mouse.move(*one.place_of(7))
    card = page.locator("#card")
    card.wait_for()
    box = card.bounding_box()
    assert box["height"] < 320 and 180 < box["width"] <= 0.95 * one.screen["width"]
    for value in card.locator("dd, td:first-of-type").all():
        assert value.bounding_box()["width"] >= 20
        assert value.bounding_box()["height"] < 40, value.inner_text()  # two lines at most
    apart = """card => {
        const boxes = [...card.querySelectorAll('dt, dd')].map(one => one.getBoundingClientRect());
        return boxes.every((a, i) => boxes.slice(0, i).every(b =>
            a.left >= b.right - 1 || b.left >= a.right - 1 || a.top >= b.bottom - 1 || b.top >= a.bottom - 1));
    }"""
    assert card.evaluate(apart)
    assert "dark blue" in card.inner_text() and f"{one.price[7]:g}" in card.inner_text()


@pytest.mark.parametrize("screen", SCREENS)
def test_names_of_features_are_whole_beside_their_numbers(fruit, screen):
    one = fruit(screen)
    one.cluster(0).locator(".open").click()
    names = one.page.locator("#features tbody th")
    assert "a long name of a feature, in five parts" in names.all_inner_texts()
    is_whole = "name => name.scrollWidth <= name.clientWidth"
    assert all(name.evaluate(is_whole) for name in names.all())


@pytest.mark.parametrize("screen", SCREENS)
def test_the_map_is_coloured_by_any_column(fruit, screen):
    page = fruit(screen).page
    names = page.locator("#colouring option").all_inner_texts()
    assert names[:3] == ["cluster", "confidence", "outlier score"]
    assert names[3:] == ["price", "colour", "a long name of a feature, in five parts"]
    legend = page.locator("#legend button .name")
    page.get_by_label("Colour by").select_option("colour")
    assert legend.all_inner_texts() == ["red", "dark blue", "green"]
    groups = "() => [...explorer.map.groups]"
    assert page.evaluate(groups) == [i % 3 for i in range(60)]
    page.get_by_label("Colour by").select_option("price")
    price = page.evaluate("[...Array(60).keys()].map(i => explorer.points.columns.byId.get('column 0').of(i))")
    assert (np.diff(np.array(page.evaluate(groups))[np.argsort(price, kind="stable")]) >= 0).all()
    assert 4 <= legend.count() <= 9 and legend.first.inner_text().startswith("less than ")
    page.get_by_label("Colour by").select_option("a long name of a feature, in five parts")
    counts = np.bincount(page.evaluate(groups))
    assert counts.max() < 0.6 * 60  # a few great numbers do not take all colours


@pytest.mark.parametrize("screen", SCREENS)
def test_points_are_filtered_by_any_column_and_the_filters_stay(fruit, screen):
    one = fruit(screen)
    page = one.page
    page.locator("#filtering").select_option("price")
    page.get_by_role("spinbutton", name="price, from").fill("5")
    expected = one.price >= 5
    assert one.visible() == expected.astype(int).tolist()
    page.locator("#filtering").select_option("colour")
    page.get_by_label("Only points whose colour is").select_option(label="green (20)")
    expected &= one.kinds == 2
    assert one.visible() == expected.astype(int).tolist()
    assert page.locator("#filter-status").inner_text() == f"{expected.sum()} of 60 points to be seen"
    page.get_by_label("Colour by").select_option("outlier")
    assert one.visible() == expected.astype(int).tolist()
    one.cluster(0).locator(".open").click()
    there = np.flatnonzero(expected & (np.arange(60) < 20)).tolist()
    assert page.evaluate("explorer.shown") == there
    assert f"{20 - len(there)} more left out by filters" in page.get_by_role("status").first.inner_text()
    page.get_by_role("button", name="Select them").click()
    assert page.evaluate("explorer.shown") == np.flatnonzero(expected).tolist()
    page.get_by_role("button", name="Do not filter by colour").click()
    assert one.visible() == (one.price >= 5).astype(int).tolist()
    page.get_by_role("button", name="Show all").click()
    assert one.visible() == [1] * 60 and not page.locator(".filter").count()


@pytest.mark.parametrize("screen", SCREENS)
def test_rows_have_all_columns_sorted_by_any_and_none_is_cut(fruit, screen):
    one = fruit(screen)
    page = one.page
    one.drag_over_the_map()
    heads = page.locator("#rows th")
    names = ["index", "cluster", "confidence", "outlier", "name", "price", "colour"]
    assert heads.all_text_contents() == [*names, "a long name of a feature, in five parts"]
    heads.nth(5).get_by_role("button").click()
    assert heads.nth(5).get_attribute("aria-sort") == "ascending"
    assert one.listed() == np.argsort(one.price, kind="stable").tolist()
    heads.nth(5).get_by_role("button").click()
    assert one.listed()[0] == one.price.argmax()
    page.get_by_label("In order of").select_option("outlier score")
    assert one.listed()[0] == one.outlier.argmax()
    is_wide = page.locator("#rows-box").evaluate("box => (box.scrollLeft = 0, box.scrollWidth > box.clientWidth)")
    page.wait_for_timeout(50)
    assert ("to the right: scroll" in page.locator("#rows-hint").inner_text()) == is_wide
    assert is_wide or screen == "desk"
    edge, end = page.locator("#rows-box").evaluate("""box => {
        box.scrollLeft = 9999;
        return [box, box.querySelector('th:last-child')].map(one => one.getBoundingClientRect().right);
    }""")
    assert end <= edge
    one.wait_until("!document.querySelector('#rows-hint').textContent")
    table = pd.read_csv(one.saved("Save as CSV"))
    np.testing.assert_allclose(table.sort_values("index")["price"], one.price, rtol=1e-6)
    assert table["colour"].value_counts().to_dict() == {"red": 20, "dark blue": 20, "green": 20}


def test_rows_of_images_fit_beside_the_map(opened, insects, tmp_path):
    insects("images", tmp_path / "e.html", outlier=np.linspace(0, 0.9, 40), sample_names=None)
    one = opened(tmp_path / "e.html")
    one.drag_over_the_map()
    one.page.locator("#rows summary").click()
    one.wait_until("document.querySelectorAll('#rows th').length === 6")
    box = one.page.locator("#rows-box")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    assert not one.page.locator("#rows-hint").inner_text()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", ["table", "texts"])
def test_columns_that_were_not_clustered_are_shown_searched_filtered_and_saved(opened, insects, tmp_path, screen, kind):
    others = {
        "found on": tuple(f"2024-05-{1 + i % 31:02}" for i in range(40)),
        "meadow": ("north", "south") * 20,
        "height": tuple(str(1e6 * i + 0.5) for i in range(40)),
        "index": ("", "=cmd()") * 20,
    }
    changes = {"beside": {name: pd.Series(column) for name, column in others.items()}}
    if kind == "texts":
        changes |= {"documents": tuple(f"a text, number {i}" for i in range(40)), "image_shape": None}
    insects(kind, tmp_path / "e.html", **changes)
    one = opened(tmp_path / "e.html", screen)
    page = one.page
    offered = page.locator("#colouring option").all_inner_texts()
    assert {"meadow", "height", "index"} <= {*offered} and "found on" not in offered  # 31 days: too many colours
    page.get_by_label("Colour by").select_option("meadow")
    assert page.locator("#legend .name").all_inner_texts() == ["north", "south"]
    page.get_by_label("Colour by").select_option("cluster")
    page.locator("#filtering").select_option("found on")
    page.get_by_label("Only points whose found on has").fill("05-3")
    assert np.flatnonzero(one.visible()).tolist() == [29, 30]
    page.locator("#filtering").select_option("height")
    page.get_by_role("spinbutton", name="height, from").fill("30000000")
    assert np.flatnonzero(one.visible()).tolist() == [30]
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("searchbox").fill("SOUTH")
    page.get_by_role("button", name="20 points with “SOUTH” in meadow").click()
    assert page.evaluate("explorer.shown") == list(range(1, 40, 2))
    page.evaluate("explorer.select([3], 'selected')")
    facts = page.locator("#point-body dl").inner_text()
    assert "found on\n2024-05-04" in facts and "meadow\nsouth" in facts and "3000000.5" in facts
    if screen == "desk":
        page.mouse.move(*one.place_of(4))
        assert "2024-05-05" in page.locator("#card").inner_text()
    one.drag_over_the_map()
    heads = page.locator("#rows th").all_text_contents()
    assert heads[-4:] == ["found on", "meadow", "height", "index of the data"]
    table = pd.read_csv(one.saved("Save as CSV"), dtype=str, keep_default_na=False)
    assert table["found on"].tolist() == [*others["found on"]] and table["meadow"].tolist() == [*others["meadow"]]
    assert table["height"].astype(float).tolist() == [*map(float, others["height"])]
    assert set(table["index of the data"]) == {"", "'=cmd()"}
    assert page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]


def fields_of_lines(path, kinds, heights):
    """Write texts with other fields; return the flags that the run needs."""
    texts = [("cats and dogs in a house", "stars and moons in the sky")[i % 2] + f" {i}" for i in range(40)]
    rows = zip(texts, kinds, heights, range(40))
    lines = [json.dumps({"title": t, "kind": k, "height": h, "tags": ["a"], "n": n}) for t, k, h, n in rows]
    path.write_text("\n".join(lines))
    return ["--text_column=title", "--id_column=n"]


def columns_of_cells(path, kinds, heights):
    """Write cells with other columns; return the flags that the run needs."""
    anndata = pytest.importorskip("anndata", reason="anndata is not installed (pip install anndata)")
    x = np.random.default_rng(0).normal(np.arange(40)[:, None] % 2 * 9, 1, (40, 5)).astype(np.float32)
    obs = {"kind": pd.Categorical(kinds), "height": heights, "truth": pd.Categorical(kinds)}
    anndata.AnnData(x, obs=pd.DataFrame(obs, index=[f"cell {i}" for i in range(40)])).write_h5ad(path)
    return ["--label_column=truth"]


@pytest.mark.parametrize("write, name", [(fields_of_lines, "a.jsonl"), (columns_of_cells, "a.h5ad")])
def test_fields_of_json_lines_and_columns_of_cells_are_on_the_page_of_a_run(opened, tmp_path, write, name):
    kinds, heights = ["oak", "ash", "elm", "yew"] * 10, [i + 0.25 for i in range(40)]
    flags = write(tmp_path / name, kinds, heights)
    flags += ["--n_clusters=2", "--pretrain_epochs=1", "--gmm_restarts=1", "--umap_neighbors=5", "--visualize"]
    n2d.main([f"{tmp_path / name}", "cpu", *flags, f"--save_dir={tmp_path / 'run'}"])
    one = opened(tmp_path / "run/explore.html")
    page = one.page
    offered = page.locator("#colouring option").all_inner_texts()
    assert {"kind", "height"} <= {*offered} and not {"tags", "n", "truth"} & {*offered}
    page.get_by_label("Colour by").select_option("kind")
    assert page.locator("#legend .name").all_inner_texts() == ["ash", "elm", "oak", "yew"]
    page.locator("#filtering").select_option("height")
    page.get_by_role("spinbutton", name="height, from").fill("30")
    assert np.flatnonzero(one.visible()).tolist() == list(range(30, 40))
    page.get_by_role("button", name="Show all").click()
    page.mouse.move(*one.place_of(4))
    assert "kind\noak" in page.locator("#card").inner_text() and "4.25" in page.locator("#card").inner_text()
    one.drag_over_the_map()
    assert {"kind", "height"} <= {*page.locator("#rows th").all_text_contents()}
    table = pd.read_csv(one.saved("Save as CSV")).sort_values("index")
    assert table["kind"].tolist() == kinds and table["height"].tolist() == heights


def test_long_cells_of_many_points_are_cut_and_of_many_columns_the_first_are_shown(monkeypatch):
    monkeypatch.setattr(beside, "CELLS", 6)
    monkeypatch.setattr(beside, "CHARACTERS", 120)
    columns = {"a": pd.Series(["x" * 50, "y", "x" * 50]), "b": pd.Series([1, 2.5, -3]), "c": pd.Series([1, 2, 3])}
    about, arrays = beside.packed(columns, np.array([0, 1]))
    assert [column["name"] for column in about] == ["a", "b", "c"]
    about, arrays = beside.packed(columns, np.arange(3))
    assert about == [{"name": "a", "values": [f"{'x' * 19}…", "y"]}, {"name": "b", "values": None}]
    assert arrays["beside 0"].tolist() == [0, 1, 0] and arrays["beside 1"].tolist() == [1, 2.5, -3]


@pytest.mark.parametrize("cells", [("1", ""), ("1", "nan"), ("1", "inf"), ("1", "two")])
def test_a_column_that_has_anything_but_numbers_is_one_of_words(cells):
    about, arrays = beside.packed({"a": pd.Series(cells)}, np.arange(2))
    assert about[0]["values"] == sorted(cells) and arrays["beside 0"].dtype == np.uint32


def test_categories_are_words_in_their_own_order_even_if_they_are_numbers():
    cells = pd.Series(pd.Categorical(["10", None, "2", "2"], categories=["2", "9", "10"]))
    about, arrays = beside.packed({"leiden": cells}, np.array([0, 1, 3]))
    assert about == [{"name": "leiden", "values": ["", "2", "10"]}] and arrays["beside 0"].tolist() == [2, 0, 1]
