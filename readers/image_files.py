"""Read the user's own folders of images."""

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .image_kinds import found
from .samples import Dataset, DatasetError, classes, listed, notice, stand_in

SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}  # names of folders that are no classes
MAX_SIDE = 64  # pixels a side, at most, for images of many sizes
BRIGHT = 200  # of 255: images that are brighter would vanish on white
ORIENTATION = 0x0112  # EXIF: how the camera was held
SOME = 100  # transparent images that decide whether the background must be black


@dataclass(frozen=True)
class Look:
    """Format that all images of a folder are converted to.

    Attributes
    ----------
    mode : {'L', 'RGB', 'F'}
        Pillow's mode: grey in bytes, colour in bytes, or grey of more than 8 bits.
    size : tuple of int
        (height, width).
    background : int
        Grey, 0 to 255, behind what is transparent.
    """

    mode: str
    size: tuple
    background: int = 255


@dataclass(frozen=True)
class Header:
    """Properties of an image that are known before its pixels are read."""

    path: Path
    mode: str
    size: tuple
    is_transparent: bool
    is_animated: bool
    is_cut: bool = False  # colours of 16 bits, of which Pillow reads 8

    @property
    def is_deep(self):
        """Whether it has more than 8 bits a pixel."""
        return self.mode[0] in "IF"

    @property
    def is_gray(self):
        """Whether it has neither colours nor a palette."""
        return self.is_deep or self.mode in ("1", "L", "LA", "La")


def read_folder(folder, options):
    """Read the images in a folder and its subfolders; each subfolder is a class.

    Raises
    ------
    DatasetError
        If there are no images, or it cannot be told whether folders are classes; with `strict` if one is broken.
    """
    files, left_out = found(folder)
    labels = classes_of([file.relative_to(folder).parts for file in files])
    labels = labels and dict(zip(files, labels))
    if options.network is not None:
        return _unread(folder, files, labels, left_out, options)
    broken, warned = {}, {}
    headers = [header for file in files if (header := _tried(_header, broken, warned, file))]
    _refuse_broken(broken, options.strict or not headers)
    look = _look_of(headers, options)
    channels = 3 if look.mode == "RGB" else 1
    x = np.empty((len(headers), channels, *look.size), np.float32 if look.mode == "F" else np.uint8)
    clear = []
    names = []
    for header in headers:
        if _tried(_fill, broken, warned, header.path, x[len(names)], look, clear):
            names.append(header.path)
    for words, odd in warned.items():
        notice(f"{words}: {listed(odd)}")
    _refuse_broken(broken, options.strict or not names)
    x = x[: len(names)]  # no copy
    reading = {}
    if clear:
        reading["background"] = look.background
        ground = "white" if look.background else "black"
        notice(f"{len(clear):,} images are transparent in places ({clear[0].name}): put on a {ground} background")
    _leave_out(broken, left_out)
    y, label_names = (None, ()) if labels is None else classes([labels[file] for file in names], len(names))
    shape = look.size if channels == 1 else (channels, *look.size)
    colours = {"L": "grey", "RGB": "in colour", "F": "grey, of more than 8 bits"}[look.mode]
    kinds = f"images of {look.size[0]} x {look.size[1]} pixels, {colours}"
    names = tuple(str(file.relative_to(folder)) for file in names)
    scale = None if look.mode == "F" else "255"
    x = x.reshape(len(x), -1)
    return Dataset(x, y, label_names, shape, scale, None, names, kinds, tuple(left_out), reading=reading)


