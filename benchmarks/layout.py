"""UMAP's layout: this project's on one and on two threads, and umap-learn's with a seed, from the same graph and start.

    python benchmarks/layout.py mnist mnist-test usps fashion pendigits har --seeds 5
    python benchmarks/layout.py usps --latent runs/usps-n2d/latent.npy

finds each dataset's neighbours as N2D does, in the latent space of an autoencoder trained by the default protocol or in
one that is given (for one dataset), and lays out UMAP's graphs of 20, 50 and 100 neighbours with each seed, in turn by
each way. Prints a Markdown row for each dataset and size: the seconds of the layout alone, without graph and start,
kernels compiled before (medians, ranges in brackets, umap-learn's median over this project's); and of the best mixture
on each map the modularity, in N2D's sum of the three graphs, and the ACC (means, standard errors).
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import datasets, metrics
from n2d.method import kernels
from n2d.method.autoencoder.scaling import Scaling
from n2d.method.clusters import clustering
from n2d.method.manifold import layout, learners
from n2d.method.manifold.neighbourhood import Neighbourhood
from n2d.pipeline import N2D

umap = kernels.import_compiled("umap")
HEAD = (
    "| dataset, neighbours | umap-learn | one thread | two | modularity, umap-learn | here | ACC, umap-learn | here |"
)


def of_umap_learn(graph, start, a, b, seed):
    """umap-learn's layout, as its `simplicial_set_embedding` calls it when there is a seed."""
    n_epochs, graph = layout.default_epochs(len(start)), graph.tocoo(copy=True)
    graph.data[graph.data < graph.data.max() / n_epochs] = 0
    graph.eliminate_zeros()
    edges = graph.row, graph.col, n_epochs, len(start), umap.umap_.make_epochs_per_sample(graph.data, n_epochs)
    state = np.random.RandomState(seed).randint(umap.umap_.INT32_MIN, umap.umap_.INT32_MAX, 3).astype(np.int64)
    places = start.copy()
    return umap.layouts.optimize_layout_euclidean(places, places, *edges, a, b, state, parallel=False, move_other=True)


WAYS = {
    "umap-learn": of_umap_learn,
    "one": lambda *settings, seed: layout.optimize(*settings, seed=seed, n_jobs=1),
    "two": lambda *settings, seed: layout.optimize(*settings, seed=seed, n_jobs=2),
}


def compile_kernels(dim):
    """Lay out a few points by each way."""
    graph = sparse.random_array((200, 200), density=0.1, rng=np.random.default_rng(0), dtype=np.float32)
    start = np.random.default_rng(0).uniform(0, 10, (200, dim)).astype(np.float32)
    for lay_out in WAYS.values():
        lay_out((graph + graph.T).tocsr(), start, 1.9, 0.8, seed=0)


def starts(data, latent, sizes, dim):
    """Of each size of the neighbourhoods umap-learn's UMAP with its graph and its start."""
    settings = {"image_shape": data.image_shape, "scaling": Scaling.fit(data.x, data.scale), "reduces": True}
    neighbourhood = Neighbourhood(latent, data.x, **settings)
    knn = neighbourhood.rank(neighbourhood.propose(max(sizes)), max(sizes))
    learner = partial(learners.umap_learn, knn, 0, n_components=dim, min_dist=0.0, metric="euclidean", n_epochs=0)
    return [learner(n_neighbors=size).fit(latent) for size in sizes]


def measure(start, graph, y, seeds):
    """Of each way the seconds of each seed, and of umap-learn and this project modularity and ACC of each seed."""
    seconds, found = {way: [] for way in WAYS}, {}
    for seed in range(seeds):
        maps = {}
        for way, lay_out in WAYS.items():
            begun = time.perf_counter()
            maps[way] = lay_out(start.graph_, start.embedding_, start._a, start._b, seed=seed)
            seconds[way].append(time.perf_counter() - begun)
        if not np.array_equal(maps["one"], maps.pop("two")):
            raise RuntimeError("one and two threads have laid out different maps")
        for way, embedding in maps.items():
            fit = clustering.fit("GMM", embedding, n_clusters=len(np.unique(y)), random_state=seed, graph=graph)
            found.setdefault(way, []).append((fit.modularity, metrics.accuracy(y, fit.labels)))
    return seconds, {way: tuple(zip(*rows)) for way, rows in found.items()}


def row(name, seconds, found):
    """A row of the table."""
    theirs = median(seconds["umap-learn"])
    times = [f"{median(s):.2f} ({min(s):.2f} to {max(s):.2f})" for s in seconds.values()]
    times[1:] = [f"{time}, {theirs / median(seconds[way]):.2f}x" for time, way in zip(times[1:], ("one", "two"))]
    modularity, acc = zip(*(found[way] for way in ("umap-learn", "one")))
    judged = [f"{mean(m):.5f}" for m in modularity]
    judged[1] += f" ({mean(modularity[1]) - mean(modularity[0]):+.5f})"
    judged += [f"{mean(a):.4f} ± {stdev(a) / len(a) ** 0.5 if len(a) > 1 else 0:.4f}" for a in acc]
    return f"| {' | '.join([name, *times, *judged])} |"


def main():
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=datasets.REGISTRY)
    parser.add_argument("--latent", type=Path, help="latent.npy of a finished run, of one dataset")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--umap_dim", type=int, default=2)
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    args = parser.parse_args()
    if args.latent and len(args.datasets) > 1:
        parser.error(f"--latent is of one dataset, got {len(args.datasets)}")
    compile_kernels(args.umap_dim)
    print(f"{HEAD}\n|{'---|' * 8}", flush=True)
    for name in args.datasets:
        data = datasets.load(name, args.data_dir)
        if args.latent is None:
            model = N2D(len(data.label_names), scale=data.scale, image_shape=data.image_shape, random_state=0)
            latent = model.fit_autoencoder(data.x).fit_latent(data.x).latent_
        else:
            latent = np.load(args.latent)
        of_sizes = starts(data, latent, args.sizes, args.umap_dim)
        graph = sum(start.graph_ / start.graph_.sum() for start in of_sizes)
        for size, start in zip(args.sizes, of_sizes):
            print(row(f"{name}, {size}", *measure(start, graph, data.y, args.seeds)), flush=True)


if __name__ == "__main__":
    main()
