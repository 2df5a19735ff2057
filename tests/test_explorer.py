import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from n2d import explorer


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, without a screen."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    if not (path := shutil.which("chromium")):
        pytest.skip("chromium is not installed (apt-get install chromium)")
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


def bokeh_state(page, expression):
    return page.evaluate(f"(() => {{ const doc = Bokeh.documents[0]; return {expression}; }})()")


def place_of(page, index):
    """Where a point of the map is on the screen."""
    return bokeh_state(
        page,
        f"""(() => {{
        const view = Object.values(Bokeh.index)[0].child_views[0];
        const box = view.el.getBoundingClientRect(), frame = view.frame, source = view.model.renderers[0].data_source;
        const at = source.data.index.indexOf({index});
        return [box.x + frame.x_scale.compute(source.data.x[at]), box.y + frame.y_scale.compute(source.data.y[at])];
    }})()""",
    )


def test_the_page_explores_a_map_without_a_network(tmp_path, browser, pictures):
    data, embedding, groups, shown = pictures
    data = dataclasses.replace(data, sample_names=tuple("=bcdefgh" * 5))
    path = tmp_path / "explore.html"
    explorer.explore(data, embedding, groups, path, **shown)
    page = browser.new_page(viewport={"width": 1400, "height": 800})
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("window.Bokeh && Bokeh.documents.length && Object.keys(Bokeh.index).length")
    page.wait_for_timeout(500)

    page.mouse.move(*place_of(page, 25))  # a card with the image, the cluster and the name
    card = page.locator("div.card")
    card.wait_for()
    assert "cluster bee" in card.inner_text() and "name b" in card.inner_text() and "class bee" in card.inner_text()
    assert card.locator("img").get_attribute("src").startswith("data:image/png;base64,")

    source = "doc.roots()[0].children[0][0] ?? doc.roots()[0].children[0]"
    colors = bokeh_state(page, f"({source}).renderers[0].data_source.data.color")
    assert len(set(colors)) == 2
    page.locator("select").select_option("confidence")
    assert len(set(bokeh_state(page, f"({source}).renderers[0].data_source.data.color"))) > 10

    visible = f"({source}).renderers.map(r => r.visible)"
    assert bokeh_state(page, visible) == [True, True]
    legend = bokeh_state(
        page,
        """(() => {
        const view = Object.values(Bokeh.index)[0].child_views[0];
        const legend = view.children().find(v => v.model.type === 'Legend');
        const item = legend.el.shadowRoot?.querySelector('.bk-item') ?? legend.el;
        const box = item.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + Math.min(box.height / 2, 20)];
    })()""",
    )
    page.mouse.click(*legend)  # the first cluster hides
    page.wait_for_timeout(300)
    assert bokeh_state(page, visible) == [False, True]

    bokeh_state(page, f"({source}).renderers[0].data_source.selected.indices = [3, 25]")
    page.get_by_text("2 points selected").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the selection as CSV").click()
    selection = pd.read_csv(download.value.path())
    assert list(selection) == ["index", "cluster", "confidence", "class", "name"] and len(selection) == 2
    assert all(selection["class"] == np.array(data.label_names)[data.y[selection["index"]]])
    assert selection["name"].tolist() == ["'=", "b"]  # a spreadsheet would calculate the first
    assert not errors
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)
    page.close()


def test_the_page_of_many_points_is_a_sample_and_says_so(tmp_path, pictures):
    data, embedding, groups, shown = pictures
    explorer.explore(data, embedding, groups, tmp_path / "explore.html", **shown, max_points=15)
    text = (tmp_path / "explore.html").read_text()
    assert "15 of 40 points" in text and text.count("image-rendering:pixelated") == 15
