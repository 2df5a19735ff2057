"""`n2d.py apply`: what the page saved, in the files of a run; and files that say what no page can have saved."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import saved, table_of
from sklearn.datasets import load_wine

import n2d
from n2d import metrics
from n2d.command.finished import corrections, corrections_file, layers
from n2d.method.clusters import alternatives, n_clusters
from n2d.page import explorer, naming

ORIGINAL = corrections.ORIGINAL
EVIL = "</script><img src=x onerror=alert(1)>"
PICTURES = {"clusters.png", "confusion.png", "digits-n2d.png", "digits-n2d-predicted.png", "explore.html"}


@pytest.fixture
def folder(digits, tmp_path):
    """A run's save folder, and a copy for this test."""
    return shutil.copytree(digits[0], tmp_path / "run")


def test_table_scores_and_pictures_are_corrected_and_nothing_is_lost(apply, folder, tmp_path):
    before = (folder / "clusters.csv").read_bytes()
    record = json.loads((folder / "metrics.json").read_text())
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    path = saved(tmp_path / "c.json", folder, names={"3": "=cmd()", "2": EVIL}, merged={"7": 3}, marked=[3])
    assert "10 clusters, now 9: 2 renamed, 1 merged, 1 marked" in apply(path, folder)
    assert (folder / "clusters-original.csv").read_bytes() == before
    old, new = table_of(folder, "clusters-original.csv"), table_of(folder)
    others = [column for column in old if column.startswith("cluster_of_")]
    assert list(new) == ["index", "cluster", "cluster_name", "marked", *others, "confidence", "outlier", "label"]
    numbers = [i for i in range(10) if i != 7]  # those that a person has seen
    profile, steps = pd.read_csv(folder / "profile.csv"), pd.read_csv(folder / "hierarchy.csv", dtype=str)
    assert profile["cluster"].tolist() == pd.read_csv(folder / "merged.csv")["cluster"].tolist() == numbers
    last = " ".join(steps.loc[7, ["first", "second"]]).split()
    assert len(steps) == 8 and sorted(map(int, last)) == numbers
    pd.testing.assert_frame_equal(new[["index", "confidence", "label"]], old[["index", "confidence", "label"]])
    assert new["cluster"].equals(old["cluster"].replace("7", "3"))
    assert profile["size"].tolist() == [int((new["cluster"] == str(i)).sum()) for i in numbers]
    joined = old["cluster"].isin(["3", "7"])
    assert set(new["cluster_name"][joined]) == {"'=cmd()"} and set(new["marked"][joined]) == {"1"}
    assert set(new["cluster_name"][old["cluster"] == "2"]) == {EVIL}
    others = ~old["cluster"].isin(["2", "3", "7"])
    assert (new["cluster_name"][others] == old["cluster_name"][others]).all()
    scores = json.loads((folder / "metrics.json").read_text())
    expected = metrics.scores(new["label"].astype(int).to_numpy(), new["cluster"].astype(int).to_numpy())
    assert {name: scores[name] for name in expected} == pytest.approx(expected)
    assert scores["corrections"]["before"]["acc"] == record["acc"] > scores["acc"]
    assert scores["arguments"] == record["arguments"] and "clusters-original.csv" in scores["files"]
    assert {*record["files"]} <= {*scores["files"]}
    changed = {path.name for path in folder.iterdir() if times.get(path.name) != path.stat().st_mtime_ns}
    tables = {"clusters.csv", "clusters-original.csv", "metrics.json", "profile.csv", "hierarchy.csv", "merged.csv"}
    assert changed == PICTURES | tables | {"hierarchy.png"}
    assert EVIL not in (folder / "explore.html").read_text()


