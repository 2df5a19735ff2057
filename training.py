"""Pretraining: the autoencoder learns to reconstruct its input."""

import math

import torch
from tqdm import tqdm

FLUSH_STEPS = 256  # a moment of 1e-20 is denormal after 390


def choose_precision(precision, device):
    """Resolve 'auto' to 'bf16' where the processor multiplies bfloat16 matrices in hardware, else 'fp32'.

    On a CPU with AVX512-BF16 or AMX, bf16 products run about four times as fast as fp32; without these instructions
    they are emulated and slower.
    """
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if fast else "fp32"


def autocast(precision, device):
    """The context in which products of matrices run in the precision that is asked for."""
    enabled = choose_precision(precision, device) == "bf16"
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)


def batches(n_samples, batch_size, generator):
    """Shuffled indices of an epoch in equal batches of at most `batch_size`: no last one too small to be normalised."""
    return torch.randperm(n_samples, generator=generator).tensor_split(math.ceil(n_samples / batch_size))


def flush(optimizer):
    """Set Adam's first moments to zero where they have decayed to nothing.

    Units that have died have no gradient, and their moments shrink by a tenth a step: after 700 steps they are denormal
    numbers, on which a CPU is many times slower, and rounding keeps them there for good. On USPS a million of them
    doubled the time of a step. `torch.set_flush_denormal` reaches the calling thread alone.
    """
    for state in optimizer.state.values():
        moment = state["exp_avg"]
        moment.masked_fill_(moment.abs() < 1e-20, 0)


def pretrain(
    model,
    x,
    *,
    epochs=50,
    batch_size=256,
    learning_rate=1e-3,
    precision="auto",
    seed=0,
    verbose=False,
    description="autoencoder",
    callback=None,
):
    """Train an autoencoder to reconstruct x: mean squared error, Adam, shuffled mini-batches.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch to its latent space and its reconstruction. Trained in place, where its parameters are.
    x : ndarray of float32, shape (n_samples, n_features)
        Held on the device as one tensor: batches are gathers, with no per-sample loading.
    epochs, batch_size : int
    learning_rate : float
    precision : {'auto', 'fp32', 'bf16'}
        bf16 runs the matrix products under autocast; weights, loss and optimiser stay float32.
    seed : int
        Seed of the shuffling.
    verbose : bool
        Show a progress bar with loss and time left.
    description : str
        What the progress bar calls the model.
    callback : callable or None
        Called after every epoch with its number from 1, its loss and its learning rate.

    Returns
    -------
    history : list of float
        Mean reconstruction loss of each epoch.
    """
    device = next(model.parameters()).device
    x = torch.as_tensor(x, device=device)
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    model.train()
    history = []
    progress = tqdm(range(epochs), desc=description, unit="epoch", disable=None if verbose else True)
    for _ in progress:
        total = torch.zeros((), device=device)
        for i, index in enumerate(batches(len(x), batch_size, shuffle)):
            batch = x[index.to(device)]
            with autocast(precision, device):
                _, reconstruction = model(batch)
            loss = torch.nn.functional.mse_loss(reconstruction.float(), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if i % FLUSH_STEPS == 0:
                flush(optimizer)
            total += loss.detach() * len(batch)
        history.append(total.item() / len(x))
        progress.set_postfix(loss=f"{history[-1]:.5f}")
        if callback is not None:
            callback(len(history), history[-1], optimizer.param_groups[0]["lr"])
    model.eval()
    return history


@torch.no_grad()
def encode(model, x, batch_size=512):
    """Map x, float32 (n_samples, n_features), to its latent space, float32 (n_samples, n_latent), by `model.encode`."""
    device = next(model.parameters()).device
    return torch.cat([model.encode(batch.to(device)).cpu() for batch in torch.as_tensor(x).split(batch_size)]).numpy()


@torch.no_grad()
def decode(ensemble, latent, batch_size=512):
    """Map joint latent points, float32 (n_samples, n_latent), to the mean of their reconstructions by the members."""
    device = next(ensemble.parameters()).device
    batches = torch.as_tensor(latent).split(batch_size)
    return torch.cat([ensemble.decode(batch.to(device)).mean(dim=0).cpu() for batch in batches]).numpy()


@torch.no_grad()
def reconstruct(model, x):
    """Reconstruct x, float32 (n_samples, n_features): float32 (n_members, n_samples, n_features)."""
    device = next(model.parameters()).device
    return model(torch.as_tensor(x, device=device))[1].cpu().numpy()
