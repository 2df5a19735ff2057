"""Photographs at thumbnail size, read from their files when a page or a picture shows them."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from ..readers.image_files import opened

SIDES = (64, 48, 32, 24, 16)  # of a thumbnail
PIXELS = 24_000_000  # of all thumbnails at most: what a phone's memory holds, and a third of the bytes here
THREADS = 2
SOME = 200  # photographs that decide the shape of the thumbnails
WHITE = 255


def small(data, rows, side=None):
    """Return samples whose rows are thumbnails of photographs, in place of the features of these.

    Parameters
    ----------
    data : samples.Dataset
        With `pictures`.
    rows : sequence of int
        The samples that are shown.
    side : int or None
        Pixels of a thumbnail's longer side; None: as many, up to 64, as `PIXELS` allow.

    Returns
    -------
    samples.Dataset
        x, uint8 (n_rows, 3 * height * width), has them in the order of `rows`. All have one shape, the middle of the
        photographs'; what is of another has a white margin.
    """
    rows = np.asarray(rows)
    paths = [data.pictures[i] for i in rows]
    ratio = _ratio(paths)
    for longer in SIDES if side is None else (side,):
        size = max(1, round(longer * min(1, 1 / ratio))), max(1, round(longer * min(1, ratio)))
        if len(paths) * size[0] * size[1] <= PIXELS:
            break
    x = np.full((len(paths), 3, *size), WHITE, np.uint8)
    with ThreadPoolExecutor(THREADS) as threads:
        ground = data.reading.get("background", WHITE)
        for i, picture in enumerate(threads.map(partial(_thumbnail, size=size, background=ground), paths)):
            if picture is not None:
                x[i] = picture
    return dataclasses.replace(data, x=x.reshape(len(x), -1), image_shape=(3, *size), pictures=None)


def _ratio(paths):
    """Return the middle ratio of width to height of photographs."""
    from PIL import Image

    found = []
    for path in paths[:: max(1, len(paths) // SOME)]:
        try:
            with Image.open(path) as picture:
                width, height = picture.size
                found.append(height / width if picture.getexif().get(0x0112, 1) > 4 else width / height)
        except Exception:  # it may have gone since it was read
            continue
    return float(np.clip(np.median(found), 0.25, 4)) if found else 1.0


def _thumbnail(path, size, background):
    """Return a photograph, uint8 (3, height, width), whole and on white; None if it cannot be read any more."""
    from PIL import Image, ImageOps

    try:
        picture = opened(path, "RGB", background, 2 * max(size))
        picture = ImageOps.pad(picture, size[::-1], Image.Resampling.LANCZOS, color="white")
    except MemoryError:
        raise
    except Exception:  # Pillow may raise anything on a damaged file
        return None
    return np.asarray(picture).transpose(2, 0, 1)
