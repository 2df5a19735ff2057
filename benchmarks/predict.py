"""Accuracy of predictions for new points: `N2D.predict`, and `transform` with the mixture instead.

    python benchmarks/predict.py mnist --fit 60000
    python benchmarks/predict.py usps

fits N2D to the first samples of a dataset (all, if --fit is not given) and predicts the others (or the same again).
Trained autoencoders can be given, as for n2d.py: `--ae_weights runs/usps-n2d/weights.safetensors`.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import n2d
from n2d import metrics
from n2d.pipeline import N2D


def main():
    """Print a row for each way to predict: accuracy on the new points, agreement with `labels_`, seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=n2d.datasets.REGISTRY)
    parser.add_argument("--fit", type=int, help="samples to fit to (all)")
    parser.add_argument("--ae_weights", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", type=Path, default=n2d.arguments.DATA_DIR)
    args = parser.parse_args()
    data = n2d.datasets.load(args.dataset, args.data_dir)
    n_clusters = len(data.label_names)
    dim = 6 if args.dataset == "har" else 10
    model = N2D(
        n_clusters,
        n_components=dim,
        image_shape=data.image_shape,
        ae_weights=args.ae_weights,
        random_state=args.seed,
        verbose=True,
    )
    model.fit(data.x[: args.fit])
    new, y = (data.x, data.y) if args.fit is None else (data.x[args.fit :], data.y[args.fit :])
    print(f"fit to {len(model.labels_):,} samples: ACC {metrics.accuracy(data.y[: args.fit], model.labels_):.4f}")
    ways = {
        "predict": model.predict,
        "transform, then the mixture": lambda x: model.clusterer_.predict(model.transform(x).astype(np.float64)),
    }
    for name, predict in ways.items():
        start = time.perf_counter()
        labels = predict(new)
        seconds = time.perf_counter() - start
        agreement = f", {(labels == model.labels_).mean():.2%} as in labels_" if args.fit is None else ""
        print(f"{name}: {len(new):,} points in {seconds:.1f} s, ACC {metrics.accuracy(y, labels):.4f}{agreement}")


if __name__ == "__main__":
    main()
