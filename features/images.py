"""Features of images: what a trained network sees in them, before it would name them."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from ..readers.image_files import opened
from ..readers.samples import stand_in
from . import networks, rounds
from .store import FeaturesError, Store, fingerprint_of_files

BATCH = 32  # images that the network sees together
THREADS = 2  # that decode images, while the network looks at others
AHEAD = 2  # batches that are decoded before they are needed


class ImageFeatures(TransformerMixin, BaseEstimator):
    """Features of images, as rows of length 1: the pooled output of a network before its classifier.

    Parameters
    ----------
    network : str
        A network of torchvision's, such as 'mobilenet_v3_small', or of timm's, as 'timm:vit_small_patch14_dinov2'.
    weights : path-like or None
        File with its weights; None: those that are published, which are downloaded once.
    device : str
        PyTorch device.
    background : int
        Grey, 0 to 255, behind what is transparent.
    verbose : bool
        Whether a bar is shown.

    Attributes
    ----------
    made_by_ : dict
        What makes the features: `network`, `weights`, `transform`, `background`, and the `checksum` of the network.
    n_features_out_ : int
    """

    def __init__(self, network="mobilenet_v3_large", *, weights=None, device="cpu", background=255, verbose=False):
        self.network, self.weights, self.device = network, weights, device
        self.background, self.verbose = background, verbose

    def fit(self, paths=None, y=None):
        """Load the network; of the images nothing is learnt.

        Raises
        ------
        store.FeaturesError
            See `networks.load`.
        """
        loaded = networks.load(self.network, self.weights)
        self._loaded = loaded.module.to(self.device), loaded.transform, loaded.side
        with torch.inference_mode():
            shape = loaded.transform(_blank(loaded.side)).shape
            self.n_features_out_ = loaded.module(torch.zeros(1, *shape, device=self.device)).shape[1]
        self.made_by_ = {
            "network": self.network,
            "weights": None if self.weights is None else str(Path(self.weights).resolve()),
            "transform": " ".join(repr(loaded.transform).split()),
            "background": self.background,
            "checksum": loaded.checksum,
        }
        return self

    def transform(self, paths):
        """Return the features of images, float32 (n_images, n_features_out_).

        Parameters
        ----------
        paths : sequence of path-like

        Raises
        ------
        store.FeaturesError
            If an image cannot be read.
        """
        rows, left_out = self.worked_out(paths)
        for i, why in left_out.items():
            raise FeaturesError(f"{paths[i]} is not a readable image ({why})")
        return rows

    def worked_out(self, paths, folder=None):
        """Return the features of the images that can be read, and a dict of the numbers of the others, and why.

        Parameters
        ----------
        paths : sequence of path-like
        folder : path-like or None
            Where the features are kept, from which a stopped run goes on; see `store.Store`.
        """
        if not hasattr(self, "_loaded"):
            self.fit()
        store = None
        if folder is not None:
            made_by = {name: value for name, value in self.made_by_.items() if name != "weights"}
            store = Store(folder, made_by, fingerprint_of_files(paths))
        embed = partial(self._embedded, paths)
        settings = {"batch_size": BATCH, "store": store, "verbose": self.verbose}
        return rounds.worked_out(embed, len(paths), self.n_features_out_, **settings)

    def _embedded(self, paths, batches):
        """Yield the features of each batch; images are decoded ahead, in threads."""
        module, *_ = self._loaded
        with ThreadPoolExecutor(THREADS) as threads:
            waiting, left = deque(), iter(batches)

            def start():
                for batch in left:
                    waiting.append((batch, [threads.submit(self._seen, paths[i]) for i in batch]))
                    return

            for _ in range(AHEAD):
                start()
            while waiting:
                batch, images = waiting.popleft()
                images = [image.result() for image in images]
                start()
                odd = {i: image for i, image in zip(batch, images) if isinstance(image, str)}
                rows = np.full((len(batch), self.n_features_out_), np.nan, np.float32)
                good = [k for k, image in enumerate(images) if not isinstance(image, str)]
                if good:
                    with torch.inference_mode():
                        found = module(torch.stack([images[k] for k in good]).to(self.device)).float()
                        rows[good] = torch.nn.functional.normalize(found).cpu().numpy()
                yield rows, odd

    def _seen(self, path):
        """Return an image as the network takes it, or why it cannot be read."""
        _, transform, side = self._loaded
        try:
            return transform(opened(path, "RGB", self.background, side))
        except MemoryError:
            raise
        except Exception as error:  # Pillow may raise anything on a damaged file
            return _why(path, error)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features, as scikit-learn asks for them."""
        return np.array([f"imagefeatures{i}" for i in range(self.n_features_out_)], dtype=object)

    def __getstate__(self):
        """Leave the network out: it is loaded anew."""
        return {name: value for name, value in super().__getstate__().items() if name != "_loaded"}

    def __sklearn_is_fitted__(self):
        """Whether the network has been loaded: it need not be, before `transform`."""
        return True


def _blank(side):
    from PIL import Image

    return Image.new("RGB", (side, side))


def _why(path, error):
    path = Path(path)
    return stand_in(path) or (str(error).replace(str(path), path.name).splitlines() or [type(error).__name__])[0]
