"""The panels of the page in a browser, as a person uses them: what is listed, selected and searched for."""

import numpy as np
import pandas as pd
import pytest

from n2d.command.report import clusters_table

SCREENS = ("desk", "phone")


def test_the_panel_says_what_is_in_each_cluster(one):
    page = one.page
    assert page.locator("h1").inner_text() == "Insects" and "40 points" in page.locator("#points").inner_text()
    rows = page.locator(".cluster")
    named = [f"{name} cluster {i}" for i, name in enumerate(one.clusters.names or ())]
    assert rows.locator(".name").all_inner_texts() == (named or ["cluster 0", "cluster 1"])  # and the number is small
    assert one.labels().all_inner_texts() == list(one.clusters.names or ["cluster 0", "cluster 1"])
    assert rows.locator(".count").all_inner_texts() == ["20", "20"]
    confidence = np.linspace(1, 0.5, 40)
    expected = [f"confidence {mean:.2f}" for mean in (confidence[:20].mean(), confidence[20:].mean())]
    assert rows.locator(".confidence").all_inner_texts() == expected
    if one.kind == "table":
        assert rows.locator(".description").all_inner_texts() == ["high weight", "low weight"]
        assert rows.first.locator(".members").inner_text() == "file 05.png, file 06.png, file 07.png"
    else:  # nearest to the mean
        assert page.evaluate(
            "() => [...document.querySelectorAll('.cluster .thumbnail')].map(canvas => canvas.point)"
        ) == [9, 10, 8, 11, 7, 29, 30, 28, 31, 27]
    assert page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]


def test_a_click_shows_a_cluster_and_a_double_click_shows_it_alone(one):
    page = one.page
    one.cluster(1).locator(".open").click()
    assert page.locator("#shown-head").inner_text() == one.clusters.captions[1]
    assert sorted(set(one.listed())) == list(range(20, 40))
    assert page.evaluate("[...explorer.map.focus]") == [0] * 20 + [1] * 20
    assert page.get_by_role("status").inner_text() == "20 points in this cluster."
    assert one.cluster(1).locator(".open").get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(450)
    one.cluster(0).locator(".open").dblclick()
    assert one.visible() == [1] * 20 + [0] * 20
    page.wait_for_timeout(450)
    one.cluster(0).locator(".open").dblclick()
    assert one.visible() == [1] * 40
    page.mouse.move(0, 0)  # what is under the pointer is shown
    page.keyboard.press("Escape")
    assert page.locator("#shown-head").inner_text() == "Selection" and not one.listed()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_long_name_is_cut_but_never_its_number_and_buttons_are_in_a_row(opened, insects, tmp_path, screen):
    name = "ants of the northern meadow, of May and June"
    none = {"merged": {}, "marked": [], "moved": {}, "outliers": [], "split": {}}
    insects("table", tmp_path / "e.html", corrections={"names": {0: name}, **none})
    one = opened(tmp_path / "e.html", screen)
    page = one.page
    page.evaluate("explorer.select([1, 2, 30], 'selected')")
    assert "2 in ants of the…May and June (cluster 0), 1 in" in page.locator("#shown").inner_text()
    one.cluster(0).locator(".open").click()
    assert page.locator("#shown-head").inner_text() == f"{name} (cluster 0)"
    assert page.locator("#shown-head .whole").evaluate("one => one.getClientRects().length") == 1
    tops = [page.locator(f"#{one}").bounding_box()["y"] for one in ("undo", "discard", "keep")]
    assert len(set(tops)) == 1


def test_the_swatch_hides_a_cluster_and_hidden_points_are_not_selected(one):
    page = one.page
    eye = one.cluster(0).locator(".eye")
    eye.press("Enter")
    assert eye.get_attribute("aria-pressed") == "false" and one.visible() == [0] * 20 + [1] * 20
    assert page.evaluate("document.activeElement.dataset.role") == "hide"  # the keyboard stays where it was
    one.drag_over_the_map()
    assert sorted(set(one.listed())) == list(range(20, 40))
    page.get_by_role("button", name="Show all").click()
    assert one.visible() == [1] * 40


@pytest.mark.parametrize("mode", ["select a box", "draw a lasso"])
def test_what_is_selected_is_shown_and_saved(one, mode):
    page, status = one.page, one.page.get_by_role("status")
    assert "choose “select a box” or “draw a lasso” above the map" in status.inner_text()
    page.get_by_role("button", name="Save as CSV").click()
    assert status.inner_text() == "There is nothing to save: no points selected."
    one.drag_over_the_map(mode)
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
    page.get_by_label("In order of").select_option("uncertain")
    assert one.listed()[:3] == [39, 38, 37]
    table = pd.read_csv(one.saved("Save as CSV"), dtype=str, keep_default_na=False)
    names = one.clusters.names
    expected = clusters_table(one.data, one.clusters.labels, np.linspace(1, 0.5, 40), names)
    if one.kind == "table":
        expected.insert(expected.columns.get_loc("confidence") + 1, "outlier", np.linspace(0, 0.9, 40))
    file = expected.to_csv(index_label="index", float_format="%.4f")
    own = ["length", "weight", "legs"] if one.kind == "table" else []
    assert table.drop(columns=own).to_csv(index=False) == file  # as clusters.csv: header, order, numbers and names
    assert list(table)[len(table.columns) - len(own) :] == own  # and the table's own columns behind them
    assert np.array_equal(table[own].astype(float), one.data.x[:, : len(own)])


