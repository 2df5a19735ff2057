"""Work out the features of a run's pictures or texts, once its save folder is locked, or a saved model's new ones."""

import dataclasses
from pathlib import Path

import numpy as np

from ..readers import samples


def check(parser, args):
    """Refuse a network that does not exist before anything is read."""
    if args.features is None:
        if args.features_weights is not None:
            parser.error("--features_weights are a network's: give its name with --features")
        return
    from ..features import networks
    from ..features.store import FeaturesError

    try:
        networks.check_name(args.features)
    except FeaturesError as error:
        parser.error(f"--features: {error}")
    if args.features_weights is not None and not args.features_weights.is_file():
        parser.error(f"--features_weights: {args.features_weights} is no file")


def worked_out(parser, args, data, device="cpu", folder=None, verbose=True, made_by=None):
    """Return the data with the features of its pictures or documents as x; other data as it is.

    Parameters
    ----------
    parser, args
        Of the command line.
    data : samples.Dataset
    device : str
        PyTorch device.
    folder : path-like or None
        Where the features are kept: the save folder.
    verbose : bool
    made_by : dict or None
        What made the features of a saved model's samples: any others are refused.
    """
    if not data.is_unread:
        return data
    from ..features.store import FeaturesError
    from ..method.progress import stage

    try:
        transformer = transformer_of(args, data, device, verbose)
        words = f"{len(data.x):,} images by {transformer.network}"
        with stage("features", words, {}, verbose):
            refuse_other(transformer.fit().made_by_, made_by)
            x, left_out = transformer.worked_out(data.things, folder)
    except FeaturesError as error:
        parser.error(f"--features: {error}")
    if left_out:
        data = without(parser, args, data, left_out)
    if not len(x):
        parser.error(f"{args.dataset} has no samples that can be read")
    made_by = transformer.made_by_
    return dataclasses.replace(data, x=x, reading={**data.reading, "features": made_by})


def as_the_model(parser, args, model):
    """Take the network of a saved model for new points, and its file of weights unless another is given."""
    made_by = model.reading_.get("features")
    if made_by is None:
        if args.features is not None:
            parser.error("--features: the model is of other numbers than a network's features")
        return
    if args.features not in (None, made_by["network"]):
        parser.error(f"--features: the model is of {made_by['network']}, got {args.features}")
    args.features = made_by["network"]
    if args.features_weights is None and made_by["weights"] is not None:
        args.features_weights = Path(made_by["weights"])
        if not args.features_weights.is_file():
            parser.error(
                f"the model's network had its weights from {args.features_weights}, which is not there: give the file "
                "with --features_weights"
            )
    check(parser, args)


def refuse_other(made_by, wanted):
    """Refuse another network or transform than a saved model's."""
    from ..features.store import FeaturesError

    for name in ("checksum", "transform") if wanted is not None else ():
        if made_by[name] != wanted[name]:
            what = "other weights" if name == "checksum" else "another transform"
            raise FeaturesError(f"{made_by['network']} has {what} here than the network of the model")


def forget(folder):
    """Remove the features that are kept in a folder."""
    from ..features.store import Store

    Store.forget(folder)


def transformer_of(args, data, device, verbose):
    """Return the transformer of the data's pictures or documents."""
    from ..features.images import ImageFeatures

    settings = {"weights": args.features_weights, "device": device, "verbose": verbose}
    return ImageFeatures(args.features, background=data.reading["background"], **settings)


def without(parser, args, data, left_out):
    """Return the data without the samples that cannot be read, with a notice; with --strict they are refused."""
    names = [f"{data.sample_names[i]} ({why})" for i, why in sorted(left_out.items())]
    if args.strict:
        parser.error(f"{args.dataset}: {names[0]} is not readable")
    samples.notice(f"images that cannot be read are left out: {samples.listed(names)}")
    kept = np.setdiff1d(np.arange(len(data.x)), list(left_out))
    few = {
        name: tuple(values[i] for i in kept)
        for name in ("sample_names", "pictures", "documents")
        if (values := getattr(data, name)) is not None
    }
    arrays = {name: values[kept] for name in ("y", "lines") if (values := getattr(data, name)) is not None}
    told = (*(data.left_out or ()), f"{len(left_out):,} images that cannot be read")
    return dataclasses.replace(data, **few, **arrays, left_out=told)
