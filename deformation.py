"""The distance of images that may be deformed: the image distortion model, and its kernels."""

import numpy as np

from n2d.compiled import by_threads, njit

MAX_SIDE = 32  # pixels: larger images are averaged down to this before they are compared
CONTEXT = 1  # pixels on each side of the one that is matched: its 3 x 3 surroundings are compared
FAR = np.float32(1e38)  # fastmath knows no infinity
MAX_WARP = 2  # pixels that each may be moved by, down and to the right


def bent(x, y, first, second, image_shape, n_jobs=None):
    """Deformation-invariant distances of images: the image distortion model on Sobel gradients in 3 x 3 surroundings.

    Each pixel is compared with that pixel, at most two away (in images of less than 16 pixels: one), whose surroundings
    are most like its own. So a stroke that is slightly longer, thicker or more slanted costs little. Of the two
    directions, from one image to the other and back, the larger distance counts.

    Parameters
    ----------
    x, y : ndarray of float32 or uint8, shape (n, n_features)
        Images of more than 32 pixels a side are averaged over blocks of pixels first.
    first, second : ndarray of int, shape (n_pairs,)
        Rows of x, and of y.
    image_shape : tuple of int
        (height, width), or (channels, height, width).
    n_jobs : int or None
        Threads, see `compiled.n_threads`.

    Returns
    -------
    ndarray of float32, shape (n_pairs,)
        Zero for equal images.

    References
    ----------
    Keysers, Deselaers, Gollan, Ney, "Deformation Models for Image Recognition", IEEE TPAMI 29(8), 2007.
    """
    first_images, second_images = averaged(x, image_shape), averaged(y, image_shape)
    warp = min(MAX_WARP, max(1, min(first_images.shape[2:]) // 8))
    return by_threads(_bent, first_images, second_images, first, second, warp, n_jobs=n_jobs)


def averaged(x, image_shape):
    """Images, (n, channels, height, width), averaged over blocks of pixels so that no side has more than 32."""
    x = np.asarray(x).reshape(len(x), *(1,) * (3 - len(image_shape)), *image_shape)
    down, right = (-(-side // MAX_SIDE) for side in x.shape[2:])
    if down == right == 1:
        return x
    height, width = x.shape[2] // down, x.shape[3] // right
    x = x[:, :, : height * down, : width * right]
    return x.reshape(*x.shape[:2], height, down, width, right).mean(axis=(3, 5), dtype=np.float32)


@njit(fastmath=True, nogil=True)
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


@njit(fastmath=True, nogil=True)
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


@njit(fastmath=True, nogil=True)
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
