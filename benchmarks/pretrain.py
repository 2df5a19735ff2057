"""Training speed of the dense autoencoder, in samples a second, beside other ways to train the same network.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/pretrain.py
    python benchmarks/pretrain.py --batch_size 1024
    python benchmarks/pretrain.py --precision fp32

Each repeat times one epoch of each, one after the other, on random data of MNIST's size: `training.pretrain`, the
feed-forward autoencoder of ClustPy, and the loop that one writes first (a DataLoader, float32, Adam as it comes). Then
the products of matrices alone, as many and as large as in a step, in both precisions: no training can be faster. Each
way has a process of its own, and one epoch before the first that counts.
"""

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from clustpy.deep.neural_networks import FeedforwardAutoencoder
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from n2d import models
from n2d.method.autoencoder import training

DIMS = (784, *models.HIDDEN_DIMS, 10)


def ours(x, batch_size, precision):
    """This project."""
    training.pretrain(models.DenseAutoencoder(DIMS), x.numpy(), epochs=1, batch_size=batch_size, precision=precision)


def clustpy(x, batch_size, _):
    """ClustPy, with the same layers and its own DataLoader."""
    network = FeedforwardAutoencoder(list(DIMS), activation_fn=torch.nn.ReLU)
    network.fit(1, {"lr": 1e-3}, batch_size, data=x)


def plain(x, batch_size, _):
    """What the tutorials write."""
    model = models.DenseAutoencoder(DIMS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for (batch,) in DataLoader(TensorDataset(x), batch_size, shuffle=True):
        loss = torch.nn.functional.mse_loss(model(batch)[1], batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def products(x, batch_size, dtype):
    """The products of a step: forward, to the weights, and to the layer below but for the lowest."""
    widths = [*DIMS, *DIMS[-2::-1]]
    layers = [torch.rand(batch_size, width, dtype=dtype) for width in widths]
    weights = [torch.rand(n_out, n_in, dtype=dtype) for n_in, n_out in pairwise(widths)]
    for _ in range(len(x) // batch_size):
        for i, weight in enumerate(weights):
            layers[i] @ weight.T
            layers[i + 1].T @ layers[i]
            if i:
                layers[i + 1] @ weight


def rate(train, n_samples, batch_size, argument):
    """Samples a second in one epoch."""
    x = torch.rand(n_samples, DIMS[0])
    start = time.perf_counter()
    train(x, batch_size, argument)
    return n_samples / (time.perf_counter() - start)


def main():
    """Print a row for each way: median and range of samples a second, and the ratio to this project's median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=70_000)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    precision = training.choose_precision(args.precision, "cpu")
    ways = {
        f"this project, {precision}": (ours, precision),
        "ClustPy": (clustpy, None),
        "plain loop, fp32": (plain, None),
        "products alone, bf16": (products, torch.bfloat16),
        "products alone, fp32": (products, torch.float32),
    }
    rates = {name: [] for name in ways}
    processes = {name: ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) for name in ways}
    for repeat in range(args.repeats + 1):
        for name, (train, argument) in ways.items():
            found = processes[name].submit(rate, train, args.samples, args.batch_size, argument).result()
            if repeat:
                rates[name].append(found)
    for process in processes.values():
        process.shutdown()
    reference = median(next(iter(rates.values())))
    print(f"{torch.get_num_threads()} threads, batch {args.batch_size}, {args.repeats} repeats, samples a second")
    for name, found in rates.items():
        middle = median(found)
        print(f"{name:<24} {middle:9,.0f} ({min(found):,.0f} to {max(found):,.0f}), ratio {reference / middle:.2f}")


if __name__ == "__main__":
    main()
