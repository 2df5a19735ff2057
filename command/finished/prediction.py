"""`n2d.py predict`: assign new points to the clusters of a saved model."""

from pathlib import Path

import pandas as pd

from ... import metrics
from ...method.new_points import in_layer
from ...method.persistence import ModelError
from ...pipeline import N2D
from ...readers import annotated, samples
from .. import arguments, features_of_run, folders, reading
from ..printing import score_line
from ..report import clusters_table
from . import saved_model

FAR = 0.9  # outlier score above which a point is reported as unlike all samples of the model


def main(argv):
    """Run `n2d.py predict`: write a table with the cluster of each point."""
    parser = build_parser()
    args = parser.parse_args(argv)
    refuse_outputs(parser, args)
    try:
        model = N2D.load(args.model_dir)
        made = saved_model.corrections_of(model)
    except ModelError as error:
        parser.error(str(error))
    folders.make_folder(parser, "out", args.out.parent)
    features_of_run.as_the_model(parser, args, model)
    data = reading.load(parser, args, model.reading_)
    print(samples.in_columns(samples.summary(args.dataset, data)))
    features_of_run.refuse_other_kind(parser, args, model, data)
    data, unknown, _ = features_of_run.worked_out(parser, args, data, model=model)
    x = as_the_model_wants(parser, args, model, data)
    knn, fit = model.kneighbors(x), model.assignment_
    found = fit.predict(knn)
    confidence, outlier = fit.predict_confidence(knn, found), fit.predict_outlier(knn)
    features_of_run.mark_unknown(unknown, confidence, outlier)
    labels = saved_model.predict(model, knn, found, made)
    if is_h5ad(args.out):
        annotated.write_h5ad(args.dataset, args.out, labels, confidence, outlier, model.on_map(x))
    else:
        table = clusters_table(data, labels, confidence, made.names, outlier)
        numbers = [model.n_clusters_, *(other["n_clusters"] for other in model.alternatives_)] if args.layers else []
        for number in numbers:
            if number != made.n_clusters:
                of_layer = in_layer(model, knn, found, number)
                table.insert(table.columns.get_loc("confidence"), f"cluster_of_{number}", of_layer)
        table.to_csv(args.out, index_label="index", float_format="%.4f")
    print(samples.writable(f"{args.out}: the clusters of {len(labels):,} points of {args.dataset}"))
    if made.told:
        print(samples.in_columns(made.told))
    if n_far := int((outlier > FAR).sum()):
        print(f"{n_far:,} of them are like no sample of the model: outlier above {FAR}")
    if data.y is not None:
        print(score_line("clusters of the saved model", metrics.scores(*metrics.of_known(data.y, labels))))


def build_parser():
    """Build the parser of `n2d.py predict`."""
    parser = arguments.Parser(prog="n2d.py predict", description="Sort points into the clusters of a saved model.")
    parser.add_argument("model_dir", type=Path, help="folder that --save_model wrote")
    parser.add_argument("dataset", help="the points: a file or folder, or a dataset, as for n2d.py")
    parser.add_argument(
        "--out",
        type=Path,
        help="table to write, or of an .h5ad file a copy that has the clusters, if this ends in .h5ad (clusters.csv, "
        "if there is none yet)",
    )
    parser.add_argument(
        "--layers",
        action="store_true",
        help="add a column cluster_of_N for each other number of clusters that the model has, as in its run's "
        "clusters.csv",
    )
    parser.add_argument("--data_dir", type=Path, default=arguments.DATA_DIR)
    reading.add_label_column(parser.add_argument)
    reading.add_file_arguments(parser)
    return parser


def is_h5ad(path):
    """Whether a file name is that of annotated data (.h5ad)."""
    return str(path).lower().endswith(".h5ad")


def refuse_outputs(parser, args):
    """Refuse an output file that cannot be written, or that would overwrite the points or results."""
    if args.out is None:
        args.out = Path("clusters.csv")
        if args.out.exists():
            parser.error("clusters.csv is there: --out=FILE names another file, and --out=clusters.csv replaces it")
    folders.check_file(parser, args.out, args.dataset)
    if args.layers and is_h5ad(args.out):
        parser.error(f"--layers adds columns to a table, and --out {args.out} is annotated data: give a .csv")
    if is_h5ad(args.out) and not is_h5ad(args.dataset):
        parser.error(f"--out {args.out} would be a copy of an .h5ad file, and {args.dataset} is none: give a .csv")


def as_the_model_wants(parser, args, model, data):
    """Return the new points, after checking their shape, units and feature names against the model's."""
    refuse_other_units(parser, args, model, data)
    known = getattr(model, "feature_names_in_", None)
    if known is None or data.feature_names is None:
        if data.x.shape[1] != model.n_features_in_:
            parser.error(f"{args.dataset} must have the model's {model.n_features_in_} features, got {data.x.shape[1]}")
        if known is None:
            return data.x
        samples.notice(f"{args.dataset} has no names of columns: they are taken in the order of the model's")
        return pd.DataFrame(data.x, columns=known)
    points = pd.DataFrame(data.x, columns=data.feature_names)
    if args.categorical == "onehot":  # the new points may lack some words of the model's samples
        same = [name for name in points if "=" not in name] == [name for name in known if "=" not in name]
        if same and set(points) <= set(known):
            points = points.reindex(columns=known, fill_value=0.0)
    missing = [name for name in known if name not in points]
    added = [name for name in points if name not in set(known)]
    if missing or added:
        lacks = f"lacks {samples.listed(missing)}" if missing else ""
        has = f"has {samples.listed(added)} besides" if added else ""
        parser.error(f"{args.dataset} must have the model's columns: it {' and '.join(filter(None, (lacks, has)))}")
    for i, (name, wanted) in enumerate(zip(points, known)):
        if name != wanted:
            parser.error(f"{args.dataset}: column {i} must be the model's {wanted}, got {name}")
    return points


def refuse_other_units(parser, args, model, data):
    """Refuse images of another shape than the model's, and other units, such as bytes instead of numbers in [0, 1]."""
    if None not in (data.image_shape, model.image_shape) and tuple(data.image_shape) != tuple(model.image_shape):
        now, then = (" x ".join(map(str, shape)) for shape in (data.image_shape, model.image_shape))
        height, width = model.image_shape[-2:]
        ways = [f"--image_size={height}x{width}"] * (tuple(data.image_shape[-2:]) != (height, width))
        ways += ["--grayscale"] * (len(data.image_shape) > len(model.image_shape))
        advice = " ".join(ways) or "images in colour"
        if data.sample_names is None:  # for images in an array there are no such flags
            advice = "the same"
        parser.error(f"{args.dataset} has images of {now}, and the model is of {then}: give {advice}")
    now, then = samples.units(data.x), model.reading_.get("units")
    if are_others(now, then, model.image_shape is not None):
        parser.error(f"{args.dataset} has {now}, and the model is of {then}: give the same units")


def are_others(now, then, are_images):
    """Whether new points certainly have other units than the samples of a model.

    Both units are from `samples.UNITS`, or None. In a table, some rows may be small where others are large, so only
    fractions show other units. Images of 16 bits may be dark.
    """
    bits, fractions, whole_bytes, beyond = samples.UNITS
    if None in (now, then) or now == then or {now, then} == {bits, fractions}:
        return False
    return fractions in (now, then) or are_images and (now, then) != (whole_bytes, beyond)
