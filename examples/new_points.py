"""Keep a fitted model in a folder, and later sort new points into its clusters."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

sys.path.append(str(Path(__file__).parents[1]))  # where n2d is, unless it is installed
from n2d import N2D, metrics


def main():
    """Fit and save, load and predict."""
    x, y = load_digits(return_X_y=True)
    known, new = x[:1500] / 16, x[1500:] / 16  # pixels from 0 to 1
    folder = Path(tempfile.mkdtemp(prefix="n2d-model-"))

    model = N2D(n_clusters=10, image_shape=(8, 8), random_state=0).fit(known)
    model.save(folder)  # JSON and arrays, no pickles

    model = N2D.load(folder)
    labels = model.predict(new)  # (297,) int
    probabilities = model.predict_proba(new)  # (297, 10), each row adds up to 1
    places = model.on_map(new)  # (297, 2) float32, where they lie on the map

    for point in np.argsort(probabilities.max(axis=1))[:3]:
        horizontal, vertical = places[point]
        print(f"unsure: point {point} at ({horizontal:.1f}, {vertical:.1f}), cluster {labels[point]}?")
    print(f"accuracy on the new points, if the classes are known: {metrics.accuracy(y[1500:], labels):.3f}")
    print(f"the model: {folder}")


if __name__ == "__main__":
    main()
