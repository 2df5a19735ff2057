"""Start-up time of a process: seconds of imports, and of the compilation of UMAP's kernels.

    python benchmarks/cold_start.py

Each repeat times, in processes of their own and one after the other, `n2d.py digits cpu` with weights, plain umap-learn
on the same latent space, and `n2d.py --help`. The first two do their work twice in one process; what the process took
less twice the second time is what its start cost. A run before the first repeat fills the cache of compiled kernels.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["digits", "cpu", "--umap_neighbors=20", "--gmm_restarts=20"]


def ours(folder):
    """This project's command; the folder holds the weights."""
    sys.path.insert(0, str(ROOT))
    import n2d

    n2d.main([*FLAGS, f"--ae_weights={folder}/weights.safetensors", f"--save_dir={folder}/again"])


def plain(folder):
    """umap-learn as it comes, and scikit-learn's mixture."""
    import numpy as np
    import umap
    from sklearn.mixture import GaussianMixture

    latent = np.load(f"{folder}/latent.npy")
    embedding = umap.UMAP(n_neighbors=20, min_dist=0.0, random_state=0).fit_transform(latent)
    GaussianMixture(10, n_init=20, random_state=0).fit_predict(embedding)


def twice(work, folder):
    """Do the work twice; the last line of the output is the seconds of the second time."""
    work(folder)
    start = time.perf_counter()
    work(folder)
    print("\n" + json.dumps(time.perf_counter() - start))


def seconds_beside(name, folder):
    """Seconds of a process less those of its work, and those of its work."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--twice", name, folder]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    whole = time.perf_counter() - start
    work = json.loads(output.splitlines()[-1])
    return whole - 2 * work, work


def main():
    """Print median and range of what the starts cost, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--twice", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    ways = {"this project": ours, "plain umap-learn": plain}
    if args.twice:
        return twice(ways[args.twice[0]], args.twice[1])
    found = {name: [] for name in [*ways, "--help"]}
    with tempfile.TemporaryDirectory() as folder:
        train = [sys.executable, ROOT / "n2d.py", *FLAGS, "--pretrain_epochs=5", f"--save_dir={folder}"]
        subprocess.run(train, check=True, capture_output=True)
        for _ in range(args.repeats):
            for name in ways:
                beside, work = seconds_beside(name, folder)
                found[name].append(beside)
                print(f"{name}: {beside:.1f} s beside {work:.1f} s of work", flush=True)
            start = time.perf_counter()
            subprocess.run([sys.executable, ROOT / "n2d.py", "--help"], check=True, capture_output=True)
            found["--help"].append(time.perf_counter() - start)
    for name, seconds in found.items():
        print(f"{name:<17} {median(seconds):5.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"ratio {median(found['plain umap-learn']) / median(found['this project']):.1f}")


if __name__ == "__main__":
    main()
