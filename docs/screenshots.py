"""Pictures of explore.html for the documentation: `python docs/screenshots.py`, after the tutorial's two runs.

It needs Debian's Chromium, and `pip install playwright`.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
OPEN_CLUSTER = "explorer.openCluster(3)"
SHOW_POINT = "const i = explorer.points.ofCluster.get(2).members[0]; explorer.click(i, ...explorer.map.place(i))"
PICTURES = (  # file, run, screen, colours, what is done on the page
    ("tutorial-explore.png", "handwriting", DESK, "light", (OPEN_CLUSTER,)),
    ("tutorial-explore-wine.png", "wine", DESK, "light", (OPEN_CLUSTER.replace("3", "0"),)),
    ("tutorial-explore-dark.png", "handwriting", PHONE, "dark", (SHOW_POINT,)),
)


def main(runs):
    """Write each picture into this folder, in 256 colours."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for file, run, screen, colours, steps in PICTURES:
            context = browser.new_context(viewport=screen, color_scheme=colours)
            page = context.new_page()
            page.goto((runs / f"{run}-n2d" / "explore.html").resolve().as_uri())
            page.wait_for_function("window.explorer")
            page.evaluate("explorer.thumbnails?.ready")
            for step in steps:
                page.evaluate(step)
            page.wait_for_timeout(500)  # the next frames draw it
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(256, dither=Image.Dither.NONE).save(HERE / file, optimize=True)
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
