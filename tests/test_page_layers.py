"""Several clusterings on one page, in a browser: the control that switches, the tree, and a cluster split in two."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from n2d.page import naming, profiles

SCREENS = ("desk", "phone")
EVERY = np.arange(40)
FINER = {"n_clusters": 4, "reason": "about as stable", "labels": EVERY // 10, "nested": True}
ACROSS = {"n_clusters": 3, "reason": "less stable, but more so than 4", "labels": EVERY // 14, "nested": False}
HALVES = np.where(EVERY < 20, EVERY >= 15, -1).astype(np.int8)  # cluster 1 is not divided


@pytest.fixture
def layered(opened, insects, tmp_path):
    """Function that opens the page of forty insects in 2, and in other numbers of clusters."""

    def layered(screen="desk", kind="table", layers=(FINER, ACROSS), **changes):
        data, clusters = insects(kind, tmp_path / "explore.html", layers=layers, **changes)
        one = opened(tmp_path / "explore.html", screen)
        one.data, one.clusters = data, clusters
        return one

    return layered


def show(one, n_clusters):
    one.page.get_by_role("radio", name=f"{n_clusters} clusters").click()


def test_the_page_of_a_model_has_what_the_fit_found(fitted, blobs, opened, tmp_path):
    model = copy.copy(fitted)
    model.scan_ = [{"n_clusters": k, "plausible": text} for k, text in ((2, "about as stable"), (4, "most stable"))]
    model.alternatives_ = [{"n_clusters": 2, "reason": "about as stable", "labels": model.clusters(2), "nested": True}]
    model.halves_ = (np.arange(400) % 3 == 0).astype(np.int8)
    model.explore(blobs[0]).save(tmp_path / "model.html")
    one = opened(tmp_path / "model.html")
    assert one.page.locator("#layer-reason").inner_text() == "the number of this run: most stable"
    one.cluster(3).locator(".open").click()
    one.cluster(3).locator("[data-role=split]").click()
    n = int(model.halves_[model.labels_ == 3].sum())
    assert one.cluster(3).locator(".part").last.inner_text().startswith(f"{n} points")
    show(one, 2)
    assert one.page.evaluate("[...explorer.map.groups]") == model.clusters(2).tolist()


def rows(one, what):
    return one.page.locator(f".cluster .{what}").all_inner_texts()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_one_control_switches_all_that_is_said_of_clusters(layered, screen, kind):
    one = layered(screen, kind, reason="most stable")
    page, reason = one.page, one.page.locator("#layer-reason")
    choice = page.get_by_role("radiogroup", name="Clusters").get_by_role("radio")
    assert choice.all_inner_texts() == ["2", "3", "4"]
    assert reason.inner_text() == "the number of this run: most stable"
    page.get_by_label("Colour by").select_option("cluster")
    one.cluster(1).locator(".open").click()
    show(one, 4)
    assert reason.inner_text() == choice.last.get_attribute("title") == "about as stable"
    assert [radio.get_attribute("aria-checked") for radio in choice.all()] == ["false", "false", "true"]
    named = naming.named(FINER["labels"], 4, one.data.y, one.data.label_names)
    profile = profiles.profile(one.data, FINER["labels"], 4)
    assert rows(one, "name") == [f"{name} cluster {i}" for i, name in enumerate(named.names)]
    assert rows(one, "description") == [text for text in profile["description"] if text]
    assert sorted(one.labels().all_text_contents()) == sorted(named.names)
    assert page.evaluate("[...explorer.map.groups]") == FINER["labels"].tolist()
    shown = page.evaluate("[...Array(4).keys()].map(c => explorer.points.ofCluster.get(c).members)")
    assert shown == [list(map(int, members)) for members in profile["members"]]
    assert page.locator("#shown-head").inner_text() == "Selection"  # cluster 1 is another one now
    one.cluster(3).locator(".open").click()
    assert page.evaluate("explorer.shown") == list(range(30, 40))
    page.get_by_role("searchbox").fill("cluster 3")
    assert page.locator("#found button").first.inner_text() == f"cluster 3: {named.names[3]}"
    page.locator("#filtering").select_option("cluster")
    offered = page.get_by_label("Only points whose cluster is").locator("option").all_inner_texts()
    assert [text.rsplit(" (", 1)[0] for text in offered[1:]] == list(named.captions)
    show(one, 3)
    assert page.locator(".filter").count() == 0 and len(rows(one, "name")) == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]


@pytest.mark.parametrize("screen", SCREENS)
def test_arrow_keys_choose_the_layer(layered, screen):
    one = layered(screen)
    choice = one.page.locator("#layers").get_by_role("radio")
    choice.first.focus()
    for key, number in (("ArrowRight", "3"), ("ArrowDown", "4"), ("ArrowRight", "2"), ("ArrowLeft", "4")):
        one.page.keyboard.press(key)
        assert one.page.evaluate("[document.activeElement.textContent, explorer.points.layer.n_clusters]") == [
            number,
            int(number),
        ]
    assert choice.evaluate_all("all => all.map(radio => radio.tabIndex)") == [-1, -1, 0]


def test_without_layers_there_is_no_control_and_no_tree(layered):
    one = layered(layers=())
    assert one.page.locator("#layers").is_hidden() and one.page.locator("#tree").is_hidden()
    one.drag_over_the_map()
    assert not [name for name in pd.read_csv(one.saved("Save as CSV")) if name.startswith("cluster_of")]


@pytest.mark.parametrize("screen", SCREENS)
def test_the_saved_table_has_the_clusters_of_every_layer(layered, screen):
    one = layered(screen)
    one.drag_over_the_map()
    one.page.evaluate("explorer.corrections.rename(0, 'first')")
    table = pd.read_csv(one.saved("Save as CSV"))
    assert list(table)[:6] == ["index", "cluster", "cluster_name", "cluster_of_4", "cluster_of_3", "confidence"]
    assert table["cluster"].tolist() == one.clusters.labels.tolist()
    assert table["cluster_of_4"].tolist() == FINER["labels"].tolist()
    assert table["cluster_of_3"].tolist() == ACROSS["labels"].tolist()
    show(one, 3)
    assert one.page.evaluate("explorer.shown") == list(range(40))  # a selection stays
    one.page.evaluate("explorer.corrections.merge(2, 0)")
    table = pd.read_csv(one.saved("Save as CSV"))
    assert list(table)[3:5] == ["cluster_of_2", "cluster_of_4"]
    assert table["cluster"].tolist() == (ACROSS["labels"] % 2).tolist()
    assert table["cluster_of_2"].tolist() == one.clusters.labels.tolist()


def test_confidence_is_said_to_be_of_the_chosen_clusters(layered):
    one = layered()
    assert rows(one, "confidence") == ["confidence 0.88", "confidence 0.62"]
    show(one, 4)
    one.cluster(0).locator(".open").click()
    assert rows(one, "confidence") == [""] * 4 and "Confidence" not in one.cluster(0).inner_text()
    one.page.get_by_label("Colour by").select_option("confidence")
    one.page.evaluate("explorer.select([3], 'selected')")
    for place in ("#colour-hint", "#point-hint"):
        assert "It is of the 2 clusters of this run." in one.page.locator(place).inner_text()
    show(one, 2)
    assert "It is of" not in one.page.locator("#colour-hint").inner_text()


@pytest.mark.parametrize("screen", SCREENS)
def test_each_layer_has_its_own_corrections(layered, screen):
    one = layered(screen)
    page, changes = one.page, one.page.locator("#changes")
    page.evaluate("explorer.corrections.rename(0, 'first')")
    show(one, 4)
    assert changes.inner_text().startswith("Click a cluster") and page.get_by_role("button", name="Undo").is_disabled()
    page.evaluate("explorer.corrections.merge(3, 2), explorer.corrections.mark(0)")
    made = json.loads(one.saved("Save corrections").read_text())
    assert (made["n_clusters"], made["fingerprint"]) == (4, naming.fingerprint(FINER["labels"]))
    assert (made["names"], made["merged"], made["marked"]) == ({}, {"3": 2}, [0])
    show(one, 2)
    assert "1 correction, not saved" in changes.inner_text() and "first cluster 0" in rows(one, "name")
    made = json.loads(one.saved("Save corrections").read_text())
    assert (made["n_clusters"], made["fingerprint"]) == (2, one.clusters.fingerprint)
    assert (made["names"], made["merged"], made["marked"]) == ({"0": "first"}, {}, [])
    show(one, 4)
    one.reload()
    assert page.locator("#layer-choice [aria-checked=true]").inner_text() == "4"  # as the person left it
    assert len(rows(one, "name")) == 3 and "2 corrections, saved" in changes.inner_text()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert len(rows(one, "name")) == 4
    show(one, 2)
    assert "first cluster 0" in rows(one, "name")


def unfold_tree(one):
    one.page.locator("#tree summary").click()
    one.wait_until("!!document.querySelector('[data-role=node]')")  # a browser tells of it a little later


def branches(one):
    """The tree in lines: how deep each node is, and what it says."""
    return one.page.evaluate("""() => {
        const depth = (node) => (node ? 1 + depth(node.parentElement.closest('ul')) : -1);
        const nodes = [...document.querySelectorAll('[data-role=node]')];
        return nodes.map((node) => [depth(node), node.innerText.split('\\n').join(' ')]);
    }""")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_tree_has_finer_clusters_under_coarser_ones(layered, screen):
    one = layered(screen, "unlabelled", layers=[FINER])
    page = one.page
    unfold_tree(one)
    coarse = [[1, "cluster 0 of 2 20"], [2, "cluster 0 of 4 10"], [2, "cluster 1 of 4 10"]]
    fine = [[1, "cluster 1 of 2 20"], [2, "cluster 2 of 4 10"], [2, "cluster 3 of 4 10"]]
    assert branches(one) == coarse + fine
    assert page.locator("#tree-hint").inner_text() == "Each cluster is a part of the one above it."
    fold = page.get_by_role("button", name="Parts of cluster 0 of 2")
    fold.press("Enter")
    assert fold.get_attribute("aria-expanded") == "false" and branches(one) == coarse[:1] + fine
    assert page.evaluate("document.activeElement.dataset.node") == "fold 2 0"
    fold.press("Enter")
    assert branches(one) == coarse + fine
    page.get_by_role("button", name="cluster 3 of 4").click()  # of a layer that is not shown
    assert page.evaluate("explorer.shown") == list(range(30, 40)) and len(rows(one, "name")) == 2
    assert page.get_by_role("status").inner_text() == "10 points in cluster 3 of 4."
    page.locator("[data-node='2 1']").click()
    assert page.evaluate("[explorer.current, explorer.shown.length]") == [1, 20]
    show(one, 4)
    page.evaluate("explorer.corrections.merge(1, 0), explorer.corrections.rename(3, 'last')")
    assert branches(one) == [
        [1, "cluster 0 of 2 20"],
        [2, "cluster 0 of 4 20"],
        [1, "cluster 1 of 2 20"],
        [2, "cluster 2 of 4 10"],
        [2, "last of 4 10"],
    ]
    box = page.locator("#tree").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= one.screen["width"]
    if screen == "phone":
        assert all(node.bounding_box()["height"] >= 36 for node in page.locator(".node button").all())


def test_clusters_that_are_no_divisions_stand_where_most_of_them_is(layered):
    one = layered(kind="unlabelled", layers=[ACROSS])
    unfold_tree(one)
    assert branches(one) == [
        [1, "cluster 0 of 2 20"],
        [2, "cluster 0 of 3 14"],
        [1, "cluster 1 of 2 20"],
        [2, "cluster 1 of 3 14, 57%"],
        [2, "cluster 2 of 3 12"],
    ]
    assert "The 3 clusters are not all parts of coarser ones" in one.page.locator("#tree-hint").inner_text()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_cluster_is_split_in_two_after_a_look_at_its_parts(layered, screen, kind):
    one = layered(screen, kind, halves=HALVES)
    page = one.page
    one.cluster(1).locator(".open").click()
    assert one.cluster(1).get_by_role("button", name="Split").count() == 0
    one.cluster(0).locator(".open").click()
    split = one.cluster(0).get_by_role("button", name="Split", exact=False).first
    split.click()
    assert split.get_attribute("aria-expanded") == "true"
    parts = one.cluster(0).locator(".part")
    assert [text.split("\n")[0].strip() for text in parts.all_inner_texts()] == ["15 points", "5 points"]
    if kind == "table":  # they differ in nothing but this
        assert parts.locator(".description").all_inner_texts() == ["low length", "high length"]
    else:
        assert parts.locator("canvas").count() == 10
    expected = [0] * 15 + [2] * 5 + [1] * 20
    assert page.evaluate("[...explorer.map.groups]") == expected and page.locator(".cluster").count() == 2
    color = page.evaluate("explorer.map.colors[2]")
    assert one.labels().filter(has_text="cluster 2").count() == 1
    page.get_by_role("button", name="Cancel").click()
    assert page.evaluate("[...explorer.map.groups]") == one.clusters.labels.tolist()
    split.click()
    one.cluster(1).locator(".open").click()  # what is proposed is gone when something else is shown
    assert page.evaluate("[...explorer.map.groups]") == one.clusters.labels.tolist()
    one.cluster(0).locator(".open").click()
    split.click()
    page.get_by_role("button", name="Split so").click()
    assert page.evaluate("[...explorer.map.groups]") == expected and page.evaluate("explorer.map.colors[2]") == color
    assert sorted(rows(one, "count")) == ["15", "20", "5"] and "1 correction" in page.locator("#changes").inner_text()
    assert "5 points of" in page.get_by_role("status").inner_text()
    assert split.count() == 0  # it is split already
    made = json.loads(one.saved("Save corrections").read_text())
    assert made["split"] == {"0": 2} and made["moved"] == {} and made["n_clusters"] == 2
    one.reload()
    assert len(rows(one, "name")) == 3
    page.get_by_role("button", name="Undo").click()
    assert rows(one, "count") == ["20", "20"]


def test_splits_come_first_then_moves_then_merges(layered):
    one = layered(kind="unlabelled", halves=HALVES)
    page = one.page
    groups = lambda: page.evaluate("[...explorer.map.groups]")  # noqa: E731
    page.evaluate("explorer.move([15, 30], null)")  # to cluster 2, which is new
    one.cluster(0).locator(".open").click()
    one.cluster(0).locator("[data-role=split]").click()
    assert "4 points" in one.cluster(0).locator(".part").last.inner_text()  # one of the five was moved
    page.get_by_role("button", name="Split so").click()
    expected = [0] * 15 + [2] + [3] * 4 + [1] * 10 + [2] + [1] * 9
    assert groups() == expected and rows(one, "count") == ["19", "15", "4", "2"]
    page.evaluate("explorer.move([16], 0)")
    page.evaluate("explorer.move([15], 3)")  # where the split put it: it is moved no more
    expected[15:17] = [3, 0]
    assert groups() == expected and rows(one, "count") == ["19", "16", "4", "1"]
    page.evaluate("explorer.corrections.merge(3, 1)")
    expected = [1 if c == 3 else c for c in expected]
    assert groups() == expected and rows(one, "count") == ["23", "16", "1"]
    made = json.loads(one.saved("Save corrections").read_text())
    assert (made["split"], made["moved"], made["merged"]) == ({"0": 3}, {"16": 0, "30": 2}, {"3": 1})
    one.reload()
    assert groups() == expected
    page.get_by_role("button", name="Discard all").click()
    assert groups() == one.clusters.labels.tolist()


def test_only_the_chosen_layer_is_split_and_what_was_applied_stays(layered):
    corrections = {"names": {2: "tip"}, "merged": {}, "marked": [], "moved": {}, "outliers": [], "split": {0: 2}}
    one = layered(kind="unlabelled", halves=HALVES, corrections=corrections)
    assert rows(one, "name") == ["cluster 1", "cluster 0", "tip cluster 2"] and rows(one, "count") == ["20", "15", "5"]
    assert one.page.get_by_role("button", name="Save corrections").is_disabled()
    show(one, 4)
    for c in range(4):
        one.cluster(c).locator(".open").click()
        assert one.page.locator("[data-role=split]").count() == 0
    assert one.page.get_by_role("button", name="Save corrections").is_disabled()


@pytest.mark.parametrize("split", [{"1": 2}, {"0": 1}, {"0": "x"}, {"7": 2}, 5])
def test_no_split_that_no_page_can_have_kept_is_taken(layered, split):
    one = layered(kind="unlabelled", halves=HALVES)
    kept = json.dumps({"names": {}, "merged": {}, "marked": [], "split": split})
    one.page.evaluate("text => localStorage.setItem(explorer.corrections.key, text)", kept)
    one.reload()
    assert rows(one, "count") == ["20", "20"] and one.page.get_by_role("button", name="Undo").is_disabled()


def test_corrections_that_an_older_page_kept_are_still_there(layered):
    one = layered(kind="unlabelled", halves=HALVES)
    before = json.dumps({"names": {}, "merged": {}, "marked": [], "moved": {}, "outliers": []})
    state = {"names": {"0": "first"}, "merged": {}, "marked": [], "moved": {}, "outliers": []}
    kept = json.dumps({**state, "past": [before], "saved": json.dumps(state)})
    one.page.evaluate("text => localStorage.setItem(explorer.corrections.key, text)", kept)
    one.reload()
    assert "first cluster 0" in rows(one, "name") and "saved as a file" in one.page.locator("#changes").inner_text()
    one.page.get_by_role("button", name="Undo").click()
    assert rows(one, "name") == ["cluster 0", "cluster 1"]


def test_layers_take_a_byte_a_point_and_a_sample_of_many_points_has_their_typical_ones(layered):
    one = layered(kind="unlabelled", layers=[FINER], halves=HALVES, max_points=39)
    types = one.page.evaluate(
        "explorer.points.layers.map(({ found, half }) => [found, half].map(a => a?.BYTES_PER_ELEMENT))"
    )
    assert types == [[1, 1], [1, None]]
    assert len(one.page.evaluate("[...explorer.points.index]")) == 39
    show(one, 4)
    assert rows(one, "count") == ["10"] * 4  # of all samples


@pytest.mark.parametrize("screen", SCREENS)
def test_all_that_layers_bring_has_a_name(layered, screen):
    one = layered(screen, halves=HALVES)
    unfold_tree(one)
    one.cluster(0).locator(".open").click()
    one.cluster(0).locator("[data-role=split]").click()
    for control in one.page.locator("#layers button, #tree button, .cluster button").all():
        assert control.evaluate("it => it.getAttribute('aria-label') || it.innerText").strip()
    nested = "all => all.filter(it => it.querySelector('button, select, input, a')).length"
    assert one.page.locator("button, summary").evaluate_all(nested) == 0
    assert one.page.evaluate("document.documentElement.scrollWidth") <= one.screen["width"]
    one.page.get_by_role("button", name="Dark").click()
    for text in one.page.locator("#layers .hint, .node small, .part").all():
        ink, ground = text.evaluate(
            "it => [getComputedStyle(it).color, getComputedStyle(document.body).backgroundColor]"
        )
        lights = [sum(map(int, color[4:-1].split(", "))) for color in (ink, ground)]
        assert lights[0] - lights[1] > 300
