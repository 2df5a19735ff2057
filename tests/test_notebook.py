import numpy as np
import pandas as pd
import pytest

from n2d.pipeline import N2D


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
