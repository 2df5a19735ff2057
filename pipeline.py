"""N2D as a scikit-learn estimator: autoencode, embed, cluster."""

import copy
import json
import math
import numbers
import os
import re
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import safetensors.numpy
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from n2d import clustering, manifold, metrics, models, refine, training, weights

N_ALIKE = 10  # samples whose place and clusters become a new point's
CHUNK = 20_000  # new points that are looked at together
CHECKPOINT = "n2d-checkpoint-{}.pt"
FORMAT = 2  # of checkpoints
MODEL_FORMAT = 2  # of saved models
N_TRACKED = 1000  # points whose way through the refinement is kept for its picture
LATENT_DIMS = 10  # if the number of clusters is not known
PARALLEL_SAMPLES = 10_000  # for fewer, other processes take longer to start than they save
MAX_CLUSTERS = 20  # that 'auto' tries
SCALES = ("none", "minmax", "standard", "255")
NEIGHBORHOODS = (20, 50, 100)
CHOICES = {
    "scale": SCALES,
    "precision": ("auto", "fp32", "bf16"),
    "refine": (None, "KLD", "KM"),
    "manifold_learner": ("UMAP", "LLE", "tSNE", "isomap", "none"),
    "cluster": clustering.CLUSTERERS,
}
FIT_ALONE = ("ae_weights", "architecture", "callback", "checkpoint_dir", "device")  # what a saved model forgets
STATE = ("offset", "factor", "latent", "embedding", "labels")  # arrays of a saved model, with a trailing underscore


class ModelError(ValueError):
    """A folder that holds no saved model, or a damaged one."""


def _gives_probabilities(model):
    return model.cluster == "GMM"


