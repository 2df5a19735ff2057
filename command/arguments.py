"""Parser of the command line: its flags, their defaults and help."""

import argparse
import difflib
import os
import re
import time
from functools import partial
from pathlib import Path

from .. import datasets
from ..readers.samples import writable
from . import limits, reading
from .limits import PROTOCOLS, WITH_GRAPH
from .version import __version__

USAGE = """\
n2d.py DATASET [GPU] [flags]
       n2d.py predict MODEL_DIR FILE [--out=FILE] [--layers]
       n2d.py inspect FILE
       n2d.py apply CORRECTIONS SAVE_DIR [--model=DIR]
       n2d.py export SAVE_DIR --to=csv|parquet|h5ad [--out=FILE]"""
DESCRIPTION = """\
N2D, (Not Too) Deep clustering: train an autoencoder, learn the manifold of its
latent space, cluster it. `predict` sorts new points into the clusters of a
model that --save_model kept; `inspect` says what is understood of a file;
`apply` corrects the clusters of a run as it was done on its explore.html;
`export` writes coordinates and clusters of a run in one table.

examples:
  python n2d.py digits --visualize
  python n2d.py flowers.csv --label_column=species --save_model=model
  python n2d.py folder_of_images --n_clusters=auto --visualize
  python n2d.py mnist 0 --umap_dim=10            (0: the first CUDA device)
  python n2d.py predict model new_flowers.csv
"""
DATA_DIR = Path(os.environ.get("N2D_DATA_DIR", "data"))
WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
# repeated here: importing the modules that define these names would make --help slow
MANIFOLD_LEARNERS = ("UMAP", "umap-learn", "LLE", "tSNE", "isomap", "none")
METRICS = ("euclidean", "manhattan", "chebyshev", "canberra", "braycurtis", "cosine", "correlation")
LOSSES = ("KLD", "KM")
CLUSTERERS = ("GMM", "KM", "SC")
SCALES = ("none", "minmax", "standard", "255", "range", "counts")
PATIENCE = 10  # seconds that the other processes wait while the first reports an error that all of them find


