"""Result of the second step: embeddings of the samples, one for each neighbourhood size."""

import numpy as np

from . import learners

MAP_DIMS = 2  # of an embedding to look at


def embed(name, latent, n_neighbors, progress, **settings):
    """Fit a manifold learner to the latent space; return it and its embedding.

    Parameters
    ----------
    name : str
        See `learners.manifold_learner`.
    latent : ndarray of float32, shape (n_samples, n_latent)
    n_neighbors : int
    progress : progress.Progress
    **settings
        Of `learners.manifold_learner`.

    Returns
    -------
    learner : scikit-learn transformer
    embedding : ndarray of float32, shape (n_samples, n_components)
    """
    track = progress.bar("layout", unit="epoch")
    learner = learners.manifold_learner(name, n_neighbors=n_neighbors, track=track, **settings)
    return learner, learner.fit_transform(latent).astype(np.float32)


class Maps:
    """Embeddings of the same samples, for several neighbourhood sizes and seeds, made one by one.

    Parameters
    ----------
    name : str
        Of the manifold learner, see `learners.manifold_learner`.
    latent : ndarray of float32, shape (n_samples, n_latent)
    sizes : sequence of int
        Of the neighbourhoods.
    progress : progress.Progress
    **settings
        Of `learners.manifold_learner`.

    Attributes
    ----------
    sizes : sequence of int
    learners, embeddings : list
        One for each map that was made, as `embed` returns them.
    graph : sparse array of shape (n_samples, n_samples), or None
        UMAP's neighbour graphs of all sizes, each of total weight 1, added up; None with other learners.
    """

    def __init__(self, name, latent, sizes, progress, **settings):
        self.name, self.latent, self.sizes, self.progress, self.settings = name, latent, sizes, progress, settings
        self.learners, self.embeddings, self.graph, self._graphs = [], [], None, []
        if name in learners.WITH_GRAPH:
            with progress.stage("manifold", f"UMAP's graphs of {', '.join(map(str, sizes))} neighbours"):
                self._graphs = [learners.fuzzy_graph(settings["knn"], size) for size in sizes]
                self.graph = sum(graph / graph.sum() for graph in self._graphs)

    def make_next(self):
        """Embed with the next size, and after the last one with the first and another seed; return the embedding."""
        (n_before, index), settings = divmod(len(self.embeddings), len(self.sizes)), dict(self.settings)
        if n_before:
            settings["random_state"] = (settings["random_state"] + n_before) % 2**32
        if self.name == "UMAP":
            settings["graph"] = self._graphs[index]
        n_dimensions = f"{self.latent.shape[1]} -> {settings['n_components']} dimensions"
        with self.progress.stage("manifold", f"{self.name}, {n_dimensions}, {self.sizes[index]} neighbours"):
            made = embed(self.name, self.latent, self.sizes[index], self.progress, **settings)
        for kept, new in zip((self.learners, self.embeddings), made):
            kept.append(new)
        return made[1]

    def to_plane(self, index):
        """Return one of the embeddings in two dimensions, float32 (n_samples, 2), or itself if it has no more.

        See `learners.to_plane`. Embeddings of other learners than UMAP stay as they are.
        """
        embedding = self.embeddings[index]
        if self.graph is None or embedding.shape[1] <= MAP_DIMS:
            return embedding
        settings = {name: self.settings[name] for name in ("min_dist", "random_state", "n_jobs")}
        with self.progress.stage("map", f"UMAP, {embedding.shape[1]} -> {MAP_DIMS} dimensions, to look at"):
            track = self.progress.bar("layout", unit="epoch")
            return learners.to_plane(self.learners[index], embedding, track=track, **settings)
