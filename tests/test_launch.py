import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import n2d

ROOT = Path(n2d.__file__).parent


QUICK = ["--umap_neighbors=20", "--gmm_restarts=10"]


FILES = {"clusters.csv", "embedding.npy", "history.csv", "latent.npy", "metrics.json", "weights.safetensors"}


def run(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "n2d.py"), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A short run on scikit-learn's digits, in a process of its own."""
    folder = tmp_path_factory.mktemp("digits")
    done = run("digits", "cpu", "--umap_dim=2", "--visualize", "--pretrain_epochs=30", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs/digits-n2d", done.stdout


def test_a_cuda_index_without_cuda_falls_back_and_says_so(data_dir, tmp_path, capsys, monkeypatch):
    """pendigits, real data, from scratch; its latent space after 2 epochs is already good for most digits."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    save = tmp_path / "kept.safetensors"
    arguments = f"pendigits 0 --data_dir={data_dir} --pretrain_epochs=2 --umap_dim=10"
    n2d.main(
        [*arguments.split(), *QUICK, f"--save_dir={tmp_path / 'run'}", f"--save_weights={save}", "--max_points=500"]
    )
    output = capsys.readouterr().out
    assert "no CUDA here: the autoencoder runs on the CPU instead of device 0" in output
    assert json.loads((tmp_path / "run/metrics.json").read_text())["acc"] > 0.7
    assert save.stat().st_size < 0.14 * (tmp_path / "run/weights.safetensors").stat().st_size


def test_a_stopped_run_goes_on_with_the_same_command(tmp_path):
    """Stopped twice in its training, and undisturbed, a run ends with the very same files."""
    arguments = ["digits", "cpu", "--pretrain_epochs=60", "--autoencoders=2", *QUICK]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "n2d.py"), *arguments, f"--save_dir={tmp_path / 'stopped'}"]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(5)  # inside the training, which takes about twenty seconds
        process.send_signal(number)
        error = process.communicate()[1].decode()
        assert process.returncode == 128 + number
        assert "n2d.py: stopped; the same command goes on" in error and "Traceback" not in error
    assert (tmp_path / "stopped/n2d-checkpoint-1.pt").exists()
    shutil.copytree(tmp_path / "stopped", tmp_path / "anew")
    for name, extra in (("stopped", []), ("anew", ["--resume=never"])):
        done = run(*arguments, f"--save_dir={tmp_path / name}", *extra, **environment)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in (tmp_path / name).iterdir()} == FILES
    for name in ("clusters.csv", "history.csv", "latent.npy"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "anew" / name).read_bytes()


def test_two_processes_train_as_one(tmp_path):
    """The same batches, each in two parts: the same losses up to rounding, and one report."""
    arguments = "n2d.py digits cpu --autoencoders=2 --pretrain_epochs=3 --batch_size=200 --precision=fp32".split()
    arguments += ["--manifold_learner=none", "--gmm_restarts=2"]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    outputs = []
    for name, command in (("one", [sys.executable]), ("two", together)):
        done = subprocess.run(
            [*command, *arguments, f"--save_dir={tmp_path / name}"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[1].count("ACC") == outputs[0].count("ACC") == 1
    machines = [json.loads((tmp_path / name / "metrics.json").read_text())["machine"] for name in ("one", "two")]
    assert [machine["processes"] for machine in machines] == [1, 2]
    one, two = (pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "two"))
    assert len(one) == 6
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-4)
    one, two = (np.load(tmp_path / name / "latent.npy") for name in ("one", "two"))
    assert one.shape == two.shape == (1797, 20)
    np.testing.assert_allclose(two, one, atol=0.02 * one.std())


def test_of_several_processes_one_tells_a_mistake():
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*together, "n2d.py", "digits", "cpu", "--refine=KM"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr.count("--refine is trained by one process, got 2") == 1
