"""The map of the page in a browser: colours and names, moves, dark and on paper, and what of many points it shows."""

import numpy as np
import pandas as pd
import pytest

from n2d import visualize
from n2d.page import colors, explorer, naming, profiles
from n2d.readers.samples import Dataset, shortened

EVIL = "</script><img src=x onerror=alert(1)>"


def test_the_legend_follows_the_colouring(one):
    page, options = one.page, {"confidence": ["0.5 to 0.7", "0.7 to 0.9", "0.9 to 1"]}
    if one.data.y is not None:
        options["label"] = ["ant", "bee"]
    if one.kind == "table":
        options["outlier"] = ["0 to 0.3", "0.3 to 0.5", "0.5 to 0.7", "0.7 to 0.9", "0.9 to 1"]
    offered = page.locator("#colouring option").evaluate_all("all => all.map(option => option.value)")
    own = {f"column {i}" for i in range(3)} if one.kind == "table" else set()
    assert set(offered) == {"cluster", *options, *own}
    for colouring, names in options.items():
        page.get_by_label("Colour by").select_option(colouring)
        buttons = page.locator("#legend button")
        assert buttons.locator(".name").all_inner_texts() == names
        buttons.first.click()
        assert buttons.first.get_attribute("aria-pressed") == "false" and 0 in one.visible()
        assert page.evaluate("document.activeElement.parentElement.id") == "legend"
        page.get_by_role("button", name="Show all").click()
    if one.data.y is not None:
        page.get_by_label("Colour by").select_option("label")
        expected = [visualize.matplotlib.colors.to_hex(color) for color in colors.palette(2)[one.data.y]]
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
    assert view()["x"] < first["x"] and not one.listed()
    if not one.is_phone:  # it has no wheel
        page.mouse.wheel(0, -200)
        one.wait_until("explorer.map.view.zoom > 1")


def test_everything_to_press_has_a_name_and_the_page_is_for_all_eyes(one):
    page = one.page
    one.cluster(0).locator(".open").click()
    for control in page.locator("button, select, input").all():
        name = control.evaluate(
            "it => it.getAttribute('aria-label') || it.innerText || it.labels?.[0]?.innerText || ''"
        )
        assert name.strip()
    for role in ("main", "application", "toolbar", "radiogroup", "status", "complementary", "list", "searchbox"):
        assert page.get_by_role(role).count() >= 1, role
    assert "Map of 40 points" in page.get_by_role("application").get_attribute("aria-label")
    background = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    assert background() == "rgb(244, 244, 246)"
    page.get_by_role("button", name="Dark").click()
    assert background() == "rgb(18, 18, 22)"
    one.reload()
    assert background() == "rgb(18, 18, 22)"  # the browser has kept it
    page.get_by_role("button", name="Light").click()
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


@pytest.mark.parametrize("screen", ["desk", "phone"])
@pytest.mark.parametrize("n_clusters", [2, 10, 30, 50])
def test_names_on_the_map_do_not_overlap(opened, tmp_path, screen, n_clusters):
    rng = np.random.default_rng(0)
    labels = np.arange(20 * n_clusters) % n_clusters
    names = tuple(f"a class of a long name, number {i}, with some words more" for i in range(n_clusters))
    data = Dataset(rng.normal(size=(len(labels), 30)), labels, names)
    embedding = 3 * rng.normal(size=(n_clusters, 2))[labels] + 0.3 * rng.normal(size=(len(labels), 2))
    clusters = naming.named(labels, n_clusters, labels, names)
    shown = {"confidence": np.ones(len(labels)), "profile": profiles.profile(data, labels, n_clusters)}
    explorer.explore(data, embedding, clusters, tmp_path / "e.html", title="many", **shown)
    one = opened(tmp_path / "e.html", screen)
    page = one.page
    one.wait_until("document.querySelector('.label')?.style.visibility === 'visible'")
    pairs, n_shown = overlapping(page)
    assert not pairs and n_shown >= (0.9 * n_clusters if screen == "desk" else min(n_clusters, 10))
    assert page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]
    plot = page.locator("#plot").bounding_box()
    assert plot["width"] > 0.4 * one.screen["width"] and plot["height"] > 0.4 * one.screen["height"]
    if screen == "desk":
        assert page.evaluate("document.documentElement.scrollHeight") <= one.screen["height"]
    is_whole = "names => names.every((n) => n.scrollHeight <= n.clientHeight + 1 && n.scrollWidth <= n.clientWidth)"
    assert page.locator(".cluster .name").evaluate_all(is_whole)


