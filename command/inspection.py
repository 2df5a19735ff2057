"""`n2d.py inspect`: show how a file is read, without training."""

from collections import Counter
from pathlib import Path

from ..readers import samples
from . import arguments, features_of_run, reading


def main(argv):
    """Print what the samples, features and classes are, and how they would be scaled."""
    parser = build_parser()
    args = parser.parse_args(argv)
    data = reading.load(parser, args)
    features_of_run.check(parser, args, data)
    lines = [samples.summary(args.dataset, data)]
    if data.documents is not None:
        mean = sum(map(len, data.documents)) / len(data.documents)
        first = samples.shortened(samples.printable(data.documents[0]), 200)
        lines.append(f"texts: {mean:,.0f} characters on average; the first: {first}")
    if data.is_unread:
        lines.append("scale: none, of features of length 1, which are not worked out here")
    else:
        lines.append(f"scale: {data.scale}, of numbers from {data.x.min():g} to {data.x.max():g}")
    if data.image_shape is not None:
        lines.append(f"image shape: {' x '.join(map(str, data.image_shape))}")
    if data.feature_names is not None:
        lines.append(f"features: {samples.listed(data.feature_names, 20)}")
    if data.sample_names is not None:
        lines.append(f"names of samples: {samples.listed(data.sample_names)}")
    if data.y is not None:
        groups, names = data.groups
        counts = Counter(groups.tolist())
        lines.append(f"classes: {samples.listed((f'{name} ({counts[i]:,})' for i, name in enumerate(names)), 20)}")
    print("\n".join(map(samples.in_columns, lines)))


def build_parser():
    """Build the parser of `n2d.py inspect`."""
    parser = arguments.Parser(prog="n2d.py inspect", description="Say what is understood of a file, without training.")
    parser.add_argument("dataset", help="a file or folder, or a dataset, as for n2d.py")
    parser.add_argument("--data_dir", type=Path, default=arguments.DATA_DIR)
    reading.add_label_column(parser.add_argument)
    reading.add_file_arguments(parser)
    return parser