def _unread(folder, files, labels, left_out, options):
    """Return the images of a folder without pixels, for a network that sees them later: see `Dataset.pictures`."""
    for name in ("image_size", "grayscale"):
        if getattr(options, name):
            raise DatasetError(f"--{name} is for pixels: with --features, the network says what it sees")
    broken, warned = {}, {}
    headers = [header for file in files if (header := _tried(_header, broken, warned, file))]
    _refuse_broken(broken, options.strict or not headers)
    for words, odd in warned.items():
        notice(f"{words}: {listed(odd)}")
    _leave_out(broken, left_out)
    background = (options.reading or {}).get("background")
    background = _background(headers) if background is None else background
    paths = tuple(header.path for header in headers)
    y, label_names = (None, ()) if labels is None else classes([labels[file] for file in paths], len(paths))
    names = tuple(str(file.relative_to(folder)) for file in paths)
    sizes = {header.size for header in headers}
    kinds = f"images of {len(sizes):,} sizes" if len(sizes) > 1 else "images of {} x {} pixels".format(*headers[0].size)
    return Dataset(
        np.empty((len(paths), 0), np.float32),
        y,
        label_names,
        sample_names=names,
        kinds=f"{kinds}, seen by {options.network}",
        left_out=tuple(left_out),
        reading={"background": background},
        pictures=paths,
    )


def _leave_out(broken, left_out):
    if broken:
        left_out.append(f"{len(broken):,} images that cannot be read")
        notice(f"images that cannot be read are left out: {listed(f'{f.name} ({e})' for f, e in broken.items())}")


def classes_of(paths, what="images"):
    """Return the folder that is the class of each image, or None; paths are tuples of parts below the main folder."""
    level = 0
    while min(map(len, paths)) > level + 1:
        folders = {path[level] for path in paths}
        if len(folders) > 1 and not ({folder.lower() for folder in folders} <= SPLITS and _is_deeper(paths, level)):
            if _is_deeper(paths, level, any):
                notice("folders in the folder of a class belong to the class")
            return [path[level] for path in paths]
        if len(folders) > 1:
            notice(f"{listed(sorted(folders))} are read together: the classes are the folders in them")
        level += 1
    if _is_deeper(paths, level - 1, any):
        alone = [path for path in paths if len(path) == level + 1]
        folders = sorted({path[level] for path in paths if len(path) > level + 1})
        raise DatasetError(
            f"it holds {len(alone):,} {what} beside the folders of {what} {listed(folders)}: move these {what} into a "
            "folder of their own, or elsewhere"
        )
    return None


def _is_deeper(paths, level, of=all):
    """Whether all, or any, images lie in a subfolder of their folder at this level."""
    return of(len(path) > level + 2 for path in paths)


def _tried(function, broken, warned, file, *arguments):
    """Call a function on a file; return None if the file is broken. Record this, and Pillow's warnings."""
    from PIL import Image

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return function(file, *arguments)
        except MemoryError:
            raise
        except Exception as error:  # Pillow may raise anything on a damaged file
            broken[file] = stand_in(file) or str(error).replace(str(file), file.name)
            return None
        finally:
            for warning in caught:
                is_large = issubclass(warning.category, Image.DecompressionBombWarning)
                words = f"images of more than {Image.MAX_IMAGE_PIXELS:,} pixels" if is_large else str(warning.message)
                warned.setdefault(words, {})[file.name] = None


def _refuse_broken(broken, refuses):
    if broken and refuses:
        file, reason = next(iter(broken.items()))
        raise DatasetError(f"{file} is not a readable image ({reason})")


def _header(file):
    from PIL import Image

    with Image.open(file) as picture:
        size = picture.size[::-1]
        has_exif = picture.format != "PNG" or "exif" in picture.info  # of a PNG, Pillow would read all to look for it
        if has_exif and picture.getexif().get(ORIENTATION, 1) > 4:
            size = size[::-1]
        is_transparent = "transparency" in picture.info or picture.mode[-1] in "Aa"
        is_cut = picture.mode[0] not in "IF" and ";16" in str(picture.tile)
        return Header(file, picture.mode, size, is_transparent, getattr(picture, "is_animated", False), is_cut)


