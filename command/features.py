"""Work out the features of texts in a run, keep them in its folder, and read new texts as a model's."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from ..features.texts import WORDS, FeaturesError, TextFeatures
from ..readers import samples

FILE, RECORD = "features.npy", "features.json"
PART = 1024  # texts that a sentence model takes before they are kept
BETTER = "texts are compared by their words alone: a sentence model is better, --features=NAME (pip install '.[texts]')"


def work_out(parser, args, data, delivered, device="cpu"):
    """Work out the features of samples that are texts, and keep them in the save folder.

    Those of a sentence model go on where the same command was stopped.

    Parameters
    ----------
    parser : arguments.Parser
    args : argparse.Namespace
    data : samples.Dataset
    delivered : delivery.Delivery
    device : str
        PyTorch device of a sentence model.

    Returns
    -------
    data : samples.Dataset
        With the features as `x`; as it was if it has no texts.
    made : TextFeatures or None
        What made them.
    """
    if data.documents is None:
        return data, None
    from ..method.progress import Progress

    progress, network = Progress(True), args.features or WORDS
    made = TextFeatures(str(Path(network).resolve()) if Path(network).is_dir() else network, device=device)
    if network == WORDS:
        samples.notice(BETTER)
    try:
        with progress.stage("features", f"of {len(data.documents):,} texts, {network}"):
            made.fit(data.documents)
            record = record_of(made) | {"texts": hashlib.sha256("\0".join(data.documents).encode()).hexdigest()}
            rows = _kept_rows(made, record, data.documents, args.save_dir, progress, args.resume == "never")
    except FeaturesError as error:
        parser.error(str(error))
    delivered.wrote(FILE)
    delivered.wrote(RECORD)
    data = dataclasses.replace(data, x=rows, reading={**data.reading, "features": record_of(made)})
    if not np.ptp(rows, axis=0).any():
        parser.error(f"{args.dataset} has {len(rows)} texts that have the same words: there is nothing to cluster")
    tell_unknown(data, made)
    return data, made


def record_of(made):
    """Return what a saved model keeps of its features: what made them, in words and numbers for JSON."""
    return {"of": "texts", "network": made.network, "checksum": made.checksum_, "n_features": made.n_features_}


def tell_unknown(data, made):
    """Give a notice of texts of which nothing is known, and say where they end up."""
    if len(rows := np.flatnonzero(~made.is_known(data.documents))):
        what = "have no word that others have" if made.network == WORDS else "are empty"
        names = samples.listed(rows if data.sample_names is None else (data.sample_names[i] for i in rows))
        samples.notice(
            f"{len(rows):,} of {len(data.documents):,} texts {what} ({names}): each is put somewhere, with a "
            "confidence of 0 and an outlier score of 1"
        )


def mark_unknown(data, made, confidence, outlier):
    """Set the confidence of texts of which nothing is known to 0, and their outlier score to 1."""
    if made is not None:
        unknown = ~made.is_known(data.documents)
        confidence[unknown], outlier[unknown] = 0, 1


def of_new(parser, args, model, data):
    """Return new points with features as the samples of a saved model have them, and what made these, or None."""
    record = model.reading_.get("features")
    if record is None and data.documents is None:
        return data, None
    if record is None:
        parser.error(f"{args.dataset} has texts, and the model is of numbers")
    if data.documents is None:
        parser.error(f"{args.dataset} has no texts, and the model is of texts: give them, or --text_column")
    made = TextFeatures(record["network"])
    try:
        made.load(args.model_dir)
    except FeaturesError as error:
        parser.error(str(error))
    if made.checksum_ != record["checksum"]:
        parser.error(f"{record['network']} is another network than the one of the model: its checksum differs")
    tell_unknown(data, made)
    return dataclasses.replace(data, x=made.transform(data.documents)), made


def _kept_rows(made, record, texts, folder, progress, anew):
    """Return the features of texts, float32 (n_texts, n_features), after writing them and their record to a folder."""
    path, about = folder / FILE, folder / RECORD
    n_done = 0 if anew else _done(about, path, record, len(texts))
    if made.network == WORDS:
        rows = made.transform(texts)
        np.save(path, rows)
    else:
        shape = (len(texts), made.n_features_)
        mode = "r+" if n_done else "w+"
        rows = np.lib.format.open_memmap(path, mode, np.float32, None if n_done else shape)
        for start in progress.bar("texts", unit="part")(range(n_done, len(texts), PART)):
            rows[start : start + PART] = made.encode(texts[start : start + PART])
            rows.flush()
            _write(about, record | {"done": min(start + PART, len(texts))})
        unknown = np.flatnonzero(~made.is_known(texts))
        rows[unknown] = made.of_nothing(len(unknown))
        rows.flush()
        rows = np.array(rows)
    _write(about, record | {"done": len(texts)})
    return rows


def _done(about, path, record, n_texts):
    """Return how many rows an earlier run of the same texts and network has written."""
    try:
        kept = json.loads(about.read_text(encoding="utf-8"))
        shape = np.load(path, mmap_mode="r").shape
    except (OSError, ValueError):
        return 0
    is_same = {name: kept.get(name) for name in record} == record and shape == (n_texts, record["n_features"])
    return int(kept.get("done", 0)) if is_same else 0


def _write(path, record):
    partial = path.with_name(f".{path.name}")
    partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
