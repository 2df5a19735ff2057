"""The networks: the paper's dense autoencoder, autoencoders described in JSON, and ensembles of either.

References: McConville, Santos-Rodriguez, Piechocki, Craddock, "N2D: (Not Too) Deep Clustering via Clustering the Local
Manifold of an Autoencoded Embedding", ICPR 2020, arXiv:1908.05968, section IV; Aljalbout, Golkov, Siddiqui, Cremers,
"Clustering with Deep Learning: Taxonomy and New Methods", arXiv:1801.07648.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic
import torch
from pydantic import PositiveInt
from torch import nn

HIDDEN_DIMS = (500, 500, 2000)
NON_LINEARITIES = {"rectify": nn.ReLU, "linear": nn.Identity, "elu": nn.ELU}


class DenseAutoencoder(nn.Module):
    """Fully connected autoencoder d-500-500-2000-k and its mirror image.

    ReLU between layers, none on the latent and output layers. Weights start Glorot-uniform and biases zero, as in the
    paper's Keras code; PyTorch's own default differs from both.

    Parameters
    ----------
    dims : sequence of int
        Layer widths from the input to the latent space, e.g. ``(784, 500, 500, 2000, 10)``.
    seed : int
        Seed of the initial weights. The global random state is left alone.
    """

    def __init__(self, dims, seed=0):
        super().__init__()
        self.line = "-".join(map(str, dims))
        self.n_features, self.n_latent = dims[0], dims[-1]
        self.encoder = _mlp(dims)
        self.decoder = _mlp(dims[::-1])
        _initialize(self, seed)

    def encode(self, x):
        """Map x, float (n_samples, n_features), to its latent space, float (n_samples, n_latent)."""
        return self.encoder(x)

    def forward(self, x):
        """Return the latent space and the reconstruction of x, float (n_samples, n_features)."""
        latent = self.encoder(x)
        return latent, self.decoder(latent)

    def decode(self, latent):
        """Reconstruct from latent points, float (n_samples, n_latent): float (n_samples, n_features)."""
        return self.decoder(latent)


def _mlp(dims):
    with torch.random.fork_rng(devices=[]):  # `_initialize` comes later; skip_init imports half a second of sympy
        layers = [(nn.Linear(*pair), nn.ReLU()) for pair in zip(dims, dims[1:])]
    return nn.Sequential(*[module for pair in layers for module in pair][:-1])


def _initialize(model, seed):
    """Glorot-uniform weights and zero biases, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class ArchitectureError(ValueError):
    """A description of an autoencoder that is missing, or that cannot be built."""


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


NonLinearity = Literal[*NON_LINEARITIES]
FilterSize = tuple[PositiveInt, PositiveInt]
Shape = Annotated[tuple[PositiveInt, ...], pydantic.Field(min_length=1, max_length=3)]


class Input(_Part):
    """The shape of a sample: channels, height and width of an image, or a number of features."""

    type: Literal["Input"]
    output_shape: Shape


class Convolution(_Part):
    """Conv2D, or its transpose Deconv2D."""

    type: Literal["Conv2D", "Deconv2D"]
    num_filters: PositiveInt
    filter_size: FilterSize
    conv_mode: Literal["valid", "same"] = "valid"
    non_linearity: NonLinearity


class Pooling(_Part):
    """Max pooling; with the star, the decoder puts values back to where the maxima were instead of repeating them."""

    type: Literal["MaxPool2D", "MaxPool2D*"]
    filter_size: FilterSize


class Dense(_Part):
    """Fully connected layer."""

    type: Literal["Dense"]
    num_units: PositiveInt
    non_linearity: NonLinearity


class Reshape(_Part):
    """Reshape to another shape of the same size."""

    type: Literal["Reshape"]
    output_shape: Shape


