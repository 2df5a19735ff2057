"""Deformation-invariant distances of images: the image distortion model, and its kernels."""

from typing import NamedTuple

import numpy as np

from ..kernels import by_threads, njit

MAX_SIDE = 32  # pixels: larger images are averaged down to this before they are compared
MAX_WARP = 2  # pixels that each may be moved by, down and to the right
BORDER = 5  # rows of zeros above the image: two for the move, two for the surroundings, one that is read but not used
LANES = 16  # float32 in a vector instruction: loops run over multiples of this
SIZE = (MAX_SIDE + 2 * BORDER + 2) * (MAX_SIDE + 2 * MAX_WARP)  # numbers in the padded flat rows of an image
FAR = np.float32(1e35)  # in place of infinity, which fastmath does not allow
FAR_BITS = FAR.view(np.int32)
ZERO, TWO = np.float32(0), np.float32(2)  # with integers it would be computed in double precision

# Otherwise the process that compiles would run other copies of the inner kernels than those that load the cache, and
# get other last bits.
inlined = njit(fastmath=True, nogil=True, forceinline=True)


class Images(NamedTuple):
    """Images prepared for comparison."""

    pixels: np.ndarray  # (n, channels, height, width)
    frames: np.ndarray  # int (n, 4): top, bottom, left and right of the box outside of which there is no gradient


