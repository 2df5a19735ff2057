import functools
import gzip
import http.server
import shutil
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest
import torchvision
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from n2d import datasets

# samples, features, smallest and largest value, samples in each class
KNOWN = {
    "mnist": (70_000, 784, 0, 1, [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]),
    "mnist-test": (10_000, 784, 0, 1, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    "fashion": (70_000, 784, 0, 1, [7000] * 10),
    "usps": (9_298, 256, 0, 2, [1553, 1269, 929, 824, 852, 716, 834, 792, 708, 821]),
    "pendigits": (10_992, 16, 0, 1, [1143, 1143, 1144, 1055, 1144, 1055, 1056, 1142, 1055, 1055]),
    "har": (10_299, 561, -1, 1, [1722, 1544, 1406, 1777, 1906, 1944]),
    "coil20": (1_440, 16_384, 0, 1, [72] * 20),
    "digits": (1_797, 64, 0, 1, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_dataset_is_the_published_one(name, request):
    data_dir = None if name == "digits" else request.getfixturevalue("data_dir")
    n_samples, n_features, low, high, class_counts = KNOWN[name]
    data = datasets.REGISTRY[name](data_dir)
    assert data.x.shape == (n_samples, n_features)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.y.dtype == np.int64
    assert (data.x.min(), data.x.max()) == (low, high)
    assert np.bincount(data.y).tolist() == class_counts
    assert len(data.label_names) == len(class_counts) == datasets.REGISTRY[name].n_classes
    assert data.image_shape is None or np.prod(data.image_shape) == n_features


def test_every_registered_dataset_is_tested_here():
    assert set(KNOWN) == set(datasets.REGISTRY)


def test_pixels_and_labels_stay_together(data_dir):
    """A nearest-mean classifier trained on the first half labels the second half of each dataset well."""
    for name in ("mnist-test", "fashion", "usps", "pendigits", "har"):
        data = datasets.load(name, data_dir)
        half = len(data.x) // 2
        means = np.stack([data.x[:half][data.y[:half] == c].mean(0) for c in range(len(data.label_names))])
        nearest = ((means**2).sum(1) - 2 * data.x[half:] @ means.T).argmin(1)
        assert (nearest == data.y[half:]).mean() > 0.65, name


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder served on the loopback as the official source of every dataset."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        for name in ("MNIST_URL", "FASHION_URL", "USPS_URL", "PENDIGITS_URL"):
            monkeypatch.setattr(datasets, name, url)
        monkeypatch.setattr(datasets, "COIL20_URL", url + "coil-20-proc.zip")
        monkeypatch.setattr(datasets, "HAR_URL", url + "outer.zip")
        monkeypatch.setattr(datasets, "DEBIAN_FASHION", tmp_path / "nothing")
        for dataset in (torchvision.datasets.MNIST, torchvision.datasets.FashionMNIST):
            monkeypatch.setattr(dataset, "mirrors", [url])
        yield folder
        server.shutdown()


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["usps", "pendigits", "coil20"])
def test_missing_files_are_downloaded(name, data_dir, site, tmp_path):
    shutil.copytree(data_dir / name, site, dirs_exist_ok=True)
    data = datasets.load(name, tmp_path / "fresh")
    assert data.x.shape == KNOWN[name][:2]
    files = [file for file in datasets.SHA256 if file.startswith(name)]
    assert files_below(tmp_path / "fresh") == sorted([name, *files])


def test_har_is_a_zip_inside_the_downloaded_zip(data_dir, site, tmp_path):
    with zipfile.ZipFile(site / "outer.zip", "w") as outer:
        outer.write(data_dir / "har/UCI HAR Dataset.zip", "UCI HAR Dataset.zip")
    assert datasets.load("har", tmp_path / "fresh").x.shape == (10_299, 561)
    assert files_below(tmp_path / "fresh") == ["har", "har/UCI HAR Dataset.zip"]


@pytest.mark.parametrize(["name", "folder"], [("mnist-test", "MNIST"), ("fashion", "FashionMNIST")])
def test_torchvision_downloads_mnist_and_fashion(name, folder, data_dir, site, tmp_path, monkeypatch):
    torchvision_dataset = getattr(torchvision.datasets, folder)
    resources = [(f"{path.name}.gz", None) for path in (data_dir / folder / "raw").iterdir()]
    monkeypatch.setattr(torchvision_dataset, "resources", resources)
    for path in (data_dir / folder / "raw").iterdir():
        (site / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    assert datasets.load(name, tmp_path / "fresh").x.shape == KNOWN[name][:2]
    files = [file for file in datasets.SHA256 if file.startswith(f"{folder}/")]
    assert files_below(tmp_path / "fresh") == sorted([folder, f"{folder}/raw", *files])


def test_fashion_is_found_where_debian_puts_it(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DEBIAN_FASHION", tmp_path)
    for path in (data_dir / "FashionMNIST/raw").iterdir():
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    assert datasets.load("fashion", tmp_path / "empty").x.shape == KNOWN["fashion"][:2]


@pytest.mark.parametrize("name", ["mnist", "fashion", "usps", "pendigits", "har", "coil20"])
def test_no_file_and_no_download_says_what_to_get_and_leaves_nothing(name, site, tmp_path):
    with pytest.raises(datasets.DatasetError) as caught:
        datasets.load(name, tmp_path / "fresh")
    message = str(caught.value)
    file = next(file for file in datasets.SHA256 if file.split("/")[0].lower().startswith(name))
    assert file.split("/")[-1] in message
    assert str((tmp_path / "fresh" / file).parent) in message
    assert "http://127.0.0.1" in message
    assert "\n" not in message
    assert not (tmp_path / "fresh").exists()


def test_a_download_that_is_not_the_published_file_is_refused_and_removed(site, tmp_path):
    (site / "pendigits.tra").write_bytes(b"1,2,3\n")
    with pytest.raises(datasets.DatasetError, match="not the published file"):
        datasets.load("pendigits", tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


@pytest.mark.parametrize("damage", ["cut", "changed", "no gzip", "bomb"])
def test_a_damaged_gz_file_is_refused(tmp_path, damage):
    packed = gzip.compress(bytes(1000))
    path = tmp_path / "MNIST/raw/t10k-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(
        {
            "cut": packed[:-9],
            "changed": packed[:-6] + b"xx" + packed[-4:],
            "no gzip": b"text",
            "bomb": gzip.compress(bytes(2**28)),
        }[damage]
    )
    with pytest.raises(datasets.DatasetError, match=r"ubyte\.gz is not the published file"):
        datasets.load("mnist-test", tmp_path)


def test_a_damaged_file_is_refused_and_kept(tmp_path):
    path = tmp_path / "pendigits/pendigits.tra"
    path.parent.mkdir()
    path.write_bytes(b"1,2,3\n")
    with pytest.raises(datasets.DatasetError, match="pendigits.tra is not the published file"):
        datasets.load("pendigits", tmp_path)
    assert path.read_bytes() == b"1,2,3\n"


X = np.array([[0, 100, 3], [1, 200, 4], [2, 300, 5], [3, 400, 7]], np.float32)


def write(path, content):
    path.write_text(content)
    return str(path)


TABLES = {
    "numbers alone": ("a.csv", "0,100,3\n1,200,4\n2,300,5\n3,400,7\n", None),
    "a header": ("a.csv", "age,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n", ("age", "height", "n")),
    "a header of numbers and words": (
        "a.csv",
        "2020,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n",
        ("2020", "height", "n"),
    ),
    "tabs": ("a.tsv", "age\theight\tn\n0\t100\t3\n1\t200\t4\n2\t300\t5\n3\t400\t7\n", ("age", "height", "n")),
    "semicolons": ("a.csv", "age;height;n\n0;100;3\n1;200;4\n2;300;5\n3;400;7\n", ("age", "height", "n")),
    "a byte order mark": ("a.csv", "\ufeffage,height,n\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n", ("age", "height", "n")),
    "quotes": (
        "a.csv",
        '"age, in years","height","n"\n0,100,3\n1,200,4\n2,300,5\n3,400,7\n',
        ("age, in years", "height", "n"),
    ),
}


@pytest.mark.parametrize("name, text, header", TABLES.values(), ids=TABLES)
def test_tables_are_read_with_and_without_a_header(tmp_path, name, text, header):
    data = datasets.load(write(tmp_path / name, text))
    assert np.array_equal(data.x, X) and data.x.dtype == np.float32
    assert data.y is None and data.label_names == () and data.scale == "standard"
    assert data.feature_names == header


def test_pandas_own_header_and_count_of_rows_are_no_data(tmp_path):
    frame = pd.DataFrame(X)
    frame.to_csv(tmp_path / "header.csv", index=False)
    with pytest.warns(UserWarning, match="the first line counts the columns, as pandas does: taken for a header"):
        data = datasets.load(str(tmp_path / "header.csv"))
    assert np.array_equal(data.x, X) and data.feature_names == ("0", "1", "2")
    for columns in (None, ["a", "b", "c"]):
        frame.set_axis(columns or range(3), axis=1).to_csv(tmp_path / "counted.csv")
        with pytest.warns(UserWarning, match="the first column has no name and counts the rows: left out"):
            data = datasets.load(str(tmp_path / "counted.csv"))
        assert np.array_equal(data.x, X) and data.feature_names == tuple(columns or "012")


def test_a_sample_without_a_label_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "x,c\n0,a\n1,\n2,b\n3,a\n")
    with pytest.raises(datasets.DatasetError, match="1 of 4 samples have no label"):
        datasets.load(path, label_column="c")


@pytest.mark.parametrize("column", ["kind", "1", "-3"])
def test_a_column_of_a_table_holds_the_classes(tmp_path, column):
    path = write(tmp_path / "a.csv", "age,kind,height,n\n0,dog,100,3\n1,cat,200,4\n2,dog,300,5\n3,ant,400,7\n")
    data = datasets.load(path, label_column=column)
    assert np.array_equal(data.x, X)
    assert data.label_names == ("ant", "cat", "dog") and data.y.tolist() == [2, 1, 2, 0]
    assert data.feature_names == ("age", "height", "n")


def test_classes_in_words_do_not_make_the_first_row_a_header(tmp_path):
    path = write(tmp_path / "a.csv", "0,100,3,dog\n1,200,4,cat\n2,300,5,dog\n3,400,7,cat\n")
    data = datasets.load(path, label_column="-1")
    assert np.array_equal(data.x, X) and data.y.tolist() == [1, 0, 1, 0]


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path):
    path = write(tmp_path / "a.csv", "x,c\n0,10\n1,9\n2,10\n3,2\n")
    data = datasets.load(path, label_column="c")
    assert data.label_names == ("2", "9", "10") and data.y.tolist() == [2, 1, 2, 0]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install pyarrow)")
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(kind=list("xyxy")).to_parquet(tmp_path / "a.parquet")
    data = datasets.load(str(tmp_path / "a.parquet"), label_column="kind")
    assert np.array_equal(data.x, X) and data.y.tolist() == [0, 1, 0, 1]


def test_h5ad(tmp_path):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed (pip install anndata)")
    cells = anndata.AnnData(X)
    cells.obs["kind"] = list("xyxy")
    cells.write_h5ad(tmp_path / "a.h5ad")
    data = datasets.load(str(tmp_path / "a.h5ad"), label_column="kind")
    assert np.array_equal(data.x, X) and data.y.tolist() == [0, 1, 0, 1]
    assert data.sample_names == ("0", "1", "2", "3")


ARRAYS = {
    "floats": (X, None, "standard"),
    "scaled floats": (X / 400, None, "none"),
    "bytes": (X.astype(np.int64).astype(np.uint8), None, "255"),
    "bits": (X.astype(np.int64).astype(np.uint8) % 2, None, "none"),
    "images": (np.arange(48, dtype=np.uint8).reshape(4, 3, 4), (3, 4), "255"),
    "scaled images": (np.arange(48).reshape(4, 3, 4) / 48, (3, 4), "none"),
    "colour images": (np.arange(144, dtype=np.uint8).reshape(4, 3, 4, 3), (3, 3, 4), "255"),
    "transparent images": (np.arange(320, dtype=np.uint8).reshape(4, 5, 4, 4), (4, 5, 4), "255"),
}


@pytest.mark.parametrize("array, image_shape, scale", ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_read(tmp_path, array, image_shape, scale):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array, y=["b", "a", "b", "a"])
    wanted = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array  # channels come first
    for name in ("a.npy", "a.npz"):
        data = datasets.load(str(tmp_path / name))
        assert np.array_equal(data.x, wanted.reshape(4, -1).astype(np.float32))
        assert (data.image_shape, data.scale) == (image_shape, scale)
    assert data.y.tolist() == [1, 0, 1, 0] and data.label_names == ("a", "b")


def test_numbers_in_three_directions_are_no_picture(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(480, dtype=np.float32).reshape(4, 5, 6, 4)[..., :2])
    data = datasets.load(str(tmp_path / "a.npy"))
    assert data.x.shape == (4, 60) and data.image_shape is None and data.scale == "standard"
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 2, 2, 2)))
    with pytest.raises(datasets.DatasetError, match="or images, got float64"):
        datasets.load(str(tmp_path / "a.npy"))


