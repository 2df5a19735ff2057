"""Folders of runs: one run at a time, and what another command has written stays."""

import json
import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from n2d.command import arguments, folders, launch


def test_a_finished_run_leaves_no_lock(tmp_path):
    with folders.lock(None, tmp_path):
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_removed_while_it_is_open_is_released(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):  # as Windows does
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "unlink", refuse)
    with folders.lock(None, tmp_path):
        pass
    FileLock(tmp_path / ".lock").acquire(timeout=0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with two tables of one name."""
    monkeypatch.chdir(tmp_path)
    for folder in (".", "other"):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "wine.csv").touch()


def begun(*argv):
    """The parser and the arguments of a command."""
    parser = arguments.build_parser()
    args = arguments.parse_arguments(parser, [*argv, "--n_clusters=2"])
    launch.settle_epochs(args, SimpleNamespace(x=range(178), image_shape=None))
    return parser, args


def ran(command, stopped=False):
    """The save folder of a command that has ended, or was stopped, and the notices; it wrote who it was."""
    parser, args = begun(*command.split())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KeyboardInterrupt) if stopped else warnings.catch_warnings():
            with folders.save_folder(parser, args):
                (args.save_dir / "clusters.csv").write_text(command)
                for path in filter(None, (args.save_model and args.save_model / "model.json", args.save_weights)):
                    path.write_text(command)
                if stopped:
                    raise KeyboardInterrupt
                record = {"arguments": folders.recorded(args), "files": ["clusters.csv"]}
                (args.save_dir / "metrics.json").write_text(json.dumps(record))
    return str(args.save_dir), [str(warning.message) for warning in caught]


def refused(capsys, command, message):
    """That a command ends with one line that says this, and nothing has changed."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    with pytest.raises(SystemExit) as stop:
        ran(command)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1 and message in error
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


@pytest.mark.usefixtures("here")
def test_what_another_command_has_written_stays_and_a_run_goes_to_a_new_folder():
    assert ran("wine.csv") == ("runs/wine-n2d", [])
    told = "runs/wine-n2d holds results of another command, or corrected by hand: this run writes to runs/wine-n2d-"
    assert ran("other/wine.csv") == ("runs/wine-n2d-2", [told + "2"])
    assert ran("wine.csv --seed=1") == ("runs/wine-n2d-3", [told + "3"])
    assert ran("other/wine.csv") == ("runs/wine-n2d-2", [told + "2"])  # again
    assert ran("wine.csv --seed=2 --overwrite") == ("runs/wine-n2d", [])
    assert Path("runs/wine-n2d-2/clusters.csv").read_text() == "other/wine.csv"


@pytest.mark.usefixtures("here")
def test_the_same_command_replaces_its_own_results_and_one_that_asks_for_more():
    ran("wine.csv")
    for command in ("./other/../wine.csv", f"{os.getcwd()}/wine.csv --umap_jobs=1 --resume=never", "wine.csv --visual"):
        folder, _ = ran(command.replace("--visual", "--visualize"))
        assert folder == "runs/wine-n2d"
    assert ran("wine.csv")[0] == "runs/wine-n2d-2"  # it would remove the pictures


@pytest.mark.usefixtures("here")
def test_the_same_name_in_another_folder_is_another_input(monkeypatch, capsys):
    ran(f"wine.csv --save_dir={Path('run').resolve()}")
    monkeypatch.chdir("other")
    refused(capsys, "wine.csv --save_dir=../run", "--save_dir: ../run holds results of another command")


@pytest.mark.usefixtures("here")
def test_a_run_that_was_stopped_counts_and_the_same_command_goes_on():
    assert ran("wine.csv", stopped=True)[0] == "runs/wine-n2d"
    assert ran("wine.csv --seed=1", stopped=True)[0] == "runs/wine-n2d-2"
    assert ran("wine.csv --seed=1")[0] == "runs/wine-n2d-2"
    assert ran("wine.csv")[0] == "runs/wine-n2d"
    assert not list(Path("runs").rglob(folders.STARTED))


@pytest.mark.usefixtures("here")
def test_a_folder_that_is_given_must_not_hold_results_of_another_command(capsys):
    ran("wine.csv --save_dir=run")
    refused(capsys, "wine.csv --seed=1 --save_dir=run", "--save_dir: run holds results of another command")
    assert ran("wine.csv --seed=1 --save_dir=run --overwrite") == ("run", [])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"arguments": 3}', '{"arguments": {}}', '{"accuracy": 0.9}', "\xff"]
)
def test_a_record_that_no_run_has_written_is_somebody_s_own(record, capsys):
    Path("run").mkdir()
    Path("run/metrics.json").write_text(record, encoding="latin-1")
    refused(capsys, "wine.csv --save_dir=run", "--save_dir: run holds results of another command")


@pytest.mark.usefixtures("here")
def test_corrections_by_hand_are_not_lost_to_the_same_command():
    folder, _ = ran("wine.csv")
    path = Path(folder, "metrics.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "corrections": {"names": {"0": "red"}}}))
    assert ran("wine.csv")[0] == "runs/wine-n2d-2"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kept", ["--save_model=kept", "--save_weights=kept.safetensors"])
def test_a_model_or_weights_of_another_command_stay(kept, capsys):
    ran(f"wine.csv {kept}")
    refused(capsys, f"other/wine.csv {kept}", " is there, of another command: name another, or give --overwrite")
    refused(capsys, f"wine.csv {kept} --save_dir=run", " is there, of another command")
    ran(f"wine.csv {kept}")
    ran(f"other/wine.csv {kept} --overwrite")


@pytest.mark.usefixtures("here")
def test_a_run_that_leaves_nothing_leaves_no_record():
    Path("run").mkdir()
    Path("run/notes.txt").touch()
    parser, args = begun("wine.csv", "--save_dir=run")
    with pytest.raises(SystemExit), folders.save_folder(parser, args):
        raise SystemExit(2)
    assert [path.name for path in Path("run").iterdir()] == ["notes.txt"]


@pytest.mark.usefixtures("here")
def test_of_two_runs_at_a_time_the_same_command_is_refused_and_another_goes_elsewhere(capsys):
    parser, args = begun("wine.csv")
    with folders.save_folder(parser, args):
        with pytest.raises(SystemExit):
            ran("wine.csv")
        assert "another run is writing to runs/wine-n2d" in capsys.readouterr().err
        assert (args.save_dir / folders.STARTED).exists()
        assert ran("other/wine.csv")[0] == "runs/wine-n2d-2"
