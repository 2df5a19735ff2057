"""The page in a browser, as a person uses it: on a desk and on a phone."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from n2d import explorer, naming, visualize
from n2d.samples import Dataset

DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
SCREENS = pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, without a screen."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    if not (path := shutil.which("chromium")):
        pytest.skip("chromium is not installed (apt-get install chromium)")
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """A page of a file, of which nothing may have gone wrong in the end: no error, no request."""
    contexts, errors, requests = [], [], []

    def opened(path, screen=DESK):
        is_phone = screen == PHONE
        contexts.append(browser.new_context(viewport=screen, has_touch=is_phone, is_mobile=is_phone))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(path.as_uri())
        page.locator("#legend button").first.wait_for()
        page.wait_for_function("Object.values(Bokeh.index)[0]?.frame?.bbox.width > 0")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)


def source(page, expression):
    """What the points are, of `points`, the source of the plot's dots."""
    script = (
        "(() => { const plot = Bokeh.documents[0].roots()[0], points = plot.renderers[0].data_source; return EXPR })"
    )
    return page.evaluate(script.replace("EXPR", expression) + "()")


def place_of(page, index):
    """Where a point of the map is on the screen."""
    return page.evaluate(
        """index => {
        const view = Object.values(Bokeh.index)[0], points = view.model.renderers[0].data_source;
        const box = view.el.getBoundingClientRect(), at = points.data.index.indexOf(index);
        const frame = view.frame;
        return [box.x + frame.x_scale.compute(points.data.x[at]), box.y + frame.y_scale.compute(points.data.y[at])];
    }""",
        index,
    )


