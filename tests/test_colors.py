import numpy as np
import pytest

from n2d.page import colors


def test_the_first_colours_of_many_are_those_of_few_and_all_can_be_told_apart():
    many = colors.palette(40)
    np.testing.assert_array_equal(many[:7], colors.palette(7))
    lab = colors._oklab(np.vstack([many[:, :3], [[1, 1, 1]]]))
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + np.eye(41)
    assert distance.min() > 0.08  # 0.02 is about what people see


@pytest.mark.parametrize("n", [2, 6, 10, 20])
def test_colours_differ_also_without_red_and_green(n):
    """Machado, Oliveira, Fernandes 2009: full deuteranopia and protanopia, in linear RGB."""
    found = colors.palette(n)
    assert found.shape == (n, 4)
    assert len(np.unique(found, axis=0)) == n
    if n > 10:  # beyond ten, names on the map have to help
        return
    linear = np.where(found[:, :3] <= 0.04045, found[:, :3] / 12.92, ((found[:, :3] + 0.055) / 1.055) ** 2.4)
    deuteranopia = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    protanopia = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    for simulate in (deuteranopia, protanopia):
        seen = np.clip(linear @ np.array(simulate).T, 0, 1) ** (1 / 2.2)
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(n)
        assert distance.min() > 0.08
