import dataclasses
import importlib.util
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from n2d import datasets
from n2d.command import arguments
from n2d.datasets import Dataset
from n2d.experiments import peers, tables
from n2d.pipeline import N2D


@pytest.fixture
def stand_in(monkeypatch):
    """The table n2d without the work; the list of what was asked of it."""
    asked = []
    table = tables.TABLES["n2d"]

    def run(dataset, protocol, seed, runs_dir, threads):
        asked.append((dataset, protocol, seed))
        if seed == 13:
            raise KeyboardInterrupt
        scores = {"acc": 0.9 + seed / 100, "nmi": 0.8, "ari": 0.7}
        return [{**dict.fromkeys(table.columns, 1), "dataset": dataset, "protocol": protocol, "seed": seed, **scores}]

    monkeypatch.setitem(tables.TABLES, "n2d", dataclasses.replace(table, run=run))
    return asked


def test_a_stopped_sweep_goes_on_where_it_was(stand_in, tmp_path):
    path = tmp_path / "results/n2d.csv"
    table = tables.TABLES["n2d"]

    def sweep(*seeds):
        tables.sweep(table, [(d, "paper", s) for s in seeds for d in ("usps", "har")], path, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        sweep(0, 1, 13)
    assert len(pd.read_csv(path)) == 4
    stand_in.clear()
    sweep(0, 1, 2)
    assert stand_in == [("usps", "paper", 2), ("har", "paper", 2)]
    rows = pd.read_csv(path)
    assert list(rows) == table.columns
    assert len(rows) == 6 and not rows.duplicated(table.key).any()
    stand_in.clear()
    sweep(0, 1, 2)
    assert stand_in == []


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_other_backends_run_what_joblib_runs(backend, package, stand_in, tmp_path):
    pytest.importorskip(package, reason=f"{backend} is not installed (pip install {package})")
    path = tmp_path / "n2d.csv"
    keys = [("usps", "paper", seed) for seed in range(4)]
    tables.sweep(tables.TABLES["n2d"], keys, path, tmp_path, n_jobs=2, backend=backend)
    assert sorted(pd.read_csv(path)["seed"]) == [0, 1, 2, 3]
    assert stand_in == []  # it was asked of other processes


def test_a_backend_that_is_not_installed_is_one_line(stand_in, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tables.importlib.util, "find_spec", lambda name: None)
    arguments = ["--datasets", "usps", "--seeds=1", "--n_jobs=2", "--backend=ray"]
    with pytest.raises(SystemExit) as stop:
        tables.main([*arguments, f"--results={tmp_path}", f"--runs={tmp_path}"])
    assert stop.value.code == 2
    assert "--backend=ray needs the package ray: pip install ray" in capsys.readouterr().err


def test_finished_runs_are_rendered_and_printed(stand_in, tmp_path, capsys):
    arguments = ["--datasets", "usps", "mnist", "--protocols", "default", "--seeds=3", f"--results={tmp_path}"]
    tables.main([*arguments, f"--runs={tmp_path}"])
    text = (tmp_path / "n2d.md").read_text()
    row = "| usps | default | 3 | 0.910 ± 0.010 | 0.900 |"
    assert row in text and row in capsys.readouterr().out
    assert (tmp_path / "n2d.png").stat().st_size > 10_000


def test_a_dataset_of_another_table_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tables.main(["clustering_losses", "--datasets", "usps", f"--results={tmp_path}"])
    assert stop.value.code == 2
    assert "the table clustering_losses has mnist, coil20, got usps" in capsys.readouterr().err


def test_losses_come_from_two_runs_that_share_their_pretraining(tmp_path, monkeypatch):
    calls = []

    def execute(arguments, save_dir, threads):
        calls.append(arguments)
        loss = arguments[-1].removeprefix("--refine=") if len(calls) == 1 else "KLD"
        save_dir.mkdir(parents=True)
        stages = [
            ("pixels", "kmeans"),
            ("autoencoder", "kmeans"),
            ("autoencoder", "n2d"),
            (loss, "kmeans"),
            (loss, "n2d"),
        ]
        scores = {"acc": 0.5, "nmi": 0.4, "ari": 0.3, "seconds": 7.0}
        frame = pd.DataFrame([{"space": space, "method": method, **scores} for space, method in stages])
        frame.to_csv(save_dir / "stages.csv", index=False)
        pd.DataFrame({"epoch": [1, 2, 3]}).to_csv(save_dir / "refinement.csv", index=False)
        seconds = {"refine": 10.0} | ({"pretrain": 100.0} if len(calls) == 1 else {})
        return {"seconds": seconds, "arguments": {"architecture": "a.json", "pretrain_epochs": 9}}

    monkeypatch.setattr(tables, "execute", execute)
    table = tables.TABLES["clustering_losses"]
    path = tmp_path / "clustering_losses.csv"
    tables.sweep(table, [("mnist", 4)], path, tmp_path)
    assert "--refine=KM" in calls[0] and "--refine=KLD" in calls[1]
    assert f"--ae_weights={tmp_path / 'mnist-losses-4' / 'KM' / 'weights.safetensors'}" in calls[1]
    rows = pd.read_csv(path).set_index("space")
    spaces = ["pixels", "autoencoder", "autoencoder+n2d", "kmeans-loss", "kmeans-loss+n2d", "kl-loss", "kl-loss+n2d"]
    assert sorted(rows.index) == sorted(spaces)
    assert rows["seconds"][spaces].tolist() == [7, 107, 107, 117, 117, 117, 117]
    assert rows["refine_epochs"][spaces].tolist() == [0, 0, 0, 3, 3, 3, 3]
    assert rows["epochs"]["pixels"] == 0 and rows["epochs"]["kl-loss"] == 9
    table.render(pd.read_csv(path), tmp_path)
    page = (tmp_path / "clustering_losses.md").read_text()
    assert f"python n2d.py {' '.join(calls[0][:-2])} --refine=KLD --seed=0\n" in page
    assert "--architecture=architectures/coil20.json" in page


def test_an_ablation_has_a_row_for_each_cell(tmp_path, monkeypatch):
    def execute(arguments, save_dir, threads):
        assert arguments[:3] == ["har", "0", "--eval_all"] and "--umap_dim=6" in arguments
        save_dir.mkdir(parents=True)
        cells = itertools.product(("raw", "autoencoder"), ("none", "UMAP"), ("GMM", "KM", "SC"))
        numbers = {"n_components": 6, "nmi": 0.4, "ari": 0.3, "seconds": 1.23, "peak_rss_mb": 1024}
        rows = [
            {"input": s, "manifold": m, "cluster": c, "acc": 0.51239 + 0.01 * i, **numbers, "trustworthiness": 0.9}
            for i, (s, m, c) in enumerate(cells)
        ]
        pd.DataFrame(rows).to_csv(save_dir / "eval_all.csv", index=False)

    monkeypatch.setattr(tables, "execute", execute)
    table = tables.TABLES["ablation"]
    tables.sweep(table, [("har", 0)], tmp_path / "ablation.csv", tmp_path)
    rows = pd.read_csv(tmp_path / "ablation.csv")
    assert list(rows) == table.columns and len(rows) == 12
    assert rows["acc"].tolist()[:2] == [0.5124, 0.5224]


def test_rendering_alone_needs_rows(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tables.main(["--seeds=0", f"--results={tmp_path}"])
    assert stop.value.code == 2
    assert "has no runs to render" in capsys.readouterr().err


def test_a_run_is_measured_and_a_failed_one_says_why(tmp_path, monkeypatch):
    """A stand-in for n2d.py that leaves what n2d.py leaves."""
    script = tmp_path / "n2d.py"
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    record = {
        "acc": 0.91234567,
        "nmi": 0.8,
        "ari": 0.7,
        "seconds": {"pretrain": 1.23, "encode": 0, "manifold": 2, "cluster": 3},
        "resumed_seconds": 1000.0,
        "arguments": {"gmm_restarts": 20, "pretrain_epochs": 5},
    }
    script.write_text(
        "import pathlib, sys, time\ntime.sleep(0.2)\n"
        f"block = b'x' * 200_000_000\nassert sys.argv[1:3] == ['har', '0'] and '--umap_dim=6' in sys.argv\n"
        "import os\nassert os.environ['OMP_NUM_THREADS'] == '3'\n"
        f"pathlib.Path(sys.argv[-1].split('=')[1], 'metrics.json').write_text({json.dumps(record)!r})\n"
    )
    (row,) = tables.run_n2d("har", "paper", 4, tmp_path / "runs", threads=3)
    assert sorted(row) == sorted(tables.TABLES["n2d"].columns)
    assert (row["acc"], row["gmm_restarts"], row["epochs"], row["pretrain_s"]) == (0.9123, 20, 5, 1.2)
    assert 1000 < row["wall_s"] < 1060 and row["peak_rss_mb"] > 190
    script.write_text("raise SystemExit('n2d.py: error: no such thing')")
    with pytest.raises(
        RuntimeError, match="har 0 --protocol=paper --seed=4 --umap_dim=6: n2d.py: error: no such thing"
    ):
        tables.run_n2d("har", "paper", 4, tmp_path / "runs", threads=3)


@pytest.mark.parametrize(("system", "unit"), [("linux", 2**10), ("darwin", 2**20)])
def test_peak_memory_is_in_mb_whatever_the_system_counts_in(system, unit, monkeypatch):
    class Usage:
        ru_maxrss = 300 * unit

    class Process:
        pid = 7

    monkeypatch.setattr(tables.os, "wait4", lambda pid, options: (pid, 0, Usage))
    monkeypatch.setattr(tables.sys, "platform", system)
    assert tables.wait(Process) == (0, 300)


def test_where_peak_memory_is_not_kept_it_is_no_number(monkeypatch):
    monkeypatch.delattr(tables.os, "wait4")
    status, peak_rss_mb = tables.wait(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]))
    assert status == 3 and math.isnan(peak_rss_mb)


