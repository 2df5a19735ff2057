"""N2D as a scikit-learn estimator: autoencode, embed, cluster."""

import numbers
import time
from contextlib import contextmanager
from operator import itemgetter

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

import clustering
import manifold
import metrics
import models
import training


class N2D(ClusterMixin, BaseEstimator):
    """(Not Too) Deep clustering.

    Train an autoencoder on the data, learn the manifold of its latent space, cluster the manifold.

    Parameters
    ----------
    n_clusters : int
        Number of clusters, and of latent dimensions.
    n_autoencoders : int
        Autoencoders, trained from different random starts, whose latent spaces are joined.
    pretrain_epochs, batch_size : int
        Training of each autoencoder.
    ae_weights : path-like or None
        A safetensors file of autoencoder weights to use instead of training.
    precision : {'auto', 'fp32', 'bf16'}
        Of the autoencoder's training; 'auto' takes bf16 where the processor has instructions for it.
    device : str
        Where the autoencoder lives: 'cpu', 'cuda:0', ...
    manifold_learner : {'UMAP', 'LLE', 'tSNE', 'isomap'}
    n_components, min_dist, metric
        Of the manifold learner, see `manifold.manifold_learner`.
    n_neighbors : int or sequence of int
        Size of the neighbourhoods. Of several (UMAP alone), the one whose clusters have the greatest modularity, in the
        neighbour graph of the first, is kept.
    cluster : {'GMM', 'KM', 'SC'}
    gmm_restarts : int
        Fits of the clusterer, of which the best is kept, see `clustering.fit`.
    random_state : int, RandomState or None
        An int makes every stage deterministic.
    verbose : bool
        Show progress, and the time of each stage.

    Attributes
    ----------
    autoencoder_ : models.Ensemble
    history_ : list of lists of float
        Reconstruction loss of each epoch, for each autoencoder; empty if the weights were loaded.
    latent_ : ndarray of float32, shape (n_samples, n_autoencoders * n_clusters)
    embedding_ : ndarray of float64, shape (n_samples, n_components)
    labels_ : ndarray of int, shape (n_samples,)
    manifold_, clusterer_ : fitted scikit-learn estimators
    graph_ : sparse matrix of shape (n_samples, n_samples), or None
        UMAP's neighbour graph of the latent space, for the first of `n_neighbors`; None with other learners.
    modularity_ : float or None
        How well that graph supports the clusters, see `clustering.modularity`.
    seconds_ : dict
        Wall-clock time of the stages 'pretrain', 'encode', 'manifold' and 'cluster'.

    References
    ----------
    McConville et al., "N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of an Autoencoded Embedding",
    ICPR 2020, arXiv:1908.05968.
    """

    def __init__(
        self,
        n_clusters=10,
        *,
        n_autoencoders=4,
        pretrain_epochs=50,
        batch_size=256,
        ae_weights=None,
        precision="auto",
        device="cpu",
        manifold_learner="UMAP",
        n_components=2,
        n_neighbors=10,
        min_dist=0.0,
        metric="euclidean",
        cluster="GMM",
        gmm_restarts=20,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.n_autoencoders = n_autoencoders
        self.pretrain_epochs = pretrain_epochs
        self.batch_size = batch_size
        self.ae_weights = ae_weights
        self.precision = precision
        self.device = device
        self.manifold_learner = manifold_learner
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.metric = metric
        self.cluster = cluster
        self.gmm_restarts = gmm_restarts
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, x, y=None):
        """Cluster x, array-like of shape (n_samples, n_features). y is ignored."""
        return self.fit_autoencoder(x).fit_clusters(x)

    def fit_autoencoder(self, x):
        """First stage of `fit`: train the autoencoder, or load its weights."""
        x = validate_data(self, x, dtype=np.float32, order="C")
        self.seconds_ = {}
        is_seed = isinstance(self.random_state, numbers.Integral)
        self._seed = self.random_state if is_seed else check_random_state(self.random_state).randint(2**31 - 1)
        dims = (x.shape[1], *models.HIDDEN_DIMS, self.n_clusters)
        self.history_ = []
        if self.ae_weights is not None:
            ensemble, _ = models.load_weights(self.ae_weights, dims)
            self.autoencoder_ = ensemble.to(self.device)
            return self
        self.autoencoder_ = models.Ensemble(dims, self.n_autoencoders, seed=self._seed).to(self.device)
        with self._stage("pretrain", f"{self.n_autoencoders} x {self.pretrain_epochs} epochs"):
            for i, (autoencoder, seed) in enumerate(zip(self.autoencoder_, self.autoencoder_.seeds), start=1):
                losses = training.pretrain(
                    autoencoder,
                    x,
                    epochs=self.pretrain_epochs,
                    batch_size=self.batch_size,
                    precision=self.precision,
                    seed=seed,
                    verbose=self.verbose,
                    description=f"autoencoder {i}/{self.n_autoencoders}",
                )
                self.history_.append(losses)
        return self

    def fit_clusters(self, x):
        """Second stage of `fit`: encode x, embed its latent space, cluster the embedding."""
        x = validate_data(self, x, dtype=np.float32, order="C", reset=False)
        n_latent = len(self.autoencoder_) * self.n_clusters
        with self._stage("encode", f"{x.shape[1]} -> {n_latent} dimensions"):
            self.latent_ = training.encode(self.autoencoder_, x)
        sizes = np.atleast_1d(self.n_neighbors).tolist()
        if len(sizes) > 1 and self.manifold_learner != "UMAP":
            raise ValueError(f"n_neighbors must be one number with {self.manifold_learner}, got {self.n_neighbors}")
        candidates = []
        self.graph_ = None
        for n_neighbors in sizes:
            learner = manifold.manifold_learner(
                self.manifold_learner,
                n_components=self.n_components,
                n_neighbors=n_neighbors,
                min_dist=self.min_dist,
                metric=self.metric,
                random_state=None if self.random_state is None else self._seed,  # without a seed UMAP runs in parallel
            )
            description = f"{n_latent} -> {self.n_components} dimensions, {n_neighbors} neighbours"
            with self._stage("manifold", f"{self.manifold_learner}, {description}"):
                # the mixture's covariances can come out singular in UMAP's float32
                embedding = learner.fit_transform(self.latent_).astype(np.float64)
            if self.graph_ is None:
                self.graph_ = getattr(learner, "graph_", None)
            with self._stage("cluster", f"{self.cluster}, {self.n_clusters} clusters"):
                clusterer, labels = clustering.fit(
                    self.cluster, embedding, graph=self.graph_, **self._clusterer_settings()
                )
            modularity = None if self.graph_ is None else clustering.modularity(self.graph_, labels)
            candidates.append((modularity, learner, embedding, clusterer, labels))
        best = max(candidates, key=itemgetter(0)) if len(candidates) > 1 else candidates[0]
        self.modularity_, self.manifold_, self.embedding_, self.clusterer_, self.labels_ = best
        return self

    def _clusterer_settings(self):
        return {"n_clusters": self.n_clusters, "restarts": self.gmm_restarts, "random_state": self._seed}

    @contextmanager
    def _stage(self, name, description):
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds_[name] = self.seconds_.get(name, 0.0) + seconds
        if self.verbose:
            print(f"{name:<10} {seconds:8.1f} s   {description}", flush=True)


def compare(model, x, y):
    """Score the clusterers on the raw data, and on the manifold of the raw data and of the latent space.

    Parameters
    ----------
    model : N2D
        Fitted on x; its parameters are those of the manifold learner and the clusterers here.
    x : ndarray of float32, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)

    Yields
    ------
    row : dict
        Keys input ('raw' or 'autoencoder'), manifold, cluster, acc, nmi, ari and seconds (of the clusterer).
    """
    learner = clone(model.manifold_)
    spaces = {
        ("raw", "none"): lambda: (x, None),
        ("raw", model.manifold_learner): lambda: (learner.fit_transform(x), getattr(learner, "graph_", None)),
        ("autoencoder", model.manifold_learner): lambda: (model.embedding_, model.graph_),
    }
    for (source, learned), space in spaces.items():
        embedding, graph = space()
        for name in clustering.CLUSTERERS:
            start = time.perf_counter()
            _, labels = clustering.fit(name, embedding.astype(np.float64), graph=graph, **model._clusterer_settings())
            seconds = time.perf_counter() - start
            yield {
                "input": source,
                "manifold": learned,
                "cluster": name,
                **metrics.scores(y, labels),
                "seconds": seconds,
            }
