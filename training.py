"""Pretraining: the autoencoder learns to reconstruct its input, and goes on where it was stopped."""

import ctypes
import gc
import math
import os
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

MAX_SHIFT, MAX_ANGLE = 0.1, math.radians(10)  # of distorted images; the shift is a share of the side
FLUSH_STEPS = 256  # a moment of 1e-20 is denormal after 390
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def processes():
    """The rank of this process, and the number of processes that train together: (0, 1) without torchrun."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def join(device):
    """Train together with the other processes that torchrun started: over NCCL on GPUs, Gloo on CPUs."""
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if torch.device(device).type == "cuda" else "gloo")


def part():
    """Leave the other processes: what comes now is the work of one."""
    if dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()  # DistributedDataParallel's cycles hold the group: its threads can abort an interpreter that ends


def mean_of_processes(tensor):
    """The mean of their tensors, in each of them."""
    if dist.is_initialized():
        tensor = tensor.clone()
        dist.all_reduce(tensor)
        tensor /= dist.get_world_size()
    return tensor


def default_epochs(n_samples):
    """How long an autoencoder is trained: 50 epochs, or fewer where it sees 700,000 samples sooner, but at least 10."""
    return max(10, min(50, 700_000 // n_samples))


def keep_freed_memory():
    """Let glibc keep blocks of up to 32 MB when they are freed, 1 GB in all, where it is the C library.

    Otherwise each step of the training gives its buffers back to the system and gets them again, page by page: with 256
    samples a sixth of the step's time.
    """
    with suppress(AttributeError, TypeError, OSError):  # other systems
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)


class DivergenceError(ArithmeticError):
    """A loss that is no longer a number."""


def check_loss(total, description, epoch):
    """Raise DivergenceError if a sum of losses, a tensor, is infinite or NaN: before it gets into a checkpoint."""
    if not total.isfinite().all():
        raise DivergenceError(
            f"the loss of {description} became {total.sum().item()} in epoch {epoch}: scale the features "
            "(--scale=standard), or train in --precision=fp32"
        )


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


def distort(images, shape, draws):
    """Shift and rotate images about their middle, each in its own way; what comes in from outside is 0.

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


