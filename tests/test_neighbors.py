import numpy as np
import pytest

from n2d import datasets, manifold

neighbors = manifold.import_compiled("n2d.neighbors")
BOTH_WAYS = np.array([[0, 1], [1, 0]])


def stroke(shift=0, side=28):
    """An image with a short bright stroke, far from the border."""
    image = np.zeros((side, side), np.float32)
    image[8:20, 12 + shift : 15 + shift] = 1
    return image.ravel()


def distance(a, b, shape):
    both = np.stack([a, b])
    return neighbors.bent(both, both, *BOTH_WAYS, shape)


def slowly(a, b, warp):
    """The distance from a to b, (channels, height, width), pixel by pixel as in the paper."""
    _, height, width = a.shape
    border = warp + 2

    def gradients(image):
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1))).astype(float)
        rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
        columns = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
        both = np.concatenate([rows[:, :, 2:] - rows[:, :, :-2], columns[:, 2:] - columns[:, :-2]])
        return np.pad(both, ((0, 0), (border, border), (border, border)))

    a, b = gradients(a), gradients(b)
    moves = range(-warp, warp + 1)
    total = 0
    for row in range(border - 1, height + border + 1):
        for column in range(border - 1, width + border + 1):
            here = a[:, row - 1 : row + 2, column - 1 : column + 2]
            total += min(
                ((here - b[:, row + r - 1 : row + r + 2, column + c - 1 : column + c + 2]) ** 2).sum()
                for r in moves
                for c in moves
            )
    return total**0.5


@pytest.mark.parametrize("shape, warp", [((9, 10), 1), ((16, 17), 2), ((3, 16, 18), 2)])
def test_the_distance_is_the_papers(shape, warp):
    a, b = np.random.default_rng(0).random((2, *(1,) * (3 - len(shape)), *shape), np.float32)
    expected = max(slowly(a, b, warp), slowly(b, a, warp))
    np.testing.assert_allclose(distance(a.ravel(), b.ravel(), shape), expected, rtol=1e-4)


def test_an_image_that_is_moved_a_little_is_the_same_image():
    assert distance(stroke(), stroke(), (28, 28)).max() == 0
    assert distance(stroke(), stroke(shift=2), (28, 28)).max() < 1e-3
    assert distance(stroke(), stroke(shift=5), (28, 28)).min() > 1


def test_bytes_are_compared_like_floats():
    images = np.stack([stroke(), stroke(shift=5)])
    in_bytes = (images * 255).astype(np.uint8)
    of_floats = neighbors.bent(images, images, *BOTH_WAYS, (28, 28))
    np.testing.assert_allclose(neighbors.bent(in_bytes, in_bytes, *BOTH_WAYS, (28, 28)), 255 * of_floats, rtol=1e-5)


def test_large_images_are_averaged_before():
    large = [np.kron(stroke(shift=s).reshape(28, 28), np.ones((4, 4), np.float32)).ravel() for s in (0, 5)]
    np.testing.assert_allclose(distance(*large, (112, 112)), distance(stroke(), stroke(shift=5), (28, 28)), rtol=1e-5)


def test_a_long_and_narrow_image_keeps_its_short_side():
    a, b = np.random.default_rng(0).random((2, 100 * 3), np.float32)
    assert distance(a, b, (100, 3)).min() > 0 and distance(a, b, (3, 100)).min() > 0


def test_among_all_the_closest_are_the_nearest_neighbours():
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    candidates = manifold.nearest_neighbors(x, 60)[0]
    found, expected = neighbors.closest(x, candidates, 10), manifold.nearest_neighbors(x, 10)
    assert np.array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)


def test_the_input_decides_among_the_candidates_and_a_candidate_of_one_is_one_of_both(monkeypatch):
    monkeypatch.setattr(neighbors, "N_FRIENDS", 1)
    x = np.array([[0], [1], [3], [10]], np.float32)
    candidates = np.array([[0, 3, 2], [1, 2, 3], [2, 3, 0], [3, 2, 0]])
    indices, distances = neighbors.closest(x, candidates, 3)
    assert indices.tolist() == [[0, 2, 3], [1, 2, 3], [2, 1, 0], [3, 2, 1]]  # 1 was no candidate of 2, but 2 of 1
    assert distances.tolist() == [[0, 3, 10], [0, 2, 9], [0, 2, 3], [0, 7, 9]]


def test_neighbours_of_neighbours_are_found_though_they_were_no_candidates():
    x = np.array([[0], [1], [3], [10]], np.float32)
    candidates = np.array([[0, 3, 2], [1, 2, 3], [2, 3, 0], [3, 2, 0]])
    indices, distances = neighbors.closest(x, candidates, 3)
    assert indices.tolist() == [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 2, 1]]  # 0 and 1, by way of 2
    assert distances.tolist() == [[0, 1, 3], [0, 1, 2], [0, 2, 3], [0, 7, 9]]


def test_how_many_rows_are_compared_at_once_does_not_matter(monkeypatch):
    x = np.random.default_rng(0).integers(3, size=(90, 4)).astype(np.float32)  # many distances are equal
    candidates = manifold.nearest_neighbors(x[:, :2].copy(), 20)[0]
    at_once = neighbors.closest(x, candidates, 20)
    monkeypatch.setattr(neighbors, "ROWS", 7)
    for found, expected in zip(neighbors.closest(x, candidates, 20), at_once):
        assert np.array_equal(found, expected)


def test_a_new_point_finds_the_nearest_of_its_candidates():
    x = np.array([[0], [1], [3], [10], [20]], np.float32)
    new = np.array([[2], [18]], np.float32)
    indices, distances = neighbors.closest_among(new, x, np.array([[0, 3, 1], [1, 3, 0]]), 2)
    assert indices.tolist() == [[1, 0], [3, 1]]
    assert distances.tolist() == [[1, 2], [8, 17]]


def test_equal_points_are_neighbours_at_no_distance():
    x = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    indices, distances = neighbors.closest(x, manifold.nearest_neighbors(x, 8)[0], 4)
    assert np.array_equal(indices // 4, np.repeat(np.arange(3), 4)[:, None].repeat(4, axis=1))
    assert not distances.any()


def test_digits_that_are_alike_when_bent_are_of_the_same_class_more_often():
    data = datasets.load("digits")
    candidates = manifold.nearest_neighbors(data.x, 50)[0]

    def purity(image_shape):
        indices, _ = neighbors.closest(data.x, candidates, 11, image_shape)
        return (data.y[indices[:, 1:]] == data.y[:, None]).mean()

    assert purity(data.image_shape) > purity(None) + 0.005
