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
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import joblib
import pandas as pd
from tqdm import tqdm

from n2d import arguments as command_line

ROOT = Path(__file__).resolve().parent
PAPER = {  # McConville et al., Table 1: ACC, NMI
    "mnist": (0.979, 0.942),
    "mnist-test": (0.948, 0.882),
    "usps": (0.958, 0.901),
    "fashion": (0.672, 0.684),
    "pendigits": (0.885, 0.863),
    "har": (0.801, 0.683),
}
BEST_OTHER = {  # the best in the same table beside N2D: ACC, NMI, and whose they are
    "mnist": (0.988, 0.966, "ASPC-DA"),
    "mnist-test": (0.973, 0.936, "ASPC-DA"),
    "usps": (0.982, 0.951, "ASPC-DA"),
    "fashion": (0.630, 0.654, "ClusterGAN, ASPC-DA"),
    "pendigits": (0.784, 0.784, "IDEC, SC"),
    "har": (0.642, 0.741, "IDEC, SC"),
}
SHALLOW_PAPER = {  # the same table's shallow clusterers on the raw data: ACC, NMI
    "mnist": {"KM": (0.532, 0.450), "SC": (0.680, 0.759), "GMM": (0.389, 0.333)},
    "mnist-test": {"KM": (0.546, 0.501), "SC": (0.667, 0.712), "GMM": (0.464, 0.465)},
    "usps": {"KM": (0.668, 0.626), "SC": (0.656, 0.796), "GMM": (0.562, 0.540)},
    "fashion": {"KM": (0.474, 0.512), "SC": (0.551, 0.630), "GMM": (0.463, 0.514)},
    "pendigits": {"KM": (0.666, 0.681), "SC": (0.724, 0.784), "GMM": (0.673, 0.682)},
    "har": {"KM": (0.599, 0.588), "SC": (0.538, 0.741), "GMM": (0.585, 0.648)},
}
LOSSES_PAPER = {  # Aljalbout et al.'s README: k-means in each space, ACC, NMI
    "mnist": {
        "pixels": (0.542, 0.480),
        "autoencoder": (0.760, 0.667),
        "kmeans-loss": (0.781, 0.796),
        "kl-loss": (0.859, 0.825),
    },
    "coil20": {
        "pixels": (0.689, 0.793),
        "autoencoder": (0.739, 0.828),
        "kmeans-loss": (0.745, 0.846),
        "kl-loss": (0.762, 0.848),
    },
}
LOSSES_ARGUMENTS = {
    "mnist": ["--autoencoders=1", "--umap_neighbors=20", "--augment"],
    "coil20": ["--architecture=architectures/coil20.json", "--autoencoders=1", "--umap_neighbors=5"],
}
ABLATION_SETTINGS = ["--autoencoders=4", "--pretrain_epochs=50", "--umap_candidates=0"]
LOSSES_SETTINGS = [
    "--pretrain_epochs=50",
    "--umap_candidates=0",
    "--refine_epochs=20",
    "--umap_dim=10",
    "--gmm_restarts=1",
]


BACKENDS = {"loky": "joblib", "dask": "distributed", "ray": "ray"}  # joblib's, and the packages that they need


@dataclass(frozen=True)
class Table:
    """One CSV of results.

    Attributes
    ----------
    columns : list of str
    key : list of str
        The columns that tell one run from another.
    run : callable
        From the values of `key`, runs_dir and threads to the run's rows, a list of dicts.
    render : callable
        From all rows and a folder to Markdown, which it also writes to the folder.
    """

    columns: list
    key: list
    run: Callable
    render: Callable


