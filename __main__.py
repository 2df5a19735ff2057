"""`python -m n2d`, once it is installed."""

from n2d_command import main

if __name__ == "__main__":
    main()
