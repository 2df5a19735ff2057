"""Names, merges and marks that a person gives to clusters on the page, in a browser."""

import json
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from n2d.command.finished import corrections, corrections_file
from n2d.page import explorer, naming, profiles
from n2d.readers.samples import Dataset


def names_of(one):
    """The names of the clusters in the panel, with their marks."""
    texts = one.page.locator(".cluster .name").all_inner_texts()
    return [text if text.startswith(("cluster", "★ cluster")) else text.rsplit(" cluster ")[0] for text in texts]


def test_clusters_are_renamed_marked_merged_and_given_back(one):
    page = one.page
    one.cluster(1).locator(".open").click()
    name = one.cluster(1).get_by_role("textbox")
    name.fill("=cmd()")
    name.press("Enter")
    assert one.cluster(1).locator(".name").inner_text() == "=cmd() cluster 1"
    assert one.labels().filter(has_text="=cmd()").count() == 1
    assert "Cluster 1 is now called =cmd()." in page.get_by_role("status").inner_text()
    one.cluster(1).locator("[data-role=mark]").click()
    assert names_of(one)[-1] == "★ =cmd()"
    table = pd.read_csv(one.saved("Save as CSV"), dtype=str)
    assert set(table["cluster_name"]) == {"'=cmd()"}  # no spreadsheet calculates it
    made = json.loads(one.saved("Save corrections").read_text())
    assert made["names"] == {"1": "=cmd()"} and made["marked"] == [1] and made["merged"] == {}
    assert (made["n_samples"], made["n_clusters"], made["fingerprint"]) == (40, 2, one.clusters.fingerprint)
    one.cluster(0).locator(".open").click()
    one.cluster(0).locator("[data-role=merge]").select_option("1")
    assert page.locator(".cluster").count() == one.labels().count() == 1
    assert one.cluster(1).locator(".count").inner_text() == "40"
    one.reload()  # the browser has kept them
    assert names_of(one) == ["★ =cmd()"]
    made = json.loads(one.saved("Save corrections").read_text())
    assert made["merged"] == {"0": 1}
    one.cluster(1).locator(".open").click()
    one.cluster(1).locator("[data-role=mark]").click()
    page.get_by_role("button", name="Undo").click()
    assert names_of(one) == ["★ =cmd()"]
    page.evaluate("() => { localStorage.clear(); }")
    one.reload()
    assert names_of(one) == list(one.clusters.names or one.clusters.captions)


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_points_are_moved_marked_as_outliers_and_all_is_undone_after_a_reload(opened, insects, tmp_path, screen):
    insects("table", tmp_path / "explore.html")
    one = opened(tmp_path / "explore.html", screen)
    page, changes, move = one.page, one.page.locator("#changes"), one.page.get_by_label("Move these points to")
    assert page.locator("#edit").is_hidden()
    page.evaluate("explorer.select([0, 1, 2, 30], 'selected')")
    move.select_option("a new cluster")
    assert page.get_by_role("status").inner_text() == "4 points moved to cluster 2."
    assert page.locator(".cluster .count").all_inner_texts() == ["19", "17", "4"]
    page.get_by_role("button", name="Mark as outliers").click()
    assert page.evaluate("[...Array(40).keys()].filter(i => explorer.map.groups[i] === 3)") == [0, 1, 2, 30]
    page.evaluate("explorer.select([3, 4], 'selected')")
    move.select_option("1")
    assert "7 corrections" not in changes.inner_text() and "10 corrections, not saved" in changes.inner_text()
    table = pd.read_csv(one.saved("Save as CSV"))
    assert table["marked_outlier"].tolist() == [0, 0] and table["cluster"].tolist() == [1, 1]
    made = corrections_file.read(one.saved("Save corrections"))
    assert made.moved == {0: 2, 1: 2, 2: 2, 30: 2, 3: 1, 4: 1} and made.outliers == (0, 1, 2, 30) and made.n_all == 3
    assert "10 corrections, saved as a file" in changes.inner_text()
    one.reload()
    assert "10 corrections, saved as a file" in changes.inner_text()
    page.get_by_role("button", name="Undo").click()
    assert "8 corrections, not saved" in changes.inner_text()
    page.get_by_role("button", name="Discard all").click()
    assert page.locator(".cluster").count() == 2 and changes.inner_text().startswith("Click a cluster")
    page.get_by_role("button", name="Undo").click()
    assert page.locator(".cluster").count() == 3
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    assert page.locator(".cluster .count").all_inner_texts() == ["20", "20"]
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_a_new_cluster_without_points_is_gone_with_its_name_and_mark(opened, insects, tmp_path):
    insects("unlabelled", tmp_path / "explore.html")
    one = opened(tmp_path / "explore.html")
    one.page.evaluate("""() => {
        const { corrections } = explorer;
        explorer.move([0, 1], null), corrections.rename(2, 'odd'), corrections.mark(2), explorer.move([0], 1);
    }""")
    assert names_of(one) == ["cluster 1", "cluster 0", "★ odd"]
    one.page.locator("#filtering").select_option("cluster")
    one.page.get_by_label("Only points whose cluster is").select_option(label="odd (cluster 2) (1)")
    assert one.visible() == [0, 1] + [0] * 38
    one.page.evaluate("explorer.move([1], 1)")
    assert one.visible() == [1] * 40  # clusters have changed, and the filter is gone
    made = corrections_file.read(one.saved("Save corrections"))
    assert made.names == {} and made.marked == () and made.moved == {0: 1, 1: 1}
    one.reload()
    assert names_of(one) == ["cluster 1", "cluster 0"]


