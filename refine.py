"""Refinement: a clustering loss beside the reconstruction loss draws the latent space together around its clusters."""

import numpy as np
import torch
from sklearn.cluster import KMeans
from tqdm import tqdm

from training import FLUSH_STEPS, autocast, batches, encode, flush

CLUSTER_WEIGHTS = {"KLD": 1.0, "KM": 0.1}


def soft_assignment(latent, centres):
    """Student-t similarity of points to centres (Xie et al. 2016, equation 1, one degree of freedom).

    Parameters
    ----------
    latent : Tensor of float, shape (n_samples, n_latent)
    centres : Tensor of float, shape (n_clusters, n_latent)

    Returns
    -------
    Tensor of float, shape (n_samples, n_clusters)
        Rows sum to 1.
    """
    similarity = 1 / (1 + torch.cdist(latent, centres).square())
    return similarity / similarity.sum(dim=1, keepdim=True)


def target_distribution(q):
    """Sharper assignments p to aim for: q squared over cluster sizes, normalised (Xie et al. 2016, equation 3)."""
    p = q.square() / q.sum(dim=0)
    return p / p.sum(dim=1, keepdim=True)


def kl_divergence(latent, centres, p):
    """KL(p || q), mean over the samples (Xie et al. 2016, equation 2)."""
    q = soft_assignment(latent, centres)
    return torch.nn.functional.kl_div(q.log(), p, reduction="batchmean")


def kmeans_loss(latent, centres, p=None):
    """Distance to the centres, weighted by the soft assignment, mean over the samples (Aljalbout et al., section 3)."""
    distances = torch.cdist(latent, centres)
    return (soft_assignment(latent, centres) * distances).sum(dim=1).mean()


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
    learning_rate=1e-3,
    precision="auto",
    seed=0,
    tracked=(),
    verbose=False,
):
    """Train a pretrained autoencoder with a clustering loss and the reconstruction loss.

    The centres start from k-means (best of 20) in the latent space, and are trained along with the network.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch to its latent space and its reconstruction, and has `encode`. Trained in place.
    x : ndarray of float32, shape (n_samples, n_features)
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
    precision : {'auto', 'fp32', 'bf16'}
    seed : int
        Of k-means and of the shuffling.
    tracked : sequence of int
        Points whose latent space is kept after every epoch.
    verbose : bool
        Show a progress bar with both losses and the share of points that changed their cluster.

    Returns
    -------
    centres : ndarray of float32, shape (n_clusters, n_latent)
    history : list of dict
        For each epoch 'reconstruction', 'clustering' and 'changed'.
    evolution : ndarray of float32, shape (n_epochs + 1, len(tracked), n_latent)
        Latent space of the tracked points before the first epoch, and after each.

    References
    ----------
    Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, arXiv:1511.06335 (KLD).
    Guo, Gao, Liu, Yin, "Improved Deep Embedded Clustering with Local Structure Preservation", IJCAI 2017 (KLD with
    reconstruction).
    Yang, Fu, Sidiropoulos, Hong, "Towards K-means-friendly Spaces", ICML 2017, arXiv:1610.04794 (KM).
    Aljalbout et al., "Clustering with Deep Learning", arXiv:1801.07648 (both, and the soft assignment in KM).
    """
    device = next(model.parameters()).device
    if cluster_weight is None:
        cluster_weight = CLUSTER_WEIGHTS[loss]
    x = torch.as_tensor(x, device=device)
    latent = encode(model, x)
    kmeans = KMeans(n_clusters, n_init=20, random_state=seed).fit(latent)
    centres = torch.nn.Parameter(torch.as_tensor(kmeans.cluster_centers_, dtype=torch.float32, device=device))
    optimizer = torch.optim.Adam([*model.parameters(), centres], lr=learning_rate, fused=True)
    shuffle = torch.Generator().manual_seed(seed)
    tracked = np.asarray(tracked, dtype=int)
    history, evolution = [], [latent[tracked]]
    q = _assign(latent, centres)
    progress = tqdm(range(epochs), desc=f"refining ({loss})", unit="epoch", disable=None if verbose else True)
    for _ in progress:
        p = target_distribution(q)
        total = torch.zeros(2, device=device)
        model.train()
        for i, index in enumerate(batches(len(x), batch_size, shuffle)):
            index = index.to(device)
            batch = x[index]
            with autocast(precision, device):
                h, reconstruction = model(batch)
            parts = torch.stack(
                [
                    (reconstruction.float() - batch).square().mean(),  # an ensemble's reconstructions come stacked
                    LOSSES[loss](h.float(), centres, p[index]),
                ]
            )
            optimizer.zero_grad()
            (reconstruction_weight * parts[0] + cluster_weight * parts[1]).backward()
            optimizer.step()
            if i % FLUSH_STEPS == 0:
                flush(optimizer)
            total += parts.detach() * len(batch)
        model.eval()
        latent = encode(model, x)
        evolution.append(latent[tracked])
        before, q = q.argmax(dim=1), _assign(latent, centres)
        changed = (q.argmax(dim=1) != before).float().mean().item()
        reconstruction, clustering = (total / len(x)).tolist()
        history.append({"reconstruction": reconstruction, "clustering": clustering, "changed": changed})
        progress.set_postfix(
            reconstruction=f"{reconstruction:.5f}", clustering=f"{clustering:.4f}", changed=f"{changed:.2%}"
        )
        if changed <= tol:
            break
    return centres.detach().cpu().numpy(), history, np.stack(evolution)


@torch.no_grad()
def _assign(latent, centres):
    return soft_assignment(torch.as_tensor(latent, device=centres.device), centres)
