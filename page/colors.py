"""Distinguishable colours for clusters and classes."""

import matplotlib
import numpy as np


def palette(n):
    """Return RGBA colours, shape (n, 4): ten that colour-blind people can tell apart (Petroff 2021), then others.

    The first ones are the same for every n. Each beyond ten is the colour that is furthest from all before it, and from
    the white background, in OKLab (Ottosson 2020), in which distances are about those that people see.
    """
    colors = matplotlib.colors.to_rgba_array(matplotlib.color_sequences["petroff10"])
    if n > len(colors):
        steps = np.linspace(0, 1, 12)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        seen = _oklab(grid)
        is_clear = (0.25 < seen[:, 0]) & (seen[:, 0] < 0.85)
        grid, seen = grid[is_clear], seen[is_clear]
        distance = np.min([np.linalg.norm(seen - color, axis=1) for color in _oklab(colors[:, :3])], axis=0)
        while len(colors) < n:
            furthest = distance.argmax()
            colors = np.vstack([colors, [*grid[furthest], 1]])
            distance = np.minimum(distance, np.linalg.norm(seen - seen[furthest], axis=1))
    return colors[:n]


def _oklab(rgb):
    """Convert sRGB, shape (n, 3), to lightness and two opponent colours."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.transpose(to_cones)) @ np.transpose(to_lab)
