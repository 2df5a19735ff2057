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
    """Embeddings of the same samples, for several neighbourhood sizes.

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
        One for each size, as `embed` returns them.
    graph : sparse array of shape (n_samples, n_samples), or None
        UMAP's neighbour graphs, each of total weight 1, added up; None with other learners.
    """

    def __init__(self, name, latent, sizes, progress, **settings):
        self.sizes, self.settings, self.learners, self.embeddings = sizes, settings, [], []
        for size in sizes:
            line = f"{name}, {latent.shape[1]} -> {settings['n_components']} dimensions, {size} neighbours"
            with progress.stage("manifold", line):
                learner, embedding = embed(name, latent, size, progress, **settings)
            self.learners.append(learner)
            self.embeddings.append(embedding)
        self.graph = None
        if name in learners.WITH_GRAPH:
            self.graph = sum(learner.graph_ / learner.graph_.sum() for learner in self.learners)

    def to_plane(self, index, progress):
        """Return one of the embeddings in two dimensions, float32 (n_samples, 2), or itself if it has no more.

        See `learners.to_plane`. Embeddings of other learners than UMAP stay as they are.
        """
        embedding = self.embeddings[index]
        if self.graph is None or embedding.shape[1] <= MAP_DIMS:
            return embedding
        settings = {name: self.settings[name] for name in ("min_dist", "random_state", "n_jobs")}
        with progress.stage("map", f"UMAP, {embedding.shape[1]} -> {MAP_DIMS} dimensions, to look at"):
            track = progress.bar("layout", unit="epoch")
            return learners.to_plane(self.learners[index], embedding, track=track, **settings)
