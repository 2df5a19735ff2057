"""What a shell sees: flags, progress, reports and files of `n2d.py` and its subcommands."""
