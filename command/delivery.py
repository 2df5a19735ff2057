"""What a run leaves in its save folder: whole files, listed with what each is, and none of an earlier run."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

RECORD = "metrics.json"  # its "files" are what the run wrote: what the next run may remove
WHAT = {  # in the order in which a person looks at them; {} is the name of the data
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
    "latent.npy": "the latent space",
    "embedding.npy": "the embedding that is clustered",
    "map.npy": "the coordinates of the map",
    "weights.safetensors": "the trained autoencoder",
    "refined.safetensors": "the same after the refinement",
    "tensorboard": "for TensorBoard",
}


class Delivery:
    """The files of one run.

    Parameters
    ----------
    folder : pathlib.Path
        The save folder.
    keep : path-like or None
        A file that may lie there and stays, whoever wrote it: the weights that this run has loaded.
    adds : bool
        Whether all that an earlier run wrote stays, and counts among its files beside these.
    """

    def __init__(self, folder, keep=None, adds=False):
        self.folder, self.names = folder, []
        recorded = files_of_run(folder)
        self.kept = recorded if adds else []
        self.earlier = {name for name in recorded if keep is None or not _is_same(folder / name, keep)} - {*self.kept}

    def wrote(self, name):
        """Count a file that was written to the folder at once."""
        if name not in self.names:
            self.names.append(name)

    @contextmanager
    def at_once(self):
        """A folder whose files go to the save folder when all of them are there; what is older goes away then."""
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
        """What was written, a line a file with what it is, and which to open first.

        Parameters
        ----------
        name : str
            Of the data.
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
    """Names of the files that an earlier run wrote to a folder; nothing outside of it, whatever its record says."""
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        return [name for name in names if name == Path(name).name and (folder / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_same(path, other):
    return path.exists() and Path(other).exists() and path.samefile(other)
