"""Scaling of the features, the first step of all: one offset and one factor each, fitted once; of counts their logs."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

SCALES = ("none", "minmax", "standard", "255", "range", "counts")
STANDARDISED = ("standard", "counts")  # those that bring each feature to mean 0 and variance 1
CHUNK = 20_000  # samples that are scaled together


@dataclass(frozen=True)
class Scaling:
    """Scaling of features, (x - offset) * factor, for arrays and for batches on a device.

    Of counts, as of words in texts or of genes in cells, x is log(1 + count * total / sum of the sample): what matters
    is how often each occurs beside the others, not how long a text is or how deeply a cell was sequenced.

    Features in float64 are scaled in float64 before they become float32: of 1.7e9 and 1.7e9 + 20, seconds of the Unix
    epoch, float32 makes the same number.

    Attributes
    ----------
    kind : {'none', 'minmax', 'standard', '255', 'range', 'counts'}
    offset, factor : ndarray of float64, shape (n_features,), or scalars
    total : float or None
        To which the counts of each sample are brought: the median of their sums.
    """

    kind: str
    offset: np.ndarray
    factor: np.ndarray
    total: float | None = None

    @classmethod
    def fit(cls, x, kind):
        """Fit offset and factor to x.

        Parameters
        ----------
        x : ndarray of float64, float32 or uint8, shape (n_samples, n_features)
        kind : {'none', 'minmax', 'standard', '255', 'range', 'counts'}
            Nothing; each feature to [0, 1], or to mean 0 and variance 1; all divided by 255; all by one offset and one
            factor to [0, 1]; logs of counts, each feature to mean 0 and variance 1.

        Returns
        -------
        Scaling
        """
        if kind == "none":
            return cls(kind, np.float64(0), np.float64(1))
        if kind == "255":
            return cls(kind, np.float64(0), np.float64(1 / 255))
        total = None
        if kind == "minmax":
            offset, spread = x.min(axis=0), np.ptp(x, axis=0)  # of bytes: bytes
        elif kind == "range":
            offset = x.min()
            spread = x.max() - offset
        elif kind in STANDARDISED:
            if kind == "counts":
                sums = x.sum(axis=1, dtype=np.float64)
                total = float(np.median(sums[sums > 0])) if sums.any() else 1.0
            scaler = StandardScaler()
            for rows in gen_batches(len(x), CHUNK):  # in float64, of which x may be too large to have a copy
                scaler.partial_fit(x[rows] if total is None else _logs(x[rows], total))
            offset, spread = scaler.mean_, scaler.scale_
        else:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {kind!r}")
        spread = np.where(spread > 0, spread, 1)  # a constant feature says nothing
        return cls(kind, offset.astype(np.float64), (1 / spread).astype(np.float64), total)

    @property
    def is_uniform(self):
        """Whether all features are scaled alike, so that nearest neighbours stay the same."""
        return self.kind in ("none", "255")

    def apply(self, x):
        """Scale x, ndarray of float64, float32 or uint8, shape (n_samples, n_features): float32."""
        if self.kind == "none":
            return x.astype(np.float32, copy=False)
        if x.dtype != np.float64 and self.total is None:
            return (x - self.offset.astype(np.float32)) * self.factor.astype(np.float32)
        scaled = np.empty(x.shape, np.float32)
        for rows in gen_batches(len(x), CHUNK):
            part = x[rows] if self.total is None else _logs(x[rows], self.total)
            scaled[rows] = (part - self.offset) * self.factor
        return scaled

    def invert(self, x):
        """Undo `apply`, up to rounding; the counts of each sample stay brought to `total`."""
        x = x / self.factor + self.offset
        return (x if self.total is None else np.expm1(x)).astype(np.float32)

    def in_batches(self, x, device):
        """Return x and a function that scales its batches: float32 and bytes are never copied whole.

        Returns
        -------
        x : ndarray of float32 or uint8
            In float32, and scaled, if it was float64 or is counts.
        prepare : callable
            Scales rows of x, a tensor on the device, as `apply` does.
        """
        if x.dtype == np.float64 or self.kind in ("none", "counts"):
            return (self.apply(x) if x.dtype == np.float64 or self.kind == "counts" else x), torch.Tensor.float
        numbers = self.offset, self.factor
        offset, factor = (torch.as_tensor(value, dtype=torch.float32, device=device) for value in numbers)
        return x, lambda batch: (batch - offset) * factor


def _logs(x, total):
    """Return log(1 + x) of counts, ndarray (n_samples, n_features), each sample brought to this total: float64."""
    sums = x.sum(axis=1, keepdims=True, dtype=np.float64)
    return np.log1p(x * (total / np.where(sums > 0, sums, 1)))
