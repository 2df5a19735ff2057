"""Result of the first step: the scaling of the samples, and the autoencoders that map them to a latent space."""

from functools import partial

import numpy as np

from ... import models
from .. import kernels
from . import refine, training, weights
from .scaling import Scaling

N_TRACKED = 1000  # points whose latent space during the refinement is kept for a picture


class Encoder:
    """Scaling and autoencoders, which map samples to the latent space and back.

    Attributes
    ----------
    scaling : Scaling
        The autoencoders get ``scaling.apply(x)``.
    ensemble : models.Ensemble
    network : tuple of int, or models.Architecture
        Layer widths of each autoencoder, or its description.
    batch_size : int
        Of the training.
    history : list of list of float
        Reconstruction loss of each epoch, for each autoencoder; empty if the weights were loaded.
    n_iter : int
        Epochs that each autoencoder was trained for.
    refine_history, tracked, evolution, pretrained_latent
        Set by `refine`.
    """

    def __init__(self, scaling, ensemble, network, batch_size, n_iter=0):
        self.scaling, self.ensemble, self.network, self.batch_size = scaling, ensemble, network, batch_size
        self.history, self.n_iter = [], n_iter

    @classmethod
    def build(cls, x, *, scale, architecture, n_latent, n_autoencoders, ae_weights, batch_size, device, seed):
        """Build an encoder for x, untrained or with loaded weights.

        Parameters
        ----------
        x : ndarray of float64, float32 or uint8, shape (n_samples, n_features)
        scale, architecture, n_autoencoders, ae_weights, batch_size, device
            See `parameters.Parameters`.
        n_latent : int
            Dimensions of the latent space of the paper's autoencoder.
        seed : int

        Raises
        ------
        models.ArchitectureError
            If the autoencoder is for another number of features.
        weights.WeightsError
            If the weights are of another autoencoder.
        """
        scaling = Scaling.fit(x, scale)
        if architecture is None:
            network, usual = (x.shape[1], *models.HIDDEN_DIMS, n_latent), training.BATCH_SIZE
        else:
            network = models.read_architecture(architecture)
            usual = network.batch_size
        if ae_weights is None:
            ensemble = models.Ensemble(network, n_autoencoders, seed=seed)
        else:
            ensemble, _ = weights.load_weights(ae_weights, network)
        if ensemble[0].n_features != x.shape[1]:
            raise models.ArchitectureError(
                f"{architecture} is for samples of {ensemble[0].n_features} features, got {x.shape[1]}"
            )
        return cls(scaling, ensemble.to(device), network, batch_size or usual)

    @property
    def device(self):
        """The device of the autoencoders, a torch.device."""
        return next(self.ensemble.parameters()).device

    def pretrain(self, x, epochs, checkpoints, progress, *, callback=None, **settings):
        """Train each autoencoder to reconstruct x.

        Parameters
        ----------
        x : ndarray of float64, float32 or uint8, shape (n_samples, n_features)
        epochs : int
        checkpoints : checkpoint.Checkpoints
        progress : progress.Progress
        callback : callable or None
            Called after every epoch with the autoencoder's number from 1, the epoch, its loss and its learning rate.
        **settings
            `augment` and `precision` of `training.pretrain`.
        """
        x, prepare = self.scaling.in_batches(x, self.device)
        self.n_iter = epochs
        n = len(self.ensemble)
        with progress.stage("pretrain", f"{n} x {self.n_iter} epochs of {self.ensemble[0].line}"):
            for i, (autoencoder, seed) in enumerate(zip(self.ensemble, self.ensemble.seeds), start=1):
                depends_on = seed, self.n_iter, str(self.network), self.scaling.kind, settings["augment"], x
                losses = training.pretrain(
                    autoencoder,
                    x,
                    epochs=self.n_iter,
                    batch_size=self.batch_size,
                    seed=seed,
                    description=f"autoencoder {i}/{n}",
                    callback=callback and partial(callback, i),
                    checkpoint=checkpoints.of("pretrain", i, i, *depends_on),
                    prepare=prepare,
                    verbose=progress.verbose,
                    **settings,
                )
                self.history.append(losses)

    def refine(
        self, x, loss, n_clusters, seed, checkpoints, progress, *, epochs, tol, augment, precision, **loss_weights
    ):
        """Continue the training with a clustering loss, see `refine.refine`.

        Sets `pretrained_latent`, the latent space before, ndarray of float32 (n_samples, n_latent); `refine_history`,
        for each epoch its losses and the share of samples that changed their cluster; `tracked`, at most 1000 random
        samples; and `evolution`, their latent space before the first and after each epoch, ndarray of float32
        (n_epochs + 1, n_tracked, n_latent).
        """
        with progress.stage("encode", "before the refinement"):
            self.pretrained_latent = self.encode(x, progress)
        x, prepare = self.scaling.in_batches(x, self.device)
        losses = loss_weights["cluster_weight"], loss_weights["reconstruction_weight"]
        depends_on = loss, epochs, *losses, tol, augment, n_clusters, seed, self.pretrained_latent
        rng = np.random.default_rng(seed)
        self.tracked = rng.choice(len(x), min(N_TRACKED, len(x)), replace=False)
        with progress.stage("refine", f"{loss}, at most {epochs} epochs"):
            _, self.refine_history, self.evolution = refine.refine(
                self.ensemble,
                x,
                n_clusters=n_clusters,
                loss=loss,
                epochs=epochs,
                tol=tol,
                batch_size=self.batch_size,
                precision=precision,
                seed=seed,
                tracked=self.tracked,
                checkpoint=checkpoints.of("refine", "refine", *depends_on),
                prepare=prepare,
                augment=augment,
                verbose=progress.verbose,
                **loss_weights,
            )

    def encode(self, x, progress):
        """Map x, ndarray (n_points, n_features), to the latent space, float32 (n_points, n_latent)."""
        kernels.prepare_for_forks()
        x, prepare = self.scaling.in_batches(x, self.device)
        return training.encode(self.ensemble, x, prepare=prepare, track=progress.bar("encoded", unit="batch"))

    def decode(self, latent):
        """Decode latent points, float32 (n_points, n_latent), in units of the data: float32 (n_points, n_features)."""
        return self.scaling.invert(training.decode(self.ensemble, latent))
