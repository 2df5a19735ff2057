"""The version of this project, in a module that imports nothing."""

__version__ = "1.0.0"