def test_a_photograph_is_read_as_the_camera_was_held(tmp_path):
    upright = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    for name, turned in (("a", upright), ("b", 255 - upright)):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees to the right
        Image.fromarray(np.rot90(turned).copy()).save(tmp_path / f"{name}.png", exif=exif)
    data = datasets.load(str(tmp_path))
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
    data = datasets.load(str(folder))
    assert np.array_equal(data.x.reshape(6, 3, 6, 8), pixels.transpose(0, 3, 1, 2))
    assert (data.image_shape, data.scale, data.label_names) == ((3, 6, 8), "255", ("cat", "dog"))
    assert data.y.tolist() == [0] * 4 + [1] * 2
    assert data.sample_names[0] == "cat/0.png"
    alone = datasets.load(str(folder / "cat"), image_size=(3, 4), grayscale=True)
    assert alone.x.shape == (4, 12) and alone.image_shape == (3, 4) and alone.y is None


def test_images_of_two_sizes_need_one(animals):
    folder, _ = animals
    Image.new("RGB", (5, 5)).save(folder / "dog/small.png")
    with pytest.raises(datasets.DatasetError, match="images must have one size.*0.png.*small.png.*--image_size"):
        datasets.load(str(folder))
    assert datasets.load(str(folder), image_size=(4, 4)).x.shape == (7, 48)


