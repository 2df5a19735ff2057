"""Install this folder as one package, n2d, of which n2d.py becomes the __init__.py.

In a checkout, and after `pip install -e`, n2d.py itself makes its folder the package.
"""

import re
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WINGS = ("command", "experiments", "features", "method", "page", "readers")
DEVELOPERS_ONLY = ("pytest", "ruff")  # of the packages in requirements.txt


class BuildPackage(build_py):
    """Copy the modules and data into the package, n2d.py as its __init__.py."""

    def run(self):
        """Build in an empty folder: setuptools would also pack modules that an older build left there."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def find_package_modules(self, package, package_dir):
        """Return all modules but the command, which lies beside the package."""
        return [module for module in super().find_package_modules(package, package_dir) if module[1] != "n2d_command"]

    def get_module_outfile(self, build_dir, package, module):
        """Return the path that a module is copied to."""
        return super().get_module_outfile(build_dir, package, "__init__" if module == "n2d" else module)


if "editable_wheel" in sys.argv:
    layout = {"py_modules": ["n2d", "n2d_command"]}
else:
    folders = [file.parent for wing in WINGS for file in sorted(Path(wing).rglob("__init__.py"))]
    packages = ["n2d", *(".".join(("n2d", *folder.parts)) for folder in folders)]
    layout = {"packages": packages, "package_dir": {"n2d": "."}, "py_modules": ["n2d_command"]}
    layout["cmdclass"] = {"build_py": BuildPackage}
requirements = Path("requirements.txt").read_text().split()
setup(
    version=re.search(r'^__version__ = "(.+)"$', Path("command/version.py").read_text(), re.MULTILINE)[1],
    script_name="setup.py",  # setup.py is no module of the package
    install_requires=[line for line in requirements if not line.startswith(DEVELOPERS_ONLY)],
    **layout,
)
