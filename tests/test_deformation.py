import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from n2d import datasets
from n2d.method import kernels
from n2d.method.manifold import deformation

ROOT = Path(__file__).parents[1]

BOTH_WAYS = np.array([[0, 1], [1, 0]])


def stroke(shift=0, side=28):
    """An image with a short bright stroke, far from the border."""
    image = np.zeros((side, side), np.float32)
    image[8:20, 12 + shift : 15 + shift] = 1
    return image.ravel()


def distance(a, b, shape):
    both = np.stack([a, b])
    return deformation.pair_distances(both, both, *BOTH_WAYS, shape)


def slowly(a, b, warp):
    """The distance from a to b, (channels, height, width), pixel by pixel as in the paper."""
    _, height, width = a.shape
    border = warp + 2

    def gradients(image):
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1))).astype(float)
        rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
        columns = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
        both = np.concatenate([rows[:, :, 2:] - rows[:, :, :-2], columns[:, 2:] - columns[:, :-2]])
        return np.pad(both, ((0, 0), (border, border), (border, border)))

    a, b = gradients(a), gradients(b)
    moves = range(-warp, warp + 1)
    total = 0
    for row in range(border - 1, height + border + 1):
        for column in range(border - 1, width + border + 1):
            here = a[:, row - 1 : row + 2, column - 1 : column + 2]
            total += min(
                ((here - b[:, row + r - 1 : row + r + 2, column + c - 1 : column + c + 2]) ** 2).sum()
                for r in moves
                for c in moves
            )
    return total**0.5


@pytest.mark.parametrize("shape, warp", [((9, 10), 1), ((16, 17), 2), ((3, 16, 18), 2)])
def test_the_distance_is_the_papers(shape, warp):
    a, b = np.random.default_rng(0).random((2, *(1,) * (3 - len(shape)), *shape), np.float32)
    expected = max(slowly(a, b, warp), slowly(b, a, warp))
    found = distance(a.ravel(), b.ravel(), shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)  # strokes at the border, and it is the same both ways


@pytest.mark.parametrize("shape", [(28, 28), (32, 32), (9, 10), (2, 20, 17)])
def test_empty_margins_change_nothing(shape):
    """They are left out of the comparison, those of both images together."""
    rng = np.random.default_rng(0)
    warp = 1 if min(shape[-2:]) < 16 else 2
    images = np.zeros((3, *(1,) * (3 - len(shape)), *shape), np.float32)
    images[0, :, 3:5, 4:7] = rng.random((2, 3))
    images[1, :, 4:6, 2:4] = rng.random((2, 2))
    flat = images.reshape(3, -1)
    first, second = np.array([0, 1, 0, 1, 2, 2]), np.array([1, 0, 2, 2, 0, 2])  # the last image is empty
    expected = [
        max(slowly(images[i], images[j], warp), slowly(images[j], images[i], warp)) for i, j in zip(first, second)
    ]
    np.testing.assert_allclose(deformation.pair_distances(flat, flat, first, second, shape), expected, rtol=1e-4)


def test_a_distance_depends_neither_on_the_other_pairs_nor_on_the_threads(monkeypatch):
    monkeypatch.setattr(kernels, "PART", 7)
    data = datasets.load("digits")
    first, second = np.random.default_rng(0).integers(len(data.x), size=(2, 60))
    images = deformation.prepare(data.x, data.image_shape)
    together = deformation.pair_distances(images, images, first, second, data.image_shape, n_jobs=2)
    pairs = [(first[p : p + 1], second[p : p + 1]) for p in range(60)]
    alone = [deformation.pair_distances(data.x, data.x, *pair, (8, 8), n_jobs=1) for pair in pairs]
    assert np.array_equal(together, np.concatenate(alone))


def test_the_process_that_compiles_computes_the_bits_of_the_next_ones(tmp_path):
    code = (
        "import n2d, numpy as np; from n2d.method.manifold import deformation; rng = np.random.default_rng(0);"
        "x, pairs = rng.random((50, 28 * 28), np.float32), rng.integers(0, 50, (2, 1000));"
        "print(deformation.pair_distances(x, x, *pairs, (28, 28)).tobytes().hex())"
    )
    command = {
        "args": [sys.executable, "-c", code],
        "cwd": ROOT,
        "env": {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    }
    compiling, loading = (subprocess.run(**command, capture_output=True, check=True).stdout for _ in range(2))
    assert compiling == loading and len(compiling) > 1000


def test_an_image_that_is_moved_a_little_is_the_same_image():
    assert distance(stroke(), stroke(), (28, 28)).max() == 0
    assert distance(stroke(), stroke(shift=2), (28, 28)).max() < 1e-3
    assert distance(stroke(), stroke(shift=5), (28, 28)).min() > 1


def test_bytes_are_compared_like_floats():
    images = np.stack([stroke(), stroke(shift=5)])
    in_bytes = (images * 255).astype(np.uint8)
    of_floats = deformation.pair_distances(images, images, *BOTH_WAYS, (28, 28))
    of_bytes = deformation.pair_distances(in_bytes, in_bytes, *BOTH_WAYS, (28, 28))
    np.testing.assert_allclose(of_bytes, 255 * of_floats, rtol=1e-5)


def test_large_images_are_averaged_before():
    large = [np.kron(stroke(shift=s).reshape(28, 28), np.ones((4, 4), np.float32)).ravel() for s in (0, 5)]
    np.testing.assert_allclose(distance(*large, (112, 112)), distance(stroke(), stroke(shift=5), (28, 28)), rtol=1e-5)


def test_a_long_and_narrow_image_keeps_its_short_side():
    a, b = np.random.default_rng(0).random((2, 100 * 3), np.float32)
    assert distance(a, b, (100, 3)).min() > 0 and distance(a, b, (3, 100)).min() > 0
