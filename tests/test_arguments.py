import subprocess
import sys
from pathlib import Path

import pytest

from n2d import parameters
from n2d.command import arguments, limits, reading
from n2d.method.autoencoder import refine, scaling
from n2d.method.clusters import clustering
from n2d.method.manifold import learners, neighbors

ROOT = Path(__file__).parents[1]


def test_names_of_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(arguments, "WEIGHTS", tmp_path)
    parser = arguments.build_parser()
    args = arguments.parse_arguments(parser, ["har", "cpu", "--save_weights", "--pretrain_epochs=7"])
    assert args.save_weights == tmp_path / "har-{epochs}-n2d.safetensors"  # the epochs are known with the data
    assert args.n_clusters == 6
    (tmp_path / "har-7-n2d.safetensors").touch()
    for name in ("har-7-n2d", "har-7-n2d.safetensors", str(tmp_path / "har-7-n2d.safetensors")):
        assert (
            arguments.parse_arguments(parser, ["har", "cpu", "--ae_weights", name]).ae_weights
            == tmp_path / "har-7-n2d.safetensors"
        )


def test_a_path_in_bytes_that_are_not_utf_8_names_a_run_that_can_be_written():
    args = arguments.parse_arguments(arguments.build_parser(), ["caf\udce9.csv"])
    assert args.name == r"caf\udce9"


def test_a_run_of_a_version_with_fewer_flags_is_read_again_by_those_that_it_had():
    args = arguments.build_parser().parse_args(["a.xlsx", "--missing=median"])
    del args.sheet  # as in the record of such a run, which `apply` reads
    options = reading.reading_of(args)
    assert options["missing"] == "median" and "sheet" not in options


def test_help_needs_no_heavy_import():
    code = "import sys; from n2d.command import arguments; arguments.build_parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "n2d" in modules
    assert not modules & {"torch", "umap", "sklearn", "scipy", "pandas", "matplotlib", "torchvision"}


def test_help_names_every_flag_of_the_papers_code(run):
    done = run("--help")
    assert done.returncode == 0
    for flag in (
        "dataset gpu --n_clusters --batch_size --pretrain_epochs --ae_weights --save_dir --umap_dim --umap_neighbors "
        "--umap_min_dist --umap_metric --cluster --eval_all --manifold_learner --visualize"
    ).split():
        assert flag in done.stdout
    for group in ("Data", "Autoencoder", "Manifold", "Clustering", "Output", "Run"):
        assert f"\n{group}:\n" in done.stdout


def test_names_on_the_command_line_are_those_of_the_stages():
    assert arguments.MANIFOLD_LEARNERS == learners.MANIFOLD_LEARNERS
    assert arguments.METRICS == neighbors.METRICS
    assert arguments.CLUSTERERS == clustering.CLUSTERERS
    assert arguments.SCALES == scaling.SCALES
    assert (limits.MIN_AUTO, limits.MIN_SAMPLES) == (parameters.MIN_AUTO, parameters.MIN_SAMPLES)
    assert limits.MIN_SPECTRAL == clustering.SPECTRAL_NEIGHBORS
    assert arguments.LOSSES == tuple(refine.LOSSES)
    assert limits.WITH_GRAPH == learners.WITH_GRAPH


def test_the_documentation_has_every_flag():
    page = (ROOT / "docs/command-line.md").read_text()
    flags = [
        flag for action in arguments.build_parser()._actions for flag in action.option_strings if flag.startswith("--")
    ]
    assert [flag for flag in flags if f"| `{flag}` |" not in page] == ["--help"]


def test_the_first_of_several_processes_has_time_to_tell_a_mistake(monkeypatch, capsys):
    """torchrun ends all of them as soon as one has ended."""
    waited = []
    monkeypatch.setattr(arguments.time, "sleep", waited.append)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(SystemExit) as stop:
            arguments.build_parser().error("a mistake")
        assert stop.value.code == 2
    assert waited == [arguments.PATIENCE] and capsys.readouterr().err == "n2d.py: error: a mistake\n"
