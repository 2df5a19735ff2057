"""Seconds from a cold start to an accuracy on MNIST: this project, and ClustPy's N2D with UMAP and a mixture.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/time_to_accuracy.py --target 0.97 --seeds 3

Each way trains one autoencoder 784-500-500-2000-10 in batches of 256, embeds with UMAP (10 dimensions, 20 neighbours,
min_dist 0) and fits mixtures, in a process of its own, for 5, 10, 20 and 40 epochs until the accuracy is reached;
what counts is the run that reaches it. Labels choose the number of epochs, for both: this is a race, not an experiment.
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
EPOCHS = (5, 10, 20, 40)
FLAGS = "--umap_dim=10 --umap_neighbors=20 --umap_candidates=0".split()


def ours(epochs, seed, data_dir, folder):
    """The command of this project."""
    command = [ROOT / "n2d.py", "mnist", "cpu", *FLAGS, f"--pretrain_epochs={epochs}", f"--seed={seed}"]
    return [*command, f"--save_dir={folder}", f"--data_dir={data_dir}"]


def clustpy(epochs, seed, data_dir, folder):
    """ClustPy's: this file, run with --clustpy."""
    return [__file__, "--clustpy", str(epochs), str(seed), str(data_dir), str(folder)]


def run_clustpy(epochs, seed, data_dir, folder):
    """What `ours` does, by ClustPy; its mixture is fitted once, as in the paper."""
    import torch
    from clustpy.deep import N2D
    from clustpy.deep.neural_networks import FeedforwardAutoencoder
    from umap import UMAP

    import datasets
    import metrics

    data = datasets.load("mnist", Path(data_dir))
    layers = [784, 500, 500, 2000, 10]
    model = N2D(
        10,
        pretrain_epochs=int(epochs),
        neural_network=(FeedforwardAutoencoder, {"layers": layers, "activation_fn": torch.nn.ReLU}),
        manifold_class=UMAP,
        manifold_params={"n_components": 10, "n_neighbors": 20, "min_dist": 0.0, "random_state": int(seed)},
        device=torch.device("cpu"),
        random_state=int(seed),
    )
    acc = metrics.accuracy(data.y, model.fit(data.x).labels_)
    Path(folder, "metrics.json").write_text(json.dumps({"acc": acc}))


def main():
    """Print every run, and for each way the median and the range of the seconds that count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=0.97)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data_dir", type=Path, default=n2d.DATA_DIR)
    parser.add_argument("--clustpy", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.clustpy:
        return run_clustpy(*args.clustpy)
    counted = {"this project": [], "ClustPy": []}
    for seed in range(args.seeds):
        for name, command_of in (("this project", ours), ("ClustPy", clustpy)):
            for epochs in EPOCHS:
                with tempfile.TemporaryDirectory() as folder:
                    command = [sys.executable, *command_of(epochs, seed, args.data_dir, folder)]
                    start = time.perf_counter()
                    subprocess.run(command, check=True, capture_output=True)
                    seconds = time.perf_counter() - start
                    acc = json.loads(Path(folder, "metrics.json").read_text())["acc"]
                print(f"{name}, seed {seed}, {epochs} epochs: ACC {acc:.4f} in {seconds:.0f} s", flush=True)
                if acc >= args.target:
                    counted[name].append(seconds)
                    break
    for name, seconds in counted.items():
        if seconds:
            print(f"{name}: {median(seconds):.0f} s ({min(seconds):.0f} to {max(seconds):.0f}), {len(seconds)} seeds")
        else:
            print(f"{name}: not reached in {EPOCHS[-1]} epochs")


if __name__ == "__main__":
    main()