def test_a_merged_cluster_is_described_anew_and_can_be_taken_apart(opened, insects, tmp_path):
    labels = np.arange(40) // 10
    x = np.column_stack([np.repeat([0, 9, 9, 0], 10), np.repeat([5, 5, 0, 9], 10), np.arange(40) % 7]).astype(float)
    clusters = naming.named(labels, 4)
    names = tuple(f"{'ant bee cow cow'.split()[i]} {k}" for k, i in enumerate(labels))
    data = Dataset(x, None, feature_names=("height", "width", "noise"), sample_names=names)
    profile = profiles.profile(data, labels, 4)
    shown = {"confidence": np.ones(40), "title": "four", "profile": profile}
    explorer.explore(data, x[:, :2] + x[:, 2:], clusters, tmp_path / "e.html", **shown)
    one = opened(tmp_path / "e.html")
    description = one.cluster(2).locator(".description").first
    for c in range(4):  # the page says the same as the run
        said = "([c, n]) => explorer.points.describer.describe(explorer.points.members(c), n)"
        assert one.page.evaluate(said, [c, 4]) == profile["description"][c]
    merge(one, 3, 2)
    merge(one, 1, 2)
    labels = np.where(labels > 0, 2, 0)
    assert description.inner_text() == profiles.profile(data, labels, 3)["description"][2]
    one.cluster(2).get_by_label("Un-merge from cluster 2").select_option("cluster 1")
    assert names_of(one) == ["cluster 2", "cluster 0", "cluster 1"]
    one.cluster(2).get_by_label("Un-merge from cluster 2").select_option("cluster 3")
    assert names_of(one) == [f"cluster {i}" for i in range(4)]
    assert description.inner_text() == profile["description"][2]


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_the_map_and_its_legend_are_saved_as_pictures(opened, insects, tmp_path, screen):
    insects("table", tmp_path / "explore.html", label_names=("ant & <b>", "bee"))
    one = opened(tmp_path / "explore.html", screen)
    one.page.get_by_label("Colour by").select_option("label")
    svg = ElementTree.fromstring(one.saved("Save the map as SVG").read_text())
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"ant & <b>", "bee", "ant & <b>, 21 points", "bee, 19 points", "Insects, coloured by true class"} <= {*texts}
    dots = "".join(path.get("d") for path in svg.iter("{http://www.w3.org/2000/svg}path"))
    assert dots.count("M") == 40
    png = np.asarray(Image.open(one.saved("Save the map as PNG")).convert("RGB"))
    assert png.shape[1] == 2 * int(svg.get("width")) and png.shape[0] == 2 * int(svg.get("height"))
    assert len(np.unique(png.reshape(-1, 3), axis=0)) > 10


@pytest.fixture
def four(fitted, blobs, opened, tmp_path):
    """The page of four clusters."""
    fitted.explore(blobs[0]).save(tmp_path / "four.html")
    return opened(tmp_path / "four.html")


