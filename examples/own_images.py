"""Cluster a folder of images of your own, and draw the map that they lie on."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

sys.path.append(str(Path(__file__).parents[1]))  # where n2d is, unless it is installed
from n2d import N2D, datasets, visualize


def main():
    """Write the images, read them as n2d does, cluster them."""
    folder = Path(tempfile.mkdtemp(prefix="n2d-images-"))
    for number, pixels in enumerate(load_digits().images[:1000]):  # handwritten digits, 8 x 8 pixels from 0 to 16
        Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(folder / f"{number:04}.png")

    images = datasets.load(folder)  # x is uint8, (1000, 64)
    model = N2D(n_clusters=10, scale=images.scale, image_shape=images.image_shape, random_state=0).fit(images.x)

    for cluster in range(10):
        members = np.flatnonzero(model.labels_ == cluster)
        surest = members[np.argsort(-model.confidence_[members], kind="stable")[:3]]
        print(f"cluster {cluster}: {len(members)} images, such as {', '.join(images.sample_names[i] for i in surest)}")
    names = [f"cluster {cluster}" for cluster in range(10)]
    visualize.scatter(model.map_, model.labels_, names, folder / "map.png", title="My images")
    print(f"the map: {folder / 'map.png'}")


if __name__ == "__main__":
    main()
