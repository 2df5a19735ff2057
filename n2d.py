#!/usr/bin/env python
"""N2D, (Not Too) Deep clustering: train an autoencoder, learn the manifold of its latent space, cluster it."""

import gc
import os
import sys
from functools import partial

import numpy as np

# This folder is the package n2d, whatever it is called, and this file is its __init__.py: run, or imported.
__path__, __package__ = [os.path.dirname(os.path.abspath(__file__))], "n2d"
if __spec__ is not None:
    __spec__.submodule_search_locations = __path__
sys.modules.setdefault("n2d", sys.modules[__name__])

from .command import arguments, features_of_run, folders, launch, limits, reading
from .command.version import __version__  # noqa: F401
from .readers import samples


def __getattr__(name):
    """Import N2D only when `from n2d import N2D` asks for it, since --help needs no PyTorch."""
    if name == "N2D":
        from .pipeline import N2D

        return N2D
    raise AttributeError(f"module 'n2d' has no attribute {name!r}")


def annotate(cells, n_clusters=10, *, layer=None, obsm=None, **parameters):
    """Cluster annotated data, and add the clusters to it, as scanpy's tools do.

    Parameters
    ----------
    cells : anndata.AnnData
        Gets `obs["n2d"]`, the clusters as categories; `obs["n2d_confidence"]` and
        `obs["n2d_outlier"]`, 0 to 1; and `obsm["X_n2d"]`, the map.
        What was there is not changed.
    n_clusters : int or 'auto'
    layer, obsm : str or None
        The layer, or the embedding such as X_pca, that is clustered; None is X. Counts (whole numbers) are normalised
        first, in a copy: each cell to the median total, then log(1 + x); all else is taken as it is.
    **parameters
        Parameters of `pipeline.N2D`. `scale` is chosen to suit the numbers, unless it is given.

    Returns
    -------
    N2D
        The fitted model.

    Raises
    ------
    DatasetError
        If there is no such layer or embedding, no X, or a number is missing or infinite.
    """
    from .pipeline import N2D
    from .readers.annotated import add_clusters, from_cells

    data = samples.checked(from_cells(cells, samples.Options(layer=layer, obsm=obsm)))
    model = N2D(n_clusters, **{"scale": data.scale} | parameters).fit(data.x)
    model.reading_ = samples.settled(data)
    if data.feature_names is not None:
        model.feature_names_in_ = np.array(data.feature_names, dtype=object)
    add_clusters(cells, model.labels_, model.confidence_, model.outlier_, model.map_)
    return model


def main(argv=None):
    """Parse the arguments, run the experiment, and report its results."""
    argv = sys.argv[1:] if argv is None else argv
    gc.set_threshold(10_000)  # imports make a million objects, and a tenth of their time went into looking for garbage
    if argv[:1] == ["predict"]:
        from .command.finished import prediction

        return prediction.main(argv[1:])
    if argv[:1] == ["inspect"]:
        from .command import inspection

        return inspection.main(argv[1:])
    if argv[:1] == ["apply"]:
        from .command.finished import corrections

        return corrections.main(argv[1:])
    if argv[:1] == ["export"]:
        from .command.finished import export

        return export.main(argv[1:])
    parser = arguments.build_parser()
    args = arguments.parse_arguments(parser, argv)
    data = reading.load(parser, args)
    features_of_run.check(parser, args, data)
    limits.check_data(parser, args, data, arguments.processes()[1])
    if arguments.processes()[0] > 0:
        return launch.help_along(parser, args, data)
    launch.settle_epochs(args, data)
    with folders.save_folder(parser, args):
        run(parser, args, data)


def run(parser, args, data):
    """Run one experiment, the paper's three steps, and write the files of each."""
    from .command import delivery, report  # the heavy imports wait until the input is known to be good
    from .method.autoencoder import torchrun

    report.announce(args, data)
    model = launch.build_model(parser, args, data)
    if args.resume == "never":
        model.forget_checkpoints()
        report.forget_comparison(args)
        features_of_run.forget(args.save_dir)
    board = report.open_board(parser, args.save_dir / "tensorboard") if args.tensorboard else None
    if board is not None:
        model.set_params(callback=partial(report.log_epoch, board))
    delivered = delivery.Delivery(args.save_dir, keep=args.ae_weights)
    data, unknown, made = features_of_run.worked_out(parser, args, data, model.device, args.save_dir)
    if data.things is not None:
        delivered.wrote("features.npy")
        delivered.wrote("features.json")
    with launch.mistakes(parser):
        model.fit_autoencoder(data.x)
        report.keep_weights(model, args, delivered)
        model.fit_refinement(data.x)
        report.keep_refined_weights(model, args, delivered)
    model.fit_latent(data.x)
    torchrun.part()  # the rest is the work of one process
    model.fit_neighbors(data.x).fit_clusters(data.x)
    features_of_run.mark_unknown(unknown, model.confidence_, model.outlier_)
    report.keep_model(model, data, args, made)
    if board is not None:
        report.log_projection(board, model, data)
        delivered.wrote("tensorboard")
    report.deliver(model, data, args, delivered)
    model.forget_checkpoints()
    print(f"\n{delivered.listing(args.name)}")


def console():
    """Run the command as a program, with signals, notices, and a one-line message if memory is too small."""
    launch.console(main)


if __name__ == "__main__":
    console()
