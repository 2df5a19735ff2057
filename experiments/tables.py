"""Run experiments from scratch, a row or more each in results/*.csv, and render the rows as tables and figures."""

import argparse
import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain, product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from ..command import arguments as command_line
from . import render

ROOT = Path(__file__).resolve().parents[1]
LOSSES_ARGUMENTS = {
    "mnist": ["--autoencoders=1", "--umap_neighbors=20", "--augment"],
    "coil20": ["--architecture=architectures/coil20.json", "--autoencoders=1", "--umap_neighbors=5"],
}
LOSSES_SETTINGS = [
    "--pretrain_epochs=50",
    "--umap_candidates=0",
    "--refine_epochs=20",
    "--umap_dim=10",
    "--gmm_restarts=1",
]
LOSSES_COMMANDS = [
    f"python n2d.py {dataset} 0 {' '.join(arguments + LOSSES_SETTINGS)} --refine=KLD --seed=0"
    for dataset, arguments in LOSSES_ARGUMENTS.items()
]

SAMPLES = 11_000  # at most, random ones: Ward's clustering takes memory for all pairs
PAPER_NEIGHBORS = 20
PROPOSING_COMPONENTS = 10  # as many as the autoencoder has latent dimensions, most often
BACKENDS = {"loky": "joblib", "dask": "distributed", "ray": "ray"}  # joblib's, and the packages that they need


@dataclass(frozen=True)
class Table:
    """A table of results: a CSV file, and how to compute and render its rows.

    Attributes
    ----------
    columns : list of str
    key : list of str
        The columns that identify a run.
    run : callable
        Takes the values of `key`, runs_dir and threads; returns the run's rows, a list of dicts.
    render : callable
        Takes all rows and a folder; returns Markdown, which it also writes to the folder.
    """

    columns: list
    key: list
    run: Callable
    render: Callable


