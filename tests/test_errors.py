"""Bad input: one line that names what was given and what would be right, exit code 2, and nothing written."""

import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score

import n2d

ROOT = Path(__file__).parents[1]
TEXTS = {
    "own.csv": "1,2\n3,5\n4,4\n",
    "words.csv": "age,name\n1,ann\n2,bob\n",
    "hole.csv": "age,height\n1,2\n3,\n5,6\n",
    "infinite.csv": "1,inf\n3,4\n",
    "huge.csv": "1,2\n1e300,4\n",
    "empty.csv": "",
    "header.csv": "a,b\n",
    "either.csv": "elm,1\noak,2\noak,3\nash,4\n",
    "thousands.csv": "a;b\n1,234;1\n2,345;2\n",
    "dates.csv": "day,b\n2020-01-01,1\n2020-01-02,2\n",
    "mistyped.csv": "a,b\n1,2\n3,4o\n5,6\n7,8\n",
    "lines.csv": 'a,"x\n\x1b[31mred"\n2,y\n3,z\n',
    "ragged.csv": "1,2\n3,4\n5,6,7\n",
    "one-row.csv": "1,2\n",
    "same.csv": "1,2\n" * 50,
    "text.npy": "1,2",
    "text.npz": "1,2",
    "empty.h5": "",
    "text.pt": "not weights",
    "deep.json": "[" * 100_000,
    "three.csv": "1,2\n3,4\n5,7\n",
    "eight.csv": "a,b,kind\n" + "".join(f"{i},{i * i},{'abcdefgh'[i]}\n" for i in range(8)),
    "bad-images/1.png": "not an image",
    "half-broken/1.png": "not an image",
    "broken/model.json": '{"parameters": {}}',
}
MISTAKES = {
    "": "the following arguments are required: dataset",
    "digits --visualise": "unrecognized arguments: --visualise: did you mean --visualize?",
    "digits --cluster=gm": "did you mean GMM?",
    "DIGITS cpu": "DIGITS is neither a dataset nor a file: did you mean digits?",
    "wordz.csv cpu": "wordz.csv is neither a dataset nor a file: did you mean words.csv?",
    "digits --visualize 7x": "gpu must be cpu, mps or the index of a CUDA device, got 7x",
    "digits --label_column=0": "--label_column is for your own files, and digits is none",
    "digit cpu": "digit is neither a dataset nor a file: did you mean digits?",
    "nothing.csv cpu": "nothing.csv is neither a dataset nor a file: the datasets are mnist, ",
    "ROOT/README.md cpu": "README.md must be a folder of images, or end in .npy, ",
    "own.csv cpu --n_clusters=3 --umap_neighbors=2": "--n_clusters must be less than the 3 samples of ",
    "own.csv cpu": "own.csv does not say how many classes it has",
    "own.csv cpu --n_clusters=2 --eval_all": "--eval_all scores against true classes, and ",
    "digits cpu --n_clusters=many": "--n_clusters: must be a whole number or auto, got many",
    "digits cpu --seed=some": "--seed: must be a whole number or none, got some",
    "digits cpu --n_clusters=auto --refine=KM": "--n_clusters must be a number with --refine",
    "digits cpu --scale=log": "'log'",
    "own.csv cpu --image_size=0": "'0'",
    "own.csv cpu --image_size=3x4x5": "'3x4x5'",
    "digits cpu --save_model=/dev/null/m": "--save_model: the folder /dev/null/m cannot be written",
    "predict nothing digits": "nothing does not hold a saved model",
    "predict nothing digit": "nothing does not hold a saved model",
    "digits gpu": "gpu must be cpu, mps or the index of a CUDA device, got gpu",
    "digits -1": "-1",
    "digits cpu --umap_neighbors=1": "--umap_neighbors must be at least 2, got 1",
    "digits cpu --umap_neighbors=1797": "--umap_neighbors must be less than the 1797 samples of digits, got 1797",
    "digits cpu --umap_dim=0": "--umap_dim must be at least 1, got 0",
    "digits cpu --umap_dim=two": "'two'",
    "digits cpu --umap_min_dist=nan": "--umap_min_dist must be at least 0, got nan",
    "digits cpu --umap_min_dist=2": "--umap_min_dist must be at most 1, got 2.0",
    "digits cpu --umap_metric=euclid": "'euclid'",
    "digits cpu --n_clusters=1": "--n_clusters must be at least 2, got 1",
    "digits cpu --n_clusters=2000": "--n_clusters must be less than the 1797 samples of digits, got 2000",
    "digits cpu --batch_size=0": "--batch_size must be at least 1, got 0",
    "digits cpu --pretrain_epochs=-1": "--pretrain_epochs must be at least 0, got -1",
    "digits cpu --architecture=missing.json": "missing.json: No such file or directory",
    "digits cpu --architecture=ROOT/architectures/mnist.json:9": "has no description 9 (there: 0: conv-120, 1: conv-",
    "digits cpu --architecture=ROOT/pyproject.toml": "pyproject.toml is not JSON",
    "digits cpu --architecture=deep.json": "deep.json is not JSON",
    "three.csv cpu --n_clusters=2": "three.csv must have at least 4 samples, got 3",
    "eight.csv cpu --drop kind --n_clusters=2 --cluster=SC": "--cluster=SC needs at least 10 samples, eight.csv has 8",
    "eight.csv cpu --label_column=kind --n_clusters=2 --eval_all": "--eval_all needs at least 11 samples, eight.csv",
    "eight.csv cpu --drop kind --n_clusters=2 --umap_dim=7": "--umap_dim must be at most 6 with UMAP and the 8",
    "eight.csv cpu --label_column=kind": "eight.csv has 8 classes for 8 samples: give --n_clusters",
    "digits cpu --refine=KL": "'KL'",
    "own.csv cpu --n_clusters=2 --augment": "--augment shifts and rotates images, and own.csv has none",
    "digits cpu --refine=KM --refine_epochs=0": "--refine_epochs must be at least 1, got 0",
    "digits cpu --refine=KM --cluster_weight=-1": "--cluster_weight must be at least 0, got -1.0",
    "digits cpu --refine=KM --refine_tol=nan": "--refine_tol must be at least 0, got nan",
    "digits cpu --gmm_restarts=0": "--gmm_restarts must be at least 1, got 0",
    "digits cpu --max_points=0": "--max_points must be at least 1, got 0",
    "digits cpu --seed=-1": "--seed must be at least 0, got -1",
    "digits cpu --seed=4294967296": "--seed must be at most 4294967295, got 4294967296",
    "digits cpu --precision=fp16": "'fp16'",
    "digits cpu --cluster=DBSCAN": "'DBSCAN'",
    "digits cpu --manifold_learner=PCA": "'PCA'",
    "digits cpu --manifold_learner=tSNE --umap_dim=4": "--umap_dim must be 1, 2 or 3 with --manifold_learner tSNE",
    "digits cpu --ae_weights=nothing": "--ae_weights nothing is neither a file nor a name in",
    "digits cpu --ae_weights=ROOT/pyproject.toml": "pyproject.toml is not a readable safetensors file",
    "digits cpu --ae_weights=ROOT/pyproject.toml --save_weights": "give one of them",
    "digits cpu --save_dir=/dev/null/runs": "--save_dir: the folder /dev/null/runs cannot be written",
    "digits cpu --save_weights=/dev/null/w.safetensors": "--save_weights: the folder /dev/null cannot be written",
    "digits cpu --save_weights=ROOT/tests": "--save_weights must be a file, got the folder ",
    "digits cpu --autoencoders=0": "--autoencoders must be at least 1, got 0",
    "digits cpu --umap_neighbors=20,1": "--umap_neighbors must be at least 2, got 1",
    "digits cpu --umap_neighbors=20,2000": "--umap_neighbors must be less than the 1797 samples of digits, got 2000",
    "digits cpu --umap_neighbors=20,": "'20,'",
    "digits cpu --umap_neighbors=5,9 --manifold_learner=LLE": "--umap_neighbors must be one number with",
    "digits cpu --protocol=papers": "'papers'",
    "digits cpu --sede=1": "--sede=1",
    "digits cpu --resume=yes": "'yes'",
    "digits cpu --autoencoders=1000000": "--autoencoders must be at most 1000, got 1000000",
    "digits cpu --pretrain_epochs=9999999": "--pretrain_epochs must be at most 1000000, got 9999999",
    "digits cpu --umap_dim=1e9": "'1e9'",
    "digits cpu --umap_dim=5000": "--umap_dim must be at most 1000, got 5000",
    "digits 7x": "gpu must be cpu, mps or the index of a CUDA device, got 7x",
    "own.csv cpu --n_clusters=2 --umap_neighbors=2 --umap_dim=3": "--umap_dim must be less than the 3 samples of ",
    "own.csv cpu --n_clusters=auto": "--n_clusters=auto needs at least 10 samples, own.csv has 3",
    "own.csv cpu --label_column=kind": "--label_column kind is neither a column nor a number of one (there: 0, 1)",
    "own.csv cpu --label_column=2": "--label_column 2 is neither a column nor a number of one (there: 0, 1)",
    "words.csv cpu": "columns must be numbers, got name",
    "lines.csv cpu": "columns must be numbers, got x  [31mred: remove them",
    "hole.csv cpu": "hole.csv: values are missing in column height (1 of 3 rows): fill them in,",
    "infinite.csv cpu": "infinite.csv: numbers must be finite: line 1, column 1 is inf",
    "huge.csv cpu": "huge.csv: numbers must be finite: line 2, column 0 is 1e+300",
    "empty.csv cpu": "empty.csv: it is empty",
    "header.csv cpu": "a table must have rows",
    "either.csv cpu --label_column=0": "either.csv: it cannot be told whether its first line (elm, 1) has names: give",
    "thousands.csv cpu": "whether 1,234 has a decimal comma or thousands: give --decimal=, or --decimal=.",
    "dates.csv cpu": "columns must be numbers, got dates in day: remove them, or give days or years",
    "mistyped.csv cpu": "columns must be numbers, got b ('4o' in line 3): remove them",
    "words.csv cpu --label_column=nam": "--label_column nam is neither a column nor a number of one (did you",
    "words.csv cpu --id_column=names": "--id_column names is neither a column nor a number of one (did you",
    "words.csv cpu --drop ag name": "--drop ag is neither a column nor a number of one (did you mean age?)",
    "words.csv cpu --label_column=name --id_column=1": "--label_column and --id_column must be two columns, got 1",
    "beside/a cpu --label_column=kind": "--label_column is not for a folder of images, which beside/a is: folders are",
    "two.npz cpu --id_column=a": "--id_column is not for a file of arrays, which two.npz is",
    "own.csv cpu --grayscale": "--grayscale is not for a table, which own.csv is",
    "own.csv cpu --header=maybe": "'maybe'",
    "own.csv cpu --missing=mean": "'mean'",
    "own.csv cpu --categorical=codes": "'codes'",
    "short.npz cpu --array=z": "short.npz: --array z is not there; it has x (9, 2), y (2,)",
    "inspect nothing.csv": "nothing.csv is neither a dataset nor a file",
    "ragged.csv cpu": "ragged.csv cannot be read",
    "binary.csv cpu": "binary.csv: it holds no text",
    "one-line.csv cpu": "one-line.csv: it is no table: it has a line of more than 4,194,304 characters",
    "one-row.csv cpu --n_clusters=2": "one-row.csv has 1 samples that are all the same",
    "same.csv cpu --n_clusters=2": "same.csv has 50 samples that are all the same: there is nothing to cluster",
    "text.npy cpu": "text.npy cannot be read",
    "cut.npy cpu": "cut.npy cannot be read",
    "flat.npy cpu": "an array must hold numbers, (n_samples, n_features) or images, got float64 (9,)",
    "nan.npy cpu": "nan.npy: values are missing in column 1 (1 of 9 rows)",
    "objects.npy cpu": "objects.npy cannot be read",
    "objects.npz cpu": "objects.npz cannot be read",
    "two.npz cpu": "it must have an array x, or --array=NAME must name one; it has a (9, 2), b (9, 2)",
    "short.npz cpu": "there must be one label a sample, got (2,) for 9 samples",
    "bomb.npz cpu": "bomb.npz: it unpacks to ",
    "text.npz cpu": "text.npz cannot be read",
    "no-images cpu": "no-images: it has no images",
    "bad-images cpu": "bad-images/1.png is not a readable image",
    "half-broken cpu --strict": "half-broken/1.png is not a readable image",
    "beside cpu": "beside: it holds 1 images beside the folders of images a: move these images into a folder",
    "digits cpu --umap_fit_samples=99": "--umap_fit_samples must be at least 100, got 99",
    "digits cpu --umap_fit_samples=100 --umap_neighbors=100": "less than the 100 samples of digits that are fitted",
    "digits cpu --ae_weights=empty.h5": "empty.h5 is not a readable h5 file",
    "digits cpu --ae_weights=text.pt": "text.pt is not a readable pt file",
    "digits cpu --ae_weights=pickle.pt": "pickle.pt is not a readable pt file",
    "predict broken digits": "broken does not hold a saved model",
    "predict": "model_dir, dataset",
}


