"""The paper's dense autoencoder, and its weights on disk.

Reference: McConville, Santos-Rodriguez, Piechocki, Craddock, "N2D: (Not Too) Deep Clustering via Clustering the
Local Manifold of an Autoencoded Embedding", ICPR 2020, arXiv:1908.05968, section IV.
"""

import json
import os
from pathlib import Path

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


def save_weights(model, path, **provenance):
    """Write a model's weights to a safetensors file, whole or not at all.

    Parameters
    ----------
    model : DenseAutoencoder
    path : path-like
        Its folder is made if it is missing.
    **provenance
        What produced the weights (dataset, epochs, seed, ...): kept in the file's metadata as JSON values.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {key: json.dumps(value) for key, value in {"dims": model.dims, **provenance}.items()}
    partial = path.with_name(path.name + ".part")
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, partial, metadata)
    os.replace(partial, path)


def load_weights(model, path):
    """Read the weights in a safetensors file into a model; no code in the file is ever run.

    Returns
    -------
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
        tensors = load_file(path)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error})") from error
    expected = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if found != expected:
        raise WeightsError(
            f"{path} holds an autoencoder of shape {_shape(found)}, but this run needs {_shape(expected)}"
        )
    model.load_state_dict(tensors)
    return provenance


def _shape(shapes):
    """'784-500-500-2000-10' from the shapes of an autoencoder's tensors."""
    layers = [shape for key, shape in sorted(shapes.items()) if key.startswith("encoder.") and len(shape) == 2]
    return "-".join(str(n) for n in [layers[0][1], *(shape[0] for shape in layers)]) if layers else "unknown"
