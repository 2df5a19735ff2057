"""Seconds from a cold start to a given accuracy on MNIST: this project, and ClustPy's N2D with UMAP and a mixture.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/time_to_accuracy.py --target 0.97 --repeats 3

Each way trains one autoencoder 784-500-500-2000-10 in batches of 256, embeds with UMAP (10 dimensions, 20 neighbours,
min_dist 0) and fits mixtures, in a process of its own, for ever more epochs (--epochs) until the accuracy is reached;
what counts is the run that reaches it, or else the last, and the next repeat begins with its number of epochs. Labels
choose the number of epochs, for both: this is a race, not an experiment.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d

ROOT = Path(n2d.__file__).parent
FLAGS = "--umap_dim=10 --umap_neighbors=20 --umap_candidates=20 --gmm_restarts=20".split()


def ours(epochs, data_dir, folder):
    """The command of this project."""
    command = [ROOT / "n2d.py", "mnist", "cpu", *FLAGS, f"--pretrain_epochs={epochs}"]
    return [*command, f"--save_dir={folder}", f"--data_dir={data_dir}"]


def clustpy(epochs, data_dir, folder):
    """ClustPy's: this file, run with --clustpy."""
    return [__file__, "--clustpy", str(epochs), str(data_dir), str(folder)]


def run_clustpy(epochs, data_dir, folder):
    """What `ours` does, by ClustPy; its mixture is fitted once, as in the paper."""
    import torch
    from clustpy.deep import N2D
    from clustpy.deep.neural_networks import FeedforwardAutoencoder
    from umap import UMAP

    from n2d import datasets, metrics

    data = datasets.load("mnist", Path(data_dir))
    layers = [784, 500, 500, 2000, 10]
    model = N2D(
        10,
        pretrain_epochs=int(epochs),
        neural_network=(FeedforwardAutoencoder, {"layers": layers, "activation_fn": torch.nn.ReLU}),
        manifold_class=UMAP,
        manifold_params={"n_components": 10, "n_neighbors": 20, "min_dist": 0.0},
        device=torch.device("cpu"),
    )
    acc = metrics.accuracy(data.y, model.fit(data.x).labels_)
    Path(folder, "metrics.json").write_text(json.dumps({"acc": acc}))


def main():
    """Print every run, and for each way what counts: median and range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=0.97)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 10, 20, 40])
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    parser.add_argument("--clustpy", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.clustpy:
        return run_clustpy(*args.clustpy)
    ways = {"this project": ours, "ClustPy": clustpy}
    counted, begin = {name: [] for name in ways}, dict.fromkeys(ways, 0)
    for repeat in range(args.repeats):
        for name, command_of in ways.items():
            for epochs in args.epochs[begin[name] :]:
                with tempfile.TemporaryDirectory() as folder:
                    command = [sys.executable, *command_of(epochs, args.data_dir, folder)]
                    start = time.perf_counter()
                    subprocess.run(command, check=True, capture_output=True)
                    seconds = time.perf_counter() - start
                    acc = json.loads(Path(folder, "metrics.json").read_text())["acc"]
                print(f"{name}, repeat {repeat}, {epochs} epochs: ACC {acc:.4f} in {seconds:.0f} s", flush=True)
                if acc >= args.target:
                    break
            counted[name].append((seconds, epochs, acc))
            begin[name] = args.epochs.index(epochs)
    for name, rows in counted.items():
        seconds, epochs, accs = zip(*rows)
        print(
            f"{name}: {median(seconds):.0f} s ({min(seconds):.0f} to {max(seconds):.0f}), ACC {median(accs):.4f}, "
            f"{'/'.join(map(str, sorted(set(epochs))))} epochs, {len(rows)} runs, of which "
            f"{sum(acc >= args.target for acc in accs)} reached {args.target}"
        )


if __name__ == "__main__":
    main()
