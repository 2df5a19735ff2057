import functools
import json

import pandas as pd
import pytest

import n2d
import tables
from pipeline import N2D


@pytest.fixture
def stand_in(monkeypatch):
    """`tables.run` without the work; the list of what was asked of it."""
    asked = []

    def run(dataset, protocol, seed, runs_dir, threads):
        asked.append((dataset, protocol, seed))
        if seed == 13:
            raise KeyboardInterrupt
        scores = {"acc": 0.9 + seed / 100, "nmi": 0.8, "ari": 0.7}
        return {**dict.fromkeys(tables.COLUMNS, 1), "dataset": dataset, "protocol": protocol, "seed": seed, **scores}

    monkeypatch.setattr(tables, "run", run)
    return asked


def test_a_stopped_sweep_goes_on_where_it_was(stand_in, tmp_path):
    path = tmp_path / "results/n2d.csv"
    sweep = functools.partial(tables.sweep, ["usps", "har"], ["paper"], path=path, runs_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        sweep(seeds=[0, 1, 13])
    assert len(pd.read_csv(path)) == 4
    stand_in.clear()
    sweep(seeds=[0, 1, 2])
    assert stand_in == [("usps", "paper", 2), ("har", "paper", 2)]
    rows = pd.read_csv(path)
    assert list(rows) == tables.COLUMNS
    assert len(rows) == 6 and not rows.duplicated(["dataset", "protocol", "seed"]).any()
    stand_in.clear()
    sweep(seeds=[0, 1, 2])
    assert stand_in == []


def test_tables_and_figure_show_spread_worst_and_paper(stand_in, tmp_path, capsys):
    arguments = ["--datasets", "usps", "mnist", "--protocols", "default", "--seeds=3", f"--results={tmp_path}"]
    tables.main([*arguments, f"--runs={tmp_path}"])
    text = (tmp_path / "n2d.md").read_text()
    row = "| usps | default | 3 | 0.910 ± 0.010 | 0.900 | 0.800 ± 0.000 | 0.800 | 0.958 / 0.901 |"
    assert row in text and row in capsys.readouterr().out
    assert text.index("| mnist |") < text.index("| usps |")
    assert (tmp_path / "n2d.png").stat().st_size > 10_000


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
        "arguments": {"gmm_restarts": 20, "pretrain_epochs": 5},
    }
    script.write_text(
        "import pathlib, sys, time\ntime.sleep(0.2)\n"
        f"block = b'x' * 200_000_000\nassert sys.argv[1:3] == ['har', '0'] and '--umap_dim=6' in sys.argv\n"
        "import os\nassert os.environ['OMP_NUM_THREADS'] == '3'\n"
        f"pathlib.Path(sys.argv[-1].split('=')[1], 'metrics.json').write_text({json.dumps(record)!r})\n"
    )
    row = tables.run("har", "paper", 4, tmp_path / "runs", threads=3)
    assert sorted(row) == sorted(tables.COLUMNS)
    assert (row["acc"], row["gmm_restarts"], row["epochs"], row["pretrain_s"]) == (0.9123, 20, 5, 1.2)
    assert row["wall_s"] > 0 and row["peak_rss_mb"] > 190
    script.write_text("raise SystemExit('n2d.py: error: no such thing')")
    with pytest.raises(RuntimeError, match="har, paper protocol, seed 4: n2d.py: error: no such thing"):
        tables.run("har", "paper", 4, tmp_path / "runs", threads=3)


def test_protocols_set_what_is_not_given():
    parser = n2d.build_parser()
    paper = n2d.parse_arguments(parser, ["usps", "cpu", "--protocol=paper"])
    assert (paper.autoencoders, paper.pretrain_epochs, paper.umap_neighbors, paper.gmm_restarts) == (1, 1000, (20,), 1)
    default = n2d.parse_arguments(parser, ["usps", "cpu", "--gmm_restarts=7"])
    assert (default.autoencoders, default.umap_neighbors, default.gmm_restarts) == (4, (50, 100), 7)
    other = n2d.parse_arguments(parser, ["usps", "cpu", "--manifold_learner=LLE"])
    assert other.umap_neighbors == (20,)


def test_the_estimator_starts_from_the_default_protocol():
    arguments = N2D().get_params()
    arguments["autoencoders"] = arguments["n_autoencoders"]
    arguments["umap_neighbors"] = arguments["n_neighbors"]
    assert n2d.PROTOCOLS["default"].items() <= arguments.items()
