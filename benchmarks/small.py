"""Run time on small data: n2d.py beside `umap.UMAP` + `GaussianMixture(n_init=10)`.

    python benchmarks/small.py ../data/collection/*.npz --repeats 3

Each is a process of its own, imports included, with kernels that are compiled: the first run of each is not counted.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PLAIN = """
import sys
sys.path.insert(0, {root!r})
import n2d
from n2d.method.kernels import import_compiled
import numpy as np
umap = import_compiled("umap")  # with kept kernels, as n2d.py has them
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
data = np.load({file!r})
x = data["x"].reshape(len(data["x"]), -1).astype(np.float32)
if {standard}:
    x = StandardScaler().fit_transform(x)
embedding = umap.UMAP(random_state={seed}).fit_transform(x)
GaussianMixture({k}, n_init=10, random_state=0).fit_predict(embedding.astype(np.float64))
"""


def main():
    """Print a row for each dataset: seconds of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help=".npz files with x and y")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--seed", default="None", help="of umap.UMAP: a number makes it run on one thread (%(default)s)"
    )
    args = parser.parse_args()
    ratios = []
    for file in args.files:
        with np.load(file) as data:
            y, shape = data["y"], data["x"].shape
        plain = PLAIN.format(
            root=str(ROOT), file=str(file), standard=len(shape) == 2, seed=args.seed, k=len(np.unique(y[y >= 0]))
        )
        with tempfile.TemporaryDirectory() as folder:
            ours = [sys.executable, str(ROOT / "n2d.py"), str(file.resolve()), f"--save_dir={folder}"]
            both = [ours, [sys.executable, "-c", plain]]
            times = [[seconds(command) for command in both] for _ in range(1 + args.repeats)][1:]
        n2d, umap = (statistics.median(column) for column in zip(*times))
        ratios.append(n2d / umap)
        print(f"{file.stem:<14} {shape[0]:>6} samples   n2d.py {n2d:6.1f} s   umap {umap:6.1f} s   {n2d / umap:5.2f}")
    print(f"median {statistics.median(ratios):.2f}, greatest {max(ratios):.2f}")


def seconds(command):
    """Wall-clock time of a command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
