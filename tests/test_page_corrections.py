"""Names, merges and marks that a person gives to clusters on the page, in a browser."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from n2d.command import corrections, corrections_file


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
    assert page.locator(".label", has_text="=cmd()").count() == 1
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
    assert page.locator(".cluster").count() == page.locator(".label").count() == 1
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
        one.page.wait_for_function("window.explorer")
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
