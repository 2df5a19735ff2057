import numpy as np

from n2d.page import colors, naming


def test_clusters_take_name_and_colour_of_the_class_they_are_matched_with():
    labels, y = np.array([2, 2, 2, 0, 0, 1]), np.array([0, 0, 0, 1, 1, 0])
    clusters = naming.named(labels, 3, y, ("ant", "bee"))
    assert clusters.names == ("bee", "ant #2", "ant") and clusters.captions == [
        "bee (cluster 0)",
        "ant #2 (cluster 1)",
        "ant (cluster 2)",
    ]
    np.testing.assert_array_equal(clusters.colors, colors.palette(3)[[1, 2, 0]])
    assert clusters.order.tolist() == [2, 0, 1]  # as the classes, and then what is left over


def test_a_cluster_that_is_mostly_of_another_class_than_the_matched_one_is_named_after_that():
    labels, y = np.repeat([0, 1, 2], 10), np.array([0] * 10 + [1] * 3 + [0] * 7 + [2] * 5 + [1] * 5)
    clusters = naming.named(labels, 3, y, ("boot", "sandal", "shirt"))
    assert clusters.names == ("boot", "boot #2", "shirt")  # half of the last is enough
    np.testing.assert_array_equal(clusters.colors, colors.palette(4)[[0, 3, 2]])
    assert clusters.order.tolist() == [0, 1, 2]  # the diagonal of the confusion matrix is the matching


def test_a_cluster_is_named_after_no_class_that_is_less_than_half_of_it():
    """The heeled boots of Fashion-MNIST, which were called Sandal."""
    y = np.array([0] * 10 + [1] * 4 + [2] * 3 + [3] * 3 + [2] * 10 + [3] * 10)
    labels = np.repeat([0, 1, 2, 3], 10)
    clusters = naming.named(labels, 4, y, ("Shirt", "Sandal", "Ankle boot", "Sneaker"))
    assert clusters.names == ("Shirt", "mixed: Sandal, Ankle boot, Sneaker", "Ankle boot", "Sneaker")
    assert clusters.captions[1] == "mixed: Sandal, Ankle boot, Sneaker (cluster 1)"
    assert not (clusters.colors[1] == colors.palette(4)).all(axis=1).any()  # nor has it the colour of one
    twice = naming.named(np.repeat([0, 1], 9), 2, np.tile([0, 1, 2], 6), ("a", "b", "c"))
    assert twice.names == ("mixed: a, b, c", "mixed: a, b, c #2")


def test_without_classes_a_cluster_is_a_number():
    clusters = naming.named(np.array([0, 1, 1]), 3)
    assert clusters.names is None and clusters.captions == ["cluster 0", "cluster 1", "cluster 2"]


def test_names_are_different_also_where_a_class_looks_like_the_name_of_a_second_cluster():
    labels, y = np.arange(8), np.array([0, 0, 0, 1, 1, -1, -1, 0])
    names = naming.named(labels, 8, y, ("cat", "cat #2")).names
    assert len(set(names)) == 8
    assert names[5:7] == ("unknown", "unknown #2")


def test_fewer_clusters_than_classes_have_the_names_of_some():
    assert naming.named(np.array([0, 0, 1, 1]), 2, np.array([0, 1, 2, 2]), ("a", "b", "c")).names in (
        ("a", "c"),
        ("b", "c"),
    )
