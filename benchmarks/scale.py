"""Time and memory for ten thousand to a million points: MNIST, augmented by small random distortions.

    python benchmarks/scale.py --sizes 10000 70000 280000 1100000

writes each dataset as bytes to a .npy file, runs n2d.py on it in a process of its own (one autoencoder, 5 epochs,
--umap_fit_samples=70000, 10 UMAP dimensions, 20 neighbours of 30 candidates, 20 mixtures), adds a row to
benchmarks/scale.csv, and draws benchmarks/scale.png. A size that is in the file already is not run again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.ticker import LogFormatter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import metrics
from n2d.experiments import tables

HERE = Path(__file__).resolve().parent
STAGES = ["pretrain_s", "encode_s", "neighbours_s", "place_s", "manifold_s", "cluster_s"]
COLUMNS = ["samples", "acc", *STAGES, "wall_s", "peak_rss_mb"]
FLAGS = "cpu --n_clusters=10 --pretrain_epochs=5 --umap_dim=10 --umap_neighbors=20 --umap_candidates=30".split()
FLAGS += ["--gmm_restarts=20"]


def distorted(images, rng):
    """Rotated by up to 0.15 rad, sheared and scaled by up to 10 %, shifted by up to 1.4 pixels.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 784)
        In [0, 1].
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint8, shape (n, 28, 28)
    """
    n = len(images)
    angle, shear, width, height = rng.uniform(-1, 1, size=(4, n)) * np.array([[0.15], [0.1], [0.1], [0.1]])
    cosine, sine = np.cos(angle), np.sin(angle)
    maps = np.empty((n, 2, 3), np.float32)
    maps[:, 0, 0], maps[:, 0, 1] = (1 + width) * cosine, shear - sine
    maps[:, 1, 0], maps[:, 1, 1] = sine, (1 + height) * cosine
    maps[:, :, 2] = rng.uniform(-0.1, 0.1, size=(n, 2))
    grid = torch.nn.functional.affine_grid(torch.from_numpy(maps), (n, 1, 28, 28), align_corners=False)
    pixels = torch.from_numpy(images).view(n, 1, 28, 28)
    moved = torch.nn.functional.grid_sample(pixels, grid, align_corners=False)
    return (moved * 255).round().to(torch.uint8).numpy()[:, 0]


def write(path, n_samples, data_dir, seed=0):
    """Write n_samples images, of which the first 70,000 are MNIST's own in random order; returns the classes."""
    data = n2d.datasets.load("mnist", data_dir)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(data.x)) for _ in range(-(-n_samples // len(data.x)))])[:n_samples]
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (n_samples, 28, 28))
    file[: len(data.x)] = (data.x[order[: len(data.x)]].reshape(-1, 28, 28) * 255).round()
    for start in range(len(data.x), n_samples, 10_000):
        some = order[start : start + 10_000]
        file[start : start + len(some)] = distorted(data.x[some], rng)
    return data.y[order]


def measure(n_samples, fit_samples, data_dir):
    """One run; returns its row."""
    with tempfile.TemporaryDirectory() as folder:
        path, save_dir = Path(folder, "images.npy"), Path(folder, "run")
        y = write(path, n_samples, data_dir)
        record = tables.execute(
            [str(path), *FLAGS, f"--umap_fit_samples={fit_samples}"], save_dir, torch.get_num_threads()
        )
        labels = pd.read_csv(save_dir / "clusters.csv")["cluster"].to_numpy()
    seconds = {f"{stage}_s": round(s, 1) for stage, s in record["seconds"].items() if f"{stage}_s" in STAGES}
    found = {"samples": n_samples, "acc": round(metrics.accuracy(y, labels), 4), "place_s": 0.0, **seconds}
    return found | {name: record[name] for name in ("wall_s", "peak_rss_mb")}


def draw(rows, path):
    """Seconds and memory against samples, both axes logarithmic, with the slope of a straight line through them."""
    panels, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for axis, (name, label, divisor) in zip(axes, (("wall_s", "seconds", 1), ("peak_rss_mb", "peak memory, GB", 1024))):
        values = rows[name] / divisor
        axis.loglog(rows["samples"], values, "o-")
        axis.set(xlabel="samples", ylabel=label)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(LogFormatter())
        if len(rows) > 1:
            slope = np.polyfit(np.log(rows["samples"]), np.log(values), 1)[0]
            axis.set_title(f"slope {slope:.2f}", fontsize=11)
        axis.grid(which="both", alpha=0.3)
    panels.savefig(path, dpi=150)
    plt.close(panels)


def main():
    """Run the sizes that are missing, print the table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 70_000, 280_000, 1_100_000])
    parser.add_argument("--fit_samples", type=int, default=70_000)
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of scale.csv and scale.png")
    args = parser.parse_args()
    path = args.out / "scale.csv"
    done = set(pd.read_csv(path)["samples"]) if path.exists() else set()
    for n_samples in args.sizes:
        if n_samples not in done:
            tables.append([measure(n_samples, args.fit_samples, args.data_dir)], path, COLUMNS)
    rows = pd.read_csv(path).sort_values("samples")
    draw(rows, args.out / "scale.png")
    print(rows.to_string(index=False))


if __name__ == "__main__":
    main()
