"""What is done to the features before anything else: one offset and one factor each, fitted once."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

SCALES = ("none", "minmax", "standard", "255")
CHUNK = 20_000  # samples that are looked at together


@dataclass(frozen=True)
class Scaling:
    """(x - offset) * factor, of arrays and of batches on a device.

    Attributes
    ----------
    kind : {'none', 'minmax', 'standard', '255'}
    offset, factor : ndarray of float32, shape (n_features,), or scalars
    """

    kind: str
    offset: np.ndarray
    factor: np.ndarray

    @classmethod
    def fit(cls, x, kind):
        """Work out offset and factor.

        Parameters
        ----------
        x : ndarray of float32 or uint8, shape (n_samples, n_features)
        kind : {'none', 'minmax', 'standard', '255'}
            Nothing; each feature to [0, 1], or to mean 0 and variance 1; all divided by 255.

        Returns
        -------
        Scaling
        """
        if kind == "none":
            return cls(kind, np.float32(0), np.float32(1))
        if kind == "255":
            return cls(kind, np.float32(0), np.float32(1 / 255))
        if kind == "minmax":
            offset, spread = x.min(axis=0), np.ptp(x, axis=0)
        elif kind == "standard":
            scaler = StandardScaler()
            for rows in gen_batches(len(x), CHUNK):  # in float64, of which x may be too large to have a copy
                scaler.partial_fit(x[rows])
            offset, spread = scaler.mean_, scaler.scale_
        else:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {kind!r}")
        spread = np.where(spread > 0, spread, 1)  # a constant feature says nothing
        return cls(kind, offset.astype(np.float32), (1 / spread).astype(np.float32))

    @property
    def is_uniform(self):
        """Whether all features are scaled alike, so that what is nearest stays nearest."""
        return self.kind in ("none", "255")

    def apply(self, x):
        """Scale x, ndarray of shape (n_samples, n_features): float32."""
        return x.astype(np.float32, copy=False) if self.kind == "none" else (x - self.offset) * self.factor

    def invert(self, x):
        """Undo `apply`, up to rounding."""
        return x / self.factor + self.offset

    def on(self, device):
        """The same for batches, tensors on a device: a callable."""
        if self.kind == "none":
            return torch.Tensor.float
        offset, factor = (torch.as_tensor(value, device=device) for value in (self.offset, self.factor))
        return lambda batch: (batch - offset) * factor
