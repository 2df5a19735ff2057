"""N2D as a scikit-learn estimator: autoencode, embed, cluster."""

import math
import numbers
from functools import partial
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state

from . import models
from .method import persistence, progress
from .method.autoencoder import refine, training, weights
from .method.autoencoder.checkpoint import Checkpoint
from .method.autoencoder.scaling import Scaling
from .method.clusters import clustering, confidence, hierarchy, n_clusters, outliers
from .method.manifold import learners, neighbors
from .method.manifold.neighbors import Neighbourhood
from .of_points import OfPoints
from .page.views import Views
from .parameters import MAP_DIMS, MIN_SAMPLES, Parameters
from .readers.samples import has_unit_length

CHECKPOINT = "n2d-checkpoint-{}.pt"
FORMAT = 3  # of checkpoints
N_TRACKED = 1000  # points whose way through the refinement is kept for its picture
CONFIDENCE_NEIGHBORS = 20  # the sample itself included, where there is no graph


class N2D(OfPoints, Views, ClusterMixin, Parameters):
    """(Not Too) Deep clustering.

    Train an autoencoder on the data, refine it with a clustering loss if asked to, learn the manifold of its latent
    space, cluster the manifold. New points are encoded, find their neighbours among the samples as these found theirs,
    and are what the ten nearest are: on the manifold they lie between them, and they go to the cluster that most of
    them belong to.

    The parameters are those of `parameters.Parameters`; what it makes of points is in `of_points.OfPoints`.

    Attributes
    ----------
    autoencoder_ : models.Ensemble
    scaling_ : scaling.Scaling
        What the autoencoder sees of x: ``scaling_.apply(x)``.
    seed_ : int
        Of all stages, from `random_state`.
    history_ : list of lists of float
        Reconstruction loss of each epoch, for each autoencoder; empty if the weights were loaded.
    n_iter_ : int
        Epochs that each autoencoder was trained for here.
    batch_size_ : int
        Of the training.
    refine_history_ : list of dict
        For each epoch of the refinement its losses, and the share of points that changed their cluster.
    evolution_ : ndarray of float32, shape (n_epochs + 1, n_tracked, n_latent)
        What the refinement did to at most 1000 random points, those of `tracked_`. Only with `refine`.
    pretrained_latent_ : ndarray of float32, shape (n_samples, n_latent)
        The latent space before the refinement. Only with `refine`.
    latent_ : ndarray of float32, shape (n_samples, n_latent)
        n_latent is n_autoencoders times the latent dimensions of one.
    embedding_ : ndarray of float32, shape (n_samples, n_components)
        What is clustered.
    map_ : ndarray of float32, shape (n_samples, 2)
        What is looked at: UMAP's layout of the same graph in two dimensions, see `manifold.flat`; or `embedding_`, if
        it has no more of them, or comes from another learner.
    labels_ : ndarray of int, shape (n_samples,)
        0 is the largest cluster, the next one is 1, and so on.
    confidence_ : ndarray of float, shape (n_samples,)
        The share of each sample's neighbourhood that is in its cluster, 0 to 1: of its weight in `graph_`, or without
        one of the 20 nearest in the latent space, the mean over the best fits of each map, see `confidence.of_samples`.
        Of a sample that was placed among those of the fit, see `predict`.
    reach_ : float
        All but a hundredth of the samples have the tenth of their nearest, themselves the first, within this distance.
    outlier_ : ndarray of float, shape (n_samples,)
        How little each sample belongs anywhere, 0 to 1: whether it is farther from its neighbours than is common where
        these are, see `outliers.fit`.
    hierarchy_ : ndarray of float, shape (n_clusters_ - 1, 4)
        Which clusters are merged first, a linkage as SciPy has it, see `hierarchy.merges`.
    n_clusters_ : int
    scan_ : list of dict, or None
        With n_clusters='auto': the figures of each number that was tried, see `n_clusters.scan`.
    metric_ : str
        Distance in the latent space: `metric`, or what 'auto' stands for.
    manifold_, clusterer_ : fitted scikit-learn estimators
        The clusterer is k-means, of the inputs, if `is_of_inputs`.
    sample_ : ndarray of int, or slice
        The samples that manifold and clusters were learnt from.
    knn_ : tuple of ndarray, or None
        Indices, into these samples, and distances of each one's nearest neighbours, itself first; None with other
        learners than UMAP.
    neighbourhood_ : neighbors.Neighbourhood
        Latent space and inputs of these samples, among which those of new points are looked for.
    graph_ : sparse matrix of shape (n_samples, n_samples), or None
        UMAP's neighbour graphs of these samples, each of total weight 1, added up over
        `n_neighbors`; None with other learners.
    modularity_ : float or None
        How well that graph supports the clusters, see `clustering.support`.
    seconds_ : dict
        Wall-clock time of the stages 'pretrain', 'refine', 'encode', 'neighbours', 'manifold', 'scan', 'cluster', 'map'
        and 'place'.
    resumed_seconds_ : float
        Of these, what the training had taken before it was stopped and called again.

    References
    ----------
    McConville et al., "N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of an Autoencoded Embedding",
    ICPR 2020, arXiv:1908.05968.
    """

    def fit(self, x, y=None):
        """Cluster x, array-like of shape (n_samples, n_features). y is ignored."""
        self.fit_autoencoder(x).fit_refinement(x).fit_latent(x).fit_neighbors(x).fit_clusters(x)
        self.forget_checkpoints()
        return self

    def fit_transform(self, x, y=None):
        """Cluster x and return `embedding_`. y is ignored."""
        return self.fit(x).embedding_

    def fit_autoencoder(self, x):
        """First stage of `fit`: train the autoencoder, or load its weights."""
        x = self._checked(x, reset=True, ensure_min_samples=MIN_SAMPLES)
        self.validate(x)
        self.warn_of_units(x)
        self.scaling_ = Scaling.fit(x, self.scale)
        self.metric_ = self.metric
        if self.metric == "auto":
            self.metric_ = "cosine" if self.image_shape is None and has_unit_length(x) else "euclidean"
        self.seconds_, self.resumed_seconds_ = {}, 0.0
        is_seed = isinstance(self.random_state, numbers.Integral)
        self.seed_ = self.random_state if is_seed else check_random_state(self.random_state).randint(2**31 - 1)
        self.network_ = (x.shape[1], *models.HIDDEN_DIMS, self.n_latent)
        self.batch_size_ = self.batch_size or training.BATCH_SIZE
        if self.architecture is not None:
            self.network_ = models.read_architecture(self.architecture)
            self.batch_size_ = self.batch_size or self.network_.batch_size
        if self.ae_weights is not None:
            ensemble, _ = weights.load_weights(self.ae_weights, self.network_)
        else:
            ensemble = models.Ensemble(self.network_, self.n_autoencoders, seed=self.seed_)
        if ensemble[0].n_features != x.shape[1]:
            raise models.ArchitectureError(
                f"{self.architecture} is for samples of {ensemble[0].n_features} features, got {x.shape[1]}"
            )
        self.autoencoder_ = ensemble.to(self.device)
        self.history_, self.n_iter_ = [], 0
        if self.ae_weights is None:
            self._pretrain(x)
        return self

    def _pretrain(self, x):
        x, prepare = self.scaling_.in_batches(x, self.device)
        self.n_iter_ = self.pretrain_epochs
        if self.n_iter_ is None:
            self.n_iter_ = training.default_epochs(len(x))
        network = self.autoencoder_[0].line
        with self._stage("pretrain", f"{self.n_autoencoders} x {self.n_iter_} epochs of {network}"):
            for i, (autoencoder, seed) in enumerate(zip(self.autoencoder_, self.autoencoder_.seeds), start=1):
                depends_on = seed, self.n_iter_, str(self.network_), self.scale, self._distorted, x
                losses = training.pretrain(
                    autoencoder,
                    x,
                    epochs=self.n_iter_,
                    seed=seed,
                    description=f"autoencoder {i}/{self.n_autoencoders}",
                    callback=self.callback and partial(self.callback, i),
                    checkpoint=self._checkpoint("pretrain", i, *depends_on),
                    prepare=prepare,
                    **self._training_settings(),
                )
                self.history_.append(losses)

    def fit_refinement(self, x):
        """Second stage of `fit`, if there is a clustering loss: train the autoencoder with it."""
        if self.refine is None:
            return self
        if self.reconstruction_weight and not self.autoencoder_.decodes:
            raise weights.WeightsError(
                f"{self.ae_weights} is a small copy without a decoder, and the reconstruction loss beside "
                f"{self.refine} needs one: give the whole weights, or a reconstruction weight of 0"
            )
        with self._stage("encode", "before the refinement"):
            self.pretrained_latent_ = self.encode(x)
        x, prepare = self.scaling_.in_batches(self._checked(x), self.device)
        settings = (self.refine, self.refine_epochs, self.cluster_weight, self.reconstruction_weight, self.refine_tol)
        depends_on = *settings, self._distorted, self.n_clusters, self.seed_, self.pretrained_latent_
        rng = np.random.default_rng(self.seed_)
        self.tracked_ = rng.choice(len(x), min(N_TRACKED, len(x)), replace=False)
        with self._stage("refine", f"{self.refine}, at most {self.refine_epochs} epochs"):
            _, self.refine_history_, self.evolution_ = refine.refine(
                self.autoencoder_,
                x,
                n_clusters=self.n_clusters,
                loss=self.refine,
                epochs=self.refine_epochs,
                cluster_weight=self.cluster_weight,
                reconstruction_weight=self.reconstruction_weight,
                tol=self.refine_tol,
                seed=self.seed_,
                tracked=self.tracked_,
                checkpoint=self._checkpoint("refine", *depends_on),
                prepare=prepare,
                **self._training_settings(),
            )
        return self

    def fit_latent(self, x):
        """Third stage of `fit`: encode x."""
        with self._stage("encode", f"{self.n_features_in_} -> {self.autoencoder_.n_latent} dimensions"):
            self.latent_ = self.encode(x)
        return self

    def fit_neighbors(self, x):
        """Fourth stage of `fit`: find the neighbours of the samples that manifold and clusters are learnt from."""
        n_samples = len(self.latent_)
        x = self._checked(x)
        self.sample_, self.scan_ = slice(None), None
        if self.fit_samples is not None and self.fit_samples < n_samples:
            self.sample_ = np.random.default_rng(self.seed_).choice(n_samples, self.fit_samples, replace=False)
        self.n_clusters_ = None if self.n_clusters == "auto" else self.n_clusters
        if self.n_clusters_ is None:
            self._scan(x)
        self.neighbourhood_, self.knn_ = self.find_neighbors(self.latent_[self.sample_], x[self.sample_])
        return self

    def fit_clusters(self, x):
        """Last stage of `fit`: embed the latent space, cluster the embedding, and place what was left out of it."""
        x = self._checked(x)
        found = self.embed_and_cluster(self.neighbourhood_, self.knn_)
        self.graph_, self.manifold_, self.embedding_, fit = found
        self.clusterer_ = fit.clusterer
        self.labels_ = clustering.unite_equal(x[self.sample_], fit.labels)
        self.modularity_ = None if self.graph_ is None else clustering.support(self.graph_, self.labels_)[0]
        self.map_ = self._map()
        self._measure(fit.rivals)
        others = np.setdiff1d(np.arange(len(self.latent_)), np.arange(len(self.latent_))[self.sample_])
        if len(others):
            with self._stage("place", f"{len(others):,} samples among the {self.fit_samples:,}"):
                track = self._bar("placed", unit="part")
                self._place(others, self.neighbourhood_.of_points(self.latent_, x, others, track=track))
        self._number_by_size()
        return self

    def forget_checkpoints(self):
        """Remove from `checkpoint_dir` what a training left there to go on from; `fit` does so at its end."""
        if self.checkpoint_dir is not None:
            for file in Path(self.checkpoint_dir).glob(CHECKPOINT.format("*")):
                file.unlink()

    def save(self, folder):
        """Write the fitted model to a folder, which `load` reads; see `persistence.save`."""
        persistence.save(self, folder)

    @classmethod
    def load(cls, folder, device="cpu"):
        """The model that `save` wrote to a folder, ready to predict.

        Parameters
        ----------
        folder : path-like
        device : str
            Where the autoencoder is to live.

        Raises
        ------
        ModelError
            If the folder holds no model, or a damaged one.
        """
        return persistence.load(cls, folder, device)

    def __sklearn_tags__(self):
        """What scikit-learn should know about the estimator."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # float32, whatever comes in
        return tags

    @property
    def _distorted(self):
        """The shape of the images that are distorted in training, or None."""
        return self.image_shape if self.augment else None

    @property
    def _n_features_out(self):
        return self.embedding_.shape[1]

    def _training_settings(self):
        return {
            "batch_size": self.batch_size_,
            "precision": self.precision,
            "verbose": self.verbose,
            "augment": self._distorted,
        }

    def _checkpoint(self, stage, *depends_on):
        """Where a training that depends on these settings stands."""
        if self.checkpoint_dir is None or self.random_state is None:  # the next fit would begin with other weights
            return None
        precision = training.choose_precision(self.precision, self.device)
        name = stage if stage == "refine" else depends_on[0]
        fingerprint = joblib.hash((FORMAT, *depends_on, self.batch_size_, precision))
        checkpoint = Checkpoint(Path(self.checkpoint_dir) / CHECKPOINT.format(name), fingerprint)
        self.seconds_[stage] = self.seconds_.get(stage, 0.0) + checkpoint.seconds
        self.resumed_seconds_ += checkpoint.seconds
        return checkpoint

    def _neighbourhood_settings(self):
        settings = {"metric": self.metric_, "n_candidates": self.n_candidates, "image_shape": self.image_shape}
        return settings | {"scaling": self.scaling_, "reduces": self.metric == "auto", "n_jobs": self.n_jobs}

    def find_neighbors(self, latent, x):
        """The neighbourhood of samples, by latent space and input, and their neighbours, which UMAP alone needs."""
        ranks = self.n_candidates and self.manifold_learner in learners.WITH_GRAPH
        neighbourhood = Neighbourhood(latent, x if ranks else None, **self._neighbourhood_settings())
        if self.manifold_learner not in learners.WITH_GRAPH:
            return neighbourhood, None
        size = self.sizes(len(latent), self.n_clusters_ or 2)[-1]
        with self._stage("neighbours", f"{neighbourhood.n_proposed(size)} nearest of each sample in the latent space"):
            knn = neighbourhood.propose(size, self._bar("searched", unit="part"))
        if neighbourhood.inputs is not None:
            has_images = self.image_shape is not None
            kind = "deformation-invariant distance" if has_images else f"{self.metric_} distance of the inputs"
            if neighbourhood.components is not None:
                kind = f"cosine distance of {neighbourhood.components.n_components} PCA components"
            with self._stage("neighbours", f"re-ranked by the {kind}"):
                knn = neighbourhood.rank(knn, size, self._bar("compared", unit="part"))
        return neighbourhood, knn

    def embed_and_cluster(self, neighbourhood, knn):
        """UMAP's neighbour graph, and of several embeddings the best one: its learner, itself, and its clusters.

        Of the best fits to each embedding, and k-means of the inputs where these rank the neighbours, the one that
        `clustering.choose` takes. If it is k-means, the embedding is the one that comes next.
        """
        latent = neighbourhood.latent
        sizes = self.sizes(len(latent), self.n_clusters_)
        found, fits, graph = [], [], None
        for n_neighbors in sizes:
            line = f"{latent.shape[1]} -> {self.dimensions(len(latent))} dimensions, {n_neighbors} neighbours"
            with self._stage("manifold", f"{self.manifold_learner}, {line}"):
                found.append(self._embed(latent, n_neighbors, knn, self.seed_))
        if self.manifold_learner in learners.WITH_GRAPH:
            graph = sum(learner.graph_ / learner.graph_.sum() for learner, _ in found)
        settings = {"restarts": self.gmm_restarts, "random_state": self.seed_, "graph": graph, "n_jobs": self.n_jobs}
        settings["track"] = self._bar("mixtures", unit="batch")
        for (_, embedding), n_neighbors in zip(found, sizes):
            with self._stage("cluster", f"{self.cluster}, {self.n_clusters_} clusters, {n_neighbors} neighbours"):
                fits.append(clustering.fit(self.cluster, embedding, n_clusters=self.n_clusters_, **settings))
        chosen = clustering.choose(fits)
        learner, embedding = found[chosen]
        fit = fits.pop(chosen)
        others = [labels for other in fits for labels in (other.labels, *other.rivals)]
        fit = fit._replace(rivals=[*fit.rivals, *others])
        if graph is not None and self.cluster == "GMM" and neighbourhood.inputs is not None:
            with self._stage("cluster", f"k-means of the inputs, {self.n_clusters_} clusters"):
                of_inputs = clustering.of_inputs(neighbourhood.inputs, self.n_clusters_, graph, self.seed_)
            if clustering.choose([fit, of_inputs]) == 1:
                fit = of_inputs._replace(rivals=[fit.labels, *fit.rivals])
        return graph, learner, embedding, fit

    def _embed(self, latent, n_neighbors, knn, seed, n_components=None):
        """The manifold learner, fitted to a size of the neighbourhoods, and its embedding."""
        learner = learners.manifold_learner(
            self.manifold_learner,
            n_components=n_components or self.dimensions(len(latent)),
            n_neighbors=n_neighbors,
            min_dist=self.min_dist,
            metric=self.metric_,
            random_state=seed,
            knn=knn,
            n_jobs=self.n_jobs,
            track=self._bar("layout", unit="epoch"),
        )
        return learner, learner.fit_transform(latent).astype(np.float32)

    def _map(self):
        """The embedding to look at: in two dimensions, where UMAP's own has more, of the same graph."""
        if self.graph_ is None or self.embedding_.shape[1] <= MAP_DIMS:
            return self.embedding_
        settings = {"random_state": self.seed_, "n_jobs": self.n_jobs, "track": self._bar("layout", unit="epoch")}
        with self._stage("map", f"UMAP, {self.embedding_.shape[1]} -> {MAP_DIMS} dimensions, to look at"):
            return learners.flat(self.manifold_, self.embedding_, min_dist=self.min_dist, **settings)

    def _scan(self, x):
        """Choose the number of clusters by at least six maps, some of each size, of at most 5,000 samples.

        In two dimensions: in five, pieces of clusters lie apart, and are stable.
        """
        rng = np.random.default_rng(self.seed_)
        some = np.arange(len(x))[self.sample_]
        some = np.sort(rng.choice(some, min(n_clusters.SAMPLES, len(some)), replace=False))
        numbers = [n for n in n_clusters.NUMBERS if n <= max(2, len(some) // n_clusters.MEMBERS)]
        suited = partial(self.sizes, len(some))
        sizes = sorted({size for number in numbers for size in suited(number)})
        neighbourhood, knn = self.find_neighbors(self.latent_[some], x[some])
        with self._stage("scan", f"{numbers[0]} to {numbers[-1]} clusters"):
            maps = []
            for seed in range(self.seed_, self.seed_ + math.ceil(n_clusters.MAPS / len(sizes))):
                for size in sizes:
                    its_seed = seed % 2**32
                    learner, embedding = self._embed(neighbourhood.latent, size, knn, its_seed, n_components=MAP_DIMS)
                    graph = learner.graph_ if hasattr(learner, "graph_") else _plain_graph(neighbourhood)[1]
                    maps.append((size, embedding, graph / graph.sum()))
            settings = {"inputs": neighbourhood.inputs if self.cluster == "GMM" else None, "random_state": self.seed_}
            tried = self._bar("numbers")(numbers)
            self.scan_, self.n_clusters_ = n_clusters.scan(maps, tried, suited, **settings)

    def _measure(self, rivals):
        knn, graph = self.knn_, self.graph_
        if graph is None:
            knn, graph = _plain_graph(self.neighbourhood_, self._bar("searched", unit="part"))
        self._compare_neighbors(knn, graph)
        self.confidence_ = confidence.of_samples(graph, self.labels_, rivals)
        self.reach_ = float(np.quantile(knn[1][:, : neighbors.N_ALIKE][:, -1], 0.99))  # a few samples may be outliers

    def _compare_neighbors(self, knn=None, graph=None):
        """Outliers and hierarchy; of a model that was saved without them by neighbours that are looked for anew."""
        if graph is None:
            knn, graph = _plain_graph(self.neighbourhood_)
        self.outliers_, self.outlier_ = outliers.fit(knn, self.labels_)
        self.hierarchy_ = hierarchy.merges(graph, self.labels_, self.neighbourhood_.latent, self.n_clusters_)

    def _place(self, others, knn):
        """Extend what is known to samples that the fit left out, from their neighbours in it."""
        labels = neighbors.place(knn, self._known_memberships(self.embedding_, self.labels_)).argmax(axis=1)
        placed = {"embedding_": self.latent_[others], "map_": self.latent_[others], "labels_": labels}
        if self.manifold_learner != "none":
            placed |= {name: neighbors.place(knn, getattr(self, name)) for name in ("embedding_", "map_")}
        placed["confidence_"] = confidence.of_points(knn, labels, self.labels_, self.confidence_, self.reach_)
        placed["outlier_"] = outliers.of_points(knn, self.outliers_, self.outlier_)
        for name, values in placed.items():
            known = getattr(self, name)
            whole = np.empty((len(self.latent_), *known.shape[1:]), known.dtype)
            whole[self.sample_], whole[others] = known, values
            setattr(self, name, whole)

    def _number_by_size(self):
        """Call the largest cluster 0, the next one 1, and so on; of two of a size the one with the first sample."""
        sizes = np.bincount(self.labels_, minlength=self.n_clusters_)
        found, first = np.unique(self.labels_, return_index=True)
        firsts = np.full(len(sizes), len(self.labels_))
        firsts[found] = first
        order = np.lexsort((firsts, -sizes))
        numbers_of = np.argsort(order)
        self.labels_ = numbers_of[self.labels_]
        self.hierarchy_ = hierarchy.renumbered(self.hierarchy_, numbers_of)
        for name in {"precisions_", *chain.from_iterable(clustering.STATE.values())}:
            if hasattr(self.clusterer_, name):
                setattr(self.clusterer_, name, getattr(self.clusterer_, name)[order])
        if hasattr(self.clusterer_, "labels_"):  # k-means and spectral clustering
            self.clusterer_.labels_ = numbers_of[self.clusterer_.labels_].astype(np.int32)

    def _bar(self, description, **settings):
        return partial(progress.bar, description=description, verbose=self.verbose, **settings)

    def _stage(self, name, description):
        return progress.stage(name, description, self.seconds_, self.verbose)


def _plain_graph(neighbourhood, track=iter):
    """The nearest of each sample, as neighbours are found here, and the symmetric graph of them."""
    knn = neighbourhood.propose(CONFIDENCE_NEIGHBORS, track)
    if neighbourhood.inputs is not None:
        knn = neighbourhood.rank(knn, CONFIDENCE_NEIGHBORS)
    return knn, learners.symmetric_graph(knn[0])
