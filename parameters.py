"""The parameters of N2D: their meaning, their validation, and defaults that depend on the samples."""

import math
import os
import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from .method import kernels
from .method.autoencoder import refine, training
from .method.autoencoder.scaling import SCALES
from .method.clusters import clustering
from .method.manifold import learners, neighbors
from .method.manifold.maps import MAP_DIMS
from .method.manifold.neighbourhood import only_proposes
from .readers.samples import CHANNELS
from .readers.scales import suitable_scale

LATENT_DIMS = 10  # if the number of clusters is not known
MIN_SAMPLES = 4
UMAP_DIMS = 5  # of an embedding that is clustered: in 2, clusters lie side by side that do not belong together
UNEQUAL = 10  # features whose standard deviations differ by this factor should be scaled
MIN_AUTO = 10  # samples, so that 'auto' can fit mixtures to halves
NEIGHBORHOODS = (10, 20, 50, 100)
PROPOSING = "architecture refine manifold_learner n_candidates metric image_shape".split()  # of `only_proposes`
PER_CLUSTER = 5  # a neighbourhood is at most a fifth of the samples that a cluster has on average


class Parameters(BaseEstimator):
    """Parameters of N2D."""

    _parameter_constraints = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "scale": [StrOptions(set(SCALES))],
        "architecture": [str, os.PathLike, None],
        "n_autoencoders": [Interval(Integral, 1, None, closed="left")],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "image_shape": ["array-like", None],
        "augment": ["boolean"],
        "ae_weights": [str, os.PathLike, None],
        "precision": [StrOptions({"auto", "fp32", "bf16"})],
        "device": "no_validation",
        "refine": [StrOptions(set(refine.LOSSES)), None],
        "refine_epochs": [Interval(Integral, 1, None, closed="left")],
        "cluster_weight": [Interval(Real, 0, None, closed="left"), None],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
        "refine_tol": [Interval(Real, 0, 1, closed="both")],
        "manifold_learner": [StrOptions(set(learners.MANIFOLD_LEARNERS))],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_neighbors": [Interval(Integral, 2, None, closed="left"), "array-like", None],
        "n_candidates": [Interval(Integral, 0, None, closed="left"), None],
        "min_dist": [Interval(Real, 0, 1, closed="both")],
        "metric": [StrOptions({"auto", *neighbors.METRICS})],
        "fit_samples": [Interval(Integral, MIN_SAMPLES, None, closed="left"), None],
        "cluster": [StrOptions(set(clustering.CLUSTERERS))],
        "gmm_restarts": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "callback": [callable, None],
        "checkpoint_dir": [str, os.PathLike, None],
    }

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
        n_components=None,
        n_neighbors=None,
        n_candidates=100,
        min_dist=0.0,
        metric="auto",
        fit_samples=None,
        cluster="GMM",
        gmm_restarts=100,
        n_jobs=None,
        random_state=None,
        verbose=False,
        callback=None,
        checkpoint_dir=None,
    ):
        """Keep the parameters as they are: `fit` checks them.

        Parameters
        ----------
        n_clusters : int or 'auto'
            Number of clusters, and of latent dimensions of the paper's autoencoder. 'auto': 10 latent dimensions, and
            the number between 2 and 60 on which mixtures of halves of the samples agree, see `n_clusters.scan`.
        scale : {'none', 'minmax', 'standard', '255', 'range', 'counts'}
            Scaling of the features: none; each to [0, 1], or to mean 0 and variance 1; all divided by 255; all by
            their smallest and largest number to [0, 1]; the logs of counts to mean 0 and variance 1, see
            `scaling.Scaling`.
        architecture : str or None
            FILE, FILE:INDEX or FILE:NAME of an autoencoder described in JSON, see `models.read_architecture`; None is
            the paper's.
        n_autoencoders : int
            Autoencoders, trained from different random starts, whose latent spaces are concatenated.
        pretrain_epochs : int or None
            Epochs of each autoencoder's training. None is `training.default_epochs`, few where the autoencoder
            `only_proposes` neighbours.
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
            Device of the autoencoder: 'cpu', 'cuda:0', ...
        refine : {'KLD', 'KM'} or None
            Clustering loss of the refinement, see `refine.refine`; None: no refinement.
        refine_epochs : int
        cluster_weight, reconstruction_weight : float
            Of the two losses of the refinement; None is the default of the clustering loss.
        refine_tol : float
            The refinement stops when not more than this share of the points changes its cluster in an epoch.
        manifold_learner : {'UMAP', 'umap-learn', 'LLE', 'tSNE', 'isomap', 'none'}
        n_components : int or None
            Dimensions of the embedding that is clustered. None is 5 with UMAP, and 2 with other learners.
        min_dist : float
            Of the manifold learner, see `learners.manifold_learner`.
        metric : str
            Distance in the latent space, and of inputs that are no images. 'auto': cosine if all samples have length 1,
            otherwise Euclidean; and of more than 50 standardised features the cosine of their 50 principal components.
        n_neighbors : int, sequence of int, or None
            Size of the neighbourhoods, at most n_samples - 1. Of several (UMAP alone), that of the best clusters is
            kept, see `judge.choose`. None: of 10, 20, 50 and 100 the three largest that are at most a fifth of the
            samples that a cluster has on average, or 10; without UMAP 10. Of more than 10,000 samples there may be
            fewer maps, or two of each size, see `clustering.cluster_maps`.
        n_candidates : int or None
            UMAP alone: number of neighbours in the latent space that are re-ranked by the distance of the inputs, of
            images by the deformation-invariant one, see `neighbors.closest`; of few large images more, see
            `reduction.n_candidates`. None or 0: the neighbours in the latent space, as in the paper.
        cluster : {'GMM', 'KM', 'SC'}
        fit_samples : int or None
            Learn the manifold and its clusters from so many random samples, and predict the others from their
            neighbours among these, as new points. None takes all.
        gmm_restarts : int
            Random restarts of the clusterer on each embedding, at most; the best fit is kept, see `judge.best`.
        n_jobs : int or None
            Threads that search for neighbours, embed and fit mixtures; their number changes no result. None: as many as
            PyTorch has (OMP_NUM_THREADS); -1: as many as there are processors.
        random_state : int, RandomState or None
            An int makes every stage deterministic.
        verbose : bool
            Show progress, and the time of each stage.
        callback : callable or None
            Called after every epoch of the training with the autoencoder's number from 1, the epoch, its loss and its
            learning rate.
        checkpoint_dir : path-like or None
            Folder for a checkpoint of the training every two minutes, from which the same fit resumes when it is called
            again. The files are removed when the fit is done.
        """
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

    def validate(self, x):
        """Raise an error for parameters that are wrong, or wrong for x, before anything is trained."""
        self._validate_params()  # scikit-learn's, by _parameter_constraints
        kernels.refuse_forks()
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError, TypeError) as error:
            what = "device must be 'cpu', or 'cuda:0', ... or 'mps' where there is one"
            raise ValueError(f"{what}, got {self.device!r}") from error
        if self.checkpoint_dir is not None and self.random_state is None:
            warnings.warn("checkpoint_dir is of no use without a random_state: no checkpoint is written", stacklevel=4)
        n_samples, n_features = x.shape
        sizes = np.ravel(NEIGHBORHOODS[:1] if self.n_neighbors is None else self.n_neighbors)
        if not len(sizes) or sizes.dtype.kind not in "iu" or sizes.min() < 2:
            raise ValueError(f"n_neighbors must be one or more whole numbers of at least 2, got {self.n_neighbors!r}")
        if len(sizes) > 1 and self.manifold_learner not in learners.WITH_GRAPH:
            raise ValueError(f"n_neighbors must be one number with {self.manifold_learner}, got {self.n_neighbors}")
        if self.manifold_learner == "tSNE" and (self.n_components or 0) > 3:
            raise ValueError(f"n_components must be 1, 2 or 3 with tSNE, got {self.n_components}")
        if self.n_clusters == "auto" and n_samples < MIN_AUTO:
            raise ValueError(f"n_clusters='auto' needs at least {MIN_AUTO} samples, got {n_samples}")
        if self.n_clusters == "auto" and self.refine is not None:
            raise ValueError("n_clusters must be a number with refine: its loss has a centre for each cluster")
        if self.n_latent > n_samples:
            raise ValueError(f"n_clusters must be at most {n_samples}, the number of samples, got {self.n_clusters}")
        n_fitted = min(self.fit_samples or n_samples, n_samples)
        if self.cluster == "SC" and n_fitted < clustering.SPECTRAL_NEIGHBORS:
            raise ValueError(f"cluster='SC' needs at least {clustering.SPECTRAL_NEIGHBORS} samples, got {n_fitted}")
        if self.n_neighbors is not None and sizes.max() >= n_fitted:
            what = f"n_neighbors must be less than the {n_fitted} samples, got {self.n_neighbors}"
            warnings.warn(f"{what}: {n_fitted - 1} are taken", stacklevel=4)
        if self.manifold_learner != "none" and (self.n_components or 0) >= n_fitted:
            raise ValueError(f"n_components must be less than the {n_fitted} samples, got {self.n_components}")
        if self.fit_samples is not None and self.fit_samples <= self.n_latent:
            raise ValueError(f"fit_samples must be more than the {self.n_latent} clusters, got {self.fit_samples}")
        self._validate_image_shape(n_features)

    def _validate_image_shape(self, n_features):
        if self.image_shape is None:
            if self.augment:
                raise ValueError("augment shifts and rotates images: image_shape must be given with it")
            return
        shape = tuple(self.image_shape)
        if len(shape) not in (2, 3) or len(shape) == 3 and shape[0] not in CHANNELS:
            raise ValueError(
                "image_shape must be (height, width), or (channels, height, width) with 1, 3 or 4 channels, got "
                f"{self.image_shape}"
            )
        if math.prod(shape) != n_features:
            raise ValueError(f"image_shape must be that of images of {n_features} pixels, got {self.image_shape}")

    def warn_of_units(self, x):
        """Warn if features are not scaled and their standard deviations differ so much that few of them decide."""
        if self.scale != "none" or self.image_shape is not None or (suitable := suitable_scale(x)) == "none":
            return
        deviations = x.std(axis=0, dtype=np.float64)
        low, high = deviations[deviations > 0].min(initial=np.inf), deviations.max()
        if high > UNEQUAL * low:
            pixels = "; of images give image_shape, and scale='255' or 'range'" if x.min() >= 0 else ""
            warnings.warn(
                f"features have standard deviations from {low:.3g} to {high:.3g}, and the largest decide: "
                f"scale={suitable!r} makes them equal{pixels}",
                stacklevel=4,  # where `fit` is called
            )

    @property
    def n_latent(self):
        """Latent dimensions of one of the paper's autoencoders: the number of clusters."""
        return LATENT_DIMS if self.n_clusters == "auto" else self.n_clusters

    def epochs(self, n_samples):
        """Return the epochs of the training on so many samples."""
        if self.pretrain_epochs is not None:
            return self.pretrain_epochs
        return training.default_epochs(n_samples, only_proposes(**{name: getattr(self, name) for name in PROPOSING}))

    def dimensions(self, n_samples):
        """Return the dimensions of the embedding of so many samples."""
        if self.n_components is not None:
            return self.n_components
        return min(UMAP_DIMS, n_samples - 2) if self.manifold_learner in learners.WITH_GRAPH else MAP_DIMS

    def sizes(self, n_samples, n_clusters):
        """Return the neighbourhood sizes for so many samples and clusters, in ascending order."""
        sizes = self.n_neighbors
        if sizes is None:
            small = [size for size in NEIGHBORHOODS if size * PER_CLUSTER * n_clusters <= n_samples]
            sizes = small[-3:] if small and self.manifold_learner in learners.WITH_GRAPH else NEIGHBORHOODS[0]
        return np.unique(np.minimum(sizes, n_samples - 1)).tolist()
