"""Print, write and draw the results of a run."""

import copy
import json
import shutil
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch

from .. import datasets, metrics, visualize
from ..method import evaluation, progress
from ..method.autoencoder import training, weights
from ..method.clusters import hierarchy
from ..method.manifold import learners
from ..method.persistence import ABOUT
from ..page import explorer, naming, portraits, profiles
from ..readers import annotated, samples
from .arguments import processes
from .folders import recorded
from .printing import score_line, tell
from .version import __version__

LIBRARIES = ("torch", "umap-learn", "pynndescent", "numba", "scikit-learn", "scipy", "numpy")
N_TSNE = 5000  # points in the pictures of the stages, as in Aljalbout et al.'s code
UNFINISHED = ".eval_all"  # folder in the save folder while --eval_all is running


def open_board(parser, folder):
    """Open a TensorBoard writer."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        parser.error("--tensorboard needs the package tensorboard: pip install tensorboard")
    return SummaryWriter(folder)


def log_epoch(board, autoencoder, epoch, loss, learning_rate):
    """Log the loss and learning rate of an epoch to TensorBoard."""
    board.add_scalar(f"loss/autoencoder {autoencoder}", loss, epoch)
    board.add_scalar(f"learning rate/autoencoder {autoencoder}", learning_rate, epoch)
    board.flush()


def log_projection(board, model, data):
    """Write the latent space of some points, with clusters and classes, for TensorBoard's projector."""
    some = np.random.default_rng(model.random_state).permutation(len(data.x))[:N_TSNE]
    columns = (
        clusters_table(data, model.labels_, None, clusters_of(model, data).names).iloc[some].reset_index().astype(str)
    )
    board.add_embedding(
        model.latent_[some], columns.to_numpy().tolist(), metadata_header=list(columns), tag="latent space"
    )
    board.close()


def announce(args, data):
    """Print what data are clustered, and how they are scaled."""
    print(samples.in_columns(samples.summary(args.name, data)))
    if args.dataset not in datasets.REGISTRY and data.documents is None:
        print(f"scale: {args.scale or data.scale}{'' if args.scale else ' (--scale is there to change it)'}")


def keep_weights(model, args, delivered):
    """Write the trained autoencoders before the next stage starts, so that a later failure cannot lose them."""
    if args.ae_weights is None:
        _write_weights(model, args, delivered, "weights.safetensors")


def keep_refined_weights(model, args, delivered):
    """Write the autoencoders again after a refinement."""
    if args.refine is not None:
        _write_weights(model, args, delivered, "refined.safetensors", refine=args.refine)


def _write_weights(model, args, delivered, name, refine=None):
    provenance = {
        "dataset": args.name,
        "epochs": args.pretrain_epochs,
        "architecture": args.architecture,
        "augment": args.augment,
        "batch_size": model.batch_size_,
        "seed": args.seed,
        "refine": refine,
        "loss": sum(losses[-1] for losses in model.history_) / args.autoencoders if any(model.history_) else None,
        "versions": versions(),
    }
    weights.save_weights(model.autoencoder_, delivered.folder / name, **provenance)
    delivered.wrote(name)
    if args.save_weights is not None:
        weights.save_weights(model.autoencoder_, args.save_weights, compact=True, **provenance)


def keep_model(model, data, args, made=None):
    """Save the fitted model if --save_model is given, with what made its features, if anything did."""
    if args.save_model is None:
        return
    saved = copy.copy(model)
    if data.feature_names is not None:  # it was fitted to an array, but is to predict tables
        saved.feature_names_in_ = np.array(data.feature_names, dtype=object)
    saved.reading_ = samples.settled(data)
    clusters = clusters_of(model, data)
    saved.cluster_names_, saved.fingerprint_ = clusters.names, clusters.fingerprint
    if made is not None:
        args.save_model.mkdir(parents=True, exist_ok=True)
        made.save(args.save_model)
    saved.save(args.save_model)