def pair_distances(x, y, first, second, image_shape, n_jobs=None):
    """Return the deformation-invariant distances of pairs of images, by the image distortion model.

    It compares Sobel gradients in 3 x 3 surroundings: those of each pixel with those of the most similar pixel at most
    two away (one in images of less than 16 pixels). So a stroke that is slightly longer, thicker or more slanted costs
    little. Of the two directions, from one image to the other and back, the larger distance counts.

    Parameters
    ----------
    x, y : ndarray of float32 or uint8, shape (n, n_features), or Images
        Images of more than 32 pixels a side are averaged over blocks of pixels first.
    first, second : ndarray of int, shape (n_pairs,)
        Rows of x, and of y.
    image_shape : tuple of int
        (height, width), or (channels, height, width).
    n_jobs : int or None
        Threads, see `kernels.n_threads`.

    Returns
    -------
    ndarray of float32, shape (n_pairs,)
        Zero for equal images.

    References
    ----------
    Keysers, Deselaers, Gollan, Ney, "Deformation Models for Image Recognition", IEEE TPAMI 29(8), 2007.
    """
    ones, others = prepare(x, image_shape), prepare(y, image_shape)
    warp = min(MAX_WARP, max(1, min(ones.pixels.shape[2:]) // 8))
    frames = ones.frames, others.frames
    return by_threads(_compare, ones.pixels, others.pixels, first, second, *frames, warp, n_jobs=n_jobs)


def prepare(x, image_shape):
    """Prepare images for `pair_distances`, unless they are prepared already: worth it before many calls."""
    if isinstance(x, Images):
        return x
    pixels = averaged(x, image_shape)
    return Images(pixels, _find_frames(pixels))


def averaged(x, image_shape):
    """Average images over blocks of pixels, so that no side has more than 32: (n, channels, height, width)."""
    x = np.asarray(x).reshape(len(x), *(1,) * (3 - len(image_shape)), *image_shape)
    down, right = (-(-side // MAX_SIDE) for side in x.shape[2:])
    if down == right == 1:
        return x
    height, width = x.shape[2] // down, x.shape[3] // right
    x = x[:, :, : height * down, : width * right]
    return x.reshape(*x.shape[:2], height, down, width, right).mean(axis=(3, 5), dtype=np.float32)


def _find_frames(images):
    """Return the box of each image's pixels that are not zero, and of one more on each side: see `Images`."""
    frames = []
    for axis in (3, 2):  # rows that are not empty, then columns
        filled = images.any(axis=(1, axis))
        n = filled.shape[1]
        first, last = filled.argmax(axis=1), n - filled[:, ::-1].argmax(axis=1)
        is_empty = ~filled.any(axis=1)
        frames += [np.where(is_empty, n, np.maximum(first, 1)) - 1, np.where(is_empty, 0, np.minimum(last, n - 1)) + 1]
    return np.stack(frames, axis=1)


def _compare(x, *pairs):
    """Compute the distances of pairs, in zeros aligned to a cache line: what lies in one line is stored at once."""
    n = 4 * x.shape[1] + 2 * MAX_WARP + 4
    whole = np.zeros(n * SIZE + LANES, np.float32)
    first = -whole.ctypes.data // 4 % LANES
    _pair_distances(x, *pairs, whole[first : first + n * SIZE].reshape(n, SIZE))


@njit(fastmath=True, nogil=True)
def _pair_distances(x, y, first, second, out, x_frames, y_frames, warp, buffers):
    """Compute the distances of pairs; pixels outside of both frames are equal, and are left out."""
    n = 2 * x.shape[1]
    a, b, pixels = buffers[:n], buffers[n : 2 * n], buffers[2 * n]
    least, sums = buffers[2 * n + 1 : 2 * n + 3].view(np.int32), buffers[2 * n + 3 :].ravel()
    before = -1, 0, 0, 0, 0
    for p in range(len(out)):
        one, other = x_frames[first[p]], y_frames[second[p]]
        top, bottom = min(one[0], other[0]), max(one[1], other[1])
        left, right = min(one[2], other[2]), max(one[3], other[3])
        if top >= bottom:  # both images are empty
            out[p] = 0
            continue
        rows, stride = bottom - top, right - left + 2 * MAX_WARP
        if before != (first[p], top, bottom, left, right):  # the gradients of one image serve several pairs
            before = first[p], top, bottom, left, right
            _gradients(x[first[p]], top, bottom, left, right, pixels, a)
        _gradients(y[second[p]], top, bottom, left, right, pixels, b)
        out[p] = np.sqrt(_distortion(a, b, rows, stride, warp, sums, least))


@inlined
def _gradients(image, top, bottom, left, right, pixels, out):
    """Compute Sobel gradients, horizontal and vertical of each channel, within a frame, as flat rows padded with zeros.

    Each row has two zeros before it and two behind it, so that four lie between two rows.
    """
    rows, width = bottom - top, right - left
    stride = width + 2 * MAX_WARP
    start = BORDER * stride
    n = rows * stride
    pixels[: n + 2 * stride + 2] = 0  # from the row above, and from two pixels to the left
    for g in range(len(out)):
        out[g, :start] = 0
        out[g, start + n : start + n + (BORDER + 2) * stride] = 0
    for c in range(len(image)):
        for row in range(rows):
            first = (row + 1) * stride + MAX_WARP
            here, given = pixels[first : first + width], image[c, top + row, left:right]
            for i in range(width):
                here[i] = given[i]
        above, here, below = pixels[1:], pixels[stride + 1 :], pixels[2 * stride + 1 :]
        _sobel(above, here, below, out[2 * c, start:], out[2 * c + 1, start:], n)
        if left == 0 or right == image.shape[2]:  # no gradient beyond the edge of the image
            for first in range(start, start + n, stride):
                out[2 * c : 2 * c + 2, first : first + MAX_WARP] = 0
                out[2 * c : 2 * c + 2, first + MAX_WARP + width : first + stride] = 0


@inlined
def _sobel(above, here, below, across, down, n):
    """Compute gradients of all rows; the inputs start one pixel to the right of the outputs."""
    smooth, smooth_before, rise, rise_before = ZERO, ZERO, ZERO, ZERO
    for i in range(n):
        smooth_next = above[i] + TWO * here[i] + below[i]
        rise_next = below[i] - above[i]
        across[i] = smooth_next - smooth_before
        down[i] = rise_next + TWO * rise + rise_before
        smooth_before, smooth = smooth, smooth_next
        rise_before, rise = rise, rise_next


@inlined
def _distortion(a, b, rows, stride, warp, sums, least):
    """Return the larger of the squared distances from a to b and from b to a, both flat rows of `_gradients`.

    It takes all pixels at once, for five displacements to the right at a time: in flat rows with zeros between them,
    each is a shift by a constant, and the loops become vector instructions.
    """
    for image in range(2):
        least[image, : (rows + 2 * BORDER) * stride] = FAR_BITS
    first = (BORDER - 1) * stride  # surroundings reach one pixel beyond the image
    for down in range(-warp, warp + 1):
        start = first - max(down, 0) * stride  # empty pixels of a above and below the frame are like empty ones of b
        n = _round_up((rows + 2 + abs(down)) * stride + 2)
        low = start - stride
        of_b = low + down * stride - MAX_WARP
        for c in range(0, len(a), 2):
            across_a, down_a, across_b, down_b = a[c, low:], a[c + 1, low:], b[c, of_b:], b[c + 1, of_b:]
            _sum_along_rows(across_a, down_a, across_b, down_b, sums, _round_up(n + 2 * stride), c > 0)
        if warp < MAX_WARP:
            sums[: n + 2 * stride] = FAR
            sums[2 * MAX_WARP * SIZE : 2 * MAX_WARP * SIZE + n + 2 * stride] = FAR
        _update_minima(sums, stride, least[0, start:], least[1, start + down * stride :], n)
    from_a, from_b = ZERO, ZERO
    n = (rows + 2) * stride - 2
    of_a, of_b = least[0, first + 2 :].view(np.float32), least[1, first + 4 :].view(np.float32)
    for p in range(n):
        from_a += of_a[p]
        from_b += of_b[p]
    return max(from_a, from_b)


@inlined
def _squared(across, down):
    return across * across + down * down


@inlined
def _round_up(n):
    return -(-n // LANES) * LANES


@inlined
def _sum_along_rows(across_a, down_a, across_b, down_b, sums, n, more):
    """Sum squared differences over each pixel of a row and the two before it, for five shifts of b.

    The values of these two stay in variables: to load them again would take longer than all the rest.
    """
    u0 = u1 = u2 = u3 = u4 = v0 = v1 = v2 = v3 = v4 = FAR  # no match for a pixel whose surroundings are incomplete
    for p in range(n):
        x, y = across_a[p], down_a[p]
        s0 = _squared(x - across_b[p], y - down_b[p])
        s1 = _squared(x - across_b[p + 1], y - down_b[p + 1])
        s2 = _squared(x - across_b[p + 2], y - down_b[p + 2])
        s3 = _squared(x - across_b[p + 3], y - down_b[p + 3])
        s4 = _squared(x - across_b[p + 4], y - down_b[p + 4])
        sums[p] = s0 + u0 + v0 + (sums[p] if more else ZERO)
        sums[SIZE + p] = s1 + u1 + v1 + (sums[SIZE + p] if more else ZERO)
        sums[2 * SIZE + p] = s2 + u2 + v2 + (sums[2 * SIZE + p] if more else ZERO)
        sums[3 * SIZE + p] = s3 + u3 + v3 + (sums[3 * SIZE + p] if more else ZERO)
        sums[4 * SIZE + p] = s4 + u4 + v4 + (sums[4 * SIZE + p] if more else ZERO)
        u0, u1, u2, u3, u4, v0, v1, v2, v3, v4 = s0, s1, s2, s3, s4, u0, u1, u2, u3, u4


@inlined
def _update_minima(sums, stride, of_a, of_b, n):
    """Sum over three rows, and keep the least sum of each pixel of a, and of each pixel of b.

    Their bits are compared, as integers: positive floats are in the same order, and a minimum of integers is one
    instruction everywhere, where that of floats would become a masked store, which is slow on some processors.
    """
    above, here, below = sums, sums[stride:], sums[2 * stride :]
    w1 = w2 = w3 = w4 = FAR_BITS  # the least sum so far of the pixel of b that is one to four behind
    for p in range(n):
        d0 = np.float32(above[p] + here[p] + below[p]).view(np.int32)
        d1 = np.float32(above[SIZE + p] + here[SIZE + p] + below[SIZE + p]).view(np.int32)
        d2 = np.float32(above[2 * SIZE + p] + here[2 * SIZE + p] + below[2 * SIZE + p]).view(np.int32)
        d3 = np.float32(above[3 * SIZE + p] + here[3 * SIZE + p] + below[3 * SIZE + p]).view(np.int32)
        d4 = np.float32(above[4 * SIZE + p] + here[4 * SIZE + p] + below[4 * SIZE + p]).view(np.int32)
        of_a[p] = min(of_a[p], min(min(d0, d1), min(min(d2, d3), d4)))
        x1, x2, x3, x4 = w1, w2, w3, w4
        w4 = d4
        w3 = min(d3, x4)
        w2 = min(d2, x3)
        w1 = min(d1, x2)
        of_b[p] = min(of_b[p], min(d0, x1))