def merge(one, number, into):
    one.cluster(number).locator(".open").click()
    one.cluster(number).locator("[data-role=merge]").select_option(str(into))


def test_what_is_saved_can_be_applied_and_no_merge_leads_to_another(four, fitted):
    merge(four, 3, 2)
    merge(four, 2, 1)
    assert names_of(four) == ["cluster 1", "cluster 0"]
    assert four.cluster(1).locator(".description").last.inner_text() == "with cluster 2, cluster 3"
    made = corrections_file.read(four.saved("Save corrections"))
    assert made.merged == {3: 1, 2: 1} and made.names == {} and made.marked == ()
    numbers = corrections_file.corrected(made, [""] * 4)[0]
    assert np.bincount(numbers[fitted.labels_]).tolist() == [100, 300]


def test_each_step_can_be_taken_back_by_keys(four):
    merge(four, 3, 2)
    four.cluster(2).locator("[data-role=mark]").click()
    for expected in (["★ cluster 2", 2], ["cluster 2", 1], ["cluster 2", 0]):
        assert [
            four.cluster(2).locator(".name").inner_text(),
            four.page.evaluate("explorer.corrections.count"),
        ] == expected
        four.page.locator("#dots").press("Control+z")
    assert names_of(four) == [f"cluster {i}" for i in range(4)]
    assert four.page.get_by_role("button", name="Save corrections").is_disabled()


@pytest.mark.parametrize(
    "kept",
    [
        "{",
        "null",
        '{"names": {"7": "a"}, "merged": {}, "marked": []}',
        '{"names": {"0": 7}, "merged": {}, "marked": []}',
        '{"names": {}, "merged": {"0": 1, "1": 0}, "marked": []}',
        '{"names": {}, "merged": {}, "marked": [9]}',
    ],
)
def test_what_no_page_can_have_kept_is_left(four, kept):
    four.page.evaluate("text => localStorage.setItem(explorer.corrections.key, text)", kept)
    four.reload()
    assert names_of(four) == [f"cluster {i}" for i in range(4)]


def test_what_is_kept_is_of_these_clusters_alone(insects, opened, tmp_path):
    insects("unlabelled", tmp_path / "a.html")
    insects("unlabelled", tmp_path / "b.html", labels=np.arange(40) % 2)
    one = opened(tmp_path / "a.html")
    one.page.evaluate("explorer.corrections.rename(0, 'left')")
    for name, expected in (("b", "cluster 0"), ("a", "left")):
        one.page.goto((tmp_path / f"{name}.html").as_uri())
        one.wait_until("!!window.explorer")
        assert names_of(one)[0] == expected


def test_what_was_applied_stays_on_the_new_page_and_in_what_it_saves(digits, opened, tmp_path):
    """Numbers, names, merges and marks, until a person takes them back."""
    folder = shutil.copytree(digits[0], tmp_path / "run")
    one = opened(folder / "explore.html")
    merge(one, 7, 3)
    one.page.evaluate("explorer.corrections.rename(3, 'three')")
    one.cluster(3).locator("[data-role=mark]").click()
    corrections.main([str(one.saved("Save corrections")), str(folder)])
    one.reload()
    numbers = [i for i in range(10) if i != 7]
    assert one.page.evaluate("explorer.points.roots") == numbers
    assert one.cluster(3).locator(".name").inner_text() == "★ three cluster 3"
    assert one.page.get_by_role("button", name="Save corrections").is_disabled()  # nothing is new
    one.page.evaluate("explorer.corrections.rename(0, 'nought')")
    corrections.main([str(one.saved("Save corrections")), str(folder)])
    table = pd.read_csv(folder / "clusters.csv")
    assert sorted(set(table["cluster"])) == numbers
    assert set(table["marked"][table["cluster"] == 3]) == {1} and set(table["marked"][table["cluster"] != 3]) == {0}
    one.reload()
    assert one.cluster(3).locator(".name").inner_text() == "★ three cluster 3"
    assert one.cluster(0).locator(".name").inner_text() == "nought cluster 0"
    one.cluster(3).locator(".open").click()
    one.cluster(3).locator("[data-role=mark]").click()
    corrections.main([str(one.saved("Save corrections")), str(folder)])
    assert "marked" not in pd.read_csv(folder / "clusters.csv")