class Architecture(_Part):
    """Description of an autoencoder by its encoder alone; its fields are those of the JSON files."""

    name: str
    batch_size: PositiveInt = 256
    use_batch_norm: bool = False
    network_type: Literal["convolutional", "fully connected"] | None = None
    output_non_linearity: NonLinearity | None = None
    layers: Annotated[
        tuple[Annotated[Input | Convolution | Pooling | Dense | Reshape, pydantic.Field(discriminator="type")], ...],
        pydantic.Field(min_length=2),
    ]


def read_architecture(source):
    """Read the description named by FILE, FILE:INDEX or FILE:NAME.

    Parameters
    ----------
    source : str
        FILE is a JSON file of one description or a list of them; INDEX counts from 0 and is 0 if it is left out.

    Returns
    -------
    Architecture

    Raises
    ------
    ArchitectureError
        If there is no such file or description, or a layer or a field of it is wrong: the message names both.
    """
    file, separator, choice = source.rpartition(":")
    if not separator or Path(source).is_file():
        file, choice = source, "0"
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ArchitectureError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ArchitectureError(f"{file} is not JSON ({error})") from error
    found = found if isinstance(found, list) else [found]
    names = [str(description.get("name")) if isinstance(description, dict) else "" for description in found]
    index = int(choice) if choice.isdecimal() else len(found)
    if choice in names:
        index = names.index(choice)
    if index >= len(found):
        known = ", ".join(f"{i}: {name}" for i, name in enumerate(names))
        raise ArchitectureError(f"{file} has no description {choice} (there: {known or 'nothing'})")
    try:
        return Architecture.model_validate(found[index])
    except pydantic.ValidationError as error:
        raise ArchitectureError(f"{file}, description {index}: {_explain(error.errors()[0])}") from error


def _explain(problem):
    """Return one sentence about an error of pydantic's; layers are counted from 1."""
    place, message = list(problem["loc"]), problem["msg"][0].lower() + problem["msg"][1:]
    if place[:1] == ["layers"] and len(place) > 1:
        kind = f" ({place[2]})" if len(place) > 2 else ""
        place = [f"layer {place[1] + 1}{kind}", *map(str, place[3:4])]
    if problem["type"].startswith("union_tag"):
        given = problem["ctx"].get("tag")
        message = f"type must be one of {problem['ctx'].get('expected_tags', 'the known ones')}, got {given}"
    elif problem["type"] not in ("missing", "extra_forbidden"):
        message += f", got {problem['input']!r}"
    return ": ".join([", ".join(map(str, place)), message])


