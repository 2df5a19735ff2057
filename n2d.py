#!/usr/bin/env python
"""N2D, (Not Too) Deep clustering: train an autoencoder, learn the manifold of its latent space, cluster it.

`n2d.py predict MODEL_DIR FILE` sorts new points into the clusters of a model that --save_model kept.
"""

import argparse
import copy
import errno
import gc
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import warnings
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

__path__ = [os.path.dirname(os.path.abspath(__file__))]  # this folder is the package n2d: `from n2d import models`
sys.modules["n2d"] = sys.modules[__name__]  # also where this file is run as a program

from n2d import clustering, datasets

DATA_DIR = Path(os.environ.get("N2D_DATA_DIR", "data"))
WEIGHTS = Path(__file__).resolve().parent / "weights"
LIBRARIES = ("torch", "umap-learn", "pynndescent", "numba", "scikit-learn", "scipy", "numpy")
MANIFOLD_LEARNERS = ("UMAP", "LLE", "tSNE", "isomap", "none")  # manifold.py and refine.py are too heavy for --help
LOSSES = ("KLD", "KM")
MIN_AUTO = 10  # samples of which --n_clusters=auto can fit mixtures to halves
MIN_SAMPLES = 4  # that N2D takes
SCALES = ("none", "minmax", "standard", "255")
N_TSNE = 5000  # points in the pictures of the stages, as in Aljalbout et al.'s code
UNFINISHED = ".eval_all"  # folder in the save folder, while --eval_all goes on
PROTOCOLS = {  # what the flags below are unless they are given
    "default": {"pretrain_epochs": None, "umap_neighbors": (20, 50, 100), "umap_candidates": 100, "gmm_restarts": 100},
    "paper": {"pretrain_epochs": 1000, "umap_neighbors": (20,), "umap_candidates": 0, "gmm_restarts": 1},
}
RANGES = {
    "umap_fit_samples": (100, None),
    "umap_jobs": (1, None),
    "n_clusters": (2, None),
    "batch_size": (1, None),
    "autoencoders": (1, 1000),
    "pretrain_epochs": (0, 1_000_000),
    "refine_epochs": (1, 1_000_000),
    "cluster_weight": (0, None),
    "reconstruction_weight": (0, None),
    "refine_tol": (0, 1),
    "umap_dim": (1, 1000),
    "umap_neighbors": (2, None),
    "umap_candidates": (0, None),
    "umap_min_dist": (0, 1),
    "gmm_restarts": (1, 1_000_000),
    "max_points": (1, None),
    "seed": (0, 2**32 - 1),
}


def processes():
    """This process's number from 0, and how many torchrun started: (0, 1) without it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


class Parser(argparse.ArgumentParser):
    """One line and exit code 2 for a mistake in the input."""

    def error(self, message):
        """Stop with the message alone, on one line, whatever a stranger's file put into it."""
        if processes()[0] > 0:  # the first of several says it
            self.exit(2)
        printable = "".join(character if character.isprintable() else " " for character in message)
        self.exit(2, f"{self.prog}: error: {printable}\n")


