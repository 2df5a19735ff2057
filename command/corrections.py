"""`n2d.py apply`: names, merges and marks that a person gave to clusters on the page, in the files of the run."""

import dataclasses
import hashlib
import io
import json
import os
import shutil
import unicodedata
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd

from .. import datasets, metrics
from ..method.clusters import hierarchy
from ..method.manifold import neighbors
from ..page import explorer, naming, profiles
from ..readers import annotated, samples
from . import arguments, delivery, folders, report

ORIGINAL = "clusters-original.csv"  # as the run found them
OF_FIT = ("agreement", "modularity", "log_likelihood")  # figures of a run that say nothing of corrected clusters
LARGEST = 10_000_000  # bytes of a file of corrections
LONGEST = 200  # letters of a name


class CorrectionsError(ValueError):
    """Corrections that are no such file, or are of other clusters."""


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What a person changed, by the numbers that clusters had on the page.

    Attributes
    ----------
    fingerprint : str
        Of the clusters that are corrected, see `naming.Clusters`.
    n_samples, n_clusters : int
    names : dict of int to str
    merged : dict of int to int
        Which cluster each of these is now part of.
    marked : tuple of int
    """

    fingerprint: str
    n_samples: int
    n_clusters: int
    names: dict
    merged: dict
    marked: tuple


def read(path):
    """Corrections, from the file that the page saved.

    Raises
    ------
    CorrectionsError
        If the file cannot be read, or says anything that the page cannot have written.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CorrectionsError(f"{path} is too large for a file of corrections")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CorrectionsError(f"{path} cannot be read ({error.strerror})") from error
    except CorrectionsError:
        raise
    except (ValueError, RecursionError) as error:
        raise CorrectionsError(f"{path} is no JSON file, as the page saves corrections") from error
    if not isinstance(found, dict) or found.get("n2d") != "corrections":
        raise CorrectionsError(f"{path} holds no corrections: save them on the page, with “Save corrections”")
    try:
        return _sound(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorrectionsError(f"{path} is damaged: {error}") from error


def _sound(found):
    """The corrections of a file, if all of them can be."""
    n_clusters = _number(found["n_clusters"], "n_clusters", 1 << 16)

    def cluster(number):
        return _number(int(number) if isinstance(number, str) and number.isdecimal() else number, "cluster", n_clusters)

    names = {cluster(number): _name(name) for number, name in found["names"].items()}
    merged = {cluster(number): cluster(into) for number, into in found["merged"].items()}
    if chained := sorted(set(merged) & set(merged.values())):
        raise ValueError(f"cluster {chained[0]} is merged into another, and others into it")
    if not isinstance(found["marked"], list):
        raise ValueError("marked must be a list of clusters")
    if not isinstance(found["fingerprint"], str):
        raise ValueError("fingerprint must be a word")
    return Corrections(
        found["fingerprint"],
        _number(found["n_samples"], "n_samples", 1 << 40),
        n_clusters,
        names,
        merged,
        tuple(sorted({cluster(number) for number in found["marked"]})),
    )


def _number(value, what, below):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise ValueError(f"{what} must be a whole number from 0 to {below - 1}, got {str(value)[:40]}")
    return value


def _name(name):
    if not isinstance(name, str) or len(name) > LONGEST or any(map(_is_control, name)):
        raise ValueError(f"a name must be a text of at most {LONGEST} letters, got {str(name)[:40]!r}")
    return name


def _is_control(letter):
    return unicodedata.category(letter) in ("Cc", "Cs")  # lone surrogates cannot be written


def corrected(corrections, labels, names):
    """Clusters as a person wants them: numbers, by size again, names, and which of them are marked.

    Parameters
    ----------
    corrections : Corrections
    labels : ndarray of int, shape (n_samples,)
    names : list of str
        By number; empty where there is none.

    Returns
    -------
    labels : ndarray of int, shape (n_samples,)
    names : tuple of str, or None
        None if there is no name at all.
    marked : ndarray of bool, shape (n_clusters,)
    """
    roots = np.array([corrections.merged.get(i, i) for i in range(corrections.n_clusters)])
    now = roots[labels]
    kept = np.unique(roots)
    sizes = np.bincount(now, minlength=len(roots))[kept]
    kept = kept[np.argsort(-sizes, kind="stable")]
    numbers = np.zeros(len(roots), dtype=np.int64)
    numbers[kept] = np.arange(len(kept))
    told, taken = [], set()
    for i in kept:
        name = corrections.names.get(int(i), names[i])
        told.append(naming.free(name, taken) if name else "")
        taken.add(told[-1])
    return numbers[now], tuple(told) if any(told) else None, np.isin(kept, corrections.marked)


def main(argv):
    """Correct the clusters of a run: its table, scores and pictures."""
    parser = arguments.build_apply_parser()
    args = parser.parse_args(argv)
    try:
        corrections = read(args.corrections)
        if not args.save_dir.is_dir():
            raise CorrectionsError(f"{args.save_dir} is no folder: give the save folder of a run")
        folders.make_folder(parser, "save_dir", args.save_dir)  # it is there, and can be written
        with folders.lock(parser, args.save_dir):
            apply(corrections, args.save_dir)
    except CorrectionsError as error:
        parser.error(str(error))


def apply(corrections, folder):
    """Write what follows from corrections to a run's save folder; the clusters before are kept as `ORIGINAL`.

    Parameters
    ----------
    corrections : Corrections
    folder : pathlib.Path

    Raises
    ------
    CorrectionsError
        If the folder is not that of the run which they are of.
    """
    record = _record(folder)
    table = _table_of(corrections, folder, record)
    run = Namespace(**record["arguments"])
    labels = table["cluster"].astype(np.int64).to_numpy()
    by_number = table.drop_duplicates("cluster").set_index("cluster")
    before = by_number["cluster_name"].to_dict() if "cluster_name" in table else {}
    names = [before.get(str(i), "") for i in range(corrections.n_clusters)]
    labels, names, marked = corrected(corrections, labels, names)
    embedding = _array(folder, "embedding.npy", len(table))
    its_map = _array(folder, "map.npy" if (folder / "map.npy").exists() else "embedding.npy", len(table))
    data = _data(run, len(table))
    is_gone = data is None
    if is_gone:
        data = samples.Dataset(np.zeros((len(table), 1), np.float32), *_classes(table))
    clusters = dataclasses.replace(naming.named(labels, len(marked), data.y, data.label_names), names=names)
    delivered = delivery.Delivery(folder, adds=True)
    _keep_original(folder, delivered)
    with delivered.at_once() as new:
        text = _csv(table, labels, names, marked)
        (new / "clusters.csv").write_text(text, encoding="utf-8", newline="")
        scores = _scores(data.y, labels, embedding, len(marked))
        _write_record(new, record, corrections, scores, text)
    print(f"{corrections.n_clusters} clusters, now {len(marked)}: {_counted(corrections)}")
    if data.y is not None:
        print(f"\n{'':<34}    ACC    NMI    ARI\n{report.score_line('corrected clusters', scores)}")
    with delivered.at_once() as new:
        report.draw_maps(data, its_map, clusters, run, new, "corrected by hand", scores)
        if not is_gone:
            found = {name: table[name].to_numpy(dtype=float) for name in ("confidence", "outlier") if name in table}
            special = profiles.special_of(data, labels, len(marked))
            profile = {"names": names, "confidence": found["confidence"], "special": special}
            found["profile"] = profiles.profile(data, labels, len(marked), **profile)
            points = _latent(folder, len(table), embedding)
            near = neighbors.nearest_neighbors(points, min(explorer.N_NEIGHBORS + 1, len(table)))[0]
            linkage = hierarchy.merges(neighbors.symmetric_graph(near), labels, points, len(marked))
            report.write_meaning(new, found["profile"], special, linkage)
            report.draw_meaning(clusters, run, new, found["profile"], special, linkage)
            report.draw_members(data, its_map, clusters, run, new, **found, neighbors=near[:, 1:])
            if getattr(run, "write_h5ad", False):
                out = new / f"{run.name}-n2d.h5ad"
                annotated.write_h5ad(run.dataset, out, labels, found["confidence"], found["outlier"], its_map)
    if not is_gone:
        report.print_profile(found["profile"])
    print(f"\n{delivered.listing(run.name)}")


def _counted(corrections):
    parts = {"renamed": corrections.names, "merged": corrections.merged, "marked": corrections.marked}
    return ", ".join(f"{len(part)} {what}" for what, part in parts.items() if part) or "nothing changed"


def _record(folder):
    """metrics.json of a run."""
    try:
        record = json.loads((folder / delivery.RECORD).read_text(encoding="utf-8"))
        if not {"dataset", "name", "max_points", "seed"} <= set(record["arguments"]):
            raise KeyError("arguments")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorrectionsError(f"{folder} holds no run: give the save folder of one, with its metrics.json") from error
    return record


def _table_of(corrections, folder, record):
    """The table of the clusters that are corrected: clusters.csv, or what it was before other corrections.

    All of it is text, as it stands there.
    """
    found = {}
    for name in ("clusters.csv", ORIGINAL):
        path = folder / name
        if not path.is_file():
            continue
        try:
            text = path.read_bytes().decode()
            table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
            labels = table["cluster"].astype(np.int64).to_numpy()
        except (OSError, ValueError, KeyError, OverflowError) as error:
            raise CorrectionsError(f"{path} is no table of clusters ({str(error).splitlines()[0]})") from error
        found[name] = table, naming.fingerprint(labels), hashlib.sha256(text.encode()).hexdigest()
    if "clusters.csv" not in found:
        raise CorrectionsError(f"{folder} has no clusters.csv")
    for name, (table, fingerprint, _) in found.items():
        is_of = len(table) == corrections.n_samples and fingerprint == corrections.fingerprint
        if not is_of or table["cluster"].astype(np.int64).max() >= corrections.n_clusters:
            continue
        written = (record.get("corrections") or {}).get("sha256")
        if name == ORIGINAL and found["clusters.csv"][2] != written:
            raise CorrectionsError(
                f"{folder / 'clusters.csv'} was changed after it had been corrected: move it away or rename it to "
                f"{ORIGINAL}, and nothing of it is lost"
            )
        return table
    table, fingerprint, _ = found["clusters.csv"]
    n_clusters = table["cluster"].nunique()
    raise CorrectionsError(
        f"these corrections are of other clusters: of {corrections.n_samples:,} samples in {corrections.n_clusters} "
        f"clusters ({corrections.fingerprint[:16]}), and {folder} has {len(table):,} in {n_clusters} ({fingerprint})"
    )


def _data(run, n_samples):
    """The samples of a run, read again, or None and a notice if they are gone or are others."""
    try:
        data = datasets.load(run.dataset, Path(run.data_dir), **arguments.reading_of(run))
    except (datasets.DatasetError, AttributeError, TypeError) as error:
        samples.notice(f"clusters.png and explore.html stay as they are, for the data cannot be read: {error}")
        return None
    if len(data.x) != n_samples:
        samples.notice(
            f"clusters.png and explore.html stay as they are: {run.dataset} has {len(data.x):,} samples now, and the "
            f"run had {n_samples:,}"
        )
        return None
    return data


def _array(folder, name, n_samples):
    """The map of a run, or its embedding."""
    path = folder / name
    try:
        array = np.load(path)
    except (OSError, ValueError) as error:
        raise CorrectionsError(f"{path} cannot be read: the run has no map to draw") from error
    if array.ndim != 2 or len(array) != n_samples:
        raise CorrectionsError(f"{path} is no map of the {n_samples:,} samples of clusters.csv")
    return array


def _latent(folder, n_samples, embedding):
    """The latent space of a run, whose graph is not kept; the map where it is gone."""
    try:
        latent = np.load(folder / "latent.npy")
    except (OSError, ValueError):
        return embedding
    return latent if latent.ndim == 2 and len(latent) == n_samples else embedding


def _classes(table):
    """Classes of the samples and their names, as they stand in the table, or None and no names."""
    if "label" not in table or not (table["label"] != "").any():
        return None, ()
    return samples.classes(table["label"].to_numpy(dtype=object), len(table))


def _keep_original(folder, delivered):
    """Keep the clusters that a run found, once."""
    if not (folder / ORIGINAL).exists():
        partial = folder / f".{ORIGINAL}"
        shutil.copyfile(folder / "clusters.csv", partial)
        os.replace(partial, folder / ORIGINAL)
    delivered.wrote(ORIGINAL)


def _csv(table, labels, names, marked):
    """The table again, with other clusters; what else stands there is left as it is."""
    table = table.drop(columns=["cluster_name", "marked"], errors="ignore")
    at = table.columns.get_loc("cluster")
    table["cluster"] = labels
    if names is not None:
        table.insert(at + 1, "cluster_name", np.array(samples.no_formulas(names), dtype=object)[labels])
    if marked.any():
        table.insert(at + 1 + (names is not None), "marked", marked[labels].astype(int))
    return table.to_csv(index=False)


def _scores(y, labels, embedding, n_clusters):
    if y is not None:
        return metrics.scores(*metrics.of_known(y, labels))
    sizes = np.bincount(labels, minlength=n_clusters).tolist()
    return {"silhouette": metrics.silhouette(embedding, labels), "sizes": sizes}


def _write_record(folder, record, corrections, scores, text):
    """metrics.json with the new scores; those of the run are in its `corrections`."""
    earlier = record.get("corrections") or {}
    before = earlier.get("before") or {name: record[name] for name in (*scores, *OF_FIT) if name in record}
    kept = {name: value for name, value in record.items() if name not in (*OF_FIT, "corrections")}
    made = {
        "names": corrections.names,
        "merged": corrections.merged,
        "marked": corrections.marked,
        "before": before,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    new = {**scores, **{name: value for name, value in kept.items() if name not in scores}, "corrections": made}
    (folder / delivery.RECORD).write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
