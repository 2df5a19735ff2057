import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from n2d.pipeline import N2D


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_fewer_clusters_are_unions_of_clusters_largest_first(fitted):
    assert np.array_equal(fitted.clusters(4), fitted.labels_)
    for k in (1, 2, 3):
        labels = fitted.clusters(k)
        sizes = np.bincount(labels)
        assert len(sizes) == k and (np.diff(sizes) <= 0).all()
        assert pd.crosstab(fitted.labels_, labels).gt(0).sum(axis=1).eq(1).all()
    with pytest.raises(ValueError, match="n_clusters must be 1 to 4, the number of clusters, got 5"):
        fitted.clusters(5)
    with pytest.raises(NotFittedError):
        N2D().clusters(2)


@pytest.mark.parametrize("parameters", [{"manifold_learner": "none"}, {"cluster": "KM"}, {"fit_samples": 200}])
def test_hierarchy_and_outliers_need_no_umap_and_no_mixture(blobs, fitted, parameters):
    x = np.concatenate([blobs[0], 30 * np.ones((1, 12), np.float32)])
    model = clone(fitted).set_params(**parameters).fit(x)
    assert model.hierarchy_.shape == (3, 4) and len(model.clusters(2)) == 401
    assert model.outlier_.shape == (401,) and model.outlier_[400] > 0.95 and model.outlier_.mean() < 0.3


def test_what_a_cluster_is_in_python(blobs, fitted):
    x, y = blobs
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(12)])
    model = clone(fitted).fit(frame)
    profile = model.profile(frame, names=[f"{'ant bee cow dog'.split()[i]} {j}" for j, i in enumerate(y)])
    assert list(profile) == ["size", "share", "confidence", "description", "members"]
    assert profile["description"].str.contains(r"(?:high|low) c\d+, .*words: (?:ant|bee|cow|dog)").all()
    assert fitted.profile(x)["description"].str.contains(r"(?:high|low) feature \d+").all()
    with pytest.raises(ValueError, match="x must be of the 400 samples of the fit, got 9"):
        fitted.profile(x[:9])
    with pytest.raises(ValueError, match="names must be of the 400 samples of the fit, got 1"):
        fitted.profile(x, names=["ant"])


def test_the_map_is_drawn_on_axes_with_every_cluster_named(fitted, axes):
    assert fitted.plot(ax=axes) is axes
    assert len(axes.collections[0].get_offsets()) == 400
    assert [text.get_text() for text in axes.texts] == [f"cluster {i}" for i in range(4)]
    plt.close(fitted.plot().figure)


def test_classes_and_names_on_the_map(blobs, fitted, axes):
    y = [["ant", "bee", "cow", None][i] for i in blobs[1]]
    with pytest.warns(UserWarning, match="have no label"):
        fitted.plot(y, ax=axes)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ant", "bee", "cow", "unknown"]
    axes.clear()
    fitted.plot(names=["$a$", "b", "c", "d"], ax=axes)
    assert axes.texts[0].get_text() == "$a$" and not axes.texts[0].get_parse_math()
    with pytest.raises(ValueError, match="names must be at least 4, one a group, got 1"):
        fitted.plot(names=["a"], ax=axes)
    with pytest.raises(ValueError, match="one label a sample"):
        fitted.plot(y[:9], ax=axes)


def test_a_notebook_shows_the_parameters_and_whether_it_is_fitted(fitted):
    before, after = N2D(7)._repr_html_(), fitted._repr_html_()
    assert "N2D" in before and "n_clusters" in before and "7" in before
    assert "Not fitted" in before and "Fitted" in after


def test_a_notebook_shows_the_page_in_its_place(fitted, blobs, tmp_path):
    page = fitted.explore(blobs[0], names=[f"blob {i}" for i in range(400)])
    shown = page._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and shown.count("<") == 2  # all of the page is escaped
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == page.text and "characters" in repr(page)


def test_frames_and_loaded_models_are_shown_too(fitted, blobs, quick, tmp_path):
    fitted.save(tmp_path)
    assert N2D.load(tmp_path).explore(blobs[0])._repr_html_()
    frame = pd.DataFrame(blobs[0], columns=[f"column {i}" for i in range(12)])
    model = N2D(**quick).fit(frame)
    assert model.explore(frame)._repr_html_()


@pytest.mark.parametrize(("n", "names"), [(399, None), (400, ["a"])])
def test_other_samples_are_refused(fitted, blobs, n, names):
    with pytest.raises(ValueError, match="400 samples of the fit"):
        fitted.explore(np.asarray(blobs[0][:n]), names=names)
