"""Tell from numbers alone how they should be scaled."""

import numpy as np

CHUNK = 20_000  # rows that are looked at together
FULL = 0.5  # numbers in [-1, 1], the largest magnitude above this, have already been scaled
SPARSE = 0.5  # share of counts that are 0, at least
WIDE = 50  # features that have counts of many things, more than


def suitable_scale(x, image_shape=None):
    """Choose the scale of numbers of which nothing else is known, ndarray of shape (n_samples, n_features).

    Numbers that fill [-1, 1] or [0, 1], and vectors of length 1, have been scaled already; standardising would blow up
    pixels that are seldom on. Numbers that are merely small have not been scaled. Of more than 50 counts of which half
    are 0, as of words in texts or of genes in cells, the logs are standardised, see `scaling.Scaling`.
    """
    low, high = float(x.min()), float(x.max())
    if -1 <= low and high <= 1:
        if max(-low, high) > FULL or has_unit_length(x):
            return "none"
    if image_shape is not None:
        return "range" if low >= 0 else "standard"
    is_sparse = x.shape[1] > WIDE and np.count_nonzero(x) <= (1 - SPARSE) * x.size
    return "counts" if is_sparse and x.dtype != np.uint8 and are_counts(x) else "standard"


def has_unit_length(x):
    """Whether all samples, ndarray (n_samples, n_features), are vectors of length 1, as embeddings of texts are.

    Rows of zeros, which an empty text may have, are ignored, unless all are zeros.
    """
    if x.dtype == np.uint8:
        return False
    parts = (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))
    lengths = np.concatenate([np.linalg.norm(part, axis=1) for part in parts])
    lengths = lengths[lengths > 0]
    return len(lengths) > 0 and np.allclose(lengths, 1, atol=1e-3)


def are_counts(x):
    """Whether an array, sparse or not, holds non-negative whole numbers, and not only 0 and 1."""
    values = x if isinstance(x, np.ndarray) else x.data
    return bool(values.size and values.min() >= 0 and values.max() > 1 and (values == np.rint(values)).all())
