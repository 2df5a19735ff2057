"""Networks of torchvision and timm that see images, with published weights or a file's, without their classifier."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..readers.samples import listed, notice
from .store import FeaturesError, fingerprint_of_tensors

TIMM = "timm:"
HEADS = ("fc", "classifier", "heads", "head")  # names of torchvision's classifiers


@dataclass
class Network:
    """A network without its classifier, and how it takes images.

    Attributes
    ----------
    module : torch.nn.Module
    transform : callable
        From an image of Pillow's to a float tensor (3, height, width).
    side : int
        Pixels to which the transform makes the shorter side of an image.
    checksum : str
        Fingerprint of its tensors.
    """

    module: nn.Module
    transform: object
    side: int
    checksum: str


def check_name(name):
    """Refuse the name of a network that does not exist, and list those that are near.

    Raises
    ------
    FeaturesError
        Also if timm is needed and not installed.
    """
    if name.startswith(TIMM):
        timm, short = _timm(), name.removeprefix(TIMM)
        if not Path(short).is_dir() and not timm.is_model(short.split(".")[0]):
            raise FeaturesError(f"timm has no network {short}: {_near(short, timm.list_models())}")
        return
    known = _of_torchvision()
    if name.split(".")[0] not in known:
        raise FeaturesError(
            f"torchvision has no network {name}: {_near(name, known)} ({TIMM}NAME is one of timm's, if it is installed)"
        )


def load(name, weights=None):
    """Load a network.

    Parameters
    ----------
    name : str
        torchvision's name, such as 'resnet50' or 'resnet50.IMAGENET1K_V1', or 'timm:' and timm's name, or a folder
        that timm has written.
    weights : path-like or None
        File with its weights: what `torch.save` wrote of them, or safetensors. None: those that are published are
        downloaded, unless they are here from an earlier time.

    Raises
    ------
    FeaturesError
        If there is no such network, its weights cannot be had, or they are another network's.
    """
    check_name(name)
    load_one = _load_timm if name.startswith(TIMM) else _load_vision
    module, transform, side, heads, behead = load_one(name, weights)
    if weights is not None:
        _fill(module, _read(Path(weights)), heads, f"{weights} does not have the weights of {name}")
    behead(module)
    module = _Pooled(module).eval().requires_grad_(False)
    return Network(module, transform, side, fingerprint_of_tensors(module.state_dict()))


class _Pooled(nn.Module):
    """A network whose output is a row: of a map of features, their means."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        found = self.module(x)
        return found.mean(dim=(2, 3)) if found.ndim == 4 else found.flatten(1)


def _behead(module):
    """Replace the classifier of a network of torchvision's by what comes before its first weights, such as a norm."""
    name = next(name for name in HEADS if hasattr(module, name))
    last, kept = getattr(module, name), []
    for layer in last if isinstance(last, nn.Sequential) else ():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            break
        kept.append(layer)
    setattr(module, name, nn.Sequential(*kept))
    if isinstance(getattr(module, "avgpool", None), nn.AdaptiveAvgPool2d):  # AlexNet and VGG keep 7 x 7 places
        module.avgpool = nn.AdaptiveAvgPool2d(1)
    if type(module).__name__ == "SqueezeNet":  # it pools in its classifier
        module.classifier = nn.AdaptiveAvgPool2d(1)


def _fill(module, tensors, heads, words):
    """Load tensors into a network: by name, or where the names are others, in order if every shape and kind fits.

    A classifier need not fit: it is not used.
    """
    own = module.state_dict()
    body = {name for name in own if not name.startswith(heads)}
    if not body & set(tensors):
        pairs = list(zip(own, tensors))
        alike = [own[a].shape == tensors[b].shape and a.split(".")[-1] == b.split(".")[-1] for a, b in pairs]
        if len(own) == len(tensors) and all(alike):
            tensors = {a: tensors[b] for a, b in pairs}
            notice("the weights have other names than the network's: they are matched by order and shape")
    missing = [name for name in own if name in body and name not in tensors]
    odd = [name for name in tensors if name not in own and not name.startswith(heads)]
    other = [name for name in body & set(tensors) if own[name].shape != tensors[name].shape]
    for what, names in (("lacks", missing), ("has, besides,", odd), ("has another shape of", sorted(other))):
        if names:
            raise FeaturesError(f"{words}: it {what} {listed(names, 3)}")
    module.load_state_dict({name: tensors[name] for name in body}, strict=False)


def _read(path):
    """Read the tensors of a file, by name, without running code that it may hold."""
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("state_dict", "model", "state_dict_ema"):  # what a training has saved beside them
            found = found[name] if isinstance(found.get(name), dict) else found
        if not found or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
            raise ValueError("it has no tensors by name")
    except MemoryError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise FeaturesError(f"{path} has no weights that can be read ({_reason(error)})") from error
    return {name.removeprefix("module."): tensor for name, tensor in found.items()}


def _reason(error):
    """Return the first line of an error."""
    return (str(getattr(error, "reason", error)).splitlines() or [type(error).__name__])[0][:200]


def _near(name, known):
    near = difflib.get_close_matches(name.lower(), known, n=4)
    return f"near it are {', '.join(near)}" if near else f"there are {listed(known, 8)}"


def _of_torchvision():
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def _load_vision(name, weights):
    from torchvision import models

    short, _, which = name.partition(".")
    kinds = models.get_model_weights(short)
    try:
        published = kinds[which] if which else kinds.DEFAULT
    except KeyError:
        raise FeaturesError(
            f"{short} of torchvision has the weights {', '.join(kinds.__members__)}, not {which}"
        ) from None
    transform = published.transforms()
    settings = {"init_weights": False} if short in ("googlenet", "inception_v3") else {}
    module = models.get_model(short, weights=None, **settings)
    if hasattr(module, "transform_input"):
        module.transform_input = True
    if weights is None:
        try:
            module.load_state_dict(published.get_state_dict(progress=True, check_hash=True))
        except (OSError, RuntimeError) as error:  # no connection; a wrong checksum
            raise FeaturesError(
                f"the weights of {name} could not be downloaded ({_reason(error)}): get them from {published.url}, and "
                "give the file with --features_weights"
            ) from error
    heads = tuple(f"{head}." for head in (*HEADS, "AuxLogits", "aux1", "aux2"))
    return module, transform, max(transform.resize_size), heads, _behead


def _load_timm(name, weights):
    timm, short = _timm(), name.removeprefix(TIMM)
    source = f"local-dir:{short}" if Path(short).is_dir() else short
    try:
        module = timm.create_model(source, pretrained=weights is None)
    except Exception as error:  # timm, and what downloads for it, may raise anything
        raise FeaturesError(
            f"the weights of {name} could not be had ({_reason(error)}): give a file that has them with "
            "--features_weights, or a folder of timm's as timm:FOLDER"
        ) from error
    settings = timm.data.resolve_model_data_config(module)
    transform = timm.data.create_transform(**settings, is_training=False)
    side = int(min(settings["input_size"][1:]) / settings["crop_pct"])
    heads = module.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    return module, transform, side, heads or ("head.",), lambda module: module.reset_classifier(0)


def _timm():
    try:
        import timm
    except ImportError:
        raise FeaturesError("networks of timm need the package timm: pip install timm, or .[images]") from None
    return timm
