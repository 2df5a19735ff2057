"""Annotated data: read, normalised, and given the clusters."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import n2d
from n2d import annotate
from n2d.page import beside as page_columns
from n2d.pipeline import N2D
from n2d.readers import array_files, files, samples
from n2d.readers.samples import DatasetError

anndata = pytest.importorskip("anndata", reason="anndata is not installed (pip install anndata)")
X = np.array([[0, 100.5, 3], [1, 200, 4], [2, 300, 5], [3, 400, 7]], np.float32)
QUICK = {"pretrain_epochs": 1, "gmm_restarts": 1, "manifold_learner": "none", "random_state": 0}


def read(path, **options):
    """The dataset in a file, and the notices."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


def test_h5ad(tmp_path):
    cells = anndata.AnnData(X)
    cells.obs["kind"] = list("xyxy")
    cells.write_h5ad(tmp_path / "a.h5ad")
    data = files.read(tmp_path / "a.h5ad", label_column="kind")
    assert np.array_equal(data.x, X) and data.y.tolist() == [0, 1, 0, 1]
    assert data.sample_names == ("0", "1", "2", "3")


def test_h5ad_with_two_genes_of_one_name_tells_them_apart(tmp_path):
    cells = anndata.AnnData(scipy.sparse.csr_matrix(X))
    cells.var_names = ["a", "b", "a"]
    cells.write_h5ad(tmp_path / "a.h5ad")
    data, notices = read(tmp_path / "a.h5ad")
    assert data.feature_names == ("a", "b", "a.1") and np.array_equal(data.x, X)
    assert notices == ["features have a name that another has: a, now a.1"]


def test_h5ad_without_x_says_what_is_there(tmp_path):
    cells = anndata.AnnData(layers={"counts": X}, obsm={"X_pca": X[:, :2]})
    cells.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(DatasetError, match=r"it has no X \(layers: counts; obsm: X_pca\): give --layer or --obsm"):
        read(tmp_path / "a.h5ad")
    data, _ = read(tmp_path / "a.h5ad", layer="counts")
    assert np.array_equal(data.x, X) and data.feature_names == ("0", "1", "2")
    data, _ = read(tmp_path / "a.h5ad", obsm="X_pca")
    assert np.array_equal(data.x, X[:, :2]) and data.feature_names is None
    with pytest.raises(DatasetError, match=r"--layer logs is not there \(layers: counts; obsm: X_pca\)"):
        read(tmp_path / "a.h5ad", layer="logs")


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array, pd.DataFrame])
def test_an_embedding_that_is_sparse_or_a_frame(tmp_path, kind, monkeypatch):
    cells = anndata.AnnData(X)
    sparse = kind(X[:, :2])
    cells.obsm["terms"] = sparse.set_axis(list("ab"), axis=1).set_axis(list("0123")) if kind is pd.DataFrame else sparse
    cells.write_h5ad(tmp_path / "a.h5ad")
    data, _ = read(tmp_path / "a.h5ad", obsm="terms")
    assert np.array_equal(data.x, X[:, :2]) and data.scale == "standard"
    monkeypatch.setattr(array_files, "_memory", lambda: 10)
    if kind is not pd.DataFrame:
        with pytest.raises(DatasetError, match="it unpacks to 0 GB, but there are 0 GB of memory"):
            read(tmp_path / "a.h5ad", obsm="terms")


def test_a_cell_without_a_kind_belongs_to_no_class(tmp_path):
    cells = anndata.AnnData(X)
    cells.obs["kind"] = pd.Categorical(["x", None, "y", "x"])
    cells.write_h5ad(tmp_path / "a.h5ad")
    data, notices = read(tmp_path / "a.h5ad", label_column="kind")
    assert data.y.tolist() == [0, -1, 1, 0] and data.label_names == ("x", "y")
    assert notices == ["1 of 4 samples have no label: the scores are of the others"]


