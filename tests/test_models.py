import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import models

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


def test_weights_round_trip_with_provenance(tmp_path):
    path = tmp_path / "new folder" / "weights.safetensors"
    model = models.DenseAutoencoder(DIMS, seed=1)
    models.save_weights(model, path, dataset="digits", epochs=3, versions={"torch": "2"})
    other = models.DenseAutoencoder(DIMS, seed=2)
    provenance = models.load_weights(other, path)
    assert provenance == {"dims": list(DIMS), "dataset": "digits", "epochs": 3, "versions": {"torch": "2"}}
    x = torch.rand(5, 12)
    assert torch.equal(model(x), other(x))
    assert [file.name for file in path.parent.iterdir()] == ["weights.safetensors"]


def test_half_precision_weights_load(tmp_path):
    path = tmp_path / "half.safetensors"
    model = models.DenseAutoencoder(DIMS)
    save_file({key: tensor.half() for key, tensor in model.state_dict().items()}, path)
    other = models.DenseAutoencoder(DIMS, seed=2)
    models.load_weights(other, path)
    assert other.encoder[0].weight.dtype == torch.float32
    np.testing.assert_allclose(other.encoder[0].weight.detach(), model.encoder[0].weight.detach(), atol=1e-3)


def test_weights_of_another_shape_are_refused_with_both_shapes(tmp_path):
    path = tmp_path / "weights.safetensors"
    models.save_weights(models.DenseAutoencoder(DIMS), path)
    model = models.DenseAutoencoder((16, 30, 20, 3))
    with pytest.raises(models.WeightsError, match="12-30-20-3.*16-30-20-3"):
        models.load_weights(model, path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04 not weights"])
def test_a_file_that_is_not_weights_is_refused(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(models.WeightsError, match="weights.safetensors is not a readable safetensors file"):
        models.load_weights(models.DenseAutoencoder(DIMS), path)


def test_weights_with_strange_tensors_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"something": torch.zeros(2)}, path)
    with pytest.raises(models.WeightsError, match="unknown"):
        models.load_weights(models.DenseAutoencoder(DIMS), path)


def test_a_cut_off_weights_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    models.save_weights(models.DenseAutoencoder(DIMS), path)
    assert load_file(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(models.WeightsError):
        models.load_weights(models.DenseAutoencoder(DIMS), path)