def build_parser():
    """The command line, in argument groups; its help is the reference."""
    parser = Parser(
        prog="n2d.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    group = parser.add_argument_group("Data")
    add = group.add_argument
    add(
        "dataset",
        help=f"{' | '.join(datasets.REGISTRY)}, or your own: a .npy, .npz, .csv, .tsv, .parquet or .h5ad file, or a "
        "folder of images, or of one folder of images for each class",
    )
    add("gpu", help="where the autoencoder is trained: 0, 1, ... (a CUDA device) or cpu")
    add(
        "--data_dir",
        type=Path,
        default=DATA_DIR,
        help="folder of the datasets' files, downloaded there if missing; the environment variable N2D_DATA_DIR "
        "changes the default (%(default)s)",
    )
    add_file_arguments(group)
    add(
        "--scale",
        choices=SCALES,
        help="what is done to your own features: nothing, each to [0, 1], each to mean 0 and variance 1, all over "
        "255 (images: 255; other data: none if they lie in [-1, 1], or else standard)",
    )

    add = parser.add_argument_group("Autoencoder").add_argument
    add(
        "--architecture",
        metavar="FILE[:INDEX|NAME]",
        help="an autoencoder described in JSON, the file's first unless it is named (the paper's, d-500-500-2000-k)",
    )
    add(
        "--autoencoders",
        type=int,
        default=1,
        help="autoencoders of different random starts, whose latent spaces are joined (%(default)s)",
    )
    add(
        "--pretrain_epochs",
        type=int,
        help="epochs of training of each (50, of more than 14,000 samples fewer, down to 10; or 1000 with --protocol "
        "paper)",
    )
    add("--batch_size", type=int, help="samples in one training step (the architecture's; 256 for the paper's)")
    add("--augment", action="store_true", help="train on images shifted and rotated a little, anew in every epoch")
    add("--ae_weights", metavar="NAME|PATH", help="do not train: load these weights, by name in weights/ or by path")
    add(
        "--save_weights",
        nargs="?",
        const="",
        metavar="PATH",
        help="keep a small copy too, the encoders in 8 bits (without PATH: weights/{dataset}-{epochs}-n2d.safetensors)",
    )
    add(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="of training; auto is bf16 where the processor has instructions for it (%(default)s)",
    )

    add = parser.add_argument_group("Refinement").add_argument
    add(
        "--refine",
        choices=LOSSES,
        help="train the autoencoder on with a clustering loss: KL divergence or k-means",
    )
    add("--refine_epochs", type=int, default=50, help="epochs of it at most (%(default)s)")
    add("--cluster_weight", type=float, help="weight of the clustering loss (1 for KLD, 0.1 for KM)")
    add("--reconstruction_weight", type=float, default=1.0, help="weight of the reconstruction loss (%(default)s)")
    add(
        "--refine_tol",
        type=float,
        default=0.001,
        help="stop when not more than this share of the points changes its cluster in an epoch (%(default)s)",
    )

    add = parser.add_argument_group("Manifold").add_argument
    add("--manifold_learner", choices=MANIFOLD_LEARNERS, default="UMAP", help="(%(default)s)")
    add("--umap_dim", type=int, default=2, help="dimensions of the embedding, of any learner (%(default)s)")
    add(
        "--umap_neighbors",
        type=neighbourhoods,
        metavar="N[,N...]",
        help="neighbours of a point, of UMAP, LLE and isomap; of several, with UMAP, the one whose clusters have "
        f"the greatest modularity is kept ({of_protocol('umap_neighbors')}; without UMAP 10)",
    )
    add(
        "--umap_candidates",
        type=int,
        metavar="N",
        help="UMAP looks at N neighbours in the latent space, and takes those that are nearest in the input, of images "
        f"also when bent a little; 0: neighbours in the latent space ({of_protocol('umap_candidates')})",
    )
    add("--umap_min_dist", type=float, default=0.0, help="smallest distance in the embedding, 0 to 1 (%(default)s)")
    add(
        "--umap_metric",
        choices=("euclidean", "manhattan", "chebyshev", "canberra", "braycurtis", "cosine", "correlation"),
        metavar="METRIC",
        default="euclidean",
        help="distance in the latent space: %(choices)s (%(default)s)",
    )

    add(
        "--umap_fit_samples",
        type=int,
        metavar="N",
        help="learn manifold and clusters from N random samples, and place the others among them (all)",
    )

    add("--umap_jobs", type=int, metavar="N", help="processes that embed and fit mixtures (as many as threads)")

    add = parser.add_argument_group("Clustering").add_argument
    add("--cluster", choices=clustering.CLUSTERERS, default="GMM", help="mixture, k-means or spectral (%(default)s)")
    add(
        "--n_clusters",
        type=partial(number_or, auto="auto"),
        metavar="N|auto",
        help="number of clusters; auto: the one on which halves of the data agree (the dataset's number of classes)",
    )
    add("--gmm_restarts", type=int, help=f"fits of the mixture, of which one is kept ({of_protocol('gmm_restarts')})")
    add(
        "--eval_all",
        action="store_true",
        help="score every clusterer on raw data and latent space, and on each manifold of the two",
    )

    add = parser.add_argument_group("Output").add_argument
    add("--save_dir", type=Path, help="folder of everything that is written (runs/{dataset}-n2d)")
    add("--save_model", type=Path, metavar="DIR", help="keep the fitted model, for n2d.py predict and N2D.load")
    add("--visualize", action="store_true", help="draw the embedding, the clusters, and a page to explore them")
    add("--tensorboard", action="store_true", help="write loss and latent space for TensorBoard, while training")
    add("--max_points", type=int, default=100_000, help="points drawn at most (%(default)s)")

    add = parser.add_argument_group("Run").add_argument
    add(
        "--protocol",
        choices=PROTOCOLS,
        default="default",
        help="paper: 1000 epochs, the latent space's 20 neighbours, one mixture, as in the paper's code (%(default)s)",
    )
    add(
        "--resume",
        choices=("auto", "never"),
        default="auto",
        help="auto: the same command goes on with a training that was stopped (%(default)s)",
    )
    add(
        "--seed",
        type=partial(number_or, none=None),
        default=0,
        metavar="N|none",
        help="the same seed gives the same clusters; none: others each time, and UMAP on all threads (%(default)s)",
    )
    return parser


def build_predict_parser():
    """The command line of `n2d.py predict`."""
    parser = Parser(prog="n2d.py predict", description="Sort points into the clusters of a saved model.")
    parser.add_argument("model_dir", type=Path, help="folder that --save_model wrote")
    parser.add_argument("dataset", help="the points: a file or folder, or a dataset, as for n2d.py")
    parser.add_argument("--out", type=Path, default=Path("clusters.csv"), help="table to write (%(default)s)")
    parser.add_argument("--data_dir", type=Path, default=DATA_DIR)
    add_file_arguments(parser)
    return parser


def add_file_arguments(parser):
    """How to read the user's own files."""
    add = parser.add_argument
    add(
        "--label_column",
        metavar="NAME|NUMBER",
        help="a table's column with the true classes, by name or by number from 0; for scores and pictures only",
    )
    add("--image_size", type=height_and_width, metavar="N|HxW", help="resize the images of a folder to this")
    add("--grayscale", action="store_true", help="read the images of a folder without their colours")


def height_and_width(text):
    """The value of --image_size: '28' -> (28, 28), '28x32' -> (28, 32)."""
    sizes = [int(size) for size in text.split("x")]
    if len(sizes) > 2 or min(sizes) < 1:
        raise ValueError(text)
    return (sizes[0], sizes[-1])


def number_or(text, **words):
    """The value of --n_clusters and --seed: a number, or what a word stands for."""
    try:
        return words[text] if text in words else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number or {', '.join(words)}, got {text}") from None


def neighbourhoods(text):
    """The value of --umap_neighbors: '50,100' -> (50, 100)."""
    return tuple(int(size) for size in text.split(","))


def of_protocol(name):
    """What a flag is under each protocol, for its help."""
    default, paper = (str(PROTOCOLS[protocol][name]).strip("(),").replace(" ", "") for protocol in PROTOCOLS)
    return default if paper == default else f"{default}, or {paper} with --protocol paper"


def parse_arguments(parser, argv):
    """Parse, check ranges, and fill in the defaults that depend on the protocol and the dataset."""
    args = parser.parse_args(argv)
    if args.manifold_learner != "UMAP" and args.umap_neighbors is None:
        args.umap_neighbors = (10,)
    for name, value in PROTOCOLS[args.protocol].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.n_clusters is None and args.dataset in datasets.REGISTRY:
        args.n_clusters = datasets.REGISTRY[args.dataset].n_classes
    for name, (low, high) in RANGES.items():
        for value in values(args, name):
            if value is None or value == "auto":
                continue
            if not value >= low:
                parser.error(f"--{name} must be at least {low}, got {value}")
            if high is not None and value > high:
                parser.error(f"--{name} must be at most {high}, got {value}")
    if args.gpu != "cpu" and not args.gpu.isdecimal():
        parser.error(f"gpu must be cpu or the index of a CUDA device, got {args.gpu}")
    if args.manifold_learner == "tSNE" and args.umap_dim > 3:
        parser.error(f"--umap_dim must be 1, 2 or 3 with --manifold_learner tSNE, got {args.umap_dim}")
    if args.manifold_learner != "UMAP" and len(values(args, "umap_neighbors")) > 1:
        parser.error(f"--umap_neighbors must be one number with --manifold_learner {args.manifold_learner}")
    if args.seed is None and processes()[1] > 1:
        parser.error("--seed must be a number with torchrun: all processes begin with the same weights")
    if args.n_clusters == "auto" and args.refine:
        parser.error("--n_clusters must be a number with --refine: its loss has a centre for each cluster")
    args.name = args.dataset if args.dataset in datasets.REGISTRY else Path(args.dataset).resolve().stem
    if args.save_dir is None:
        args.save_dir = Path("runs") / f"{args.name}-n2d"
    if args.ae_weights is not None:
        if args.save_weights is not None:
            parser.error("--save_weights keeps trained weights, and --ae_weights trains none: give one of them")
        names = (args.ae_weights, WEIGHTS / args.ae_weights, WEIGHTS / f"{args.ae_weights}.safetensors")
        found = [Path(name) for name in names if Path(name).is_file()]
        if not found:
            known = ", ".join(sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))) or "nothing"
            parser.error(f"--ae_weights {args.ae_weights} is neither a file nor a name in {WEIGHTS} (there: {known})")
        args.ae_weights = found[0]
    if args.save_weights is not None:
        args.save_weights = Path(args.save_weights or WEIGHTS / f"{args.name}-{{epochs}}-n2d.safetensors")
        if args.save_weights.is_dir():
            parser.error(f"--save_weights must be a file, got the folder {args.save_weights}")
    return args