def test_features_of_a_selection_are_compared_with_those_of_all(one):
    if one.kind != "table":
        return
    page = one.page
    one.cluster(0).locator(".open").click()
    rows = page.locator("#features tbody tr").all()
    assert [row.locator("th, td").all_text_contents() for row in rows] == [
        ["weight", "100", "75", "+1.0σ"],
        ["length", "9.5", "19.5", "−0.9σ"],
        ["legs", "1", "1", "+0.0σ"],
    ]


def test_a_card_is_under_the_pointer_and_a_click_shows_the_neighbours(one):
    page = one.page
    if not one.is_phone:
        page.mouse.move(*one.place_of(25))
        card = page.locator("#card")
        card.wait_for()
        assert card.locator("dd").first.inner_text() == "25"
        assert card.locator("canvas").count() == (one.kind != "table")
        page.mouse.move(0, 0)
        assert card.is_hidden()
    one.press(25)
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


def test_a_tap_shows_the_card_and_the_panel_begins_on_the_screen(one):
    if not one.is_phone:
        return
    page = one.page
    one.touch(25)
    assert page.locator("#card").is_visible() and page.locator("#card dd").first.inner_text() == "25"
    head = page.get_by_role("heading", name="Point 25").bounding_box()
    assert head["y"] + head["height"] <= one.screen["height"]
    one.touch(5)
    assert page.locator("#card dd").first.inner_text() == "5"
    page.locator("#closer").click()
    page.keyboard.press("Escape")
    assert page.locator("#card").is_hidden() and page.locator("#point").is_hidden()


def test_one_point_greys_nothing_and_what_follows_takes_its_place(one):
    page = one.page
    colourings = page.locator("#colouring option").evaluate_all("all => all.map(option => option.value)")
    for colouring in colourings:
        page.get_by_label("Colour by").select_option(colouring)
        one.press(25)
        assert page.evaluate("[explorer.map.focus, explorer.map.ring]") == [None, 25]
    for mode in ("select a box", "draw a lasso"):
        one.press(25)
        assert page.locator("#point").is_visible()
        one.drag_over_the_map(mode)
        assert page.locator("#point").is_hidden() and page.evaluate("explorer.map.ring") is None
        assert page.evaluate("explorer.map.threads") == [] and page.locator("#card").is_hidden()
        page.get_by_role("radio", name="move").click()
    one.press(25)
    one.cluster(0).locator(".open").click()
    assert page.locator("#point").is_hidden() and page.evaluate("explorer.map.ring") is None


def test_a_hidden_cluster_leaves_the_others_as_they_are(one):
    one.cluster(0).locator(".eye").click()
    assert one.visible() == [0] * 20 + [1] * 20 and one.page.evaluate("explorer.map.focus") is None
    one.cluster(0).locator(".open").click()  # there is nothing of it to stand out
    assert one.page.evaluate("explorer.map.focus") is None


def test_arrow_keys_choose_what_dragging_does(one):
    page = one.page
    radios = page.get_by_role("radio")
    radios.first.focus()
    for key, mode in (("ArrowRight", "box"), ("ArrowDown", "lasso"), ("ArrowRight", "pan"), ("ArrowLeft", "lasso")):
        page.keyboard.press(key)
        assert page.evaluate("[explorer.map.mode, document.activeElement.dataset.mode]") == [mode, mode]
    assert radios.evaluate_all("all => all.map(radio => radio.tabIndex)") == [-1, -1, 0]


def test_confidence_and_outlier_score_are_explained_where_they_stand(one):
    page = one.page
    one.press(25)
    assert "Confidence is the share" in page.locator("#point-hint").inner_text()
    assert ("outlier score is 0" in page.locator("#point-hint").inner_text()) == (one.kind == "table")
    assert "Confidence is the share" in page.locator(".cluster .confidence").first.get_attribute("title")
    page.get_by_label("Colour by").select_option("confidence")
    assert "Confidence is the share" in page.locator("#colour-hint").inner_text()
    page.get_by_label("Colour by").select_option("cluster")
    assert page.locator("#colour-hint").is_hidden()
    one.cluster(0).locator(".open").click()
    assert "Confidence is the share" in one.cluster(0).inner_text()


def rows_of(one):
    """What a search calls the clusters."""
    names = one.clusters.names or [""] * 2
    return [f"cluster {i}: {name}" if name else f"cluster {i}" for i, name in enumerate(names)]


def test_a_search_finds_numbers_names_classes_and_clusters(one):
    page, query = one.page, one.page.get_by_role("searchbox")
    query.fill("12")
    assert page.locator("#found button").first.inner_text().startswith("point 12")
    query.press("Enter")
    assert page.get_by_role("heading", name="Point 12").is_visible() and page.locator("#found").is_hidden()
    query.fill("cluster 1")
    query.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.evaluate("explorer.current") == 1
    query.fill("1")
    query.press("Enter")
    assert page.evaluate("[explorer.current, explorer.selected]") == [1, None]  # the cluster, not the point
    query.fill("point 5")
    query.press("Enter")
    assert page.get_by_role("heading", name="Point 5", exact=True).is_visible()
    answers = page.locator("#found button")
    if one.data.y is not None:
        query.fill("class")
        assert answers.all_inner_texts() == ["class ant (21)", "class bee (19)"]
    if one.kind == "table":
        query.fill("weight")
        assert answers.all_inner_texts() == ["column weight", *rows_of(one)]  # they are described by it
        query.press("Enter")
        assert page.get_by_label("Colour by").locator("option:checked").inner_text() == "weight"
    page.get_by_role("button", name="Clear", exact=True).click()
    assert query.input_value() == "" and page.locator("#found").is_hidden()
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
