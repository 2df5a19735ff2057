import pytest
import torch

from n2d import models

DIMS = (12, 30, 20, 3)


def test_shape_activations_and_initial_weights_are_the_papers():
    model = models.DenseAutoencoder((784, 500, 500, 2000, 10))
    linear = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    widths = [784, 500, 500, 2000, 10, 2000, 500, 500, 784]
    assert [(layer.in_features, layer.out_features) for layer in linear] == list(zip(widths, widths[1:]))
    for layer in linear:
        limit = (6 / (layer.in_features + layer.out_features)) ** 0.5  # Glorot and Bengio 2010, equation 16
        assert layer.weight.abs().max() <= limit
        assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)
        assert not layer.bias.any()
    assert [type(layer).__name__ for layer in model.encoder] == ["Linear", "ReLU"] * 3 + ["Linear"]
    assert [type(layer).__name__ for layer in model.decoder] == ["Linear", "ReLU"] * 3 + ["Linear"]


def test_seed_decides_initial_weights_and_global_state_is_left_alone():
    before = torch.get_rng_state()
    a, b, c = (models.DenseAutoencoder(DIMS, seed=seed).encoder[0].weight for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_members_of_an_ensemble_differ_and_their_latent_spaces_stand_side_by_side():
    ensemble = models.Ensemble(DIMS, 3, seed=1)
    x = torch.rand(5, 12)
    latent = ensemble.encode(x)
    assert latent.shape == (5, 9)
    for i, autoencoder in enumerate(ensemble):
        assert torch.equal(latent[:, 3 * i : 3 * i + 3], autoencoder.encode(x))
    assert len({autoencoder.encoder[0].weight[0, 0].item() for autoencoder in ensemble}) == 3
    assert len(set(ensemble.seeds)) == 3
    assert models.Ensemble(DIMS, 2, seed=1).seeds == ensemble.seeds[:2]
    assert not set(models.Ensemble(DIMS, 3, seed=2).seeds) & set(ensemble.seeds)


def test_latent_points_are_decoded_member_by_member():
    ensemble = models.Ensemble(DIMS, 2)
    x = torch.rand(5, 12)
    latent, reconstructions = ensemble(x)
    torch.testing.assert_close(ensemble.decode(latent), reconstructions)
