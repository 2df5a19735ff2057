"""The paper's dense autoencoder, ensembles of it, and their weights on disk.

Reference: McConville, Santos-Rodriguez, Piechocki, Craddock, "N2D: (Not Too) Deep Clustering via Clustering the
Local Manifold of an Autoencoded Embedding", ICPR 2020, arXiv:1908.05968, section IV.
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

HIDDEN_DIMS = (500, 500, 2000)


class WeightsError(ValueError):
    """A weights file that is missing, damaged, or made for another network."""


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
        self.dims = tuple(dims)
        generator = torch.Generator().manual_seed(seed)
        self.encoder = _mlp(self.dims, generator)
        self.decoder = _mlp(self.dims[::-1], generator)

    def forward(self, x):
        """Reconstruct x, float (n_samples, dims[0])."""
        return self.decoder(self.encoder(x))


def _mlp(dims, generator):
    layers = []
    for n_in, n_out in zip(dims, dims[1:]):
        linear = nn.utils.skip_init(nn.Linear, n_in, n_out)
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Ensemble(nn.ModuleList):
    """Autoencoders that differ in their random start alone; side by side, their latent spaces are one latent space.

    Which points a single autoencoder puts next to each other depends on its initial weights. Squared distances in the
    joint space are sums over the members, in which the accidents of one average out.

    Parameters
    ----------
    dims : sequence of int
        Layer widths of each autoencoder, see `DenseAutoencoder`.
    n_autoencoders : int
    seed : int
        The members' `seeds` derive from it; a larger ensemble of the same seed starts with the same members.
    """

    def __init__(self, dims, n_autoencoders=1, seed=0):
        self.dims = tuple(dims)
        self.seeds = [int(word) for word in np.random.SeedSequence(seed).generate_state(n_autoencoders)]
        super().__init__(DenseAutoencoder(dims, seed=member_seed) for member_seed in self.seeds)

    def encode(self, x):
        """Map x, float (n_samples, dims[0]), to the joint latent space, float (n_samples, len(self) * dims[-1])."""
        return torch.cat([autoencoder.encoder(x) for autoencoder in self], dim=1)


def save_weights(ensemble, path, compact=False, **provenance):
    """Write an ensemble's weights to a safetensors file, whole or not at all.

    Parameters
    ----------
    ensemble : Ensemble
    path : path-like
        Its folder is made if it is missing.
    compact : bool
        Keep the encoders alone, their matrices as 8-bit integers with one scale a row: an eighth of the size.
    **provenance
        What produced the weights (dataset, epochs, seed, ...): kept in the file's metadata as JSON values.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: tensor.contiguous() for key, tensor in ensemble.state_dict().items()}
    if compact:
        tensors = _quantize({key: tensor for key, tensor in tensors.items() if ".encoder." in key})
    metadata = {key: json.dumps(value) for key, value in {"dims": ensemble.dims, **provenance}.items()}
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata)
    os.replace(partial, path)


def load_weights(path, dims):
    """The ensemble in a safetensors file, as large as it was saved; no code in the file is ever run.

    Parameters
    ----------
    path : path-like
        Written by `save_weights`. The decoders of a compact file are left as they start.
    dims : sequence of int
        The layer widths that are needed.

    Returns
    -------
    ensemble : Ensemble
    provenance : dict
        The metadata given to `save_weights`.

    Raises
    ------
    WeightsError
        If the file is not a safetensors file, or holds a network of another shape; the message gives both shapes.
    """
    try:
        with safe_open(path, framework="pt") as file:
            provenance = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
        tensors = _dequantize(load_file(path))
    except (SafetensorError, OSError, json.JSONDecodeError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error})") from error
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    n_autoencoders = len({key.split(".")[0] for key in found})
    member = {key: tuple(tensor.shape) for key, tensor in DenseAutoencoder(dims).state_dict().items()}
    whole = {f"{i}.{key}": shape for i in range(n_autoencoders) for key, shape in member.items()}
    encoders = {key: shape for key, shape in whole.items() if ".encoder." in key}
    if not found or found not in (whole, encoders):
        needed = "-".join(map(str, dims))
        raise WeightsError(f"{path} holds an autoencoder of shape {_shape(found)}, but this run needs {needed}")
    ensemble = Ensemble(dims, n_autoencoders)
    ensemble.load_state_dict(tensors, strict=False)
    return ensemble, provenance


def _quantize(tensors):
    """Matrices as int8 with a scale for each row; vectors as they are."""
    small = {}
    for key, tensor in tensors.items():
        if tensor.ndim == 2:
            scale = tensor.abs().amax(dim=1) / 127
            tensor = (tensor / scale.clamp(min=1e-30)[:, None]).round().to(torch.int8)
            small[f"{key}.scale"] = scale
        small[key] = tensor
    return small


def _dequantize(small):
    """Undo `_quantize`, up to rounding; leaves other tensors alone."""
    tensors = {key: tensor for key, tensor in small.items() if not key.endswith(".scale")}
    for key in small.keys() - tensors.keys():
        matrix = key.removesuffix(".scale")
        tensors[matrix] = tensors[matrix].float() * small[key][:, None]
    return tensors


def _shape(shapes):
    """'784-500-500-2000-10' from the shapes of an ensemble's tensors."""
    layers = [shape for key, shape in sorted(shapes.items()) if key.startswith("0.encoder.") and len(shape) == 2]
    return "-".join(str(n) for n in [layers[0][1], *(shape[0] for shape in layers)]) if layers else "unknown"