def execute(arguments, save_dir, threads):
    """One call of n2d.py, in a process of its own so that its time and peak memory are its own.

    Parameters
    ----------
    arguments : list of str
    save_dir : path-like
    threads : int
        Threads of the run: those of several runs at the same time must not be more than the processors.

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
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        if status:
            log.seek(0)
            lines = log.read().splitlines() or ["stopped before it printed anything"]
            raise RuntimeError(f"{' '.join(arguments)}: {lines[-1]}")
    record = json.loads((save_dir / "metrics.json").read_text())
    # Linux counts peak memory in KiB
    return {**record, "wall_s": round(wall_s + record["resumed_seconds"], 1), "peak_rss_mb": usage.ru_maxrss // 1024}


def run_n2d(dataset, protocol, seed, runs_dir, threads):
    """N2D on one of the paper's datasets; returns its row."""
    arguments = [
        dataset,
        "0",
        f"--protocol={protocol}",
        f"--seed={seed}",
        f"--umap_dim={6 if dataset == 'har' else 10}",
    ]
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
    """k-means and N2D on pixels, a described autoencoder's latent space, and the same after each clustering loss."""
    folder = Path(runs_dir) / f"{dataset}-losses-{seed}"
    common = [dataset, "0", *LOSSES_ARGUMENTS[dataset], *LOSSES_SETTINGS, f"--seed={seed}"]
    rows = {}
    for loss, space, weights in (
        ("KM", "kmeans-loss", []),
        ("KLD", "kl-loss", [f"--ae_weights={folder / 'KM' / 'weights.safetensors'}"]),
    ):
        record = execute([*common, f"--refine={loss}", *weights], folder / loss, threads)
        if not weights:
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
    """Every clusterer on raw data and latent space, as they are and on each manifold."""
    folder = Path(runs_dir) / f"{dataset}-ablation-{seed}"
    arguments = [dataset, "0", "--eval_all", f"--seed={seed}", f"--umap_dim={6 if dataset == 'har' else 10}"]
    execute([*arguments, *ABLATION_SETTINGS], folder, threads)
    rows = pd.read_csv(folder / "eval_all.csv").assign(dataset=dataset, seed=seed)
    digits = dict.fromkeys(("acc", "nmi", "ari", "trustworthiness"), 4) | {"seconds": 1}
    return rows.round(digits).to_dict("records")


def render_n2d(rows, folder):
    """The README's table, n2d.md and n2d.png."""
    figure(rows, folder / "n2d.png")
    text = table(rows)
    (folder / "n2d.md").write_text(f"# N2D, every seed from scratch\n\n{text}\n![every run](n2d.png)\n")
    return text


def render_losses(rows, folder):
    """clustering_losses.md: each space's mean, standard deviation and worst beside the paper's ACC / NMI."""
    lines = ["| dataset | space | runs | ACC | worst | NMI | worst | paper |", "|---|---|---|---|---|---|---|---|"]
    for dataset, paper in LOSSES_PAPER.items():
        found = rows[rows["dataset"] == dataset]
        for space in [name + suffix for suffix in ("", "+n2d") for name in paper]:
            group = found[found["space"] == space]
            if len(group):
                cells = [dataset, space, str(len(group))]
                for score in ("acc", "nmi"):
                    cells += [mean_and_deviation(group[score]), f"{group[score].min():.3f}"]
                cells.append("{:.3f} / {:.3f}".format(*paper[space]) if space in paper else "")
                lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    commands = "\n".join(
        f"python n2d.py {dataset} 0 {' '.join(arguments + LOSSES_SETTINGS)} --refine=KLD --seed=0"
        for dataset, arguments in LOSSES_ARGUMENTS.items()
    )
    (folder / "clustering_losses.md").write_text(
        f"# Clustering losses\n\nk-means in each space, and N2D (UMAP and a mixture) on it: `+n2d`.\n\n{text}\n"
        f"The rows of a seed come from these commands (`--refine=KM` for the k-means loss):\n\n```\n{commands}\n```\n"
    )
    return text