@pytest.mark.parametrize("name", ["a cell of kind 12", "a cell of kind 123", "a b", "number one and number two"])
def test_a_name_that_is_too_long_keeps_both_ends_as_in_pictures(one, name):
    found = one.page.evaluate("([name, most]) => shortened(name, most)", [name, 17])
    assert found == shortened(name, 17) and len(found) <= 17
    assert found.startswith(name[:3]) and found.endswith(name[-3:])


def test_names_of_strangers_are_text_here_and_harmless_in_a_spreadsheet(opened, insects, tmp_path):
    names = ("=cmd()", "-1.5", 'say "hi", ', EVIL) * 10
    features = (EVIL, "weight", "legs")
    evil = {"sample_names": names, "label_names": (EVIL, "+1+1"), "feature_names": features, "title": EVIL}
    insects("table", tmp_path / "explore.html", **evil)
    assert EVIL not in (tmp_path / "explore.html").read_text()
    one = opened(tmp_path / "explore.html")
    page = one.page
    assert page.locator("h1").inner_text() == page.title() == EVIL
    page.mouse.move(*one.place_of(3))
    assert page.locator("#card").inner_text().count(EVIL) >= 2
    page.get_by_role("searchbox").fill("script")
    assert EVIL in page.locator("#found").inner_text()
    page.get_by_label("Colour by").select_option("label")
    one.drag_over_the_map()
    page.locator("#rows tbody tr").nth(3).click()
    assert page.locator("#near").inner_text()
    page.get_by_label("Colour by").select_option("cluster")
    one.cluster(0).locator(".open").click()
    one.cluster(0).get_by_role("textbox").fill(EVIL * 2)
    one.cluster(0).locator("[data-role=rename]").click()
    assert page.locator("img:not(#paper)").count() == 0
    one.drag_over_the_map()
    selection = pd.read_csv(one.saved("Save as CSV"), dtype=str)
    assert selection["name"].tolist()[:4] == ["'=cmd()", "-1.5", 'say "hi", ', EVIL]
    assert set(selection["label"]) == {EVIL, "'+1+1"}


def test_dark_is_what_the_system_says(opened, insects, tmp_path):
    insects("images", tmp_path / "explore.html")
    one = opened(tmp_path / "explore.html", color_scheme="dark")
    page = one.page
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 18, 22)"
    assert page.evaluate("document.getElementById('dots').getContext('2d').getImageData(1, 1, 1, 1).data[0]") < 60