def _look_of(headers, options):
    """Choose the common format of the images, and give notices of what the conversion loses."""
    if animated := [header.path.name for header in headers if header.is_animated]:
        notice(f"of images of several frames the first is read: {listed(animated)}")
    if cut := [header.path.name for header in headers if header.is_cut]:
        notice(f"of colours of 16 bits the upper 8 are read: {listed(cut)}")
    deep = [header for header in headers if header.is_deep]
    gray = [header for header in headers if header.is_gray]
    mode = "F" if len(deep) == len(headers) else "L" if options.grayscale or len(gray) == len(headers) else "RGB"
    if deep and mode != "F":
        notice(f"{len(deep):,} images of 16 bits become 8 bits, as the others have ({deep[0].path.name})")
    if gray and mode == "RGB":
        notice(f"{len(gray):,} of {len(headers):,} images are grey and become colour, as the others (or --grayscale)")
    background = (options.reading or {}).get("background")
    background = _background(headers) if background is None else background
    return Look(mode, options.image_size or _common_size(headers, mode), background)


def _common_size(headers, mode):
    """Return the (height, width) of the images, or the size to resize them to if they have several."""
    sizes = Counter(header.size for header in headers)
    size, count = sizes.most_common(1)[0]
    if len(sizes) == 1:
        return size
    if 2 * count < len(headers):
        sides = np.median([header.size for header in headers], axis=0)
        size = tuple(int(side) for side in np.maximum(1, np.rint(sides * min(1, MAX_SIDE / sides.max()))))
    notice(f"images of {len(sizes):,} sizes are resized to {size[0]} x {size[1]}: --image_size=HxW gives another size")
    if mode == "RGB":
        notice(
            "pixels of photographs tell colours and shapes, not things: --features=NAME clusters what a network sees, "
            "such as --features=mobilenet_v3_large"
        )
    return size


def _background(headers):
    """Return the grey behind transparent images: white, or black where white would hide them."""
    from PIL import Image

    def brightness(file):
        """Return the mean of the visible pixels, 0 to 255; None if no pixel is visible."""
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("LA"), np.float32)
        return np.average(pixels[..., 0], weights=pixels[..., 1]) if pixels[..., 1].any() else None

    clear = [header.path for header in headers if header.is_transparent][:SOME]
    found = [_tried(brightness, {}, {}, file) for file in clear]  # broken images are recorded later, when they are read
    light = [mean for mean in found if mean is not None]
    return 0 if light and np.mean(light) > BRIGHT else 255


def _fill(file, pixels, look, clear):
    """Read an image, convert it, and write it into its row of the array."""
    from PIL import Image

    picture = opened(file, look.mode, look.background, clear=clear)
    if picture.size[::-1] != tuple(look.size):
        picture = picture.resize(look.size[::-1], Image.Resampling.LANCZOS)
    pixels[:] = np.asarray(picture).reshape(*look.size, -1).transpose(2, 0, 1)
    return True


def opened(file, mode="RGB", background=255, side=None, clear=None):
    """Open an image upright, in one mode, on a background.

    Parameters
    ----------
    file : pathlib.Path
    mode, background
        See `Look`.
    side : int or None
        Pixels that its shorter side needs at least: a JPEG of more is decoded at a half, a quarter or an eighth of its
        size, faster and in less memory.
    clear : list or None
        Gets the file, if it is transparent in places.

    Returns
    -------
    PIL.Image.Image
    """
    from PIL import Image, ImageOps

    with Image.open(file) as picture:
        if side is not None:
            picture.draft(None, (side, side))
        picture = ImageOps.exif_transpose(picture)
        if "transparency" in picture.info or picture.mode[-1] in "Aa":
            picture = picture.convert("RGBA")
            if clear is not None and picture.getextrema()[3][0] < 255:
                clear.append(file)
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, (background,) * 3 + (255,)), picture)
        if picture.mode[0] in "IF":
            deep = np.asarray(picture, np.float64)
            if n_odd := deep.size - np.isfinite(deep).sum():
                raise OSError(f"{n_odd:,} of {deep.size:,} pixels are NaN or infinite: fill them in")
            if mode == "F":
                picture = Image.fromarray(deep.astype(np.float32))  # of 16 bits, Pillow itself would clip some
            elif deep.min() < 0 or deep.max() >= 2**16:
                raise OSError("more than 16 bits a pixel, and others have 8")
            else:
                picture = Image.fromarray(np.rint(deep / 257).astype(np.uint8))
        return picture.convert(mode)
