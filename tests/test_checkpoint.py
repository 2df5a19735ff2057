import errno
import multiprocessing
import os
import time
import warnings
import weakref

import numpy as np
import pytest
import torch
import torch.distributed as dist

from n2d import models
from n2d.method.autoencoder import training
from n2d.method.autoencoder.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def x():
    """Points near a curved surface of three dimensions in twenty."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(600, 3)) @ rng.normal(size=(3, 20)))
    return (hidden + 0.01 * rng.normal(size=hidden.shape)).astype(np.float32)


def train(path, weights, begun):
    """A training in a process of its own, whose checkpoints are 0.02 s apart."""
    torch.set_num_threads(1)
    x = np.random.default_rng(0).random((600, 20), dtype=np.float32)
    model = models.DenseAutoencoder((20, 64, 3), seed=1)
    checkpoint = None if path is None else Checkpoint(path, "the same", every=0.02)
    begun.set()
    history = training.pretrain(model, x, epochs=300, batch_size=32, seed=2, checkpoint=checkpoint)
    torch.save({"model": model.state_dict(), "history": history}, weights)


def start(path, weights):
    """Begin `train`, as a fork of a process that has imported everything, which takes seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "n2d.method.autoencoder.training"])
    begun = context.Event()
    process = context.Process(target=train, args=(path, weights, begun))
    process.start()
    assert begun.wait(60)
    return process


def ends_well(process):
    process.join()
    return process.exitcode == 0


def test_killed_at_twenty_moments_it_ends_with_the_very_same_weights(tmp_path):
    path, rng = tmp_path / "checkpoint.pt", np.random.default_rng()
    assert ends_well(start(None, tmp_path / "undisturbed.pt"))
    for _ in range(20):
        process = start(path, tmp_path / "killed.pt")
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        assert Checkpoint(path, "the same").state is not None or not path.exists()  # never a half-written file
    assert ends_well(start(path, tmp_path / "killed.pt"))
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
        with pytest.warns(
            UserWarning, match="checkpoint.pt cannot be read .*: kept as checkpoint.pt.unreadable, train"
        ):
            assert Checkpoint(path, "one").state is None
        assert not path.exists() and (tmp_path / "checkpoint.pt.unreadable").read_bytes() == content
    torch.save(torch.zeros(3), path)
    with pytest.warns(UserWarning, match="cannot be read"):
        assert Checkpoint(path, "one").state is None


def test_a_checkpoint_written_on_a_card_that_is_not_here_is_read_to_the_host(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
        Checkpoint(path, "one").write({"weight": torch.ones(3)})
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(path, weights_only=True)
    assert torch.equal(Checkpoint(path, "one").state["weight"], torch.ones(3))


def test_a_training_lets_go_of_the_state_that_it_has_taken(x, tmp_path):
    model = models.DenseAutoencoder((20, 64, 3))
    training.pretrain(model, x, epochs=1, checkpoint=Checkpoint(tmp_path / "c.pt", ""))
    checkpoint = Checkpoint(tmp_path / "c.pt", "")
    held = weakref.ref(checkpoint.state["model"]["encoder.0.weight"])
    assert held() is not None
    seen = []
    training.pretrain(model, x, epochs=2, checkpoint=checkpoint, callback=lambda *_: seen.append(held()))
    assert seen == [None]


def test_several_processes_ask_the_first_about_once_a_second(tmp_path, monkeypatch):
    """A step takes a millisecond; after 7.5 s of them the first process is told to stop."""
    now, asked, broadcast = [0.0], [], dist.broadcast
    monkeypatch.setattr("n2d.method.autoencoder.checkpoint.time.monotonic", lambda: now[0])
    monkeypatch.setattr(dist, "broadcast", lambda *args: asked.append(now[0]) or broadcast(*args))
    monkeypatch.setattr(Checkpoint, "stop", 0)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        checkpoint = Checkpoint(tmp_path / "c.pt", "", every=3.0)
        due = []
        for step in range(1, 10_001):
            now[0] = step / 1000
            if step == 7500:
                Checkpoint.stop = 15
            if checkpoint.is_due():
                due.append(now[0])
                checkpoint._last = now[0]
            if Checkpoint.stop and due[-1:] > [7.5]:
                break
    finally:
        dist.destroy_process_group()
    assert len(asked) < 25
    assert len(due) == 3 and all(0 <= late < 1.1 for late in (due[0] - 3, due[1] - due[0] - 3, due[2] - 7.5))


def test_bytes_that_have_changed_are_no_reason_to_fall(tmp_path):
    path, rng = tmp_path / "checkpoint.pt", np.random.default_rng(0)
    Checkpoint(path, "one").write({"step": 3})
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(300):
        damaged = whole.copy()
        damaged[rng.integers(len(whole), size=20)] = rng.integers(256, size=20)
        path.write_bytes(damaged.tobytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Checkpoint(path, "one")


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    def load(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", load)
    Checkpoint(tmp_path / "checkpoint.pt", "one").write({"step": 3})
    with pytest.raises(MemoryError):
        Checkpoint(tmp_path / "checkpoint.pt", "one")
    assert (tmp_path / "checkpoint.pt").exists()


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
