"""`n2d.py apply`: apply corrections made on the page (splits, moves, merges, names, marks) to the files of a run."""

import dataclasses
import hashlib
import json
import os
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from ... import metrics
from ...method.clusters import hierarchy
from ...method.manifold import neighbors
from ...page import explorer, naming, profiles
from ...readers import annotated, samples
from .. import arguments, delivery, folders, printing, report
from . import saved_model
from .corrections_file import CorrectionsError, corrected, divided, in_words, moved, read
from .layers import beside, classes, layer_of, with_layer
from .run_files import RunError, read_embedding, read_halves, read_map, read_record, read_samples, read_table

ORIGINAL = "clusters-original.csv"  # the clusters before any correction
OURS = [
    "cluster",
    "cluster_name",
    "marked",
    "marked_outlier",
]  # columns that corrections change; the user may have added others
OF_FIT = ("agreement", "modularity", "log_likelihood")  # figures that do not hold for corrected clusters


def main(argv):
    """Run `n2d.py apply`: correct the table, scores and pictures of a run, and its saved model."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        corrections = read(args.corrections)
        if not args.save_dir.is_dir():
            raise CorrectionsError(f"{args.save_dir} is no folder: give the save folder of a run")
        folders.make_folder(parser, "save_dir", args.save_dir)  # it exists: check that it can be written
        with folders.lock(parser, args.save_dir):
            apply(corrections, args.save_dir, args.model)
    except (CorrectionsError, RunError) as error:
        parser.error(str(error))


def build_parser():
    """Build the parser of `n2d.py apply`."""
    what = "Correct the clusters of a run: its clusters.csv, scores and pictures, and its saved model."
    parser = arguments.Parser(prog="n2d.py apply", description=what)
    parser.add_argument("corrections", type=Path, help="what was corrected: the file that explore.html saved")
    parser.add_argument(
        "save_dir", type=Path, help="save folder of the run; its clusters.csv is kept under another name"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="its saved model, for n2d.py predict (where --save_model put it)"
    )
    return parser


def apply(corrections, folder, model=None):
    """Apply corrections to the files in a run's save folder, and keep the earlier clusters.csv as `ORIGINAL`.

    Every cluster keeps its number; a merged cluster takes the number of the one that it is merged into. So the numbers
    may have gaps, and functions that need consecutive numbers get the ranks of those that are left. Corrections of the
    clusters of another number, in a column such as `cluster_of_8`, make these the run's clusters.

    Parameters
    ----------
    corrections : Corrections
    folder : pathlib.Path
    model : pathlib.Path or None
        Folder of the saved model to correct, for `n2d.py predict`; None is the one that the run saved.

    Raises
    ------
    CorrectionsError
        If the folder or the model belongs to another run than the corrections, or these merge all clusters into one.
    RunError
        If the folder holds no run.
    """
    record = read_record(folder)
    run = Namespace(**record["arguments"])
    table, original = _tables(folder, record)
    layer = layer_of(corrections, folder, original, read_halves(folder, len(original)), run.n_clusters)
    numbers, names, marked = corrected(corrections, layer.names)
    halved = divided(corrections, layer.labels, layer.halves)
    labels = numbers[moved(corrections, halved)]
    kept = np.unique(labels)
    if len(kept) < 2:
        raise CorrectionsError("these corrections merge all clusters into one: leave two at least")
    embedding = read_embedding(folder, len(table))
    its_map = read_map(folder, len(table))
    data = read_samples(run, len(table), folder, "clusters.png and explore.html stay as they are")
    is_gone = data is None
    if is_gone:
        data = samples.Dataset(np.zeros((len(table), 1), np.float32), *classes(table))
    before = naming.named(layer.labels, corrections.n_clusters, data.y, data.label_names)
    before = dataclasses.replace(before, names=tuple(layer.names) if any(layer.names) else None)
    clusters = dataclasses.replace(
        naming.named(np.searchsorted(kept, labels), len(kept), data.y, data.label_names),
        names=names and tuple(names[i] for i in kept),
        colors=np.vstack([before.colors, _of_added(corrections)])[kept],
        numbers=kept,
    )
    saved = saved_model.correct(model, run, layer, corrections, numbers, names, halved)
    delivered = delivery.Delivery(folder, adds=True)
    _keep_original(folder, delivered)
    with delivered.at_once() as new:
        table = _corrected(with_layer(table, original, layer), labels, names, marked, corrections.outliers)
        table.to_csv(new / "clusters.csv", index=False)
        scores = _scores(data.y, labels, embedding)
        _write_record(new, record, corrections, scores, table)
    if not layer.is_found:
        print(f"the run's clusters are those of {layer.column} now; the former ones are {layer.former}")
    print(f"{corrections.n_clusters} clusters, now {len(kept)}: {_counted(corrections)}")
    for line in in_words(corrections, layer.names, layer.labels, halved):
        print(f"  {line}")
    if data.y is not None:
        print(f"\n{'':<34}    ACC    NMI    ARI\n{printing.score_line('corrected clusters', scores)}")
    with delivered.at_once() as new:
        report.draw_maps(data, its_map, clusters, run, new, "corrected by hand", scores)
        if not is_gone:
            known = {name: table[name].to_numpy(dtype=float) for name in ("confidence", "outlier") if name in table}
            points = _latent(folder, len(table), embedding)
            near = neighbors.nearest_neighbors(points, min(explorer.N_NEIGHBORS + 1, len(table)))[0]
            linkage = hierarchy.merges(neighbors.symmetric_graph(near), clusters.labels, points, len(kept))
            profile = _draw(data, clusters, run, new, known["confidence"], linkage)
            told = names or [""] * len(numbers)
            earlier = [*layer.names, *[""] * (len(numbers) - len(layer.names))]
            told = {i: told[i] for i in kept.tolist() if told[i] != earlier[i]}
            applied = {"names": told, "merged": corrections.merged, "marked": np.flatnonzero(marked).tolist()}
            applied |= {"moved": corrections.moved, "outliers": list(corrections.outliers), "split": corrections.split}
            known |= {"profile": profiles.profile(data, layer.labels, corrections.n_clusters)}
            known |= {"neighbors": near[:, 1:]}
            known |= {"layers": beside(layer, original, record), "halves": layer.halves}
            report.draw_page(data, its_map, before, run, new, **known, corrections=applied)
            if getattr(run, "write_h5ad", False):
                out = new / f"{run.name}-n2d.h5ad"
                annotated.write_h5ad(run.dataset, out, labels, known["confidence"], known["outlier"], its_map)
    if not is_gone:
        printing.print_profile(profile)
    if saved is not None:
        saved = saved.relative_to(Path.cwd()) if saved.is_relative_to(Path.cwd()) else saved
        print(f"\nn2d.py predict {saved} follows these corrections")
    print(f"\n{delivered.listing(run.name)}")


def _draw(data, clusters, run, folder, confidence, linkage):
    """Write tables and pictures that describe the clusters, and return the profile."""
    n_clusters = len(clusters.numbers)
    special = profiles.special_of(data, clusters.labels, n_clusters)
    shown = {"names": clusters.names, "confidence": confidence, "special": special}
    profile = profiles.profile(data, clusters.labels, n_clusters, **shown)
    profile.index = pd.Index(clusters.numbers, name="cluster")
    report.write_meaning(folder, profile, special, linkage)
    report.draw_meaning(clusters, run, folder, profile, special, linkage)
    report.draw_members(data, clusters, run, folder, confidence)
    return profile


def _counted(corrections):
    parts = {
        "split": corrections.split,
        "renamed": corrections.names,
        "merged": corrections.merged,
        "marked": corrections.marked,
    }
    told = [f"{len(part):,} {what}" for what, part in parts.items() if part]
    of_samples = {"moved": corrections.moved, "marked as outliers": corrections.outliers}
    told += [f"{n:,} sample{'s' * (n > 1)} {what}" for what, part in of_samples.items() if (n := len(part))]
    return ", ".join(told) or "nothing changed"


def _of_added(corrections):
    """Return the colours of clusters that a person has added, as the page chooses them."""
    colors = naming.palette(explorer.N_COLORS)
    return colors[np.arange(corrections.n_clusters, corrections.n_all) % len(colors)]


def _tables(folder, record):
    """Read clusters.csv as text, and as the run wrote it, which after the first corrections is `ORIGINAL`."""
    tables = {name: read_table(folder / name) for name in ("clusters.csv", ORIGINAL) if (folder / name).is_file()}
    if not tables:
        raise CorrectionsError(f"{folder} has no clusters.csv")
    original = tables.get(ORIGINAL, tables.get("clusters.csv"))
    table = tables.get("clusters.csv", original)
    if _hash(table) not in (_hash(original), (record.get("corrections") or {}).get("sha256")):
        raise CorrectionsError(
            f"{folder / 'clusters.csv'} has other clusters or names than were written there: move it away, and nothing "
            "of it is lost"
        )
    return table, original


def _hash(table):
    """Hash the columns that corrections change."""
    there = OURS if OURS[-1] in table else OURS[:-1]  # as before there were any outliers by hand
    return hashlib.sha256(table.reindex(columns=there).to_csv().encode()).hexdigest()


def _latent(folder, n_samples, embedding):
    """Load the latent space of a run, to rebuild its graph; return the embedding if it is missing or does not fit."""
    try:
        latent = np.load(folder / "latent.npy")
    except (OSError, ValueError):
        return embedding
    return latent if latent.ndim == 2 and len(latent) == n_samples else embedding


def _keep_original(folder, delivered):
    """Copy clusters.csv to `ORIGINAL`, unless that exists."""
    if not (folder / ORIGINAL).exists():
        partial = folder / f".{ORIGINAL}"
        shutil.copyfile(folder / "clusters.csv", partial)
        os.replace(partial, folder / ORIGINAL)
    delivered.wrote(ORIGINAL)


def _corrected(table, labels, names, marked, outliers):
    """Return the table with corrected clusters, names, marks and outliers; other columns stay as they are."""
    table = table.drop(columns=OURS[1:], errors="ignore")
    at = table.columns.get_loc("cluster")
    table["cluster"] = labels
    if names is not None:
        table.insert(at + 1, "cluster_name", np.array(samples.no_formulas(names), dtype=object)[labels])
    if marked.any():
        table.insert(at + 1 + (names is not None), "marked", marked[labels].astype(int))
    if outliers:
        is_outlier = np.isin(np.arange(len(table)), outliers).astype(int)
        table.insert(at + 1 + (names is not None) + marked.any(), "marked_outlier", is_outlier)
    return table


def _scores(y, labels, embedding):
    if y is not None:
        return metrics.scores(*metrics.of_known(y, labels))
    return {"silhouette": metrics.silhouette(embedding, labels), "sizes": np.bincount(labels).tolist()}


def _write_record(folder, record, corrections, scores, table):
    """Write metrics.json with the new scores; those of the run are kept in its `corrections`."""
    earlier = record.get("corrections") or {}
    before = earlier.get("before") or {name: record[name] for name in (*scores, *OF_FIT) if name in record}
    kept = {name: value for name, value in record.items() if name not in (*OF_FIT, "corrections")}
    made = {
        "n_clusters": corrections.n_clusters,
        "split": corrections.split,
        "names": corrections.names,
        "merged": corrections.merged,
        "marked": corrections.marked,
        "moved": corrections.moved,
        "outliers": corrections.outliers,
        "before": before,
        "sha256": _hash(table),
    }
    new = {**scores, **{name: value for name, value in kept.items() if name not in scores}, "corrections": made}
    (folder / delivery.RECORD).write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
