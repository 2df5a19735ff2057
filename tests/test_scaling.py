import numpy as np
import pytest

from n2d import scaling
from n2d.scaling import Scaling

SCALED = {
    "none": [[0, 10, 5], [255, 20, 5]],
    "minmax": [[0, 0, 0], [1, 1, 0]],
    "standard": [[-1, -1, 0], [1, 1, 0]],
    "255": [[0, 10 / 255, 5 / 255], [1, 20 / 255, 5 / 255]],
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