def values(args, name):
    """An argument as a sequence: its values if it holds several."""
    value = getattr(args, name)
    return value if isinstance(value, tuple) else (value,)


def make_folder(parser, flag, folder):
    """Find out before training, not after it, that a folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        parser.error(f"--{flag}: the folder {folder} cannot be written ({error.strerror})")


@contextmanager
def lock(parser, folder):
    """Keep other runs out of a folder until this one is done, or dead."""
    from filelock import FileLock, Timeout

    keeper = FileLock(folder / ".lock")
    try:
        keeper.acquire(timeout=0)
    except Timeout:
        parser.error(f"--save_dir: another run is writing to {folder}: wait for it, or give another folder")
    try:
        yield
    finally:
        (folder / ".lock").unlink(missing_ok=True)  # first, or else it may be another run's by now
        keeper.release()


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


def main(argv=None):
    """Arguments in, experiment run, report out."""
    argv = sys.argv[1:] if argv is None else argv
    gc.set_threshold(10_000)  # imports make a million objects, and a tenth of their time went into looking for garbage
    if argv[:1] == ["predict"]:
        return predict(argv[1:])
    parser = build_parser()
    args = parse_arguments(parser, argv)
    data = load(parser, args)
    if args.n_clusters is None:
        if data.y is None:
            parser.error(f"--n_clusters must be a number, or auto: {args.dataset} does not say how many classes it has")
        args.n_clusters = max(2, len(data.label_names))
    if args.n_clusters == "auto" and len(data.x) < MIN_AUTO:
        parser.error(f"--n_clusters=auto needs at least {MIN_AUTO} samples, {args.dataset} has {len(data.x)}")
    if data.y is None and args.eval_all:
        parser.error(f"--eval_all scores against true classes, and {args.dataset} has none")
    if args.augment and data.image_shape is None:
        parser.error(f"--augment shifts and rotates images, and {args.dataset} has none")
    n_fitted = min(len(data.x), args.umap_fit_samples or len(data.x))
    for name in ("n_clusters", "umap_neighbors", "umap_dim"):
        sizes = [value for value in values(args, name) if value != "auto"]
        is_default = args.umap_neighbors == PROTOCOLS[args.protocol]["umap_neighbors"]
        if name == "umap_neighbors" and is_default:  # N2D has as many as there are
            continue
        if sizes and max(sizes) >= n_fitted:
            samples = f"{n_fitted} samples of {args.dataset}" + " that are fitted" * (n_fitted < len(data.x))
            parser.error(f"--{name} must be less than the {samples}, got {max(sizes)}")
    if len(data.x) < MIN_SAMPLES:
        parser.error(f"{args.dataset} must have at least {MIN_SAMPLES} samples, got {len(data.x)}")
    rank, n_processes = processes()
    if n_processes > 1 and args.refine is not None:
        parser.error(f"--refine is trained by one process, got {n_processes}: start it without torchrun")
    if n_processes > (args.batch_size or n_processes):
        parser.error(f"--batch_size must be at least the {n_processes} processes, got {args.batch_size}")
    if rank > 0:
        return help_along(parser, args, data)
    if args.save_model is not None:
        make_folder(parser, "save_model", args.save_model)
    if args.save_weights is not None:
        make_folder(parser, "save_weights", args.save_weights.parent)
    new = [folder for folder in (args.save_dir, *args.save_dir.parents) if not folder.exists()]
    make_folder(parser, "save_dir", args.save_dir)
    try:
        with lock(parser, args.save_dir):
            run(parser, args, data)
    finally:
        for folder in new:
            if not any(folder.iterdir()):
                folder.rmdir()


def build_model(parser, args, data):
    """The estimator that the arguments describe; of torchrun's processes, one that trains with the others."""
    import torch

    from n2d import training
    from n2d.pipeline import N2D

    device = choose_device(parser, args.gpu)
    if processes()[1] > 1:
        training.join(device)
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


