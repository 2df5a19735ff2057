import functools
import gzip
import http.server
import shutil
import threading
import zipfile

import numpy as np
import pytest
import torchvision

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


def test_a_name_that_is_nearly_one_of_the_registry_gets_a_hint():
    with pytest.raises(datasets.DatasetError, match="minst is neither a dataset nor a file: did you mean mnist?"):
        datasets.load("minst")


def test_a_path_is_read_as_the_users_own_file(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    assert np.array_equal(datasets.load(str(tmp_path / "a.npy")).x, np.eye(3))
