"""Entry point of the installed command `n2d`; outside the package, which another `n2d` may have replaced."""

import sys


def main():
    """Run the command, or report in one line that `import n2d` finds another package."""
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
