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
import torch

import n2d
from n2d.command import arguments, launch
from n2d.method.autoencoder.checkpoint import Checkpoint

ROOT = Path(__file__).parents[1]


QUICK = ["--umap_neighbors=20", "--gmm_restarts=10"]


FILES = {"clusters.csv", "embedding.npy", "hierarchy.csv", "history.csv", "latent.npy", "map.npy", "merged.csv"}
FILES |= {"halves.npy", "metrics.json", "profile.csv", "weights.safetensors"}


def test_a_cuda_index_without_cuda_falls_back_and_says_so(data_dir, tmp_path, capsys, monkeypatch):
    """pendigits, real data, from scratch; its latent space after an epoch is already good for most digits."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    save = tmp_path / "kept.safetensors"
    arguments = f"pendigits 0 --data_dir={data_dir} --pretrain_epochs=1 --umap_dim=10"
    n2d.main(
        [*arguments.split(), *QUICK, f"--save_dir={tmp_path / 'run'}", f"--save_weights={save}", "--max_points=500"]
    )
    output = capsys.readouterr().out
    assert "no CUDA here: the autoencoder runs on the CPU instead of device 0" in output
    assert json.loads((tmp_path / "run/metrics.json").read_text())["acc"] > 0.7
    assert save.stat().st_size < 0.14 * (tmp_path / "run/weights.safetensors").stat().st_size


@pytest.fixture
def small(tmp_path):
    """A file that describes a small autoencoder of the digits."""
    layers = [{"type": "Input", "output_shape": [64]}, {"type": "Dense", "num_units": 10, "non_linearity": "linear"}]
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"name": "small", "layers": layers}))
    return path


def test_a_stopped_run_goes_on_with_the_same_command(small, tmp_path, run):
    """Stopped twice in its training, and undisturbed, a run ends with the very same files."""
    arguments = ["digits", "cpu", f"--architecture={small}", "--autoencoders=2", "--batch_size=8"]
    arguments += ["--pretrain_epochs=20", "--manifold_learner=none", "--gmm_restarts=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "n2d.py"), *arguments, f"--save_dir={tmp_path / 'stopped'}"]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(1.5)  # inside the training, whose 9,000 small steps take seconds on any processor
        process.send_signal(number)
        error = process.communicate()[1].decode()
        assert process.returncode == 128 + number
        assert "n2d.py: stopped; the same command goes on" in error and "Traceback" not in error
    assert (tmp_path / "stopped/n2d-checkpoint-1.pt").exists()
    shutil.copytree(tmp_path / "stopped", tmp_path / "anew")
    for name, extra in (("stopped", []), ("anew", ["--resume=never"])):
        done = run(*arguments, f"--save_dir={tmp_path / name}", *extra, **environment)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in (tmp_path / name).iterdir()} == FILES | {"stages.csv"}
    for name in ("clusters.csv", "history.csv", "latent.npy"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "anew" / name).read_bytes()


def test_two_processes_train_as_one(small, tmp_path):
    """The same batches, each in two parts: the same losses up to rounding, and one report."""
    arguments = "n2d.py digits cpu --autoencoders=2 --pretrain_epochs=1 --batch_size=200 --precision=fp32".split()
    arguments += [f"--architecture={small}", "--manifold_learner=none", "--gmm_restarts=2"]
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
    assert len(one) == 2
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


TOGETHER = """
import itertools
import sys

import numpy as np
import torch

from n2d import models
from n2d.command import arguments, launch
from n2d.method.autoencoder import torchrun, training
from n2d.method.autoencoder.checkpoint import Checkpoint

path, what, rank = sys.argv[1:]


def main():
    torchrun.join("cpu")
    x = np.random.default_rng(0).random((6400, 20), dtype=np.float32)
    epoch, n_steps = training.Loop.epoch, itertools.count(1)

    def epoch_with_trouble(loop, losses):
        def with_trouble(*batch):
            loss, reported = losses(*batch)
            if next(n_steps) == 30 and torchrun.processes()[0] == int(rank):
                if what == "memory":
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has")
                reported = reported * float("nan")
            return loss, reported

        return epoch(loop, with_trouble)

    training.Loop.epoch = epoch_with_trouble
    with launch.mistakes(arguments.build_parser()):
        training.pretrain(models.DenseAutoencoder((20, 64, 3)), x, epochs=3, checkpoint=Checkpoint(path, "", every=0))


launch.console(main)
"""


def together(*command):
    """What two processes say, before torchrun says what became of them."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command, environment = [*start, *map(str, command)], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith(("n2d.py:", "[rank"))]


def test_a_loss_that_is_no_number_in_one_of_several_processes_is_told_once_and_ends_all(tmp_path):
    (tmp_path / "script.py").write_text(TOGETHER)
    (line,) = together(tmp_path / "script.py", tmp_path / "c.pt", "loss", 1)
    assert line.startswith("n2d.py: error: the loss of autoencoder became nan in epoch 2: scale the features")
    assert Checkpoint(tmp_path / "c.pt", "").state["total"].isfinite().all()


@pytest.mark.parametrize("rank", [0, 1])
def test_out_of_memory_in_one_of_several_processes_is_told_and_ends_all(rank, tmp_path):
    (tmp_path / "script.py").write_text(TOGETHER)
    first, *others = together(tmp_path / "script.py", tmp_path / "c.pt", "memory", rank)
    assert first.startswith("n2d.py: error: out of memory on the device, 2.00 GiB more were asked for: a smaller --b")
    assert len(others) <= rank and all("another of torchrun's processes has stopped" in line for line in others)


def as_one_of_two(monkeypatch, rank):
    environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "TORCHELASTIC_RUN_ID": "a"}
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(arguments, "PATIENCE", 0)