def help_along(parser, args, data):
    """What all but the first of torchrun's processes do: their part of the training and of the encoding, in silence."""
    from n2d import models, training, weights

    sys.stdout = Path(os.devnull).open("w")
    model = build_model(parser, args, data).set_params(verbose=False)
    try:
        model.fit_autoencoder(data.x)
    except (models.ArchitectureError, weights.WeightsError, training.DivergenceError):
        sys.exit(2)  # the first process says why
    model.fit_latent(data.x)
    training.part()


def run(parser, args, data):
    """One experiment, in a save folder of its own."""
    import numpy as np  # the heavy imports wait until the input is known to be good

    from n2d import models, training, weights

    classes = "" if data.y is None else f", {len(data.label_names)} classes"
    print(f"{args.name}: {len(data.x):,} samples, {data.x.shape[1]} features{classes}")
    if args.dataset not in datasets.REGISTRY:
        print(f"scale: {args.scale or data.scale}{'' if args.scale else ' (--scale is there to change it)'}")
    if args.pretrain_epochs is None:
        args.pretrain_epochs = training.default_epochs(len(data.x))
    if args.save_weights is not None:
        args.save_weights = Path(str(args.save_weights).replace("{epochs}", str(args.pretrain_epochs)))
    model = build_model(parser, args, data)
    if args.resume == "never":
        model.forget_checkpoints()
        shutil.rmtree(args.save_dir / UNFINISHED, ignore_errors=True)
    board = None
    if args.tensorboard:
        board = open_board(parser, args.save_dir / "tensorboard")
        model.set_params(callback=partial(log_epoch, board))
    try:
        model.fit_autoencoder(data.x)
        if args.ae_weights is None:
            keep_weights(model, args)
        model.fit_refinement(data.x)
    except (models.ArchitectureError, weights.WeightsError, training.DivergenceError) as error:
        parser.error(str(error))
    if args.refine is not None:
        keep_weights(model, args, "refined.safetensors")
    model.fit_latent(data.x)
    training.part()  # the rest is the work of one process
    model.fit_neighbors(data.x).fit_clusters()
    if args.save_model is not None:
        saved = copy.copy(model)
        if data.feature_names is not None:  # it was fitted to an array, and will be asked about tables
            saved.feature_names_in_ = np.array(data.feature_names, dtype=object)
        saved.save(args.save_model)
    if board is not None:
        log_projection(board, model, data)
    with delivery(args.save_dir) as folder:
        scores = report(model, data, args, folder)
    with delivery(args.save_dir) as folder:
        maps = compare_stages(model, data, args, folder)
    if args.eval_all:
        shutil.rmtree(args.save_dir / UNFINISHED)
    if args.visualize:
        with delivery(args.save_dir) as folder:
            draw(model, data, args, folder, scores, maps)
    model.forget_checkpoints()
    names = sorted(path.name for path in args.save_dir.iterdir() if not path.name.startswith("."))
    print(f"\nwritten to {args.save_dir}{os.sep}: {', '.join(names)}")


