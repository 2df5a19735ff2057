"""Refinement: training with a clustering loss beside the reconstruction loss, for more compact clusters."""

import numpy as np
import torch
from sklearn.cluster import KMeans

from .training import Loop, encode

CLUSTER_WEIGHTS = {"KLD": 1.0, "KM": 0.1}
ASSIGNED = 4096  # samples whose differences from the centres are in memory at a time


def _differences(latent, centres):
    """Return the vectors from each centre to each point, (n_samples, n_clusters, n_latent).

    torch.cdist multiplies matrices instead: far from the origin that cancels, and on MPS it has no gradient.
    """
    return latent[:, None] - centres


def soft_assignment(latent, centres):
    """Return the Student-t similarity of points to centres (Xie et al. 2016, equation 1, one degree of freedom).

    Parameters
    ----------
    latent : Tensor of float, shape (n_samples, n_latent)
    centres : Tensor of float, shape (n_clusters, n_latent)

    Returns
    -------
    Tensor of float, shape (n_samples, n_clusters)
        Rows sum to 1.
    """
    similarity = 1 / (1 + _differences(latent, centres).square().sum(dim=2))
    return similarity / similarity.sum(dim=1, keepdim=True)


def target_distribution(q):
    """Return sharper target assignments p: q squared over cluster sizes, normalised (Xie et al. 2016, equation 3)."""
    p = q.square() / q.sum(dim=0)
    return p / p.sum(dim=1, keepdim=True)


def kl_divergence(latent, centres, p):
    """Return KL(p || q), mean over the samples (Xie et al. 2016, equation 2)."""
    q = soft_assignment(latent, centres)
    return torch.nn.functional.kl_div(q.log(), p, reduction="batchmean")


def kmeans_loss(latent, centres, p=None):
    """Return the mean distance to the nearest centre (Yang et al. 2017, equation 3, without its square).

    Aljalbout et al. (section 3) weight the distances to all centres by the soft assignment; their code does not. In a
    latent space of 320 dimensions the soft assignment is nearly uniform, and draws everything together in one place.
    """
    return torch.linalg.vector_norm(_differences(latent, centres), dim=2).min(dim=1).values.mean()


LOSSES = {"KLD": kl_divergence, "KM": kmeans_loss}


