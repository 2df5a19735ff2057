"""`n2d.py predict`: sort new points into the clusters of a saved model."""

import pandas as pd

from n2d import arguments, folders, metrics
from n2d.pipeline import N2D, ModelError
from n2d.report import clusters_table, score_line


def main(argv):
    """Write a table with the cluster of each point."""
    parser = arguments.build_predict_parser()
    args = parser.parse_args(argv)
    data = arguments.load(parser, args)
    folders.make_folder(parser, "out", args.out.parent)
    if args.out.is_dir():
        parser.error(f"--out must be a file, got the folder {args.out}")
    try:
        model = N2D.load(args.model_dir)
    except ModelError as error:
        parser.error(str(error))
    x = as_the_model_wants(parser, args, model, data)
    labels, confidence = model.predict(x, return_confidence=True)
    clusters_table(data, labels, confidence).to_csv(args.out, index_label="index", float_format="%.4f")
    print(f"{args.out}: the clusters of {len(labels):,} points of {args.dataset}")
    if data.y is not None:
        print(score_line("clusters of the saved model", metrics.scores(data.y, labels)))


def as_the_model_wants(parser, args, model, data):
    """The new points, if their number of features, and the names of these where they are known, are the model's."""
    if data.x.shape[1] != model.n_features_in_:
        parser.error(f"{args.dataset} must have the model's {model.n_features_in_} features, got {data.x.shape[1]}")
    known = getattr(model, "feature_names_in_", None)
    if known is None or data.feature_names is None:
        return data.x
    for i, (name, wanted) in enumerate(zip(data.feature_names, known)):
        if name != wanted:
            parser.error(f"{args.dataset}: column {i} must be the model's {wanted}, got {name}")
    return pd.DataFrame(data.x, columns=known)
