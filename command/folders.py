"""The folders that a run writes to: found writable before the training, one run at a time."""

import tempfile
from contextlib import contextmanager, suppress


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
        with suppress(PermissionError):  # Windows removes no open file: there, `release` does it
            (folder / ".lock").unlink(missing_ok=True)  # first, or else it may be another run's by now
        keeper.release()


@contextmanager
def save_folder(parser, args):
    """The folders of a run, its save folder for it alone; if the run leaves nothing there, no new folder either."""
    if args.save_model is not None:
        make_folder(parser, "save_model", args.save_model)
    if args.save_weights is not None:
        make_folder(parser, "save_weights", args.save_weights.parent)
    new = [folder for folder in (args.save_dir, *args.save_dir.parents) if not folder.exists()]
    make_folder(parser, "save_dir", args.save_dir)
    try:
        with lock(parser, args.save_dir):
            yield
    finally:
        for folder in new:
            if not any(folder.iterdir()):
                folder.rmdir()
