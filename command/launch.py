"""Start and stop a run: its model and device, torchrun's processes, signals, and too little memory or disk space."""

import errno
import os
import re
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

from . import features_of_run, streams
from .arguments import processes

NO_LETTERS = "letters of some scripts are boxes in the pictures, whose font lacks them; explore.html has them"
OTHER_ENDED = "another of torchrun's processes has stopped: its own message says why"


def settle_epochs(args, data):
    """Fill in the default number of epochs, and put it into the name of the weights file."""
    if args.pretrain_epochs is None:
        from ..method.autoencoder.training import default_epochs
        from ..method.manifold.neighbourhood import only_proposes

        proposing = {name: getattr(args, name) for name in ("architecture", "refine", "manifold_learner")}
        proposing |= {"n_candidates": args.umap_candidates, "metric": args.umap_metric}
        proposes = only_proposes(**proposing, image_shape=data.image_shape)
        args.pretrain_epochs = default_epochs(len(data.x), proposes)
    if args.save_weights is not None:
        args.save_weights = Path(str(args.save_weights).replace("{epochs}", str(args.pretrain_epochs)))


def build_model(parser, args, data):
    """Build the estimator from the arguments; under torchrun it trains together with the other processes."""
    import torch

    from ..method.autoencoder import torchrun
    from ..pipeline import N2D

    device = choose_device(parser, args.gpu)
    if processes()[1] > 1:
        refuse_batch_norm(parser, args)
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
    """Return the PyTorch device of the argument gpu; the CPU, with a notice, if there is no such device.

    torchrun's processes on this machine take one device each, from gpu on; each checks that there are enough.
    """
    import torch

    if gpu == "cpu":
        return "cpu"
    name, there = ("MPS", torch.backends.mps) if gpu == "mps" else ("CUDA", torch.cuda)
    if not there.is_available():
        print(f"no {name} here: the autoencoder runs on the CPU instead of device {gpu}")
        return "cpu"
    if gpu == "mps":
        return gpu
    first, n_devices = int(gpu), torch.cuda.device_count()
    rank, n_processes = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if first >= n_devices:
        parser.error(f"gpu must be cpu or less than {n_devices}, the number of devices, got {gpu}")
    if first + n_processes > n_devices:
        parser.error(f"torchrun's {n_processes} processes need a device each, from {gpu} on, and there are {n_devices}")
    return f"cuda:{first + rank}"


def refuse_batch_norm(parser, args):
    """Refuse batch normalisation with several processes: each would normalise its own part of a batch."""
    from .. import models

    if args.architecture is None or args.ae_weights is not None:
        return
    with mistakes(parser):
        architecture = models.read_architecture(args.architecture)
    if architecture.use_batch_norm:
        parser.error(f"{args.architecture} has batch normalisation, of whole batches: start it without torchrun")


def help_along(parser, args, data):
    """Train and encode in a torchrun process other than the first, without output."""
    from ..method.autoencoder import torchrun

    sys.stdout = Path(os.devnull).open("w")
    args.save_dir = args.save_dir or Path()  # the first process chooses it, and it alone writes there
    model = build_model(parser, args, data).set_params(verbose=False)
    data, *_ = features_of_run.worked_out(parser, args, data, model.device, verbose=False)
    with mistakes(parser):  # the first process reports why
        model.fit_autoencoder(data.x)
    model.fit_latent(data.x)
    torchrun.part()


@contextmanager
def mistakes(parser):
    """Report in one line an error that only the training finds: in an architecture or weights file, or divergence."""
    from .. import models
    from ..method.autoencoder import training, weights

    try:
        yield
    except (models.ArchitectureError, weights.WeightsError, training.DivergenceError) as error:
        parser.error(str(error))


def notices(anew=""):
    """Return what writes a warning as a line, which begins with `anew`; letters that a font lacks are told once.

    Matplotlib warns of each letter, and a picture of Chinese texts lacks dozens.
    """
    told = []

    def line(message, *_, **__):
        text = str(message)
        if text.startswith("Glyph ") and "missing from" in text:
            if told:
                return ""
            told.append(text)
            text = NO_LETTERS
        return f"{anew}notice: {text}\n"

    return line


def console(main):
    """Run `main` as a program: set up streams and signals, and report too little memory or disk in one line."""
    if "OMP_WAIT_POLICY" not in os.environ:  # threads that spin longer stand still beside busy programs
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    output = streams.prepare()
    anew = "\r\033[K" if sys.stderr.isatty() else ""  # overwrites the line of an unfinished stage
    warnings.formatwarning = notices(anew)
    if processes()[0] > 0:
        warnings.showwarning = lambda *_, **__: None  # the first process prints it
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        main()
        print(end="", flush=True)  # a reader that has gone is noticed here, not at the exit
        if isinstance(output.error, BrokenPipeError):  # as with `| head`
            sys.exit(128 + 13)  # the shell's exit code for a process that SIGPIPE ended
        if output.error is not None:
            sys.exit(f"n2d.py: error: its output cannot be written ({output.error.strerror})")
    except (OSError, MemoryError, RuntimeError) as error:
        if (line := way_out(error)) is None:
            raise
        if line == OTHER_ENDED and processes()[0] > 0:
            sys.exit(1)
        sys.exit(f"n2d.py: error: {line}{goes_on()}")
    except KeyboardInterrupt as error:
        if processes()[0] == 0:
            print(f"\nn2d.py: stopped{goes_on()}", file=sys.stderr)
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))


def interrupt(number, frame):
    """Handle a signal: a training saves a checkpoint before it stops, anything else stops at once.

    A second signal stops a training at once, too, except under torchrun, which repeats the terminal's signal.
    """
    checkpoint = sys.modules.get("n2d.method.autoencoder.checkpoint")
    is_second = checkpoint is not None and checkpoint.Checkpoint.stop and processes()[1] == 1
    if checkpoint is None or not checkpoint.Checkpoint.running or is_second:
        raise KeyboardInterrupt(number)
    checkpoint.Checkpoint.stop = number


def goes_on():
    """Return the hint that the same command resumes the training, or the features, if they are kept, or ''."""
    store = sys.modules.get("n2d.features.store")
    if store and store.Store.kept:
        return "; the same command goes on with the features"
    checkpoint = sys.modules.get("n2d.method.autoencoder.checkpoint")
    return "; the same command goes on with the training" if checkpoint and checkpoint.Checkpoint.kept else ""


def way_out(error):
    """Return advice on too little memory or disk space, or on a failed process; None for any other error."""
    if isinstance(error, OSError):
        return f"{error.strerror}: make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    if type(error).__name__ in ("DistBackendError", "DistNetworkError") or "gloo/transport" in str(error):
        return OTHER_ENDED
    on_card = re.match(r"(CUDA|MPS)\b.*\bout of memory", str(error))
    asked = re.search(r"allocate ([\d.]+ \w+)", str(error))  # the wording of NumPy, PyTorch and CUDA
    if not isinstance(error, MemoryError) and asked is None and on_card is None:
        return None
    size = f", {asked[1]} more were asked for" if asked else ""
    if on_card:
        return f"out of memory on the device{size}: a smaller --batch_size takes less, or train on another, or the cpu"
    return f"out of memory{size}: a smaller --batch_size, --autoencoders or --umap_neighbors takes less"
