"""Write a run's files to its save folder: complete files only, each listed, and none left of an earlier run."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

RECORD = "metrics.json"  # its "files" lists what the run wrote, which the next run may remove
WHAT = {  # descriptions, in the order in which to look at the files; {} is the name of the data
    "explore.html": "the map to explore, in a browser",
    "clusters.csv": "the cluster of each sample",
    "clusters-original.csv": "the same, before it was corrected by hand",
    "{}-n2d.h5ad": "the annotated data, with clusters and map",
    "profile.csv": "size, confidence and description of each cluster",
    "clusters.png": "what is in each cluster",
    "profile.png": "what sets each cluster apart",
    "features.csv": "the features that set clusters apart, in figures",
    "terms.csv": "the words that set clusters apart, in figures",
    "{}-n2d.png": "the map",
    "{}-n2d-predicted.png": "the map, coloured by cluster",
    "confusion.png": "classes against clusters",
    "hierarchy.png": "which clusters are alike",
    "hierarchy.csv": "which clusters are merged first",
    "merged.csv": "the clusters of every smaller number",
    "metrics.json": "scores, times, arguments and versions",
    "n_clusters.png": "how stable each number of clusters is",
    "n_clusters.csv": "how stable each number of clusters is, in figures",
    "history.png": "the loss of each epoch",
    "history.csv": "the loss of each epoch, in figures",
    "stages.csv": "scores of each stage",
    "refinement.csv": "losses of the refinement",
    "raw.png": "the data, t-SNE",
    "autoencoder.png": "the latent space, t-SNE",
    "clustered_kld.png": "the refined latent space, t-SNE",
    "clustered_km.png": "the refined latent space, t-SNE",
    "reconstructions.png": "images, and what is decoded of them",
    "evolution.gif": "the latent space during the refinement",
    "eval_all.png": "all manifolds",
    "eval_all.csv": "scores of all clusterers on all manifolds",
    "features.npy": "the features of each sample",
    "features.json": "what made these features",
    "latent.npy": "the latent space",
    "embedding.npy": "the embedding that is clustered",
    "halves.npy": "the half of its cluster that each sample is in",
    "map.npy": "the coordinates of the map",
    "weights.safetensors": "the trained autoencoder",
    "refined.safetensors": "the same after the refinement",
    "tensorboard": "for TensorBoard",
}


class Delivery:
    """Record of the files that one run writes.

    Parameters
    ----------
    folder : pathlib.Path
        The save folder.
    keep : path-like or None
        A file that is never removed from the folder: the weights that this run has loaded.
    adds : bool
        Whether the files of an earlier run are kept, and recorded beside those of this one.
    """

    def __init__(self, folder, keep=None, adds=False):
        self.folder, self.names = folder, []
        recorded = files_of_run(folder)
        self.kept = recorded if adds else []
        self.earlier = {name for name in recorded if keep is None or not _is_same(folder / name, keep)} - {*self.kept}

    def wrote(self, name):
        """Record a file that was written directly to the save folder."""
        if name not in self.names:
            self.names.append(name)

    @contextmanager
    def at_once(self):
        """Yield a temporary folder; once its files are complete, move them to the save folder and remove older ones."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".report-") as new:
            yield Path(new)
            for path in sorted(Path(new).iterdir()):
                os.replace(path, self.folder / path.name)
                self.wrote(path.name)
        for name in self.earlier.difference(self.names):
            (self.folder / name).unlink(missing_ok=True)
        self.earlier = set()
        self._record()

    def _record(self):
        record = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        partial = self.folder / f".{RECORD}"
        files = [*self.names, *(name for name in self.kept if name not in self.names)]
        partial.write_text(json.dumps({**record, "files": files}, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, self.folder / RECORD)

    def listing(self, name):
        """List the files that were written, a line each with a description, and which to open first.

        Parameters
        ----------
        name : str
            Name of the data.
        """
        what = {pattern.replace("{}", name): text for pattern, text in WHAT.items()}
        files = sorted(self.names, key=list(what).index)
        wide = min(max(map(len, files)), 76 - max(map(len, WHAT.values())))  # a line has 80 columns
        lines = [f"written to {self.folder}{os.sep}:"]
        for file in files:
            start = f"  {file:<{wide}}" if len(file) <= wide else f"  {file}\n  {'':<{wide}}"
            lines.append(f"{start}  {what[file]}")
        return "\n".join([*lines, "", f"open this first: {self.folder / files[0]}"])


def files_of_run(folder):
    """Return the names of files that an earlier run recorded in a folder; paths outside of it are ignored."""
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        return [name for name in names if name == Path(name).name and (folder / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_same(path, other):
    return path.exists() and Path(other).exists() and path.samefile(other)