def test_the_columns_of_obs_are_kept_beside_the_cells_but_for_the_classes(tmp_path):
    cells = anndata.AnnData(X)
    cells.obs["kind"] = pd.Categorical(list("xyxy"))
    cells.obs["leiden"] = pd.Categorical(["10", None, "2", "10"], categories=["2", "9", "10"])
    cells.obs["n_genes"] = np.array([7, 8, 9, 10], np.int32)
    cells.obs["share"] = np.array([0.1, np.nan, 0.3, 0.4], np.float32)
    cells.obs["doublet"] = [True, False, False, True]
    cells.write_h5ad(tmp_path / "a.h5ad")
    data, _ = read(tmp_path / "a.h5ad", label_column="kind")
    assert {name: samples.as_words(column) for name, column in data.beside.items()} == {
        "leiden": ("10", "", "2", "10"),
        "n_genes": ("7", "8", "9", "10"),
        "share": ("0.1", "", "0.3", "0.4"),
        "doublet": ("True", "False", "False", "True"),
    }
    assert list(read(tmp_path / "a.h5ad")[0].beside)[0] == "kind"
    about, _ = page_columns.packed(data.beside, np.arange(4))
    assert [one["values"] for one in about[:2]] == [["", "2", "10"], None]


@pytest.fixture
def counts():
    """Counts of 5 genes in 60 cells of two kinds; the last cell has none."""
    rng = np.random.default_rng(0)
    x = rng.poisson(np.where(np.arange(60)[:, None] % 2, [9, 1, 5, 1, 2], [1, 9, 1, 5, 2]))
    x[-1] = 0
    return x


def cells_of(x, **parts):
    index = [f"cell{i}" for i in range(x.shape[0])]
    obs = pd.DataFrame({"kind": pd.Categorical(np.array(["a", "b"])[np.arange(x.shape[0]) % 2])}, index=index)
    return anndata.AnnData(x, obs=obs, var=pd.DataFrame(index=list("vwxyz")), **parts)


def as_scanpy(x, total):
    """What `normalize_total` and `log1p` make of counts."""
    totals = x.sum(axis=1, keepdims=True)
    return np.log1p(x / np.where(totals > 0, totals, 1) * total)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_counts_are_brought_to_their_median_and_logarithms(tmp_path, counts, kind, dtype):
    cells_of(kind(counts.astype(dtype))).write_h5ad(tmp_path / "a.h5ad")
    total = np.median(counts.sum(axis=1)[:-1])
    data, _ = read(tmp_path / "a.h5ad")
    np.testing.assert_allclose(data.x, as_scanpy(counts, total), rtol=1e-6)
    assert data.reading == {"cell_total": total} and data.x.dtype == np.float32
    assert data.kinds == f"features: counts, each cell brought to {total:g} in all (their median), then log(1 + x)"


def test_only_counts_are(tmp_path, counts):
    logs, bits = np.log1p(counts), (counts > 2).astype(np.float32)
    cells_of(logs, layers={"counts": counts, "bits": bits}, obsm={"X_pca": counts[:, :2]}).write_h5ad(
        tmp_path / "a.h5ad"
    )
    for options, x in (({}, logs), ({"layer": "bits"}, bits), ({"obsm": "X_pca"}, counts[:, :2])):
        data, _ = read(tmp_path / "a.h5ad", **options)
        np.testing.assert_array_equal(data.x, x)
        assert data.kinds.endswith(", taken as they are") and data.reading == {"cell_total": None}
    assert "counts, each cell brought to" in read(tmp_path / "a.h5ad", layer="counts")[0].kinds


def test_new_counts_are_brought_to_the_model_s_total(tmp_path, counts):
    cells_of(counts * 3).write_h5ad(tmp_path / "new.h5ad")
    data, _ = read(tmp_path / "new.h5ad", reading={"cell_total": 20.0})
    np.testing.assert_allclose(data.x, as_scanpy(counts, 20), rtol=1e-6)
    with pytest.raises(DatasetError, match=r"it has counts, and the model is of no counts: give the same \(--layer"):
        read(tmp_path / "new.h5ad", reading={"cell_total": None})
    data, _ = read(tmp_path / "new.h5ad", reading={})  # of arrays, which are taken as they are
    np.testing.assert_array_equal(data.x, counts * 3)
    cells_of(np.log1p(counts)).write_h5ad(tmp_path / "new.h5ad")
    with pytest.raises(DatasetError, match="it has no counts, and the model is of counts: give the same"):
        read(tmp_path / "new.h5ad", reading={"cell_total": 20.0})


