"""`n2d.py apply` and a saved model: new points get the corrected clusters, and damaged corrections are refused."""

import json
import shutil

import numpy as np
import pytest
from conftest import saved, table_of
from sklearn.datasets import load_wine

import n2d
from n2d.pipeline import N2D


@pytest.fixture
def with_model(wines, tmp_path):
    """Save folder and model of a run, and its table."""
    for name in ("run", "model"):
        shutil.copytree(wines / name, tmp_path / name)
    return tmp_path / "run", tmp_path / "model", wines / "wines.csv"


@pytest.fixture(scope="module")
def wines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wines")
    load_wine(as_frame=True).frame.to_csv(folder / "wines.csv", index=False)
    flags = ["--label_column=target", "--pretrain_epochs=2", "--gmm_restarts=2", "--manifold_learner=none"]
    n2d.main([str(folder / "wines.csv"), *flags, f"--save_dir={folder / 'run'}", f"--save_model={folder / 'model'}"])
    return folder


def predicted(model, data, capsys):
    out = model.with_name("new.csv")
    n2d.main(["predict", str(model), str(data), "--label_column=target", f"--out={out}"])
    return table_of(out.parent, out.name), " ".join(capsys.readouterr().out.split())


def test_the_saved_model_follows_with_numbers_and_names(with_model, apply, tmp_path, capsys):
    folder, model, data = with_model
    assert "corrected by hand" not in predicted(model, data, capsys)[1]
    before = N2D.load(model).predict(load_wine().data)
    path = saved(tmp_path / "c.json", folder, names={"2": "red"}, merged={"0": 2})
    assert f"n2d.py predict {model} follows these corrections" in apply(path, folder, f"--model={model}")
    table, told = predicted(model, data, capsys)
    assert "clusters are corrected by hand: 0 is part of 2, 2 is called red" in told
    for column in ("cluster", "cluster_name"):
        assert table[column].equals(table_of(folder)[column])
    assert set(table["cluster"]) == {"1", "2"} and set(table["cluster_name"][table["cluster"] == "2"]) == {"red"}
    again = N2D.load(model)
    assert np.array_equal(again.predict(load_wine().data), before)  # it stays what was fitted
    again.save(model)
    assert predicted(model, data, capsys)[0].equals(table)


@pytest.mark.parametrize("fit_samples", [None, 120])
def test_new_points_follow_splits_moves_merges_and_names(apply, tmp_path, capsys, fit_samples):
    load_wine(as_frame=True).frame.to_csv(tmp_path / "wine.csv", index=False)
    flags = ["--label_column=target", "--n_clusters=4", "--pretrain_epochs=5", "--gmm_restarts=5"]
    flags += [] if fit_samples is None else [f"--umap_fit_samples={fit_samples}"]
    folder, model = tmp_path / "run", tmp_path / "model"
    n2d.main([str(tmp_path / "wine.csv"), *flags, f"--save_dir={folder}", f"--save_model={model}"])
    rows = N2D.load(model).rows_ if fit_samples else np.arange(178)
    found, halves = table_of(folder)["cluster"].astype(int).to_numpy(), np.load(folder / "halves.npy")
    moved = np.intersect1d(np.flatnonzero(found == 1), rows)[:5].tolist()
    changes = {"split": {"0": 4}, "moved": {str(i): 5 for i in moved}, "merged": {"3": 2}, "names": {"4": "new"}}
    apply(saved(tmp_path / "c.json", folder, **changes), folder)
    after, (table, told) = table_of(folder), predicted(model, tmp_path / "wine.csv", capsys)
    assert "4 is new, split off from 0, 3 is part of 2, 4 is called new, 5 samples moved" in told
    for column in ("cluster", "cluster_name"):
        assert table[column][rows].equals(after[column][rows])
    assert set(after["cluster"][(found == 0) & (halves == 1)]) == {"4"} and set(after["cluster"][moved]) == {"5"}
    load_wine(as_frame=True).frame[found == 2].to_csv(tmp_path / "few.csv", index=False)  # none of these was moved
    assert set(predicted(model, tmp_path / "few.csv", capsys)[0]["cluster"]) == {"2"}
    far = np.setdiff1d(np.arange(178), rows)  # of those that the fit left out, few are near samples that were moved
    assert np.count_nonzero(table["cluster"][far] != after["cluster"][far]) <= 0.2 * len(far)
    again = N2D.load(model)
    again.save(model)
    assert predicted(model, tmp_path / "wine.csv", capsys)[0].equals(table)


def test_the_model_that_the_run_has_saved_is_corrected_if_it_is_still_of_these_clusters(
    with_model, apply, refused, tmp_path, capsys, monkeypatch
):
    folder, model, data = with_model
    record = json.loads((folder / "metrics.json").read_text())
    record["arguments"]["save_model"] = str(model)
    (folder / "metrics.json").write_text(json.dumps(record))
    path = saved(tmp_path / "c.json", folder, merged={"0": 2})
    apply(path, folder)
    assert set(predicted(model, data, capsys)[0]["cluster"]) == {"1", "2"}
    kept = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**kept, "fingerprint": "another"}))
    with pytest.warns(UserWarning, match="the saved model stays as it is: .* holds none of these clusters"):
        apply(path, folder)
    refused(path, folder, f"--model: {model} is no saved model of these clusters", f"--model={model}")
    refused(path, folder, f"--model: {folder} is no saved model of these clusters", f"--model={folder}")
    (model / "model.json").write_text(
        json.dumps({**kept, "fingerprint": None})
    )  # as it was saved before there were any
    monkeypatch.chdir(model.parent)
    assert f"n2d.py predict {model.name} follows these corrections" in apply(path, folder)


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"numbers": [0, 1], "names": None},
        {"numbers": [0, 1, 9], "names": None},
        [],
        7,
        {"numbers": "abc"},
        {"numbers": [0, 1, 2], "names": None, "n_clusters": 9},
        {"numbers": [0, 1, 2, 3], "names": None, "split": {"3": [178]}},
        {"numbers": [0, 1, 2, 3], "names": None, "moved": {"4": [0]}},
        {"numbers": [0, 1, 2, 3], "names": None, "moved": [0]},
    ],
)
def test_damaged_corrections_of_a_model_are_refused(with_model, damaged, capsys):
    _, model, data = with_model
    record = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**record, "corrections": damaged}))
    with pytest.raises(SystemExit) as stop:
        predicted(model, data, capsys)
    assert stop.value.code == 2 and "corrections of the saved model are damaged" in capsys.readouterr().err
