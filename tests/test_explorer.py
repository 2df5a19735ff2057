"""The page in a browser, as a person uses it: on a desk and on a phone; images, tables, and no labels."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from n2d import explorer, naming, visualize
from n2d.report import clusters_table
from n2d.samples import Dataset

DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
SCREENS = {"desk": DESK, "phone": PHONE}
EVIL = "</script><img src=x onerror=alert(1)>"
KINDS = ("images", "table", "unlabelled")


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


class Opened:
    """A page of a file, and what went wrong on it: errors, dialogs, requests."""

    def __init__(self, browser, path, screen=DESK, **settings):
        is_phone = screen == PHONE
        self.context = browser.new_context(viewport=screen, has_touch=is_phone, is_mobile=is_phone, **settings)
        self.page, self.wrong, self.is_phone = self.context.new_page(), [], is_phone
        self.page.set_default_timeout(10_000)
        self.page.on("request", lambda request: self._is_local(request.url))
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.explorer")

    def _is_local(self, url):
        if not url.startswith(("file:", "blob:", "data:")):
            self.wrong.append(url)


@pytest.fixture
def opened(browser):
    pages = []

    def opened(path, screen=DESK, **settings):
        pages.append(Opened(browser, path, screen, **settings))
        return pages[-1].page

    yield opened
    for one in pages:
        one.context.close()
        assert not one.wrong


def grid_of_forty():
    """Forty places in two rows, a cluster each."""
    return np.stack([np.arange(40) % 20, np.arange(40) // 20 * 5], axis=1).astype(np.float32)


def written(kind, path, **changes):
    """The page of forty samples in two clusters; sample 4 of cluster 0 is of the class of cluster 1."""
    labels = np.arange(40) // 20
    names = tuple(f"file {i:02}.png" for i in range(40))
    shown = {"confidence": np.linspace(1, 0.5, 40), "title": "Insects", "neighbors": np.full((40, 10), -1)}
    shown["neighbors"][:, :3] = (np.arange(40)[:, None] + [1, 2, 20]) % 40
    if kind == "table":
        x = np.stack([np.arange(40.0), 100 - 50.0 * labels, np.ones(40)], axis=1)
        data = Dataset(x, 1 - labels, ("ant", "bee"), feature_names=("length", "weight", "legs"), sample_names=names)
        profile = {"description": ["high weight", "low weight"], "members": [[5, 6, 7], [25, 26, 27]]}
        shown |= {"profile": pd.DataFrame(profile), "outlier": np.linspace(0, 0.9, 40)}
    else:
        x = np.repeat(np.arange(40.0, dtype=np.float32)[:, None], 20, axis=1)
        data = Dataset(x, 1 - labels, ("ant", "bee"), (4, 5), sample_names=names)
        if kind == "unlabelled":
            data = dataclasses.replace(data, y=None, label_names=(), sample_names=None)
    data = dataclasses.replace(data, **{name: changes.pop(name) for name in list(changes) if hasattr(data, name)})
    if data.y is not None:
        data.y[4] = data.y[39]
    clusters = naming.named(labels, 2, data.y, data.label_names)
    explorer.explore(data, grid_of_forty(), clusters, path, **shown | changes)
    return data, clusters


@pytest.fixture(scope="module", params=[(kind, screen) for kind in KINDS for screen in SCREENS], ids="-".join)
def loaded(request, browser, tmp_path_factory):
    """A page of each kind on each screen, loaded once."""
    kind, screen = request.param
    path = tmp_path_factory.mktemp("page") / "explore.html"
    data, clusters = written(kind, path)
    one = Opened(browser, path, SCREENS[screen])
    one.kind, one.data, one.clusters, one.screen = kind, data, clusters, SCREENS[screen]
    yield one
    one.context.close()


@pytest.fixture
def one(loaded):
    """The same, as it was when it was opened."""
    loaded.page.mouse.move(0, 0)
    loaded.page.evaluate("""() => {
        while (explorer.corrections.past.length) explorer.corrections.undo();
        explorer.clear(), explorer.colours.showAll(), explorer.map.whole(), explorer.point.hover(null);
        document.querySelector('[data-mode=pan]').click();
        document.getElementById('query').value = '';
        document.getElementById('sort').value = 'index';
        document.getElementById('colouring').value = 'cluster';
        document.getElementById('colouring').dispatchEvent(new Event('change'));
        window.scrollTo(0, 0);
    }""")
    yield loaded
    assert not loaded.wrong


def place_of(page, index):
    """Where a point of the map is on the screen."""
    return page.evaluate(
        """i => {
        const box = document.getElementById('dots').getBoundingClientRect(), [x, y] = explorer.map.place(i);
        return [box.x + x, box.y + y];
    }""",
        index,
    )


def press(page, index):
    """Click, or on a phone tap, a point of the map."""
    page.locator("#dots").scroll_into_view_if_needed()
    place = place_of(page, index)
    page.mouse.click(*place)


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


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value


def listed(page):
    """Numbers of the samples in the gallery of images, or in the rows of a table."""
    return page.evaluate(
        "() => [...document.querySelectorAll('#gallery .tile, #rows tbody tr')].map(one => +one.dataset.point)"
    )


def visible(page):
    return page.evaluate("[...explorer.map.visible]")


def cluster(page, number):
    return page.locator(f'.cluster[data-cluster="{number}"]')


def test_the_panel_says_what_is_in_each_cluster(one):
    page = one.page
    assert page.locator("h1").inner_text() == "Insects" and "40 points" in page.locator("#points").inner_text()
    rows = page.locator(".cluster")
    assert rows.locator(".name").all_inner_texts() == one.clusters.captions
    assert rows.locator(".count").all_inner_texts() == ["20", "20"]
    confidence = np.linspace(1, 0.5, 40)
    expected = [f"confidence {mean:.2f}" for mean in (confidence[:20].mean(), confidence[20:].mean())]
    assert rows.locator(".confidence").all_inner_texts() == expected
    if one.kind == "table":
        assert rows.locator(".description").all_inner_texts() == ["high weight", "low weight"]
        assert rows.first.locator(".members").inner_text() == "file 05.png, file 06.png, file 07.png"
    else:  # nearest to the middle of its row
        assert page.evaluate(
            "() => [...document.querySelectorAll('.cluster .thumbnail')].map(canvas => canvas.point)"
        ) == [9, 10, 8, 11, 7, 29, 30, 28, 31, 27]
    assert page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]


def test_a_click_shows_a_cluster_and_a_double_click_shows_it_alone(one):
    page = one.page
    cluster(page, 1).locator(".open").click()
    assert page.locator("#shown-head").inner_text() == one.clusters.captions[1]
    assert sorted(set(listed(page))) == list(range(20, 40))
    assert page.evaluate("[...explorer.map.focus]") == [0] * 20 + [1] * 20
    assert page.get_by_role("status").inner_text() == "20 points in this cluster."
    assert cluster(page, 1).locator(".open").get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(450)
    cluster(page, 0).locator(".open").dblclick()
    assert visible(page) == [1] * 20 + [0] * 20
    page.wait_for_timeout(450)
    cluster(page, 0).locator(".open").dblclick()
    assert visible(page) == [1] * 40
    page.mouse.move(0, 0)  # what is under the pointer is shown
    page.keyboard.press("Escape")
    assert page.locator("#shown-head").inner_text() == "Selection" and not listed(page)


def test_the_swatch_hides_a_cluster_and_hidden_points_are_not_selected(one):
    page = one.page
    eye = cluster(page, 0).locator(".eye")
    eye.press("Enter")
    assert eye.get_attribute("aria-pressed") == "false" and visible(page) == [0] * 20 + [1] * 20
    assert page.evaluate("document.activeElement.dataset.role") == "hide"  # the keyboard stays where it was
    drag_over_the_map(page)
    assert sorted(set(listed(page))) == list(range(20, 40))
    page.get_by_role("button", name="Show all").click()
    assert visible(page) == [1] * 40


@pytest.mark.parametrize("mode", ["select a box", "draw a lasso"])
def test_what_is_selected_is_shown_and_saved(one, mode):
    page, status = one.page, one.page.get_by_role("status")
    assert "choose “select a box” or “draw a lasso” above the map" in status.inner_text()
    page.get_by_role("button", name="Save as CSV").click()
    assert status.inner_text() == "There is nothing to save: no points selected."
    drag_over_the_map(page, mode)
    assert status.inner_text() == "40 points selected."
    assert "20 in" in page.locator("#parts").inner_text()
    assert page.evaluate("explorer.shown") == list(range(40))
    if one.kind == "table":
        assert page.locator("#features").is_visible() and not page.locator("#gallery .tile").count()
    else:
        assert page.locator("#gallery .tile").count() == 40
        page.evaluate("explorer.thumbnails.ready")
        canvas = page.locator("#gallery canvas")
        pixel = "canvas => canvas.getContext('2d').getImageData(2, 2, 1, 1).data[0]"
        grey = [canvas.nth(i).evaluate(pixel) for i in (0, 10, 39)]
        assert grey == [0, round(255 * 10 / 39), 255]
    page.get_by_label("in order of").select_option("uncertain")
    assert listed(page)[:3] == [39, 38, 37]
    table = pd.read_csv(saved(page, "Save as CSV").path(), dtype=str, keep_default_na=False)
    names = one.clusters.names
    expected = clusters_table(one.data, one.clusters.labels, np.linspace(1, 0.5, 40), names)
    if one.kind == "table":
        expected.insert(expected.columns.get_loc("confidence") + 1, "outlier", np.linspace(0, 0.9, 40))
    file = expected.to_csv(index_label="index", float_format="%.4f")
    assert table.to_csv(index=False) == file  # as clusters.csv: header, order, numbers and names


def test_features_of_a_selection_are_compared_with_those_of_all(one):
    if one.kind != "table":
        return
    page = one.page
    cluster(page, 0).locator(".open").click()
    rows = page.locator("#features tbody tr").all()
    assert [row.locator("th, td").all_text_contents() for row in rows] == [
        ["weight", "100", "75", "+1.0σ"],
        ["length", "9.5", "19.5", "−0.9σ"],
        ["legs", "1", "1", "+0.0σ"],
    ]


def test_a_card_is_under_the_pointer_and_a_click_shows_the_neighbours(one):
    page = one.page
    if not one.is_phone:
        page.mouse.move(*place_of(page, 25))
        card = page.locator("#card")
        card.wait_for()
        assert card.locator("dd").first.inner_text() == "25"
        assert card.locator("canvas").count() == (one.kind != "table")
        page.mouse.move(0, 0)
        assert card.is_hidden()
    press(page, 25)
    assert page.locator("#card").is_visible()  # fingers do not hover
    assert page.get_by_role("heading", name="Point 25").is_visible()
    facts = page.locator("#point-body").inner_text()
    assert ("file 25.png" in facts) == (one.data.sample_names is not None)
    if one.kind == "table":
        assert page.locator("#point-body tr").first.inner_text().split("\t")[:2] == ["weight", "50"]
    assert page.evaluate("() => [...document.querySelectorAll('#near .tile')].map(t => +t.dataset.point)") == [
        26,
        27,
        5,
    ]
    assert page.evaluate("explorer.map.threads") == [26, 27, 5]
    page.locator("#near .tile").last.click()
    assert page.get_by_role("heading", name="Point 5").is_visible()
    page.get_by_role("button", name="Close the point").click()
    assert page.locator("#point").is_hidden()


def test_a_search_finds_numbers_names_classes_and_clusters(one):
    page, query = one.page, one.page.get_by_role("searchbox")
    query.fill("12")
    assert page.locator("#found button").first.inner_text() == "point 12"
    query.press("Enter")
    assert page.get_by_role("heading", name="Point 12").is_visible() and page.locator("#found").is_hidden()
    query.fill("cluster 1")
    query.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.evaluate("explorer.current") == (1 if one.kind == "unlabelled" else None)
    query.fill("no such thing")
    assert page.locator("#found").inner_text() == "Nothing is called so."
    if one.data.sample_names is not None:
        query.fill("FILE 3")
        page.get_by_role("button", name="all 10 points with “FILE 3” in their name").click()
        assert page.evaluate("explorer.shown") == list(range(30, 40))
        query.fill("bee")
        page.get_by_role("button", name="class bee (19)").click()
        assert page.evaluate("explorer.shown") == np.flatnonzero(one.data.y == 1).tolist()
    query.press("Escape")
    assert query.input_value() == ""


def test_clusters_are_renamed_marked_merged_and_given_back(one):
    page = one.page
    cluster(page, 1).locator(".open").click()
    name = cluster(page, 1).get_by_role("textbox")
    name.fill("=cmd()")
    name.press("Enter")
    assert cluster(page, 1).locator(".name").inner_text() == "1: =cmd()"
    assert page.locator(".label", has_text="1: =cmd()").count() == 1
    assert "Cluster 1 is now called =cmd()." in page.get_by_role("status").inner_text()
    cluster(page, 1).locator("[data-role=mark]").click()
    assert cluster(page, 1).locator(".name").inner_text() == "★ 1: =cmd()"
    table = pd.read_csv(saved(page, "Save as CSV").path(), dtype=str)
    assert set(table["cluster_name"]) == {"'=cmd()"}  # no spreadsheet calculates it
    made = json.loads(saved(page, "Save corrections").path().read_text())
    assert made["names"] == {"1": "=cmd()"} and made["marked"] == [1] and made["merged"] == {}
    assert (made["n_samples"], made["n_clusters"], made["fingerprint"]) == (40, 2, one.clusters.fingerprint)
    cluster(page, 0).locator(".open").click()
    cluster(page, 0).locator("[data-role=merge]").select_option("1")
    assert page.locator(".cluster").count() == page.locator(".label").count() == 1
    assert cluster(page, 1).locator(".count").inner_text() == "40"
    page.reload()  # the browser has kept them
    page.wait_for_function("window.explorer")
    assert page.locator(".cluster .name").all_inner_texts() == ["★ 1: =cmd()"]
    made = json.loads(saved(page, "Save corrections").path().read_text())
    assert made["merged"] == {"0": 1}
    cluster(page, 1).locator(".open").click()
    cluster(page, 1).locator("[data-role=mark]").click()
    page.get_by_role("button", name="Undo").click()
    assert page.locator(".cluster .name").all_inner_texts() == ["★ 1: =cmd()"]
    page.evaluate("() => { localStorage.clear(); }")
    page.reload()
    page.wait_for_function("window.explorer")
    assert page.locator(".cluster .name").all_inner_texts() == one.clusters.captions


def test_the_legend_follows_the_colouring(one):
    page, options = one.page, {"confidence": ["0.5 to 0.7", "0.7 to 0.9", "0.9 to 1"]}
    if one.data.y is not None:
        options["label"] = ["ant", "bee"]
    if one.kind == "table":
        options["outlier"] = ["0 to 0.3", "0.3 to 0.5", "0.5 to 0.7", "0.7 to 0.9", "0.9 to 1"]
    offered = page.locator("#colouring option").evaluate_all("all => all.map(option => option.value)")
    assert set(offered) == {"cluster", *options}
    for colouring, names in options.items():
        page.get_by_label("Colour by").select_option(colouring)
        buttons = page.locator("#legend button")
        assert buttons.locator(".name").all_inner_texts() == names
        buttons.first.click()
        assert buttons.first.get_attribute("aria-pressed") == "false" and 0 in visible(page)
        assert page.evaluate("document.activeElement.parentElement.id") == "legend"
        page.get_by_role("button", name="Show all").click()
    if one.data.y is not None:
        page.get_by_label("Colour by").select_option("label")
        expected = [visualize.matplotlib.colors.to_hex(color) for color in visualize.palette(2)[one.data.y]]
        shown = page.evaluate("[...explorer.map.groups].map(g => explorer.about.classes[g].color)")
        assert shown == expected


def test_the_map_moves_by_pointer_keys_and_buttons(one):
    page = one.page
    view = lambda: page.evaluate("({...explorer.map.view})")  # noqa: E731
    first = view()
    dots = page.locator("#dots")
    dots.press("ArrowRight")
    dots.press("+")
    assert view()["x"] > first["x"] and view()["zoom"] == 1.5 * first["zoom"]
    page.get_by_role("button", name="Zoom out").click()
    dots.press("0")
    assert view() == first
    box = dots.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 50, middle[1], steps=3)
    page.mouse.up()
    assert view()["x"] < first["x"] and not listed(page)
    if not one.is_phone:  # it has no wheel
        page.mouse.wheel(0, -200)
        page.wait_for_function("explorer.map.view.zoom > 1")


def test_everything_to_press_has_a_name_and_the_page_is_for_all_eyes(one):
    page = one.page
    cluster(page, 0).locator(".open").click()
    for control in page.locator("button, select, input").all():
        name = control.evaluate(
            "it => it.getAttribute('aria-label') || it.innerText || it.labels?.[0]?.innerText || ''"
        )
        assert name.strip()
    for role in ("main", "application", "toolbar", "radiogroup", "status", "complementary", "list", "searchbox"):
        assert page.get_by_role(role).count() >= 1, role
    assert "Map of 40 points" in page.get_by_role("application").get_attribute("aria-label")
    theme = page.get_by_role("button", name="Dark")
    background = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    assert theme.get_attribute("aria-pressed") == "false" and background() == "rgb(244, 244, 246)"
    theme.click()
    assert theme.get_attribute("aria-pressed") == "true" and background() == "rgb(18, 18, 22)"
    theme.click()
    assert background() == "rgb(244, 244, 246)"


def overlapping(page):
    """Pairs of names on the map of which one covers the other, and how many can be seen."""
    boxes = page.locator(".label").evaluate_all(
        "all => all.filter(l => l.style.visibility === 'visible').map(l => l.getBoundingClientRect().toJSON())"
    )
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    return [(a, b) for a, b in pairs if not is_apart(a, b) and not is_apart(b, a)], len(boxes)


def is_apart(a, b):
    return a["left"] >= b["right"] or a["top"] >= b["bottom"]


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("n_clusters", [2, 10, 30, 50])
def test_names_on_the_map_do_not_overlap(opened, tmp_path, screen, n_clusters):
    rng = np.random.default_rng(0)
    labels = np.arange(20 * n_clusters) % n_clusters
    names = tuple(f"a class of a long name, number {i}, with some words more" for i in range(n_clusters))
    data = Dataset(rng.normal(size=(len(labels), 30)), labels, names)
    embedding = 3 * rng.normal(size=(n_clusters, 2))[labels] + 0.3 * rng.normal(size=(len(labels), 2))
    clusters = naming.named(labels, n_clusters, labels, names)
    explorer.explore(data, embedding, clusters, tmp_path / "e.html", confidence=np.ones(len(labels)), title="many")
    page = opened(tmp_path / "e.html", screen)
    page.wait_for_function("document.querySelector('.label')?.style.visibility === 'visible'")
    pairs, n_shown = overlapping(page)
    assert not pairs and n_shown >= (0.9 * n_clusters if screen == DESK else min(n_clusters, 10))
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
    plot = page.locator("#plot").bounding_box()
    assert plot["width"] > 0.4 * screen["width"] and plot["height"] > 0.4 * screen["height"]
    if screen == DESK:
        assert page.evaluate("document.documentElement.scrollHeight") <= screen["height"]


def test_names_of_strangers_are_text_here_and_harmless_in_a_spreadsheet(opened, tmp_path):
    names = ("=cmd()", "-1.5", 'say "hi", ', EVIL) * 10
    features = (EVIL, "weight", "legs")
    evil = {"sample_names": names, "label_names": (EVIL, "+1+1"), "feature_names": features, "title": EVIL}
    written("table", tmp_path / "explore.html", **evil)
    assert EVIL not in (tmp_path / "explore.html").read_text()
    page = opened(tmp_path / "explore.html")
    assert page.locator("h1").inner_text() == page.title() == EVIL
    page.mouse.move(*place_of(page, 3))
    assert page.locator("#card").inner_text().count(EVIL) >= 2
    page.get_by_role("searchbox").fill("script")
    assert EVIL in page.locator("#found").inner_text()
    page.get_by_label("Colour by").select_option("label")
    drag_over_the_map(page)
    page.locator("#rows tbody tr").nth(3).click()
    assert page.locator("#near").inner_text()
    page.get_by_label("Colour by").select_option("cluster")
    cluster(page, 0).locator(".open").click()
    cluster(page, 0).get_by_role("textbox").fill(EVIL * 2)
    cluster(page, 0).locator("[data-role=rename]").click()
    assert page.locator("img").count() == 0
    drag_over_the_map(page)
    selection = pd.read_csv(saved(page, "Save as CSV").path(), dtype=str)
    assert selection["name"].tolist()[:4] == ["'=cmd()", "-1.5", 'say "hi", ', EVIL]
    assert set(selection["label"]) == {EVIL, "'+1+1"}


def test_dark_is_what_the_system_says(opened, tmp_path):
    written("images", tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 18, 22)"
    assert page.evaluate("document.getElementById('dots').getContext('2d').getImageData(1, 1, 1, 1).data[0]") < 60


def test_two_fingers_zoom(opened, tmp_path):
    written("images", tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", PHONE)
    box = page.locator("#dots").bounding_box()
    x, y = box["x"] + 150, box["y"] + 200
    session = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
        touches = [{"x": x - gap, "y": y, "id": 0}, {"x": x + gap, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.evaluate("explorer.map.view.zoom") == pytest.approx(3, rel=0.1)


def test_the_page_of_many_points_is_a_sample_and_says_so(opened, tmp_path):
    written("images", tmp_path / "explore.html", max_points=15)
    page = opened(tmp_path / "explore.html")
    assert "a random sample of 15 of 40 points" in page.locator("#points").inner_text()
    assert page.locator(".cluster .count").all_inner_texts() == ["20", "20"]  # of all
    index = page.evaluate("[...explorer.points.index]")
    assert len(index) == 15 and index == sorted(index) and {9, 29} <= set(index)  # typical ones are among them
    page.get_by_role("searchbox").fill("29")
    page.get_by_role("searchbox").press("Enter")
    assert page.get_by_role("heading", name="Point 29").is_visible()


def test_of_wide_tables_each_point_has_its_own_telling_features(opened, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 200)).astype(np.float32)
    x[7, 150] = 40
    x[:30, 11] += 9
    clusters = naming.named(np.arange(60) // 30, 2)
    data = Dataset(x, None)
    explorer.explore(data, x[:, :2], clusters, tmp_path / "e.html", confidence=np.ones(60), title="wide")
    page = opened(tmp_path / "e.html")
    press(page, 7)
    first = page.locator("#point-body tr").first.locator("th, td").all_text_contents()
    assert first[:2] == ["feature 150", "40"] and first[2].startswith("+7.")
    cluster(page, 1).locator(".open").click()
    assert page.locator("#features tbody tr").first.inner_text().split("\t")[0] == "feature 11"
    assert page.locator("#features tbody tr").count() == 10


def test_the_page_needs_no_network_and_runs_no_other_script(tmp_path):
    written("images", tmp_path / "explore.html")
    text = (tmp_path / "explore.html").read_text()
    assert "default-src 'none'; script-src 'sha256-" in text and "http://" not in text and "https://" not in text


def test_neighbours_are_those_of_the_graph(fitted):
    nearest = explorer.nearest_in_graph(fitted)
    graph = fitted.graph_.toarray()
    np.fill_diagonal(graph, 0)
    assert nearest.shape == (400, 10)
    for i in (0, 17, 399):
        found = nearest[i][nearest[i] >= 0]
        weights = graph[i, found]
        assert len(found) == min(10, np.count_nonzero(graph[i])) and (np.diff(weights) <= 0).all()
        assert weights.min() >= np.sort(graph[i])[-10]