@contextmanager
def delivery(save_dir):
    """A folder whose files go to the save folder when all of them are there."""
    with tempfile.TemporaryDirectory(dir=save_dir, prefix=".report-") as folder:
        yield Path(folder)
        for path in Path(folder).iterdir():
            os.replace(path, save_dir / path.name)


def open_board(parser, folder):
    """A TensorBoard writer."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        parser.error("--tensorboard needs the package tensorboard: pip install tensorboard")
    return SummaryWriter(folder)


def log_epoch(board, autoencoder, epoch, loss, learning_rate):
    """What TensorBoard shows while the autoencoders are trained."""
    board.add_scalar(f"loss/autoencoder {autoencoder}", loss, epoch)
    board.add_scalar(f"learning rate/autoencoder {autoencoder}", learning_rate, epoch)
    board.flush()


def log_projection(board, model, data):
    """The latent space of some points, with clusters and classes, for TensorBoard's projector."""
    import numpy as np

    some = np.random.default_rng(model.random_state).permutation(len(data.x))[:N_TSNE]
    columns = clusters_table(data, model.labels_, None).iloc[some].reset_index().astype(str)
    board.add_embedding(
        model.latent_[some], columns.to_numpy().tolist(), metadata_header=list(columns), tag="latent space"
    )
    board.close()


