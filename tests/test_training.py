import math
from pathlib import Path

import numpy as np
import pytest
import torch

from n2d import models
from n2d.method.autoencoder import training

DIMS = (20, 64, 32, 3)


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def x():
    """Points near a curved surface of three dimensions in twenty."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(600, 3)) @ rng.normal(size=(3, 20)))
    return (hidden + 0.01 * rng.normal(size=hidden.shape)).astype(np.float32)


def train(x, seed=0, **settings):
    model = models.DenseAutoencoder(DIMS, seed=seed)
    return model, training.pretrain(model, x, seed=seed, batch_size=64, **settings)


def test_loss_falls_and_is_the_reconstruction_error(x):
    model, history = train(x, epochs=60)
    assert len(history) == 60
    assert history[-1] < 0.2 * history[0]
    with torch.no_grad():
        error = torch.nn.functional.mse_loss(model(torch.as_tensor(x))[1], torch.as_tensor(x)).item()
    assert error == pytest.approx(history[-1], rel=0.2)


def test_the_loss_of_an_epoch_counts_every_sample_once(x):
    """With a learning rate of zero the epoch's loss is that of the untrained network, odd last batch included."""
    model = models.DenseAutoencoder(DIMS)
    history = training.pretrain(model, x, epochs=1, batch_size=256, learning_rate=0.0, precision="fp32")
    with torch.no_grad():
        error = torch.nn.functional.mse_loss(model(torch.as_tensor(x))[1], torch.as_tensor(x)).item()
    assert history == [pytest.approx(error, rel=1e-5)]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_seed_same_weights(x, precision):
    (a, history_a), (b, history_b), (c, _) = (train(x, s, epochs=3, precision=precision) for s in (1, 1, 2))
    assert history_a == history_b
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))
    assert not torch.equal(a.encoder[0].weight, c.encoder[0].weight)


def test_bf16_trains_as_well_as_fp32(x):
    fp32, bf16 = (train(x, epochs=60, precision=precision)[1][-1] for precision in ("fp32", "bf16"))
    assert bf16 == pytest.approx(fp32, rel=0.05)
    assert bf16 != fp32


def test_no_epochs_leave_the_model_as_it_was(x):
    model, history = train(x, epochs=0)
    assert history == []
    assert torch.equal(model.encoder[0].weight, models.DenseAutoencoder(DIMS).encoder[0].weight)


def test_encode_is_the_joint_latent_space_in_chunks(x):
    ensemble = models.Ensemble(DIMS, 2)
    latent = training.encode(ensemble, x, batch_size=77)
    assert latent.shape == (600, 6) and latent.dtype == np.float32
    for i, autoencoder in enumerate(ensemble):
        expected = autoencoder.encoder(torch.as_tensor(x)).detach()
        np.testing.assert_allclose(latent[:, 3 * i : 3 * i + 3], expected, atol=1e-6)


def test_automatic_precision_asks_the_processor(monkeypatch):
    for avx512, amx, expected in ((True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=avx512: has)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has=amx: has)
        assert training.choose_precision("auto", "cpu") == expected
        assert training.choose_precision("fp32", "cpu") == "fp32"
        assert training.choose_precision("bf16", "cpu") == "bf16"


def test_automatic_precision_is_fp32_where_the_processor_cannot_be_asked(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name)
    assert training.choose_precision("auto", "cpu") == "fp32"
    assert training.choose_precision("auto", "mps") == "fp32"


def test_distorted_images_are_shifted_and_rotated_each_in_its_own_way():
    image = torch.zeros(20, 10)
    image[4:6, 4:6] = 1  # its middle lies 5 above the picture's
    draws = torch.tensor([[0.5, 0.5, 0.5], [1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1], [0.5, 0.5, 0]])
    plain, right, down, turned, back = training.distort(image.repeat(5, 1, 1).flatten(1), (20, 10), draws)
    torch.testing.assert_close(plain.view(20, 10), image)
    torch.testing.assert_close(right.view(20, 10), image.roll(1, 1))  # a tenth of the width
    torch.testing.assert_close(down.view(20, 10), image.roll(2, 0))

    def middle(picture):
        rows, columns = torch.meshgrid(torch.arange(20) - 9.5, torch.arange(10) - 4.5, indexing="ij")
        weight = picture.view(20, 10) / picture.sum()
        return torch.stack([(weight * rows).sum(), (weight * columns).sum()])

    radius, angle = 5.0, math.radians(10)
    expected = torch.tensor([-radius * math.cos(angle), -radius * math.sin(angle)])
    torch.testing.assert_close(middle(turned), expected, atol=0.3, rtol=0)  # to the left
    torch.testing.assert_close(middle(back), expected * torch.tensor([1, -1]), atol=0.3, rtol=0)
    colours = torch.rand(5, 3, 8, 8)
    grey = training.distort(colours[:, 1].flatten(1), (8, 8), draws)
    torch.testing.assert_close(training.distort(colours.flatten(1), (3, 8, 8), draws).view(5, 3, 64)[:, 1], grey)


def test_augmented_training_is_the_same_for_the_same_seed_and_new_in_every_epoch(x, monkeypatch):
    seen, distort = [], training.distort
    monkeypatch.setattr(training, "distort", lambda *args: seen.append(args[-1]) or distort(*args))
    weights = []
    for _ in range(2):
        model = models.DenseAutoencoder(DIMS)
        training.pretrain(model, x, epochs=2, batch_size=len(x), precision="fp32", augment=(4, x.shape[1] // 4))
        weights.append(model.encoder[0].weight)
    torch.testing.assert_close(*weights, rtol=0, atol=0)
    assert not torch.equal(seen[0].sort(0).values, seen[1].sort(0).values)
    torch.testing.assert_close(seen[0], seen[2], rtol=0, atol=0)
