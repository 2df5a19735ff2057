"""N2D as a scikit-learn estimator: autoencode, embed, cluster."""

import numbers
from operator import attrgetter

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from .method import new_points, persistence, reduction
from .method.autoencoder import checkpoint, training, weights
from .method.autoencoder.encoder import Encoder
from .method.clusters import alternatives, clustering, divisions, n_clusters
from .method.clusters.assignment import Assignment
from .method.manifold import learners, neighbors
from .method.manifold.maps import Maps
from .method.manifold.neighbourhood import Neighbourhood
from .method.progress import Progress
from .page import views
from .parameters import MIN_SAMPLES, Parameters
from .readers import inputs
from .readers.scales import has_unit_length

ENCODER = "scale architecture n_autoencoders ae_weights batch_size device".split()  # parameters that build it


class N2D(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Parameters):
    """(Not Too) Deep clustering.

    Train an autoencoder on the data, refine it with a clustering loss if asked to, learn the manifold of its latent
    space, cluster the manifold. New points are encoded, and predicted from their ten nearest samples, which are found
    in the same way as the neighbours of samples: their place in the embedding is a mean, their cluster that of most.

    The parameters are those of `parameters.Parameters`. The result of each step of the paper is an object of its own;
    this estimator has its attributes too, with an underscore.

    Attributes
    ----------
    encoder_ : method.autoencoder.encoder.Encoder
        The first step: `autoencoder_` (its `ensemble`), `scaling_`, `network_`, `batch_size_`, `history_`, `n_iter_`;
        after a refinement also `refine_history_`, `tracked_`, `evolution_`, `pretrained_latent_`.
    latent_ : ndarray of float32, shape (n_samples, n_latent)
        n_latent is n_autoencoders times the latent dimensions of one.
    sample_ : ndarray of int, or slice
        The samples that manifold and clusters were fitted to.
    metric_ : str
        Distance in the latent space: `metric`, or the choice of 'auto'.
    small_shape_ : tuple of int, or None
        That of images as the method sees them: it reduces larger ones, see `reduction`, where it compares inputs.
    neighbourhood_ : method.manifold.neighbourhood.Neighbourhood
        Of the samples of `sample_`; their nearest neighbours, with UMAP, are `knn_`.
    maps_ : method.manifold.maps.Maps
        The second step, not saved with a model: `graph_`, and the fitted learner of the best map, `manifold_`.
    embedding_ : ndarray of float32, shape (n_samples, n_components)
        What is clustered.
    map_ : ndarray of float32, shape (n_samples, 2)
        The map to look at: UMAP's layout of the same graph in two dimensions, see `learners.to_plane`; or `embedding_`,
        if it has no more dimensions or comes from another learner.
    assignment_ : method.clusters.assignment.Assignment
        The third step, of the samples of `sample_`: `clusterer_`, `modularity_`, `reach_`, `hierarchy_`.
    labels_ : ndarray of int, shape (n_samples,)
        0 is the largest cluster, the next one is 1, and so on.
    confidence_ : ndarray of float64, shape (n_samples,)
        The share of each sample's neighbourhood that is in its cluster, 0 to 1, see `confidence.score_samples`; for a
        sample that the fit left out (`fit_samples`), see `predict`.
    outlier_ : ndarray of float64, shape (n_samples,)
        Outlier score of each sample, 0 to 1: how much farther it is from its neighbours than these are from theirs, see
        `outliers.fit`.
    n_clusters_ : int
    scan_ : list of dict, or None
        With n_clusters='auto': the scores of each number that was tried, see `n_clusters.scan`.
    alternatives_ : list of dict
        The clusters of other numbers: after n_clusters='auto' of the plausible ones, else of those that are as well
        supported, see `alternatives.find`.
    halves_ : ndarray of int8, shape (n_samples,)
        The best division of each cluster in two: 0 in the larger half, 1 in the smaller one, -1 in a cluster that is
        not divided, see `divisions.halve`.
    seed_ : int
        Of all stages, from `random_state`.
    seconds_ : dict
        Wall-clock time of the stages 'pretrain', 'refine', 'encode', 'neighbours', 'manifold', 'scan', 'cluster', 'map'
        and 'place'.
    resumed_seconds_ : float
        Of these, the time of the training before it was resumed from a checkpoint.

    References
    ----------
    McConville et al., "N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of an Autoencoded Embedding",
    ICPR 2020, arXiv:1908.05968.
    """

    autoencoder_ = property(attrgetter("encoder_.ensemble"))
    scaling_ = property(attrgetter("encoder_.scaling"))
    network_ = property(attrgetter("encoder_.network"))
    batch_size_ = property(attrgetter("encoder_.batch_size"))
    history_ = property(attrgetter("encoder_.history"))
    n_iter_ = property(attrgetter("encoder_.n_iter"))
    refine_history_ = property(attrgetter("encoder_.refine_history"))
    tracked_ = property(attrgetter("encoder_.tracked"))
    evolution_ = property(attrgetter("encoder_.evolution"))
    pretrained_latent_ = property(attrgetter("encoder_.pretrained_latent"))
    knn_ = property(attrgetter("neighbourhood_.knn"))
    graph_ = property(attrgetter("maps_.graph"))
    clusterer_ = property(attrgetter("assignment_.clusterer"))
    modularity_ = property(attrgetter("assignment_.modularity"))
    reach_ = property(attrgetter("assignment_.reach"))
    hierarchy_ = property(attrgetter("assignment_.hierarchy"))
    seconds_ = property(attrgetter("progress_.seconds"))
    resumed_seconds_ = property(attrgetter("progress_.resumed_seconds"))

    def fit(self, x, y=None):
        """Cluster x, array-like of shape (n_samples, n_features). y is ignored."""
        self.fit_autoencoder(x)
        self.fit_refinement(x)
        self.fit_latent(x)
        self.fit_neighbors(x)
        self.fit_clusters(x)
        self.forget_checkpoints()
        return self

    def fit_transform(self, x, y=None):
        """Cluster x and return `embedding_`. y is ignored."""
        return self.fit(x).embedding_

    def fit_autoencoder(self, x):
        """First stage of `fit`: train the autoencoder, or load its weights."""
        x = inputs.checked(self, x, reset=True, ensure_min_samples=MIN_SAMPLES)
        self.validate(x)
        self.warn_of_units(x)
        self.small_shape_ = self.image_shape
        if self.image_shape is not None and self.architecture is None and self.n_candidates:
            self.small_shape_ = reduction.small(self.image_shape)
        x = reduction.reduced(x, self.image_shape, self.small_shape_)
        self.metric_ = self.metric
        if self.metric == "auto":
            self.metric_ = "cosine" if self.image_shape is None and has_unit_length(x) else "euclidean"
        is_seed = isinstance(self.random_state, numbers.Integral)
        self.seed_ = self.random_state if is_seed else check_random_state(self.random_state).randint(2**31 - 1)
        self.progress_ = Progress(self.verbose)
        building = {name: getattr(self, name) for name in ENCODER}
        self.encoder_ = Encoder.build(x, n_latent=self.n_latent, seed=self.seed_, **building)
        if self.ae_weights is None:
            settings = self._training_settings()
            self.encoder_.pretrain(x, self.epochs(len(x)), callback=self.callback, **settings)
        return self

    def fit_refinement(self, x):
        """Second stage of `fit`, if there is a clustering loss: train the autoencoder with it."""
        if self.refine is None:
            return self
        if self.reconstruction_weight and not self.autoencoder_.decodes:
            raise weights.WeightsError(
                f"{self.ae_weights} is a small copy without a decoder, and the reconstruction loss beside "
                f"{self.refine} needs one: give the whole weights, or a reconstruction weight of 0"
            )
        settings = {"epochs": self.refine_epochs, "tol": self.refine_tol, "cluster_weight": self.cluster_weight}
        settings |= {"reconstruction_weight": self.reconstruction_weight, **self._training_settings()}
        self.encoder_.refine(self._checked(x), self.refine, self.n_clusters, self.seed_, **settings)
        return self

    def fit_latent(self, x):
        """Third stage of `fit`: encode x."""
        with self.progress_.stage(
            "encode", f"{self.autoencoder_[0].n_features} -> {self.autoencoder_.n_latent} dimensions"
        ):
            self.latent_ = self.encode(x)
        return self

    def fit_neighbors(self, x):
        """Fourth stage of `fit`: find the neighbours of the samples that manifold and clusters are fitted to."""
        x, n_samples = self._checked(x), len(self.latent_)
        self.sample_, self.scan_, self.n_clusters_ = slice(None), None, self.n_clusters
        if self.fit_samples is not None and self.fit_samples < n_samples:
            self.sample_ = np.random.default_rng(self.seed_).choice(n_samples, self.fit_samples, replace=False)
        if self.n_clusters == "auto":
            self.scan_, self.n_clusters_ = self._scan(x)
        self.neighbourhood_ = self.find_neighbors(self.latent_[self.sample_], x[self.sample_], self.n_clusters_)
        return self

    def fit_clusters(self, x):
        """Last stage of `fit`: embed the latent space, cluster the embedding, and predict the samples left out."""
        x = self._checked(x)
        self.maps_, fit, index = self.embed_and_cluster(self.neighbourhood_, self.seed_)
        self.manifold_, embedding = self.maps_.learners[index], self.maps_.embeddings[index]
        found = x[self.sample_], self.neighbourhood_, self.graph_, self.progress_
        settings = {"random_state": self.seed_, "n_jobs": self.n_jobs}
        self.assignment_ = Assignment.from_fit(fit, self.n_clusters_, embedding, *found, **settings)
        of_all = self._place_left_out(x, self.maps_.to_plane(index))
        known = self.scan_, self.assignment_, x[self.sample_], of_all, self.progress_
        self.alternatives_ = alternatives.find(*known, name=self.cluster, graph=self.graph_, **settings)
        return self

    def forget_checkpoints(self):
        """Remove the checkpoints in `checkpoint_dir`; `fit` does so at its end."""
        if self.checkpoint_dir is not None:
            checkpoint.forget(self.checkpoint_dir)

    transform, on_map, inverse_transform = new_points.transform, new_points.on_map, new_points.inverse_transform
    predict, kneighbors = new_points.predict, new_points.kneighbors
    predict_proba = available_if(lambda model: model.cluster == "GMM")(new_points.predict_proba)
    clusters, plot, explore, profile = views.clusters, views.plot, views.explore, views.profile
    save, load = persistence.save, classmethod(persistence.load)

    def encode(self, x):
        """Map x, array-like of shape (n_points, n_features), to the latent space, float32 (n_points, n_latent)."""
        return self.encoder_.encode(self._checked(x), Progress(self.verbose))

    def scaled(self, x):
        """Scale x, array-like of shape (n_samples, n_features), to the autoencoder's input, float32."""
        return self.scaling_.apply(self._checked(x))

    @property
    def kept_kmeans(self):
        """Whether the clusters are those of k-means of the inputs, which were clearer than those of any map."""
        return self.cluster == "GMM" and not hasattr(self.clusterer_, "predict_proba")

    def find_neighbors(self, latent, x, n_clusters):
        """Make the neighbourhood of samples, by latent space and input; with UMAP, find their neighbours."""
        has_graph = self.manifold_learner in learners.WITH_GRAPH
        neighbourhood = self.make_neighbourhood(latent, x if self.n_candidates and has_graph else None)
        if has_graph:
            neighbourhood.find(self.sizes(len(latent), n_clusters)[-1], self.progress_)
        return neighbourhood

    def make_neighbourhood(self, latent, inputs):
        """Make the neighbourhood of samples, without a search for their neighbours."""
        n_candidates = reduction.n_candidates(self.n_candidates, len(latent), self.image_shape, self.small_shape_)
        settings = {"metric": self.metric_, "n_candidates": n_candidates, "image_shape": self.small_shape_}
        settings |= {"scaling": self.scaling_, "reduces": self.metric == "auto", "n_jobs": self.n_jobs}
        return Neighbourhood(latent, inputs, **settings)

    def embed_and_cluster(self, neighbourhood, seed):
        """Return maps for several neighbourhood sizes, the best clusters, a `judge.Fit`, and the index of their map."""
        n_samples = len(neighbourhood.latent)
        sizes = self.sizes(n_samples, self.n_clusters_)
        settings = {"n_components": self.dimensions(n_samples), "knn": neighbourhood.knn, "random_state": seed}
        settings |= self._manifold_settings()
        maps = Maps(self.manifold_learner, neighbourhood.latent, sizes, self.progress_, **settings)
        settings = {"restarts": self.gmm_restarts, "random_state": seed, "inputs": neighbourhood.inputs}
        settings["n_jobs"] = self.n_jobs
        clustered = clustering.cluster_maps(self.cluster, maps, self.n_clusters_, self.progress_, **settings)
        return maps, *clustered

    def _scan(self, x):
        """Choose the number of clusters from at most 5,000 samples, see `n_clusters.find`."""
        some = np.arange(len(x))[self.sample_]
        n_some = min(n_clusters.SAMPLES, len(some))
        some = np.sort(np.random.default_rng(self.seed_).choice(some, n_some, replace=False))
        neighbourhood = self.find_neighbors(self.latent_[some], x[some], 2)
        settings = {"random_state": self.seed_, "inputs": neighbourhood.inputs if self.cluster == "GMM" else None}
        settings |= self._manifold_settings()
        return n_clusters.find(neighbourhood, self.sizes, self.manifold_learner, self.progress_, **settings)

    def _place_left_out(self, x, flat):
        """Predict the samples that the fit left out from their neighbours in it, and number clusters by size.

        Returns
        -------
        callable
            From another clustering of the samples of the fit, and whether it is nested, to that of all.
        """
        fit, every = self.assignment_, np.arange(len(self.latent_))
        others = np.setdiff1d(every, every[self.sample_])

        def whole(of_fit, of_others):
            both = np.empty((len(every), *of_fit.shape[1:]), of_fit.dtype)
            both[self.sample_], both[others] = of_fit, of_others
            return both

        known = {name: getattr(fit, name) for name in ("embedding", "labels", "confidence", "outlier", "halves")}
        known["map"], knn = flat, None
        if len(others):
            with self.progress_.stage("place", f"{len(others):,} samples among the {self.fit_samples:,}"):
                track = self.progress_.bar("placed", unit="part")
                knn = self.neighbourhood_.query(self.latent_, x, others, track=track)
                labels = fit.predict(knn)
                placed = {"embedding": self.latent_[others], "map": self.latent_[others], "labels": labels}
                if self.manifold_learner != "none":
                    placed |= {name: neighbors.place(knn, known[name]) for name in ("embedding", "map")}
                placed |= {"confidence": fit.predict_confidence(knn, labels), "outlier": fit.predict_outlier(knn)}
                placed |= {"halves": fit.predict_halves(knn, labels)}
            known = {name: whole(of_fit, placed[name]) for name, of_fit in known.items()}
        self.embedding_, self.map_, self.confidence_ = known["embedding"], known["map"], known["confidence"]
        self.outlier_, self.labels_ = known["outlier"], fit.number_by_size(known["labels"])
        self.halves_ = divisions.by_size(known["halves"], self.labels_)
        fit.halves = self.halves_[self.sample_]

        def of_all(labels, nested):
            if knn is None:
                return labels
            return whole(labels, fit.predict_others(knn, self.labels_[others], labels, nested))

        return of_all

    def _training_settings(self):
        precision = training.choose_precision(self.precision, self.device)
        folder = None if self.random_state is None else self.checkpoint_dir  # the next fit has other weights
        checkpoints = checkpoint.Checkpoints(folder, (self.batch_size_, precision), self.progress_)
        settings = {"precision": self.precision, "augment": self.small_shape_ if self.augment else None}
        return settings | {"checkpoints": checkpoints, "progress": self.progress_}

    def _manifold_settings(self):
        return {"min_dist": self.min_dist, "metric": self.metric_, "n_jobs": self.n_jobs}

    def _checked(self, x):
        """Return x, checked, as float64, float32 or bytes: never copied whole, but larger images are reduced."""
        return reduction.reduced(inputs.checked(self, x), self.image_shape, self.small_shape_)

    @property
    def _n_features_out(self):
        return self.embedding_.shape[1]

    def __sklearn_tags__(self):
        """What scikit-learn should know about the estimator."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # float32, whatever comes in
        return tags
