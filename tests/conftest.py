import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

# A worker of pytest-xdist keeps to one core, before libraries count them: threads of several workers, each as many as
# there are cores, would wait for each other. numba may still start more where a test asks for them.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    cores, worker = sorted(os.sched_getaffinity(0)), int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    os.sched_setaffinity(0, {cores[worker % len(cores)]})
    os.environ.setdefault("NUMBA_NUM_THREADS", "4")

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from sklearn.datasets import make_blobs

import n2d
from n2d import datasets
from n2d.command.finished import corrections
from n2d.page import explorer, naming, profiles
from n2d.pipeline import N2D
from n2d.readers import files
from n2d.readers.samples import Dataset

SKIPPED = "n2d/skipped"  # key in pytest's cache: tests, and files of tests, that the last whole run skipped
skipped_now = set()
SCREENS = {"desk": {"width": 1400, "height": 900}, "phone": {"width": 390, "height": 844}}
KINDS = ("images", "table", "unlabelled")  # of data on a page


def pytest_addoption(parser):
    parser.addoption("--skipped", action="store_true", help="only what the last whole run skipped: after an install")


def pytest_runtest_logreport(report):
    if report.skipped:
        skipped_now.add(report.nodeid)


def pytest_collectreport(report):
    if report.skipped:
        skipped_now.add(report.nodeid)


def pytest_sessionfinish(session):
    is_whole = not (session.config.getoption("file_or_dir") or session.config.getoption("skipped"))
    has_cache = session.config.pluginmanager.hasplugin("cacheprovider")
    if is_whole and has_cache and "PYTEST_XDIST_WORKER" not in os.environ:
        session.config.cache.set(SKIPPED, sorted(skipped_now))


def pytest_collection_modifyitems(config, items):
    if config.getoption("skipped"):
        before = config.cache.get(SKIPPED, [])
        items[:] = [item for item in items if item.nodeid in before or item.nodeid.split("::")[0] in before]


@pytest.fixture(scope="session")
def data_dir():
    """Folder of the real datasets; a test is skipped without them."""
    folder = Path(os.environ.get("N2D_DATA_DIR", "data"))
    missing = [file for file in datasets.SHA256 if not (folder / file).exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not in {folder}: set N2D_DATA_DIR to a folder with the downloaded datasets")
    return folder


@pytest.fixture(scope="session")
def run():
    """Function that runs n2d.py in a new process, with given arguments, working folder and environment variables."""
    root = Path(n2d.__file__).parent

    def run(*arguments, cwd=root, **environment):
        command = [sys.executable, str(root / "n2d.py"), *arguments]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)

    return run


@pytest.fixture
def all_cores():
    """Let processes that the test starts use every core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, os.sched_getaffinity(os.getppid()))  # a worker's parent keeps to no core
    yield
    os.sched_setaffinity(0, mine)


@pytest.fixture(scope="session")
def blobs():
    """400 points with 12 features in four separate blobs, and the blob of each point."""
    x, y = make_blobs(400, n_features=12, centers=4, cluster_std=0.3, random_state=0)
    return x.astype(np.float32), y


@pytest.fixture(scope="session")
def quick():
    """Parameters with which a fit to the blobs takes a second."""
    sizes = {"n_clusters": 4, "n_autoencoders": 2, "pretrain_epochs": 2, "n_neighbors": 10, "gmm_restarts": 3}
    return sizes | {"random_state": 0}


@pytest.fixture(scope="session")
def fitted(blobs, quick):
    """N2D fitted quickly to the blobs."""
    return N2D(**quick).fit(blobs[0])


@pytest.fixture(scope="session")
def digits(tmp_path_factory, worker_id):
    """Save folder and printed output of a short run on scikit-learn's digits, which one worker runs for all."""
    basetemp = tmp_path_factory.getbasetemp()  # each worker has its own, in a common folder
    folder = (basetemp if worker_id == "master" else basetemp.parent) / "digits"
    folder.mkdir(exist_ok=True)
    printed = folder / "printed.txt"
    with FileLock(folder / "lock"):
        if not printed.exists():
            output = io.StringIO()
            with contextlib.chdir(folder), contextlib.redirect_stdout(output):
                n2d.main(["digits", "cpu", "--visualize", "--pretrain_epochs=10"])
            printed.write_text(output.getvalue())
    return folder / "runs/digits-n2d", printed.read_text()


