"""Validate the flags: the protocols' defaults, ranges, and combinations with each other, the data and the processes."""

import numpy as np

PROTOCOLS = {  # defaults of some flags
    "default": {
        "pretrain_epochs": None,
        "manifold_learner": "UMAP",
        "umap_neighbors": None,
        "umap_candidates": 100,
        "gmm_restarts": 100,
    },
    "paper": {
        "pretrain_epochs": 1000,
        "manifold_learner": "umap-learn",
        "umap_neighbors": (20,),
        "umap_candidates": 0,
        "gmm_restarts": 1,
    },
}
WITH_GRAPH = ("UMAP", "umap-learn")  # manifold learners that have a fuzzy graph of the samples
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
MIN_AUTO = 10  # samples that --n_clusters=auto needs, to fit mixtures to halves
MIN_SPECTRAL = 10  # samples that the graph of spectral clustering needs
MIN_COMPARED = 11  # samples that --eval_all needs, to measure the trustworthiness of a map
MIN_SAMPLES = 4  # samples that N2D needs


def check_ranges(parser, args):
    """Refuse numbers that are too small or too large."""
    for name, (low, high) in RANGES.items():
        for value in values(args, name):
            if value is None or value == "auto":
                continue
            if not value >= low:
                parser.error(f"--{name} must be at least {low}, got {value}")
            if high is not None and value > high:
                parser.error(f"--{name} must be at most {high}, got {value}")


def check_together(parser, args, n_processes):
    """Refuse flags that cannot be combined with each other, or with several processes."""
    if args.gpu not in ("cpu", "mps") and not args.gpu.isdecimal():
        parser.error(f"gpu must be cpu, mps or the index of a CUDA device, got {args.gpu}")
    if args.gpu == "mps" and n_processes > 1:
        parser.error("gpu must be cpu or the index of a CUDA device with torchrun, got mps")
    if args.manifold_learner == "tSNE" and (args.umap_dim or 0) > 3:
        parser.error(f"--umap_dim must be 1, 2 or 3 with --manifold_learner tSNE, got {args.umap_dim}")
    if args.manifold_learner not in WITH_GRAPH and len(values(args, "umap_neighbors")) > 1:
        parser.error(f"--umap_neighbors must be one number with --manifold_learner {args.manifold_learner}")
    if args.seed is None and n_processes > 1:
        parser.error("--seed must be a number with torchrun: all processes begin with the same weights")
    if args.write_h5ad and not args.dataset.lower().endswith(".h5ad"):
        parser.error(f"--write_h5ad writes a copy of an .h5ad file, and {args.dataset} is none")
    if args.n_clusters == "auto" and args.refine:
        parser.error("--n_clusters must be a number with --refine: its loss has a centre for each cluster")


def check_data(parser, args, data, n_processes):
    """Fill in the number of clusters, and refuse flags that do not fit the data."""
    if not data.is_unread:
        refuse_alike(parser, args, data)
    elif data.documents is not None and len(set(data.documents)) < 2:
        parser.error(f"{args.dataset} has {len(data.x):,} texts that are all the same: there is nothing to cluster")
    if args.n_clusters is None:
        if data.y is None:
            parser.error(f"--n_clusters must be a number, or auto: {args.dataset} does not say how many classes it has")
        args.n_clusters = max(2, len(data.label_names))
        if args.n_clusters >= len(data.x):
            parser.error(f"{args.dataset} has {args.n_clusters} classes for {len(data.x)} samples: give --n_clusters")
    if args.n_clusters == "auto" and len(data.x) < MIN_AUTO:
        parser.error(f"--n_clusters=auto needs at least {MIN_AUTO} samples, {args.dataset} has {len(data.x)}")
    if data.y is None and args.eval_all:
        parser.error(f"--eval_all scores against true classes, and {args.dataset} has none")
    if args.augment and data.image_shape is None:
        parser.error(f"--augment shifts and rotates images, and {args.dataset} has none")
    check_sizes(parser, args, len(data.x))
    if len(data.x) < MIN_SAMPLES:
        parser.error(f"{args.dataset} must have at least {MIN_SAMPLES} samples, got {len(data.x)}")
    if n_processes > 1 and args.refine is not None:
        parser.error(f"--refine is trained by one process, got {n_processes}: start it without torchrun")
    if n_processes > (args.batch_size or n_processes):
        parser.error(f"--batch_size must be at least the {n_processes} processes, got {args.batch_size}")


def refuse_alike(parser, args, data):
    """Refuse samples that are all the same."""
    if not np.ptp(data.x, axis=0).any():
        parser.error(f"{args.dataset} has {len(data.x)} samples that are all the same: there is nothing to cluster")


def check_sizes(parser, args, n_samples):
    """Refuse numbers of clusters, neighbours and dimensions that are too large for so many samples."""
    n_fitted = min(n_samples, args.umap_fit_samples or n_samples)
    least = {"--cluster=SC": MIN_SPECTRAL * (args.cluster == "SC"), "--eval_all": MIN_COMPARED * args.eval_all}
    for flag, least_samples in least.items():
        if n_samples < least_samples:
            parser.error(f"{flag} needs at least {least_samples} samples, {args.dataset} has {n_samples}")
    samples = f"{n_fitted} samples of {args.dataset}" + " that are fitted" * (n_fitted < n_samples)
    for name in ("n_clusters", "umap_neighbors", "umap_dim"):
        sizes = [value for value in values(args, name) if value not in (None, "auto")]
        is_given = getattr(args, name) != PROTOCOLS[args.protocol].get(name)  # a protocol's default is reduced to fit
        if sizes and is_given and max(sizes) >= n_fitted:
            parser.error(f"--{name} must be less than the {samples}, got {max(sizes)}")
    if args.manifold_learner in WITH_GRAPH and (args.umap_dim or 0) > n_fitted - 2:
        parser.error(f"--umap_dim must be at most {n_fitted - 2} with UMAP and the {samples}, got {args.umap_dim}")


def values(args, name):
    """Return the values of an argument as a tuple, also if it is a single one."""
    value = getattr(args, name)
    return value if isinstance(value, tuple) else (value,)