def render_ablation(rows, folder):
    """ablation.md and ablation.png: every clusterer on every space, the best of them, and the paper's raw columns."""
    names = [name for name in PAPER if name in set(rows["dataset"])]
    ablation_figure(rows, names, folder / "ablation.png")
    ours = (rows["input"] == "autoencoder") & (rows["manifold"] == "UMAP") & (rows["cluster"] == "GMM")
    short = [
        "| dataset | best of all by ACC | best ACC / NMI | autoencoder, UMAP, GMM | its rank by ACC |",
        "|---|---|---|---|---|",
    ]
    raw = ["| dataset | KM | paper | GMM | paper | SC | paper |", "|---|---|---|---|---|---|---|"]
    whole = []
    for name in names:
        found = rows[rows["dataset"] == name].sort_values("acc", ascending=False)
        best, n2d_row = found.iloc[0], found[ours.loc[found.index]].iloc[0]
        rank = f"{1 + (found['acc'] > n2d_row['acc']).sum()} of {len(found)}"
        cells = [name, f"{best['input']}, {best['manifold']}, {best['cluster']}", acc_nmi(best), acc_nmi(n2d_row), rank]
        short.append(f"| {' | '.join(cells)} |")
        plain = found[(found["input"] == "raw") & (found["manifold"] == "none")].set_index("cluster")
        pairs = [
            (acc_nmi(plain.loc[c]), "{:.3f} / {:.3f}".format(*SHALLOW_PAPER[name][c])) for c in ("KM", "GMM", "SC")
        ]
        raw.append(f"| {name} | {' | '.join(cell for pair in pairs for cell in pair)} |")
        whole += [
            f"### {name}",
            "",
            "| input | manifold | dimensions | GMM | KM | SC | trustworthiness | seconds | peak GB |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for (source, learner), group in rows[rows["dataset"] == name].groupby(["input", "manifold"], sort=False):
            group = group.set_index("cluster").loc[["GMM", "KM", "SC"]]
            cells = [
                source,
                learner,
                str(group["n_components"].iloc[0]),
                *(acc_nmi(row) for _, row in group.iterrows()),
            ]
            cells += [f"{group['trustworthiness'].iloc[0]:.3f}", f"{group['seconds'].max():.0f}"]
            whole.append(f"| {' | '.join(cells)} | {group['peak_rss_mb'].max() / 1024:.1f} |")
        whole.append("")
    short = "\n".join(short) + "\n"
    (folder / "ablation.md").write_text(
        "# Manifold learners and clusterers\n\n"
        "ACC / NMI of one run each (`python tables.py ablation --seeds 1 --n_jobs 2`), at full size. The autoencoders "
        "are four, of 50 epochs each, side by side; for the rows here their weights had been kept in 8 bits, and the "
        "command trains them anew. UMAP has 20 neighbours in the space itself, as in the paper. Each "
        "mixture on a manifold is the best of a hundred, by modularity with UMAP and by likelihood with the others; on "
        "data without a manifold it is fitted once, as in the paper, on at most 16 million numbers: 20,408 images of "
        "MNIST or Fashion, all samples of the others.\n\n"
        f"{short}\n![ACC of every clusterer on every space](ablation.png)\n\n"
        "## Raw data, beside the paper\n\n" + "\n".join(raw) + "\n\n## All of it\n\n"
        "Spectral clustering (SC) is arbitrary where the graph of ten neighbours in an embedding falls into more "
        "pieces than there are clusters. Seconds are those of the manifold and the slowest of its clusterers, on one "
        "thread, beside another run; GB are the largest memory of the process meanwhile. Trustworthiness (0 to 1, of "
        "5,000 points) says whether neighbours in the embedding are neighbours in its input.\n\n" + "\n".join(whole)
    )
    return short


def acc_nmi(row):
    """'0.955 / 0.899', a row's ACC / NMI."""
    return f"{row['acc']:.3f} / {row['nmi']:.3f}"


def ablation_figure(rows, names, path):
    """One panel a dataset: a line for each space, a mark for each clusterer."""
    import matplotlib.pyplot as plt

    from n2d import visualize

    spaces = list(dict.fromkeys(zip(rows["input"], rows["manifold"])))
    panels, axes = plt.subplots(
        2, 3, figsize=(10.5, 7.2), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis, name in zip(axes.flat, names):
        found = rows[rows["dataset"] == name].set_index(["input", "manifold"])
        for (cluster, marker), color in zip({"GMM": "o", "KM": "s", "SC": "^"}.items(), visualize.palette(3)):
            values = found[found["cluster"] == cluster]["acc"]
            places = [spaces.index(space) for space in values.index]
            axis.scatter(values, places, marker=marker, color=color, s=32, alpha=0.85, label=cluster)
        axis.set_title(name, fontsize=11)
        axis.set_yticks(range(len(spaces)), [f"{source}, {learner}" for source, learner in spaces])
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    for axis in axes.flat[len(names) :]:
        axis.remove()
    panels.supxlabel("ACC")
    panels.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    panels.suptitle("Manifold learners and clusterers, raw and autoencoded", x=0.02, ha="left")
    panels.savefig(path, dpi=150)
    plt.close(panels)


def mean_and_deviation(values):
    """'0.955 ± 0.001', or the value alone if there is only one."""
    return f"{values.mean():.3f}" + (f" ± {values.std():.3f}" if len(values) > 1 else "")


def append(rows, path, columns):
    """Add a finished run to the table on disk, at once and for good."""
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
    """Make joblib's backend ready, in a `with`: a Dask cluster (DASK_SCHEDULER_ADDRESS, or one made here), or Ray."""
    if backend == "dask":
        from distributed import Client

        return Client() if "DASK_SCHEDULER_ADDRESS" in os.environ else Client(n_workers=n_jobs, threads_per_worker=1)
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    return nullcontext()


def sweep(table, keys, path, runs_dir, n_jobs=1, backend="loky"):
    """Run what is not in the table at `path` yet. Stopped at any moment, it goes on there when called again.

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


def table(rows):
    """Markdown table of mean ± standard deviation and worst, beside the ACC / NMI of the paper and its best other row.

    Parameters
    ----------
    rows : DataFrame
        Of the table n2d.
    """
    heads = ["dataset", "protocol", "runs", "ACC", "worst", "NMI", "worst", "paper's N2D", "paper's best other"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (protocol, dataset), group in sorted(rows.groupby(["protocol", "dataset"]), key=lambda item: order(item[0])):
        cells = [dataset, protocol, str(len(group))]
        for score in ("acc", "nmi"):
            cells += [mean_and_deviation(group[score]), f"{group[score].min():.3f}"]
        cells.append("{:.3f} / {:.3f}".format(*PAPER[dataset]))
        cells.append("{:.3f} / {:.3f} ({})".format(*BEST_OTHER[dataset]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def order(key):
    """Protocols by name, datasets as in the paper."""
    protocol, dataset = key
    return protocol, list(PAPER).index(dataset)


def figure(rows, path):
    """Every run as a dot, the paper and its best other row as lines: one panel a score, one column a dataset."""
    import matplotlib.pyplot as plt

    from n2d import visualize

    protocols = sorted(rows["protocol"].unique())
    colors = visualize.palette(len(protocols))
    names = [name for name in PAPER if name in set(rows["dataset"])]
    panels, axes = plt.subplots(2, 1, figsize=(8.4, 6.6), sharex=True, layout="constrained")
    for axis, score, paper in zip(axes, ("acc", "nmi"), (0, 1)):
        for x, dataset in enumerate(names):
            for values, style, label in ((PAPER, "-", "paper's N2D"), (BEST_OTHER, ":", "paper's best other")):
                line = {"color": "black", "linestyle": style, "label": label if x == 0 else None}
                axis.hlines(values[dataset][paper], x - 0.4, x + 0.4, **line)
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


TABLES = {
    "n2d": Table(
        (
            "dataset protocol seed acc nmi ari gmm_restarts epochs pretrain_s manifold_s cluster_s wall_s peak_rss_mb "
            "torch umap_learn scikit_learn git_commit"
        ).split(),
        ["dataset", "protocol", "seed"],
        run_n2d,
        render_n2d,
    ),
    "clustering_losses": Table(
        "dataset space method architecture seed acc nmi ari epochs refine_epochs seconds".split(),
        ["dataset", "seed"],
        run_losses,
        render_losses,
    ),
    "ablation": Table(
        ("dataset input manifold cluster n_components acc nmi ari seconds peak_rss_mb seed trustworthiness").split(),
        ["dataset", "seed"],
        run_ablation,
        render_ablation,
    ),
}


def main(argv=None):
    """Sweep what is asked for, then render everything that the table holds."""
    parser = argparse.ArgumentParser(prog="tables.py", description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES, default="n2d", help="(%(default)s)")
    parser.add_argument("--datasets", nargs="*", choices=[*PAPER, "coil20"], help="(all of the table)")
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
    known = LOSSES_PAPER if args.table == "clustering_losses" else PAPER
    datasets = args.datasets or list(known)
    if strangers := [name for name in datasets if name not in known]:
        parser.error(f"the table {args.table} has {', '.join(known)}, got {', '.join(strangers)}")
    keys = [(d, p, s) for s in range(args.seeds) for p in args.protocols for d in datasets]
    if "protocol" not in table.key:
        keys = [(d, s) for s in range(args.seeds) for d in datasets]
    package = BACKENDS[args.backend]
    if importlib.util.find_spec(package) is None:
        parser.error(f"--backend={args.backend} needs the package {package}: pip install {package}")
    sweep(table, keys, path, args.runs, args.n_jobs, args.backend)
    if not path.exists():
        parser.error(f"{path} has no runs to render: give --seeds at least 1, got {args.seeds}")
    print(table.render(pd.read_csv(path), args.results))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that joblib ends the runs
    main()
