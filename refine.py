"""Refinement: a clustering loss beside the reconstruction loss draws the latent space together around its clusters."""

from contextlib import nullcontext

import numpy as np
import torch
from sklearn.cluster import KMeans
from tqdm import tqdm

from n2d.training import Adam, autocast, batches, check_loss, distort, encode

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
    """Distance to the nearest centre, mean over the samples (Yang et al. 2017, equation 3, without its square).

    Aljalbout et al. (section 3) weight the distances to all centres by the soft assignment; their code does not. In a
    latent space of 320 dimensions the soft assignment is all but uniform, and draws everything together in one place.
    """
    return torch.cdist(latent, centres).min(dim=1).values.mean()


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
        A tenth of pretraining's: at the same rate the network learns the assignments by heart.
    precision : {'auto', 'fp32', 'bf16'}
    seed : int
        Of k-means and of the shuffling.
    tracked : sequence of int
        Points whose latent space is kept after every epoch.
    verbose : bool
        Show a progress bar with both losses and the share of points that changed their cluster.
    checkpoint : training.Checkpoint or None
        Read at the start, and written now and then and at the end.
    prepare : callable or None
        From some rows of x, as a tensor, to what the autoencoder sees of them, float32.
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
    x = torch.as_tensor(x, device=device)
    shuffle = torch.Generator().manual_seed(seed)
    tracked = np.asarray(tracked, dtype=int)
    state = checkpoint.state if checkpoint is not None else None
    if state is None:
        latent = encode(model, x, prepare=prepare)
        kmeans = KMeans(n_clusters, n_init=20, random_state=seed).fit(latent)
        centres = torch.as_tensor(kmeans.cluster_centers_, dtype=torch.float32, device=device)
        q = _assign(latent, centres)
        history, evolution = [], torch.from_numpy(latent[None, tracked])
        first_step, total = 0, torch.zeros(2, device=device)
    else:
        model.load_state_dict(state["model"])
        shuffle.set_state(state["shuffle"])
        centres, q, total = (state[name].to(device) for name in ("centres", "q", "total"))
        history, evolution, first_step = state["history"], state["evolution"], state["step"]
    centres = torch.nn.Parameter(centres)
    optimizer = Adam([*model.parameters(), centres], learning_rate)
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])

    def position(step):
        """Everything that the next step depends on; the epoch's shuffle is made anew from where it began."""
        training = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "shuffle": epoch_start}
        clusters = {"centres": centres.detach(), "q": q, "total": total, "evolution": evolution}
        return training | clusters | {"history": history, "step": step}

    shown = None if verbose else True
    progress = tqdm(total=epochs, initial=len(history), desc=f"refining ({loss})", unit="epoch", disable=shown)
    with checkpoint or nullcontext():
        while len(history) < epochs and not (history and history[-1]["changed"] <= tol):
            p = target_distribution(q)
            model.train()
            epoch_start = shuffle.get_state()
            draws = None if augment is None else torch.rand(len(x), 3, generator=shuffle)
            for i, index in enumerate(batches(len(x), batch_size, shuffle)):
                if i < first_step:
                    continue
                index = index.to(device)
                batch = x[index] if prepare is None else prepare(x[index])
                if augment is not None:
                    batch = distort(batch, augment, draws[index.cpu()].to(device))
                with autocast(precision, device):
                    h, reconstruction = model(batch)
                parts = torch.stack(
                    [
                        (reconstruction.float() - batch).square().mean(),  # an ensemble's reconstructions come stacked
                        LOSSES[loss](h.float(), centres, p[index]),
                    ]
                )
                (reconstruction_weight * parts[0] + cluster_weight * parts[1]).backward()
                optimizer.step()
                total += parts.detach() * len(batch)
                if checkpoint is not None and checkpoint.is_due():
                    check_loss(total, f"the {loss} refinement", len(history) + 1)
                    checkpoint.write(position(i + 1))
            check_loss(total, f"the {loss} refinement", len(history) + 1)
            model.eval()
            latent = encode(model, x, prepare=prepare)
            evolution = torch.cat([evolution, torch.from_numpy(latent[None, tracked])])
            before, q = q.argmax(dim=1), _assign(latent, centres)
            changed = (q.argmax(dim=1) != before).float().mean().item()
            reconstruction, clustering = (total / len(x)).tolist()
            history.append({"reconstruction": reconstruction, "clustering": clustering, "changed": changed})
            first_step, total = 0, torch.zeros(2, device=device)
            progress.update()
            progress.set_postfix(
                reconstruction=f"{reconstruction:.5f}", clustering=f"{clustering:.4f}", changed=f"{changed:.2%}"
            )
        epoch_start = shuffle.get_state()
        if checkpoint is not None:
            checkpoint.write(position(0))
    progress.close()
    model.eval()
    return centres.detach().cpu().numpy(), history, evolution.numpy()


@torch.no_grad()
def _assign(latent, centres):
    return soft_assignment(torch.as_tensor(latent, device=centres.device), centres)