def drag_over_the_map(page, mode="select a box"):
    page.get_by_role("radio", name=mode).click()
    box = page.locator("#plot").bounding_box()
    corners = (
        [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)] if "lasso" in mode else [(0.02, 0.02), (0.98, 0.98)]
    )
    (x, y), *others = [(box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in corners]
    page.mouse.move(x, y)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def saved(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    return download.value


def written(pictures, path, **more):
    """A page of forty pictures in two clusters, the second of which has the name of the first class."""
    data, embedding, groups, shown = pictures
    data = dataclasses.replace(data, y=1 - groups, **more)
    clusters = naming.named(groups, 2, data.y, data.label_names)
    explorer.explore(data, embedding, clusters, path, **shown)
    return data, clusters


@SCREENS
def test_a_selection_of_a_run_can_be_joined_with_its_clusters(digits, opened, screen):
    folder, _ = digits
    page = opened(folder / "explore.html", screen)
    drag_over_the_map(page)
    page.get_by_text("1,797 points selected").wait_for()
    download = saved(page)
    assert download.suggested_filename == "digits-selection.csv"
    selection = download.path().read_text()
    assert selection == (folder / "clusters.csv").read_text()  # header, order, numbers and names: to the letter
    clusters = pd.read_csv(folder / "clusters.csv")
    assert (clusters["cluster"] != clusters["cluster_name"]).any()  # they are two things
    captions = [text.split("\n") for text in page.locator("#legend button").all_inner_texts()]
    expected = clusters.groupby("cluster").agg(name=("cluster_name", "first"), size=("index", "size"))
    assert captions == [[f"{i}: {row['name']}", f"{row['size']}"] for i, row in expected.iterrows()]


@SCREENS
def test_the_legend_follows_the_colouring_and_hides_what_it_shows(pictures, opened, tmp_path, screen):
    data, clusters = written(pictures, tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", screen)
    colors = visualize.matplotlib.colors
    for colouring, groups, palette in (
        ("cluster: name", clusters.labels, clusters.colors),
        ("true class", data.y, visualize.palette(2)),
        ("confidence", None, None),
    ):
        page.get_by_label("by").select_option(colouring)
        buttons = page.locator("#legend button")
        shown = source(page, "[...points.data.color]")
        order = source(page, "[...points.data.index]")
        swatches = page.locator("#legend .swatch").evaluate_all("all => all.map(one => one.style.borderColor)")
        swatches = [colors.to_hex([int(part) / 255 for part in rgb[4:-1].split(",")]) for rgb in swatches]
        assert set(shown) == set(swatches)
        if groups is not None:
            assert shown == [colors.to_hex(palette[groups[i]]) for i in order]
        buttons.first.click()
        assert buttons.first.get_attribute("aria-pressed") == "false"
        visible = source(page, "plot.renderers[0].view.filter.booleans")
        assert visible == [color != swatches[0] for color in shown]
        page.get_by_role("button", name="Show all").click()
        assert all(source(page, "plot.renderers[0].view.filter.booleans"))
    above = page.locator("#legend .name").all_inner_texts()
    assert above == ["0.5 to 0.7", "0.7 to 0.9", "0.9 to 1"]


def test_what_is_hidden_cannot_be_selected(pictures, opened, tmp_path):
    written(pictures, tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html")
    page.locator("#legend button").first.click()
    drag_over_the_map(page)
    page.get_by_text("20 points selected").wait_for()
    assert set(page.locator("tbody td:nth-child(2)").all_inner_texts()) == {"1"}


@SCREENS
@pytest.mark.parametrize("mode", ["select a box", "draw a lasso"])
def test_points_are_selected_listed_and_shown(pictures, opened, tmp_path, screen, mode):
    written(pictures, tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", screen)
    status = page.get_by_role("status")
    assert "choose “select a box” or “draw a lasso” above the map" in status.inner_text()
    page.get_by_role("button", name="Save as CSV").click()
    assert status.inner_text().startswith("There is nothing to save: no points selected")
    drag_over_the_map(page, mode)
    page.get_by_text("40 points selected").wait_for()
    assert page.locator("tbody td:first-child").all_inner_texts() == [str(i) for i in range(40)]
    page.locator("tbody tr").nth(25).click()
    assert page.get_by_role("heading", name="Point 25").is_visible()
    ring = source(page, "[...['x', 'y'].map(axis => plot.renderers[1].data_source.data[axis][0])]")
    assert ring == [5, 1]
    page.get_by_role("button", name="Zoom in").click()  # of what is out of sight the map goes there
    for index in (0, 39):
        page.locator("tbody tr").nth(index).press("Enter")
        x, y = place_of(page, index)
        box = page.locator("#plot").bounding_box()
        assert box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"]
    page.get_by_role("button", name="Clear").click()
    assert not page.locator("tbody tr").count() and not page.locator("#shown").is_visible()


def test_a_card_is_under_the_pointer_and_a_click_selects(pictures, opened, tmp_path):
    written(pictures, tmp_path / "explore.html", sample_names=tuple("abcdefgh" * 5))
    page = opened(tmp_path / "explore.html")
    page.mouse.move(*place_of(page, 25))
    card = page.locator("div.card")
    card.wait_for()
    for fact in ("index 25", "cluster 1", "cluster_name ant", "label ant", "name b"):
        assert fact in card.inner_text()
    assert card.locator("img").get_attribute("src").startswith("data:image/png;base64,")
    page.mouse.click(*place_of(page, 25))
    page.get_by_text("1 point selected").wait_for()
    assert page.get_by_role("heading", name="Point 25").is_visible()


def test_names_of_strangers_are_text_here_and_harmless_in_a_spreadsheet(pictures, opened, tmp_path):
    names = ("=cmd()", "-1.5", 'say "hi", ', EVIL) * 10
    written(pictures, tmp_path / "explore.html", sample_names=names, label_names=(EVIL, "+1+1"))
    page = opened(tmp_path / "explore.html")
    page.mouse.move(*place_of(page, 3))
    page.locator("div.card").wait_for()
    assert EVIL in page.locator("div.card").inner_text()
    drag_over_the_map(page)
    page.get_by_text("40 points selected").wait_for()
    page.locator("tbody tr").nth(3).click()
    assert page.locator("img[src=x]").count() == 0
    text = saved(page).path().read_text()
    selection = pd.read_csv(saved(page).path(), dtype=str)
    assert selection["name"].tolist()[:4] == ["'=cmd()", "-1.5", 'say "hi", ', EVIL]
    assert set(selection["label"]) == set(selection["cluster_name"]) == {EVIL, "'+1+1"}
    assert text.splitlines()[1].startswith("0,0,'+1+1,1.0000,'+1+1,")


def test_columns_of_strangers_are_text(opened, tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    data = Dataset(x, None, feature_names=(EVIL, "b"))
    clusters = naming.named(np.arange(30) % 2, 2)
    explorer.explore(data, x, clusters, tmp_path / "explore.html", confidence=np.ones(30), title=EVIL)
    page = opened(tmp_path / "explore.html")
    assert page.locator("h1").inner_text() == EVIL
    page.mouse.click(*place_of(page, 3))
    assert EVIL in page.locator("#card").inner_text()
    assert page.locator("th").all_inner_texts() == ["index", "cluster", "confidence"]


@SCREENS
def test_thirty_clusters_with_long_names_fit_on_the_screen(opened, tmp_path, screen):
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 30
    data = Dataset(
        rng.normal(size=(600, 3)), labels, tuple(f"a class of a long name, number {i}" * 2 for i in range(30))
    )
    embedding = rng.normal(size=(600, 2))
    clusters = naming.named(labels, 30, labels, data.label_names)
    explorer.explore(data, embedding, clusters, tmp_path / "explore.html", confidence=np.ones(600), title="thirty")
    page = opened(tmp_path / "explore.html", screen)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
    legend = page.locator("#legend")
    assert legend.bounding_box()["height"] < 0.5 * screen["height"]
    assert legend.evaluate("box => box.scrollHeight > box.clientHeight")
    plot = page.locator("#plot").bounding_box()
    assert plot["width"] > 0.6 * screen["width"] and plot["height"] > 0.4 * screen["height"]
    assert page.evaluate("Object.values(Bokeh.index)[0].frame.bbox.width") > 0.9 * plot["width"]
    if screen == DESK:
        assert page.evaluate("document.documentElement.scrollHeight") <= screen["height"]
        page.set_viewport_size({"width": 900, "height": 600})
        page.wait_for_function("Object.values(Bokeh.index)[0].frame.bbox.width < 500")


def test_everything_to_press_has_a_name_and_can_be_reached_by_keys(pictures, opened, tmp_path):
    written(pictures, tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html")
    for control in page.locator("button, select").all():
        name = control.get_attribute("aria-label") or control.inner_text()
        assert name.strip() and control.is_enabled()
    for role in ("main", "img", "toolbar", "radiogroup", "status", "complementary"):
        assert page.get_by_role(role).count() >= 1, role
    assert page.locator("#plot").get_attribute("aria-label").startswith("Map of 40 points")
    page.locator("#legend button").first.press("Enter")
    assert page.locator("#legend button").first.get_attribute("aria-pressed") == "false"
    assert page.evaluate("document.activeElement.parentElement.id") == "legend"


def test_the_page_of_many_points_is_a_sample_and_says_so(tmp_path, pictures):
    data, embedding, groups, shown = pictures
    explorer.explore(data, embedding, naming.named(groups, 2), tmp_path / "explore.html", **shown, max_points=15)
    text = (tmp_path / "explore.html").read_text()
    assert "15 of 40 points" in text and text.count("image-rendering:pixelated") == 15
