"""Work out features batch by batch, in all processes of torchrun, and keep them as they come."""

import numpy as np

from ..method.autoencoder import torchrun
from ..method.progress import bar


def worked_out(embed, n_samples, n_features, *, batch_size=32, store=None, verbose=False):
    """Work out the features of samples, from where a stopped run was.

    Parameters
    ----------
    embed : callable
        A generator function: given a list of ranges of row numbers, it yields for each a pair: float32 (n_rows,
        n_features), and a dict of the row numbers that cannot be read, and why. It may look ahead in the list.
    n_samples, n_features, batch_size : int
    store : store.Store or None
        Where the features are kept; with torchrun, the first process needs one, the others need none.
    verbose : bool
        Whether a bar is shown.

    Returns
    -------
    rows : ndarray of float32, shape (n_samples - len(left_out), n_features)
    left_out : dict of int to str
        Row numbers of the samples that cannot be read, and why.
    """
    rank, n_processes = torchrun.processes()
    kept = store.complete() if store is not None else None
    if n_processes > 1:
        kept = torchrun.from_first(None if kept is None else (np.array(kept[0]), kept[1]))
    if kept is not None:
        return kept
    rows, done, left_out = np.empty((n_samples, n_features), np.float32) if store is None else None, 0, {}
    if store is not None:
        rows, done, left_out = store.open(n_samples, n_features)
    if n_processes > 1:
        done, left_out, before = torchrun.from_first((done, left_out, np.array(rows[:done])))
        rows[:done] = before
    batches = [range(start, min(start + batch_size, n_samples)) for start in range(done, n_samples, batch_size)]
    mine = embed(batches[rank::n_processes])
    with bar(description="features", total=n_samples, initial=done, unit=" samples", verbose=verbose) as shown:
        for first in range(0, len(batches), n_processes):
            part = next(mine) if first + rank < len(batches) else None
            for batch, (found, odd) in zip(batches[first:], torchrun.of_all(part)):
                rows[batch.start : batch.stop] = found
                left_out |= odd
                done = batch.stop
                shown.update(len(batch))
            if store is not None:
                store.wrote(rows, done, left_out)
    if store is not None:
        return store.finish(rows, left_out), left_out
    return np.delete(rows, list(left_out), axis=0) if left_out else rows, left_out