WRONG = {
    "words": ("a.csv", "age,name\n1,ann\n2,bob\n", "columns must be numbers, got name"),
    "a hole": ("a.csv", "age,height\n1,2\n3,\n", "row 1, column height is nan"),
    "infinity": ("a.csv", "1,2\n3,inf\n4,5\n", "row 1, column 1 is inf"),
    "nothing": ("a.csv", "", "a.csv is empty"),
    "a header alone": ("a.csv", "a,b\n", "a table must have rows"),
    "ragged rows": ("a.csv", "1,2\n3,4\n5,6,7\n", "a.csv cannot be read"),
    "no array": ("a.npy", "1,2", "a.npy cannot be read"),
    "no zip": ("a.npz", "1,2", "a.npz cannot be read"),
    "another kind": ("a.txt", "1,2", "a.txt must be a folder of images, or end in .npy"),
}


@pytest.mark.parametrize("name, text, message", WRONG.values(), ids=WRONG)
def test_files_that_are_no_data_are_refused(tmp_path, name, text, message):
    with pytest.raises(datasets.DatasetError, match=message):
        datasets.load(write(tmp_path / name, text))


def test_other_mistakes_are_refused(tmp_path, animals):
    path = write(tmp_path / "a.csv", "age,kind\n1,dog\n2,cat\n")
    with pytest.raises(datasets.DatasetError, match=r"--label_column sort is neither .* \(there: age, kind\)"):
        datasets.load(path, label_column="sort")
    np.savez(tmp_path / "two.npz", a=X, b=X)
    with pytest.raises(datasets.DatasetError, match="must hold an array x, and may hold labels y; it has a, b"):
        datasets.load(str(tmp_path / "two.npz"))
    np.save(tmp_path / "flat.npy", X[0])
    with pytest.raises(
        datasets.DatasetError, match=r"an array must hold numbers, \(n_samples, n_features\) or images, got"
    ):
        datasets.load(str(tmp_path / "flat.npy"))
    np.save(tmp_path / "objects.npy", np.array([[None, "a"]]))
    with pytest.raises(datasets.DatasetError, match="objects.npy cannot be read"):
        datasets.load(str(tmp_path / "objects.npy"))
    np.savez(tmp_path / "short.npz", x=X, y=[0, 1])
    with pytest.raises(datasets.DatasetError, match="one label a sample"):
        datasets.load(str(tmp_path / "short.npz"))
    folder, _ = animals
    (folder / "cat/1.png").write_bytes(b"not an image")
    with pytest.raises(datasets.DatasetError, match="1.png is not a readable image"):
        datasets.load(str(folder))
    long = PngInfo()
    long.add_text("comment", "a" * 2**21, zip=True)  # more than Pillow unpacks
    Image.fromarray(X.astype(np.uint8)).save(folder / "cat/1.png", pnginfo=long)
    with pytest.raises(datasets.DatasetError, match="1.png is not a readable image"):
        datasets.load(str(folder))
    (tmp_path / "empty").mkdir()
    with pytest.raises(datasets.DatasetError, match="empty has no images"):
        datasets.load(str(tmp_path / "empty"))
    with pytest.raises(datasets.DatasetError, match="minst is neither a dataset nor a file: did you mean mnist?"):
        datasets.load("minst")