def processes():
    """Return this process's rank and the number of processes that torchrun started: (0, 1) without torchrun."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


class Parser(argparse.ArgumentParser):
    """Argument parser that reports an error in the input in one line, with exit code 2."""

    def error(self, message):
        """Print an error message on one line, without unprintable characters, and exit."""
        if processes()[0] > 0:  # the first process prints it; wait, since torchrun stops that one when this one ends
            time.sleep(PATIENCE)
            self.exit(2)
        message += self._meant(message)
        printable = "".join(character if character.isprintable() else " " for character in message)
        self.exit(2, f"{self.prog}: error: {printable}\n")

    def _meant(self, message):
        """Return ': did you mean X?' for a mistyped flag or choice, or '' if no known one is close to it."""
        wrong, known = [], {flag: flag for flag in self._option_string_actions}
        if message.startswith("unrecognized arguments"):
            wrong = re.findall(r"(?<= )--\w+", message)
        elif found := re.match(r"argument (--\w+): invalid choice: '(.*?)'", message):
            wrong, choices = [found[2]], self._option_string_actions[found[1]].choices
            known = {str(word).lower(): word for word in choices}
        for word in wrong:
            if near := difflib.get_close_matches(word.lower(), known, n=1):
                return f": did you mean {known[near[0]]}?"
        return ""


def build_parser():
    """Build the parser, with its flags in groups; its help is the reference."""
    parser = Parser(
        prog="n2d.py",
        usage=USAGE,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for add_group in (
        add_most_used,
        add_data,
        add_autoencoder,
        add_refinement,
        add_manifold,
        add_clustering,
        add_output,
        add_run,
    ):
        add_group(parser)
    return parser


def add_most_used(parser):
    """Add the dataset and the flags that most runs use."""
    add = parser.add_argument_group("Most used").add_argument
    add(
        "dataset",
        help=f"{' | '.join(datasets.REGISTRY)}, or your own: a table (.csv, .tsv, .xlsx, .parquet, .feather), arrays "
        "(.npy, .npz, .mat, .h5, .zarr), an .h5ad file, texts (.txt, .jsonl, a folder of .txt), or a folder of images, "
        "or of one folder of images for each class",
    )
    add(
        "gpu",
        nargs="?",
        default="cpu",
        help="where the autoencoder is trained: 0, 1, ... (a CUDA device), mps (Apple's) or cpu (cpu)",
    )
    add(
        "--n_clusters",
        type=partial(number_or, auto="auto"),
        metavar="N|auto",
        help="number of clusters; auto: the one on which halves of the data agree (the dataset's number of classes)",
    )
    reading.add_label_column(add)
    add("--visualize", action="store_true", help="draw the embedding, the clusters, and a page to explore them")
    add(
        "--save_dir",
        type=Path,
        help="folder of everything that is written (runs/{dataset}-n2d; or {dataset}-n2d-2 and so on, if another "
        "command has written there)",
    )
    add("--save_model", type=Path, metavar="DIR", help="keep the fitted model, for n2d.py predict and N2D.load")
    add(
        "--seed",
        type=partial(number_or, none=None),
        default=0,
        metavar="N|none",
        help="the same seed gives the same clusters; none: others each time (%(default)s)",
    )


def add_data(parser):
    """Add the flags for finding, reading and scaling the data."""
    group = parser.add_argument_group("Data")
    add = group.add_argument
    add(
        "--data_dir",
        type=Path,
        default=DATA_DIR,
        help="folder of the datasets' files, downloaded there if missing; the environment variable N2D_DATA_DIR "
        "changes the default (%(default)s)",
    )
    reading.add_file_arguments(group)
    add(
        "--scale",
        choices=SCALES,
        help="what is done to your own features: nothing, each to [0, 1], each to mean 0 and variance 1, all over "
        "255, all by their smallest and largest number to [0, 1], logs of counts to mean 0 and variance 1 (bytes: 255; "
        "other images: range; other data: none if they fill [-1, 1], counts if they are many and half are 0, or else "
        "standard)",
    )


def add_autoencoder(parser):
    """Add the flags for building and training the autoencoder, or loading its weights."""
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
        help="epochs of training of each (15, of more than 18,666 samples fewer, of less than 769 more; 50, down to 7, "
        "where clusters depend on the latent space; 1000 with --protocol paper)",
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


def add_refinement(parser):
    """Add the flags for training with a clustering loss."""
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


def add_manifold(parser):
    """Add the flags for embedding the latent space."""
    add = parser.add_argument_group("Manifold").add_argument
    add("--manifold_learner", choices=MANIFOLD_LEARNERS, help=f"({of_protocol('manifold_learner')})")
    add("--umap_dim", type=int, help="dimensions of the embedding that is clustered (5, other learners 2)")
    add(
        "--umap_neighbors",
        type=neighbourhoods,
        metavar="N[,N...]",
        help="neighbours of a point, of UMAP, LLE and isomap; of several, with UMAP, the one whose clusters the "
        "graph supports most is kept, unless others are clearer (those of 10,20,50,100 that suit the number of "
        "samples and clusters, or 20 with --protocol paper; without UMAP 10)",
    )
    add(
        "--umap_candidates",
        type=int,
        metavar="N",
        help="N neighbours in the latent space are re-ranked by the distance of the inputs, of images by a "
        f"deformation-invariant one; 0: neighbours in the latent space ({of_protocol('umap_candidates')})",
    )
    add("--umap_min_dist", type=float, default=0.0, help="smallest distance in the embedding, 0 to 1 (%(default)s)")
    add(
        "--umap_metric",
        choices=("auto", *METRICS),
        metavar="METRIC",
        default="auto",
        help="distance in the latent space and of inputs that are no images: %(choices)s (auto: cosine where all "
        "samples have length 1, otherwise euclidean)",
    )
    add(
        "--umap_fit_samples",
        type=int,
        metavar="N",
        help="learn manifold and clusters from N random samples, and place the others among them (all)",
    )
    add(
        "--umap_jobs",
        type=int,
        metavar="N",
        help="threads that compare, embed and fit mixtures (as many as PyTorch has)",
    )


def add_clustering(parser):
    """Add the flags for clustering the embedding."""
    add = parser.add_argument_group("Clustering").add_argument
    add("--cluster", choices=CLUSTERERS, default="GMM", help="mixture, k-means or spectral (%(default)s)")
    add("--gmm_restarts", type=int, help=f"fits of the mixture, at most ({of_protocol('gmm_restarts')})")
    add(
        "--eval_all",
        action="store_true",
        help="score every clusterer on raw data and latent space, and on each manifold of the two",
    )


def add_output(parser):
    """Add the flags for optional output."""
    add = parser.add_argument_group("Output").add_argument
    add("--overwrite", action="store_true", help="replace what another command has written (it is refused)")
    add("--write_h5ad", action="store_true", help="of an .h5ad file, write a copy that has the clusters and the map")
    add("--tensorboard", action="store_true", help="write loss and latent space for TensorBoard, while training")
    add("--max_points", type=int, default=100_000, help="points drawn at most (%(default)s)")


def add_run(parser):
    """Add the flags for the protocol, resuming and the version."""
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
    add("--version", action="version", version=f"n2d {__version__}", help="print the version, and nothing else")


def number_or(text, **words):
    """Parse the value of --n_clusters or --seed: a whole number, or a word that stands for a value."""
    try:
        return words[text] if text in words else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number or {', '.join(words)}, got {text}") from None


def neighbourhoods(text):
    """Parse the value of --umap_neighbors: '50,100' -> (50, 100)."""
    return tuple(int(size) for size in text.split(","))


def of_protocol(name):
    """Return a flag's default under each protocol, for its help."""
    default, paper = (str(PROTOCOLS[protocol][name]).strip("(),").replace(" ", "") for protocol in PROTOCOLS)
    return default if paper == default else f"{default}, or {paper} with --protocol paper"


def parse_arguments(parser, argv):
    """Parse the command line, fill in defaults of protocol and dataset, and make the checks that need no data."""
    args = parser.parse_intermixed_args(argv)  # the device may follow the flags
    given = args.umap_neighbors
    for name, value in PROTOCOLS[args.protocol].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.manifold_learner not in WITH_GRAPH:
        args.umap_neighbors = given  # the protocol's default is for UMAP only
    if args.n_clusters is None and args.dataset in datasets.REGISTRY:
        args.n_clusters = datasets.REGISTRY[args.dataset].n_classes
    args.name = args.dataset if args.dataset in datasets.REGISTRY else writable(Path(args.dataset).resolve().stem)
    limits.check_ranges(parser, args)
    limits.check_together(parser, args, processes()[1])
    find_weights(parser, args)
    return args


def find_weights(parser, args):
    """Resolve --ae_weights and --save_weights to paths."""
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
