import builtins
import os
import warnings

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from n2d.readers import files, samples
from n2d.readers.samples import DatasetError

X = np.array([[0, 100, 3], [1, 200, 4], [2, 300, 5], [3, 400, 7]], np.float32)


def read(path, **options):
    """The dataset in a file, and the notices."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


ARRAYS = {
    "floats": (X, None, "standard"),
    "scaled floats": (X / 400, None, "none"),
    "bytes": (X.astype(np.int64).astype(np.uint8), None, "255"),
    "bits": (X.astype(np.int64).astype(np.uint8) % 2, None, "none"),
    "images": (np.arange(48, dtype=np.uint8).reshape(4, 3, 4), (3, 4), "255"),
    "scaled images": (np.arange(288).reshape(4, 8, 9) / 288, (8, 9), "none"),
    "colour images": (np.arange(144, dtype=np.uint8).reshape(4, 3, 4, 3), (3, 3, 4), "255"),
    "transparent images": (np.arange(320, dtype=np.uint8).reshape(4, 5, 4, 4), (4, 5, 4), "255"),
}


@pytest.mark.parametrize("array, image_shape, scale", ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_read(tmp_path, array, image_shape, scale):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array, y=["b", "a", "b", "a"])
    wanted = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array  # channels come first
    for name in ("a.npy", "a.npz"):
        data = files.read(tmp_path / name)
        assert np.array_equal(data.x, wanted.reshape(4, -1).astype(np.float32))
        assert (data.image_shape, data.scale) == (image_shape, scale)
    assert data.y.tolist() == [1, 0, 1, 0] and data.label_names == ("a", "b")


def test_numbers_in_three_directions_are_no_picture(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(480, dtype=np.float32).reshape(4, 5, 6, 4)[..., :2])
    data = files.read(tmp_path / "a.npy")
    assert data.x.shape == (4, 60) and data.image_shape is None and data.scale == "standard"
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 2, 2, 2)))
    with pytest.raises(DatasetError, match="or images, got float64"):
        files.read(tmp_path / "a.npy")


rng = np.random.default_rng(0)
DIGITS = rng.integers(0, 17, size=(20, 8, 8))
GUESSES = {
    "standardised images": (rng.normal(size=(20, 28, 28)), (28, 28), "standard"),
    "images of 16 bits": (rng.integers(0, 4096, size=(20, 20, 9)).astype(np.uint16), (20, 9), "range"),
    "images of 16 bits up to 257": (rng.integers(0, 258, size=(20, 9, 9)).astype(np.uint16), (9, 9), "range"),
    "bytes as floats": (rng.integers(0, 256, size=(20, 5, 4)).astype(np.float32), (5, 4), "255"),
    "whole numbers up to 16": (DIGITS, (8, 8), "range"),
    "faint images": (DIGITS / 1e5, (8, 8), "range"),
    "series": (rng.normal(size=(20, 50, 3)), None, "standard"),
    "series in [0, 1]": (rng.random((20, 50, 3)), None, "none"),
    "colour images": (rng.random((20, 16, 20, 3)), (3, 16, 20), "none"),
}


@pytest.mark.parametrize("array, image_shape, scale", GUESSES.values(), ids=GUESSES)
def test_what_is_no_byte_is_scaled_by_its_own_range_and_is_no_picture_unless_something_says_so(
    tmp_path, array, image_shape, scale
):
    np.save(tmp_path / "a.npy", array)
    data, notices = read(tmp_path / "a.npy")
    assert (data.image_shape, data.scale) == (image_shape, scale)
    what = "images" if image_shape else f"{array[0].size} features"
    assert len(notices) == 1 and f"numbers a sample are taken for {what}" in notices[0]


NUMBERS = {
    "small": (rng.random((20, 4)) * 1e-4, "standard"),
    "in [-1, 1]": (rng.uniform(-1, 1, size=(20, 4)), "none"),
    "of length 1": (np.eye(20)[:, :19] * 0 + 1 / np.sqrt(19), "none"),
    "beyond 1": (rng.random((20, 4)) * 1.5, "standard"),
    "seconds": (1.7e9 + rng.normal(size=(20, 4)), "standard"),
}


@pytest.mark.parametrize("array, scale", NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_scaled_unless_they_fill_the_range_or_have_length_1(tmp_path, array, scale):
    np.save(tmp_path / "a.npy", array)
    data, _ = read(tmp_path / "a.npy")
    assert data.scale == scale
    assert np.array_equal(data.x, array if scale == "standard" else array.astype(np.float32))


def test_rows_of_zeros_among_vectors_of_length_1_change_no_scale_which_is_said(tmp_path):
    x = rng.normal(size=(240, 64))
    x = np.vstack([x / np.linalg.norm(x, axis=1, keepdims=True), np.zeros((12, 64))])
    np.save(tmp_path / "a.npy", x)
    data, notices = read(tmp_path / "a.npy")
    assert data.scale == "none" and samples.has_unit_length(data.x)
    assert notices == ["12 rows are all zeros; the others have length 1"]
    assert not samples.has_unit_length(np.zeros((3, 2))) and not samples.has_unit_length(x * 1.1)


def test_a_column_without_any_value_has_no_median_to_offer(tmp_path):
    np.save(tmp_path / "a.npy", np.where([True, False, True], X, np.nan))
    for options in ({}, {"missing": "median"}):
        with pytest.raises(DatasetError, match="column 1 has no value: leave it out$"):
            read(tmp_path / "a.npy", **options)


def arrays_in(path, **arrays):
    """Write arrays to a file of any kind."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".mat":
        scipy.io.savemat(path, arrays)
    elif path.suffix == ".zarr":
        zarr = pytest.importorskip("zarr", reason="zarr is not installed (pip install zarr)")
        group = zarr.open_group(path, mode="w")
        for name, array in arrays.items():
            group.create_array(name, data=np.asarray(array))
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)


