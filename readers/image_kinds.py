"""Find the images of a folder that can be read, and report the other files."""

import os
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path

from .samples import DatasetError, listed, notice

NO_IMAGES = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}  # formats of Pillow without pixels
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
RAW = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw")
OTHERS = (".avif", ".czi", ".dcm", ".eps", ".exr", ".jxl", ".lif", ".nd2", ".ndpi", ".pdf", ".svg", ".svs", ".xcf")
MATRIX_MARKET = "it is in Matrix Market's format: read it with scanpy (sc.read_10x_mtx), and save it as .h5ad"


@cache
def endings():
    """Return the file endings of images that Pillow opens here, with pillow-heif if it is installed."""
    from PIL import Image

    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    kinds = Image.registered_extensions()
    return tuple(end for end, kind in kinds.items() if kind in Image.OPEN and kind not in NO_IMAGES)


def found(folder):
    """Find the images below a folder; return them sorted, with a description of what is left out.

    Raises
    ------
    DatasetError
        If no image can be read.
    """
    files, hidden, foreign, again, closed, seen = [], 0, [], [], [], set()
    for where, folders, names in os.walk(folder, followlinks=True, onerror=closed.append):
        folders.sort()  # of two links to one folder the first is read, on every machine
        where = Path(where)
        if (real := os.path.realpath(where)) in seen:  # by a link, perhaps to a folder above
            again.append(where.relative_to(folder))
            folders.clear()
            continue
        seen.add(real)
        is_hidden = any(map(_is_hidden, where.relative_to(folder).parts))
        for name in names:
            if is_hidden or _is_hidden(name):
                hidden += 1
            elif name.lower().endswith(endings()):
                files.append(where / name)
            else:
                foreign.append(name)
    unread = [name for name in foreign if name.lower().endswith((*HEIF, *RAW, *OTHERS))]
    others = [name for name in foreign if name not in set(unread)]
    if not files:
        raise DatasetError(_why_nothing(unread, others))
    left_out = [f"{hidden:,} hidden files"] if hidden else []
    if others:
        left_out.append(f"{len(others):,} files that are no images ({_kinds(others)})")
        notice(f"files that are no images are passed over: {_kinds(others)}")
    if unread:
        left_out.append(f"{len(unread):,} images of a kind that is not read ({_kinds(unread)})")
        notice(f"images of a kind that is not read are passed over: {_kinds(unread)}: {_way(unread)}")
    if again:
        left_out.append(f"{len(again):,} folders that are links to others ({listed(again)})")
        notice(f"folders that are links to others here are passed over: {listed(again)}")
    if closed:
        names = listed(Path(error.filename).relative_to(folder) for error in closed)
        left_out.append(f"{len(closed):,} folders that cannot be read ({names})")
        notice(f"folders that cannot be read are passed over: {names} ({closed[0].strerror})")
    return sorted(files), left_out


def _is_hidden(name):
    """Whether a file is hidden, or one that macOS, an editor or Windows keeps for itself."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _kinds(names):
    """Count the files by ending, as text."""
    return listed(f"{count:,} {kind}" for kind, count in Counter(Path(n).suffix or n for n in names).most_common())


def _way(unread):
    """Advise how to read images of a kind that is not read."""
    heif = "pip install pillow-heif for .heic, or " if any(name.lower().endswith(HEIF) for name in unread) else ""
    return f"{heif}convert them to PNG or TIFF"


def _why_nothing(unread, others):
    if unread:
        return f"it has no images of a kind that is read, but {_kinds(unread)}: {_way(unread)}"
    if any(map(is_matrix_market, others)):
        return MATRIX_MARKET
    but = f", but {_kinds(others)}" if others else ""
    return f"it has no images{but}: a folder must hold .png, .jpg, .tif or other images, or folders of them"


def is_matrix_market(name):
    """Whether a file name is that of a Matrix Market file, a sparse matrix as text.

    10x Genomics has one in a folder, with names beside it."""
    return name.lower().endswith((".mtx", ".mtx.gz"))
