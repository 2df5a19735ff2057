import io

import numpy as np
import pytest
from PIL import Image

from n2d.page import thumbnails
from n2d.readers.samples import Dataset


def cut(about, files, i):
    """A thumbnail, as a page cuts it out."""
    sheet = np.asarray(Image.open(io.BytesIO(files[i // about["per_sheet"]])).convert("RGB"))
    columns = sheet.shape[1] // about["width"]
    row, column = divmod(i % about["per_sheet"], columns)
    height, width = about["height"], about["width"]
    return sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_small_images_are_kept_as_they_are():
    x = np.random.default_rng(0).integers(256, size=(300, 8 * 6)).astype(np.uint8)
    about, files = thumbnails.sheets(Dataset(x, None, (), (8, 6)), np.arange(5, 300))
    assert about | {"columns": 0, "per_sheet": 0} == {
        "height": 8,
        "width": 6,
        "columns": 0,
        "per_sheet": 0,
        "is_grey": True,
        "type": "image/png",
        "note": "",
    }
    low, high = int(x.min()), int(x.max())
    for i in (0, 17, 294):
        expected = np.rint((x[i + 5].reshape(8, 6).astype(float) - low) / (high - low) * 255)
        assert (cut(about, files, i)[..., 0] == expected).all()


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colours_stay(n_channels):
    x = np.zeros((50, n_channels, 10, 12), np.float32)
    x[:, 0, :, :6] = 1  # red on the left
    x[:, 3:] = 1
    about, files = thumbnails.sheets(Dataset(x.reshape(50, -1), None, (), (n_channels, 10, 12)), np.arange(50))
    assert not about["is_grey"] and len(files) == 1
    picture = cut(about, files, 33)
    assert picture[5, 2].tolist() == [255, 0, 0] and picture[5, 9].tolist() == [0, 0, 0]


def test_what_is_too_large_is_cut_and_said(monkeypatch):
    x = np.random.default_rng(0).integers(256, size=(3000, 3 * 40 * 80)).astype(np.uint8)
    monkeypatch.setattr(thumbnails, "BYTES", 1_000_000)
    about, files = thumbnails.sheets(Dataset(x, None, (), (3, 40, 80)), np.arange(3000))
    assert about["width"] in thumbnails.SIDES and about["height"] == about["width"] / 2
    assert about["note"].startswith(f"thumbnails: {about['height']} x {about['width']} of 40 x 80 pixels")
    assert sum(map(len, files)) < 1_300_000


def test_more_than_a_sheet_holds_go_on_the_next(monkeypatch):
    monkeypatch.setattr(thumbnails, "SHEET", 64)
    x = np.repeat(np.arange(200, dtype=np.uint8)[:, None], 64, axis=1)
    about, files = thumbnails.sheets(Dataset(x, None, (), (8, 8)), np.arange(200))
    assert about["per_sheet"] == 64 and len(files) == 4
    grey = [int(cut(about, files, i)[0, 0, 0]) for i in (0, 63, 64, 199)]
    assert grey == [round(255 * i / 199) for i in (0, 63, 64, 199)]
    assert all(max(Image.open(io.BytesIO(file)).size) <= 64 for file in files)


def test_all_of_mnist_is_on_a_page_of_at_most_15_megabytes(data_dir):
    from n2d import datasets

    data = datasets.load("mnist", data_dir)
    about, files = thumbnails.sheets(data, np.arange(len(data.x)))
    assert (about["height"], about["width"]) == (28, 28) and about["note"] == "thumbnails: 16 grey levels"
    assert sum(map(len, files)) < 8_000_000
    expected = data.x[69_999].reshape(28, 28) / data.x.max() * 255
    assert np.abs(cut(about, files, 69_999)[..., 0] - expected).max() <= 9
