"""Distributed training in several processes, as torchrun starts them."""

import atexit
import gc
import os
import signal
import sys

import torch
import torch.distributed as dist


def processes():
    """Return the rank of this process, and the number of processes: (0, 1) without torchrun."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def join(device):
    """Join the process group of the processes that torchrun started: NCCL on GPUs, Gloo on CPUs."""
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(device)
    # no handler written in Python runs while this waits for the others, and torchrun waits 30 s before it kills
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    dist.init_process_group("nccl" if torch.device(device).type == "cuda" else "gloo")
    for number, handler in handlers.items():
        signal.signal(number, handler)
    atexit.register(_exit_at_once)


def _exit_at_once():
    """Exit at once if this process ends before `part`, which means an error: torchrun then ends the others.

    An orderly exit may wait for these others, which wait for this process.
    """
    if dist.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def part():
    """Leave the process group: the rest is the work of one process."""
    if dist.is_initialized():
        dist.destroy_process_group()
        gc.collect()  # DistributedDataParallel's cycles hold the group: its threads can abort an interpreter that ends


def mean_of_processes(tensor):
    """Return the mean of a tensor over all processes."""
    if dist.is_initialized():
        tensor = tensor.clone()
        dist.all_reduce(tensor)
        tensor /= dist.get_world_size()
    return tensor


def from_first(value):
    """Return the first process's value, anything that pickles, in all processes."""
    if dist.is_initialized():
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]
    return value


def of_all(value):
    """Return the values of all processes, anything that pickles, in the order of their ranks."""
    if not dist.is_initialized():
        return [value]
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values