def forget_comparison(args):
    """Remove the partial results from which a stopped --eval_all resumes."""
    shutil.rmtree(args.save_dir / UNFINISHED, ignore_errors=True)


def deliver(model, data, args, delivered):
    """Write scores first, then comparisons, then pictures, so that a failure loses nothing written before it.

    Results are printed only after their files are written.
    """
    special = profiles.special_of(data, model.labels_, model.n_clusters_)
    shown = {"names": clusters_of(model, data).names, "confidence": model.confidence_, "special": special}
    profile = profiles.profile(data, model.labels_, model.n_clusters_, **shown)
    with delivered.at_once() as folder:
        scores = report(model, data, args, folder)
        write_meaning(folder, profile, special, model.hierarchy_)
    tell(model, data, args, scores, profile)
    if args.write_h5ad:
        with delivered.at_once() as folder:
            out = folder / f"{args.name}-n2d.h5ad"
            found = model.labels_, model.confidence_, model.outlier_, model.map_
            annotated.write_h5ad(args.dataset, out, *found)
    if is_staged(args) and data.y is not None:
        with delivered.at_once() as folder:
            rows = list(evaluation.stages(model, data.x, data.y))
            pd.DataFrame(rows).to_csv(folder / "stages.csv", index=False)
        for row in rows:
            print(score_line(f"{row['space']}, {row['method']}", row))
    maps = {}
    if args.eval_all:
        with delivered.at_once() as folder:
            maps = compare_manifolds(model, data, args, folder)
        forget_comparison(args)  # a run without --eval_all leaves the partial results
    if args.visualize:
        print()
        with delivered.at_once() as folder, progress.stage("draw", "pictures, and the page to explore", {}):
            draw(model, data, args, folder, scores, maps, profile, special)


def versions():
    """Return the versions of n2d and its libraries, for the records."""
    return {"n2d": __version__} | {library: version(library) for library in LIBRARIES}


