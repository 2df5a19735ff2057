"""Where a training stands, on disk: it goes on there after it was stopped at any moment."""

import os
import time
from pathlib import Path

import torch
import torch.distributed as dist

from n2d.torchrun import processes


class Checkpoint:
    """Where a training stands, in a file from which the same training goes on after it was stopped at any moment.

    Parameters
    ----------
    path : path-like
    fingerprint : str
        Of all that the training depends on. A file with another one, or a damaged one, is not read.
    every : float
        Seconds between two writes.

    Attributes
    ----------
    state : dict or None
        What the file held.
    seconds : float
        That the training had taken when the file was written.
    running, kept : bool
    stop : int
        All of the class. `kept`: there is a file to go on from. While a training is `running`, a signal handler may
        set `stop` to the signal's number: the training finishes its step, writes it, and raises KeyboardInterrupt with
        that number.
    """

    running, stop, kept = False, 0, False

    def __init__(self, path, fingerprint, every=120.0):
        self.path, self.fingerprint, self.every = Path(path), fingerprint, every
        self.state, self.seconds = None, 0.0
        try:
            state = torch.load(self.path, weights_only=True)
            if state["fingerprint"] == fingerprint:
                self.state, self.seconds = state["state"], state["seconds"]
                Checkpoint.kept = True
        except MemoryError:  # it may be a good one, which a training from the start would replace
            raise
        except Exception:  # there is none, or whatever damaged bytes lead to
            pass
        if dist.is_initialized():  # the file may be on the first process's disk alone
            first = [self.state, self.seconds]
            dist.broadcast_object_list(first)
            self.state, self.seconds = first
        self._start = self._last = time.monotonic()

    def __enter__(self):
        """Begin the training."""
        Checkpoint.running = True
        return self

    def __exit__(self, *_):
        """End the training."""
        Checkpoint.running = False

    def is_due(self):
        """Whether it is time to write: the first of several processes decides."""
        is_due = Checkpoint.stop or time.monotonic() - self._last >= self.every
        if dist.is_initialized():
            first = torch.tensor([is_due, Checkpoint.stop], device="cuda" if dist.get_backend() == "nccl" else "cpu")
            dist.broadcast(first, 0)
            is_due, Checkpoint.stop = first.tolist()
        return bool(is_due)

    def write(self, state):
        """Write the state, a dict of what PyTorch saves: whole, on the disk, or not at all."""
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
