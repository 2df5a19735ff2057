"""Pictures and texts, as rows of numbers that a trained network makes of them."""

_HOMES = {"ImageFeatures": "images", "TextFeatures": "texts"}


def __getattr__(name):
    """Import the two transformers only when they are asked for: they need PyTorch."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
