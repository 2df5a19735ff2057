"""What a run prints takes none of its files along, whatever becomes of it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import n2d

ROOT = Path(__file__).parents[1]
QUICK = ["cpu", "--label_column=kind", "--pretrain_epochs=1", "--gmm_restarts=1", "--manifold_learner=none"]
TABLES = {"clusters.csv", "hierarchy.csv", "history.csv", "merged.csv", "metrics.json", "profile.csv", "features.csv"}
WHOLE = TABLES | {"embedding.npy", "halves.npy", "latent.npy", "map.npy", "weights.safetensors"}
PICTURES = {"clusters.png", "confusion.png", "explore.html", "hierarchy.png", "history.png", "profile.png"}
PICTURES |= {"flowers-n2d.png", "flowers-n2d-predicted.png"}


@pytest.fixture
def flowers(tmp_path):
    """A table whose classes have names in other scripts, and many features with long names: `…` is printed."""
    kinds = np.repeat(["мак", "лён"], 30)
    names = {f"a measurement of a petal, number {i}": np.arange(60) % 7 + 9.0 * (kinds == "мак") for i in range(4)}
    pd.DataFrame({"kind": kinds, **names}).to_csv(tmp_path / "flowers.csv", index=False)
    return tmp_path / "flowers.csv"


NARROW = {"latin-1": {"PYTHONIOENCODING": "latin-1"}, "POSIX": {"PYTHONUTF8": "0", "LC_ALL": "C"}}


@pytest.mark.parametrize("environment", NARROW.values(), ids=NARROW)
def test_a_character_that_the_screen_lacks_is_printed_as_another(environment, flowers, tmp_path, run):
    done = run(str(flowers), *QUICK, f"--save_dir={tmp_path / 'run'}", **environment)
    assert done.returncode == 0, done.stderr
    assert r"\u043c\u0430\u043a" in done.stdout
    assert {path.name for path in (tmp_path / "run").iterdir()} == WHOLE
    assert set(pd.read_csv(tmp_path / "run/clusters.csv")["label"]) == {"мак", "лён"}


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_without_streams_is_a_run(closed, flowers, tmp_path):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, str(ROOT / "n2d.py"), str(flowers), *QUICK]
    done = subprocess.run([*command, f"--save_dir={tmp_path / 'run'}"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == WHOLE


def test_a_reader_that_goes_away_takes_no_file_along(flowers, tmp_path):
    arguments = [str(flowers), *QUICK, "--visualize", f"--save_dir={tmp_path}/run", f"--save_model={tmp_path}/model"]
    command = [sys.executable, str(ROOT / "n2d.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(3):
        process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait() == 141 and not error
    assert {path.name for path in (tmp_path / "run").iterdir()} == WHOLE | PICTURES
    assert (tmp_path / "model/model.json").exists()


def test_what_is_told_of_files_is_told_when_they_are_there(flowers, tmp_path, monkeypatch):
    class Screen(io.StringIO):
        def write(self, text):
            if "ACC" in text:
                raise RuntimeError("the first line of the report")
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Screen())
    with pytest.raises(RuntimeError, match="the first line"):
        n2d.main([str(flowers), *QUICK, f"--save_dir={tmp_path}/run", f"--save_model={tmp_path}/model"])
    assert {path.name for path in (tmp_path / "run").iterdir()} >= WHOLE
    assert (tmp_path / "model/model.json").exists()