class N2D(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """(Not Too) Deep clustering.

    Train an autoencoder on the data, refine it with a clustering loss if asked to, learn the manifold of its latent
    space, cluster the manifold. New points are encoded, find their neighbours among the samples as these found theirs,
    and are what the ten nearest are: on the manifold they lie between them, and they go to the cluster that most of
    them belong to.

    Parameters
    ----------
    n_clusters : int or 'auto'
        Number of clusters, and of latent dimensions of the paper's autoencoder. 'auto': 10 latent dimensions, and the
        number between 2 and 20 for which mixtures of the embedding's halves agree, see `clustering.scan`.
    scale : {'none', 'minmax', 'standard', '255'}
        What is done to the features first: nothing; each to [0, 1], or to mean 0 and variance 1; all divided by 255.
    architecture : str or None
        FILE, FILE:INDEX or FILE:NAME of an autoencoder described in JSON, see `models.read_architecture`; None is the
        paper's.
    n_autoencoders : int
        Autoencoders, trained from different random starts, whose latent spaces are joined.
    pretrain_epochs : int or None
        Training of each autoencoder. None is `training.default_epochs`.
    batch_size : int or None
        Of training; None is what the architecture says, and 256 for the paper's.
    image_shape : tuple of int or None
        (height, width) or (channels, height, width), if the features are the pixels of images.
    augment : bool
        Train on copies of the images shifted and rotated anew in every epoch, see `training.distort`.
    ae_weights : path-like or None
        A safetensors file of autoencoder weights to use instead of training.
    precision : {'auto', 'fp32', 'bf16'}
        Of the autoencoder's training; 'auto' takes bf16 where the processor has instructions for it.
    device : str
        Where the autoencoder lives: 'cpu', 'cuda:0', ...
    refine : {'KLD', 'KM'} or None
        Clustering loss of the refinement, see `refine.refine`; None leaves it out.
    refine_epochs : int
    cluster_weight, reconstruction_weight : float
        Of the two losses of the refinement; None is the clustering loss's own.
    refine_tol : float
        The refinement stops when not more than this share of the points changes its cluster in an epoch.
    manifold_learner : {'UMAP', 'LLE', 'tSNE', 'isomap', 'none'}
    n_components, min_dist, metric
        Of the manifold learner, see `manifold.manifold_learner`.
    n_neighbors : int or sequence of int
        Size of the neighbourhoods, at most n_samples - 1. Of several (UMAP alone), the one whose clusters have the
        greatest modularity is kept.
    n_candidates : int or None
        UMAP alone: so many neighbours in the latent space are looked at, and those are neighbours that lie nearest in
        the input, see `neighbors.closest`; of images the distance allows for bending. None or 0: the neighbours in
        the latent space, as in the paper.
    cluster : {'GMM', 'KM', 'SC'}
    fit_samples : int or None
        Learn the manifold and its clusters from so many random samples, and give the others the place and the cluster
        of their neighbours among these, as new points. None takes all.
    gmm_restarts : int
        Fits of the clusterer, of which the best is kept, see `clustering.fit`.
    n_jobs : int or None
        Processes that embed the several neighbourhoods and fit the mixtures of 10,000 samples or more; None is one.
    random_state : int, RandomState or None
        An int makes every stage deterministic. None lets UMAP run on all threads.
    verbose : bool
        Show progress, and the time of each stage.
    callback : callable or None
        Called after every epoch of the training with the autoencoder's number from 1, the epoch, its loss and its
        learning rate.
    checkpoint_dir : path-like or None
        Folder where the training writes every two minutes where it stands, to go on there if the same fit is called
        again. The files are removed when the fit is done.

    Attributes
    ----------
    autoencoder_ : models.Ensemble
    offset_, factor_ : ndarray of float32, shape (n_features,), or scalars
        The autoencoder sees ``(x - offset_) * factor_``.
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
    labels_ : ndarray of int, shape (n_samples,)
    confidence_ : ndarray of float, shape (n_samples,)
        How sure each sample's cluster is, 0 to 1, see `clustering.confidence`; where the sample was placed among those
        of the fit, the mean over its neighbours.
    n_clusters_ : int
    scan_ : list of dict
        With n_clusters='auto': the figures of each number that was tried, see `clustering.scan`.
    manifold_, clusterer_ : fitted scikit-learn estimators
    sample_ : ndarray of int, or slice
        The samples that manifold and clusters were learnt from.
    knn_ : tuple of ndarray, or None
        Indices, into these samples, and distances of each one's nearest neighbours, itself first; None with other
        learners than UMAP.
    inputs_ : ndarray of float32 or uint8, shape (n_known, n_features), or None
        These samples, scaled, as their inputs are compared; None if the input has no say.
    graph_ : sparse matrix of shape (n_samples, n_samples), or None
        UMAP's neighbour graphs of these samples, each of total weight 1, added up over
        `n_neighbors`; None with other learners.
    modularity_ : float or None
        How well that graph supports the clusters, see `clustering.modularity`.
    seconds_ : dict
        Wall-clock time of the stages 'pretrain', 'refine', 'encode', 'neighbours', 'manifold', 'scan', 'cluster' and
        'place'.
    resumed_seconds_ : float
        Of these, what the training had taken before it was stopped and called again.

    References
    ----------
    McConville et al., "N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of an Autoencoded Embedding",
    ICPR 2020, arXiv:1908.05968.
    """

    def __init__(
        self,
        n_clusters=10,
        *,
        scale="none",
        architecture=None,
        n_autoencoders=1,
        pretrain_epochs=None,
        batch_size=None,
        image_shape=None,
        augment=False,
        ae_weights=None,
        precision="auto",
        device="cpu",
        refine=None,
        refine_epochs=50,
        cluster_weight=None,
        reconstruction_weight=1.0,
        refine_tol=0.001,
        manifold_learner="UMAP",
        n_components=2,
        n_neighbors=NEIGHBORHOODS,
        n_candidates=100,
        min_dist=0.0,
        metric="euclidean",
        fit_samples=None,
        cluster="GMM",
        gmm_restarts=100,
        n_jobs=None,
        random_state=None,
        verbose=False,
        callback=None,
        checkpoint_dir=None,
    ):
        self.n_clusters = n_clusters
        self.scale = scale
        self.architecture = architecture
        self.n_autoencoders = n_autoencoders
        self.pretrain_epochs = pretrain_epochs
        self.batch_size = batch_size
        self.image_shape = image_shape
        self.augment = augment
        self.ae_weights = ae_weights
        self.precision = precision
        self.device = device
        self.refine = refine
        self.refine_epochs = refine_epochs
        self.cluster_weight = cluster_weight
        self.reconstruction_weight = reconstruction_weight
        self.refine_tol = refine_tol
        self.manifold_learner = manifold_learner
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_candidates = n_candidates
        self.min_dist = min_dist
        self.metric = metric
        self.fit_samples = fit_samples
        self.cluster = cluster
        self.gmm_restarts = gmm_restarts
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.callback = callback
        self.checkpoint_dir = checkpoint_dir

    def fit(self, x, y=None):
        """Cluster x, array-like of shape (n_samples, n_features). y is ignored."""
        self.fit_autoencoder(x).fit_refinement(x).fit_latent(x).fit_neighbors(x).fit_clusters()
        self.forget_checkpoints()
        return self

    def fit_transform(self, x, y=None):
        """Cluster x and return `embedding_`. y is ignored."""
        return self.fit(x).embedding_

    def transform(self, x):
        """Embed points, each between its nearest neighbours among the samples.

        Parameters
        ----------
        x : array-like of shape (n_points, n_features)
            Points of the fit get their place in `embedding_`, up to rounding.

        Returns
        -------
        ndarray of float32, shape (n_points, n_components)
        """
        check_is_fitted(self)
        latent = self.encode(x)
        if self.manifold_learner == "none":
            return latent
        return manifold.place(self._neighbors_of(latent, x), self.embedding_[self.sample_])

    def predict(self, x):
        """The clusters of points, array-like of shape (n_points, n_features): ndarray of int, shape (n_points,).

        The cluster to which most of a point's neighbours belong, each weighted as in `transform`. Where the neighbours
        lie in two clusters, the mixture at the point's own place, between the two, is a worse guess.
        """
        return self._memberships(x).argmax(axis=1)

    @available_if(_gives_probabilities)
    def predict_proba(self, x):
        """How sure the mixture is of the clusters of a point's neighbours, on average.

        Returns
        -------
        ndarray of float32, shape (n_points, n_clusters)
            Rows sum to 1.
        """
        return self._memberships(x)

    def _memberships(self, x):
        check_is_fitted(self)
        known = self._known_memberships(self.embedding_[self.sample_], self.labels_[self.sample_])
        return manifold.place(self._neighbors_of(self.encode(x), x), known)

    def _neighbors_of(self, latent, x, rows=None):
        """The ten samples that points, or some rows of them, are like: indices in the fit's, and distances."""
        known = self.latent_[self.sample_]
        if self.inputs_ is None:
            return manifold.nearest_among(latent if rows is None else latent[rows], known, N_ALIKE, self.metric)
        x = self._checked(x)
        rows = np.arange(len(latent)) if rows is None else rows
        neighbors = manifold.import_compiled("n2d.neighbors")
        found = []
        for part in gen_batches(len(rows), CHUNK):
            some = rows[part]
            candidates, _ = manifold.nearest_among(latent[some], known, max(self.n_candidates, N_ALIKE), self.metric)
            inputs = self._comparable(x[some])
            found.append(neighbors.closest_among(inputs, self.inputs_, candidates, N_ALIKE, self.image_shape))
        return tuple(np.concatenate(arrays) for arrays in zip(*found))

    def _comparable(self, x):
        """Samples as their inputs are compared: scaled, unless all their features are scaled alike."""
        return self._scaled(x) if self.image_shape is None and self.scale in ("minmax", "standard") else x

    def _known_memberships(self, embedding, labels):
        """What the mixture says of samples that it was fitted to; of other clusterers the clusters themselves."""
        if hasattr(self.clusterer_, "predict_proba"):
            return self.clusterer_.predict_proba(embedding.astype(np.float64))
        return np.eye(self.n_clusters_)[labels]

    def encode(self, x):
        """The latent space of x, array-like of shape (n_points, n_features): float32 (n_points, n_latent)."""
        return training.encode(self.autoencoder_, self._checked(x), prepare=self._prepare())

    def inverse_transform(self, embedding):
        """What lies at places of the embedding: their neighbours' mean latent point, decoded.

        Parameters
        ----------
        embedding : array-like of shape (n_points, n_components)

        Returns
        -------
        ndarray of float32, shape (n_points, n_features)
            In the units of the data, the mean over the autoencoders.

        Raises
        ------
        ModelError
            If the autoencoder comes from a small copy of its weights, which has no decoder.
        models.ArchitectureError
            If a layer of the autoencoder is of type MaxPool2D*, which is only undone beside its input.
        """
        check_is_fitted(self)
        if not self.autoencoder_.decodes:
            raise ModelError("the weights are a small copy without a decoder: nothing can be decoded")
        latent = np.asarray(embedding, dtype=np.float32)
        if self.manifold_learner != "none":
            knn = manifold.nearest_among(latent, self.embedding_[self.sample_], N_ALIKE)
            latent = manifold.place(knn, self.latent_[self.sample_])
        return training.decode(self.autoencoder_, latent) / self.factor_ + self.offset_

    def fit_autoencoder(self, x):
        """First stage of `fit`: train the autoencoder, or load its weights."""
        x = self._checked(x, reset=True, ensure_min_samples=4)
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value!r}")
        self._sizes(len(x))
        n_latent = LATENT_DIMS if self.n_clusters == "auto" else self.n_clusters
        if not 1 <= n_latent <= len(x):
            raise ValueError(f"n_clusters must be 1 to {len(x)}, the number of samples, got {self.n_clusters}")
        if self.fit_samples is not None and self.fit_samples <= n_latent:
            raise ValueError(f"fit_samples must be more than the {n_latent} clusters, got {self.fit_samples}")
        if self.image_shape is not None and math.prod(self.image_shape) != x.shape[1]:
            raise ValueError(f"image_shape must be that of images of {x.shape[1]} pixels, got {self.image_shape}")
        if self.augment and self.image_shape is None:
            raise ValueError("augment shifts and rotates images: image_shape must be given with it")
        self.offset_, self.factor_ = offset_and_factor(x, self.scale)
        self.seconds_, self.resumed_seconds_ = {}, 0.0
        is_seed = isinstance(self.random_state, numbers.Integral)
        self._seed = self.random_state if is_seed else check_random_state(self.random_state).randint(2**31 - 1)
        self.network_ = (x.shape[1], *models.HIDDEN_DIMS, n_latent)
        self.batch_size_ = self.batch_size or 256
        if self.architecture is not None:
            self.network_ = models.read_architecture(self.architecture)
            self.batch_size_ = self.batch_size or self.network_.batch_size
        self.history_, self.n_iter_ = [], 0
        if self.ae_weights is not None:
            ensemble, _ = weights.load_weights(self.ae_weights, self.network_)
        else:
            ensemble = models.Ensemble(self.network_, self.n_autoencoders, seed=self._seed)
        self.autoencoder_ = ensemble.to(self.device)
        if ensemble[0].n_features != x.shape[1]:
            raise models.ArchitectureError(
                f"{self.architecture} is for samples of {ensemble[0].n_features} features, got {x.shape[1]}"
            )
        if self.ae_weights is not None:
            return self
        epochs = self.pretrain_epochs
        if epochs is None:
            epochs = training.default_epochs(len(x))
        with self._stage("pretrain", f"{self.n_autoencoders} x {epochs} epochs of {ensemble[0].line}"):
            for i, (autoencoder, seed) in enumerate(zip(ensemble, ensemble.seeds), start=1):
                checkpoint = self._checkpoint(
                    "pretrain", i, seed, epochs, str(self.network_), self.scale, self._distorted, x
                )
                losses = training.pretrain(
                    autoencoder,
                    x,
                    epochs=epochs,
                    batch_size=self.batch_size_,
                    precision=self.precision,
                    seed=seed,
                    verbose=self.verbose,
                    description=f"autoencoder {i}/{self.n_autoencoders}",
                    callback=self.callback and partial(self.callback, i),
                    checkpoint=checkpoint,
                    prepare=self._prepare(),
                    augment=self._distorted,
                )
                self.history_.append(losses)
        self.n_iter_ = epochs
        return self

    def fit_refinement(self, x):
        """Second stage of `fit`, if there is a clustering loss: train the autoencoder with it."""
        if self.refine is None:
            return self
        if self.n_clusters == "auto":
            raise ValueError("n_clusters must be a number with refine: its loss has a centre for each cluster")
        if self.reconstruction_weight and not self.autoencoder_.decodes:
            raise weights.WeightsError(
                f"{self.ae_weights} is a small copy without a decoder, and the reconstruction loss beside "
                f"{self.refine} needs one: give the whole weights, or a reconstruction weight of 0"
            )
        with self._stage("encode", "before the refinement"):
            self.pretrained_latent_ = self.encode(x)
        x = self._checked(x)
        settings = (self.refine, self.refine_epochs, self.cluster_weight, self.reconstruction_weight, self.refine_tol)
        checkpoint = self._checkpoint(
            "refine", *settings, self._distorted, self.n_clusters, self._seed, self.pretrained_latent_
        )
        rng = np.random.default_rng(self._seed)
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
                batch_size=self.batch_size_,
                precision=self.precision,
                seed=self._seed,
                tracked=self.tracked_,
                verbose=self.verbose,
                checkpoint=checkpoint,
                prepare=self._prepare(),
                augment=self._distorted,
            )
        return self

    def fit_latent(self, x):
        """Third stage of `fit`: encode x."""
        n_latent = sum(member.n_latent for member in self.autoencoder_)
        with self._stage("encode", f"{self.n_features_in_} -> {n_latent} dimensions"):
            self.latent_ = self.encode(x)
        return self

    def fit_neighbors(self, x):
        """Fourth stage of `fit`: find the neighbourhoods of the samples that manifold and clusters are learnt from."""
        n_samples = len(self.latent_)
        x = self._checked(x)
        self.sample_ = slice(None)
        if self.fit_samples is not None and self.fit_samples < n_samples:
            self.sample_ = np.random.default_rng(self._seed).choice(n_samples, self.fit_samples, replace=False)
        self.inputs_ = None
        if self.n_candidates and self.manifold_learner == "UMAP":
            self.inputs_ = self._comparable(x[self.sample_])
        self.knn_ = self._neighbors(self.latent_[self.sample_], self.inputs_)
        self._others = np.setdiff1d(np.arange(n_samples), np.arange(n_samples)[self.sample_])
        if len(self._others):
            with self._stage("place", f"{len(self._others):,} samples among the {self.fit_samples:,}"):
                self._knn_of_others = self._neighbors_of(self.latent_, x, self._others)
        return self

    def fit_clusters(self):
        """Last stage of `fit`: embed the latent space, cluster the embedding."""
        self.n_clusters_ = None if self.n_clusters == "auto" else self.n_clusters
        known = self.latent_[self.sample_]
        self.graph_, best = self._embed_and_cluster(known, self.knn_)
        self.modularity_, self.manifold_, self.embedding_, self.clusterer_, self.labels_ = best
        self.confidence_ = clustering.confidence(self.clusterer_, self.embedding_, self.labels_)
        if len(self._others):
            self._place_others()
        return self

    def forget_checkpoints(self):
        """Remove from `checkpoint_dir` what a training left there to go on from; `fit` does so at its end."""
        if self.checkpoint_dir is not None:
            for file in Path(self.checkpoint_dir).glob(CHECKPOINT.format("*")):
                file.unlink()

    def _place_others(self):
        """Extend embedding, labels and confidence from the samples of the fit to all samples."""
        memberships = manifold.place(self._knn_of_others, self._known_memberships(self.embedding_, self.labels_))
        placed = {
            "embedding_": manifold.place(self._knn_of_others, self.embedding_),
            "labels_": memberships.argmax(axis=1),
            "confidence_": memberships.max(axis=1),
        }
        for name, values in placed.items():
            known = getattr(self, name)
            whole = np.empty((len(self.latent_), *known.shape[1:]), known.dtype)
            whole[self.sample_], whole[self._others] = known, values
            setattr(self, name, whole)

    def _checkpoint(self, stage, *settings):
        """Where a training that depends on these settings stands."""
        if self.checkpoint_dir is None or self.random_state is None:  # the next fit would begin with other weights
            return None
        precision = training.choose_precision(self.precision, self.device)
        name = stage if stage == "refine" else settings[0]
        fingerprint = joblib.hash((FORMAT, *settings, self.batch_size_, precision))
        checkpoint = training.Checkpoint(Path(self.checkpoint_dir) / CHECKPOINT.format(name), fingerprint)
        self.seconds_[stage] = self.seconds_.get(stage, 0.0) + checkpoint.seconds
        self.resumed_seconds_ += checkpoint.seconds
        return checkpoint

    def _sizes(self, n_samples):
        """The sizes of the neighbourhoods of so many samples, in ascending order."""
        if self.manifold_learner != "UMAP" and np.array_equal(self.n_neighbors, NEIGHBORHOODS):
            return [min(10, n_samples - 1)]
        sizes = np.unique(np.minimum(self.n_neighbors, n_samples - 1)).tolist()
        if len(sizes) > 1 and self.manifold_learner != "UMAP":
            raise ValueError(f"n_neighbors must be one number with {self.manifold_learner}, got {self.n_neighbors}")
        return sizes

    def _neighbors(self, latent, inputs):
        """UMAP's neighbours of samples, of which the latent space and the inputs, if these have a say, are given."""
        size = self._sizes(len(latent))[-1]
        if self.manifold_learner != "UMAP":
            return None
        n_candidates = min(max(self.n_candidates or 0, size), len(latent) - 1)
        with self._stage("neighbours", f"{n_candidates} of each point in the latent space"):
            knn = manifold.nearest_neighbors(latent, n_candidates, self.metric)
        if inputs is None:
            return knn
        kind = "inputs" if self.image_shape is None else "images, bent a little"
        with self._stage("neighbours", f"of these and theirs the {size} nearest as {kind}"):
            neighbors = manifold.import_compiled("n2d.neighbors")
            return neighbors.closest(inputs, knn[0], size, self.image_shape)

    def _embed_and_cluster(self, latent, knn):
        """UMAP's neighbour graph, and the best of the embeddings with its clusters."""
        sizes = self._sizes(len(latent))
        options = {
            "n_components": self.n_components,
            "min_dist": self.min_dist,
            "metric": self.metric,
            "random_state": None if self.random_state is None else self._seed,  # without a seed UMAP runs in parallel
            "knn": knn,
        }
        n_jobs = (self.n_jobs or 1) if len(latent) >= PARALLEL_SAMPLES else 1
        runs = joblib.Parallel(
            min(n_jobs, len(sizes)), return_as="generator", max_nbytes=None
        )(  # numba wants arrays it may write to
            joblib.delayed(_embed)(latent, self.manifold_learner, n_neighbors=n_neighbors, **options)
            for n_neighbors in sizes
        )
        learners, embeddings = [], []
        for n_neighbors in sizes:
            description = f"{latent.shape[1]} -> {self.n_components} dimensions, {n_neighbors} neighbours"
            with self._stage("manifold", f"{self.manifold_learner}, {description}"):
                learner, embedding = next(runs)
            learners.append(learner)
            embeddings.append(embedding)
        graph = None
        if self.manifold_learner == "UMAP":
            graph = sum(learner.graph_ / learner.graph_.sum() for learner in learners)
        if self.n_clusters_ is None:
            numbers = range(2, min(MAX_CLUSTERS, len(latent) // 4) + 1)
            with self._stage("scan", f"{numbers[0]} to {numbers[-1]} clusters"):
                self.scan_, self.n_clusters_ = clustering.scan(embeddings[0], numbers, random_state=self._seed)
        best = None
        for learner, embedding, n_neighbors in zip(learners, embeddings, sizes):
            with self._stage("cluster", f"{self.cluster}, {self.n_clusters_} clusters, {n_neighbors} neighbours"):
                clusterer, labels = clustering.fit(
                    self.cluster, embedding, graph=graph, n_jobs=n_jobs, **self._clusterer_settings()
                )
            modularity = None if graph is None else clustering.modularity(graph, labels)
            if best is None or modularity > best[0]:
                best = modularity, learner, embedding, clusterer, labels
        return graph, best

    def save(self, folder):
        """Write the fitted model to a folder, which `load` reads: JSON and safetensors, no code, no pickles.

        `model.json` holds the parameters, `autoencoder.safetensors` the network and `state.safetensors` the latent
        space, embedding and labels of the samples that manifold and clusters were learnt from, their inputs if these
        have a say (in bytes, if nothing is lost by it), and the clusters. What only the fit needed stays behind:
        `graph_`, `manifold_`, and the records of the refinement.
        """
        check_is_fitted(self)
        folder = Path(folder)
        divisor = None
        inputs = self.inputs_
        if inputs is not None:
            inputs, divisor = _as_bytes(inputs)
        network = self.network_
        parameters = {name: value for name, value in self.get_params().items() if name not in FIT_ALONE}
        if isinstance(self.random_state, np.random.RandomState):
            parameters["random_state"] = self._seed
        record = {
            "format": MODEL_FORMAT,
            "parameters": parameters,
            "network": network.model_dump(mode="json") if isinstance(network, models.Architecture) else network,
            "feature_names": getattr(self, "feature_names_in_", np.array([])).tolist(),
            "inputs_divisor": divisor,
            "n_clusters": self.n_clusters_,
            "modularity": self.modularity_,
            "n_iter": self.n_iter_,
            "batch_size": self.batch_size_,
        }
        text = json.dumps(record, indent=2, default=lambda number: number.item())  # NumPy's
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.json").unlink(missing_ok=True)  # it comes last, and only with it is a model whole
        weights.save_weights(self.autoencoder_, folder / "autoencoder.safetensors")
        state = {f"{name}_": np.asarray(getattr(self, f"{name}_")) for name in STATE}
        state |= {f"{name}_": state[f"{name}_"][self.sample_] for name in ("latent", "embedding", "labels")}
        if inputs is not None:
            state["inputs_"] = inputs
        state |= {f"clusterer_.{name}": getattr(self.clusterer_, name) for name in clustering.STATE[self.cluster]}
        state = {name: np.ascontiguousarray(array) for name, array in state.items()}
        with weights.ordinary_mode(folder / "state.safetensors"):
            safetensors.numpy.save_file(state, folder / "state.safetensors")
        partial = folder / "model.json.part"
        partial.write_text(text + "\n")
        os.replace(partial, folder / "model.json")

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
        folder = Path(folder)
        try:
            record = json.loads((folder / "model.json").read_text())
            if record["format"] != MODEL_FORMAT:
                raise ValueError(f"its format is {record['format']}, not {MODEL_FORMAT}: fit and save it anew")
            state = safetensors.numpy.load_file(folder / "state.safetensors")
            parameters = {name: value for name, value in record["parameters"].items() if name not in FIT_ALONE}
            model = cls(**parameters, device=device)
            network = record["network"]
            model.network_ = models.Architecture.model_validate(network) if isinstance(network, dict) else network
            model.autoencoder_, _ = weights.load_weights(folder / "autoencoder.safetensors", model.network_)
            for name in STATE:
                setattr(model, f"{name}_", state.pop(f"{name}_"))
            model.sample_ = slice(None)
            model.inputs_ = state.pop("inputs_", None)
            if record["inputs_divisor"]:
                model.inputs_ = model.inputs_.astype(np.float32) / np.float32(record["inputs_divisor"])
            arrays = {name.removeprefix("clusterer_."): array for name, array in state.items()}
            model.clusterer_ = clustering.restore(model.cluster, arrays)
            if record["feature_names"]:
                model.feature_names_in_ = np.array(record["feature_names"], dtype=object)
            model.modularity_, model.n_iter_ = record["modularity"], record["n_iter"]
            model.n_clusters_, model.batch_size_ = record["n_clusters"], record["batch_size"]
        except MemoryError:
            raise
        except Exception as error:  # whatever a stranger's files lead to
            raise ModelError(f"{folder} does not hold a saved model ({error})") from error
        model.autoencoder_.to(device)
        model.n_features_in_ = model.autoencoder_[0].n_features
        model.history_ = []
        return model

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

    def scaled(self, x):
        """x, array-like of shape (n_samples, n_features), checked and in float32, as the autoencoder sees it."""
        return self._scaled(self._checked(x))

    def _scaled(self, x):
        return x.astype(np.float32, copy=False) if self.scale == "none" else (x - self.offset_) * self.factor_

    def _checked(self, x, reset=False, **requirements):
        """x as an array of float32, or of bytes if it is one: these are scaled batch by batch, and never copied."""
        return validate_data(self, x, dtype=[np.float32, np.uint8], order="C", reset=reset, **requirements)

    def _prepare(self):
        """What the autoencoder sees of a batch, a tensor of some rows."""
        offset, factor = (torch.as_tensor(value, device=self.device) for value in (self.offset_, self.factor_))
        return torch.Tensor.float if self.scale == "none" else lambda batch: (batch - offset) * factor

    def _clusterer_settings(self):
        return {"n_clusters": self.n_clusters_, "restarts": self.gmm_restarts, "random_state": self._seed}

    @contextmanager
    def _stage(self, name, description):
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds_[name] = self.seconds_.get(name, 0.0) + seconds
        if self.verbose:
            print(f"{name:<10} {seconds:8.1f} s   {description}", flush=True)


def _as_bytes(x):
    """x, float32 or uint8, and None; or whole numbers up to 255, or these over 255, in bytes, and their divisor."""
    for divisor in (1, 255) if x.dtype == np.float32 and x.min() >= 0 and x.max() <= 255 else ():
        whole = np.rint(x * divisor)
        if whole.max() <= 255 and np.array_equal(whole / np.float32(divisor), x):
            return whole.astype(np.uint8), divisor
    return x, None


def _embed(latent, name, **options):
    """A manifold learner, fitted, and its embedding."""
    learner = manifold.manifold_learner(name, **options)
    return learner, learner.fit_transform(latent).astype(np.float32)


def offset_and_factor(x, scale):
    """What `N2D`'s parameter `scale` makes of x, ndarray (n_samples, n_features): arrays for (x - offset) * factor."""
    if scale == "none":
        return np.float32(0), np.float32(1)
    if scale == "255":
        return np.float32(0), np.float32(1 / 255)
    if scale == "minmax":
        offset, spread = x.min(axis=0), np.ptp(x, axis=0)
    elif scale == "standard":
        scaler = StandardScaler()
        for rows in gen_batches(len(x), CHUNK):  # in float64, of which x may be too large to have a copy
            scaler.partial_fit(x[rows])
        offset, spread = scaler.mean_, scaler.scale_
    else:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    spread = np.where(spread > 0, spread, 1)  # a constant feature says nothing
    return offset.astype(np.float32), (1 / spread).astype(np.float32)


def unlabelled(model):
    """What can be said of a fitted model's clusters without labels.

    Returns
    -------
    figures : dict
        'agreement': adjusted Rand index with the clusters that another seed's manifold and clusterer find in the same
        latent space; 'modularity'; 'silhouette' in the embedding, on at most 5,000 points (None if there is one cluster
        alone); 'log_likelihood' of the points under the mixture, mean, None without one; 'sizes' of the clusters.
    """
    seed = (model._seed + 1) % 2**32
    other = copy.copy(model).set_params(random_state=seed)
    other._seed, other.seconds_ = seed, {}
    labels = other._embed_and_cluster(model.latent_[model.sample_], model.knn_)[1][-1]
    embedding = model.embedding_.astype(np.float64)
    return {
        "agreement": float(adjusted_rand_score(model.labels_[model.sample_], labels)),
        "modularity": model.modularity_,
        "silhouette": metrics.silhouette(embedding, model.labels_, model._seed),
        "log_likelihood": float(model.clusterer_.score(embedding)) if model.cluster == "GMM" else None,
        "sizes": np.bincount(model.labels_, minlength=model.n_clusters_).tolist(),
    }


def stages(model, x, y):
    """Score k-means, and N2D's manifold and mixture, on what each stage makes of the data.

    Parameters
    ----------
    model : N2D
        Fitted on x.
    x : ndarray of float32, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)

    Yields
    ------
    row : dict
        Keys space ('pixels', 'autoencoder', and 'KLD' or 'KM' after a refinement), method ('kmeans' or 'n2d'), acc,
        nmi, ari and seconds. There is no 'n2d' of the pixels.
    """
    spaces = {"pixels": x, "autoencoder": model.latent_}
    if model.refine is not None:
        spaces |= {"autoencoder": model.pretrained_latent_, model.refine: model.latent_}
    settings = model._clusterer_settings() | {"restarts": 20}
    fitted_s = sum(model.seconds_.get(stage, 0.0) for stage in ("neighbours", "manifold", "cluster"))
    for space, points in spaces.items():
        start = time.perf_counter()
        _, labels = clustering.fit("KM", points, **settings)
        yield {"space": space, "method": "kmeans", **metrics.scores(y, labels), "seconds": time.perf_counter() - start}
        if space == "pixels":
            continue
        if points is model.latent_:
            labels, seconds = model.labels_, fitted_s
        else:
            start = time.perf_counter()
            inputs = None if model.inputs_ is None else model._comparable(x)
            labels = model._embed_and_cluster(points, model._neighbors(points, inputs))[1][-1]
            seconds = time.perf_counter() - start
        yield {"space": space, "method": "n2d", **metrics.scores(y, labels), "seconds": seconds}


def compare(model, x, y, folder=None):
    """Score every clusterer on the data and on the latent space, as they are and on each manifold of them.

    A neighbour search for each of the two serves all manifold learners and spectral clustering. UMAP has the smallest
    of the model's neighbourhoods, LLE and Isomap have 10 neighbours. t-SNE has two components if the model has more
    than three. Without a manifold the mixture is fitted once, as in the paper: its covariances can be large there.

    Parameters
    ----------
    model : N2D
        Fitted on x; its parameters are those of the manifold learners and the clusterers here.
    x : ndarray of float32, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)
    folder : path-like or None
        Keep the rows of each manifold there as soon as it is done, and take from there what a comparison that was
        stopped had done with the same data and settings.

    Yields
    ------
    row : dict
        Keys input ('raw' or 'autoencoder'), manifold ('none' or a learner), cluster, n_components, acc, nmi, ari,
        seconds (of the manifold learner and the clusterer, the neighbour search left out), peak_rss_mb (of the process
        meanwhile, on Linux) and trustworthiness (of the embedding, on at most 5,000 samples).
    embedding : ndarray of shape (n_samples, n_components)
    """
    n_neighbors = {"UMAP": int(np.min(model.n_neighbors)), "LLE": 10, "isomap": 10, "tSNE": 10}
    needed = max(manifold.neighbors_needed(name, size) for name, size in n_neighbors.items())
    settings = model._clusterer_settings()
    for source, points in (("raw", np.asarray(x, np.float32)), ("autoencoder", model.latent_)):
        knn = None
        for name in ("none", *n_neighbors):
            options = {
                "n_components": model.n_components if name != "tSNE" or model.n_components <= 3 else 2,
                "n_neighbors": n_neighbors.get(name),
                "min_dist": model.min_dist,
                "metric": model.metric,
                "random_state": model._seed,
            }
            kept = None
            if folder is not None:
                kept = Path(folder, f"{source}-{name}-{joblib.hash((points, y, options, settings))}.npz")
            if kept is not None and kept.exists():
                with np.load(kept) as done:
                    rows, embedding = json.loads(str(done["rows"])), done["embedding"]
            else:
                if knn is None:
                    knn = manifold.nearest_neighbors(points, min(needed, len(points)), model.metric)
                rows, embedding = _score_manifold(name, points, y, knn, options, settings)
                if kept is not None:
                    np.savez(kept.with_suffix(".part.npz"), rows=json.dumps(rows), embedding=embedding)
                    os.replace(kept.with_suffix(".part.npz"), kept)
            for row in rows:
                yield {"input": source, "manifold": name} | row, embedding


def _score_manifold(name, points, y, knn, options, settings):
    """The rows of one manifold, and its embedding: see `compare`."""
    start = time.perf_counter()
    _peak_rss_mb()
    learner = manifold.manifold_learner(name, knn=knn, **options)
    embedding = learner.fit_transform(points).astype(np.float32)
    manifold_s, manifold_mb = time.perf_counter() - start, _peak_rss_mb()
    trust = metrics.trustworthiness(points, embedding, options["random_state"])
    rows = []
    for cluster in clustering.CLUSTERERS:
        start = time.perf_counter()
        _peak_rss_mb()
        _, labels = clustering.fit(
            cluster,
            embedding,
            graph=getattr(learner, "graph_", None),
            knn=knn if name == "none" else None,
            **settings | ({"restarts": 1, "refit": False} if name == "none" and cluster == "GMM" else {}),
        )
        cost = {
            "seconds": manifold_s + time.perf_counter() - start,
            "peak_rss_mb": max(manifold_mb, _peak_rss_mb()),
            "trustworthiness": trust,
        }
        rows.append({"cluster": cluster, "n_components": embedding.shape[1]} | metrics.scores(y, labels) | cost)
    return rows, embedding


def _peak_rss_mb():
    """The process's largest resident memory since the last call; NaN where there is no /proc, as Linux has."""
    try:
        peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, TypeError):
        return float("nan")
    return int(peak) // 1024
