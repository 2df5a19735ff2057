"""Training where there is a device, and on PyTorch's meta device, which has shapes and no numbers, everywhere."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from n2d import models
from n2d.method.autoencoder import adam, refine, training
from n2d.method.autoencoder.checkpoint import Checkpoint
from n2d.method.autoencoder.scaling import Scaling

DIMS = (20, 64, 4)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
    pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device here")),
]


@pytest.fixture(scope="module")
def x():
    """Bytes near a curved surface of three dimensions in twenty."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 20)))
    return np.round(127 * (1 + hidden)).astype(np.uint8)


def train(x, device, loss=None, **settings):
    """Losses, and the latent space, after two epochs or those that are given."""
    ensemble = models.Ensemble(DIMS).to(device)
    common = {"epochs": 2, "batch_size": 64, "precision": "fp32", "augment": (4, 5)}
    x, prepare = Scaling.fit(x, "255").in_batches(x, device)
    common |= {"prepare": prepare} | settings
    if loss is None:
        history = training.pretrain(ensemble[0], x, **common)
    else:
        rows = refine.refine(ensemble, x, n_clusters=3, loss=loss, tol=-1, **common)[1]
        history = [[row["reconstruction"], row["clustering"]] for row in rows]
    return history, training.encode(ensemble, x, prepare=prepare)


@pytest.mark.parametrize("loss", [None, "KLD", "KM"])
@pytest.mark.parametrize("device", DEVICES)
def test_a_device_trains_as_the_cpu_does(x, device, loss):
    for found, expected in zip(train(x, device, loss), train(x, "cpu", loss)):
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_bf16_trains_on_a_device(x, device):
    np.testing.assert_allclose(train(x, device, precision="bf16")[0], train(x, "cpu")[0], rtol=0.05)


@pytest.mark.parametrize("device", DEVICES)
def test_a_training_goes_on_on_another_device(x, device, tmp_path):
    for name, first, second in (("there", "cpu", device), ("back", device, "cpu")):
        train(x, first, checkpoint=Checkpoint(tmp_path / name, ""))
        history, _ = train(x, second, epochs=4, checkpoint=Checkpoint(tmp_path / name, ""))
        np.testing.assert_allclose(history, train(x, "cpu", epochs=4)[0], rtol=1e-2)


@pytest.mark.parametrize("device", DEVICES)
def test_data_that_stay_on_the_host_train_the_same(x, device, monkeypatch):
    expected = train(x, device)
    monkeypatch.setattr(training, "where_it_fits", lambda x, device: torch.as_tensor(x))
    for found, other in zip(train(x, device), expected):
        np.testing.assert_allclose(found, other, rtol=1e-5, atol=1e-6)


def test_data_go_to_a_card_if_half_of_its_free_memory_takes_them(monkeypatch):
    x = np.zeros((100, 10), np.float32)
    moved = []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device: moved.append(device) or tensor)
    for free, expected in ((7999, []), (8000, [torch.device("cuda:1")])):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**9))
        training.where_it_fits(x, torch.device("cuda:1"))
        assert moved == expected


class EndOfEpoch(Exception):
    """Raised where the first number would be read, of which the meta device has none."""


class InTheFirstEpoch:
    """A checkpoint after the first step, so that the refinement needs no k-means, whose centres are numbers."""

    def __init__(self):
        self.state = {"model": models.Ensemble(DIMS).to("meta").state_dict()}
        self.state |= {"optimizer": {"n_steps": 1, "moments": [], "squares": []}}
        self.state |= {"shuffle": torch.Generator().get_state(), "history": [], "step": 1, "total": torch.zeros(2)}
        self.state |= {"centres": torch.zeros(3, 4), "q": torch.ones(300, 3), "evolution": torch.zeros(0)}

    def __enter__(self):
        pass

    def __exit__(self, *_):
        pass

    def is_due(self):
        return False


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("loss", [None, "KLD", "KM"])
def test_all_that_a_step_needs_is_on_the_device(x, loss, on_host, monkeypatch):
    """An operation on tensors of two devices is an error on the meta device, too."""

    def stop(loop):
        raise EndOfEpoch

    steps, step = [], adam.Adam.step
    monkeypatch.setattr(training.Loop, "_total_of_processes", stop)
    monkeypatch.setattr(adam.Adam, "step", lambda optimizer: steps.append(1) or step(optimizer))
    monkeypatch.setattr(training, "autocast", lambda precision, device: nullcontext())  # which knows no meta device
    if on_host:
        monkeypatch.setattr(training, "where_it_fits", lambda x, device: torch.as_tensor(x))
    with pytest.raises(EndOfEpoch):
        train(x, "meta", loss, checkpoint=loss and InTheFirstEpoch())
    assert len(steps) == (4 if loss else 5)
