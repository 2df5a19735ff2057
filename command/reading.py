"""Flags for reading data, which all commands have in common, and the call that loads it."""

import dataclasses
from pathlib import Path

from .. import datasets
from ..readers.options import Options


def add_label_column(add):
    """Add the flag for the column with the classes."""
    add(
        "--label_column",
        metavar="NAME|NUMBER",
        help="a table's column with the true classes, by name or by number from 0; for scores and pictures only",
    )


def add_file_arguments(parser):
    """Add the flags for reading the user's own files."""
    add = parser.add_argument
    add("--id_column", metavar="NAME|NUMBER", help="a table's column with the names of the samples, for clusters.csv")
    add(
        "--text_column",
        metavar="NAME|NUMBER",
        help="a table's column of texts, which are clustered, or of .jsonl the field (the only text)",
    )
    add(
        "--drop",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME|NUMBER",
        help="a table's columns that are not clustered; the page shows them",
    )
    add(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="the first line of a table has names (%(default)s)",
    )
    add("--decimal", choices=(".", ","), help="decimal mark of a table (the one that makes numbers of its words)")
    add(
        "--categorical",
        choices=("onehot",),
        help="columns of words become a column of 0 and 1 for each word (they are refused)",
    )
    add("--missing", choices=("median",), help="fill missing values with their column's median (they are refused)")
    add("--sheet", metavar="NAME", help="sheet with the samples, of a workbook with several (the first)")
    add("--layer", metavar="NAME", help="of annotated data, the layer with the samples (X)")
    add("--obsm", metavar="NAME", help="of annotated data, the embedding with the samples, such as X_pca (X)")
    add("--array", metavar="NAME", help="array with the samples, of a file with several (x, X, data, or the only one)")
    add("--image_size", type=height_and_width, metavar="N|HxW", help="resize the images of a folder to this size")
    add("--grayscale", action="store_true", help="read the images of a folder without their colours")
    add(
        "--features",
        metavar="NAME|DIR",
        help="compare images by what a trained network sees: one of torchvision's, such as mobilenet_v3_small, or "
        "timm:NAME (no network: pixels); texts by a sentence model of sentence-transformers, by name or folder (words)",
    )
    add(
        "--features_weights",
        type=Path,
        metavar="FILE",
        help="its weights, in a file of yours (they are downloaded, once)",
    )
    add("--strict", action="store_true", help="refuse a folder in which an image cannot be read (it is left out)")


def height_and_width(text):
    """Parse the value of --image_size: '28' -> (28, 28), '28x32' -> (28, 32)."""
    sizes = [int(size) for size in text.split("x")]
    if len(sizes) > 2 or min(sizes) < 1:
        raise ValueError(text)
    return (sizes[0], sizes[-1])


def reading_of(args):
    """Return the reading options of the command line, see `options.Options`."""
    names = {field.name for field in dataclasses.fields(Options)} - {"reading"}
    options = {name: getattr(args, name) for name in names if hasattr(args, name)} | {"drop": tuple(args.drop)}
    return options | {"image_size": args.image_size and tuple(args.image_size)}


def load(parser, args, reading=None):
    """Load the dataset of the command line; `reading`, of `samples.settled`, reads new points as a model's samples."""
    try:
        return datasets.load(args.dataset, args.data_dir, reading=reading, **reading_of(args))
    except datasets.DatasetError as error:
        parser.error(str(error))
