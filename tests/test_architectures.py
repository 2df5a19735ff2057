"""Autoencoders that are described in JSON."""

import json
from pathlib import Path

import pytest
import torch

from n2d import models
from n2d.method.autoencoder import weights

FILES = sorted((Path(__file__).parents[1] / "architectures").glob("*.json"))
IMAGE = {"type": "Input", "output_shape": [1, 8, 8]}
CONV = {"type": "Conv2D", "num_filters": 3, "filter_size": [3, 3], "non_linearity": "rectify"}
SAME = CONV | {"conv_mode": "same"}
POOL = {"type": "MaxPool2D", "filter_size": [2, 2]}
SWITCH = {"type": "MaxPool2D*", "filter_size": [2, 2]}
DENSE = {"type": "Dense", "num_units": 5, "non_linearity": "linear"}


def build(*layers, seed=0, **fields):
    description = {"name": "test", "layers": [IMAGE, *layers], **fields}
    return models.JSONAutoencoder(models.Architecture.model_validate(description), seed=seed)


def test_the_papers_mnist_network_is_mirrored():
    network = models.JSONAutoencoder(models.read_architecture("architectures/mnist.json"))
    assert network.line == (
        "50[5x5]_bn max*[2x2] 50[5x5]_bn max*[2x2] 120[4x4]_bn 50[4x4]_bn ups*[2x2] 50[5x5]_bn ups*[2x2] 1[5x5]"
    )
    assert (network.n_features, network.n_latent) == (784, 120)
    non_linearities = [
        type(stage[-1]).__name__ for stage in (*network.encoder, *network.decoder) if hasattr(stage, "__getitem__")
    ]
    assert non_linearities == ["ReLU", "ReLU", "Identity", "Identity", "ReLU", "ReLU"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_architecture_that_is_shipped_can_be_built_and_trained(file):
    for i in range(len(json.loads(file.read_text()))):
        architecture = models.read_architecture(f"{file}:{i}")
        network = models.JSONAutoencoder(architecture)
        x = torch.rand(3, network.n_features)
        latent, reconstruction = network(x)
        assert latent.shape == (3, network.n_latent) and reconstruction.shape == x.shape
        assert torch.equal(network.eval().encode(x), network(x)[0])
        (reconstruction - x).square().mean().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


DECONV = CONV | {"type": "Deconv2D"}
RESHAPE = {"type": "Reshape", "output_shape": [4, 4, 4]}


@pytest.mark.parametrize(
    ["layers", "line", "n_latent"],
    [
        ([CONV, POOL], "3[3x3] max[2x2] ups[2x2] 1[3x3]", 27),
        ([SAME, SWITCH, DENSE], "3[3x3] max*[2x2] fc[5] fc[48] ups*[2x2] 1[3x3]", 5),
        ([DECONV, POOL], "3[3x3] max[2x2] ups[2x2] 1[3x3]", 75),
        ([RESHAPE, SAME], "rsh 3[3x3] 4[3x3] rsh", 48),
        (
            [DENSE | {"num_units": 16}, {"type": "Reshape", "output_shape": [1, 4, 4]}, SAME],
            "fc[16] rsh 3[3x3] 1[3x3] rsh fc[64]",
            48,
        ),
        ([CONV | {"filter_size": [1, 3]}], "3[1x3] 1[1x3]", 144),
    ],
)
def test_each_kind_of_layer_has_its_inverse(layers, line, n_latent):
    network = build(*layers)
    assert (network.line, network.n_latent) == (line, n_latent)
    assert network(torch.rand(2, 64))[1].shape == (2, 64)


def test_starred_pooling_puts_values_back_and_plain_pooling_repeats_them():
    x = torch.rand(4, 64)
    tiles = x.view(4, 4, 2, 4, 2)
    maxima = tiles.amax(dim=(2, 4), keepdim=True)
    assert torch.equal(build(SWITCH)(x)[1], (tiles * (tiles == maxima)).flatten(1))
    assert torch.equal(build(POOL)(x)[1], maxima.expand_as(tiles).flatten(1))


def test_batch_norm_is_everywhere_but_at_the_output():
    network = build(CONV, POOL, DENSE, use_batch_norm=True)
    kinds = [[type(module).__name__ for module in stage.children()] for stage in (*network.encoder, *network.decoder)]
    assert kinds[0] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds[-1] == ["ConvTranspose2d", "ReLU"]
    assert sum("BatchNorm2d" in names for names in kinds) == 1
    assert build(CONV, CONV, use_batch_norm=True).line == "3[3x3]_bn 3[3x3]_bn 3[3x3]_bn 1[3x3]"
    assert "BatchNorm2d" not in str(build(CONV, POOL, DENSE))


def test_output_non_linearity_is_the_first_layers_unless_it_is_given():
    layers = (CONV, DENSE)
    assert isinstance(build(*layers).decoder[-1][-1], torch.nn.ReLU)
    network = build(*layers, output_non_linearity="elu")
    assert isinstance(network.decoder[-1][-1], torch.nn.ELU)
    assert isinstance(network.encoder[0][-1], torch.nn.ReLU)


def test_building_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    build(CONV, DENSE)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seed_decides_the_initial_weights():
    a, b, c = (build(CONV, DENSE, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["encoder.0.0.weight"], c["encoder.0.0.weight"])


WRONG = {
    "layer 2 (Conv2D), num_filters: field required": {"layers": [IMAGE, {"type": "Conv2D"}]},
    "layer 2: type must be one of": {"layers": [IMAGE, {"type": "Conv3D"}]},
    "layer 2 (Conv2D), filter_size: input should be greater than 0, got 0": {
        "layers": [IMAGE, CONV | {"filter_size": [3, 0]}]
    },
    "layer 2 (Dense), units: extra inputs are not permitted": {"layers": [IMAGE, DENSE | {"units": 3}]},
    "layer 2 (Dense), non_linearity: input should be 'rectify', 'linear' or 'elu', got 'tanh'": {
        "layers": [IMAGE, DENSE | {"non_linearity": "tanh"}]
    },
    "layers: tuple should have at least 2 items": {"layers": [IMAGE]},
    "name: field required": {"name": None},
    "layer 2 (Conv2D): filter_size 9x9 is larger than its input 8x8": {
        "layers": [IMAGE, CONV | {"filter_size": [9, 9]}]
    },
    "layer 3 (MaxPool2D*): filter_size 4x4 does not divide its input 6x6": {
        "layers": [IMAGE, CONV, SWITCH | {"filter_size": [4, 4]}]
    },
    "layer 2 (Conv2D): filter_size must be odd with conv_mode same, got 2x2": {
        "layers": [IMAGE, SAME | {"filter_size": [2, 2]}]
    },
    "layer 3 (MaxPool2D): its input must be an image (channels, height, width), got 5": {
        "layers": [IMAGE, DENSE, POOL]
    },
    "layer 2 (Reshape): output_shape 3x4 has not the size of 1x8x8": {
        "layers": [IMAGE, {"type": "Reshape", "output_shape": [3, 4]}]
    },
    "layer 1 must be of type Input, got Conv2D": {"layers": [CONV, POOL]},
    "layer 2 (Input): only the first layer can be of type Input": {"layers": [IMAGE, IMAGE]},
    "network_type is fully connected, but it has convolutions": {
        "layers": [IMAGE, CONV],
        "network_type": "fully connected",
    },
}


@pytest.mark.parametrize(["message", "fields"], WRONG.items(), ids=WRONG)
def test_a_wrong_description_is_one_sentence_with_layer_and_field(message, fields, tmp_path):
    path = tmp_path / "a.json"
    description = {"name": "test", "layers": [IMAGE, DENSE], **fields}
    path.write_text(json.dumps({key: value for key, value in description.items() if value is not None}))
    with pytest.raises(models.ArchitectureError) as error:
        models.JSONAutoencoder(models.read_architecture(str(path)))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_description_is_found_by_index_or_name(tmp_path):
    path = tmp_path / "a.json"
    descriptions = [{"name": name, "layers": [IMAGE, DENSE]} for name in ("first", "with:colon", "1")]
    path.write_text(json.dumps(descriptions[0]))
    assert models.read_architecture(str(path)).name == "first"
    path.write_text(json.dumps(descriptions))
    for choice, name in {"": "first", ":0": "first", ":1": "1", ":first": "first"}.items():
        assert models.read_architecture(f"{path}{choice}").name == name
    with pytest.raises(models.ArchitectureError, match="no description third .there: 0: first, 1: with:colon, 2: 1"):
        models.read_architecture(f"{path}:third")
    with pytest.raises(models.ArchitectureError, match="no description 3 "):
        models.read_architecture(f"{path}:3")


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"text"'])
def test_a_file_that_is_no_description_is_refused(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(models.ArchitectureError, match="a.json"):
        models.read_architecture(str(path))
    with pytest.raises(models.ArchitectureError, match="missing.json: No such file"):
        models.read_architecture(str(tmp_path / "missing.json"))


@pytest.mark.parametrize("compact", [False, True])
def test_weights_of_a_described_autoencoder_round_trip(tmp_path, compact):
    description = {
        "name": "test",
        "layers": [IMAGE, CONV, SWITCH | {"filter_size": [3, 3]}, DENSE],
        "use_batch_norm": 1,
    }
    architecture = models.Architecture.model_validate(description)
    ensemble = models.Ensemble(architecture, 2, seed=1)
    x = torch.rand(20, 64)
    ensemble(x)  # moves the averages of the batch normalisation
    ensemble.eval()
    weights.save_weights(ensemble, tmp_path / "w.safetensors", compact=compact)
    other, provenance = weights.load_weights(tmp_path / "w.safetensors", architecture)
    assert provenance["network"] == "3[3x3]_bn max*[3x3] fc[5] fc[12] ups*[3x3] 1[3x3]"
    difference = other.encode(x) - ensemble.encode(x)  # with the averages that were learnt, not those of x
    assert difference.abs().max() <= (0.05 * ensemble.encode(x).std() if compact else 0)
    with pytest.raises(weights.WeightsError, match="3.3x3._bn max.*but this run needs 64-5"):
        weights.load_weights(tmp_path / "w.safetensors", (64, 5))
