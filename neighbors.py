"""Which of a point's neighbours in the latent space are its neighbours in the input too; images may be bent a little.

numba compiles what is here: import it by `manifold.import_compiled`, which keeps the kernels for the next process.
"""

from functools import partial

import joblib
import numba
import numpy as np
from scipy import sparse

N_FRIENDS = 15  # nearest candidates, itself included, whose own become a point's
MAX_SIDE = 32  # pixels: larger images are averaged down to this before they are compared
ROWS = 10_000  # points whose pairs are compared at once
PART = 10_000  # pairs that a thread takes at a time
CONTEXT = 1  # pixels on each side of the one that is matched: its 3 x 3 surroundings are compared
FAR = np.float32(1e38)  # fastmath knows no infinity
MAX_WARP = 2  # pixels that each may be moved by, down and to the right


def closest(x, candidates, n_neighbors, image_shape=None):
    """Of each point's candidates the nearest ones, by the distance of the inputs.

    The latent space proposes, the input decides: what the autoencoder has put side by side by mistake is not alike, and
    what is alike among distant points is not looked at. A pair that is a candidate of one is one of both; and the
    nearest candidates of a point's nearest candidates become its own, as in NN-descent (Dong, Moses, Li, WWW 2011).

    Parameters
    ----------
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
    candidates : ndarray of int, shape (n_samples, n_candidates)
        Rows of x, in each row the point itself first.
    n_neighbors : int
        With the point itself; at most n_candidates.
    image_shape : tuple of int or None
        (height, width) or (channels, height, width), if the features are pixels: distances are those of `bent`.
        None: Euclidean distances.

    Returns
    -------
    indices : ndarray of int32, shape (n_samples, n_neighbors)
    distances : ndarray of float32, shape (n_samples, n_neighbors)
        As `manifold.nearest_neighbors` returns them.
    """
    if image_shape is not None:
        x = _averaged(x, image_shape)  # once for all rows
        image_shape = x.shape[1:]
    n, n_candidates = candidates.shape
    n_friends = min(N_FRIENDS, n_candidates)
    shape = (n, max(n_neighbors, n_friends))
    indices, distances = np.full(shape, n, np.int32), np.full(shape, np.inf, np.float32)
    indices[:, 0], distances[:, 0] = np.arange(n), 0

    def compare(pairs):  # some rows at a time: all pairs would take kilobytes a point
        for start in range(0, n, ROWS):
            upper = sparse.triu(pairs(slice(start, start + ROWS)), start + 1)  # the distances are the same both ways
            first, second = upper.row + start, upper.col
            _insert(first, second, _measure(image_shape)(x, x, first, second), indices, distances)

    proposed, proposed_by = _both_ways(candidates)
    compare(lambda rows: proposed[rows] + proposed_by[rows])
    near, near_by = _both_ways(indices[:, :n_friends])
    compare(lambda rows: near[rows] @ near + near_by[rows] @ near_by > proposed[rows] + proposed_by[rows])
    return indices[:, :n_neighbors], distances[:, :n_neighbors]


def closest_among(points, x, candidates, n_neighbors, image_shape=None):
    """Of new points' candidates among samples the nearest ones, by the distance of the inputs.

    Parameters
    ----------
    points : ndarray of float32 or uint8, shape (n_points, n_features)
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
    candidates : ndarray of int, shape (n_points, n_candidates)
        Rows of x.
    n_neighbors : int
    image_shape : tuple of int or None
        As for `closest`.

    Returns
    -------
    indices : ndarray of int, shape (n_points, n_neighbors)
        Rows of x.
    distances : ndarray of float32, shape (n_points, n_neighbors)
    """
    looked_at, columns = np.unique(candidates, return_inverse=True)
    rows = np.repeat(np.arange(len(points)), candidates.shape[1])
    distances = _measure(image_shape)(points, x[looked_at], rows, columns.ravel()).reshape(candidates.shape)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return np.take_along_axis(candidates, nearest, axis=1), np.take_along_axis(distances, nearest, axis=1)


def _measure(image_shape):
    return euclidean if image_shape is None else partial(bent, image_shape=image_shape)


