"""Import packages that would take a module of this project for another package."""

import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def outside():
    """Hide the project's folder from imports: transformers would take our datasets.py for a package of that name.

    `python n2d.py` and `python -m pytest` put the folder at the head of the path of imports.
    """
    before = sys.path[:]
    sys.path[:] = [place for place in before if Path(place).resolve() != ROOT]
    try:
        yield
    finally:
        sys.path[:] = before
