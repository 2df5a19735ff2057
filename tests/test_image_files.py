import os
import struct
import sys
import tracemalloc
import warnings
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

import n2d
from n2d.readers import files, image_kinds, samples
from n2d.readers.samples import DatasetError


def read(path, **options):
    """The dataset in a folder, and the notices."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


def save(path, array, **settings):
    """An image, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **settings)
    return array


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(256, size=shape or (6, 8), dtype=np.uint8)


def test_a_photograph_is_read_as_the_camera_was_held(tmp_path):
    upright = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    for name, turned in (("a", upright), ("b", 255 - upright)):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees to the right
        Image.fromarray(np.rot90(turned).copy()).save(tmp_path / f"{name}.png", exif=exif)
    data = files.read(tmp_path)
    assert data.image_shape == (6, 8)
    assert np.array_equal(data.x, [upright.ravel(), 255 - upright.ravel()])


@pytest.fixture
def animals(tmp_path):
    """Six PNGs of 6 x 8 pixels in two folders."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(6, 6, 8, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        folder = tmp_path / "animals" / ("cat" if i < 4 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    return tmp_path / "animals", pixels


def test_folders_of_images_are_classes(animals):
    folder, pixels = animals
    data = files.read(folder)
    assert np.array_equal(data.x.reshape(6, 3, 6, 8), pixels.transpose(0, 3, 1, 2))
    assert (data.image_shape, data.scale, data.label_names) == ((3, 6, 8), "255", ("cat", "dog"))
    assert data.y.tolist() == [0] * 4 + [1] * 2
    assert data.sample_names[0] == "cat/0.png"
    alone = files.read(folder / "cat", image_size=(3, 4), grayscale=True)
    assert alone.x.shape == (4, 12) and alone.image_shape == (3, 4) and alone.y is None


def test_every_image_is_found_whatever_its_kind_and_wherever_it_lies(tmp_path):
    endings = ("png", "PNG", "bmp", "tif", "tiff", "gif", "webp", "pgm")
    arrays = [save(tmp_path / f"deep/{i % 2}/a/{i}.{ending}", noise(i)) for i, ending in enumerate(endings)]
    data, notices = read(tmp_path, grayscale=True)
    order = [*range(0, 8, 2), *range(1, 8, 2)]
    exact = [i for i, name in enumerate(data.sample_names) if not name.endswith("webp")]
    assert np.array_equal(data.x[exact], np.array(arrays).reshape(8, -1)[order][exact])
    assert data.y.tolist() == [0] * 4 + [1] * 4 and data.label_names == ("0", "1")
    assert notices == ["folders in the folder of a class belong to the class"]
    assert samples.summary("a", data) == (
        "a: 8 samples, 48 features, 2 classes; images of 6 x 8 pixels, grey; left out: nothing"
    )


@pytest.mark.parametrize("ending", ["jfif", "jp2", "tga", "ico", "avif"])
def test_whatever_pillow_opens_is_an_image(tmp_path, ending):
    if f".{ending}" not in image_kinds.endings():
        pytest.skip(f"Pillow does not read .{ending} here")
    save(tmp_path / "0.png", noise(0, 16, 16, 3))
    Image.fromarray(noise(1, 16, 16, 3)).save(tmp_path / f"1.{ending}", "JPEG" if ending == "jfif" else None)
    data, notices = read(tmp_path)
    assert data.sample_names == ("0.png", f"1.{ending}") and not notices


def test_what_has_no_pixels_is_no_image(tmp_path):
    save(tmp_path / "0.png", noise(0))
    for ending in ("pdf", "eps", "mpg", "h5"):
        (tmp_path / f"a.{ending}").touch()
    assert read(tmp_path)[0].sample_names == ("0.png",)


def test_images_of_a_kind_that_is_not_read_are_told_as_that_with_a_way_to_read_them(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    image_kinds.endings.cache_clear()
    (tmp_path / "a.CR2").touch()
    with pytest.raises(DatasetError, match="no images of a kind that is read, but 1 .CR2: convert them to PNG or TIFF"):
        read(tmp_path)
    (tmp_path / "b.HEIC").touch()
    save(tmp_path / "c.png", noise(0))
    data, notices = read(tmp_path)
    assert data.left_out == ("2 images of a kind that is not read (1 .CR2, 1 .HEIC)",)
    assert notices == [
        "images of a kind that is not read are passed over: 1 .CR2, 1 .HEIC: pip install pillow-heif for .heic, or "
        "convert them to PNG or TIFF"
    ]


def test_pillow_heif_is_used_where_it_is_installed(monkeypatch):
    asked = []
    heif = SimpleNamespace(register_heif_opener=lambda: asked.append("to open .heic"))
    monkeypatch.setitem(sys.modules, "pillow_heif", heif)
    image_kinds.endings.cache_clear()
    image_kinds.endings()
    assert asked == ["to open .heic"]


@pytest.mark.parametrize("name", ["10x/matrix.mtx", "10x/matrix.mtx.gz"])
def test_a_folder_of_matrix_market_is_told_as_that(tmp_path, name):
    for file in (name, "10x/barcodes.tsv", "10x/genes.tsv"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    for path in (tmp_path / "10x", tmp_path / name):
        with pytest.raises(DatasetError, match="in Matrix Market's format: read it with scanpy .*save it as .h5ad"):
            read(path)
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match="it has no images, but 2 .tsv: a folder must hold"):
        read(tmp_path / "10x")


def test_training_and_test_images_are_read_together(tmp_path):
    for i, folder in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        save(tmp_path / folder / "0.png", noise(i))
    data, notices = read(tmp_path)
    assert data.label_names == ("cat", "dog") and data.y.tolist() == [0, 1, 0, 1]
    assert notices == ["test, train are read together: the classes are the folders in them"]


def test_images_beside_folders_of_images_are_refused(tmp_path):
    for name in ("cat/0.png", "dog/1.png", "2.png", "3.png"):
        save(tmp_path / name, noise(0))
    with pytest.raises(DatasetError, match="2 images beside the folders of images cat, dog: move these images into"):
        read(tmp_path)


def test_hidden_and_foreign_files_are_no_data_and_are_counted(tmp_path):
    for name in ("cat/0.png", "dog/1.png", "cat/._0.png", ".ipynb_checkpoints/0.png", "__MACOSX/cat/0.png"):
        save(tmp_path / name, noise(len(name)))
    for name in ("cat/.DS_Store", "cat/Thumbs.db", "notes.txt", "dog/notes.txt", "dog/README"):
        (tmp_path / name).touch()
    data, notices = read(tmp_path)
    assert data.label_names == ("cat", "dog") and len(data.x) == 2
    assert notices == ["files that are no images are passed over: 2 .txt, 1 README"]
    assert data.left_out == ("5 hidden files", "3 files that are no images (2 .txt, 1 README)")


def test_a_folder_that_is_met_twice_is_read_once_which_is_said(tmp_path):
    for name in ("b/0.png", "c/1.png"):
        save(tmp_path / name, noise(len(name)))
    os.symlink(tmp_path / "c", tmp_path / "a")
    os.symlink(tmp_path, tmp_path / "b/up")  # does not lead round and round
    data, notices = read(tmp_path)
    assert data.sample_names == ("a/1.png", "b/0.png") and data.label_names == ("a", "b")
    assert notices == ["folders that are links to others here are passed over: b/up, c"]
    assert data.left_out == ("2 folders that are links to others (b/up, c)",)


def test_folders_that_cannot_be_read_are_passed_over_which_is_said(tmp_path, monkeypatch):
    for name in ("a/0.png", "b/1.png", "c/2.png"):
        save(tmp_path / name, noise(len(name)))
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    data, notices = read(tmp_path)
    assert data.label_names == ("a", "c") and data.left_out == ("1 folders that cannot be read (b)",)
    assert notices == ["folders that cannot be read are passed over: b (Permission denied)"]


def test_names_in_bytes_that_are_not_utf_8_can_be_written(tmp_path, capsys):
    for i, name in enumerate((b"ant/0.png", b"ant/caf\xe9.png", b"caf\xe9/0.png", b"caf\xe9/1.png")):
        save(tmp_path / os.fsdecode(b"caf\xe9") / os.fsdecode(name), noise(i))
    (folder,) = tmp_path.iterdir()
    data, notices = read(folder)
    assert data.sample_names == ("ant/0.png", r"ant/caf\udce9.png", r"caf\udce9/0.png", r"caf\udce9/1.png")
    assert data.label_names == ("ant", r"caf\udce9")
    assert len(notices) == 1 and notices[0].startswith(
        r"names that are not in UTF-8 are written with escapes: caf\udce9"
    )
    n2d.main(["inspect", str(folder)])  # a screen in UTF-8 takes them, and the folder's own name
    assert r"/caf\udce9: " in " ".join(capsys.readouterr().out.split())


def test_broken_images_are_named_and_left_out_or_refused(animals):
    folder, pixels = animals
    (folder / "cat/1.png").write_bytes(b"not an image")
    (folder / "cat/2.png").write_bytes(b"")
    (folder / "dog/5.png").write_bytes((folder / "dog/5.png").read_bytes()[:60])  # found out when it is decoded
    data, notices = read(folder)
    assert data.sample_names == ("cat/0.png", "cat/3.png", "dog/4.png") and data.y.tolist() == [0, 0, 1]
    assert np.array_equal(data.x.reshape(3, 3, 6, 8), pixels.transpose(0, 3, 1, 2)[[0, 3, 4]])
    assert len(notices) == 1 and all(name in notices[0] for name in ("1.png", "2.png", "5.png"))
    assert data.left_out == ("3 images that cannot be read",)
    with pytest.raises(DatasetError, match="1.png is not a readable image"):
        files.read(folder, strict=True)
    long = PngInfo()
    long.add_text("comment", "a" * 2**21, zip=True)  # more than Pillow unpacks
    (folder / "dog/5.png").unlink()
    for name in ("1", "2"):
        Image.fromarray(pixels[1]).save(folder / f"cat/{name}.png", pnginfo=long)
    with pytest.raises(DatasetError, match="1.png is not a readable image"):
        files.read(folder, strict=True)


def test_images_of_several_sizes_become_one_which_is_said(tmp_path):
    for i, shape in enumerate([(6, 8), (6, 8), (5, 5)]):
        save(tmp_path / f"{i}.png", noise(i, *shape))
    data, notices = read(tmp_path)
    assert data.image_shape == (6, 8) and notices == [
        "images of 2 sizes are resized to 6 x 8: --image_size=HxW gives another size"
    ]
    for i in range(3):
        save(tmp_path / f"{i}.png", noise(i, 200, 100 + i))
    data, notices = read(tmp_path)
    assert data.image_shape == (64, 32) and "of 3 sizes are resized to 64 x 32" in notices[0]
    data, notices = read(tmp_path, image_size=(4, 4))
    assert data.image_shape == (4, 4) and not notices


def test_grey_and_colour_images_in_one_folder(tmp_path):
    gray = save(tmp_path / "0.png", noise(0))
    colour = save(tmp_path / "1.png", noise(1, 6, 8, 3))
    data, notices = read(tmp_path)
    assert data.image_shape == (3, 6, 8)
    assert np.array_equal(data.x.reshape(2, 3, 6, 8), [[gray] * 3, colour.transpose(2, 0, 1)])
    assert notices == ["1 of 2 images are grey and become colour, as the others (or --grayscale)"]
    assert read(tmp_path, grayscale=True)[0].image_shape == (6, 8)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_images_of_16_bits(tmp_path, ending):
    arrays = [save(tmp_path / f"{i}.{ending}", noise(i).astype(np.uint16) * 16) for i in range(2)]
    data, _ = read(tmp_path)
    assert np.array_equal(data.x, np.reshape(arrays, (2, -1))) and (data.x.dtype, data.scale) == (np.float32, "range")
    assert data.image_shape == (6, 8) and "of more than 8 bits" in data.kinds
    save(tmp_path / "0.png" if ending == "tif" else tmp_path / "0.bmp", noise(0))
    data, notices = read(tmp_path)
    assert data.x.dtype == np.uint8 and data.scale == "255" and "become 8 bits, as the others have" in notices[0]


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_an_image_with_pixels_that_are_no_numbers_is_named_and_left_out_or_refused(tmp_path, odd):
    arrays = [save(tmp_path / f"{i}.tif", noise(i) / np.float32(255)) for i in range(3)]
    save(tmp_path / "1.tif", np.where(noise(1) == noise(1).max(), np.float32(odd), 0))
    data, notices = read(tmp_path)
    assert np.array_equal(data.x, [arrays[0].ravel(), arrays[2].ravel()])
    assert notices == [
        "images that cannot be read are left out: 1.tif (1 of 48 pixels are NaN or infinite: fill them in)"
    ]
    with pytest.raises(DatasetError, match="1.tif is not a readable image .1 of 48 pixels are NaN"):
        read(tmp_path, strict=True)
    save(tmp_path / "0.png", noise(0))  # of 8 bits, as the others become
    assert "1.tif (1 of 48 pixels are NaN or infinite" in read(tmp_path)[1][-1]


@pytest.mark.parametrize("colour, background", [(0, 255), (90, 255), (255, 0)])
def test_a_shape_in_the_alpha_channel_is_seen(tmp_path, colour, background):
    for i in range(4):
        hidden = np.zeros((6, 8), bool)
        hidden[: i + 1] = True
        rgba = np.dstack([np.where(hidden, noise(c), colour) for c in range(3)] + [np.where(hidden, 0, 255)])
        save(tmp_path / f"{i}.png", rgba.astype(np.uint8))
    data, notices = read(tmp_path)
    for i, image in enumerate(data.x.reshape(4, 3, 6, 8)):
        assert (image[:, : i + 1] == background).all() and (image[:, i + 1 :] == colour).all()
    name = {0: "black", 255: "white"}[background]
    assert notices == [f"4 images are transparent in places (0.png): put on a {name} background"]


def test_images_that_could_be_transparent_and_are_not_need_no_notice(tmp_path):
    rgba = np.dstack([noise(0, 6, 8, 3), np.full((6, 8), 255, np.uint8)])
    save(tmp_path / "0.png", rgba)
    save(tmp_path / "1.png", rgba[::-1].copy())
    data, notices = read(tmp_path)
    assert np.array_equal(data.x[0].reshape(3, 6, 8), rgba.transpose(2, 0, 1)[:3]) and not notices


def test_palettes_and_cmyk(tmp_path):
    colour = Image.fromarray(noise(0, 6, 8, 3))
    colour.quantize(256).save(tmp_path / "0.png")
    colour.convert("CMYK").save(tmp_path / "1.tif")
    data, _ = read(tmp_path)
    assert np.array_equal(data.x[0], data.x[1]) and data.image_shape == (3, 6, 8)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.fromarray(noise(i)) for i in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    save(tmp_path / "b.gif", noise(5))
    data, notices = read(tmp_path, grayscale=True)
    assert np.array_equal(data.x[0], noise(0).ravel())
    assert notices == ["of images of several frames the first is read: a.gif"]


def test_colours_of_16_bits_lose_the_lower_8_which_is_said(tmp_path):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    colours = np.random.default_rng(0).integers(2**16, size=(6, 8, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    head = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    data, notices = read(tmp_path)
    assert np.array_equal(data.x[0].reshape(3, 6, 8), colours.transpose(2, 0, 1) >> 8)
    assert notices == ["of colours of 16 bits the upper 8 are read: a.png"]


def test_what_pillow_warns_of_is_said_once_with_the_names_of_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for i, shape in enumerate([(6, 8), (11, 12), (12, 11)]):
        save(tmp_path / f"{i}.png", noise(i, *shape))
    exif_transpose = ImageOps.exif_transpose

    def warn(picture):
        warnings.warn("Corrupt EXIF data", stacklevel=2)
        return exif_transpose(picture)

    monkeypatch.setattr(ImageOps, "exif_transpose", warn)
    data, notices = read(tmp_path, image_size=(6, 8))
    assert notices == ["images of more than 100 pixels: 1.png, 2.png", "Corrupt EXIF data: 0.png, 1.png, 2.png"]
    assert len(data.x) == 3


def test_a_broken_image_among_many_costs_no_second_copy(tmp_path):
    for i in range(40):
        save(tmp_path / f"{i}.png", noise(i, 200, 200))
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:20_000])  # found out when it is decoded
    read(tmp_path, image_size=(20, 20))  # imports
    tracemalloc.start()
    data, _ = read(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data.x) == 39 and peak < 1.5 * data.x.nbytes