@pytest.mark.parametrize("rank", [0, 1])
def test_each_of_several_processes_sees_that_there_are_too_few_devices(rank, monkeypatch, capsys):
    as_one_of_two(monkeypatch, rank)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert launch.choose_device(arguments.build_parser(), "1") == f"cuda:{1 + rank}"
    with pytest.raises(SystemExit) as stop:
        launch.choose_device(arguments.build_parser(), "2")
    assert stop.value.code == 2
    told = "n2d.py: error: torchrun's 2 processes need a device each, from 2 on, and there are 3\n"
    assert capsys.readouterr().err == (told if rank == 0 else "")


def test_mps_is_a_device_where_it_is_there(monkeypatch, capsys):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert launch.choose_device(arguments.build_parser(), "mps") == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert launch.choose_device(arguments.build_parser(), "mps") == "cpu"
    assert "no MPS here: the autoencoder runs on the CPU" in capsys.readouterr().out


def test_mps_is_one_device_and_not_for_several_processes(monkeypatch, capsys):
    as_one_of_two(monkeypatch, 0)
    with pytest.raises(SystemExit):
        n2d.main(["digits", "mps"])
    assert "gpu must be cpu or the index of a CUDA device with torchrun, got mps" in capsys.readouterr().err


def test_batch_normalisation_is_refused_before_several_processes_meet(monkeypatch, capsys, tmp_path):
    as_one_of_two(monkeypatch, 0)
    monkeypatch.setattr("n2d.method.autoencoder.torchrun.join", lambda device: pytest.fail("they met"))
    network = ROOT / "architectures/mnist.json"
    with pytest.raises(SystemExit) as stop:
        n2d.main(["digits", "cpu", f"--architecture={network}", f"--save_dir={tmp_path / 'run'}"])
    assert stop.value.code == 2
    assert f"{network} has batch normalisation, of whole batches: start it without torchrun" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has", "the device, 20.00 MiB more were asked for"),
        (
            "MPS backend out of memory (allocated: 9 GB). Tried to allocate 2 GB",
            "the device, 2 GB more were asked for",
        ),
        ("CUDA error: out of memory", "the device"),
    ],
)
def test_too_little_memory_on_a_device_is_told_with_what_takes_less_of_it(error, line):
    remedies = "a smaller --batch_size takes less, or train on another, or the cpu"
    assert launch.way_out(RuntimeError(error)) == f"out of memory on {line}: {remedies}"


def test_an_error_that_is_not_about_memory_has_no_way_out():
    assert launch.way_out(RuntimeError("a bug")) is None


def test_a_signal_that_torchrun_repeats_does_not_keep_the_training_from_writing(monkeypatch):
    monkeypatch.setattr(Checkpoint, "running", True)
    monkeypatch.setattr(Checkpoint, "stop", 0)
    launch.interrupt(signal.SIGINT, None)
    assert Checkpoint.stop == signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        launch.interrupt(signal.SIGINT, None)
    as_one_of_two(monkeypatch, 0)
    launch.interrupt(signal.SIGINT, None)


def of_a_reader_that_has_gone(*arguments):
    """Exit code and error of a command whose output nobody reads."""
    command = [sys.executable, str(ROOT / "n2d.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    return process.wait(), error


def test_a_reader_that_has_gone_is_no_error():
    assert of_a_reader_that_has_gone("inspect", "digits") == (141, "")
    code, error = of_a_reader_that_has_gone("--help")  # argparse itself passes over some
    assert code in (0, 141) and not error
    code, error = of_a_reader_that_has_gone("nonsense", "cpu")
    assert code == 2 and error.startswith("n2d.py: error: nonsense is neither")


def test_a_run_whose_reader_has_gone_leaves_no_folder_locked(tmp_path):
    arguments = ["digits", "cpu", "--pretrain_epochs=1", "--gmm_restarts=1", f"--save_dir={tmp_path / 'run'}"]
    command = [sys.executable, "-u", str(ROOT / "n2d.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait() == 141 and "Traceback" not in error and "rror" not in error
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_torchrun_s_processes_the_first_prints_the_notices(tmp_path, run, rank):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n1,3\n")
    done = run("inspect", f"{tmp_path}/a.csv", TORCHELASTIC_RUN_ID="x", RANK=rank, WORLD_SIZE="2")
    assert done.returncode == 0
    assert done.stderr == ("notice: column a has one value in all rows: it says nothing\n" if rank == "0" else "")


def test_letters_that_the_font_of_pictures_lacks_are_told_once():
    line = launch.notices()
    glyph = "Glyph {} (\\N{{HIRAGANA LETTER HA}}) missing from font(s) DejaVu Sans."
    said = [line(UserWarning(text)) for text in (glyph.format(12399), "left out: 1", glyph.format(12356))]
    assert said == [f"notice: {launch.NO_LETTERS}\n", "notice: left out: 1\n", ""]


@pytest.mark.parametrize(("given", "expected"), [(None, "3000"), ("7", "7")])
def test_threads_that_wait_sleep_soon(given, expected):
    """Set before PyTorch is imported, which reads it once; not if the user has set it."""
    code = "import os; from n2d.command import launch; launch.console(lambda: print(os.environ['GOMP_SPINCOUNT']))"
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {"GOMP_SPINCOUNT": given} if given else {}
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import n2d; {code}"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