class JSONAutoencoder(nn.Module):
    """Autoencoder built from the description of its encoder; the decoder is the encoder's mirror image.

    Each layer of the decoder undoes one of the encoder and has its non-linearity. Batch normalisation comes between
    a (de)convolution and its non-linearity, except at the output.

    Parameters
    ----------
    architecture : Architecture
    seed : int
        Seed of the initial weights. The global random state is left alone.

    Raises
    ------
    ArchitectureError
        If a layer does not fit to the one before it.

    References
    ----------
    Aljalbout et al., "Clustering with Deep Learning: Taxonomy and New Methods", arXiv:1801.07648.
    """

    def __init__(self, architecture, seed=0):
        super().__init__()
        first, *layers = architecture.layers
        if not isinstance(first, Input):
            raise ArchitectureError(f"{architecture.name}: layer 1 must be of type Input, got {first.type}")
        is_image = any(isinstance(layer, Convolution | Pooling) for layer in layers)
        if architecture.network_type == "fully connected" and is_image:
            raise ArchitectureError(f"{architecture.name}: network_type is fully connected, but it has convolutions")
        shape = self.input_shape = first.output_shape
        encoder, decoder = [], []
        for i, layer in enumerate(layers):
            output = (architecture.output_non_linearity or getattr(layer, "non_linearity", None)) if i == 0 else None
            try:
                with torch.random.fork_rng(devices=[]):  # as in `_mlp`
                    there, back, shape = _stages(layer, shape, architecture.use_batch_norm, output)
            except ArchitectureError as error:
                raise ArchitectureError(f"{architecture.name}: layer {i + 2} ({layer.type}): {error}") from error
            encoder.append(there)
            decoder.insert(0, back)
        self.latent_shape = shape
        self.n_features, self.n_latent = math.prod(first.output_shape), math.prod(shape)
        self.line = " ".join(name for name, _ in encoder + decoder)
        self.encoder = nn.ModuleList(stage for _, stage in encoder)
        self.decoder = nn.ModuleList(stage for _, stage in decoder)
        _initialize(self, seed)
        self.to(memory_format=torch.channels_last)

    def encode(self, x):
        """Map x, float (n_samples, n_features), to its latent space, float (n_samples, n_latent)."""
        return self._encode(x)[0]

    def forward(self, x):
        """Return the latent space and the reconstruction of x, float (n_samples, n_features)."""
        latent, switches = self._encode(x)
        return latent, self._decode(latent, switches)

    def decode(self, latent):
        """Reconstruct from latent points, float (n_samples, n_latent): float (n_samples, n_features).

        Raises
        ------
        ArchitectureError
            If a layer is of type MaxPool2D*: to undo it takes the positions of the maxima of an input.
        """
        if any(isinstance(stage, nn.MaxUnpool2d) for stage in self.decoder):
            raise ArchitectureError("latent points alone cannot be decoded where a layer is of type MaxPool2D*")
        return self._decode(latent, [])

    def _encode(self, x):
        h, switches = x.unflatten(1, self.input_shape), []
        for stage in self.encoder:
            if isinstance(stage, nn.MaxPool2d) and stage.return_indices:
                h, positions = stage(h)
                switches.append(positions)
            else:
                h = stage(h)
        return h.flatten(1), switches

    def _decode(self, latent, switches):
        h = latent.unflatten(1, self.latent_shape)
        for stage in self.decoder:
            h = stage(h, switches.pop()) if isinstance(stage, nn.MaxUnpool2d) else stage(h)
        return h.flatten(1)


def _stages(layer, shape, batch_norm, output):
    """Return the stages of the encoder and the decoder for a layer, and the shape between them.

    The first two are pairs (name, module). `output` is the non-linearity of the decoder's last layer, None elsewhere.
    """
    if isinstance(layer, Input):
        raise ArchitectureError("only the first layer can be of type Input")
    if isinstance(layer, Reshape):
        return _reshape_stages(layer, shape)
    if isinstance(layer, Dense):
        return _dense_stages(layer, shape, output)
    if len(shape) != 3:
        raise ArchitectureError(f"its input must be an image (channels, height, width), got {_by(shape)}")
    if isinstance(layer, Pooling):
        return _pooling_stages(layer, shape)
    return _convolution_stages(layer, shape, batch_norm, output)


def _reshape_stages(layer, shape):
    if math.prod(layer.output_shape) != math.prod(shape):
        raise ArchitectureError(f"output_shape {_by(layer.output_shape)} has not the size of {_by(shape)}")
    there, back = (nn.Sequential(nn.Flatten(), nn.Unflatten(1, to)) for to in (layer.output_shape, shape))
    return ("rsh", there), ("rsh", back), layer.output_shape


def _dense_stages(layer, shape, output):
    size, n = math.prod(shape), layer.num_units
    there = nn.Sequential(nn.Flatten(), nn.Linear(size, n), NON_LINEARITIES[layer.non_linearity]())
    back = [nn.Linear(n, size), NON_LINEARITIES[output or layer.non_linearity](), nn.Unflatten(1, shape)]
    return (f"fc[{n}]", there), (f"fc[{size}]", nn.Sequential(*back)), (n,)


