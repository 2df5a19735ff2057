"""Pretraining: the autoencoder learns to reconstruct its input, and resumes from a checkpoint."""

import ctypes
import math
import warnings
from contextlib import suppress

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from .. import progress
from . import adam
from .torchrun import mean_of_processes, processes

BATCH_SIZE = 256  # the paper's
MIN_STEPS, STEPS_TO_PROPOSE = 200, 50
SEEN, SEEN_TO_PROPOSE = 550_000, 280_000  # samples in a whole training
MAX_SHIFT, MAX_ANGLE = 0.1, math.radians(10)  # of distorted images; the shift is a share of the side
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def default_epochs(n_samples, proposes=True):
    """Return the default number of epochs, more for few samples, and fewer for many.

    Parameters
    ----------
    n_samples : int
    proposes : bool
        Whether the autoencoder only proposes neighbours, which the distance of the inputs ranks. Then a short training
        is enough: 15 epochs, more until there are 50 steps of 256 samples (an epoch of 165 samples is one step), and
        fewer if 280,000 samples have been seen sooner. Else 50 epochs, more until there are 200 steps, and fewer if
        550,000 samples have been seen sooner, but at least 7.
    """
    steps = math.ceil(n_samples / BATCH_SIZE)
    if proposes:
        return max(1, min(max(15, math.ceil(STEPS_TO_PROPOSE / steps)), SEEN_TO_PROPOSE // n_samples))
    return max(7, min(50, SEEN // n_samples), math.ceil(MIN_STEPS / steps))


def keep_freed_memory():
    """Have glibc, where it is the C library, keep freed blocks of up to 32 MB, 1 GB in all.

    Otherwise each step of the training gives its buffers back to the system and gets them again, page by page: with 256
    samples a sixth of the step's time.
    """
    with suppress(AttributeError, TypeError, OSError):  # other systems
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)


class DivergenceError(ArithmeticError):
    """A loss that became infinite or NaN."""


def choose_precision(precision, device):
    """Resolve 'auto' to 'bf16' where the processor multiplies bfloat16 matrices in hardware, else 'fp32'.

    On a CPU with AVX512-BF16 or AMX, bf16 products run about four times as fast as fp32; without these instructions
    they are emulated and slower. It is fp32 where PyTorch cannot tell, and on other devices.
    """
    if precision != "auto":
        return precision
    kind, fast = torch.device(device).type, False
    if kind == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif kind == "cpu":  # private parts of PyTorch, which may go
        questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        fast = any(getattr(torch.cpu, name)() for name in questions if hasattr(torch.cpu, name))
    return "bf16" if fast else "fp32"


def autocast(precision, device):
    """Return the context in which matrix products run in this precision."""
    enabled = choose_precision(precision, device) == "bf16"
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)


def as_tensor(x):
    """Return an array as a tensor of the same memory, which is only read: it may be a memory map that nobody writes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.as_tensor(x)


def where_it_fits(x, device):
    """Return x as one tensor: on the device, or on the host where a CUDA card has less than twice its size free."""
    x = as_tensor(x)
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what PyTorch keeps of earlier trainings counts as free
        if 2 * x.nbytes > torch.cuda.mem_get_info(device)[0]:
            return x
    return x.to(device)


def batches(n_samples, batch_size, generator):
    """Return shuffled indices in equal batches of at most `batch_size`: none is too small for batch normalisation."""
    return torch.randperm(n_samples, generator=generator).tensor_split(math.ceil(n_samples / batch_size))


def distort(images, shape, draws):
    """Shift and rotate images about their middle, each differently; pixels from outside are 0.

    Parameters
    ----------
    images : Tensor of float, shape (n_samples, n_features)
    shape : tuple of int
        (height, width), or (channels, height, width).
    draws : Tensor of float, shape (n_samples, 3)
        From 0 to 1: the shift right and down, of at most a tenth of the side, and the rotation, of at most 10 degrees.

    Returns
    -------
    Tensor of float, shape (n_samples, n_features)

    References
    ----------
    Guo, Zhu, Liu, Yin, "Deep Embedded Clustering with Data Augmentation", ACML 2018.
    """
    pictures = images.view(len(images), *(1,) * (3 - len(shape)), *shape)
    draws = 2 * draws - 1
    shift, angle = 2 * MAX_SHIFT * draws[:, :2, None], MAX_ANGLE * draws[:, 2]  # affine_grid counts from -1 to 1
    ratio = shape[-2] / shape[-1]
    rotation = [angle.cos(), -angle.sin() * ratio, angle.sin() / ratio, angle.cos()]
    rotation = torch.stack(rotation, dim=1).view(-1, 2, 2)
    grid = torch.nn.functional.affine_grid(torch.cat([rotation, -shift], dim=2), pictures.shape, align_corners=False)
    return torch.nn.functional.grid_sample(pictures, grid, align_corners=False).view(images.shape)


class Loop:
    """Training loop: shuffled batches, distorted images, Adam, checkpoints and a progress bar.

    Use it in a `with` statement; it is made with what the checkpoint holds. Of several processes (`torchrun.join`) each
    takes its part of every batch, and their gradients are averaged, so that the batches are those of one process.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch to its latent space and its reconstruction. Trained in place, where its parameters are.
    x : ndarray or Tensor of float32 or uint8, shape (n_samples, n_features)
        Held as one tensor `where_it_fits`: batches are gathers, with no per-sample loading. On a CPU a memory map stays
        one.
    parameters : iterable of torch.nn.Parameter
    learning_rate : float
    epochs, batch_size : int
    precision : {'auto', 'fp32', 'bf16'}
        bf16 runs the matrix products under autocast; weights, loss and optimiser stay float32.
    seed : int
        Of the shuffling.
    prepare : callable or None
        Turns rows of x, as a tensor, into the autoencoder's input, float32.
    augment : tuple of int or None
        Shape of the images in x: train on copies of them, `distort`ed anew in every epoch.
    checkpoint : checkpoint.Checkpoint or None
        Read at the start; written every `checkpoint.every` seconds, and at the end. A training that was stopped and
        resumed ends with the same weights as one without a stop.
    more : callable
        Returns a dict of what else the next step depends on, for the checkpoint.
    description, unit : str
        What messages and the progress bar call the training.
    verbose : bool
        Show the progress bar.

    Attributes
    ----------
    history : list
        What `record` was given after each epoch.
    """

    def __init__(
        self,
        model,
        x,
        parameters,
        learning_rate,
        *,
        epochs,
        batch_size,
        precision,
        seed,
        prepare,
        augment,
        checkpoint,
        description,
        verbose,
        more=dict,
    ):
        keep_freed_memory()
        self.device = next(model.parameters()).device
        self.x = where_it_fits(x, self.device)
        self.rank, self.n_processes = processes()
        self.model, self.member = model, model if self.n_processes == 1 else DistributedDataParallel(model)
        self.batch_size, self.precision, self.augment, self.more = batch_size, precision, augment, more
        self.prepare = torch.Tensor.float if prepare is None else prepare
        self.checkpoint, self.description, self.verbose = checkpoint, description, verbose
        self.shuffle = torch.Generator().manual_seed(seed)
        self.optimizer = adam.optimizer(parameters, learning_rate)
        self.history, self.first_step, self.total = [], 0, 0.0
        if checkpoint is not None and (state := checkpoint.state) is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.shuffle.set_state(state["shuffle"])
            self.history, self.first_step = state["history"], state["step"]
            self.total = state["total"].to(self.device) if self.first_step else 0.0
            checkpoint.state = None  # as large as the training itself
        settings = {"unit": "epoch", "description": description, "verbose": verbose}
        self.progress = progress.bar(total=epochs, initial=len(self.history), **settings)

    def __enter__(self):
        """Start or resume the training."""
        if self.checkpoint is not None:
            self.checkpoint.__enter__()
        return self

    def __exit__(self, kind, *_):
        """End the training, with a last checkpoint unless there was an error."""
        try:
            if kind is None and self.checkpoint is not None:
                self.epoch_start = self.shuffle.get_state()
                self.checkpoint.write(self._training_state(0))
        finally:
            if self.checkpoint is not None:
                self.checkpoint.__exit__()
        if kind is None:
            self.progress.close()
            self.model.eval()

    def epoch(self, losses):
        """Train for one epoch.

        Parameters
        ----------
        losses : callable
            Takes latent space, reconstruction (both as the network gave them), batch, indices of its samples and size
            of the whole batch, of which this process may have a part. Returns the loss to minimise, a scalar Tensor,
            and the losses to report, Tensor (n_losses,).

        Returns
        -------
        list of float
            The reported losses, mean over the samples.

        Raises
        ------
        DivergenceError
            If a loss becomes infinite or NaN. The checkpoint is the last one from before.
        """
        self.model.train()
        n = len(self.x)
        self.epoch_start = self.shuffle.get_state()
        draws = None if self.augment is None else torch.rand(n, 3, generator=self.shuffle)
        for i, index in enumerate(batches(n, self.batch_size, self.shuffle)):
            if i < self.first_step:
                continue
            mine = index.tensor_split(self.n_processes)[self.rank]
            on_device = mine.to(self.device)
            batch = self.prepare(self.x[on_device if self.x.device == self.device else mine].to(self.device))
            if self.augment is not None:
                batch = distort(batch, self.augment, draws[mine].to(self.device))
            with autocast(self.precision, self.device):
                latent, reconstruction = self.member(batch)
            loss, reported = losses(latent, reconstruction, batch, on_device, len(index))
            loss.backward()
            self.optimizer.step()
            self.total = self.total + reported.detach() * len(index)
            if self.checkpoint is not None and self.checkpoint.is_due():
                self.checkpoint.write(self._training_state(i + 1, self._total_of_processes()))
        means = [total / n for total in self._total_of_processes().tolist()]
        self.first_step, self.total = 0, 0.0
        return means

    def record(self, entry, **shown):
        """Add what is known of an epoch to the history, and some of it, as text, to the progress bar."""
        self.history.append(entry)
        self.progress.set_postfix(**shown)
        self.progress.update()

    def _training_state(self, step, total=None):
        """Return everything that the next step depends on; the shuffle is that of the start of the epoch."""
        training = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        place = {"shuffle": self.epoch_start, "history": self.history, "step": step}
        return training | place | {"total": total} | self.more()

    def _total_of_processes(self):
        """Return the sum of losses over all processes, so that all of them raise DivergenceError, or none."""
        total = mean_of_processes(self.total)
        if not total.isfinite().all():
            raise DivergenceError(
                f"the loss of {self.description} became {total.sum().item()} in epoch {len(self.history) + 1}: "
                "scale the features (--scale=standard), or train in --precision=fp32"
            )
        return total


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
    checkpoint=None,
    prepare=None,
    augment=None,
):
    """Train an autoencoder to reconstruct x: mean squared error, Adam, shuffled mini-batches.

    Parameters
    ----------
    model, x, batch_size, learning_rate, precision, seed, prepare, augment, checkpoint, description, verbose
        See `Loop`.
    epochs : int
    callback : callable or None
        Called after every epoch with its number from 1, its loss and its learning rate.

    Returns
    -------
    history : list of float
        Mean reconstruction loss of each epoch.

    Raises
    ------
    DivergenceError
        If the loss becomes infinite or NaN. The checkpoint is the last one from before.
    """

    def losses(latent, reconstruction, batch, index, n_whole):
        if loop.n_processes == 1:
            loss = torch.nn.functional.mse_loss(reconstruction.float(), batch)
        else:  # the mean of the processes is that of the whole batch; a part of it may be empty
            loss = torch.nn.functional.mse_loss(reconstruction.float(), batch, reduction="sum")
            loss = loss * (loop.n_processes / (n_whole * batch.shape[1:].numel()))
        return loss, loss[None]

    settings = {"epochs": epochs, "batch_size": batch_size, "precision": precision, "seed": seed, "prepare": prepare}
    frame = {"augment": augment, "checkpoint": checkpoint, "description": description, "verbose": verbose}
    with Loop(model, x, model.parameters(), learning_rate, **settings, **frame) as loop:
        while len(loop.history) < epochs:
            (loss,) = loop.epoch(losses)
            loop.record(loss, loss=f"{loss:.5f}")
            if callback is not None:
                callback(len(loop.history), loss, learning_rate)
    return loop.history


@torch.no_grad()
def encode(model, x, batch_size=512, prepare=None, track=iter):
    """Map x, (n_samples, n_features), to its latent space, float32 (n_samples, n_latent), by `model.encode`.

    `prepare` is that of `pretrain`; `track` wraps the batches, to show progress. Of several processes (`join`) each
    encodes its part, and all get the whole.
    """
    device = next(model.parameters()).device
    rank, n_processes = processes()
    part = as_tensor(x).tensor_split(n_processes)[rank]
    latent = torch.empty(len(part), model.n_latent)  # separate results would fragment the memory freed by batches
    for batch, its_latent in track(list(zip(part.split(batch_size), latent.split(batch_size)))):
        batch = batch.to(device)
        its_latent.copy_(model.encode(batch if prepare is None else prepare(batch)))
    if n_processes > 1:
        parts = [None] * n_processes
        dist.all_gather_object(parts, latent)
        latent = torch.cat(parts)
    return latent.numpy()


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
