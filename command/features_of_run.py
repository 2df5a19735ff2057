"""Work out the features of a run's pictures or texts, once its save folder is locked, or a saved model's new ones."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from ..readers import samples


def check(parser, args, data):
    """Refuse a network that does not exist, or is for nothing, before anything is worked out."""
    if args.features_weights is not None and args.features is None:
        parser.error("--features_weights are a network's: give its name with --features")
    if args.features_weights is not None and not args.features_weights.is_file():
        parser.error(f"--features_weights: {args.features_weights} is no file")
    if args.features is None:
        return
    if data.things is None:
        parser.error(
            f"--features is for images and texts, and {args.dataset} has none: --text_column names a column of texts"
        )
    if data.pictures is not None:
        from ..features import networks
        from ..features.store import FeaturesError

        try:
            networks.check_name(args.features)
        except FeaturesError as error:
            parser.error(f"--features: {error}")
    elif args.features_weights is not None:
        parser.error("--features_weights is for images: of texts, --features names the folder of a sentence model")


def worked_out(parser, args, data, device="cpu", folder=None, verbose=True, model=None):
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
    model : pipeline.N2D or None
        The saved model of which these are new points: any other features than its own are refused.

    Returns
    -------
    data : samples.Dataset
    unknown : ndarray of bool, shape (n_samples,), or None
        Texts of which nothing is known, see `mark_unknown`.
    made : features.texts.TextFeatures or None
        What a saved model must keep.
    """
    if not data.is_unread:
        return data, None, None
    from ..features.store import FeaturesError
    from ..method.progress import stage

    record = None if model is None else model.reading_["features"]
    unknown = made = None
    try:
        if data.documents is not None:
            from ..features import of_texts

            if args.features is None and model is None:
                samples.notice(of_texts.BETTER)
            with stage("features", f"of {len(data.x):,} texts, {args.features or 'words'}", {}, verbose):
                if model is None:
                    found = of_texts.worked_out(args.features, data.documents, device, folder, verbose)
                else:
                    found = of_texts.of_new(data.documents, record, args.model_dir)
            x, unknown, made, record = found
            of_texts.tell_unknown(data, unknown, made)
        else:
            transformer = transformer_of(args, data, device, verbose)
            with stage("features", f"{len(data.x):,} images by {transformer.network}", {}, verbose):
                refuse_other(transformer.fit().made_by_, record)
                x, left_out = transformer.worked_out(data.things, folder)
            record = transformer.made_by_
            if left_out:
                data = without(parser, args, data, left_out)
    except FeaturesError as error:
        parser.error(f"--features: {error}" if args.features else str(error))
    if not len(x):
        parser.error(f"{args.dataset} has no samples that can be read")
    if len(x) > 1 and model is None and not np.ptp(x, axis=0).any():
        parser.error(f"{args.dataset} has {len(x)} samples that are all the same: there is nothing to cluster")
    return dataclasses.replace(data, x=x, reading={**data.reading, "features": record}), unknown, made


def mark_unknown(unknown, confidence, outlier):
    """Set the confidence of texts of which nothing is known to 0, and their outlier score to 1."""
    if unknown is not None:
        confidence[unknown], outlier[unknown] = 0, 1


def as_the_model(parser, args, model):
    """Take the network of a saved model for new points, and its file of weights unless another is given."""
    made_by = model.reading_.get("features")
    if made_by is None:
        if args.features is not None:
            parser.error("--features: the model is of other numbers than a network's features")
        return
    if args.features not in (None, made_by["network"]):
        parser.error(f"--features: the model is of {made_by['network']}, got {args.features}")
    if made_by.get("of") == "texts":
        return
    args.features = made_by["network"]
    if args.features_weights is None and made_by["weights"] is not None:
        args.features_weights = Path(made_by["weights"])
        if not args.features_weights.is_file():
            parser.error(
                f"the model's network had its weights from {args.features_weights}, which is not there: give the file "
                "with --features_weights"
            )


def refuse_other_kind(parser, args, model, data):
    """Refuse numbers for a model of texts or images, and the other way round."""
    record = model.reading_.get("features")
    wanted = "numbers" if record is None else record.get("of", "images")
    is_unread = "numbers" if data.things is None else "texts" if data.pictures is None else "images"
    if is_unread != wanted:
        advice = ": --text_column names their column" if wanted == "texts" else ""
        parser.error(f"{args.dataset} has {is_unread}, and the model is of {wanted}{advice}")


def refuse_other(made_by, wanted):
    """Refuse another network or transform than a saved model's."""
    from ..features.store import FeaturesError

    for name in ("checksum", "transform") if wanted is not None else ():
        if made_by[name] != wanted[name]:
            what = "other weights" if name == "checksum" else "another transform"
            raise FeaturesError(f"{made_by['network']} has {what} here than the network of the model")


def kept(data, folder):
    """Return the data of a run with the features that its folder keeps, without the samples that were left out.

    Raises
    ------
    OSError, KeyError
        If they are not there any more.
    """
    from ..features.store import ARRAY, RECORD

    left_out = json.loads((folder / RECORD).read_text(encoding="utf-8"))["left_out"]
    x = np.load(folder / ARRAY, mmap_mode="r")
    if data.documents is not None:
        from ..features.texts import TextFeatures

        x, _ = TextFeatures.without_gaps(np.array(x))
    return dataclasses.replace(_without(data, set(map(int, left_out))), x=x)


def forget(folder):
    """Remove the features that are kept in a folder."""
    from ..features.store import Store

    Store.forget(folder)


def transformer_of(args, data, device, verbose):
    """Return the transformer of the data's pictures."""
    from ..features.images import ImageFeatures

    settings = {"weights": args.features_weights, "device": device, "verbose": verbose}
    return ImageFeatures(args.features, background=data.reading["background"], **settings)


def without(parser, args, data, left_out):
    """Return the data without the samples that cannot be read, with a notice; with --strict they are refused."""
    names = [f"{data.sample_names[i]} ({why})" for i, why in sorted(left_out.items())]
    if args.strict:
        parser.error(f"{args.dataset}: {names[0]} is not readable")
    samples.notice(f"images that cannot be read are left out: {samples.listed(names)}")
    told = (*(data.left_out or ()), f"{len(left_out):,} images that cannot be read")
    return dataclasses.replace(_without(data, left_out), left_out=told)


def _without(data, left_out):
    """Return pictures without these rows; texts have all."""
    if not left_out:
        return data
    others = np.setdiff1d(np.arange(len(data.x)), list(left_out))
    few = {name: tuple(getattr(data, name)[i] for i in others) for name in ("sample_names", "pictures")}
    arrays = {name: values[others] for name in ("y", "lines") if (values := getattr(data, name)) is not None}
    return dataclasses.replace(data, **few, **arrays)