def test_protocols_set_what_is_not_given():
    parser = arguments.build_parser()
    paper = arguments.parse_arguments(parser, ["usps", "cpu", "--protocol=paper"])
    assert (paper.autoencoders, paper.pretrain_epochs, paper.umap_neighbors, paper.gmm_restarts) == (1, 1000, (20,), 1)
    default = arguments.parse_arguments(parser, ["usps", "cpu", "--gmm_restarts=7"])
    assert (default.autoencoders, default.umap_neighbors, default.gmm_restarts) == (1, None, 7)
    other = arguments.parse_arguments(parser, ["usps", "cpu", "--manifold_learner=LLE"])
    assert other.umap_neighbors is None  # 10 are the default without UMAP


def test_the_estimator_starts_from_the_default_protocol():
    parameters = N2D().get_params()
    flags = {"umap_neighbors": parameters["n_neighbors"], "umap_candidates": parameters["n_candidates"]}
    assert arguments.PROTOCOLS["default"].items() <= (parameters | flags).items()


@pytest.mark.parametrize("folder", ["collection", "collection2"])
def test_data_of_other_kinds_are_clustered_by_the_default_and_by_its_peers(folder, monkeypatch, tmp_path):
    """With a stand-in for the runs of n2d.py, that says what it was asked for."""
    rng = np.random.default_rng(0)
    y = np.repeat(range(3), 40)
    (tmp_path / folder).mkdir()
    np.savez(tmp_path / folder / "yale.npz", x=rng.normal(size=(120, 5)) + 20 * y[:, None], y=y)
    monkeypatch.setenv("N2D_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tables, "SAMPLES", 90)
    asked = []

    def execute(arguments, folder, threads):
        asked.append(arguments)
        folder.mkdir()
        pd.DataFrame({"cluster": [0, 1, 2, 3]}).to_csv(folder / "clusters.csv")
        return {"acc": 0.5, "nmi": 0.4, "ari": 0.3, "wall_s": 7.0}

    monkeypatch.setattr(tables, "execute", execute)
    if importlib.util.find_spec("leidenalg") is None:
        monkeypatch.delitem(peers.PEERS, "Leiden")
    rows = pd.DataFrame(tables.run_collection("yale", 3, tmp_path, 1))
    assert list(rows) == tables.TABLES["collection"].columns
    source = [f"{tmp_path}/{folder}/yale.npz", "0", f"--data_dir={tmp_path}", "--seed=3"]
    assert asked == [source, [*source, "--n_clusters=auto"]]
    assert rows["method"].tolist() == ["N2D", "N2D, auto", *peers.PEERS]
    assert (rows["k"] == 3).all() and rows["k_found"][:3].tolist() == [4, 4, 3]
    assert rows.set_index("method")["ari"]["k-means"] == 1


def test_each_proposer_is_tried_with_and_without_each_of_the_other_steps(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat(range(3), 120)
    data = Dataset(np.float32(rng.normal(size=(360, 12)) + 20 * y[:, None]), y, list("abc"))
    monkeypatch.setattr(tables, "SAMPLES", 330)
    monkeypatch.setattr(datasets, "load", lambda name, data_dir: data)
    rows = pd.DataFrame(tables.run_components("usps", 3, tmp_path, 1))
    assert list(rows) == tables.TABLES["components"].columns
    ways = rows[["proposer", "candidates", "mixture"]].itertuples(index=False, name=None)
    assert list(ways) == list(itertools.product(("autoencoder", "PCA", "input"), (100, 0), ("one", "rule")))
    assert (rows[rows["mixture"] == "rule"]["acc"] == 1).all()