def execute(arguments, save_dir, threads):
    """Run n2d.py in a separate process, to measure its time and peak memory.

    Parameters
    ----------
    arguments : list of str
    save_dir : path-like
    threads : int
        Of the run: several runs at the same time must not have more threads than there are processors.

    Returns
    -------
    record : dict
        The run's metrics.json, and 'wall_s' and 'peak_rss_mb'.

    Raises
    ------
    RuntimeError
        If the run fails; the message is the last line it printed.
    """
    save_dir.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with (save_dir / "log.txt").open("w+") as log:
        command = [sys.executable, ROOT / "n2d.py", *arguments, f"--save_dir={save_dir}"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "LOKY_MAX_CPU_COUNT": str(threads)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        status, peak_rss_mb = wait(process)
        wall_s = time.perf_counter() - start
        if status:
            log.seek(0)
            lines = log.read().splitlines() or ["stopped before it printed anything"]
            raise RuntimeError(f"{' '.join(arguments)}: {lines[-1]}")
    record = json.loads((save_dir / "metrics.json").read_text())
    return {**record, "wall_s": round(wall_s + record["resumed_seconds"], 1), "peak_rss_mb": peak_rss_mb}


def wait(process):
    """Wait for a process; return its exit status and peak memory in MB: NaN on Windows, which does not keep it."""
    if not hasattr(os, "wait4"):
        return process.wait(), float("nan")
    _, status, usage = os.wait4(process.pid, 0)
    return status, usage.ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes, Linux KiB


def run_n2d(dataset, protocol, seed, runs_dir, threads):
    """Run N2D on one of the paper's datasets; return its row."""
    arguments = [dataset, "0", f"--protocol={protocol}", f"--seed={seed}"]
    if protocol == "paper":
        arguments.append(f"--umap_dim={6 if dataset == 'har' else 10}")
    record = execute(arguments, Path(runs_dir) / f"{dataset}-{protocol}-{seed}", threads)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    row = {
        "dataset": dataset,
        "protocol": protocol,
        "seed": seed,
        **{score: round(record[score], 4) for score in ("acc", "nmi", "ari")},
        "gmm_restarts": record["arguments"]["gmm_restarts"],
        "epochs": record["arguments"]["pretrain_epochs"],
        **{f"{stage}_s": round(record["seconds"][stage], 1) for stage in ("pretrain", "manifold", "cluster")},
        **{name: record[name] for name in ("wall_s", "peak_rss_mb")},
        **{library.replace("-", "_"): version(library) for library in ("torch", "umap-learn", "scikit-learn")},
        "git_commit": commit.stdout.strip(),
    }
    return [row]


def run_losses(dataset, seed, runs_dir, threads):
    """Run k-means and N2D on pixels, and on an autoencoder's latent space, before and after each clustering loss."""
    folder = Path(runs_dir) / f"{dataset}-losses-{seed}"
    common = [dataset, "0", *LOSSES_ARGUMENTS[dataset], *LOSSES_SETTINGS, f"--seed={seed}"]
    rows = {}
    for loss, space, pretrained in (
        ("KM", "kmeans-loss", []),
        ("KLD", "kl-loss", [f"--ae_weights={folder / 'KM' / 'weights.safetensors'}"]),
    ):
        record = execute([*common, f"--refine={loss}", *pretrained], folder / loss, threads)
        if not pretrained:
            pretrain_s = record["seconds"]["pretrain"]
        refine_epochs = len(pd.read_csv(folder / loss / "refinement.csv"))
        for stage in pd.read_csv(folder / loss / "stages.csv").to_dict("records"):
            refined = stage["space"] == loss
            before = {"pixels": 0.0, "autoencoder": pretrain_s}.get(
                stage["space"], pretrain_s + record["seconds"]["refine"]
            )
            name = (space if refined else stage["space"]) + ("+n2d" if stage["method"] == "n2d" else "")
            rows[name] = {
                "dataset": dataset,
                "space": name,
                "method": stage["method"],
                "architecture": record["arguments"]["architecture"] or "paper",
                "seed": seed,
                **{score: round(stage[score], 4) for score in ("acc", "nmi", "ari")},
                "epochs": 0 if name == "pixels" else record["arguments"]["pretrain_epochs"],
                "refine_epochs": refine_epochs if refined else 0,
                "seconds": round(before + stage["seconds"], 1),
            }
    return list(rows.values())


def run_ablation(dataset, seed, runs_dir, threads):
    """Run every clusterer on raw data and latent space, as they are and on each manifold."""
    folder = Path(runs_dir) / f"{dataset}-ablation-{seed}"
    dim = f"--umap_dim={6 if dataset == 'har' else 10}"
    execute([dataset, "0", "--eval_all", f"--seed={seed}", dim, "--umap_candidates=0"], folder, threads)
    rows = pd.read_csv(folder / "eval_all.csv").assign(dataset=dataset, seed=seed)
    digits = dict.fromkeys(("acc", "nmi", "ari", "trustworthiness"), 4) | {"seconds": 1}
    return rows.round(digits).to_dict("records")


def run_collection(dataset, seed, runs_dir, threads):
    """Run N2D by default, with the number of classes and with --n_clusters=auto, and the baselines of `peers`."""
    from .. import datasets, metrics
    from ..method.autoencoder.scaling import Scaling
    from .peers import PEERS

    data_dir = os.environ.get("N2D_DATA_DIR", "data")
    files = [Path(data_dir, folder, f"{dataset}.npz") for folder in ("collection", "collection2")]
    source = dataset if dataset in render.PAPER else str(next(filter(Path.is_file, files), files[0]))
    data, rows = datasets.load(source, data_dir), []
    k = len(data.label_names)

    def add(method, k_found, seconds, scores):
        scores = {score: round(scores[score], 4) for score in ("acc", "nmi", "ari")}
        row = {"dataset": dataset, "method": method, "seed": seed, **scores, "k": k, "k_found": k_found}
        rows.append({**row, "seconds": round(seconds, 1)})

    for method, arguments in (("N2D", []), ("N2D, auto", ["--n_clusters=auto"])):
        folder = Path(runs_dir) / f"{dataset}-collection-{seed}{'-auto' * bool(arguments)}"
        record = execute([source, "0", f"--data_dir={data_dir}", f"--seed={seed}", *arguments], folder, threads)
        k_found = pd.read_csv(folder / "clusters.csv")["cluster"].nunique()
        add(method, k_found, record["wall_s"], record)
    x, y = some_of(Scaling.fit(data.x, data.scale).apply(data.x), data.y, seed)
    for method, peer in PEERS.items():
        start = time.perf_counter()
        labels = peer(x, k, seed)
        add(method, len(np.unique(labels)), time.perf_counter() - start, metrics.scores(y, labels))
    return rows


def run_components(dataset, seed, runs_dir, threads):
    """Run variants of N2D's steps: source of candidate neighbours, re-ranking or not, one mixture or the best."""
    from sklearn.decomposition import PCA

    from .. import datasets, metrics
    from ..method.clusters import clustering
    from ..method.manifold import learners
    from ..pipeline import N2D

    data = datasets.load(dataset, os.environ.get("N2D_DATA_DIR", "data"))
    x, y = some_of(data.x, data.y, seed)
    k, rows = len(data.label_names), []
    settings = {"scale": data.scale, "image_shape": data.image_shape, "n_jobs": threads, "random_state": seed}
    model = N2D(k, **settings).fit_autoencoder(x).fit_latent(x)
    scaled = model.scaling_.apply(x)
    components = PCA(PROPOSING_COMPONENTS, random_state=seed).fit_transform(scaled)
    proposers = {"autoencoder": model.latent_, "PCA": components, "input": scaled}
    for (proposer, space), candidates in product(proposers.items(), (model.n_candidates, 0)):
        model.set_params(n_candidates=candidates).latent_ = space
        model.fit_neighbors(x)
        settings = {"n_components": model.dimensions(len(x)), "n_neighbors": PAPER_NEIGHBORS, "knn": model.knn_}
        learner = learners.manifold_learner(**settings, n_jobs=threads, random_state=seed)
        embedding = learner.fit_transform(space)
        one = clustering.fit("GMM", embedding, n_clusters=k, restarts=1, random_state=seed)
        _, fit, _ = model.embed_and_cluster(model.neighbourhood_, model.seed_)
        by_rule = clustering.unite_duplicates(x, fit.labels)
        for mixture, labels in (("one", one.labels), ("rule", by_rule)):
            scores = {name: round(score, 4) for name, score in metrics.scores(y, labels).items()}
            row = {"dataset": dataset, "seed": seed, "proposer": proposer, "candidates": candidates, "mixture": mixture}
            rows.append(row | scores)
    return rows


def some_of(x, y, seed):
    """Return x and y, or random samples of large data."""
    if len(x) <= SAMPLES:
        return x, y
    some = np.random.default_rng(seed).choice(len(x), SAMPLES, replace=False)
    return x[some], y[some]


def append(rows, path, columns):
    """Append the rows of a finished run to the table, and flush them to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def connect(backend, n_jobs):
    """Return a context with joblib's backend: a Dask cluster (DASK_SCHEDULER_ADDRESS, or one made here), or Ray."""
    if backend == "dask":
        from distributed import Client

        return Client() if "DASK_SCHEDULER_ADDRESS" in os.environ else Client(n_workers=n_jobs, threads_per_worker=1)
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    return nullcontext()


def sweep(table, keys, path, runs_dir, n_jobs=1, backend="loky"):
    """Run what is not in the table at `path` yet; a sweep that was stopped resumes when called again.

    Parameters
    ----------
    table : Table
    keys : list of tuple
        Values of `table.key`.
    path : pathlib.Path
        The CSV of finished runs.
    runs_dir : path-like
        Folder of the runs' own output.
    n_jobs : int
        Runs at the same time.
    backend : {'loky', 'dask', 'ray'}
        joblib's: processes here, or workers that may be on other machines, with this folder and `runs_dir` on all.
    """
    done = set()
    if path.exists():
        done = set(pd.read_csv(path)[table.key].itertuples(index=False, name=None))
    todo = [key for key in keys if key not in done]
    threads = max(1, joblib.cpu_count() // n_jobs)
    jobs = [joblib.delayed(table.run)(*key, runs_dir, threads) for key in todo]
    with connect(backend, n_jobs), joblib.parallel_config(backend):
        if backend == "ray":  # gives nothing back before all is done, so it gets a few at a time
            parts = (jobs[i : i + n_jobs] for i in range(0, len(jobs), n_jobs))
            runs = chain.from_iterable(map(joblib.Parallel(n_jobs), parts))
        else:
            runs = joblib.Parallel(n_jobs, return_as="generator_unordered")(jobs)
        for rows in tqdm(runs, total=len(todo), desc="runs"):
            append(rows, path, table.columns)
            tqdm.write("\n".join(" ".join(f"{row[column]}" for column in table.columns[:6]) for row in rows))


TABLES = {
    "n2d": Table(
        (
            "dataset protocol seed acc nmi ari gmm_restarts epochs pretrain_s manifold_s cluster_s wall_s peak_rss_mb "
            "torch umap_learn scikit_learn git_commit"
        ).split(),
        ["dataset", "protocol", "seed"],
        run_n2d,
        render.n2d_page,
    ),
    "clustering_losses": Table(
        "dataset space method architecture seed acc nmi ari epochs refine_epochs seconds".split(),
        ["dataset", "seed"],
        run_losses,
        partial(render.losses_page, commands=LOSSES_COMMANDS),
    ),
    "collection": Table(
        "dataset method seed acc nmi ari k k_found seconds".split(),
        ["dataset", "seed"],
        run_collection,
        render.collection_page,
    ),
    "components": Table(
        "dataset seed proposer candidates mixture acc nmi ari".split(),
        ["dataset", "seed"],
        run_components,
        render.components_page,
    ),
    "ablation": Table(
        ("dataset input manifold cluster n_components acc nmi ari seconds peak_rss_mb seed trustworthiness").split(),
        ["dataset", "seed"],
        run_ablation,
        render.ablation_page,
    ),
}


def main(argv=None):
    """Run the experiments that are asked for, then render the whole table."""
    parser = argparse.ArgumentParser(prog="tables", description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES, default="n2d", help="(%(default)s)")
    parser.add_argument("--datasets", nargs="*", help="(all of the table)")
    parser.add_argument(
        "--protocols", nargs="*", choices=command_line.PROTOCOLS, default=list(command_line.PROTOCOLS), help="(all)"
    )
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to this number less one; 0 only renders (10)")
    parser.add_argument("--n_jobs", type=int, default=1, help="runs at the same time (1)")
    parser.add_argument("--backend", choices=BACKENDS, default="loky", help="joblib's (%(default)s)")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "results", help="folder of the rows and tables (results)"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/tables"), help="folder of the runs' output (%(default)s)"
    )
    args = parser.parse_args(argv)
    if args.n_jobs < 1:
        parser.error(f"--n_jobs must be at least 1, got {args.n_jobs}")
    table = TABLES[args.table]
    path = args.results / f"{args.table}.csv"
    known = {"clustering_losses": render.LOSSES_PAPER, "collection": render.COLLECTION}.get(args.table, render.PAPER)
    datasets = args.datasets or list(known)
    if strangers := [name for name in datasets if name not in known]:
        parser.error(f"the table {args.table} has {', '.join(known)}, got {', '.join(strangers)}")
    keys = [(d, p, s) for s in range(args.seeds) for p in args.protocols for d in datasets]
    if "protocol" not in table.key:
        keys = [(d, s) for s in range(args.seeds) for d in datasets]
    package = BACKENDS[args.backend]
    if importlib.util.find_spec(package) is None:
        parser.error(f"--backend={args.backend} needs the package {package}: pip install {package}")
    if args.table == "collection" and args.seeds and importlib.util.find_spec("leidenalg") is None:
        parser.error("the table collection needs the package leidenalg: pip install leidenalg")
    sweep(table, keys, path, args.runs, args.n_jobs, args.backend)
    if not path.exists():
        parser.error(f"{path} has no runs to render: give --seeds at least 1, got {args.seeds}")
    print(table.render(pd.read_csv(path), args.results))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that joblib ends the runs
    main()
