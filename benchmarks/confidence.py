"""How well `confidence_` predicts errors: a table, and the reliability curve of docs/choosing.md.

    python benchmarks/confidence.py --seeds 0 1

fits N2D to each of the six datasets, of MNIST and Fashion to 10,000 random samples, with autoencoders of 10 epochs and
30 mixtures, and otherwise the default protocol. A sample is right if it is of its cluster's majority class.
"""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import datasets
from n2d.pipeline import N2D

matplotlib.use("agg")
import matplotlib.pyplot as plt

DATASETS = ("mnist", "mnist-test", "usps", "fashion", "pendigits", "har")
MOST = 11_000  # samples: all of pendigits, the largest of the small ones
BINS = 10
DOCS = Path(__file__).resolve().parents[1] / "docs"


def measure(dataset, seed, data_dir):
    """One fit: for each sample whether it is right, its confidence, and the greatest posterior probability."""
    data = datasets.load(dataset, data_dir)
    some = np.arange(len(data.x))
    if len(some) > MOST:
        some = np.random.default_rng(seed).choice(len(some), 10_000, replace=False)
    x, y = data.x[some], data.y[some]
    model = N2D(
        len(data.label_names),
        image_shape=data.image_shape,
        n_components=6 if dataset == "har" else 10,
        pretrain_epochs=10,
        gmm_restarts=30,
        random_state=seed,
    ).fit(x)
    majority = pd.crosstab(model.labels_, y).idxmax(axis=1)
    posterior = model.clusterer_.predict_proba(model.embedding_.astype(np.float64)).max(axis=1)
    right = majority[model.labels_].to_numpy() == y
    return pd.DataFrame({"right": right, "confidence": model.confidence_, "posterior": posterior})


def binned(right, confidence):
    """Of ten equal ranges of confidence those that are not empty: number of samples, mean confidence, share right."""
    groups = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return (
        pd.DataFrame({"n": 1, "confidence": confidence, "right": right})
        .groupby(groups)
        .agg({"n": "sum", "confidence": "mean", "right": "mean"})
    )


def figures(right, confidence):
    """AUC for "wrong", expected calibration error, mean."""
    bins = binned(right, confidence)
    ece = (bins["n"] * (bins["confidence"] - bins["right"]).abs()).sum() / len(right)
    return {"auc": roc_auc_score(right, confidence), "ece": ece, "mean": confidence.mean()}


def draw(samples, path):
    """Share of the samples that are right against their confidence; ranges of fewer than 20 samples are left out."""
    figure, axis = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    axis.plot([0, 1], [0, 1], color="0.7", lw=1)
    for dataset, of_dataset in samples.groupby("dataset", sort=False):
        bins = binned(of_dataset["right"], of_dataset["confidence"]).query("n >= 20")
        axis.plot(bins["confidence"], bins["right"], "o-", ms=4, label=dataset)
    axis.set(xlabel="confidence", ylabel="share of the samples that are right", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    """Print a row for each fit, and the means of each dataset; draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=datasets.REGISTRY, default=DATASETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    parser.add_argument("--out", type=Path, default=DOCS / "reliability-curve.png")
    args = parser.parse_args()
    found, rows = [], []
    for dataset in args.datasets:
        for seed in args.seeds:
            samples = measure(dataset, seed, args.data_dir).assign(dataset=dataset, seed=seed)
            row = {"dataset": dataset, "seed": seed, "right": samples["right"].mean()}
            for name in ("posterior", "confidence"):
                of_name = figures(samples["right"], samples[name])
                row |= {f"{name} {figure}": value for figure, value in of_name.items()}
            print(", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
            found.append(samples)
            rows.append(row)
    means = pd.DataFrame(rows).drop(columns="seed").groupby("dataset", sort=False).mean()
    print(means.to_string(float_format="{:.3f}".format))
    draw(pd.concat(found), args.out)


if __name__ == "__main__":
    main()
