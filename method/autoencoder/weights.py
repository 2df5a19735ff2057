"""Weights on disk: safetensors, in full or in 8 bits; also read from files of Keras and PyTorch."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ... import models
from . import keras_weights


class WeightsError(ValueError):
    """A weights file that is missing, damaged, or made for another network."""


def save_weights(ensemble, path, compact=False, **provenance):
    """Write an ensemble's weights to a safetensors file, completely or not at all.

    Parameters
    ----------
    ensemble : models.Ensemble
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
    if compact or not ensemble.decodes:
        tensors = {key: tensor for key, tensor in tensors.items() if ".encoder." in key}
    if compact:
        tensors = _quantize(tensors)
    metadata = {key: json.dumps(value) for key, value in {"network": ensemble[0].line, **provenance}.items()}
    partial = path.with_name(path.name + ".part")
    with ordinary_mode(partial):
        save_file(tensors, partial, metadata)
    os.replace(partial, path)


@contextmanager
def ordinary_mode(path):
    """Set the usual permissions of a safetensors file written within: in 0.8 its owner alone could read it."""
    path.touch()
    mode = path.stat().st_mode
    yield
    path.chmod(mode)


def load_weights(path, network):
    """Load the ensemble in a weights file, with all its members; no code in the file is ever run.

    Parameters
    ----------
    path : path-like
        Written by `save_weights`; the decoders of a compact file are left untrained. Or weights of one dense
        autoencoder from another implementation: .h5 by Keras, whose layers are called encoder_0 to encoder_3 and
        decoder_3 to decoder_0, or .pt by PyTorch, whose keys are layers.0.weight to layers.7.bias.
    network : sequence of int, or models.Architecture
        The autoencoder that is needed.

    Returns
    -------
    ensemble : models.Ensemble
    provenance : dict
        The metadata given to `save_weights`, and 'network': the autoencoder's layers.

    Raises
    ------
    WeightsError
        If the file cannot be read, or holds a network of another shape; the message gives both shapes.
    """
    suffix = Path(path).suffix if Path(path).suffix in (".h5", ".pt") else ".safetensors"
    read = {".h5": _read_keras, ".pt": _read_torch, ".safetensors": _read_safetensors}[suffix]
    try:
        tensors, provenance = read(path)
    except Exception as error:  # whatever a parser raises on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} is not a readable {suffix[1:]} file ({reason})") from error
    found = {key: tensor.shape for key, tensor in tensors.items()}
    n_autoencoders = len({key.split(".")[0] for key in found})
    member = models.autoencoder(network)
    whole = {f"{i}.{key}": tensor.shape for i in range(n_autoencoders) for key, tensor in member.state_dict().items()}
    encoders = {key: shape for key, shape in whole.items() if ".encoder." in key}
    if not found or found not in (whole, encoders):
        held = provenance.get("network", "another one")
        raise WeightsError(f"{path} holds the autoencoder {held}, but this run needs {member.line}")
    ensemble = models.Ensemble(network, n_autoencoders)
    ensemble.load_state_dict(tensors, strict=False)
    ensemble.decodes = found == whole
    return ensemble.eval(), provenance


def _read_safetensors(path):
    with safe_open(path, framework="pt") as file:
        provenance = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
    return _dequantize(load_file(path)), provenance


def _read_torch(path):
    """Read a state dict of linear layers 0 to 7; half of them are the encoder."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return _dense({(int(key.split(".")[1]), key.split(".")[2]): tensor for key, tensor in state.items()})


def _read_keras(path):
    """Read layers 0 to 7 of Keras' arrays; half of them are the encoder."""
    arrays = keras_weights.read(path)
    return _dense({(int(key.split(".")[0]), key.split(".")[1]): torch.from_numpy(arrays[key]) for key in arrays})


def _dense(layers):
    """Return the tensors of an ensemble of one dense autoencoder, from (layer, 'weight' or 'bias'), and its layers."""
    half = (max(i for i, _ in layers) + 1) // 2
    tensors = {
        f"0.{'encoder' if i < half else 'decoder'}.{2 * (i % half)}.{part}": tensor.float().contiguous()
        for (i, part), tensor in sorted(layers.items())
    }
    widths = [layers[i, "weight"].shape for i in range(half)]
    return tensors, {"network": "-".join(map(str, (widths[0][1], *(width[0] for width in widths))))}


def _quantize(tensors):
    """Convert matrices and filters to int8 with a scale for each row; leave other tensors alone."""
    small = {}
    for key, tensor in tensors.items():
        if tensor.ndim > 1:
            scale = tensor.abs().flatten(1).amax(dim=1) / 127
            tensor = (tensor / _as_column(scale.clamp(min=1e-30), tensor)).round().to(torch.int8)
            small[f"{key}.scale"] = scale
        small[key] = tensor
    return small


def _dequantize(small):
    """Undo `_quantize`, up to rounding; leaves other tensors alone."""
    tensors = {key: tensor for key, tensor in small.items() if not key.endswith(".scale")}
    for key in small.keys() - tensors.keys():
        matrix = key.removesuffix(".scale")
        tensors[matrix] = tensors[matrix].float() * _as_column(small[key], tensors[matrix])
    return tensors


def _as_column(scale, tensor):
    """Reshape one number a row to multiply a tensor of any number of dimensions."""
    return scale.view(-1, *[1] * (tensor.ndim - 1))
