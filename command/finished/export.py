"""`n2d.py export`: write what a run found out about each sample in one table, for other programs to show."""

import importlib
import os
import re
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from ... import visualize
from ...features.store import RECORD
from ...page import naming
from ...readers import annotated, samples
from .. import arguments, folders
from .run_files import RunError, read_embedding, read_map, read_record, read_samples, read_table

PACKAGES = {"csv": "pandas", "parquet": "pyarrow", "h5ad": "anndata"}  # what writes each kind of file
WORDS = r"label|(.*_)?name"  # columns of clusters.csv that stay text, also where each is a number


def main(argv):
    """Run `n2d.py export`: write the table of a run."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        importlib.import_module(PACKAGES[args.to])
    except ImportError:
        package = PACKAGES[args.to]
        parser.error(f"--to={args.to} needs the package {package}: pip install {package}, or .[export]")
    try:
        run = Namespace(**read_record(args.save_dir)["arguments"])
        if args.out is None:
            args.out = args.save_dir / f"export.{args.to}"
            if args.out.exists():
                parser.error(f"{args.out} is there: --out=FILE names another file, and --out={args.out} replaces it")
        folders.check_file(parser, args.out, run.dataset)
        table = table_of(run, args.save_dir)
        embedding = read_embedding(args.save_dir, len(table))
    except RunError as error:
        parser.error(str(error))
    folders.make_folder(parser, "out", args.out.parent)
    with tempfile.TemporaryDirectory(dir=args.out.parent, prefix=".export-") as folder:
        partial = Path(folder) / args.out.name
        try:
            write(table, embedding, run.manifold_learner, partial, args.to)
        except (ValueError, TypeError) as error:  # of a column that the user has added
            parser.error(f"the table cannot be written as {args.to}: {error}")
        os.replace(partial, args.out)
    print(samples.in_columns(f"{args.out}: {len(table):,} samples, each with {', '.join(table)}"))


def build_parser():
    """Build the parser of `n2d.py export`."""
    what = "Write coordinates, clusters and names of a run's samples in one table, for other programs to show."
    parser = arguments.Parser(prog="n2d.py export", description=what)
    parser.add_argument("save_dir", type=Path, help="save folder of the run; its clusters.csv is taken as it is now")
    parser.add_argument("--to", choices=PACKAGES, required=True, help="the kind of file")
    parser.add_argument(
        "--out", "--output", type=Path, metavar="FILE", help="file to write (export.KIND in SAVE_DIR, if there is none)"
    )
    return parser


def table_of(run, folder):
    """Return clusters.csv of a run with what else is known of each sample.

    Parameters
    ----------
    run : argparse.Namespace
        The run's arguments.
    folder : pathlib.Path
        Its save folder.

    Returns
    -------
    DataFrame
        A row a sample, in the order of the data: `index`; `x` and `y`, its place on the map; the other columns of
        clusters.csv, with a `cluster_name` for every cluster; `text`, or `path` of an image, where the samples are
        still there.

    Raises
    ------
    RunError
        If clusters.csv has other rows than the run, or a column with one of these names.
    """
    path = folder / "clusters.csv"
    table = read_table(path).apply(_typed)
    if "index" not in table or not np.array_equal(np.sort(table["index"]), np.arange(len(table))):
        raise RunError(f"{path} must have one row a sample, with its number from 0 in the column index")
    table = table.sort_values("index", ignore_index=True)
    x, y = visualize.plane(read_map(folder, len(table)))[0].T
    shown = _shown(run, folder, table)
    if taken := {"x", "y", *shown} & {*table}:
        raise RunError(f"{path} has columns of its own called {samples.listed(sorted(taken))}: rename them")
    table.insert(1, "x", x)
    table.insert(2, "y", y)
    names = table.pop("cluster_name") if "cluster_name" in table else [""] * len(table)
    names = [name or naming.caption(number, "") for number, name in zip(table["cluster"], names)]
    table.insert(table.columns.get_loc("cluster") + 1, "cluster_name", names)
    return table.assign(**shown)


def _typed(column):
    """Convert a column of text to numbers, if all are and they mean numbers."""
    if re.fullmatch(WORDS, column.name):
        return column
    try:
        return pd.to_numeric(column)
    except ValueError:
        return column


def _shown(run, folder, table):
    """Return the column that shows the samples: `text`, or `path` of images; none of other data."""
    if (folder / RECORD).is_file():
        data = read_samples(run, len(table), folder, "the column text or path is left out")
        things = None if data is None else data.things
        return {} if things is None else {"path" if data.pictures else "text": list(map(str, things))}
    if Path(run.dataset).is_dir() and "name" in table:
        files = (re.sub(f"^'(?={samples.FORMULA})", "", name) for name in table["name"])  # undoes no_formulas
        return {"path": [os.path.join(run.dataset, file) for file in files]}
    return {}


def write(table, embedding, manifold_learner, path, to):
    """Write the table to a file of the kind `to`; an .h5ad also has the embedding, and the map as scanpy names it."""
    if to == "csv":
        if "text" in table:
            table = table.assign(text=samples.no_formulas(table["text"]))
        table.to_csv(path, index=False)
    elif to == "parquet":
        table.to_parquet(path, engine="pyarrow", index=False)
    else:
        import anndata

        names = table["name" if "name" in table else "index"].astype(str).to_numpy()
        cells = anndata.AnnData(embedding, table.set_axis(names))
        cells.obsm["X_umap" if "umap" in manifold_learner.lower() else "X_map"] = table[["x", "y"]].to_numpy()
        annotated.save_h5ad(cells, path)
