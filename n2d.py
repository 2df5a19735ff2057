#!/usr/bin/env python
"""N2D, (Not Too) Deep clustering: train an autoencoder, learn the manifold of its latent space, cluster it."""

import gc
import os
import sys
from functools import partial

__version__ = "1.0.0"
__path__ = [os.path.dirname(os.path.abspath(__file__))]  # this folder is the package n2d: `from n2d import models`

from n2d import arguments, folders, launch, limits


def __getattr__(name):
    """`from n2d import N2D, annotate`, imported when they are asked for: --help needs no PyTorch."""
    if name == "N2D":
        from n2d.pipeline import N2D

        return N2D
    if name == "annotate":
        from n2d.annotated import annotate

        return annotate
    raise AttributeError(f"module 'n2d' has no attribute {name!r}")


def main(argv=None):
    """Arguments in, experiment run, report out."""
    argv = sys.argv[1:] if argv is None else argv
    gc.set_threshold(10_000)  # imports make a million objects, and a tenth of their time went into looking for garbage
    if argv[:1] == ["predict"]:
        from n2d import prediction

        return prediction.main(argv[1:])
    if argv[:1] == ["inspect"]:
        from n2d import inspection

        return inspection.main(argv[1:])
    if argv[:1] == ["apply"]:
        from n2d import corrections

        return corrections.main(argv[1:])
    parser = arguments.build_parser()
    args = arguments.parse_arguments(parser, argv)
    data = arguments.load(parser, args)
    limits.check_data(parser, args, data, arguments.processes()[1])
    if arguments.processes()[0] > 0:
        return launch.help_along(parser, args, data)
    with folders.save_folder(parser, args):
        run(parser, args, data)


def run(parser, args, data):
    """One experiment: the paper's three steps, and what is kept of each."""
    from n2d import delivery, report, torchrun  # the heavy imports wait until the input is known to be good

    report.announce(args, data)
    model = launch.build_model(parser, args, data)
    if args.resume == "never":
        model.forget_checkpoints()
        report.forget_comparison(args)
    board = report.open_board(parser, args.save_dir / "tensorboard") if args.tensorboard else None
    if board is not None:
        model.set_params(callback=partial(report.log_epoch, board))
    delivered = delivery.Delivery(args.save_dir, keep=args.ae_weights)
    with launch.mistakes(parser):
        model.fit_autoencoder(data.x)
        report.keep_weights(model, args, delivered)
        model.fit_refinement(data.x)
        report.keep_refined_weights(model, args, delivered)
    model.fit_latent(data.x)
    torchrun.part()  # the rest is the work of one process
    model.fit_neighbors(data.x).fit_clusters(data.x)
    report.keep_model(model, data, args)
    if board is not None:
        report.log_projection(board, model, data)
        delivered.wrote("tensorboard")
    report.deliver(model, data, args, delivered)
    model.forget_checkpoints()
    print(f"\n{delivered.listing(args.name)}")


def console():
    """The command, as a shell starts it: signals, notices, and a line for a machine that is too small."""
    launch.console(main)


if __name__ == "__main__":
    console()