def interrupt(number, frame):
    """Signal handler: a training writes where it stands before it stops, anything else stops at once."""
    training = sys.modules.get("n2d.training")
    if training is None or not training.Checkpoint.running or training.Checkpoint.stop:
        raise KeyboardInterrupt(number)
    training.Checkpoint.stop = number


def load(parser, args):
    """The dataset of the command line."""
    try:
        return datasets.load(args.dataset, args.data_dir, args.label_column, args.image_size, args.grayscale)
    except datasets.DatasetError as error:
        parser.error(str(error))


def predict(argv):
    """`n2d.py predict`: a table with the cluster of each point."""
    parser = build_predict_parser()
    args = parser.parse_args(argv)
    data = load(parser, args)
    make_folder(parser, "out", args.out.parent)
    if args.out.is_dir():
        parser.error(f"--out must be a file, got the folder {args.out}")

    from n2d.pipeline import N2D, ModelError

    try:
        model = N2D.load(args.model_dir)
    except ModelError as error:
        parser.error(str(error))
    if data.x.shape[1] != model.n_features_in_:
        parser.error(f"{args.dataset} must have the model's {model.n_features_in_} features, got {data.x.shape[1]}")
    x, known = data.x, getattr(model, "feature_names_in_", None)
    if known is not None and data.feature_names is not None:
        import pandas as pd

        for i, (name, wanted) in enumerate(zip(data.feature_names, known)):
            if name != wanted:
                parser.error(f"{args.dataset}: column {i} must be the model's {wanted}, got {name}")
        x = pd.DataFrame(x, columns=known)
    if hasattr(model, "predict_proba"):
        memberships = model.predict_proba(x)
        labels, confidence = memberships.argmax(axis=1), memberships.max(axis=1)
    else:
        labels, confidence = model.predict(x), None
    clusters_table(data, labels, confidence).to_csv(args.out, index_label="index", float_format="%.4f")
    print(f"{args.out}: the clusters of {len(labels):,} points of {args.dataset}")
    if data.y is not None:
        from n2d import metrics

        print(score_line("clusters of the saved model", metrics.scores(data.y, labels)))


def keep_weights(model, args, name="weights.safetensors"):
    """Write the trained autoencoders before the next stage starts, so that nothing can lose them."""
    from n2d.weights import save_weights

    provenance = {
        "dataset": args.name,
        "epochs": args.pretrain_epochs,
        "architecture": args.architecture,
        "augment": args.augment,
        "batch_size": model.batch_size_,
        "seed": args.seed,
        "refine": args.refine if name == "refined.safetensors" else None,
        "loss": sum(losses[-1] for losses in model.history_) / args.autoencoders if any(model.history_) else None,
        "versions": versions(),
    }
    save_weights(model.autoencoder_, args.save_dir / name, **provenance)
    if args.save_weights is not None:
        save_weights(model.autoencoder_, args.save_weights, compact=True, **provenance)


def versions():
    """What results depend on, for the records."""
    return {library: version(library) for library in LIBRARIES}