def _pooling_stages(layer, shape):
    (channels, *sides), filter_size = shape, layer.filter_size
    if any(side % width for side, width in zip(sides, filter_size)):
        raise ArchitectureError(f"filter_size {_by(filter_size)} does not divide its input {_by(sides)}")
    between = (channels, *(side // width for side, width in zip(sides, filter_size)))
    if layer.type == "MaxPool2D":
        star, there, back = "", nn.MaxPool2d(filter_size), nn.Upsample(scale_factor=filter_size)
    else:
        star, there, back = "*", nn.MaxPool2d(filter_size, return_indices=True), nn.MaxUnpool2d(filter_size)
    return (f"max{star}[{_by(filter_size)}]", there), (f"ups{star}[{_by(filter_size)}]", back), between


def _convolution_stages(layer, shape, batch_norm, output):
    (channels, *sides), filter_size, n = shape, layer.filter_size, layer.num_filters
    same = layer.conv_mode == "same"
    if same and not all(width % 2 for width in filter_size):
        raise ArchitectureError(f"filter_size must be odd with conv_mode same, got {_by(filter_size)}")
    kinds = nn.Conv2d, nn.ConvTranspose2d
    change = [0 if same else 1 - width for width in filter_size]
    if layer.type == "Deconv2D":
        kinds, change = kinds[::-1], [-less for less in change]
    elif any(width > side for width, side in zip(filter_size, sides)):
        raise ArchitectureError(f"filter_size {_by(filter_size)} is larger than its input {_by(sides)}")
    padding = [width // 2 if same else 0 for width in filter_size]

    def stage(kind, n_in, n_out, non_linearity, normalize):
        modules = [kind(n_in, n_out, filter_size, padding=padding, bias=not normalize)]
        modules += [nn.BatchNorm2d(n_out)] if normalize else []
        name = f"{n_out}[{_by(filter_size)}]{'_bn' if normalize else ''}"
        return name, nn.Sequential(*modules, NON_LINEARITIES[non_linearity]())

    there = stage(kinds[0], channels, n, layer.non_linearity, batch_norm)
    back = stage(kinds[1], n, channels, output or layer.non_linearity, batch_norm and output is None)
    return there, back, (n, *(side + more for side, more in zip(sides, change)))


def _by(sizes):
    """'5x5' from (5, 5)."""
    return "x".join(map(str, sizes))


def autoencoder(network, seed=0):
    """Build the autoencoder of layer widths or of an `Architecture`."""
    return (JSONAutoencoder if isinstance(network, Architecture) else DenseAutoencoder)(network, seed)


class Ensemble(nn.ModuleList):
    """Autoencoders that differ in their initial weights alone; their latent spaces are concatenated.

    Which points a single autoencoder puts next to each other depends on its initial weights. Squared distances in the
    joint space are sums over the members, in which the accidents of one average out.

    Parameters
    ----------
    network : sequence of int, or Architecture
        Layer widths of each autoencoder, see `DenseAutoencoder`, or its description, see `JSONAutoencoder`.
    n_autoencoders : int
    seed : int
        The members' `seeds` derive from it; a larger ensemble of the same seed starts with the same members.

    Attributes
    ----------
    n_latent : int
        Dimensions of the joint latent space.
    decodes : bool
        False if the weights come from a compact file: the decoders are untrained.
    """

    def __init__(self, network, n_autoencoders=1, seed=0):
        self.seeds = [int(word) for word in np.random.SeedSequence(seed).generate_state(n_autoencoders)]
        super().__init__(autoencoder(network, member_seed) for member_seed in self.seeds)
        self.n_latent = sum(member.n_latent for member in self)
        self.decodes = True

    def encode(self, x):
        """Map x, float (n_samples, n_features), to the joint latent space, float (n_samples, n_latent)."""
        return torch.cat([member.encode(x) for member in self], dim=1)

    def forward(self, x):
        """Return the joint latent space of x, and the members' reconstructions, (len(self), n_samples, n_features)."""
        latents, reconstructions = zip(*(member(x) for member in self))
        return torch.cat(latents, dim=1), torch.stack(reconstructions)

    def decode(self, latent):
        """Decode points of the joint latent space by each member: (len(self), n_samples, n_features)."""
        parts = latent.split([member.n_latent for member in self], dim=1)
        return torch.stack([member.decode(part) for member, part in zip(self, parts)])
