"""Nearest neighbours of the samples, and of new points among them."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from ..autoencoder.scaling import STANDARDISED
from . import deformation
from .learners import WITH_GRAPH
from .neighbors import (
    DIRECTIONS,
    N_ALIKE,
    ROWS,
    closest,
    closest_among,
    directions,
    nearest_among,
    nearest_in_cells,
    nearest_neighbors,
    symmetric_graph,
)

N_COMPONENTS = 50  # principal components that wide features are compared by
PROJECTED = 20_000, 100  # samples, and features, from which their components propose neighbours: four times as fast
COMPONENTS_SAMPLE = 20_000  # samples that these are fitted to
RANKED = ("euclidean", "cosine", "correlation")  # metrics that re-rank the inputs of tables
GRAPH_NEIGHBORS = 20  # of the graph without UMAP, the sample itself included
CHUNK = 20_000  # samples that are reduced together


class Neighbourhood:
    """Nearest neighbours of samples: candidates from the latent space, re-ranked by the distance of the inputs.

    Where only directions count, in embeddings and other wide features, all samples are candidates: an autoencoder
    proposes badly there. Of more than 20,000 in more than 100 dimensions, nearly all of the nearest by 50 principal
    components are candidates (`nearest_in_cells`). Any other search among more than 100,000 is approximate.

    Parameters
    ----------
    latent : ndarray of float32, shape (n_samples, n_latent)
        Of the samples among which neighbours are searched for.
    inputs : ndarray of float32 or uint8, shape (n_samples, n_features), or None
        The same samples, not scaled yet; they may not be copied, so do not change them. None: the neighbours are those
        in the latent space.
    metric : str
        Distance in the latent space, and of inputs that are no images. With one that is not in `RANKED`, the neighbours
        are those in the latent space.
    n_candidates : int
        Neighbours in the latent space, or by principal components, that are re-ranked.
    image_shape : tuple of int or None
        (height, width) or (channels, height, width): inputs are compared by `deformation.pair_distances`.
    scaling : scaling.Scaling or None
        Of the inputs, before they are compared. Images, and features that are all scaled alike, are compared unscaled:
        the nearest neighbours are the same.
    reduces : bool
        More than 50 standardised features are compared by the cosine distance of their 50 principal components: the
        noise of many features that vary alike hides what few of them say together.
    n_jobs : int or None
        Threads, see `kernels.n_threads`.

    Attributes
    ----------
    latent : ndarray of float32
    inputs : ndarray of float32 or uint8, or None
        As they are compared: scaled, and of unit length where the metric looks at directions alone.
    components : PCA or None
        Of the scaled inputs, if they are reduced.
    knn : tuple of ndarray, or None
        Set by `find`: indices and distances of each sample's neighbours, itself first.
    """

    def __init__(
        self,
        latent,
        inputs=None,
        *,
        metric="euclidean",
        n_candidates=100,
        image_shape=None,
        scaling=None,
        reduces=False,
        n_jobs=None,
    ):
        self.latent, self.metric, self.n_candidates, self.image_shape = latent, metric, n_candidates, image_shape
        self.n_jobs, self.knn = n_jobs, None
        self._scaling = None if scaling is None or scaling.is_uniform or image_shape is not None else scaling
        compares = inputs is not None and (image_shape is not None or metric in RANKED)
        self.components = None
        is_standard = self._scaling is not None and self._scaling.kind in STANDARDISED
        if compares and reduces and is_standard and inputs.shape[1] > N_COMPONENTS:
            self.components = fit_components(inputs, self._scaling)
        self.inputs = self._comparable(inputs) if compares else None

    @property
    def compares_all(self):
        """Whether all samples are compared by the inputs."""
        of_directions = self.image_shape is None and (self.metric in DIRECTIONS or self.components is not None)
        return self.inputs is not None and of_directions

    @property
    def projects(self):
        """Whether samples and features are so many that candidates are the nearest by principal components."""
        return self.compares_all and len(self.latent) > PROJECTED[0] and self.inputs.shape[1] > PROJECTED[1]

    @property
    def ranks(self):
        """Whether candidates, from the latent space or by principal components, are re-ranked by the inputs."""
        return self.projects or self.inputs is not None and not self.compares_all

    def n_proposed(self, n_neighbors):
        """Return how many candidates are searched for to find so many neighbours."""
        return min(max(self.n_candidates, n_neighbors) if self.ranks else n_neighbors, len(self.latent) - 1)

    def propose(self, n_neighbors, track=iter):
        """Return the `n_proposed` nearest neighbours of each sample, see `nearest_neighbors`."""
        (space, metric), n_proposed = self._space, self.n_proposed(n_neighbors)
        if self.projects:
            return nearest_in_cells(project(fit_components(space), space), n_proposed, metric, self.n_jobs, track)
        return nearest_neighbors(space, n_proposed, metric, self.n_jobs, track)

    def rank(self, candidates, n_neighbors, track=iter):
        """Re-rank the candidates, and those of the nearest ones, by the distance of the inputs, see `closest`."""
        return closest(self.inputs, candidates[0], n_neighbors, self.image_shape, self.n_jobs, track)

    def find(self, n_neighbors, progress):
        """Find the nearest neighbours of each sample, so many with itself, and keep them as `knn`."""
        where = f"by the {self.distance}" if self.compares_all else "in the latent space"
        if self.projects:
            where = f"by {N_COMPONENTS} PCA components"
        with progress.stage("neighbours", f"{self.n_proposed(n_neighbors)} nearest of each sample {where}"):
            self.knn = self.propose(n_neighbors, progress.bar("searched", unit="part"))
        if self.ranks:
            with progress.stage("neighbours", f"re-ranked by the {self.distance}"):
                self.knn = self.rank(self.knn, n_neighbors, progress.bar("compared", unit="part"))

    @property
    def distance(self):
        """The distance of the inputs, in words."""
        if self.image_shape is not None:
            return "deformation-invariant distance"
        if self.components is not None:
            return f"cosine distance of {self.components.n_components} PCA components"
        return f"{self.metric} distance of the inputs"

    def graph(self, track=iter):
        """Return the 20 nearest neighbours of each sample and their symmetric graph, for use without UMAP.

        Returns
        -------
        knn : tuple of ndarray
        graph : sparse array, shape (n_samples, n_samples)
        """
        knn = self.propose(GRAPH_NEIGHBORS, track)
        if self.ranks:
            knn = self.rank(knn, GRAPH_NEIGHBORS)
        return knn, symmetric_graph(knn[0])

    def query(self, latent, inputs=None, rows=None, n_neighbors=N_ALIKE, track=iter):
        """Return the nearest samples of new points, searched for in the same way as the neighbours of samples.

        Parameters
        ----------
        latent : ndarray of float32, shape (n_points, n_latent)
        inputs : ndarray of float32 or uint8, shape (n_points, n_features), or None
            Not scaled yet. Not needed if those of the samples were not given.
        rows : ndarray of int, shape (n_rows,), or None
            Query these points alone; None is all.
        n_neighbors : int
        track : callable
            Wraps the iterable of parts of the points, to show progress.

        Returns
        -------
        indices, distances : ndarray, shape (n_points or n_rows, n_neighbors)
        """
        rows = np.arange(len(latent)) if rows is None else rows
        (space, metric), samples, n_proposed = self._space, self.inputs, n_neighbors
        ranks = self.ranks and not self.compares_all  # where all samples are compared, the nearest are found at once
        if ranks:
            n_proposed = max(self.n_candidates, n_neighbors)
            if self.image_shape is not None and len(rows) > ROWS:
                samples = deformation.prepare(samples, self.image_shape)  # once for all parts
        found = []
        for part in track(list(gen_batches(len(rows), ROWS))):  # inputs may be a memory map larger than the memory
            some = rows[part]
            points = None if samples is None else self._comparable(inputs[some])
            knn = nearest_among(points if self.compares_all else latent[some], space, n_proposed, metric, self.n_jobs)
            if ranks:
                knn = closest_among(points, samples, knn[0], n_neighbors, self.image_shape, self.n_jobs)
            found.append(knn)
        return tuple(np.concatenate(arrays) for arrays in zip(*found))

    @property
    def _space(self):
        """Where candidates are searched for, and the metric there."""
        return (self.inputs, "euclidean") if self.compares_all else (self.latent, self.metric)

    def _comparable(self, inputs):
        """Transform inputs so that Euclidean, or deformation-invariant, distances rank them as the metric does."""
        if self._scaling is not None:
            inputs = self._scaling.apply(inputs)
        elif inputs.dtype != np.uint8:
            inputs = inputs.astype(np.float32, copy=False)
        if self.components is not None:
            return normalize(project(self.components, inputs))
        if self.image_shape is not None or self.metric == "euclidean":
            return inputs
        return directions(inputs, self.metric)


def only_proposes(architecture, refine, manifold_learner, n_candidates, metric, image_shape):
    """Return whether the default autoencoder proposes neighbours, and nothing else of the clusters comes from it.

    The parameters are those of `parameters.Parameters`.
    """
    is_ranked = image_shape is not None or metric in ("auto", *RANKED)
    ranks = bool(n_candidates and is_ranked and manifold_learner in WITH_GRAPH)
    return ranks and architecture is None and refine is None


def fit_components(x, scaling=None):
    """Fit the 50 principal components of features, ndarray of shape (n_samples, n_features), after scaling if any."""
    if len(x) > COMPONENTS_SAMPLE:
        x = x[np.random.default_rng(0).choice(len(x), COMPONENTS_SAMPLE, replace=False)]
    with threadpool_limits(1):  # sums of several threads differ in their last bits
        return PCA(min(N_COMPONENTS, len(x)), random_state=0).fit(x if scaling is None else scaling.apply(x))


def project(components, x):
    """Return principal components of features, ndarray of shape (n_samples, n_features), a part at a time."""
    return np.concatenate([components.transform(x[rows]) for rows in gen_batches(len(x), CHUNK)])


def restore_components(components, mean):
    """Rebuild the PCA of a saved model, ready to transform."""
    pca = PCA(len(components))
    pca.components_, pca.mean_ = components, mean
    pca.explained_variance_ = np.ones(len(components))  # unused without whitening, but scikit-learn 1.6 reads it
    return pca