def machine(model):
    """What else the last bits of the results depend on."""
    import torch

    from n2d import training

    return {
        "device": str(next(model.autoencoder_.parameters()).device),
        "precision": training.choose_precision(model.precision, model.device),
        "threads": torch.get_num_threads(),
        "processes": processes()[1],
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def clusters_table(data, labels, confidence):
    """A row a sample: its cluster, and what else is known of it."""
    import numpy as np
    import pandas as pd

    columns = {"cluster": labels, "confidence": confidence}
    if data.y is not None:
        columns["label"] = np.array(data.label_names)[data.y]
    if data.sample_names is not None:
        columns["name"] = data.sample_names
    return pd.DataFrame({name: column for name, column in columns.items() if column is not None})


def report(model, data, args, folder):
    """Scores on screen, and returned; scores, clusters and arrays in a folder."""
    import numpy as np
    import pandas as pd

    from n2d import metrics, pipeline

    clusters = clusters_table(data, model.labels_, model.confidence_)
    clusters.to_csv(folder / "clusters.csv", index_label="index", float_format="%.4f")
    losses = [(i, e, loss) for i, run in enumerate(model.history_) for e, loss in enumerate(run, start=1)]
    pd.DataFrame(losses, columns=["autoencoder", "epoch", "loss"]).to_csv(folder / "history.csv", index=False)
    np.save(folder / "latent.npy", model.latent_)
    np.save(folder / "embedding.npy", model.embedding_)
    if args.n_clusters == "auto":
        pd.DataFrame(model.scan_).to_csv(folder / "n_clusters.csv", index=False)
        print(f"{model.n_clusters_} clusters: the halves of the data agree on them best")
    if data.y is None:
        scores = pipeline.unlabelled(model)
        print_unlabelled(scores)
    else:
        scores = metrics.scores(data.y, model.labels_)
        print(f"\n{'':<34}    ACC    NMI    ARI")
        print(score_line(f"N2D: autoencoder, {args.manifold_learner}, {args.cluster}", scores))
    record = {
        **scores,
        "modularity": model.modularity_,
        "seconds": model.seconds_,
        "resumed_seconds": model.resumed_seconds_,
        "arguments": vars(args),
        "machine": machine(model),
        "versions": versions(),
    }
    (folder / "metrics.json").write_text(json.dumps(record, indent=2, default=str) + "\n")
    if args.refine is not None:
        history = pd.DataFrame(model.refine_history_, index=range(1, len(model.refine_history_) + 1))
        history.to_csv(folder / "refinement.csv", index_label="epoch")
    return scores


def compare_stages(model, data, args, folder):
    """What the stages are worth, on screen and in a folder; and the manifolds of --eval_all, for its picture."""
    import pandas as pd

    from n2d import pipeline

    rows, maps = [], {}
    if is_staged(args) and data.y is not None:
        for row in pipeline.stages(model, data.x, data.y):
            rows.append(row)
            print(score_line(f"{row['space']}, {row['method']}", row))
        pd.DataFrame(rows).to_csv(folder / "stages.csv", index=False)
    if args.eval_all:
        rows = []
        unfinished = args.save_dir / UNFINISHED
        unfinished.mkdir(exist_ok=True)
        for row, embedding in pipeline.compare(model, data.x, data.y, unfinished):
            rows.append(row)
            maps[f"{row['input']}, {row['manifold']}"] = embedding
            print(score_line(f"{row['input']}, {row['manifold']}, {row['cluster']}", row), flush=True)
        pd.DataFrame(rows).to_csv(folder / "eval_all.csv", index=False)
    return maps


def is_staged(args):
    """Whether the autoencoder's stages are shown: of the second system."""
    return args.architecture is not None or args.refine is not None


def score_line(name, scores):
    """One row of the table on screen."""
    return f"{name:<34} {scores['acc']:6.3f} {scores['nmi']:6.3f} {scores['ari']:6.3f}"


def print_unlabelled(figures):
    """What is known without classes, on screen."""
    print()
    for name, meaning in (
        ("agreement", "adjusted Rand index with the clusters of another map and mixture of the same neighbours"),
        ("modularity", "how well the neighbour graph supports the clusters"),
        ("silhouette", "of the clusters in the embedding, on at most 5,000 points"),
        ("log_likelihood", "of the mixture, mean over the points"),
    ):
        if figures[name] is not None:
            print(f"{name.replace('_', '-'):<15} {figures[name]:7.3f}   {meaning}")
    print(f"{'sizes':<15} {' '.join(map(str, figures['sizes']))}")


def draw(model, data, args, folder, scores, maps):
    """The same map twice, coloured by class and by cluster; the clusters' members; a page; what else was asked for."""
    from n2d import explorer, metrics, visualize

    what = f"{args.manifold_learner} of the autoencoder's latent space"
    if model.inputs_ is not None:
        what = "UMAP of those neighbours in the latent space that are nearest in the input"
    clusters, cluster_names = model.labels_, [f"cluster {i}" for i in range(model.n_clusters_)]
    pictures = {f"{args.name}-n2d.png": ("clusters", clusters, cluster_names)}
    if data.y is not None:
        what += f"\nACC {scores['acc']:.3f}   NMI {scores['nmi']:.3f}   ARI {scores['ari']:.3f}"
        match, _ = metrics.match_labels(data.y, model.labels_)
        clusters, cluster_names = visualize.matched_names(model.labels_, match, data.label_names)
        pictures = {
            f"{args.name}-n2d.png": ("true classes", data.y, data.label_names),
            f"{args.name}-n2d-predicted.png": ("clusters, named after the matched class", clusters, cluster_names),
        }
        visualize.confusion(
            data.y, clusters, data.label_names, cluster_names, folder / "confusion.png", title=args.name
        )
    for file, (colouring, groups, names) in pictures.items():
        visualize.scatter(
            model.embedding_,
            groups,
            names,
            folder / file,
            title=f"{args.name}: {colouring}",
            subtitle=what,
            max_points=args.max_points,
            seed=args.seed,
        )
    if any(model.history_):
        visualize.losses(model.history_, folder / "history.png", title=f"{args.name}: reconstruction loss")
    if args.n_clusters == "auto":
        visualize.scan(model.scan_, model.n_clusters_, folder / "n_clusters.png", title=args.name)
    shown = {"names": cluster_names, "confidence": model.confidence_, "title": args.name}
    visualize.members(data, model.embedding_, clusters, folder / "clusters.png", **shown)
    explorer.explore(data, model.embedding_, clusters, folder / "explore.html", seed=args.seed, **shown)
    if maps:
        visualize.grid(maps, data.y, data.label_names, folder / "eval_all.png", title=args.name)
    if is_staged(args):
        draw_stages(model, data, args, folder)


def draw_stages(model, data, args, folder):
    """What the stages of the autoencoder's training made of the data."""
    import numpy as np

    from n2d import manifold, training, visualize

    rng = np.random.default_rng(args.seed)
    some = rng.choice(len(data.x), min(N_TSNE, len(data.x)), replace=False)
    groups, names, colouring = data.y, data.label_names, "class"
    if data.y is None:
        groups, names, colouring = model.labels_, [f"cluster {i}" for i in range(model.n_clusters_)], "cluster"
    spaces = {"raw": ("as published", data.x), "autoencoder": ("latent space of the autoencoder", model.latent_)}
    if args.refine is not None:
        spaces["autoencoder"] = spaces["autoencoder"][0], model.pretrained_latent_
        spaces[f"clustered_{args.refine.lower()}"] = f"latent space after {args.refine} refinement", model.latent_
    for name, (what, space) in spaces.items():
        learner = manifold.manifold_learner("tSNE", random_state=args.seed)
        visualize.scatter(
            learner.fit_transform(space[some]),
            groups[some],
            names,
            folder / f"{name}.png",
            title=f"{args.name}: {what}",
            subtitle=f"t-SNE of {len(some):,} points, {space.shape[1]} dimensions, coloured by {colouring}",
            seed=args.seed,
        )
    if data.image_shape is not None and model.autoencoder_.decodes:
        images = model.scaled(data.x[some[:12]])
        decoded = training.reconstruct(model.autoencoder_, images)[0]
        visualize.reconstructions(images, decoded, data.image_shape, folder / "reconstructions.png")
    if args.refine is not None:
        visualize.evolution(
            model.evolution_,
            groups[model.tracked_],
            names,
            folder / "evolution.gif",
            title=f"{args.name}: latent space, {args.refine} refinement, coloured by {colouring}",
        )


def goes_on():
    """What the next run would do, if a training has left where it stands."""
    training = sys.modules.get("n2d.training")
    return "; the same command goes on with the training" if training and training.Checkpoint.kept else ""


def way_out(error):
    """What to do about a machine that is too small; None if that is not what the error says."""
    if isinstance(error, OSError):
        return f"{error.strerror}: make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    asked = re.search(r"allocate ([\d.]+ \w+)", str(error))  # NumPy's, PyTorch's and CUDA's words
    if not isinstance(error, MemoryError) and asked is None:
        return None
    size = f", {asked[1]} more were asked for" if asked else ""
    return f"out of memory{size}: a smaller --batch_size, --autoencoders or --umap_neighbors takes less"


if __name__ == "__main__":
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