def test_samples_are_moved_and_marked_as_outliers_and_it_is_said_in_words(apply, folder, tmp_path):
    found = table_of(folder)["cluster"].astype(int)
    three, one, name = *(np.flatnonzero(found == i)[:4].tolist() for i in (3, 1)), table_of(folder)["cluster_name"]
    moved = {str(i): 10 for i in three} | {str(i): 5 for i in one}
    changes = {"moved": moved, "outliers": [7, 9], "names": {"10": "odd ones"}, "merged": {"7": 6}}
    told = apply(saved(tmp_path / "c.json", folder, **changes), folder)
    assert "10 clusters, now 10: 1 renamed, 1 merged, 8 samples moved, 2 samples marked as outliers" in told
    assert f"4 samples of {name[three[0]]} (cluster 3) moved to new cluster 10" in told
    assert f"4 samples of {name[one[0]]} (cluster 1) moved to {name[found == 5].iloc[0]} (cluster 5)" in told
    assert "(cluster 7) is part of" in told and "2 samples marked as outliers: 7, 9" in told
    table = table_of(folder)
    assert set(table["cluster"][three]) == {"10"} and set(table["cluster_name"][three]) == {"odd ones"}
    assert set(table["cluster"][one]) == {"5"} and not (table["cluster"] == "7").any()
    assert np.flatnonzero(table["marked_outlier"] == "1").tolist() == [7, 9]
    rest = np.setdiff1d(np.arange(len(found)), three + one)
    assert (table["cluster"].astype(int)[rest] == found.replace(7, 6)[rest]).all()
    apply(saved(tmp_path / "d.json", folder, ORIGINAL), folder)  # and everything can be taken back
    assert (folder / "clusters.csv").read_bytes() == (folder / ORIGINAL).read_bytes()


def test_corrections_are_of_what_the_run_found_however_often_they_are_applied(apply, folder, tmp_path):
    first = saved(tmp_path / "1.json", folder, merged={"9": 8}, marked=[1])
    apply(first, folder)
    once = (folder / "clusters.csv").read_bytes()
    apply(first, folder)
    assert (folder / "clusters.csv").read_bytes() == once
    again = saved(tmp_path / "2.json", folder, ORIGINAL, merged={"9": 8, "7": 6}, marked=[1])
    assert "10 clusters, now 8" in apply(again, folder)
    assert set(table_of(folder)["cluster"]) == set("01234568")
    assert set(table_of(folder)["marked"][table_of(folder)["cluster"] == "1"]) == {"1"}
    apply(saved(tmp_path / "3.json", folder, ORIGINAL), folder)
    assert (folder / "clusters.csv").read_bytes() == (folder / ORIGINAL).read_bytes()


def test_the_new_page_is_of_the_same_clusters_and_begins_with_what_was_applied(folder, tmp_path, monkeypatch, apply):
    pages, found = [], table_of(folder)["cluster"].astype(int).to_numpy()
    monkeypatch.setattr(
        explorer, "explore", lambda data, embedding, clusters, path, **shown: pages.append((clusters, shown))
    )
    wanted = {"names": {"3": "three"}, "merged": {"7": 3}, "marked": [3, 7]}
    apply(saved(tmp_path / "c.json", folder, **wanted), folder)
    [(clusters, shown)] = pages
    assert clusters.fingerprint == naming.fingerprint(found)
    assert shown["corrections"] == {
        "names": {3: "three"},
        "merged": {7: 3},
        "marked": [3],
        "moved": {},
        "outliers": [],
        "split": {},
    }  # 7 is none any more


def test_what_was_added_to_the_table_stays_and_what_was_changed_in_it_is_not_written_over(
    apply, refused, folder, tmp_path
):
    path = saved(tmp_path / "c.json", folder, merged={"9": 8})
    apply(path, folder)
    table_of(folder).assign(note="mine").to_csv(folder / "clusters.csv", index=False)
    apply(saved(tmp_path / "d.json", folder, ORIGINAL, merged={"9": 7}), folder)
    assert set(table_of(folder)["note"]) == {"mine"} and set(table_of(folder)["cluster"]) == set("012345678")
    table_of(folder).assign(cluster_name="mine").to_csv(folder / "clusters.csv", index=False)
    before = (folder / "clusters.csv").read_bytes()
    refused(path, folder, "clusters.csv has other clusters or names than were written there: move it away")
    assert (folder / "clusters.csv").read_bytes() == before
    (folder / "clusters.csv").rename(tmp_path / "mine.csv")
    apply(path, folder)