def table_of(folder, name="clusters.csv"):
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def saved(path, folder, name="clusters.csv", **changes):
    """Write a file of corrections as the page saves it; return its path."""
    labels = table_of(folder, name)["cluster"].astype(int).to_numpy()
    found = {"n2d": "corrections", "title": "digits", "fingerprint": naming.fingerprint(labels)}
    found |= {"n_samples": len(labels), "n_clusters": int(labels.max()) + 1, "names": {}, "merged": {}, "marked": []}
    path.write_text(json.dumps(found | changes))
    return path


@pytest.fixture
def apply(capsys):
    """Function that applies a file of corrections to a run, and returns what `n2d.py apply` prints."""

    def apply(path, folder, *flags):
        corrections.main([str(path), str(folder), *flags])
        return capsys.readouterr().out

    return apply


@pytest.fixture
def refused(capsys):
    """Function that asserts that `n2d.py apply` ends with one line that says this, and code 2."""

    def refused(path, folder, message, *flags):
        with pytest.raises(SystemExit) as stopped:
            corrections.main([str(path), str(folder), *flags])
        error = capsys.readouterr().err
        assert stopped.value.code == 2 and error.count("\n") == 1 and message in error

    return refused


@pytest.fixture
def pictures():
    """Forty grey images of 4 x 5 pixels in two clusters; the mean of each image is its number."""
    x = np.repeat(np.arange(40.0, dtype=np.float32)[:, None], 20, axis=1)
    data = Dataset(x, np.arange(40) % 2, ("ant", "bee"), (4, 5), sample_names=tuple("abcdefgh" * 5))
    embedding = np.stack([np.arange(40) % 20, np.arange(40) // 20], axis=1).astype(np.float32)
    shown = {"confidence": np.linspace(1, 0.5, 40), "title": "Insects"}
    return data, embedding, np.arange(40) // 20, shown


@pytest.fixture(scope="session")
def insects():
    """Function that writes a page of forty samples, in two rows of one cluster each.

    Its arguments are one of `KINDS`, a path, other clusters, and changes to the samples or to the page. Sample 4, of
    cluster 0, is of the class of cluster 1. It returns the samples and the clusters.
    """

    halves = np.arange(40) // 20

    def insects(kind, path, labels=halves, **changes):
        names = tuple(f"file {i:02}.png" for i in range(40))
        near = np.full((40, 10), -1)
        near[:, :3] = (np.arange(40)[:, None] + [1, 2, 20]) % 40
        shown = {"confidence": np.linspace(1, 0.5, 40), "title": "Insects", "neighbors": near}
        if kind == "table":
            x = np.stack([np.arange(40.0), 100 - 50.0 * labels, np.ones(40)], axis=1)
            features = ("length", "weight", "legs")
            data = Dataset(x, 1 - labels, ("ant", "bee"), feature_names=features, sample_names=names)
            profile = {"description": ["high weight", "low weight"], "members": [[5, 6, 7], [25, 26, 27]]}
            shown |= {"profile": pd.DataFrame(profile), "outlier": np.linspace(0, 0.9, 40)}
        else:
            x = np.repeat(np.arange(40.0, dtype=np.float32)[:, None], 20, axis=1)
            data = Dataset(x, 1 - labels, ("ant", "bee"), (4, 5), sample_names=names)
            if kind == "unlabelled":
                data = dataclasses.replace(data, y=None, label_names=(), sample_names=None)
            shown["profile"] = profiles.profile(data, labels, 2)
        data = dataclasses.replace(data, **{name: changes.pop(name) for name in list(changes) if hasattr(data, name)})
        if data.y is not None:
            data.y[4] = data.y[39]
        clusters = naming.named(labels, 2, data.y, data.label_names)
        places = np.stack([np.arange(40) % 20, np.arange(40) // 20 * 5], axis=1).astype(np.float32)
        explorer.explore(data, places, clusters, path, **shown | changes)
        return data, clusters

    return insects


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, headless."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    if not (path := shutil.which("chromium")):
        pytest.skip("chromium is not installed (apt-get install chromium)")
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


def read(path, text=None, **options):
    """Return the dataset in a file, and the notices."""
    if text is not None:
        path.write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = files.read(path, **options)
    return data, [str(warning.message) for warning in caught]


class Opened:
    """An open page, with the actions of a user, and what went wrong on it: errors, dialogs, requests."""

    def __init__(self, browser, path, screen="desk", **settings):
        self.is_phone, self.screen = screen == "phone", SCREENS[screen]
        settings |= {"viewport": self.screen, "has_touch": self.is_phone, "is_mobile": self.is_phone}
        self.context = browser.new_context(**settings)
        self.page, self.wrong = self.context.new_page(), []
        self.page.set_default_timeout(10_000)
        self.page.on("request", lambda request: self._is_local(request.url))
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.goto(path.as_uri())
        self.wait_until("!!window.explorer")

    def _is_local(self, url):
        if not url.startswith(("file:", "blob:", "data:")):
            self.wrong.append(url)

    def wait_until(self, expression, seconds=10):
        """Wait until JavaScript is true, by asking again: the page forbids Playwright's `wait_for_function`."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"not true within {seconds} seconds: {expression}"
            self.page.wait_for_timeout(20)

    def reload(self):
        self.page.reload()
        self.wait_until("!!window.explorer")

    def cluster(self, number):
        """Return the row of a cluster in the panel."""
        return self.page.locator(f'.cluster[data-cluster="{number}"]')

    def labels(self):
        """Return the names on the map, once it is drawn."""
        self.wait_until("!explorer.map.due")
        return self.page.locator(".label")

    def place_of(self, index):
        """Return the position of a point of the map on the screen."""
        return self.page.evaluate(
            """i => {
            const box = document.getElementById('dots').getBoundingClientRect(), [x, y] = explorer.map.place(i);
            return [box.x + x, box.y + y];
        }""",
            index,
        )

    def press(self, index):
        """Click, or on a phone tap, a point of the map."""
        self.page.locator("#dots").scroll_into_view_if_needed()
        self.page.mouse.click(*self.place_of(index))

    def touch(self, index):
        """Tap a point of the map with a finger, not as `press`, and wait until it has left."""
        self.page.locator("#dots").scroll_into_view_if_needed()
        self.page.touchscreen.tap(*self.place_of(index))
        self.page.wait_for_timeout(100)

    def drag_over_the_map(self, mode="select a box"):
        self.page.get_by_role("radio", name=mode).click()
        box = self.page.locator("#plot").bounding_box()
        corners = [(0.02, 0.02), (0.98, 0.98)]
        if "lasso" in mode:
            corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
        first, *others = [
            (box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in corners
        ]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in others:
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up()

    def saved(self, button):
        """Click a button, and return the path of the file that it saves."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=button).click()
        return download.value.path()

    def listed(self):
        """Return the numbers of the samples in the gallery of images, or in the rows of a table."""
        tiles = "() => [...document.querySelectorAll('#gallery .tile, #rows tbody tr')].map(one => +one.dataset.point)"
        return self.page.evaluate(tiles)

    def visible(self):
        return self.page.evaluate("[...explorer.map.visible]")


@pytest.fixture
def opened(browser):
    """Function that opens a page; the test fails if anything has gone wrong on it at the end."""
    pages = []

    def opened(path, screen="desk", **settings):
        pages.append(Opened(browser, path, screen, **settings))
        return pages[-1]

    yield opened
    for one in pages:
        one.context.close()
        assert not one.wrong


@pytest.fixture(scope="module", params=[(kind, screen) for kind in KINDS for screen in SCREENS], ids="-".join)
def loaded(request, browser, insects, tmp_path_factory):
    """A page of each kind on each screen, loaded once."""
    kind, screen = request.param
    path = tmp_path_factory.mktemp("page") / "explore.html"
    data, clusters = insects(kind, path)
    one = Opened(browser, path, screen)
    one.kind, one.data, one.clusters = kind, data, clusters
    yield one
    one.context.close()


@pytest.fixture
def one(loaded):
    """The loaded page, reset to the state in which it was opened."""
    loaded.page.mouse.move(0, 0)
    loaded.page.evaluate("""() => {
        while (explorer.corrections.past.length) explorer.corrections.undo();
        explorer.clusters.last = null;
        explorer.clear(), explorer.colours.showAll(), explorer.map.whole(), explorer.point.hover(null);
        document.querySelector('[data-mode=pan]').click();
        document.getElementById('query').value = '';
        document.getElementById('sort').value = 'index';
        document.getElementById('colouring').value = 'cluster';
        document.getElementById('colouring').dispatchEvent(new Event('change'));
        window.scrollTo(0, 0);
    }""")
    yield loaded
    assert not loaded.wrong