def test_clusters_are_written_into_a_copy(tmp_path, counts, capsys):
    cells_of(scipy.sparse.csr_matrix(counts), obsm={"X_pca": counts[:, :2]}).write_h5ad(tmp_path / "a.h5ad")
    before = (tmp_path / "a.h5ad").read_bytes()
    quick = "--n_clusters=2 --pretrain_epochs=1 --gmm_restarts=1 --umap_neighbors=5 --label_column=kind --write_h5ad"
    n2d.main(f"{tmp_path}/a.h5ad cpu {quick} --save_dir={tmp_path}/run --save_model={tmp_path}/model".split())
    assert "a-n2d.h5ad" in capsys.readouterr().out and (tmp_path / "a.h5ad").read_bytes() == before
    written = anndata.read_h5ad(tmp_path / "run/a-n2d.h5ad")
    table = pd.read_csv(tmp_path / "run/clusters.csv")
    assert isinstance(written.obs["n2d"].dtype, pd.CategoricalDtype) and list(written.obs["n2d"].cat.categories) == [
        "0",
        "1",
    ]
    assert written.obs["n2d"].astype(int).tolist() == table["cluster"].tolist()
    np.testing.assert_allclose(written.obs["n2d_confidence"], table["confidence"], atol=1e-4)
    np.testing.assert_array_equal(written.obsm["X_n2d"], np.load(tmp_path / "run/map.npy"))
    assert np.array_equal(written.X.toarray(), counts)
    assert list(written.obs) == ["kind", "n2d", "n2d_confidence", "n2d_outlier"]
    n2d.main(["predict", f"{tmp_path}/model", f"{tmp_path}/a.h5ad", f"--out={tmp_path}/b.h5ad"])
    assert "(the median of the model's samples)" in " ".join(capsys.readouterr().out.split())
    again = anndata.read_h5ad(tmp_path / "b.h5ad")
    assert (again.obs["n2d"] == written.obs["n2d"]).mean() > 0.95 and again.obsm["X_n2d"].shape == (60, 2)


def test_only_an_h5ad_file_has_a_copy(tmp_path, capsys):
    for name in ("digits", f"{tmp_path}/a.csv"):
        with pytest.raises(SystemExit) as stop:
            n2d.main([name, "cpu", "--write_h5ad"])
        assert stop.value.code == 2 and f"and {name} is none" in capsys.readouterr().err


def test_annotated_data_are_clustered_in_a_line(tmp_path, counts):
    cells = cells_of(scipy.sparse.csr_matrix(counts))
    model = annotate(cells, 2, **QUICK)
    assert isinstance(model, N2D) and model.scale == "standard"
    assert cells.obs["n2d"].astype(int).tolist() == model.labels_.tolist() and np.array_equal(cells.X.toarray(), counts)
    assert cells.obs["n2d_confidence"].between(0, 1).all() and np.array_equal(cells.obsm["X_n2d"], model.map_)
    model.save(tmp_path / "model")
    cells.write_h5ad(tmp_path / "a.h5ad")
    n2d.main(["predict", f"{tmp_path}/model", f"{tmp_path}/a.h5ad", f"--out={tmp_path}/a.csv"])
    assert pd.read_csv(tmp_path / "a.csv")["cluster"].tolist() == model.labels_.tolist()


def test_a_view_and_dense_data_stay_as_they_are(counts):
    cells = cells_of(counts.astype(np.float32), layers={"counts": counts})
    annotate(cells, 2, layer="counts", scale="minmax", **QUICK)
    assert np.array_equal(cells.X, counts) and np.array_equal(cells.layers["counts"], counts)
    with pytest.raises(DatasetError, match="--obsm X_pca is not there"):
        annotate(cells, 2, obsm="X_pca")


def test_an_estimator_says_what_is_there_for_annotated_data(counts):
    with pytest.raises(ValueError, match="annotated data must be given to n2d.annotate, or as an array"):
        N2D(2, **QUICK).fit(cells_of(counts))
