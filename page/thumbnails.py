"""Thumbnails of images on sprite sheets, for a page."""

import io

import numpy as np

from ..visualize import as_picture

SHEET = 4096  # pixels of its side at most, which every browser can draw
SIDES = (64, 48, 32, 28, 24, 20, 16, 12)  # of a thumbnail
PIXELS = {1: 64_000_000, 3: 24_000_000}  # of all thumbnails at most, by colour channels: what a phone's memory holds
BYTES = 8_000_000  # of all sheets at most
EXACT = 1_000_000  # bytes that sheets without any loss may have
SAMPLE = 2000  # thumbnails from which the bytes of all are estimated
FORMATS = (  # the smaller one is taken
    ("PNG", "16 grey levels", {"bits": 4}),
    ("WEBP", "compressed", {"quality": 75, "method": 2}),
)


def sheets(data, rows):
    """Make thumbnails of images, in rows on as few sheets as hold them.

    They are as large, up to 64 pixels, and as little compressed as `BYTES` and `PIXELS` allow.

    Parameters
    ----------
    data : samples.Dataset
        With an `image_shape`.
    rows : ndarray of int, shape (n_thumbnails,)
        Of `data.x`.

    Returns
    -------
    about : dict
        `height` and `width` of a thumbnail, `columns` and `per_sheet`, `is_grey`, `type`, and a `note` of what was cut.
    files : list of bytes
    """
    *channels, height, width = data.image_shape
    n_channels = 1 if channels in ([], [1]) else 3
    limits = float(data.x.min()), float(data.x.max())
    some = np.random.default_rng(0).permutation(rows)[:SAMPLE]
    for side in SIDES:
        ratio = min(1.0, side / max(height, width))
        if len(rows) * (ratio * height) * (ratio * width) > PIXELS[n_channels] and side != SIDES[-1]:
            continue
        size = max(1, round(ratio * height)), max(1, round(ratio * width))
        tiles = _tiles(data, some, size, limits)
        share = len(rows) / len(some)
        ways = [("PNG", "", {}), *FORMATS[n_channels == 3 :]]
        costs = [share * len(_encode_sheet(tiles, *way)) for way in ways]
        best = 0 if costs[0] <= EXACT else 1 + int(np.argmin(costs[1:]))
        if costs[best] <= BYTES or side == SIDES[-1]:
            break
    kind, loss, _ = ways[best]
    columns, lines = SHEET // size[1], SHEET // size[0]
    parts = [rows[start : start + columns * lines] for start in range(0, len(rows), columns * lines)]
    cuts = [f"{size[0]} x {size[1]} of {height} x {width} pixels"] * (ratio < 1) + [loss] * bool(loss)
    about = {
        "height": size[0],
        "width": size[1],
        "columns": columns,
        "per_sheet": columns * lines,
        "is_grey": n_channels == 1,
        "type": f"image/{kind.lower()}",
        "note": f"thumbnails: {', '.join(cuts)}" if cuts else "",
    }
    return about, [_encode_sheet(_tiles(data, part, size, limits), *ways[best]) for part in parts]


def _tiles(data, rows, size, limits):
    """Return thumbnails, uint8, shape (n, height, width) or (n, height, width, 3)."""
    from PIL import Image

    tiles = []
    for i in rows:
        picture = as_picture(data.x[i], data.image_shape, *limits)
        picture = picture[..., 0] if picture.shape[2:] == (1,) else picture
        if picture.shape[:2] != size or picture.shape[2:] == (4,):
            image = Image.fromarray(picture).resize(size[::-1], Image.Resampling.BOX)
            if image.mode == "RGBA":
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
            picture = np.asarray(image)
        tiles.append(picture)
    return np.stack(tiles)


def _encode_sheet(tiles, kind, loss, options):
    """Return the bytes of an image file with a sheet of thumbnails."""
    from PIL import Image

    n, height, width, *channels = tiles.shape
    columns = min(SHEET // width, n)
    lines = -(-n // columns)
    sheet = np.zeros((lines * columns, height, width, *channels), np.uint8)
    sheet[:n] = tiles
    sheet = sheet.reshape(lines, columns, height, width, *channels).swapaxes(1, 2)
    sheet = sheet.reshape(lines * height, columns * width, *channels)
    if "bits" in options:
        levels = np.rint(np.arange(256) / 17).astype(np.uint8)[sheet]
        image = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
        image.putpalette([17 * level for level in range(16) for _ in "rgb"])
    else:
        image = Image.fromarray(sheet)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
