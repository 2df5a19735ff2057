"""How a run starts and stops: its model and device, torchrun's processes, signals, and a machine that is too small."""

import errno
import os
import re
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

from n2d.arguments import processes


def build_model(parser, args, data):
    """The estimator that the arguments describe; of torchrun's processes, one that trains with the others."""
    import torch

    from n2d import torchrun
    from n2d.pipeline import N2D

    device = choose_device(parser, args.gpu)
    if processes()[1] > 1:
        torchrun.join(device)
    return N2D(
        args.n_clusters,
        scale=args.scale or data.scale,
        architecture=args.architecture,
        n_autoencoders=args.autoencoders,
        pretrain_epochs=args.pretrain_epochs,
        batch_size=args.batch_size,
        image_shape=data.image_shape,
        augment=args.augment,
        ae_weights=args.ae_weights,
        precision=args.precision,
        device=device,
        refine=args.refine,
        refine_epochs=args.refine_epochs,
        cluster_weight=args.cluster_weight,
        reconstruction_weight=args.reconstruction_weight,
        refine_tol=args.refine_tol,
        manifold_learner=args.manifold_learner,
        n_components=args.umap_dim,
        n_neighbors=args.umap_neighbors,
        n_candidates=args.umap_candidates or None,
        min_dist=args.umap_min_dist,
        metric=args.umap_metric,
        fit_samples=args.umap_fit_samples,
        cluster=args.cluster,
        gmm_restarts=args.gmm_restarts,
        n_jobs=args.umap_jobs or torch.get_num_threads(),
        random_state=args.seed,
        verbose=True,
        checkpoint_dir=args.save_dir,
    )


def choose_device(parser, gpu):
    """The PyTorch device of the argument gpu; the CPU, with a notice, where there is no CUDA."""
    import torch

    if gpu == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        print(f"no CUDA here: the autoencoder runs on the CPU instead of device {gpu}")
        return "cpu"
    gpu = int(gpu) + int(os.environ.get("LOCAL_RANK", 0))  # torchrun's processes take one each, from there on
    if gpu >= torch.cuda.device_count():
        parser.error(f"gpu must be cpu or less than {torch.cuda.device_count()}, the number of devices, got {gpu}")
    return f"cuda:{gpu}"


def help_along(parser, args, data):
    """What all but the first of torchrun's processes do: their part of the training and of the encoding, in silence."""
    from n2d import torchrun

    sys.stdout = Path(os.devnull).open("w")
    model = build_model(parser, args, data).set_params(verbose=False)
    with mistakes(parser):  # the first process says why
        model.fit_autoencoder(data.x)
    model.fit_latent(data.x)
    torchrun.part()


@contextmanager
def mistakes(parser):
    """One line for what only the training finds to be wrong: an architecture, a weights file, a loss that diverges."""
    from n2d import models, training, weights

    try:
        yield
    except (models.ArchitectureError, weights.WeightsError, training.DivergenceError) as error:
        parser.error(str(error))


def console(main):
    """Run `main` as a program: signals, notices, and one line where the machine is too small."""
    warnings.formatwarning = lambda message, *_, **__: f"notice: {message}\n"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        main()
    except (OSError, MemoryError, RuntimeError) as error:
        if (line := way_out(error)) is None:
            raise
        sys.exit(f"n2d.py: error: {line}{goes_on()}")
    except KeyboardInterrupt as error:
        print(f"\nn2d.py: stopped{goes_on()}", file=sys.stderr)
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))


def interrupt(number, frame):
    """Signal handler: a training writes where it stands before it stops, anything else stops at once."""
    checkpoint = sys.modules.get("n2d.checkpoint")
    if checkpoint is None or not checkpoint.Checkpoint.running or checkpoint.Checkpoint.stop:
        raise KeyboardInterrupt(number)
    checkpoint.Checkpoint.stop = number


def goes_on():
    """What the next run would do, if a training has left where it stands."""
    checkpoint = sys.modules.get("n2d.checkpoint")
    return "; the same command goes on with the training" if checkpoint and checkpoint.Checkpoint.kept else ""


def way_out(error):
    """What to do about a machine that is too small; None if that is not what the error says."""
    if isinstance(error, OSError):
        return f"{error.strerror}: make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    asked = re.search(r"allocate ([\d.]+ \w+)", str(error))  # NumPy's, PyTorch's and CUDA's words
    if not isinstance(error, MemoryError) and asked is None:
        return None
    size = f", {asked[1]} more were asked for" if asked else ""
    return f"out of memory{size}: a smaller --batch_size, --autoencoders or --umap_neighbors takes less"
