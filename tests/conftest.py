import os
from pathlib import Path

import numpy as np
import pytest

from n2d import datasets
from n2d.samples import Dataset


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real data, without which a test is skipped."""
    folder = Path(os.environ.get("N2D_DATA_DIR", "data"))
    missing = [file for file in datasets.SHA256 if not (folder / file).exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not in {folder}: set N2D_DATA_DIR to a folder with the downloaded datasets")
    return folder


@pytest.fixture
def pictures():
    """Forty grey images of 4 x 5, whose mean is their number, in two clusters."""
    x = np.repeat(np.arange(40.0, dtype=np.float32)[:, None], 20, axis=1)
    data = Dataset(x, np.arange(40) % 2, ("ant", "bee"), (4, 5), sample_names=tuple("abcdefgh" * 5))
    embedding = np.stack([np.arange(40) % 20, np.arange(40) // 20], axis=1).astype(np.float32)
    shown = {"names": ["ant", "bee"], "confidence": np.linspace(1, 0.5, 40), "title": "Insects"}
    return data, embedding, np.arange(40) // 20, shown