def test_in_the_dark_a_dark_colour_is_as_light_in_lists_as_on_the_map(opened, insects, tmp_path):
    insects("images", tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", color_scheme="dark").page
    page.evaluate("explorer.points.clusters[0].color = '#000080', explorer.colours.paint(), explorer.openCluster(0)")
    on_map = [round(part) for part in page.evaluate("explorer.map.colors[0]")]
    assert min(on_map) > 60
    color = f"rgb({', '.join(map(str, on_map))})"
    for place in (".cluster .swatch", "#gallery .tile"):
        look = page.locator(place).first.evaluate("it => getComputedStyle(it).borderBottomColor")
        assert look == color, place


def test_what_is_not_shown_stays_faint_however_many_points_are_there(opened, insects, tmp_path):
    insects("images", tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html").page
    darkest = page.evaluate("""() => {
        const { map } = explorer;
        for (let i = 0; i < 40; i += 1) map.x[i] = Math.floor(i / 20);
        map.y.fill(0);
        explorer.openCluster(1);
        map.drawAll();
        const at = map.place(0).map(Math.round);
        return Math.min(...map.dots.getContext('2d').getImageData(...at, 1, 1).data);
    }""")
    assert 150 < darkest < 250


def test_the_name_of_a_cluster_of_islands_stands_on_one_of_them(opened, insects, tmp_path):
    insects("unlabelled", tmp_path / "explore.html", labels=np.isin(np.arange(40), [*range(9, 20), 20, 21, 38, 39]) * 1)
    page = opened(tmp_path / "explore.html").page
    x, y = page.evaluate("(({ x, y }) => [x, y])(explorer.map.texts.at(-1))")
    assert 9 <= x <= 19 and y == 0


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_a_printed_page_is_a_light_map_and_its_clusters(opened, insects, tmp_path, screen):
    insects("images", tmp_path / "explore.html")
    page = opened(tmp_path / "explore.html", screen, color_scheme="dark").page
    before = page.locator("#plot").bounding_box()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for control in page.locator("input, select, [role=toolbar], aside, #undo, #theme").all():
        assert control.is_hidden()
    assert page.locator(".cluster").count() == 2 and page.locator(".cluster .thumbnail").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    map_box = page.locator("#plot").bounding_box()
    for label in page.locator(".label").all():
        box = label.bounding_box()
        assert map_box["x"] <= box["x"] and box["x"] + box["width"] <= map_box["x"] + map_box["width"]
    size, corner, n_colours = page.evaluate("""async () => {
        await paper.decode();
        const canvas = new OffscreenCanvas(paper.naturalWidth, paper.naturalHeight), context = canvas.getContext('2d');
        context.drawImage(paper, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        return [[canvas.width, canvas.height], data[0], new Set(new Uint32Array(data.buffer)).size];
    }""")
    assert size == [map_box["width"], map_box["height"]] and corner == 255 and n_colours > 3
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#plot").bounding_box() == before
    assert page.evaluate("[explorer.map.width, explorer.map.height]") == [
        round(before["width"]),
        round(before["height"]),
    ]


def test_two_fingers_zoom(opened, insects, tmp_path):
    insects("images", tmp_path / "explore.html")
    one = opened(tmp_path / "explore.html", "phone")
    page = one.page
    box = page.locator("#dots").bounding_box()
    x, y = box["x"] + 150, box["y"] + 200
    session = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
        touches = [{"x": x - gap, "y": y, "id": 0}, {"x": x + gap, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.evaluate("explorer.map.view.zoom") == pytest.approx(3, rel=0.1)


def test_the_page_of_many_points_is_a_sample_and_says_so(opened, insects, tmp_path):
    insects("images", tmp_path / "explore.html", max_points=15)
    one = opened(tmp_path / "explore.html")
    page = one.page
    assert "a random sample of 15 of 40 points" in page.locator("#points").inner_text()
    assert page.locator(".cluster .count").all_inner_texts() == ["20", "20"]  # of all
    index = page.evaluate("[...explorer.points.index]")
    assert len(index) == 15 and index == sorted(index) and {9, 29} <= set(index)  # typical ones are among them
    page.get_by_role("searchbox").fill("29")
    page.get_by_role("searchbox").press("Enter")
    assert page.get_by_role("heading", name="Point 29").is_visible()


def test_of_wide_tables_each_point_has_its_own_telling_features(opened, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 300)).astype(np.float32)
    x[7, 150] = 40
    x[:30, 11] += 9
    clusters = naming.named(np.arange(60) // 30, 2)
    data = Dataset(x, None)
    shown = {"confidence": np.ones(60), "profile": profiles.profile(data, clusters.labels, 2)}
    explorer.explore(data, x[:, :2], clusters, tmp_path / "e.html", title="wide", **shown)
    one = opened(tmp_path / "e.html")
    page = one.page
    one.press(7)
    first = page.locator("#point-body tr").first.locator("th, td").all_text_contents()
    assert first[:2] == ["feature 150", "40"] and first[2].startswith("+7.")
    one.cluster(1).locator(".open").click()
    assert page.locator("#features tbody tr").first.inner_text().split("\t")[0] == "feature 11"
    assert page.locator("#features tbody tr").count() == 10


def test_the_page_needs_no_network_and_runs_no_other_script(insects, tmp_path):
    insects("images", tmp_path / "explore.html")
    text = (tmp_path / "explore.html").read_text()
    assert "default-src 'none'; script-src 'sha256-" in text and "http://" not in text and "https://" not in text


def test_neighbours_are_the_nearest_that_were_found(fitted):
    nearest = explorer.nearest_samples(fitted)
    n_found = min(10, fitted.knn_[0].shape[1] - 1)
    assert nearest.shape == (400, 10) and (nearest[:, n_found:] == -1).all()
    assert np.array_equal(nearest[:, :n_found], fitted.knn_[0][:, 1 : n_found + 1])