def test_the_clusters_of_other_plausible_numbers_stay_those_that_the_run_found(apply, tmp_path, monkeypatch):
    monkeypatch.setattr(n_clusters, "NUMBERS", (2, 3, 6))
    monkeypatch.setattr(n_clusters, "plausible", lambda rows, best: {best: "most stable", 6: "finer", 2: "coarser"})
    load_wine(as_frame=True).frame.to_csv(tmp_path / "wine.csv", index=False)
    folder, of_others = tmp_path / "run", ["cluster_of_6", "cluster_of_2"]
    flags = ["--label_column=target", "--n_clusters=auto", "--pretrain_epochs=5", f"--save_dir={folder}"]
    n2d.main([str(tmp_path / "wine.csv"), *flags])
    before = table_of(folder)
    wanted = {"names": {"1": "red"}, "merged": {"2": 1}, "moved": {"0": 1}, "marked": [0]}
    apply(saved(tmp_path / "c.json", folder, **wanted), folder)
    after = table_of(folder)
    assert list(after) == ["index", "cluster", "cluster_name", "marked", *of_others, "confidence", "outlier", "label"]
    assert after[of_others].equals(before[of_others]) and not after["cluster"].equals(before["cluster"])
    apply(saved(tmp_path / "d.json", folder, ORIGINAL), folder)
    assert (folder / "clusters.csv").read_bytes() == (folder / ORIGINAL).read_bytes()


def test_a_split_makes_the_smaller_half_a_new_cluster_which_can_be_named_moved_into_and_merged(
    apply, folder, tmp_path, monkeypatch
):
    pages, found = [], table_of(folder)["cluster"].astype(int).to_numpy()
    monkeypatch.setattr(explorer, "explore", lambda *_, **shown: pages.append(shown["corrections"]))
    halves = np.load(folder / "halves.npy")
    three, four = (np.flatnonzero((found == i) & (halves == 1)) for i in (3, 4))
    name = table_of(folder).groupby("cluster")["cluster_name"].first()
    back, other = int(three[0]), int(np.flatnonzero(found == 1)[0])
    changes = {"split": {"3": 10, "4": 11}, "moved": {str(back): 3, str(other): 10}, "merged": {"11": 6}}
    told = apply(saved(tmp_path / "c.json", folder, **changes, names={"10": "odd ones"}), folder)
    assert "10 clusters, now 11: 2 split, 1 renamed, 1 merged, 2 samples moved" in told
    sizes = f"{len(three):,} of its {(found == 3).sum():,} samples are new cluster 10"
    assert f"{name['3']} (cluster 3) is split: {sizes}" in told
    assert f"1 sample of cluster 10 moved to {name['3']} (cluster 3)" in told
    assert f"cluster 11 is part of {name['6']} (cluster 6) now" in told
    expected = found.copy()
    expected[three], expected[four], expected[other], expected[back] = 10, 6, 10, 3
    after = table_of(folder)
    assert after["cluster"].astype(int).tolist() == expected.tolist()
    assert set(after["cluster_name"][after["cluster"] == "10"]) == {"odd ones"}
    assert pages[0]["split"] == {3: 10, 4: 11} and pages[0]["moved"] == {back: 3, other: 10}
    assert json.loads((folder / "metrics.json").read_text())["corrections"]["split"] == {"3": 10, "4": 11}
    apply(saved(tmp_path / "d.json", folder, ORIGINAL), folder)
    assert (folder / "clusters.csv").read_bytes() == (folder / ORIGINAL).read_bytes()


