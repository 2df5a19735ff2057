"""Folders of images of the user's own."""

import numpy as np

from n2d.array_files import from_array
from n2d.samples import Dataset, DatasetError, classes

IMAGES = (".png", ".jpg", ".jpeg")


def read_folder(folder, options):
    """Images, or one folder of images for each class."""
    from PIL import Image, ImageOps

    def images(where):
        return sorted(path for path in where.iterdir() if path.suffix.lower() in IMAGES)

    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and images(path))
    files = images(folder) or [path for where in subfolders for path in images(where)]
    if not files:
        raise DatasetError(f"{folder} has no images: a folder must hold {', '.join(IMAGES)} files or folders of them")
    pictures = []
    for file in files:
        try:
            with Image.open(file) as picture:
                if picture.mode[0] in "IF":
                    raise OSError("more than 8 bits a pixel")
                picture = ImageOps.exif_transpose(picture)  # as the camera was held
                picture = picture.convert("L" if options.grayscale or picture.mode in ("1", "L") else "RGB")
                if options.image_size:
                    picture = picture.resize(options.image_size[::-1], Image.Resampling.LANCZOS)
                pictures.append(np.asarray(picture))
        except Exception as error:  # whatever Pillow makes of a stranger's bytes
            raise DatasetError(f"{file} is not a readable image ({error})") from error
        if pictures[-1].shape != pictures[0].shape:
            sizes = f"{files[0].name} {pictures[0].shape}, {file.name} {pictures[-1].shape}"
            raise DatasetError(f"images must have one size ({sizes}): give --image_size or --grayscale")
    y, label_names = None, ()
    if not images(folder) and len(subfolders) > 1:
        y, label_names = classes([file.parent.name for file in files], len(files))
    data = from_array(np.stack(pictures), None)
    names = tuple(str(file.relative_to(folder)) for file in files)
    return Dataset(data.x, y, label_names, data.image_shape, "255", sample_names=names)