def _both_ways(indices):
    """A sparse array (n, n) that is True in each row at these columns, ndarray of int (n, n_columns); its transpose."""
    n, k = indices.shape
    pattern = sparse.csr_array((np.ones(n * k, bool), indices.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    return pattern, pattern.T.tocsr()


def euclidean(x, y, first, second):
    """Distances of rows of x from rows of y, float32 (n_pairs,); first and second are their numbers, (n_pairs,)."""
    return _by_threads(_euclidean, np.asarray(x), np.asarray(y), first, second)


def bent(x, y, first, second, image_shape):
    """Distances of images that may be bent: the image distortion model with the Sobel gradients' 3 x 3 surroundings.

    Each pixel is compared with that pixel, at most two away (in images of less than 16 pixels: one), whose surroundings
    are most like its own; so a stroke that is a little longer, thicker or more slanted costs little. Of the two
    directions, from one image to the other and back, the larger distance counts.

    Parameters
    ----------
    x, y : ndarray of float32 or uint8, shape (n, n_features)
        Images of more than 32 pixels a side are averaged over blocks of pixels first.
    first, second : ndarray of int, shape (n_pairs,)
        Rows of x, and of y.
    image_shape : tuple of int
        (height, width), or (channels, height, width).

    Returns
    -------
    ndarray of float32, shape (n_pairs,)
        Zero for equal images.

    References
    ----------
    Keysers, Deselaers, Gollan, Ney, "Deformation Models for Image Recognition", IEEE TPAMI 29(8), 2007.
    """
    first_images, second_images = _averaged(x, image_shape), _averaged(y, image_shape)
    warp = min(MAX_WARP, max(1, min(first_images.shape[2:]) // 8))
    return _by_threads(_bent, first_images, second_images, first, second, warp)


def _averaged(x, image_shape):
    """Images, (n, channels, height, width), averaged over blocks of pixels so that no side has more than 32."""
    x = np.asarray(x).reshape(len(x), *(1,) * (3 - len(image_shape)), *image_shape)
    down, right = (-(-side // MAX_SIDE) for side in x.shape[2:])
    if down == right == 1:
        return x
    height, width = x.shape[2] // down, x.shape[3] // right
    x = x[:, :, : height * down, : width * right]
    return x.reshape(*x.shape[:2], height, down, width, right).mean(axis=(3, 5), dtype=np.float32)


def _by_threads(kernel, x, y, first, second, *settings):
    out = np.empty(len(first), np.float32)
    parts = [slice(start, start + PART) for start in range(0, len(first), PART)]
    parallel = joblib.Parallel(n_jobs=-1, prefer="threads")
    parallel(joblib.delayed(kernel)(x, y, first[part], second[part], out[part], *settings) for part in parts)
    return out


@numba.njit
def _insert(first, second, found, indices, distances):
    """Put each pair's distance into the rows of both, which begin with the point itself and are sorted by distance."""
    last = indices.shape[1] - 1
    for p in range(len(found)):
        for point, other in ((first[p], second[p]), (second[p], first[p])):
            its, of_its = indices[point], distances[point]
            new = found[p], other
            if new < (of_its[last], its[last]):
                place = last
                while place > 1 and new < (of_its[place - 1], its[place - 1]):
                    of_its[place], its[place] = of_its[place - 1], its[place - 1]
                    place -= 1
                of_its[place], its[place] = new


@numba.njit(fastmath=True, nogil=True)
def _euclidean(x, y, first, second, out):
    for p in range(len(out)):
        a, b, total = x[first[p]], y[second[p]], np.float32(0)
        for f in range(len(a)):
            difference = np.float32(a[f]) - np.float32(b[f])
            total += difference * difference
        out[p] = np.sqrt(total)


@numba.njit(fastmath=True, nogil=True)
def _bent(x, y, first, second, out, warp):
    _, channels, height, width = x.shape
    border = warp + 2 * CONTEXT
    stride = width + 2 * border
    size = (height + 2 * border) * stride
    a, b = np.zeros((2 * channels, size), np.float32), np.zeros((2 * channels, size), np.float32)
    for p in range(len(out)):
        if p == 0 or first[p] != first[p - 1]:
            _gradients(x[first[p]], border, a)
        _gradients(y[second[p]], border, b)
        out[p] = np.sqrt(_distortion(a, b, stride, border, warp))


@numba.njit(fastmath=True, nogil=True)
def _gradients(image, border, out):
    """Sobel gradients, horizontal and vertical of each channel, as flat rows with a border of zeros around them."""
    channels, height, width = image.shape
    stride = width + 2 * border
    padded = np.zeros((height + 2, width + 2), np.float32)
    for c in range(channels):
        padded[1:-1, 1:-1] = image[c]
        for row in range(height):
            above, here, below = padded[row], padded[row + 1], padded[row + 2]
            first = (row + border) * stride + border
            across, down = out[2 * c, first : first + width], out[2 * c + 1, first : first + width]
            for i in range(width):
                across[i] = above[i + 2] + 2 * here[i + 2] + below[i + 2] - above[i] - 2 * here[i] - below[i]
                down[i] = below[i] + 2 * below[i + 1] + below[i + 2] - above[i] - 2 * above[i + 1] - above[i + 2]


@numba.njit(fastmath=True, nogil=True)
def _distortion(a, b, stride, border, warp):
    """The larger of the squared distances from a to b and from b to a, both with flat rows of `_gradients`.

    For one displacement at a time, all pixels at once: flat rows with a border make it a shift by a constant, and the
    loops are such that they become vector instructions.
    """
    first = (border - 1) * (stride + 1)  # surroundings reach one pixel beyond the image
    size = a.shape[1]
    n = size - 2 * first
    differences, columns = np.empty(size, np.float32), np.empty(size, np.float32)
    least_of_a, least_of_b = np.full(n, FAR), np.full(size, FAR)
    for down in range(-warp, warp + 1):
        for right in range(-warp, warp + 1):
            shift = down * stride + right
            low, high = first - stride - 1, first + n + stride + 1
            for c in range(0, len(a), 2):
                across_a, down_a = a[c, low:high], a[c + 1, low:high]
                across_b, down_b = b[c, low + shift : high + shift], b[c + 1, low + shift : high + shift]
                for p in range(high - low):
                    across, along = across_a[p] - across_b[p], down_a[p] - down_b[p]
                    squares = across * across + along * along
                    differences[p] = squares if c == 0 else differences[p] + squares
            above, below = differences[stride:], differences[2 * stride :]
            for p in range(n + 2):
                columns[p] = differences[p] + above[p] + below[p]
            second, third = columns[1:], columns[2:]
            of_b = least_of_b[first + shift : first + shift + n]
            for p in range(n):
                surroundings = columns[p] + second[p] + third[p]
                least_of_a[p] = min(least_of_a[p], surroundings)
                of_b[p] = min(of_b[p], surroundings)
    from_a, from_b = np.float32(0), np.float32(0)
    of_b = least_of_b[first : first + n]
    for p in range(n):
        from_a += least_of_a[p]
        from_b += of_b[p]
    return max(from_a, from_b)
