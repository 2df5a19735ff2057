"""Speed of the image comparison: pairs a second, and all neighbours of a dataset.

    python benchmarks/images.py

compares 5,000 images of MNIST (28 x 28) and of USPS (16 x 16) with the 40 nearest among them by their pixels; and
re-ranks the 100 nearest of each of USPS's images by the deformation-invariant distance. On one and on two threads.
"""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import datasets
from n2d.method.manifold import deformation, neighbors

IMAGES, NEAREST = 5_000, 40


def seconds(run, repeats):
    """What a call takes once the kernels are compiled: median, least and most."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times), max(times)


def main():
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    args = parser.parse_args()
    for name in ("mnist", "usps"):
        data = datasets.load(name, args.data_dir)
        images = deformation.prepare(data.x[:IMAGES], data.image_shape)
        first = np.repeat(np.arange(IMAGES), NEAREST)
        second = neighbors.nearest_neighbors(data.x[:IMAGES], NEAREST + 1)[0][:, 1:].ravel()
        for n_jobs in (1, 2):
            pairs = images, images, first, second, data.image_shape
            took = seconds(partial(deformation.pair_distances, *pairs, n_jobs=n_jobs), args.repeats)
            speeds = "{:,.0f} ({:,.0f} to {:,.0f})".format(*(len(first) / took[i] for i in (0, 2, 1)))
            print(f"{name}, {n_jobs} thread(s): {speeds} pairs a second")
    candidates, _ = neighbors.nearest_neighbors(data.x, 100)
    for n_jobs in (1, 2):
        took = seconds(partial(neighbors.closest, data.x, candidates, 100, data.image_shape, n_jobs), args.repeats)
        print("usps, {} thread(s): all neighbours in {:.1f} s ({:.1f} to {:.1f})".format(n_jobs, *took))


if __name__ == "__main__":
    main()