def test_a_cluster_without_halves_is_not_split(refused, folder, tmp_path):
    found = table_of(folder)["cluster"].astype(int).to_numpy()
    halves = np.load(folder / "halves.npy")
    np.save(folder / "halves.npy", np.where(found == 3, -1, halves).astype(np.int8))
    path = saved(tmp_path / "c.json", folder, split={"3": 10})
    refused(path, folder, "cluster 3 cannot be split: it was not divided in halves")
    np.save(folder / "halves.npy", halves[1:])  # of other samples
    refused(path, folder, "cluster 3 cannot be split: the run has no halves.npy of these samples")
    (folder / "halves.npy").unlink()
    refused(path, folder, "cluster 3 cannot be split: the run has no halves.npy of these samples")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Run, model and table of wines in four clusters, with three and five besides."""
    folder = tmp_path_factory.mktemp("grown")
    load_wine(as_frame=True).frame.to_csv(folder / "wine.csv", index=False)
    flags = ["--label_column=target", "--n_clusters=4", "--pretrain_epochs=5", "--manifold_learner=none"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alternatives, "well_supported", lambda assignment: {3: "coarser", 5: "finer"})
        n2d.main([str(folder / "wine.csv"), *flags, f"--save_dir={folder / 'run'}", f"--save_model={folder / 'model'}"])
    return folder


@pytest.fixture
def layered(grown, tmp_path):
    """A copy of the run and the model of `grown` for this test, and the table."""
    for name in ("run", "model"):
        shutil.copytree(grown / name, tmp_path / name)
    return tmp_path / "run", tmp_path / "model", grown / "wine.csv"


def test_corrections_of_another_number_make_its_clusters_the_run_s(layered, apply, refused, tmp_path, capsys):
    folder, model, data = layered
    before = table_of(folder)
    layer = before["cluster_of_5"].astype(int).to_numpy()
    wanted = {"fingerprint": naming.fingerprint(layer), "n_clusters": 5, "names": {"4": "small"}, "merged": {"2": 0}}
    told = apply(saved(tmp_path / "c.json", folder, **wanted), folder, f"--model={model}")
    assert "the run's clusters are those of cluster_of_5 now; the former ones are cluster_of_4" in told
    assert "5 clusters, now 4: 1 renamed, 1 merged" in told
    after = table_of(folder)
    others = ["cluster_of_3", "cluster_of_4"]
    assert list(after) == ["index", "cluster", "cluster_name", *others, "confidence", "outlier", "label"]
    assert after["cluster"].astype(int).tolist() == np.where(layer == 2, 0, layer).tolist()
    assert after["cluster_of_4"].equals(before["cluster"]) and after["cluster_of_3"].equals(before["cluster_of_3"])
    assert set(after["cluster_name"][layer == 4]) == {"small"}
    assert len(pd.read_csv(folder / "profile.csv")) == 4
    record = json.loads((folder / "metrics.json").read_text())
    assert record["corrections"]["n_clusters"] == 5
    n2d.main(["predict", str(model), str(data), "--label_column=target", f"--out={tmp_path / 'p.csv'}", "--layers"])
    assert "there are 5 instead of 4" in " ".join(capsys.readouterr().out.split())
    predicted = table_of(tmp_path, "p.csv")
    for column in ("cluster", "cluster_name", *others):
        assert predicted[column].equals(after[column])
    of_three = {"fingerprint": naming.fingerprint(before["cluster_of_3"].astype(int)), "n_clusters": 3}
    apply(saved(tmp_path / "d.json", folder, ORIGINAL, **of_three), folder, f"--model={model}")
    again = table_of(folder)
    assert again["cluster"].equals(before["cluster_of_3"]) and again["cluster_of_5"].equals(before["cluster_of_5"])
    refused(saved(tmp_path / "e.json", folder, ORIGINAL, **of_three | {"n_clusters": 2}), folder, "of other clusters")
    apply(saved(tmp_path / "f.json", folder, ORIGINAL), folder, f"--model={model}")
    assert (folder / "clusters.csv").read_bytes() == (folder / ORIGINAL).read_bytes()


def test_the_page_gets_the_clusters_of_the_numbers_beside(layered, tmp_path):
    folder, *_ = layered
    original, record = table_of(folder), json.loads((folder / "metrics.json").read_text())
    halves = np.load(folder / "halves.npy")
    for column, expected in (
        ("cluster", [(3, "coarser", "cluster_of_3"), (5, "finer", "cluster_of_5")]),
        ("cluster_of_3", [(4, layers.FOUND, "cluster"), (5, "finer", "cluster_of_5")]),
    ):
        labels = original[column].astype(int).to_numpy()
        of = corrections_file.Corrections(naming.fingerprint(labels), 178, labels.max() + 1, {}, {}, ())
        found = layers.beside(layers.layer_of(of, folder, original, halves, 4), original, record)
        assert [(one["n_clusters"], one["reason"]) for one in found] == [one[:2] for one in expected]
        for one, (*_, its_column) in zip(found, expected):
            assert one["labels"].tolist() == original[its_column].astype(int).tolist()


def test_a_cluster_of_another_number_is_split_into_those_that_it_was_merged_of(layered, apply, tmp_path):
    folder, *_ = layered
    before = table_of(folder)
    pairs = before.groupby("cluster_of_3")["cluster"].unique()
    [(whole, parts)] = [(i, parts) for i, parts in pairs.items() if len(parts) == 2]
    wanted = {"fingerprint": naming.fingerprint(before["cluster_of_3"].astype(int)), "n_clusters": 3}
    apply(saved(tmp_path / "c.json", folder, **wanted, split={whole: 3}), folder)
    smaller = max(parts, key=int)  # they are numbered by size
    assert table_of(folder)["cluster"].eq("3").equals(before["cluster"].eq(smaller))


def test_the_saved_model_knows_no_clusters_of_a_number_that_it_was_not_saved_with(layered, apply, refused, tmp_path):
    folder, model, _ = layered
    record = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(record | {"alternatives": []}))
    of_five = {"fingerprint": naming.fingerprint(table_of(folder)["cluster_of_5"].astype(int)), "n_clusters": 5}
    refused(saved(tmp_path / "c.json", folder, **of_five), folder, "it has no 5 clusters", f"--model={model}")


def test_without_the_data_the_rest_is_written(run, folder, tmp_path):
    record = json.loads((folder / "metrics.json").read_text())
    record["arguments"]["dataset"] = str(tmp_path / "gone.csv")
    (folder / "metrics.json").write_text(json.dumps(record))
    page = (folder / "explore.html").read_bytes()
    done = run("apply", str(saved(tmp_path / "c.json", folder, merged={"9": 8})), str(folder))
    assert done.returncode == 0 and "clusters.png and explore.html stay as they are" in done.stderr
    assert "gone.csv" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (folder / "explore.html").read_bytes() == page and "digits-n2d.png" in done.stdout
    assert table_of(folder)["cluster"].nunique() == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 1796}, "of other clusters: of 1,796 samples"),
        ({"n_clusters": 9}, "of other clusters"),
        ({"n_clusters": 11, "fingerprint": "0" * 16}, "of other clusters"),
        ({"fingerprint": "0" * 16}, "of other clusters"),
        ({"merged": {str(i): 0 for i in range(1, 10)}}, "merge all clusters into one: leave two at least"),
        ({"merged": {"3": 10}}, "cluster must be a whole number from 0 to 9, got 10"),
        ({"merged": {"-1": 2}}, "cluster must be a whole number"),
        ({"merged": {"1": 2, "2": 1}}, "is merged into another"),
        ({"merged": {"1": 1}}, "is merged into another"),
        ({"merged": {"1": 2.5}}, "cluster must be a whole number"),
        ({"marked": [True]}, "cluster must be a whole number"),
        ({"marked": "all"}, "marked must be a list"),
        ({"moved": {"1797": 2}}, "sample must be a whole number from 0 to 1796"),
        ({"moved": {"5": 1010}}, "cluster must be a whole number"),
        ({"moved": {"5": "2"}}, "cluster must be a whole number"),
        ({"moved": {"5": 10}, "merged": {"3": 10}}, "is merged into one that was added"),
        ({"moved": [5]}, "is damaged"),
        ({"split": [5]}, "is damaged"),
        ({"split": {"10": 11}}, "cluster must be a whole number from 0 to 9, got 10"),
        ({"split": {"3": 9}}, "half of a cluster must become a new one, from 10 on, got 9"),
        ({"split": {"3": 10, "4": 10}}, "halves of two clusters must become two new ones"),
        ({"split": {"3": 1010}}, "cluster must be a whole number"),
        ({"split": {"3": 10}, "merged": {"4": 10}}, "is merged into one that was added"),
        ({"outliers": [-1]}, "sample must be a whole number"),
        ({"outliers": 5}, "outliers must be a list"),
        ({"names": {"1": "a\nb"}}, "a name must be a text"),
        ({"names": {"1": "x" * 201}}, "a name must be a text"),
        ({"names": {"1": "\ud800"}}, "a name must be a text"),
        ({"names": {"1": ["a"]}}, "a name must be a text"),
        ({"names": [1, 2]}, "is damaged"),
        ({"n_clusters": 10**9}, "n_clusters must be a whole number"),
        ({"n2d": "model"}, "holds no corrections"),
    ],
    ids=str,
)
def test_stale_and_hostile_corrections_are_refused(folder, tmp_path, changes, message, refused):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    path = saved(tmp_path / "c.json", folder, **changes)
    refused(path, folder, message)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\xff", "null", '{"n2d": "corrections"}', "NaN"])
def test_what_is_no_file_of_corrections_is_refused(folder, tmp_path, text, refused):
    (tmp_path / "c.json").write_bytes(text.encode("latin-1"))
    refused(tmp_path / "c.json", folder, "c.json")


def test_folders_and_files_that_are_not_there_are_named(refused, folder, tmp_path):
    path = saved(tmp_path / "c.json", folder)
    refused(tmp_path / "none.json", folder, "none.json cannot be read")
    refused(tmp_path, folder, "cannot be read")
    refused(path, tmp_path / "nowhere", "nowhere is no folder")
    refused(path, tmp_path, "holds no run")
    for name in ("map.npy", "embedding.npy"):  # without the first, the second is the map
        (folder / name).unlink()
    refused(path, folder, "embedding.npy cannot be read")
    for text in ("a,b\n1,2\n", "cluster\n1\n", "cluster,confidence\n1,high\n"):
        (folder / "clusters.csv").write_text(text)
        refused(path, folder, "clusters.csv is no table of clusters")


def test_clusters_keep_their_numbers_and_are_told_apart():
    made = corrections_file.Corrections("", 8, 4, {1: "cat", 0: "cat"}, {3: 1, 2: 1}, (1, 3))
    numbers, names, marked = corrections_file.corrected(made, ["", "", "two", ""])
    assert numbers.tolist() == [0, 1, 1, 1] and names == ("cat", "cat #2", "", "")
    assert marked.tolist() == [False, True, False, False]
    assert corrections_file.corrected(corrections_file.Corrections("", 8, 4, {}, {}, ()), [""] * 4)[1] is None


def test_annotated_data_are_written_anew(apply, tmp_path):
    anndata = pytest.importorskip("anndata")
    rng = np.random.default_rng(0)
    counts = np.vstack([rng.poisson(rates, (40, 20)) for rates in rng.uniform(0, 9, (3, 20))]).astype(np.float32)
    anndata.AnnData(counts).write_h5ad(tmp_path / "cells.h5ad")
    flags = ["--n_clusters=3", "--write_h5ad", "--pretrain_epochs=2", f"--save_dir={tmp_path / 'run'}"]
    n2d.main([str(tmp_path / "cells.h5ad"), *flags])
    apply(saved(tmp_path / "c.json", tmp_path / "run", merged={"2": 1}), tmp_path / "run")
    clusters = anndata.read_h5ad(tmp_path / "run/cells-n2d.h5ad").obs["n2d"]
    assert clusters.astype(int).tolist() == table_of(tmp_path / "run")["cluster"].astype(int).tolist()
    assert clusters.nunique() == 2
