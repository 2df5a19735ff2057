"""One package, n2d: in a checkout, installed and installed with -e, whatever modules its user has."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sklearn.utils.fixes import parse_version

import n2d

ROOT = Path(__file__).parents[1]
WINGS = ("command", "experiments", "features", "method", "page", "readers")
FILES = {*ROOT.glob("*.py"), *(path for wing in WINGS for path in (ROOT / wing).rglob("*.py"))}
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES if path.stem != "__init__"}
MODULES -= {"n2d", "setup", "__main__", "n2d_command"}
THEIRS = ("datasets", "metrics", "models", "training")
SCRIPT = f"""
import importlib, os, site, sys

PATH, PACKAGE, MODULES = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.path.append(PATH) if PATH == PACKAGE else site.addsitedir(PATH)
import {", ".join(THEIRS)}
from n2d import N2D
from sklearn.datasets import load_digits

for name in MODULES:
    path = os.path.join(PACKAGE, *name.split(".")) + ".py"
    assert os.path.samefile(importlib.import_module("n2d." + name).__file__, path), name
for name in {THEIRS}:
    assert sys.modules[name].mine, name
x = load_digits().data[:100] / 16
model = N2D(10, pretrain_epochs=1, gmm_restarts=1, manifold_learner="none", random_state=0).fit(x)
assert len(model.labels_) == len(model.predict(x)) == 100
"""


def build(project, kind, folder):
    """What an installer puts into site-packages; `kind` is "wheel" or "editable"."""
    pytest.importorskip("setuptools", minversion="77")
    command = f"from setuptools import build_meta; build_meta.build_{kind}({os.fspath(folder)!r})"
    subprocess.run([sys.executable, "-c", command], cwd=project, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, where a module is left over from an older build."""
    folder = tmp_path_factory.mktemp("package") / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "build", "data", "runs", "__pycache__"))
    leftover = folder / "build" / "lib" / "n2d" / "leftover.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    return folder


@pytest.fixture(scope="module")
def installed(project, tmp_path_factory):
    return build(project, "wheel", tmp_path_factory.mktemp("wheel"))


def run_beside_own_modules(folder, path, package):
    for name in THEIRS:
        (folder / f"{name}.py").write_text("mine = True\n")
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, folder / "script.py", path, package, *sorted(MODULES)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_checkout_on_the_path_leaves_its_users_modules_alone(tmp_path):
    run_beside_own_modules(tmp_path, ROOT, ROOT)


def test_an_installation_leaves_its_users_modules_alone(installed, tmp_path):
    run_beside_own_modules(tmp_path, installed, installed / "n2d")


def test_an_editable_installation_is_the_checkout(project, tmp_path_factory, tmp_path):
    run_beside_own_modules(tmp_path, build(project, "editable", tmp_path_factory.mktemp("editable")), project)


def test_an_installation_has_all_modules_weights_and_architectures_and_no_more(installed):
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"n2d", "n2d_command.py"}
    package = installed / "n2d"
    elsewhere = {Path("setup.py"), Path("n2d.py"), Path("n2d_command.py")}
    needed = {path.relative_to(ROOT) for path in FILES} - elsewhere | {Path("__init__.py")}
    for folder in ("architectures", "page", "weights"):
        needed |= {path.relative_to(ROOT) for path in (ROOT / folder).iterdir() if path.is_file()}
    packed = {path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert packed == needed


def test_python_m_n2d_is_the_command(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.fspath(installed)}
    command = [sys.executable, "-m", "n2d", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("usage: n2d"), done.stderr


@pytest.mark.parametrize("start", [("-c", "import n2d_command; n2d_command.main()"), ("-m", "n2d")], ids=" ".join)
def test_another_package_of_the_name_is_told(installed, tmp_path, start):
    """As that of the package index, installed over this one."""
    package = shutil.copytree(installed, tmp_path / "site-packages") / "n2d"
    (package / "__init__.py").write_text("from .N2D import n2d\n")
    (package / "N2D.py").write_text("n2d = object()\n")
    environment = {**os.environ, "PYTHONPATH": os.fspath(package.parent)}
    done = subprocess.run([sys.executable, *start], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("n2d: error: `import n2d` finds another package (")
    assert done.stderr.count("\n") == 1


def test_the_versions_of_the_published_numbers_satisfy_the_requirements():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    exact = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = dict(line.lower().split(">=") for line in (ROOT / "requirements.txt").read_text().split())
    needed = {name for name in bounds if not name.startswith(("pytest", "ruff"))}
    assert needed <= set(exact)
    assert [name for name in needed if parse_version(exact[name]) < parse_version(bounds[name])] == []


def test_what_modules_import_is_in_the_requirements():
    """By name, and not only because another requirement happens to bring it along."""
    distributions = {"PIL": "pillow", "sklearn": "scikit-learn", "umap": "umap-learn"}
    # a run that needs one of them says so, or does without it
    optional = {
        "anndata",
        "distributed",
        "igraph",
        "leidenalg",
        "pillow_heif",
        "ray",
        "sentence_transformers",
        "timm",
        "zarr",
    }
    listed = set(re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for path in FILES - {ROOT / "setup.py"}:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
        foreign = {module.split(".")[0] for module in imported} - {
            "n2d",
            "n2d_command",
            *sys.stdlib_module_names,
            *optional,
        }
        assert {distributions.get(module, module) for module in foreign - optional} <= listed, path


def test_the_citation_names_the_version_of_the_package():
    assert f"\nversion: {n2d.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_version_is_that_of_the_command_and_of_what_is_installed(installed):
    command = [sys.executable, ROOT / "n2d.py", "--version"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == f"n2d {n2d.__version__}\n"
    (metadata,) = installed.glob("n2d_torch-*.dist-info/METADATA")
    assert f"\nVersion: {n2d.__version__}\n" in metadata.read_text()


QUICKLY = """
import runpy, sys

example = runpy.run_path(sys.argv[1])  # it finds the project by itself
sys.modules["n2d.method.clusters.n_clusters"].NUMBERS = (2, 3, 4)
example["N2D"].__init__.__kwdefaults__.update(pretrain_epochs=1, gmm_restarts=5)
example["main"]()
"""
LEAVES = {"new_points": "n2d-model-*/*.safetensors", "own_images": "*/map.png", "own_table": "*/clusters.csv"}


@pytest.mark.parametrize("example", sorted(path.stem for path in (ROOT / "examples").glob("*.py")))
def test_an_example_runs_in_a_checkout_from_any_folder(example, tmp_path):
    command = [sys.executable, "-c", QUICKLY, ROOT / "examples" / f"{example}.py"]
    environment = {**os.environ, "TMPDIR": os.fspath(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob(LEAVES[example]))
