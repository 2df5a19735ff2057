import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from n2d import training
from n2d.checkpoint import Checkpoint

ROOT = Path(training.__file__).parent


@pytest.fixture(scope="module")
def x():
    """Points near a curved surface of three dimensions in twenty."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(600, 3)) @ rng.normal(size=(3, 20)))
    return (hidden + 0.01 * rng.normal(size=hidden.shape)).astype(np.float32)


TRAIN = """
import sys

import numpy as np
import torch

from n2d import models, training
from n2d.checkpoint import Checkpoint

path, weights = sys.argv[1:]
x = np.random.default_rng(0).random((600, 20), dtype=np.float32)
model = models.DenseAutoencoder((20, 64, 3), seed=1)
checkpoint = Checkpoint(path, "the same", every=0.02) if path else None
print("training", flush=True)
history = training.pretrain(model, x, epochs=600, batch_size=32, seed=2, checkpoint=checkpoint)
torch.save({"model": model.state_dict(), "history": history}, weights)
"""


def start(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, *map(str, arguments)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )


def test_killed_at_twenty_moments_it_ends_with_the_very_same_weights(tmp_path):
    path, rng = tmp_path / "checkpoint.pt", np.random.default_rng()
    assert start("", tmp_path / "undisturbed.pt").wait() == 0
    for _ in range(20):
        process = start(path, tmp_path / "killed.pt")
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.wait()
        assert Checkpoint(path, "the same").state is not None or not path.exists()  # never a half-written file
    assert start(path, tmp_path / "killed.pt").wait() == 0
    killed, undisturbed = (torch.load(tmp_path / f"{name}.pt") for name in ("killed", "undisturbed"))
    assert killed["history"] == undisturbed["history"]
    assert all(torch.equal(killed["model"][key], tensor) for key, tensor in undisturbed["model"].items())


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_read(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoint = Checkpoint(path, "one")
    checkpoint.write({"step": 3})
    again = Checkpoint(path, "one")
    assert again.state == {"step": 3} and again.seconds > 0
    assert Checkpoint(path, "another").state is None
    for content in (b"", path.read_bytes()[:-20], b"not a checkpoint"):
        path.write_bytes(content)
        assert Checkpoint(path, "one").state is None
    assert list(tmp_path.iterdir()) == [path]
    torch.save(torch.zeros(3), path)
    assert Checkpoint(path, "one").state is None


def test_bytes_that_have_changed_are_no_reason_to_fall(tmp_path):
    path, rng = tmp_path / "checkpoint.pt", np.random.default_rng(0)
    Checkpoint(path, "one").write({"step": 3})
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(300):
        damaged = whole.copy()
        damaged[rng.integers(len(whole), size=20)] = rng.integers(256, size=20)
        path.write_bytes(damaged.tobytes())
        Checkpoint(path, "one")


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    def load(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(MemoryError):
        Checkpoint(tmp_path / "checkpoint.pt", "one")


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    Checkpoint(path, "one").write({"step": 3})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Checkpoint(path, "one").write({"step": 4})
    assert Checkpoint(path, "one").state == {"step": 3}
    assert list(tmp_path.iterdir()) == [path]
