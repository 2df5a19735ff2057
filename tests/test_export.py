"""`n2d.py export`: one table of what a run found, as other programs read it."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

import n2d
from n2d.command.finished import corrections
from n2d.page import naming

MAP = np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.float32)
CLUSTERS = "index,cluster,confidence,outlier,name\n0,1,0.5,0.1,a\n1,0,0.6,0.2,b\n2,0,0.7,0.3,c\n3,1,0.8,0.4,d\n"


@pytest.fixture
def small(tmp_path):
    """Function that writes the save folder of a run of four samples."""

    def small(clusters=CLUSTERS, dataset="digits", **arguments):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        known = {"dataset": str(dataset), "name": "small", "max_points": 9, "seed": 0, "manifold_learner": "UMAP"}
        known |= {"drop": [], "image_size": None, "data_dir": str(tmp_path)} | arguments
        (folder / "metrics.json").write_text(json.dumps({"arguments": known, "files": ["clusters.csv"]}))
        (folder / "clusters.csv").write_text(clusters)
        np.save(folder / "map.npy", MAP)
        np.save(folder / "embedding.npy", np.arange(12, dtype=np.float32).reshape(4, 3))
        return folder

    return small


def export(folder, to="csv", *flags):
    n2d.main(["export", str(folder), f"--to={to}", *map(str, flags)])
    return folder / f"export.{to}"


def files(folder):
    return {path: path.is_file() and path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def refused(capsys):
    """That the command ends with one line that says this, and code 2, and changes no file."""

    def refused(folder, message, to="csv", *flags):
        before = files(folder.parent)
        with pytest.raises(SystemExit) as stopped:
            export(folder, to, *flags)
        error = capsys.readouterr().err
        assert stopped.value.code == 2 and error.count("\n") == 1 and message in error
        assert files(folder.parent) == before

    return refused


def test_a_row_a_sample_has_its_place_on_the_map_and_all_of_clusters_csv(digits, tmp_path, capsys):
    n2d.main(["export", str(digits[0]), "--to=csv", f"--out={tmp_path / 'new' / 'table.csv'}"])
    told = " ".join(capsys.readouterr().out.split())
    table, clusters = (pd.read_csv(path) for path in (tmp_path / "new/table.csv", digits[0] / "clusters.csv"))
    columns = ", ".join(clusters.columns).replace("index, ", "index, x, y, ")
    assert f"table.csv: 1,797 samples, each with {columns}" in told
    np.testing.assert_array_equal(table[["x", "y"]].to_numpy(np.float32), np.load(digits[0] / "map.npy"))
    pd.testing.assert_frame_equal(table.drop(columns=["x", "y"]), clusters)


def test_corrected_clusters_and_names_are_exported(digits, tmp_path):
    folder = shutil.copytree(digits[0], tmp_path / "run")
    labels = pd.read_csv(folder / "clusters.csv")["cluster"].to_numpy()
    made = {"n2d": "corrections", "fingerprint": naming.fingerprint(labels), "n_samples": 1797, "n_clusters": 10}
    made |= {"names": {"3": "three"}, "merged": {"7": 3}, "marked": [], "outliers": [4]}
    (tmp_path / "c.json").write_text(json.dumps(made))
    corrections.main([str(tmp_path / "c.json"), str(folder)])
    table = pd.read_csv(export(folder))
    assert table["cluster"].equals(pd.Series(labels).replace(7, 3))
    assert set(table["cluster_name"][table["cluster"] == 3]) == {"three"}
    assert table["index"][table["marked_outlier"] == 1].tolist() == [4]


def test_a_cluster_without_a_name_is_called_by_its_number(small):
    assert pd.read_csv(export(small()))["cluster_name"].tolist() == [f"cluster {i}" for i in (1, 0, 0, 1)]
    folder = small("index,cluster,cluster_name,confidence\n0,1,,1\n1,0,ant,1\n2,0,ant,1\n3,1,,1\n")
    table = pd.read_csv(export(folder, "csv", f"--out={folder / 'export.csv'}"))
    assert table["cluster_name"].tolist() == ["cluster 1", "ant", "ant", "cluster 1"]


def test_rows_that_were_sorted_are_in_the_order_of_the_data_again(small):
    first, *rows = CLUSTERS.splitlines()
    table = pd.read_csv(export(small("\n".join([first, *rows[::-1]]))))
    assert table["name"].tolist() == list("abcd") and table["x"].tolist() == MAP[:, 0].tolist()


@pytest.mark.parametrize("to", ["csv", "parquet", "h5ad"])
def test_all_kinds_have_the_same_table(small, to):
    """Also columns that are not known here, such as layers of clusters, and words that are numbers."""
    for package in {"parquet": ["pyarrow"], "h5ad": ["anndata"]}.get(to, []):
        pytest.importorskip(package, reason=f"{package} is not installed (pip install {package})")
    rows = ["index,cluster,cluster_of_2,confidence,outlier,label,name,note"]
    rows += [f"{i},{i % 2},{i // 2},0.5,0.25,{'2' if i else ''},00{i},{'NA' if i else 'so'}" for i in range(4)]
    path = export(small("\n".join(rows)), to)
    if to == "csv":
        table = pd.read_csv(path, dtype={"label": str, "name": str}, keep_default_na=False)
    elif to == "parquet":
        table = pd.read_parquet(path)
    else:
        import anndata

        cells = anndata.read_h5ad(path)
        assert cells.obs_names.tolist() == ["000", "001", "002", "003"]
        assert np.array_equal(cells.X, np.arange(12).reshape(4, 3)) and np.array_equal(cells.obsm["X_umap"], MAP)
        table = cells.obs.reset_index(drop=True)
    expected = {"index": range(4), "x": [0.0, 2.0, 4.0, 6.0], "y": [1.0, 3.0, 5.0, 7.0], "cluster": [0, 1, 0, 1]}
    expected |= {"cluster_name": [f"cluster {i % 2}" for i in range(4)], "cluster_of_2": [0, 0, 1, 1]}
    expected |= {"confidence": 0.5, "outlier": 0.25, "label": ["", "2", "2", "2"]}
    expected |= {"name": ["000", "001", "002", "003"], "note": ["so", "NA", "NA", "NA"]}
    expected = pd.DataFrame(expected)
    assert list(table) == list(expected)
    for column in expected:
        assert table[column].tolist() == expected[column].tolist()


def test_a_map_that_is_not_umap_s_is_not_called_so(small):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed (pip install anndata)")
    assert list(anndata.read_h5ad(export(small(manifold_learner="tSNE"), "h5ad")).obsm) == ["X_map"]


def test_images_have_their_paths(small, tmp_path):
    """A name that begins as a formula has an apostrophe in clusters.csv, and none on the disk."""
    (tmp_path / "images").mkdir()
    table = pd.read_csv(export(small(CLUSTERS.replace(",a\n", ",'-a.png\n"), tmp_path / "images")))
    assert table["path"].tolist() == [str(tmp_path / "images" / name) for name in ("-a.png", "b", "c", "d")]


@pytest.fixture
def texts(small, tmp_path):
    """The save folder of a run of four texts."""
    words = ["=cmd()", "two words", "three\nlines", "-"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in words))
    folder = small(CLUSTERS.replace("name", "note"), tmp_path / "texts.jsonl")
    np.save(folder / "features.npy", np.eye(4, dtype=np.float32))
    (folder / "features.json").write_text(json.dumps({"left_out": {}}))
    return folder, words


def test_texts_are_in_the_table_and_no_formula_for_a_spreadsheet(texts):
    folder, words = texts
    assert pd.read_csv(export(folder))["text"].tolist() == ["'=cmd()", *words[1:3], "'-"]


def test_texts_in_a_file_that_no_spreadsheet_opens_stay_as_they_are(texts):
    folder, words = texts
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    assert pd.read_parquet(export(folder, "parquet"))["text"].tolist() == words


def test_without_the_texts_the_rest_is_written(texts, tmp_path):
    (tmp_path / "texts.jsonl").unlink()
    with pytest.warns(UserWarning, match="the column text or path is left out, for the data cannot be read: .*texts"):
        table = pd.read_csv(export(texts[0]))
    assert len(table) == 4 and "text" not in table


def test_nothing_is_written_over_unless_it_is_named(small, refused, tmp_path):
    folder = small()
    path = export(folder)
    path.write_text("mine")
    refused(folder, f"export.csv is there: --out=FILE names another file, and --out={path} replaces it")
    refused(folder, "--out must be no file of a run", "csv", f"--out={folder / 'clusters.csv'}")
    refused(folder, "--out must be a file, got the folder", "csv", f"--out={folder}")
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    refused(small(dataset=tmp_path / "data.csv"), "another file than", "csv", f"--out={tmp_path / 'data.csv'}")
    export(folder, "csv", f"--output={path}")
    assert len(pd.read_csv(path)) == 4


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (CLUSTERS.replace("name", "x"), "clusters.csv has columns of its own called x: rename them"),
        (CLUSTERS.replace("\n3,", "\n2,"), "clusters.csv must have one row a sample, with its number from 0"),
        (CLUSTERS.replace("index", "number"), "clusters.csv must have one row a sample"),
        (CLUSTERS.replace("\n3,", "\nc,"), "clusters.csv must have one row a sample"),
        (CLUSTERS[: CLUSTERS.index("3,1")], "map.npy is no map of the 3 samples of clusters.csv"),
        ("a,b\n1,2\n", "clusters.csv is no table of clusters"),
        ("", "clusters.csv is no table of clusters"),
    ],
)
def test_a_table_that_is_not_the_run_s_is_refused(small, refused, clusters, message):
    refused(small(clusters), message)


def test_what_is_no_run_is_refused(small, refused, tmp_path):
    folder = small()
    refused(tmp_path / "nowhere", "nowhere holds no run")
    refused(folder, "invalid choice: 'xlsx'", "xlsx")
    np.save(folder / "embedding.npy", np.zeros((3, 2)))
    refused(folder, "embedding.npy is no map of the 4 samples")
    (folder / "clusters.csv").unlink()
    refused(folder, "clusters.csv is no table of clusters")


@pytest.mark.parametrize(("to", "package"), [("parquet", "pyarrow"), ("h5ad", "anndata")])
def test_a_missing_package_is_named(small, refused, monkeypatch, to, package):
    monkeypatch.setitem(sys.modules, package, None)
    refused(small(), f"--to={to} needs the package {package}: pip install {package}, or .[export]", to)


def test_a_column_that_cannot_be_written_leaves_nothing_behind(small, refused):
    pytest.importorskip("anndata", reason="anndata is not installed (pip install anndata)")
    refused(small(CLUSTERS.replace("name", "_index")), "the table cannot be written as h5ad", "h5ad")
