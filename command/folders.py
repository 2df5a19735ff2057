"""Check the folders that a run writes to: writable, used by one run at a time, without another command's results.

The command that has written there is in `RECORD`; while it runs, it is in `STARTED`.
"""

import json
import tempfile
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from .. import datasets
from ..readers import samples
from .delivery import RECORD, files_of_run

STARTED = ".run.json"
ADDING = ("visualize", "eval_all", "tensorboard", "write_h5ad")  # arguments that add files to a save folder
# arguments that change no file there
ANY = ("save_dir", "save_model", "save_weights", "data_dir", "resume", "overwrite", "umap_jobs")


def make_folder(parser, flag, folder):
    """Create a folder, or stop with an error before the training if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        parser.error(f"--{flag}: the folder {folder} cannot be written ({error.strerror})")


def check_file(parser, out, dataset):
    """Refuse an output file that is a folder, or that would overwrite the samples or the results of a run."""
    if out.is_dir():
        parser.error(f"--out must be a file, got the folder {out}")
    if out.exists() and Path(dataset).exists() and out.samefile(dataset):
        parser.error(f"--out must be another file than the points, got {out} for both")
    if out.name in files_of_run(out.parent):
        parser.error(f"--out must be no file of a run, got {out}: give another name or folder")


@contextmanager
def lock(parser, folder):
    """Lock a folder against other runs until this one ends or is killed."""
    from filelock import FileLock, Timeout

    keeper = FileLock(folder / ".lock")
    try:
        keeper.acquire(timeout=0)
    except Timeout:
        parser.error(f"--save_dir: another run is writing to {folder}: wait for it, or give another folder")
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows cannot remove an open file: there, `release` removes it
            (folder / ".lock").unlink(missing_ok=True)  # before `release`: afterwards it may be another run's
        keeper.release()


def recorded(args):
    """Return a run's arguments for its records: as JSON values, with absolute paths."""
    known = {name: value.resolve() if isinstance(value, Path) else value for name, value in vars(args).items()}
    if args.dataset not in datasets.REGISTRY:
        known["dataset"] = Path(args.dataset).resolve()
    return json.loads(json.dumps(known, default=str))


def choose(parser, args):
    """Choose a save folder without another command's results: runs/wine-n2d, or runs/wine-n2d-2, ..."""
    command = recorded(args)
    folder = first = args.save_dir or Path("runs") / f"{args.name}-n2d"
    numbers = count(2)
    while not (args.overwrite or all(_is_same(command, earlier) for earlier in _runs(folder))):
        if args.save_dir is not None:
            parser.error(
                f"--save_dir: {folder} holds results of another command, or corrected by hand: give another folder, or "
                "--overwrite to replace them"
            )
        folder = first.with_name(f"{first.name}-{next(numbers)}")
    args.save_dir = folder
    for name, file in (("save_model", "model.json"), ("save_weights", "")):
        path = getattr(args, name)
        is_ours = args.overwrite or any(earlier.get(name) == command[name] for earlier in _runs(folder))
        if path is not None and (path / file).exists() and not is_ours:
            parser.error(f"--{name}: {path} is there, of another command: name another, or give --overwrite")
    if folder != first:
        samples.notice(f"{first} holds results of another command, or corrected by hand: this run writes to {folder}")


def _runs(folder):
    """Return the arguments of the runs recorded in a folder; {} if a record is unreadable or corrected by hand."""
    found = []
    for name in (STARTED, RECORD):
        try:
            record = json.loads((folder / name).read_text(encoding="utf-8"))
            found.append({} if record.get("corrections") else dict(record["arguments"]))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found.append({})
    return found


def _is_same(command, earlier):
    """Whether a command writes everything that an earlier one wrote; both are as `recorded` returns them."""
    kept = {name: value for name, value in earlier.items() if name not in ANY and not (name in ADDING and not value)}
    return kept and all(command.get(name) == value for name, value in kept.items())


@contextmanager
def save_folder(parser, args):
    """Prepare the folders of a run and lock its save folder; remove new folders that stay empty."""
    choose(parser, args)
    if args.save_model is not None:
        make_folder(parser, "save_model", args.save_model)
    if args.save_weights is not None:
        make_folder(parser, "save_weights", args.save_weights.parent)
    new = [folder for folder in (args.save_dir, *args.save_dir.parents) if not folder.exists()]
    make_folder(parser, "save_dir", args.save_dir)
    try:
        with lock(parser, args.save_dir), record_of(args):
            yield
    finally:
        for folder in new:
            if not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def record_of(args):
    """Record the command in the save folder, as `STARTED`, until the run is complete.

    A stopped run leaves the record, unless there was none before and the run has written nothing."""
    path, before = args.save_dir / STARTED, _contents(args.save_dir)
    goes_on = path.exists()
    path.write_text(json.dumps({"arguments": recorded(args)}, indent=2) + "\n", encoding="utf-8")
    try:
        yield
    except BaseException:
        if not goes_on and _contents(args.save_dir) == before:
            path.unlink()
        raise
    path.unlink()


def _contents(folder):
    return {(path.name, path.stat().st_mtime_ns) for path in folder.iterdir() if path.name != STARTED}
