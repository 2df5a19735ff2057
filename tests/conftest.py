import os
from pathlib import Path

import pytest

from n2d import datasets


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real data, without which a test is skipped."""
    folder = Path(os.environ.get("N2D_DATA_DIR", "data"))
    missing = [file for file in datasets.SHA256 if not (folder / file).exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not in {folder}: set N2D_DATA_DIR to a folder with the downloaded datasets")
    return folder
