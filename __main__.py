"""`python -m n2d`, once it is installed."""

from n2d import console

if __name__ == "__main__":
    console()