@pytest.mark.parametrize("ending", ["npz", "mat", "h5", "zarr"])
def test_of_several_arrays_one_is_taken_which_is_said(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    arrays_in(path, x=X, y=[3, 1, 3, 1], more=X[:, :2])
    data, notices = read(path)
    assert np.array_equal(data.x, X) and data.label_names == ("1", "3") and data.y.tolist() == [1, 0, 1, 0]
    assert len(notices) == 1 and notices[0].startswith("of several arrays x is read, with labels y: ")
    assert data.left_out == ("array more",)
    assert np.array_equal(read(path, array="more")[0].x, X[:, :2])
    with pytest.raises(DatasetError, match=r"--array less is not there; it has .*x \(4, 3\)"):
        read(path, array="less")


@pytest.mark.parametrize("ending", ["npz", "mat", "h5", "zarr"])
def test_of_arrays_without_known_names_one_must_be_named(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    arrays_in(path, a=X, kind=[1.0, 2.0, 1.0, 1.0])
    data, _ = read(path, label_column="kind", array="a")
    assert np.array_equal(data.x, X) and data.label_names == ("1", "2")
    arrays_in(path.with_name(f"b.{ending}"), a=X, b=X)
    with pytest.raises(DatasetError, match=r"or --array=NAME must name one; it has .*b \(4, 3\)"):
        read(path.with_name(f"b.{ending}"))


def test_matlab_s_newer_files_are_turned_round(tmp_path):
    arrays_in(tmp_path / "a.h5", X=X.T, labels=np.array([[3, 1, 3, 1]]))
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM"
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["X"], file["labels"] = X.T, np.array([[3, 1, 3, 1]])
    with open(tmp_path / "a.mat", "r+b") as file:
        file.write(head)
    data, _ = read(tmp_path / "a.mat")
    assert np.array_equal(data.x, X) and data.y.tolist() == [1, 0, 1, 0]


def test_an_npz_is_read_where_the_system_does_not_say_its_memory(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=X)
    monkeypatch.delattr(os, "sysconf")  # Windows
    assert np.array_equal(files.read(tmp_path / "a.npz").x, X)


def test_labels_may_be_words_or_floats(tmp_path):
    arrays_in(tmp_path / "a.h5", x=X, y=["b", "a", "b", "a"])
    assert read(tmp_path / "a.h5")[0].label_names == ("a", "b")
    np.savez(tmp_path / "a.npz", x=X, y=[0.0, 1.0, 0.0, 10.0])
    assert read(tmp_path / "a.npz")[0].label_names == ("0", "1", "10")


def test_labels_that_no_file_takes_are_written_with_escapes(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=["caf\udce9", "b", "b", "\ud83d"])
    data, notices = read(tmp_path / "a.npz")
    assert data.label_names == ("b", r"caf\udce9", r"\ud83d")
    assert notices == [r"names that are not in UTF-8 are written with escapes: caf\udce9, \ud83d"]


@pytest.mark.parametrize("dtype", [np.float16, ">f4", ">i8", np.float64])
def test_arrays_of_any_kind_and_order(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.asfortranarray(X.astype(dtype)))
    assert np.array_equal(read(tmp_path / "a.npy")[0].x, X)


def test_a_package_that_is_not_there_is_named(tmp_path, monkeypatch):
    import_, missing = builtins.__import__, ("zarr", "anndata")

    def without(name, *arguments, **settings):
        if name in missing:
            raise ImportError(name)
        return import_(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without)
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.h5ad").touch()
    for ending, package in (("zarr", "zarr"), ("h5ad", "anndata")):
        with pytest.raises(DatasetError, match=rf"reading .{ending} needs {package} \(pip install {package}\)"):
            read(tmp_path / f"a.{ending}")


def test_a_sparse_matrix_of_scipy_s(tmp_path):
    scipy.sparse.save_npz(tmp_path / "a.npz", scipy.sparse.csr_matrix(X))
    data, notices = read(tmp_path / "a.npz")
    assert np.array_equal(data.x, X) and not notices


def test_arrays_deep_in_an_hdf5_file_are_found(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/b/c/points"] = X
    assert np.array_equal(read(tmp_path / "a.h5")[0].x, X)


@pytest.mark.parametrize("parts, way", [(("data", "indices", "indptr"), "scanpy"), (("data", "ir", "jc"), "save full")])
def test_a_sparse_matrix_in_hdf5_is_told_as_that(tmp_path, parts, way):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for part in parts:
            file[f"matrix/{part}"] = np.arange(3)
    with pytest.raises(DatasetError, match=f"it holds a sparse matrix: .*{way}"):
        read(tmp_path / "a.h5")
