"""Keep features in a folder while they are worked out, so that a run that was stopped goes on there."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

ARRAY, RECORD, PARTIAL = "features.npy", "features.json", ".features.npy"


class FeaturesError(ValueError):
    """Raised for a network that cannot be had, weights that are not its own, or samples that it cannot read."""


class Store:
    """The features of a run in its save folder: `features.npy`, and `features.json` with what made them.

    Until all are there, they are in `.features.npy`, and the record says how many rows are done.

    Parameters
    ----------
    folder : path-like
    made_by : dict
        What made the features, as JSON values: kept features of anything else are worked out anew.
    samples : str
        Fingerprint of the samples, see `fingerprint_of_files` and `fingerprint_of_texts`.
    """

    kept = False  # whether a run that stops now goes on with these features

    def __init__(self, folder, made_by, samples):
        self.folder = Path(folder)
        self.record = {"made_by": json.loads(json.dumps(made_by)), "samples": samples}

    def open(self, n_samples, n_features):
        """Return the rows, float32 (n_samples, n_features), to be written to, how many are done, and what is left out.

        Returns
        -------
        rows : ndarray
            A memory map.
        done : int
        left_out : dict of int to str
            Of these rows, those that cannot be read, and why.
        """
        known = self._known()
        is_ours = known.get("shape") == [n_samples, n_features] and (self.folder / PARTIAL).is_file()
        if is_ours:
            rows = np.load(self.folder / PARTIAL, mmap_mode="r+")
            Store.kept = known["done"] > 0
            return rows, known["done"], {int(i): why for i, why in known["left_out"].items()}
        self.forget(self.folder)
        shape = (n_samples, n_features)
        rows = np.lib.format.open_memmap(self.folder / PARTIAL, mode="w+", dtype=np.float32, shape=shape)
        self._write(shape=shape, done=0, left_out={}, is_complete=False)
        return rows, 0, {}

    def wrote(self, rows, done, left_out):
        """Record that the first `done` rows are written."""
        rows.flush()
        self._write(shape=rows.shape, done=done, left_out=left_out, is_complete=False)
        Store.kept = True

    def finish(self, rows, left_out):
        """Make the file complete, without the rows that are left out, and return it as a read-only memory map."""
        rows.flush()
        shape, kept = rows.shape, np.setdiff1d(np.arange(len(rows)), list(left_out))
        if left_out:
            fewer = self.folder / f"{PARTIAL}.part"
            out = np.lib.format.open_memmap(fewer, mode="w+", dtype=np.float32, shape=(len(kept), shape[1]))
            for start in range(0, len(kept), 10_000):
                out[start : start + 10_000] = rows[kept[start : start + 10_000]]
            out.flush()
            os.replace(fewer, self.folder / PARTIAL)
        os.replace(self.folder / PARTIAL, self.folder / ARRAY)
        self._write(shape=shape, done=shape[0], left_out=left_out, is_complete=True)
        Store.kept = False
        return np.load(self.folder / ARRAY, mmap_mode="r")

    def complete(self):
        """Return the features and what is left out, if all are there: an array and a dict; otherwise None."""
        known = self._known()
        if not known.get("is_complete"):
            return None
        try:
            found = np.load(self.folder / ARRAY, mmap_mode="r")
        except (OSError, ValueError):
            return None
        left_out = {int(i): why for i, why in known["left_out"].items()}
        n_samples, n_features = known["shape"]
        return (found, left_out) if found.shape == (n_samples - len(left_out), n_features) else None

    @staticmethod
    def forget(folder):
        """Remove all features that are kept in a folder."""
        for name in (ARRAY, RECORD, PARTIAL, f"{PARTIAL}.part"):
            (Path(folder) / name).unlink(missing_ok=True)

    def _known(self):
        """Return the record in the folder; empty if it is of other features, or damaged."""
        try:
            known = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            return known if {name: known[name] for name in self.record} == self.record else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _write(self, **state):
        partial = self.folder / f".{RECORD}"
        partial.write_text(json.dumps(self.record | state, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, self.folder / RECORD)


def fingerprint_of_files(paths):
    """Return a fingerprint of files: of their names, sizes and times."""
    found = hashlib.sha256()
    for path in paths:
        about = os.stat(path)
        found.update(f"{os.fspath(path)}\0{about.st_size}\0{about.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def fingerprint_of_texts(texts):
    """Return a fingerprint of strings."""
    found = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()


def fingerprint_of_tensors(tensors):
    """Return a fingerprint of a network's tensors, a dict by name, such as its `state_dict()`: names do not count."""
    import torch

    found = hashlib.sha256()
    for tensor in tensors.values():
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()
