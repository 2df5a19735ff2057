"""Validate the inputs of Python programs: arrays, frames of pandas and polars, and tensors."""

import sys

import numpy as np
from sklearn.utils.validation import validate_data

from .samples import listed


def checked(model, x, reset=False, **requirements):
    """Validate x by `sklearn.utils.validation.validate_data`, with errors that name the columns of a frame.

    Parameters
    ----------
    model : scikit-learn estimator
    x : array-like of shape (n_samples, n_features)
        Tensors are detached and brought to the CPU.
    reset : bool
        Whether this is the x of a fit, whose number and names of features the model remembers.
    **requirements
        Of `validate_data`.

    Returns
    -------
    ndarray of float64, float32 or uint8, shape (n_samples, n_features)
        Not copied if x is an array of these, in C order.

    Raises
    ------
    ValueError
        If x holds anything but finite numbers, or has other features than that of the fit.
    """
    refuse_words(x)
    if "torch" in sys.modules and isinstance(x, sys.modules["torch"].Tensor):
        x = x.detach().cpu()
        x = x.float() if x.is_floating_point() and x.itemsize < 4 else x  # NumPy has no bfloat16
    try:
        return validate_data(model, x, dtype=[np.float64, np.float32, np.uint8], order="C", reset=reset, **requirements)
    except ValueError as error:
        if which := _columns_meant(error, x, getattr(model, "feature_names_in_", ())):
            raise ValueError(f"{which}\n{str(error).rstrip()}") from error
        raise


def refuse_words(x):
    """Refuse annotated data, and a pandas or polars frame with columns of words or dates; anything else passes.

    Raises
    ------
    ValueError
    """
    if hasattr(x, "obs_names"):
        raise ValueError("annotated data must be given to n2d.annotate, or as an array, such as its obsm['X_pca']")
    if not _is_frame(x):
        return
    odd = [name for i, (name, dtype) in enumerate(zip(x.columns, x.dtypes)) if not _has_numbers(x, i, dtype)]
    if odd:
        raise ValueError(f"columns must be numbers, got {listed(odd)}: encode or remove them")


def _is_frame(x):
    return hasattr(x, "columns") and hasattr(x, "dtypes")


def _column(x, i):
    return x.iloc[:, i] if hasattr(x, "iloc") else x[:, i]


def _has_numbers(x, i, dtype):
    kind = getattr(dtype, "kind", None)  # types of NumPy and pandas have a kind; those of polars have none
    if kind in ("i", "u", "f", "b"):
        return True
    if kind in ("m", "M") or kind is None and dtype.is_temporal():
        return False  # dates would become nanoseconds
    try:
        np.asarray(_column(x, i), np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _columns_meant(error, x, known):
    """Rephrase an error of scikit-learn's so that it names the columns of a frame; None for other errors.

    Parameters
    ----------
    error : ValueError
    x : array-like
    known : sequence of str
        The names of the fit.
    """
    if _is_frame(x) and "same order" in str(error):
        i, name, wanted = next((i, *pair) for i, pair in enumerate(zip(x.columns, known)) if pair[0] != pair[1])
        return f"column {i} must be {wanted}, got {name}"
    if _is_frame(x) and "contains NaN" in str(error):
        counts = [np.isnan(np.asarray(_column(x, i), np.float64)).sum() for i in range(len(x.columns))]
        where = listed(f"{name} ({count:,} of {len(x):,} rows)" for name, count in zip(x.columns, counts) if count)
        return f"values are missing in column {where}: fill them in, or leave these rows or columns out"
    return None
