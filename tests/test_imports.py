"""Which way imports go: the root, then command, then page, then method; readers know no other wing."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {  # each wing, and the modules of the root
    "method": {"models", "metrics"},
    "readers": set(),
    "page": {"method", "features.words", "readers.samples", "readers.image_files", "metrics", "visualize"},
    "features": {"method", "readers.samples", "readers.image_files"},
    "command": {"page", "features", "method", "readers", "datasets", "metrics", "models", "pipeline", "visualize"},
    "experiments": {"command", "method", "page.colors", "datasets", "metrics", "pipeline", "visualize"},
    "models": set(),
    "metrics": set(),
    "datasets": {"readers"},
    "visualize": {"page.colors", "readers.samples"},
    "parameters": {"method", "readers.samples", "readers.scales"},
    "pipeline": {"method", "page", "parameters", "readers.scales", "readers.inputs"},
    "n2d": {"command", "features", "method", "pipeline", "readers"},
}
WINGS = [name for name in MAY_IMPORT if (ROOT / name).is_dir()]
MODULES = sorted([*ROOT.glob("*.py"), *(path for wing in WINGS for path in (ROOT / wing).rglob("*.py"))])


def imported(path):
    """What a module imports of the project, by dotted names below its root."""
    here = path.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*here[: len(here) - node.level], *filter(None, (node.module or "").split("."))]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def is_in(name, folder):
    return f"{name}.".startswith(f"{folder}.")


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_imports_go_one_way(name):
    for path in MODULES:
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if is_in(own, name):
            wrong = [one for one in imported(path) if not any(is_in(one, to) for to in (name, *MAY_IMPORT[name]))]
            assert not wrong, own


def test_the_method_knows_neither_flags_nor_pictures_nor_the_users_files():
    for path in (ROOT / "method").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) (argparse|matplotlib|PIL|pandas)\b", path.read_text(), re.MULTILINE), (
            path
        )


def test_every_module_has_its_place():
    of_installation = {"setup", "__main__", "n2d_command"}
    assert {path.stem for path in ROOT.glob("*.py")} == {*MAY_IMPORT} - {*WINGS} | of_installation
    assert len(list(ROOT.glob("*.py"))) <= 10
    for folder in {path.parent for path in MODULES} - {ROOT}:
        assert len(list(folder.glob("*.py"))) <= 16, folder  # fifteen, and __init__.py
        said, *others = ast.parse((folder / "__init__.py").read_text()).body
        assert not others or folder.name == "features", folder  # which imports its two names when they are asked for
        assert said.value.value.count(". ") == 0, folder  # one sentence
    assert max(len(path.read_text().splitlines()) for path in MODULES) <= 400