class Bomb:
    """Unpickled, it would leave a file."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All the bad files."""
    folder = tmp_path_factory.mktemp("bad")
    for name in ("bad-images", "half-broken", "no-images", "beside/a", "broken"):
        (folder / name).mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (folder / "one-line.csv").write_text("1," * 3_000_000)
    x = np.arange(18.0).reshape(9, 2)
    np.save(folder / "cut.npy", x)
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:-20])
    np.save(folder / "flat.npy", x[:, 0])
    np.save(folder / "nan.npy", np.where(x == 5, np.nan, x))
    objects = np.array([[Bomb(), 1], [2, 3]])
    np.save(folder / "objects.npy", objects)
    np.savez(folder / "objects.npz", x=objects)
    np.savez(folder / "two.npz", a=x, b=x)
    np.savez(folder / "short.npz", x=x, y=[0, 1])
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", bytes(2**20))
        archive.infolist()[0].file_size = 2**50  # what its directory says that it unpacks to
    (folder / "pickle.pt").write_bytes(pickle.dumps({"layers.0.weight": Bomb()}))
    for name in ("half-broken/0", "beside/0", "beside/a/0"):
        Image.new("L", (8, 8)).save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2_and_nothing_is_written(arguments, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        n2d.main(arguments.replace("ROOT", str(ROOT)).split())
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert (
        error.startswith(("n2d.py: error: ", "n2d.py predict: error: ", "n2d.py inspect: error: "))
        and error.count("\n") == 1
    )
    assert MISTAKES[arguments] in error
    assert sorted(folder.rglob("*")) == before


def test_there_are_more_than_sixty_mistakes():
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("flags", ["--manifold_learner=LLE", "--manifold_learner=tSNE", "--protocol=paper"])
def test_no_flag_that_was_not_given_is_asked_for_where_there_are_few_samples(flags, folder, tmp_path, capsys):
    argv = f"{folder}/eight.csv cpu --drop kind --n_clusters=2 --pretrain_epochs=1 --gmm_restarts=1 {flags}"
    n2d.main([*argv.split(), f"--save_dir={tmp_path}/run"])
    assert "written to" in capsys.readouterr().out


def test_another_run_in_the_same_folder_is_refused(tmp_path, capsys):
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"), pytest.raises(SystemExit) as stop:
        n2d.main(["digits", "cpu", f"--save_dir={tmp_path}"])
    assert stop.value.code == 2
    assert "--save_dir: another run is writing to" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(60, 4)) * 1e20
    np.save(tmp_path / "large.npy", x)
    with pytest.raises(SystemExit) as stop:
        n2d.main(f"{tmp_path}/large.npy cpu --n_clusters=2 --scale=none --save_dir={tmp_path}/run".split())
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "the loss of autoencoder 1/1 became " in error and "scale the features (--scale=standard)" in error
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_one_line_with_the_size_and_the_flags(tmp_path):
    """A thousand autoencoders, in a process that may take half a gigabyte more than it has after its imports."""
    code = (
        "import pathlib, resource, runpy, sys, n2d.pipeline\n"
        "pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**29,) * 2)\n"
        "sys.argv[0] = 'n2d.py'\n"
        "runpy.run_path('n2d.py', run_name='__main__')\n"
    )
    arguments = ["digits", "cpu", "--autoencoders=1000", f"--save_dir={tmp_path / 'run'}"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert re.fullmatch(
        r"n2d.py: error: out of memory, \d+ bytes more were asked for: a smaller --batch_size, --autoencoders or "
        r"--umap_neighbors takes less\n",
        done.stderr,
    )
    assert not (tmp_path / "run").exists()


def test_duplicates_by_the_thousand_are_clustered(tmp_path):
    x = np.repeat(np.eye(3), 700, axis=0) * 9
    np.save(tmp_path / "same.npy", x)
    n2d.main(
        f"{tmp_path}/same.npy cpu --n_clusters=3 --pretrain_epochs=2 --autoencoders=1 --umap_neighbors=20 "
        f"--gmm_restarts=3 --save_dir={tmp_path}/run".split()
    )
    labels = np.loadtxt(tmp_path / "run/clusters.csv", delimiter=",", skiprows=1, usecols=1)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 700), labels) > 0.85  # UMAP may carry a few copies off
