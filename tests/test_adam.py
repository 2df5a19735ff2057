import numpy as np
import pytest
import torch

from n2d import models
from n2d.method.autoencoder import adam, training
from n2d.method.autoencoder.adam import Adam
from n2d.method.autoencoder.checkpoint import Checkpoint

DIMS = (20, 64, 32, 3)


@pytest.fixture(scope="module")
def x():
    """Points near a curved surface of three dimensions in twenty."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(600, 3)) @ rng.normal(size=(3, 20)))
    return (hidden + 0.01 * rng.normal(size=hidden.shape)).astype(np.float32)


def test_moments_that_decayed_to_nothing_are_zero_and_others_stay(monkeypatch):
    monkeypatch.setattr(adam, "FLUSH_STEPS", 1)
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = Adam([weight], 1e-3)
    weight.grad = torch.tensor([1.0, -1e-17, 1e-25, 0.0])
    optimizer.step()
    np.testing.assert_allclose(optimizer.moments[0], [0.1, -1e-18, 0, 0], rtol=1e-5, atol=0)


def test_steps_are_those_of_torchs_adam():
    ours, theirs = (models.DenseAutoencoder(DIMS) for _ in range(2))
    optimizers = Adam(ours.parameters(), 1e-2), torch.optim.Adam(theirs.parameters(), lr=1e-2, fused=True)
    for step in range(5):
        batch = torch.rand(32, DIMS[0], generator=torch.Generator().manual_seed(step))
        for model, optimizer in zip((ours, theirs), optimizers):
            model(batch)[1].square().mean().backward()
            optimizer.step()
        optimizers[1].zero_grad()
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        assert torch.equal(mine, other)


def test_dead_units_leave_no_denormal_moments(x, monkeypatch):
    optimizers = []
    monkeypatch.setattr(adam, "optimizer", lambda *args: optimizers.append(Adam(*args)) or optimizers[-1])
    model = models.DenseAutoencoder(DIMS)
    with torch.no_grad():
        model.encoder[0].bias[:8] = -100  # never active: their incoming weights get no gradient but one
        model.encoder[2].bias[:8] = 1e-3
    training.pretrain(model, x, epochs=120, batch_size=64, learning_rate=1e-2, precision="fp32")
    moments = torch.cat([moment.abs().ravel() for moment in optimizers[0].moments])
    assert ((moments > 0) & (moments < torch.finfo(torch.float32).tiny)).sum() == 0


def test_where_pytorchs_private_step_is_gone_its_public_one_trains_as_well(x, tmp_path, monkeypatch):
    def train(epochs, checkpoint=None):
        model = models.DenseAutoencoder(DIMS)
        return training.pretrain(model, x, epochs=epochs, batch_size=64, precision="fp32", checkpoint=checkpoint)

    fast = train(4)
    monkeypatch.delattr(torch, "_fused_adam_")
    slow = train(4)
    np.testing.assert_allclose(slow, fast, rtol=1e-4)
    train(2, Checkpoint(tmp_path / "c.pt", ""))
    assert train(4, Checkpoint(tmp_path / "c.pt", "")) == slow
