"""Work out the features of texts for a run, or for new points of a saved model."""

from pathlib import Path

import numpy as np

from ..readers import samples
from . import rounds
from .store import FeaturesError, Store, fingerprint_of_texts
from .texts import WORDS, TextFeatures

PART = 1024  # texts whose features are kept together
BETTER = "texts are compared by their words alone: a sentence model is better, --features=NAME (pip install '.[texts]')"


def worked_out(network, texts, device, folder, verbose):
    """Work out the features of texts.

    Parameters
    ----------
    network : str or None
        See `texts.TextFeatures`; None: the words.
    texts : sequence of str, of n_texts
    device : str
        PyTorch device.
    folder : path-like or None
        Where the features are kept.
    verbose : bool

    Returns
    -------
    rows : ndarray of float32, shape (n_texts, n_features)
    unknown : ndarray of bool, shape (n_texts,)
        Texts of which nothing is known.
    made : texts.TextFeatures
    record : dict
        What made the features, as JSON values.

    Raises
    ------
    FeaturesError
        If there are none.
    """
    network = network or WORDS
    made = TextFeatures(str(Path(network).resolve()) if Path(network).is_dir() else network, device=device)
    made.fit(texts)
    record = {"of": "texts", "network": made.network, "checksum": made.checksum_, "n_features": made.n_features_}
    store = None if folder is None else Store(folder, record, fingerprint_of_texts(texts))

    def embed(batches):
        for batch in batches:
            yield made.rows(texts[batch.start : batch.stop]), {}

    settings = {"batch_size": PART, "store": store, "verbose": verbose}
    rows = np.array(rounds.worked_out(embed, len(texts), made.n_features_, **settings)[0])
    return *made.without_gaps(rows), made, record


def of_new(texts, record, folder):
    """Return the same of new points, of a saved model in a folder.

    Raises
    ------
    FeaturesError
        If its network is not there, or another.
    """
    made = TextFeatures(record["network"])
    made.load(folder)
    if made.checksum_ != record["checksum"]:
        raise FeaturesError(f"{record['network']} is another network than the one of the model: its checksum differs")
    return *made.without_gaps(made.rows(texts)), made, record


def tell_unknown(data, unknown, made):
    """Give a notice of texts of which nothing is known, and say where they end up."""
    if len(rows := np.flatnonzero(unknown)):
        what = "have no word that others have" if made.network == WORDS else "are empty"
        names = samples.listed(rows if data.sample_names is None else (data.sample_names[i] for i in rows))
        samples.notice(
            f"{len(rows):,} of {len(unknown):,} texts {what} ({names}): each is put somewhere, with a "
            "confidence of 0 and an outlier score of 1"
        )
