"""The command `n2d` of an installation, outside the package, which another one of the same name may have replaced."""

import sys


def main():
    """Run the command, or say in a line whose package `import n2d` finds."""
    try:
        from n2d import console
    except ImportError as error:
        print(
            f"n2d: error: `import n2d` finds another package ({error}), perhaps n2d of the package index, which is not "
            "this one: pip uninstall n2d, and install this one again",
            file=sys.stderr,
        )
        sys.exit(2)
    console()
