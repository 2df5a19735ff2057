"""Seconds from a latent space to clusters: this project, and umap-learn with scikit-learn's mixture.

    python benchmarks/embed.py mnist

Trains one autoencoder (20 epochs), and with each seed clusters its latent space three times, with 20 neighbours and 20
mixtures: by this project, by the same without a seed, when UMAP's layout runs on all threads, and by
`umap.UMAP(random_state=seed).fit_transform` and the likeliest of 20 `GaussianMixture`s. All of UMAP's kernels are
compiled before the first; what that costs is in cold_start.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median, stdev

import torch
from sklearn.mixture import GaussianMixture

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import compiled, metrics, weights
from n2d.pipeline import N2D

STAGES = ("neighbours", "manifold", "cluster")


def ours(x, path, seed, **settings):
    """Clusters, and the seconds of each stage."""
    model = N2D(
        10, ae_weights=path, n_components=10, n_jobs=torch.get_num_threads(), random_state=seed, **settings
    ).fit(x)
    return model.labels_, [model.seconds_[stage] for stage in STAGES]


def plain(latent, seed):
    """The same by umap-learn and scikit-learn alone; UMAP's neighbours count as part of the manifold."""
    start = time.perf_counter()
    umap = compiled.import_compiled("umap")
    embedding = umap.UMAP(n_components=10, n_neighbors=20, min_dist=0.0, random_state=seed).fit_transform(latent)
    embedded = time.perf_counter()
    labels = GaussianMixture(10, n_init=20, random_state=seed).fit_predict(embedding)
    return labels, [0.0, embedded - start, time.perf_counter() - embedded]


def main():
    """Print every run, and for each way the median of the seconds and the mean of the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="mnist")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    args = parser.parse_args()
    data = n2d.datasets.load(args.dataset, args.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        model = N2D(10, n_autoencoders=1, pretrain_epochs=args.epochs, random_state=0).fit_autoencoder(data.x)
        latent = model.fit_latent(data.x).latent_
        path = Path(folder, "weights.safetensors")
        weights.save_weights(model.autoencoder_, path)
        settings = {"n_neighbors": 20, "n_candidates": None, "gmm_restarts": 20}
        ways = {
            "this project": lambda seed: ours(data.x, path, seed, **settings),
            "the same without a seed": lambda _: ours(data.x, path, None, **settings),
            "umap-learn and scikit-learn": lambda seed: plain(latent, seed),
        }
        plain(latent[:5000], 0)
        ways["the same without a seed"](0)
        found = {name: [] for name in ways}
        for seed in range(args.seeds):
            for name, cluster in ways.items():
                labels, seconds = cluster(seed)
                found[name].append((sum(seconds), metrics.accuracy(data.y, labels), *seconds))
                stages = ", ".join(f"{stage} {s:.1f}" for stage, s in zip(STAGES, seconds))
                print(f"seed {seed}, {name}: {sum(seconds):.1f} s ({stages}), ACC {found[name][-1][1]:.4f}", flush=True)
    reference = median(row[0] for row in found["umap-learn and scikit-learn"])
    for name, rows in found.items():
        totals, accs, *stages = zip(*rows)
        error = stdev(accs) / len(accs) ** 0.5 if len(accs) > 1 else 0.0
        print(
            f"{name:<28} {median(totals):6.1f} s ({min(totals):.1f} to {max(totals):.1f}), "
            f"{reference / median(totals):.2f}x, ACC {mean(accs):.4f} ± {error:.4f} (standard error), "
            + ", ".join(f"{stage} {median(s):.1f}" for stage, s in zip(STAGES, stages))
        )


if __name__ == "__main__":
    main()