def machine(model):
    """Return device, precision, threads and processes, on which the last bits of the results depend."""
    return {
        "device": str(next(model.autoencoder_.parameters()).device),
        "precision": training.choose_precision(model.precision, model.device),
        "threads": torch.get_num_threads(),
        "processes": processes()[1],
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def clusters_of(model, data):
    """Return a fitted model's clusters, with names where the classes are known."""
    return naming.named(model.labels_, model.n_clusters_, data.y, data.label_names)


def clusters_table(data, labels, confidence, names=None, outlier=None):
    """Return a table with a row a sample: cluster number and name, confidence, outlier score, class and sample name."""
    columns = {"cluster": labels}
    if names is not None:
        columns["cluster_name"] = np.array(samples.no_formulas(names))[labels]
    columns |= {"confidence": confidence, "outlier": outlier}
    if data.y is not None:
        columns["label"] = np.array([*samples.no_formulas(data.label_names), ""])[data.y]  # unknown is -1
    if data.sample_names is not None:
        columns["name"] = samples.no_formulas(data.sample_names)
    return pd.DataFrame({name: column for name, column in columns.items() if column is not None})


def report(model, data, args, folder):
    """Write scores, clusters and arrays to a folder, and return the scores."""
    clusters = clusters_table(data, model.labels_, model.confidence_, clusters_of(model, data).names, model.outlier_)
    for other in model.alternatives_:  # behind the place where corrections put a name and marks
        clusters.insert(clusters.columns.get_loc("confidence"), f"cluster_of_{other['n_clusters']}", other["labels"])
    clusters.to_csv(folder / "clusters.csv", index_label="index", float_format="%.4f")
    losses = [(i, e, loss) for i, run in enumerate(model.history_) for e, loss in enumerate(run, start=1)]
    pd.DataFrame(losses, columns=["autoencoder", "epoch", "loss"]).to_csv(folder / "history.csv", index=False)
    np.save(folder / "latent.npy", model.latent_)
    np.save(folder / "embedding.npy", model.embedding_)
    np.save(folder / "halves.npy", model.halves_)
    np.save(folder / "map.npy", model.map_)
    if args.n_clusters == "auto":
        pd.DataFrame(model.scan_).to_csv(folder / "n_clusters.csv", index=False)
    if data.y is None:
        scores = evaluation.internal_scores(model)
    else:
        scores = metrics.scores(*metrics.of_known(data.y, model.labels_))
    record = {
        **scores,
        "modularity": model.modularity_,
        "alternatives": [{name: other[name] for name in ABOUT} for other in model.alternatives_],
        "kept_kmeans": model.kept_kmeans,
        "seconds": model.seconds_,
        "resumed_seconds": model.resumed_seconds_,
        "arguments": recorded(args),
        "machine": machine(model),
        "versions": versions(),
    }
    (folder / "metrics.json").write_text(json.dumps(record, indent=2, default=str) + "\n")
    if args.refine is not None:
        history = pd.DataFrame(model.refine_history_, index=range(1, len(model.refine_history_) + 1))
        history.to_csv(folder / "refinement.csv", index_label="epoch")
    return scores


def write_meaning(folder, profile, special, linkage):
    """Write profile and hierarchy of the clusters to a folder; the profile's index has the numbers of the clusters."""
    numbers = profile.index.to_numpy()
    for rows, name in zip(special, ("features.csv", "terms.csv")):
        if len(rows):
            rows = rows.assign(cluster=numbers[rows["cluster"].astype(int)])
            profiles.as_text(rows).to_csv(folder / name, index=False, float_format="%.6g")
    profiles.as_text(profile).to_csv(folder / "profile.csv", float_format="%.4f")
    sizes = profile["size"].to_numpy()
    steps = hierarchy.steps(linkage, sizes)
    for step in steps:
        step |= {side: " ".join(str(numbers[int(i)]) for i in step[side].split()) for side in ("first", "second")}
    pd.DataFrame(steps).to_csv(folder / "hierarchy.csv", index=False, float_format="%.4f")
    smaller = {f"of_{k}": hierarchy.cut(linkage, k, sizes) for k in range(len(sizes) - 1, 0, -1)}
    pd.DataFrame(smaller, index=profile.index).to_csv(folder / "merged.csv")


def compare_manifolds(model, data, args, folder):
    """Score every clusterer on every manifold, write the table to a folder, and return the manifolds.

    It takes hours, so each row is printed at once. The rows are also kept one by one, to resume from.
    """
    rows, maps = [], {}
    unfinished = args.save_dir / UNFINISHED
    unfinished.mkdir(exist_ok=True)
    for row, embedding in evaluation.compare(model, data.x, data.y, unfinished):
        rows.append(row)
        maps[f"{row['input']}, {row['manifold']}"] = embedding
        print(score_line(f"{row['input']}, {row['manifold']}, {row['cluster']}", row), flush=True)
    pd.DataFrame(rows).to_csv(folder / "eval_all.csv", index=False)
    return maps


def is_staged(args):
    """Whether the autoencoder's stages are shown, as for the second system: with --architecture or --refine."""
    return args.architecture is not None or args.refine is not None


def draw(model, data, args, folder, scores, maps, profile, special):
    """Draw maps and members of the clusters, the page, and the pictures that other flags ask for."""
    what = f"{args.manifold_learner} of the autoencoder's latent space"
    if model.neighbourhood_.inputs is not None:
        what = "UMAP of the latent space's neighbours, re-ranked by the distance of the inputs"
    clusters = clusters_of(model, data)
    draw_maps(data, model.map_, clusters, args, folder, what, scores)
    draw_meaning(clusters, args, folder, profile, special, model.hierarchy_)
    draw_members(data, clusters, args, folder, model.confidence_)
    draw_page(data, model.map_, clusters, args, folder, profile=profile, **explorer.found_by(model))
    if any(model.history_):
        visualize.losses(model.history_, folder / "history.png", title=f"{args.name}: reconstruction loss")
    if args.n_clusters == "auto":
        visualize.scan(model.scan_, model.n_clusters_, folder / "n_clusters.png", title=args.name)
    if maps:
        visualize.grid(maps, *data.groups, folder / "eval_all.png", title=args.name)
    if is_staged(args):
        draw_stages(model, data, args, folder)


def draw_maps(data, embedding, clusters, args, folder, what, scores):
    """Draw the map coloured by cluster; where classes are known, also by class, and the confusion matrix."""
    look = {"colors": clusters.colors, "heading": None if clusters.names is None else "name (cluster)"}
    coloured = clusters.labels, clusters.captions
    pictures = {f"{args.name}-n2d.png": ("clusters", *coloured, look)}
    if data.y is not None:
        what += f"\nACC {scores['acc']:.3f}   NMI {scores['nmi']:.3f}   ARI {scores['ari']:.3f}"
        pictures = {
            f"{args.name}-n2d.png": ("true classes", *data.groups, {"heading": "class"}),
            f"{args.name}-n2d-predicted.png": ("clusters, named after classes", *coloured, look),
        }
        matrix = (data.label_names, clusters.captions, folder / "confusion.png")
        known = metrics.of_known(data.y, clusters.labels)
        visualize.confusion(*known, *matrix, title=args.name, order=clusters.order)
    for file, (colouring, groups, names, look_of) in pictures.items():
        visualize.scatter(
            embedding,
            groups,
            names,
            folder / file,
            title=f"{args.name}: {colouring}",
            subtitle=what,
            max_points=args.max_points,
            seed=args.seed,
            **look_of,
        )


def draw_meaning(clusters, args, folder, profile, special, linkage):
    """Draw what sets each cluster apart, and the hierarchy of the clusters."""
    if any(map(len, special)):
        portraits.apart(*special, clusters.captions, folder / "profile.png", title=args.name)
    sizes, path = profile["size"].to_numpy(), folder / "hierarchy.png"
    portraits.dendrogram(linkage, clusters.captions, sizes, path, title=args.name)


def draw_members(data, clusters, args, folder, confidence):
    """Draw the members of each cluster."""
    shown = {"names": clusters.captions, "confidence": confidence, "title": args.name}
    portraits.members(data, clusters.labels, folder / "clusters.png", **shown)


def draw_page(data, embedding, clusters, args, folder, **found):
    """Write the page to explore, with the results for each sample."""
    explorer.explore(data, embedding, clusters, folder / "explore.html", title=args.name, seed=args.seed, **found)


def draw_stages(model, data, args, folder):
    """Draw the data at each stage of the autoencoder's training: t-SNE maps, reconstructions and an animation."""
    rng = np.random.default_rng(args.seed)
    some = rng.choice(len(data.x), min(N_TSNE, len(data.x)), replace=False)
    if data.y is not None:
        groups, names, colouring = *data.groups, "class"
    else:
        groups, names, colouring = model.labels_, clusters_of(model, data).captions, "cluster"
    spaces = {
        "raw": ("as the autoencoder sees it", model.scaled(data.x)),
        "autoencoder": ("latent space of the autoencoder", model.latent_),
    }
    if args.refine is not None:
        spaces["autoencoder"] = spaces["autoencoder"][0], model.pretrained_latent_
        spaces[f"clustered_{args.refine.lower()}"] = f"latent space after {args.refine} refinement", model.latent_
    for name, (what, space) in spaces.items():
        learner = learners.manifold_learner("tSNE", random_state=args.seed)
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
        visualize.reconstructions(images, decoded, model.small_shape_, folder / "reconstructions.png")
    if args.refine is not None:
        visualize.evolution(
            model.evolution_,
            groups[model.tracked_],
            names,
            folder / "evolution.gif",
            title=f"{args.name}: latent space, {args.refine} refinement",
            heading=colouring,
        )
