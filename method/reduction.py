"""Reduce large images to the size at which bending by two pixels means something, and to grey."""

import math

import numpy as np
import torch
from sklearn.utils import gen_batches

SIDE = 28  # pixels: images whose larger side is longer are brought to this
CHUNK = 1000  # images that are reduced together
PAIRS = 4_000_000  # of samples and their candidates, at least, that are compared where images are reduced
LUMA = (0.299, 0.587, 0.114)  # red, green, blue in a grey (ITU-R BT.601, as in Pillow)


def small(image_shape):
    """Return the shape to which images are reduced: (height, width), or `image_shape` if they are small enough."""
    height, width = image_shape[-2:]
    ratio = SIDE / max(height, width)
    return image_shape if ratio >= 1 else (max(1, round(ratio * height)), max(1, round(ratio * width)))


def reduced(x, image_shape, shape):
    """Average images over areas, and their colours to grey.

    Parameters
    ----------
    x : ndarray of float64, float32 or uint8, shape (n_samples, n_features)
    image_shape, shape : tuple of int
        Before and after; without images, `shape` is None.

    Returns
    -------
    ndarray of float32, or of uint8 if x is, shape (n_samples, n_features of `shape`)
        x itself, if it has this shape.
    """
    if _are_same(shape, image_shape):
        return x
    is_byte = x.dtype == np.uint8
    found = np.empty((len(x), math.prod(shape)), np.uint8 if is_byte else np.float32)
    for part in gen_batches(len(x), CHUNK):
        images = torch.as_tensor(x[part], dtype=torch.float32).view(-1, *(1,) * (3 - len(image_shape)), *image_shape)
        images = torch.nn.functional.interpolate(images, tuple(shape), mode="area")
        if images.shape[1] > 1:  # of four channels the last one is transparency
            images = torch.einsum("nchw,c->nhw", images[:, :3], torch.tensor(LUMA))
        images = images.flatten(1).numpy()
        found[part] = np.rint(images) if is_byte else images
    return found


def n_candidates(least, n_samples, image_shape, shape):
    """Return how many neighbours in the latent space are re-ranked: `least`, but more of few images that are reduced.

    An autoencoder that sees few photographs proposes badly, and few are soon compared: of 2,000 all are.
    """
    return least if _are_same(shape, image_shape) else max(least, min(PAIRS // n_samples, n_samples - 1))


def enlarged(x, shape, image_shape):
    """Enlarge images of `shape`, float32 (n_samples, n_features), to `image_shape`; colours that are lost are grey."""
    if _are_same(shape, image_shape):
        return x
    images = torch.as_tensor(x).view(-1, 1, *shape)
    images = torch.nn.functional.interpolate(images, tuple(image_shape[-2:]), mode="bilinear", align_corners=False)
    return images.expand(-1, math.prod(image_shape[:-2]), -1, -1).flatten(1).numpy()


def _are_same(shape, image_shape):
    return shape is None or tuple(shape) == tuple(image_shape)