def refine(
    model,
    x,
    *,
    n_clusters,
    loss="KLD",
    epochs=50,
    cluster_weight=None,
    reconstruction_weight=1.0,
    tol=0.001,
    batch_size=256,
    learning_rate=1e-4,
    precision="auto",
    seed=0,
    tracked=(),
    verbose=False,
    checkpoint=None,
    prepare=None,
    augment=None,
):
    """Train a pretrained autoencoder with a clustering loss and the reconstruction loss.

    The centres start from k-means (best of 20) in the latent space, and are trained along with the network.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch to its latent space and its reconstruction, and has `encode`. Trained in place.
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
    n_clusters : int
    loss : {'KLD', 'KM'}
        `kl_divergence` to the target distribution, computed anew every epoch, or `kmeans_loss`.
    epochs : int
        At most.
    cluster_weight : float or None
        Of the clustering loss; None is 1 for KLD and 0.1 for KM.
    reconstruction_weight : float
        Of the mean squared error.
    tol : float
        Stop when not more than this share of the points has changed its cluster in an epoch.
    batch_size : int
    learning_rate : float
        A tenth of pretraining's: at the same rate the network memorises the assignments.
    precision : {'auto', 'fp32', 'bf16'}
    seed : int
        Of k-means and of the shuffling.
    tracked : sequence of int
        Points whose latent space is kept after every epoch.
    verbose : bool
        Show a progress bar with both losses and the share of points that changed their cluster.
    checkpoint : checkpoint.Checkpoint or None
        Read at the start; written every `checkpoint.every` seconds, and at the end.
    prepare : callable or None
        Turns rows of x, as a tensor, into the autoencoder's input, float32.
    augment : tuple of int or None
        As for `training.pretrain`. The target distribution is that of the samples as they are.

    Returns
    -------
    centres : ndarray of float32, shape (n_clusters, n_latent)
    history : list of dict
        For each epoch 'reconstruction', 'clustering' and 'changed'.
    evolution : ndarray of float32, shape (n_epochs + 1, len(tracked), n_latent)
        Latent space of the tracked points before the first epoch, and after each.

    Raises
    ------
    training.DivergenceError
        If a loss becomes infinite or NaN. The checkpoint is the last one from before.

    References
    ----------
    Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, arXiv:1511.06335 (KLD).
    Guo, Zhu, Liu, Yin, "Deep Embedded Clustering with Data Augmentation", ACML 2018 (KLD of distorted images).
    Guo, Gao, Liu, Yin, "Improved Deep Embedded Clustering with Local Structure Preservation", IJCAI 2017 (KLD with
    reconstruction).
    Yang, Fu, Sidiropoulos, Hong, "Towards K-means-friendly Spaces", ICML 2017, arXiv:1610.04794 (KM).
    Aljalbout et al., "Clustering with Deep Learning", arXiv:1801.07648 (both, and the weight of KM).
    """
    device = next(model.parameters()).device
    if cluster_weight is None:
        cluster_weight = CLUSTER_WEIGHTS[loss]
    tracked = np.asarray(tracked, dtype=int)
    state = None if checkpoint is None else checkpoint.state
    if state is None:
        latent = encode(model, x, prepare=prepare)
        kmeans = KMeans(n_clusters, n_init=20, random_state=seed).fit(latent)
        centres = torch.as_tensor(kmeans.cluster_centers_, dtype=torch.float32, device=device)
        q, evolution = _assign(latent, centres), torch.from_numpy(latent[None, tracked])
    else:
        centres, q, evolution = state["centres"].to(device), state["q"].to(device), state["evolution"]
    del state  # the Loop restores the rest
    centres = torch.nn.Parameter(centres)

    def losses(latent, reconstruction, batch, index, n_whole):
        reconstruction_loss = (reconstruction.float() - batch).square().mean()  # an ensemble's come stacked
        parts = torch.stack([reconstruction_loss, LOSSES[loss](latent.float(), centres, p[index])])
        return reconstruction_weight * parts[0] + cluster_weight * parts[1], parts

    settings = {"epochs": epochs, "batch_size": batch_size, "precision": precision, "seed": seed, "prepare": prepare}
    frame = {"augment": augment, "checkpoint": checkpoint, "description": f"the {loss} refinement", "verbose": verbose}
    clusters = {"more": lambda: {"centres": centres.detach(), "q": q, "evolution": evolution}}
    with Loop(model, x, [*model.parameters(), centres], learning_rate, **settings, **frame, **clusters) as loop:
        while len(loop.history) < epochs and not (loop.history and loop.history[-1]["changed"] <= tol):
            p = target_distribution(q)
            reconstruction, clustering = loop.epoch(losses)
            model.eval()
            latent = encode(model, loop.x, prepare=prepare)
            evolution = torch.cat([evolution, torch.from_numpy(latent[None, tracked])])
            before, q = q.argmax(dim=1), _assign(latent, centres)
            changed = (q.argmax(dim=1) != before).float().mean().item()
            loop.record(
                {"reconstruction": reconstruction, "clustering": clustering, "changed": changed},
                reconstruction=f"{reconstruction:.5f}",
                clustering=f"{clustering:.4f}",
                changed=f"{changed:.2%}",
            )
    return centres.detach().cpu().numpy(), loop.history, evolution.numpy()


@torch.no_grad()
def _assign(latent, centres):
    parts = torch.as_tensor(latent, device=centres.device).split(ASSIGNED)
    return torch.cat([soft_assignment(part, centres) for part in parts])
