#!/usr/bin/env python
"""Run datasets x protocols x seeds, a row each in results/n2d.csv, and render the rows as table and figure."""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import joblib
import pandas as pd
from tqdm import tqdm

import n2d

ROOT = Path(__file__).resolve().parent
COLUMNS = (
    "dataset protocol seed acc nmi ari gmm_restarts epochs pretrain_s manifold_s cluster_s wall_s peak_rss_mb "
    "torch umap_learn scikit_learn git_commit"
).split()
PAPER = {  # McConville et al., Table 1: ACC, NMI
    "mnist": (0.979, 0.942),
    "mnist-test": (0.948, 0.882),
    "usps": (0.958, 0.901),
    "fashion": (0.672, 0.684),
    "pendigits": (0.885, 0.863),
    "har": (0.801, 0.683),
}


def run(dataset, protocol, seed, runs_dir, threads):
    """One experiment from scratch, in a process of its own so that its time and peak memory are its own.

    Parameters
    ----------
    dataset, protocol : str
    seed : int
    runs_dir : path-like
        Folder of the runs' own output.
    threads : int
        Threads of the run: those of several runs at the same time must not be more than the processors.

    Returns
    -------
    row : dict
        With the keys of `COLUMNS`.

    Raises
    ------
    RuntimeError
        If the run fails; the message is the last line it printed.
    """
    save_dir = Path(runs_dir) / f"{dataset}-{protocol}-{seed}"
    command = [sys.executable, ROOT / "n2d.py", dataset, "0", f"--protocol={protocol}", f"--seed={seed}"]
    command += [f"--umap_dim={6 if dataset == 'har' else 10}", f"--save_dir={save_dir}"]
    save_dir.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with (save_dir / "log.txt").open("w+") as log:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        if status:
            log.seek(0)
            lines = log.read().splitlines() or ["stopped before it printed anything"]
            raise RuntimeError(f"{dataset}, {protocol} protocol, seed {seed}: {lines[-1]}")
    record = json.loads((save_dir / "metrics.json").read_text())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "dataset": dataset,
        "protocol": protocol,
        "seed": seed,
        **{score: round(record[score], 4) for score in ("acc", "nmi", "ari")},
        "gmm_restarts": record["arguments"]["gmm_restarts"],
        "epochs": record["arguments"]["pretrain_epochs"],
        **{f"{stage}_s": round(record["seconds"][stage], 1) for stage in ("pretrain", "manifold", "cluster")},
        "wall_s": round(wall_s, 1),
        "peak_rss_mb": usage.ru_maxrss // 1024,  # Linux counts in KiB
        **{library.replace("-", "_"): version(library) for library in ("torch", "umap-learn", "scikit-learn")},
        "git_commit": commit.stdout.strip(),
    }


def append(row, path):
    """Add a finished run to the table on disk, at once and for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def sweep(datasets, protocols, seeds, path, runs_dir, n_jobs=1):
    """Run what is not in the table at `path` yet. Stopped at any moment, it goes on there when called again.

    Parameters
    ----------
    datasets, protocols : sequences of str
    seeds : iterable of int
    path : pathlib.Path
        The CSV of finished runs.
    runs_dir : path-like
        Folder of the runs' own output.
    n_jobs : int
        Runs at the same time.
    """
    done = set()
    if path.exists():
        done = set(pd.read_csv(path)[["dataset", "protocol", "seed"]].itertuples(index=False, name=None))
    todo = [(d, p, s) for s in seeds for p in protocols for d in datasets if (d, p, s) not in done]
    threads = max(1, joblib.cpu_count() // n_jobs)
    jobs = (joblib.delayed(run)(*settings, runs_dir, threads) for settings in todo)
    rows = joblib.Parallel(n_jobs, return_as="generator_unordered")(jobs)
    for row in tqdm(rows, total=len(todo), desc="runs"):
        append(row, path)
        tqdm.write(" ".join(f"{row[column]}" for column in COLUMNS[:5]))


def table(rows):
    """Markdown table of mean ± standard deviation and worst, beside the paper's ACC / NMI.

    Parameters
    ----------
    rows : DataFrame
        With the columns of `COLUMNS`.
    """
    lines = ["| dataset | protocol | runs | ACC | worst | NMI | worst | paper |", "|---|---|---|---|---|---|---|---|"]
    for (protocol, dataset), group in sorted(rows.groupby(["protocol", "dataset"]), key=lambda item: order(item[0])):
        cells = [dataset, protocol, str(len(group))]
        for score in ("acc", "nmi"):
            spread = f" ± {group[score].std():.3f}" if len(group) > 1 else ""
            cells += [f"{group[score].mean():.3f}{spread}", f"{group[score].min():.3f}"]
        cells.append("{:.3f} / {:.3f}".format(*PAPER[dataset]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def order(key):
    """Protocols by name, datasets as in the paper."""
    protocol, dataset = key
    return protocol, list(PAPER).index(dataset)


def figure(rows, path):
    """Every run as a dot, the paper as a line: one panel a score, one column a dataset."""
    import matplotlib.pyplot as plt

    import visualize

    protocols = sorted(rows["protocol"].unique())
    colors = visualize.palette(len(protocols))
    names = [name for name in PAPER if name in set(rows["dataset"])]
    panels, axes = plt.subplots(2, 1, figsize=(8.4, 6.6), sharex=True, layout="constrained")
    for axis, score, paper in zip(axes, ("acc", "nmi"), (0, 1)):
        for x, dataset in enumerate(names):
            axis.hlines(PAPER[dataset][paper], x - 0.4, x + 0.4, color="black", label="paper" if x == 0 else None)
            for i, protocol in enumerate(protocols):
                values = rows[(rows["dataset"] == dataset) & (rows["protocol"] == protocol)][score]
                offset = 0.5 * (i - (len(protocols) - 1) / 2) / len(protocols)
                label = f"{protocol} protocol" if x == 0 else None
                axis.scatter([x + offset] * len(values), values, color=colors[i], s=28, alpha=0.7, label=label)
        axis.set_ylabel(score.upper())
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_xticks(range(len(names)), names)
    axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    panels.suptitle("Every seed from scratch, beside the paper")
    panels.savefig(path, dpi=150)
    plt.close(panels)


def main(argv=None):
    """Sweep what is asked for, then render everything that the table holds."""
    parser = argparse.ArgumentParser(prog="tables.py", description=__doc__)
    parser.add_argument("--datasets", nargs="*", choices=PAPER, default=list(PAPER), help="(all six)")
    parser.add_argument("--protocols", nargs="*", choices=n2d.PROTOCOLS, default=list(n2d.PROTOCOLS), help="(all)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to this number less one; 0 only renders (10)")
    parser.add_argument("--n_jobs", type=int, default=1, help="runs at the same time (1)")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "results", help="folder of the rows and tables (results)"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/tables"), help="folder of the runs' output (%(default)s)"
    )
    args = parser.parse_args(argv)
    path = args.results / "n2d.csv"
    sweep(args.datasets, args.protocols, range(args.seeds), path, args.runs, args.n_jobs)
    if not path.exists():
        parser.error(f"{path} has no runs to render: give --seeds at least 1, got {args.seeds}")
    rows = pd.read_csv(path)
    figure(rows, args.results / "n2d.png")
    text = table(rows)
    (args.results / "n2d.md").write_text(f"# N2D, every seed from scratch\n\n{text}\n![every run](n2d.png)\n")
    print(text)


if __name__ == "__main__":
    main()
