"""How well `outlier_` finds outliers: samples of noise in a fit, and new points of other kinds.

    python benchmarks/outliers.py

fits N2D to 1,400 digits of scikit-learn, 3,000 images of MNIST-test and 3,000 rows of pendigits (autoencoders of 3
epochs, 10 mixtures, 20 neighbours), as they are and with a hundredth or a twentieth of the samples shuffled: each
sample's features in an order of its own. New points are others of the same data, these shuffled, means of two of them,
and Fashion's images beside MNIST's.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import datasets
from n2d.pipeline import N2D

SIZES = {"digits": 1400, "mnist-test": 3000, "pendigits": 3000}
N_NEW = 397  # what is left of the digits


def shuffled(x, rng):
    """The features of each row in an order of its own."""
    return np.take_along_axis(x, rng.random(x.shape).argsort(axis=1), axis=1)


def measure(dataset, data_dir, seed=0):
    """Of each kind of outliers the AUC against the others, and the shares of both that have more than 0.5."""
    data, rng = datasets.load(dataset, data_dir), np.random.default_rng(seed)
    order = rng.permutation(len(data.x))
    x, new = data.x[order[: SIZES[dataset]]], data.x[order[SIZES[dataset] :][:N_NEW]]
    settings = {"image_shape": data.image_shape, "pretrain_epochs": 3, "gmm_restarts": 10, "n_neighbors": 20}
    model = N2D(len(data.label_names) or 10, random_state=seed, **settings).fit(x)
    points = {"shuffled": shuffled(new, rng), "means of two": (new[:-1] + new[1:]) / 2}
    if dataset == "mnist-test":
        fashion = datasets.load("fashion", data_dir).x
        points["Fashion"] = fashion[rng.choice(len(fashion), N_NEW, replace=False)]
    of_new = model.predict(new, return_outlier=True)[1]
    for kind, others in points.items():
        yield row(f"new points: {kind}", of_new, model.predict(others, return_outlier=True)[1])
    for share in (0.01, 0.05):
        bad = np.arange(len(x)) < share * len(x)
        outlier = model.fit(np.where(bad[:, None], shuffled(x, rng), x)).outlier_
        yield row(f"in the fit: {share:.0%} shuffled", outlier[~bad], outlier[bad])


def row(what, good, bad):
    """One line of the table."""
    auc = roc_auc_score(np.arange(len(good) + len(bad)) >= len(good), np.concatenate([good, bad]))
    return what, auc, np.mean(good > 0.5), np.mean(bad > 0.5)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    args = parser.parse_args()
    print("| dataset | what | AUC | others above 0.5 | these above 0.5 |\n|---|---|---|---|---|")
    for dataset in args.datasets:
        for what, auc, *shares in measure(dataset, args.data_dir):
            print(f"| {dataset} | {what} | {auc:.3f} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