class Adam:
    """Adam (Kingma and Ba 2015), the very steps of `torch.optim.Adam(fused=True)`, with less around them.

    torch.optim's takes a second to start (it imports the compiler), and a twentieth of a training step for the groups
    and hooks that nobody needs here. And it keeps moments that have decayed to nothing: units that have died have no
    gradient, and their moments shrink by a tenth a step; after 700 steps they are denormal numbers, on which a CPU is
    many times slower, and rounding keeps them there for good. On USPS a million of them doubled the time of a step.
    (`torch.set_flush_denormal` reaches the calling thread alone.) Here they are set to zero now and then.

    Parameters
    ----------
    parameters : iterable of torch.nn.Parameter
    learning_rate : float
    """

    def __init__(self, parameters, learning_rate):
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self.n_steps = 0
        self.moments = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def step(self):
        """Go one step against the gradients, which are gone then."""
        torch._foreach_add_(self.steps, 1)
        torch._fused_adam_(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.moments,
            self.squares,
            [],
            self.steps,
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None
        self.n_steps += 1
        if self.n_steps % FLUSH_STEPS == 0:
            for moment in self.moments:
                moment.masked_fill_(moment.abs() < 1e-20, 0)

    def state_dict(self):
        """All that the next step depends on but the parameters."""
        return {name: getattr(self, name) for name in ("n_steps", "moments", "squares", "steps")}

    def load_state_dict(self, state):
        """Go on from where another one was."""
        self.n_steps = state["n_steps"]
        for name in ("moments", "squares", "steps"):
            for mine, other in zip(getattr(self, name), state[name]):
                mine.copy_(other)


class Checkpoint:
    """Where a training stands, in a file from which the same training goes on after it was stopped at any moment.

    Parameters
    ----------
    path : path-like
    fingerprint : str
        Of all that the training depends on. A file with another one, or a damaged one, is not read.
    every : float
        Seconds between two writes.

    Attributes
    ----------
    state : dict or None
        What the file held.
    seconds : float
        That the training had taken when the file was written.
    running, kept : bool
    stop : int
        All of the class. `kept`: there is a file to go on from. While a training is `running`, a signal handler may
        set `stop` to the signal's number: the training finishes its step, writes it, and raises KeyboardInterrupt with
        that number.
    """

    running, stop, kept = False, 0, False

    def __init__(self, path, fingerprint, every=120.0):
        self.path, self.fingerprint, self.every = Path(path), fingerprint, every
        self.state, self.seconds = None, 0.0
        try:
            state = torch.load(self.path, weights_only=True)
            if state["fingerprint"] == fingerprint:
                self.state, self.seconds = state["state"], state["seconds"]
                Checkpoint.kept = True
        except MemoryError:  # it may be a good one, which a training from the start would replace
            raise
        except Exception:  # there is none, or whatever damaged bytes lead to
            pass
        if dist.is_initialized():  # the file may be on the first process's disk alone
            first = [self.state, self.seconds]
            dist.broadcast_object_list(first)
            self.state, self.seconds = first
        self._start = self._last = time.monotonic()

    def __enter__(self):
        """Begin the training."""
        Checkpoint.running = True
        return self

    def __exit__(self, *_):
        """End the training."""
        Checkpoint.running = False

    def is_due(self):
        """Whether it is time to write: the first of several processes decides."""
        is_due = Checkpoint.stop or time.monotonic() - self._last >= self.every
        if dist.is_initialized():
            first = torch.tensor([is_due, Checkpoint.stop], device="cuda" if dist.get_backend() == "nccl" else "cpu")
            dist.broadcast(first, 0)
            is_due, Checkpoint.stop = first.tolist()
        return bool(is_due)

    def write(self, state):
        """Write the state, a dict of what PyTorch saves: whole, on the disk, or not at all."""
        self._last = time.monotonic()
        if processes()[0] == 0:
            self._write(state, self.seconds + self._last - self._start)
        if Checkpoint.stop:
            raise KeyboardInterrupt(Checkpoint.stop)

    def _write(self, state, seconds):
        partial = self.path.with_name(self.path.name + ".part")
        try:
            with partial.open("wb") as file:
                torch.save({"fingerprint": self.fingerprint, "seconds": seconds, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
            Checkpoint.kept = True
        except OSError:  # a full disk
            partial.unlink(missing_ok=True)
            raise


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

    Of several processes (`join`) each takes its part of every batch, and their gradients are averaged, so that the
    batches are those of one process.

    Parameters
    ----------
    model : torch.nn.Module
        Maps a batch to its latent space and its reconstruction. Trained in place, where its parameters are.
    x : ndarray of float32 or uint8, shape (n_samples, n_features)
        Held on the device as one tensor: batches are gathers, with no per-sample loading. On a CPU a memory map stays
        one.
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
    checkpoint : Checkpoint or None
        Read at the start, and written now and then and at the end. Stopped and started again, the training ends with
        the very same weights as without a stop.
    prepare : callable or None
        From some rows of x, as a tensor, to what the autoencoder sees of them, float32.
    augment : tuple of int or None
        Shape of the images that the rows of x are: train on copies of them, `distort`ed anew in every epoch.

    Returns
    -------
    history : list of float
        Mean reconstruction loss of each epoch.

    Raises
    ------
    DivergenceError
        If the loss becomes infinite or NaN. The checkpoint is the last one from before.
    """
    keep_freed_memory()
    device = next(model.parameters()).device
    x = torch.as_tensor(x, device=device)
    rank, n_processes = processes()
    member = model if n_processes == 1 else DistributedDataParallel(model)
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = Adam(model.parameters(), learning_rate)
    model.train()
    history, first_step, total = [], 0, torch.zeros((), device=device)
    if checkpoint is not None and (state := checkpoint.state) is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        shuffle.set_state(state["shuffle"])
        history, first_step, total = state["history"], state["step"], state["total"].to(device)
    shown = None if verbose else True
    progress = tqdm(total=epochs, initial=len(history), desc=description, unit="epoch", disable=shown)

    def position(step):
        """Everything that the next step depends on; the epoch's shuffle is made anew from where it began."""
        training = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "shuffle": epoch_start}
        return training | {"history": history, "step": step, "total": mean_of_processes(total)}

    with checkpoint or nullcontext():
        for _ in range(len(history), epochs):
            epoch_start = shuffle.get_state()
            draws = None if augment is None else torch.rand(len(x), 3, generator=shuffle)
            for i, index in enumerate(batches(len(x), batch_size, shuffle)):
                if i < first_step:
                    continue
                mine = index.tensor_split(n_processes)[rank]
                batch = x[mine.to(device)] if prepare is None else prepare(x[mine.to(device)])
                if augment is not None:
                    batch = distort(batch, augment, draws[mine].to(device))
                with autocast(precision, device):
                    _, reconstruction = member(batch)
                if n_processes == 1:
                    loss = torch.nn.functional.mse_loss(reconstruction.float(), batch)
                else:  # the mean of the processes is that of the whole batch; a part of it may be empty
                    loss = torch.nn.functional.mse_loss(reconstruction.float(), batch, reduction="sum")
                    loss = loss * (n_processes / (len(index) * batch.shape[1:].numel()))
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(index)
                if checkpoint is not None and checkpoint.is_due():
                    check_loss(total, description, len(history) + 1)
                    checkpoint.write(position(i + 1))
            total = mean_of_processes(total)
            check_loss(total, description, len(history) + 1)
            history.append(total.item() / len(x))
            first_step, total = 0, torch.zeros((), device=device)
            progress.set_postfix(loss=f"{history[-1]:.5f}")
            progress.update()
            if callback is not None:
                callback(len(history), history[-1], learning_rate)
        epoch_start = shuffle.get_state()
        if checkpoint is not None:
            checkpoint.write(position(0))
    progress.close()
    model.eval()
    return history


@torch.no_grad()
def encode(model, x, batch_size=512, prepare=None):
    """Map x, (n_samples, n_features), to its latent space, float32 (n_samples, n_latent), by `model.encode`.

    `prepare` is that of `pretrain`. Of several processes (`join`) each encodes its part, and all get the whole.
    """
    device = next(model.parameters()).device
    rank, n_processes = processes()
    latent = []
    for batch in torch.as_tensor(x).tensor_split(n_processes)[rank].split(batch_size):
        batch = batch.to(device)
        latent.append(model.encode(batch if prepare is None else prepare(batch)).cpu())
    parts = [torch.cat(latent)]
    if n_processes > 1:
        parts = [None] * n_processes
        dist.all_gather_object(parts, torch.cat(latent))
    return torch.cat(parts).numpy()


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
