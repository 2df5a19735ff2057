"""N2D on embeddings, beside what people would run: umap-learn and HDBSCAN, k-means, EVoC where it is installed.

    python benchmarks/embeddings.py
    python benchmarks/embeddings.py --samples 20000 --methods n2d umap+hdbscan

The embeddings are made here: rows of length 1 in 50 clusters of unequal sizes, each with its own direction, its own
spread, and its own few directions in which it extends. Each method is a process of its own with all cores, imports
included, after a short run that compiles its kernels. Prints seconds, peak memory beside that of the data, and ARI.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

ROOT = Path(__file__).resolve().parents[1]
K = 50
FEW = 2_000  # samples of the run that compiles
METHODS = {
    "n2d": "",
    "umap+hdbscan": """
import umap
from sklearn.cluster import HDBSCAN
embedding = umap.UMAP(metric="cosine", n_components=5, min_dist=0.0).fit_transform(x)
labels = HDBSCAN(min_cluster_size=max(5, len(x) // 500), copy=True).fit_predict(embedding)
""",
    "k-means": """
from sklearn.cluster import KMeans
labels = KMeans(k, n_init=10, random_state=0).fit_predict(x)
""",
    "evoc": """
import evoc
labels = evoc.EVoC(approx_n_clusters=k).fit_predict(x)
""",
}
AROUND = """
import numpy as np
x, k = np.load({file!r}), {k}
{method}
np.save({out!r}, labels)
"""


def embeddings(n_samples, n_features, seed=0):
    """Rows of length 1, float32 (n_samples, n_features), and their clusters, int (n_samples,)."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(K, 5.0))
    y = rng.choice(K, n_samples, p=shares)
    x = np.empty((n_samples, n_features), np.float32)
    for cluster in range(K):
        rows = np.flatnonzero(y == cluster)
        centre = normalize(rng.normal(size=(1, n_features)))
        axes = normalize(rng.normal(size=(rng.integers(2, 20), n_features)))
        along = rng.normal(size=(len(rows), len(axes))) * rng.uniform(0.1, 0.5) @ axes
        x[rows] = (
            centre + along + rng.normal(scale=rng.uniform(0.1, 0.6) / n_features**0.5, size=(len(rows), n_features))
        )
    return normalize(x), y


def run(method, file, out):
    """Cluster the rows of a file by a method in a process of its own; return seconds and peak memory in MB."""
    from n2d.experiments import tables

    code = [sys.executable, "-c", AROUND.format(file=str(file), out=str(out), k=K, method=METHODS[method])]
    if method == "n2d":
        code = [sys.executable, str(ROOT / "n2d.py"), str(file), f"--n_clusters={K}", f"--save_dir={out}"]
    start = time.perf_counter()
    with Path(f"{out}.log").open("w") as log:
        process = subprocess.Popen(code, stdout=log, stderr=log)
        status, memory = tables.wait(process)
    if status:
        raise RuntimeError(Path(f"{out}.log").read_text())
    return time.perf_counter() - start, memory


def clusters(method, out):
    """Return the clusters that a method has written."""
    if method != "n2d":
        return np.load(f"{out}.npy")
    return np.loadtxt(out / "clusters.csv", int, delimiter=",", skiprows=1, usecols=1)


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    import n2d  # noqa: F401  (it makes the folder the package n2d)

    x, y = embeddings(args.samples, args.features)
    print(f"{len(x):,} x {x.shape[1]}, {x.nbytes / 1e6:.0f} MB\n\n| method | seconds | peak memory, MB | ARI |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        whole, few = Path(folder, "embeddings.npy"), Path(folder, "few.npy")
        np.save(whole, x)
        np.save(few, x[:FEW])
        for method in args.methods:
            out = Path(folder, method)
            try:
                run(method, few, Path(folder, f"{method}-few"))
                seconds, memory = run(method, whole, out)
            except RuntimeError as error:
                print(f"| {method} | {str(error).splitlines()[-1]} | | |")
                continue
            score = adjusted_rand_score(y, clusters(method, out))
            print(f"| {method} | {seconds:.1f} | {memory:,} | {score:.3f} |", flush=True)


if __name__ == "__main__":
    main()
