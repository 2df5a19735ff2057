"""Checkpoints of a training on disk, from which it resumes after it was stopped at any moment."""

import os
import time
import warnings
from pathlib import Path

import joblib
import torch
import torch.distributed as dist

from .torchrun import processes

FORMAT = 3
FILE = "n2d-checkpoint-{}.pt"


class Checkpoint:
    """A checkpoint file, from which the same training resumes after it was stopped at any moment.

    Parameters
    ----------
    path : path-like
    fingerprint : str
        Hash of all that the training depends on. A file with another one is not used. One that cannot be read is
        renamed to `path` and '.unreadable', with a warning.
    every : float
        Seconds between two writes.

    Attributes
    ----------
    state : dict or None
        Content of the file, in the host's memory; the training that restores it sets it to None.
    seconds : float
        Duration of the training up to when the file was written.
    running, kept : bool
    stop : int
        Attributes of the class. `kept`: there is a file to resume from. While a training is `running`, a signal handler
        may set `stop` to the signal's number: the training finishes its step, writes a checkpoint, and raises
        KeyboardInterrupt with that number.
    """

    running, stop, kept = False, 0, False

    def __init__(self, path, fingerprint, every=120.0):
        self.path, self.fingerprint, self.every = Path(path), fingerprint, every
        self.state, self.seconds = None, 0.0
        if processes()[0] == 0 and self.path.exists():  # it may be on the first process's disk alone
            self._read()
        if dist.is_initialized():
            first = [self.state, self.seconds]
            dist.broadcast_object_list(first)
            self.state, self.seconds = first
        self._start = self._last = self._asked = time.monotonic()
        self._pause = self._steps = 1

    def _read(self):
        try:
            held = torch.load(self.path, map_location="cpu", weights_only=True)
            if not isinstance(held, dict):
                raise TypeError
            fingerprint, state, seconds = held["fingerprint"], held["state"], held["seconds"]
        except MemoryError:  # the file may be good
            raise
        except Exception as error:  # whatever damaged bytes lead to
            aside = self.path.with_name(self.path.name + ".unreadable")
            os.replace(self.path, aside)
            reason = type(error).__name__
            warnings.warn(f"{self.path} cannot be read ({reason}): kept as {aside.name}, trained anew", stacklevel=3)
            return
        if fingerprint == self.fingerprint:
            self.state, self.seconds = state, seconds
            Checkpoint.kept = True

    def __enter__(self):
        """Begin the training."""
        Checkpoint.running = True
        return self

    def __exit__(self, *_):
        """End the training."""
        Checkpoint.running = False

    def is_due(self):
        """Return whether it is time to write. The first of several processes decides, about once a second."""
        now = time.monotonic()
        is_due = Checkpoint.stop or now - self._last >= self.every
        if dist.is_initialized():
            self._steps -= 1
            if self._steps > 0:
                return False
            a_second = int(self._pause / max(now - self._asked, 1e-9))  # in steps, all of which wait for the slowest
            pause = max(1, min(a_second, 2 * self._pause))
            device = "cuda" if dist.get_backend() == "nccl" else "cpu"
            first = torch.tensor([is_due, Checkpoint.stop, pause], device=device)
            dist.broadcast(first, 0)
            is_due, Checkpoint.stop, self._pause = first.tolist()
            self._steps, self._asked = self._pause, now
        return bool(is_due)

    def write(self, state):
        """Write the state, a dict that PyTorch can save, to disk: completely or not at all."""
        self._last = time.monotonic()
        if processes()[0] == 0:
            self._write(state, self.seconds + self._last - self._start)
        if Checkpoint.stop:
            raise KeyboardInterrupt(Checkpoint.stop)

    def _write(self, state, seconds):
        partial = self.path.with_name(self.path.name + ".part")
        try:
            with partial.open("wb") as file:
                torch.save({"fingerprint": self.fingerprint, "seconds": seconds, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
            Checkpoint.kept = True
        except OSError:  # a full disk
            partial.unlink(missing_ok=True)
            raise


class Checkpoints:
    """The checkpoints of the trainings of one fit.

    Parameters
    ----------
    folder : path-like or None
        None: no checkpoints, as for a fit without a seed, which starts from other weights each time.
    depends_on : tuple
        What every training of the fit depends on.
    progress : progress.Progress
        Is told how long a training had taken before it was stopped.
    """

    def __init__(self, folder, depends_on, progress):
        self.folder, self.depends_on, self.progress = folder, depends_on, progress

    def of(self, stage, name, *depends_on):
        """Return the checkpoint of a stage, in a file of this name, for a training that depends on the rest.

        Returns
        -------
        Checkpoint or None
        """
        if self.folder is None:
            return None
        fingerprint = joblib.hash((FORMAT, *depends_on, *self.depends_on))
        checkpoint = Checkpoint(Path(self.folder) / FILE.format(name), fingerprint)
        self.progress.seconds[stage] = self.progress.seconds.get(stage, 0.0) + checkpoint.seconds
        self.progress.resumed_seconds += checkpoint.seconds
        return checkpoint


def forget(folder):
    """Remove all checkpoints in a folder."""
    for file in Path(folder).glob(FILE.format("*")):
        file.unlink()
