import numpy as np
import pytest
import torch

from n2d.method.autoencoder import scaling
from n2d.method.autoencoder.scaling import Scaling
from n2d.readers.scales import suitable_scale

SCALED = {
    "none": [[0, 10, 5], [255, 20, 5]],
    "minmax": [[0, 0, 0], [1, 1, 0]],
    "standard": [[-1, -1, 0], [1, 1, 0]],
    "255": [[0, 10 / 255, 5 / 255], [1, 20 / 255, 5 / 255]],
    "range": [[0, 10 / 255, 5 / 255], [1, 20 / 255, 5 / 255]],
}


@pytest.mark.parametrize("scale", SCALED)
def test_scales(scale):
    x = np.array([[0, 10, 5], [255, 20, 5]], np.float32)
    np.testing.assert_allclose(Scaling.fit(x, scale).apply(x), SCALED[scale], rtol=1e-6)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaling_is_that_of_the_whole_data(scale, monkeypatch):
    monkeypatch.setattr(scaling, "CHUNK", 7)
    x = np.random.default_rng(0).integers(0, 256, size=(50, 3), dtype=np.uint8)
    x[:, 2] = 5
    scaled = Scaling.fit(x, scale).apply(x)
    if scale == "standard":
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=1e-5)
    else:
        np.testing.assert_allclose([scaled.min(axis=0), scaled.max(axis=0)], [[0, 0, 0], [1, 1, 0]], atol=1e-6)


def test_seconds_of_the_unix_epoch_are_scaled_in_float64():
    x = 1.7e9 + np.random.default_rng(0).normal(0, 20, size=(1000, 1))
    for kind in ("standard", "minmax"):
        scaler = Scaling.fit(x, kind)
        near = Scaling.fit(x - 1.7e9, kind)
        np.testing.assert_allclose(scaler.apply(x), near.apply(x - 1.7e9), atol=1e-5)
        assert scaler.apply(x).dtype == np.float32 and len(np.unique(scaler.apply(x))) > 990
        batch, prepare = scaler.in_batches(x, "cpu")
        np.testing.assert_array_equal(prepare(torch.as_tensor(batch)), scaler.apply(x))


@pytest.mark.parametrize("kind", SCALED)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_batches_are_scaled_as_arrays_are(kind, dtype):
    x = np.random.default_rng(0).integers(0, 256, size=(40, 3)).astype(dtype)
    scaler = Scaling.fit(x, kind)
    batch, prepare = scaler.in_batches(x, "cpu")
    assert batch.dtype == (np.float32 if dtype == np.float64 else dtype)
    scaled = prepare(torch.as_tensor(batch)).numpy()
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, scaler.apply(x), rtol=1e-6)
    np.testing.assert_allclose(scaler.invert(scaled), x, atol=1e-4)


def test_counts_are_compared_by_their_shares():
    """A sample and the same ten times as long are one; the other has half of the sum that is the median."""
    x = np.array([[4, 0, 0, 4], [40, 0, 0, 40], [0, 2, 2, 0], [0, 0, 0, 0]], np.float32)
    fitted = Scaling.fit(x, "counts")
    scaled = fitted.apply(x)
    assert fitted.total == 8 and not fitted.is_uniform
    np.testing.assert_allclose(scaled[0], scaled[1], rtol=1e-6)
    logs = np.log1p([[4, 0, 0, 4], [4, 0, 0, 4], [0, 4, 4, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(scaled, (logs - logs.mean(axis=0)) / logs.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(fitted.invert(scaled), np.expm1(logs), atol=1e-5)
    np.testing.assert_array_equal(Scaling.fit(x.astype(np.float64), "counts").apply(x.astype(np.float64)), scaled)
    batches, prepare = fitted.in_batches(x, "cpu")
    np.testing.assert_array_equal(prepare(torch.as_tensor(batches)), scaled)


def test_many_counts_of_which_half_are_zero_are_told_from_other_numbers():
    counts = np.random.default_rng(0).poisson(0.3, size=(40, 60)).astype(np.float32)
    assert suitable_scale(counts) == "counts"
    assert suitable_scale(counts[:, :50]) == "standard"  # few
    assert suitable_scale(counts + 1) == "standard"  # none are zero
    assert suitable_scale(counts + 0.5 * (counts > 0)) == "standard"  # not whole
    assert suitable_scale(counts - 3 * (counts > 0)) == "standard"  # negative
    assert suitable_scale(np.minimum(counts, 1)) == "none"  # only 0 and 1
    assert suitable_scale(counts, image_shape=(6, 10)) == "range"
