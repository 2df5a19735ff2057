"""The command line as a user runs it: what whole runs print, and the files that they leave."""

import itertools
import json
import os
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

import n2d
from n2d.command import launch, report
from n2d.method.clusters import n_clusters

ROOT = Path(__file__).parents[1]
QUICK = ["--umap_neighbors=20", "--gmm_restarts=10"]
COSTS = ["seconds", "peak_rss_mb", "trustworthiness"]
PICTURES = {"clusters.png", "confusion.png", "explore.html", "hierarchy.png", "history.png"}
TABLES = {"clusters.csv", "hierarchy.csv", "history.csv", "merged.csv", "profile.csv"}
FILES = TABLES | {"embedding.npy", "halves.npy", "latent.npy", "map.npy", "metrics.json", "weights.safetensors"}
OF_FEATURES = {"features.csv", "profile.png"}


def as_well_supported(output):
    """The numbers of clusters that the end of a run names."""
    if "no merge or split of these 10 clusters is as well supported as they are" in output:
        return []
    lines = output.split("as well supported as these 10 clusters:\n")[1].splitlines()
    return [int(line.split(":")[0]) for line in itertools.takewhile(str.strip, lines)]


def test_digits_leave_every_file(digits):
    folder, output = digits
    assert {path.name for path in folder.iterdir()} == FILES | PICTURES | {"digits-n2d.png", "digits-n2d-predicted.png"}
    clusters = pd.read_csv(folder / "clusters.csv")
    others = [f"cluster_of_{n}" for n in as_well_supported(output)]
    assert list(clusters) == ["index", "cluster", "cluster_name", *others, "confidence", "outlier", "label"]
    assert np.load(folder / "halves.npy").shape == (1797,) and np.load(folder / "halves.npy").dtype == np.int8
    sizes = clusters["cluster"].value_counts(sort=False).sort_index()
    assert sizes.is_monotonic_decreasing  # they are numbered by size
    assert clusters.groupby("cluster")["cluster_name"].nunique().max() == 1
    assert clusters["confidence"].between(0, 1).all()
    assert clusters["index"].tolist() == list(range(1797))
    assert sorted(clusters["cluster"].unique()) == list(range(10))
    assert np.load(folder / "latent.npy").shape == (1797, 10)
    assert np.load(folder / "embedding.npy").shape == (1797, 5) and np.load(folder / "map.npy").shape == (1797, 2)
    history = pd.read_csv(folder / "history.csv")
    assert list(history) == ["autoencoder", "epoch", "loss"]
    assert history["autoencoder"].unique().tolist() == [0]
    for _, member in history.groupby("autoencoder"):
        assert member["epoch"].tolist() == list(range(1, 11))
        assert member["loss"].iloc[-1] < member["loss"].iloc[0]
    for picture in folder.glob("digits-n2d*.png"):
        assert plt.imread(picture).shape[:2] == (990, 1260)


def test_what_each_cluster_is_stands_on_screen_and_in_files(digits):
    folder, output = digits
    clusters, profile = pd.read_csv(folder / "clusters.csv"), pd.read_csv(folder / "profile.csv", index_col="cluster")
    assert profile["size"].tolist() == clusters["cluster"].value_counts(sort=False).sort_index().tolist()
    np.testing.assert_allclose(profile["confidence"], clusters.groupby("cluster")["confidence"].mean(), atol=1e-4)
    for cluster, members in profile["members"].items():
        assert (clusters["cluster"][[int(i) for i in members.split()]] == cluster).all()
    rows = output.split("\ncluster  name")[1].splitlines()[1:11]
    assert [row.split()[0] for row in rows] == [str(i) for i in range(10)]
    assert [int(row.split()[2]) for row in rows] == profile["size"].tolist()
    assert max(map(len, output.splitlines()[:-1])) <= 80  # the last line is a path
    hierarchy, merged = pd.read_csv(folder / "hierarchy.csv"), pd.read_csv(folder / "merged.csv")
    assert hierarchy["n_clusters"].tolist() == list(range(9, 0, -1)) and hierarchy["size"].iloc[-1] == 1797
    assert list(merged) == ["cluster", *(f"of_{k}" for k in range(9, 0, -1))]
    assert [merged[f"of_{k}"].nunique() for k in range(1, 10)] == list(range(1, 10))
    assert clusters["outlier"].between(0, 1).all()


def test_scores_on_screen_are_those_in_the_files(digits):
    folder, output = digits
    record = json.loads((folder / "metrics.json").read_text())
    assert f"{record['acc']:.3f}  {record['nmi']:.3f}  {record['ari']:.3f}" in output
    assert record["acc"] > 0.7
    assert set(record["seconds"]) == {"pretrain", "encode", "neighbours", "manifold", "cluster", "map"}
    assert record["arguments"]["umap_neighbors"] is None and record["arguments"]["n_clusters"] == 10
    assert {"torch", "umap-learn", "scikit-learn"} <= set(record["versions"])
    clusters = pd.read_csv(folder / "clusters.csv")
    table = pd.crosstab(clusters["cluster"], clusters["label"])
    assert record["acc"] <= table.max(axis=1).sum() / 1797


def test_weights_tell_where_they_come_from(digits):
    folder, _ = digits
    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
    assert metadata["dataset"] == "digits"
    assert metadata["network"] == "64-500-500-2000-10"
    assert (metadata["epochs"], metadata["seed"]) == (10, 0)
    last = pd.read_csv(folder / "history.csv").groupby("autoencoder")["loss"].last()
    assert metadata["loss"] == pytest.approx(last.mean())
    assert "torch" in metadata["versions"]


def test_same_seed_same_clusters_and_weights_stand_for_training(digits, tmp_path):
    """A run that loads the first run's weights ends with the very same clusters."""
    folder, _ = digits
    weights = folder / "weights.safetensors"
    n2d.main(["digits", "cpu", f"--ae_weights={weights}", f"--save_dir={tmp_path}"])
    assert (tmp_path / "clusters.csv").read_bytes() == (folder / "clusters.csv").read_bytes()
    machine = json.loads((tmp_path / "metrics.json").read_text())["machine"]
    assert machine["device"] == "cpu" and machine["threads"] >= 1 and machine["precision"] in ("bf16", "fp32")
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"weights.safetensors"}


def test_without_a_seed_every_run_is_another(digits, tmp_path):
    weights = digits[0] / "weights.safetensors"
    embeddings = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        n2d.main(["digits", "cpu", *QUICK, "--seed=none", f"--ae_weights={weights}", f"--save_dir={folder}"])
        record = json.loads((folder / "metrics.json").read_text())
        assert record["acc"] > 0.7 and record["arguments"]["seed"] is None
        embeddings.append(np.load(folder / "embedding.npy"))
    assert (embeddings[0] != embeddings[1]).any()


@pytest.fixture(scope="module")
def some_digits(tmp_path_factory):
    """A file of 900 of the images, pixels up to 255, with labels."""
    path, known = tmp_path_factory.mktemp("some") / "digits.npz", load_digits()
    np.savez(path, x=np.uint8(known.images[:900] * 255 / 16), y=known.target[:900])
    return path


@pytest.mark.usefixtures("all_cores")
def test_the_same_command_twice_gives_the_very_same_files(some_digits, tmp_path, run):
    """Weights, latent space, embedding and clusters, from scratch, in two processes of as many threads as there are."""
    arguments = [f"{some_digits}", "cpu", "--pretrain_epochs=2", "--autoencoders=2"]
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        done = run(*arguments, *QUICK, f"--save_dir={folder}")
        assert done.returncode == 0, done.stderr
    for name in FILES - {"metrics.json", "weights.safetensors"}:  # the scores are those of the clusters
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    tensors = [load_file(folder / "weights.safetensors") for folder in (first, second)]  # metadata have no order
    assert tensors[0].keys() == tensors[1].keys()
    assert all(np.array_equal(tensors[0][key], tensors[1][key]) for key in tensors[0])


def test_every_clusterer_is_scored_on_every_space(digits, some_digits, tmp_path, capsys):
    folder, _ = digits
    arguments = f"{some_digits} cpu --ae_weights={folder / 'weights.safetensors'} --eval_all --visualize"
    n2d.main([*arguments.split(), *QUICK, f"--save_dir={tmp_path}"])
    rows = pd.read_csv(tmp_path / "eval_all.csv")
    assert list(rows) == ["input", "manifold", "cluster", "n_components", "acc", "nmi", "ari", *COSTS]
    assert len(rows) == 30
    score = rows.set_index(["input", "manifold", "cluster"])["acc"]
    assert score["raw", "none", "KM"] > 0.7  # k-means on pixels is known to have about .79
    assert score["raw", "UMAP", "GMM"] > score["raw", "none", "KM"] and score["autoencoder", "UMAP", "GMM"] > 0.6
    assert f"{'raw, none, KM':<34} {score['raw', 'none', 'KM']:6.3f}" in capsys.readouterr().out
    trust = rows.groupby(["input", "manifold"])["trustworthiness"].first()
    assert trust["raw", "none"] > 0.9999 and trust["raw", "tSNE"] > 0.95
    assert plt.imread(tmp_path / "eval_all.png").shape[1] > 1500


@pytest.fixture(scope="module")
def architecture(tmp_path_factory):
    """A small convolutional autoencoder for the digits."""
    path = tmp_path_factory.mktemp("architecture") / "small.json"
    convolution = {"type": "Conv2D", "num_filters": 8, "filter_size": [3, 3], "non_linearity": "rectify"}
    layers = [
        {"type": "Input", "output_shape": [1, 8, 8]},
        convolution,
        {"type": "MaxPool2D*", "filter_size": [2, 2]},
        {"type": "Dense", "num_units": 12, "non_linearity": "linear"},
    ]
    path.write_text(json.dumps({"name": "small", "batch_size": 60, "use_batch_norm": True, "layers": layers}))
    return path


def test_a_described_autoencoder_is_trained_refined_and_scored_at_each_stage(
    architecture, some_digits, tmp_path, capsys
):
    arguments = f"{some_digits} cpu --autoencoders=1 --pretrain_epochs=12 --refine=KLD --refine_epochs=3 --visualize"
    n2d.main([*arguments.split(), *QUICK, f"--architecture={architecture}", f"--save_dir={tmp_path}"])
    output = capsys.readouterr().out
    assert "8[3x3]_bn max*[2x2] fc[12] fc[72] ups*[2x2] 1[3x3]" in " ".join(output.split())
    assert max(map(len, output.partition("written to")[0].splitlines())) <= 80
    pictures = {"digits-n2d.png", "digits-n2d-predicted.png", "raw.png", "autoencoder.png", "clustered_kld.png"}
    pictures |= {"reconstructions.png", "evolution.gif"} | PICTURES
    assert {path.name for path in tmp_path.iterdir()} == FILES | pictures | {
        "stages.csv",
        "refinement.csv",
        "refined.safetensors",
    }
    stages = pd.read_csv(tmp_path / "stages.csv")
    assert list(stages) == ["space", "method", "acc", "nmi", "ari", "seconds"]
    assert list(zip(stages["space"], stages["method"])) == [
        ("pixels", "kmeans"),
        ("autoencoder", "kmeans"),
        ("autoencoder", "n2d"),
        ("KLD", "kmeans"),
        ("KLD", "n2d"),
    ]
    assert stages["acc"].min() > 0.5
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert stages["acc"].iloc[-1] == pytest.approx(record["acc"])
    assert "refine" in record["seconds"]
    history = pd.read_csv(tmp_path / "refinement.csv")
    assert list(history) == ["epoch", "reconstruction", "clustering", "changed"]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert np.load(tmp_path / "latent.npy").shape == (900, 12)


def test_weights_without_a_decoder_draw_no_reconstructions(architecture, tmp_path):
    images, weights = tmp_path / "images.npy", tmp_path / "small.safetensors"
    np.save(images, load_digits().images[:150].astype(np.uint8))
    arguments = [f"{images}", "cpu", "--n_clusters=3", f"--architecture={architecture}", *QUICK]
    trained = [f"--save_weights={weights}", "--pretrain_epochs=2", f"--save_dir={tmp_path / 'trained'}"]
    n2d.main([*arguments, *trained, "--visualize"])
    n2d.main([*arguments, f"--ae_weights={weights}", f"--save_dir={tmp_path / 'loaded'}", "--visualize"])
    trained, loaded = ({path.name for path in (tmp_path / name).iterdir()} for name in ("trained", "loaded"))
    assert {"autoencoder.png", "reconstructions.png"} <= trained
    assert "autoencoder.png" in loaded and "reconstructions.png" not in loaded


def test_an_architecture_for_other_data_is_refused(architecture, data_dir, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        n2d.main(f"usps cpu --data_dir={data_dir} --save_dir={tmp_path} --architecture={architecture}".split())
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "is for samples of 64 features, got 256" in error and error.count("\n") == 1


def test_weights_of_another_dataset_are_refused_with_both_shapes(digits, data_dir, tmp_path, capsys):
    folder, _ = digits
    with pytest.raises(SystemExit) as stop:
        n2d.main(
            f"usps cpu --data_dir={data_dir} --save_dir={tmp_path} --ae_weights={folder}/weights.safetensors".split()
        )
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "64-500-500-2000-10" in error and "256-500-500-2000-10" in error and error.count("\n") == 1


def test_missing_data_is_one_line_and_nothing_is_left(tmp_path, run):
    proxy = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    done = run("usps", "cpu", "--data_dir=nowhere", "--save_dir=run", cwd=tmp_path, **proxy)
    assert done.returncode == 2
    assert done.stderr.startswith("n2d.py: error: zip.train.gz is not in nowhere/usps and could not be downloaded")
    assert "https://hastie.su.domains/ElemStatLearn/datasets/zip.train.gz" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "nowhere").exists()


def test_run_sh_uses_shipped_weights_and_trains_the_rest(tmp_path):
    """run.sh with a stand-in for python: what it would run."""
    (tmp_path / "weights").mkdir()
    for name in ("usps", "mnist-test"):
        (tmp_path / f"weights/{name}-1000-n2d.safetensors").touch()
    (tmp_path / "run.sh").write_bytes((ROOT / "run.sh").read_bytes())
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "run.sh"], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["mnist", "mnist-test", "usps", "fashion", "pendigits", "har"]
    assert "--ae_weights weights/mnist-test-1000-n2d.safetensors" in lines[1]
    assert "--ae_weights weights/usps-1000-n2d.safetensors" in lines[2]
    assert ["--save_weights" in line for line in lines] == [True, False, False, True, True, True]
    assert lines[0] == "n2d.py mnist 0 --save_weights --visualize"


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """scikit-learn's wines as somebody's own table, with names and classes."""
    from sklearn.datasets import load_wine

    folder = tmp_path_factory.mktemp("wine")
    table = load_wine(as_frame=True).frame
    table["target"] = table["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    table.to_csv(folder / "wine.csv", index=False)
    table.drop(columns="target").to_csv(folder / "unlabelled.csv", index=False)
    return folder


NO_BOARD = "tensorboard is not installed (pip install tensorboard)"


SHORT = ["--pretrain_epochs=20", "--autoencoders=2", *QUICK]


def test_a_table_of_ones_own_is_clustered_and_its_model_kept(wine, capsys):
    model, run_dir = wine / "model", wine / "run"
    arguments = ["cpu", "--label_column=target", "--visualize", *SHORT]
    n2d.main([f"{wine / 'wine.csv'}", *arguments, f"--save_model={model}", f"--save_dir={run_dir}"])
    output = capsys.readouterr().out
    assert "wine: 178 samples, 13 features, 3 classes" in output
    assert "scale: standard" in output
    maps = {"wine-n2d.png", "wine-n2d-predicted.png"}
    assert {path.name for path in run_dir.iterdir()} == FILES | OF_FEATURES | PICTURES | maps
    record = json.loads((run_dir / "metrics.json").read_text())
    assert record["acc"] > 0.9 and record["arguments"]["n_clusters"] == 3

    out = wine / "new.csv"
    n2d.main(["predict", f"{model}", f"{wine / 'wine.csv'}", "--label_column=target", f"--out={out}"])
    assert f"{record['acc']:.3f}" in capsys.readouterr().out
    clusters, new = pd.read_csv(run_dir / "clusters.csv"), pd.read_csv(out)
    assert list(new) == ["index", "cluster", "cluster_name", "confidence", "outlier", "label"]
    assert new["cluster"].equals(clusters["cluster"]) and new["cluster_name"].equals(clusters["cluster_name"])
    np.testing.assert_allclose(new["confidence"], clusters["confidence"], atol=2e-4)
    np.testing.assert_allclose(new["outlier"], clusters["outlier"], atol=2e-4)
    n2d.main(["predict", f"{model}", f"{wine / 'unlabelled.csv'}", f"--out={out}"])
    assert list(pd.read_csv(out)) == ["index", "cluster", "cluster_name", "confidence", "outlier"]
    with pytest.raises(SystemExit):
        n2d.main(["predict", f"{model}", "digits", f"--out={out}"])
    assert "digits must have the model's 13 features, got 64" in capsys.readouterr().err
    table = pd.read_csv(wine / "unlabelled.csv")
    table[table.columns[::-1]].to_csv(wine / "turned.csv", index=False)
    with pytest.raises(SystemExit):
        n2d.main(["predict", f"{model}", f"{wine / 'turned.csv'}", f"--out={out}"])
    assert "column 0 must be the model's alcohol, got proline" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        n2d.main(["predict", f"{model}", f"{wine / 'unlabelled.csv'}", f"--out={wine}"])
    assert f"--out must be a file, got the folder {wine}" in capsys.readouterr().err


def test_a_second_run_into_the_folder_leaves_nothing_of_the_first_but_what_is_the_users_own(wine, tmp_path, capsys):
    (tmp_path / "notes.png").touch()
    common = [f"{wine / 'wine.csv'}", "--label_column=target", *SHORT, f"--save_dir={tmp_path}"]
    n2d.main([*common, "--visualize"])
    first = capsys.readouterr().out
    assert f"open this first: {tmp_path / 'explore.html'}" in first
    weights = tmp_path / "weights.safetensors"
    kept = weights.read_bytes()
    n2d.main([*common, "--seed=1", f"--ae_weights={weights}", "--overwrite"])
    second = capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == FILES | {
        "features.csv",
        "notes.png",
    } and weights.read_bytes() == kept
    listed = [line.split()[0] for line in second.split(f"written to {tmp_path}/:\n")[1].split("\n\n")[0].splitlines()]
    assert set(listed) == FILES - {"weights.safetensors"} | {"features.csv"} and listed[0] == "clusters.csv"
    assert f"open this first: {tmp_path / 'clusters.csv'}" in second
    assert max(map(len, second.split("written to ")[1].splitlines()[1:-1])) <= 80


def test_a_picture_that_fails_takes_no_result_along(wine, tmp_path, monkeypatch):
    from n2d.page import portraits

    def fail(*_, **__):
        raise RuntimeError("no picture")

    monkeypatch.setattr(portraits, "members", fail)
    (tmp_path / report.UNFINISHED).mkdir()  # of a comparison that was stopped, and may go on
    with pytest.raises(RuntimeError, match="no picture"):
        n2d.main(
            [f"{wine / 'unlabelled.csv'}", "cpu", "--n_clusters=3", "--visualize", *SHORT, f"--save_dir={tmp_path}"]
        )
    checkpoints = {f"n2d-checkpoint-{i}.pt" for i in (1, 2)}
    kept = FILES | checkpoints | {"features.csv", report.UNFINISHED, ".run.json"}  # no picture, and where to go on from
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert launch.goes_on() == "; the same command goes on with the training"


def test_without_classes_a_run_tells_what_can_be_known(wine, monkeypatch, capsys):
    monkeypatch.setattr(n_clusters, "NUMBERS", (2, 3, 4, 5, 8))
    monkeypatch.setattr(n_clusters, "plausible", lambda rows, best: {best: "most stable", 8: "finer", 2: "coarser"})
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason=NO_BOARD)
    run_dir = wine / "auto"
    arguments = ["cpu", "--n_clusters=auto", "--visualize", "--tensorboard", *SHORT, f"--save_dir={run_dir}"]
    n2d.main([f"{wine / 'unlabelled.csv'}", *arguments])
    output = capsys.readouterr().out
    for name in ("agreement", "modularity", "silhouette", "log-likelihood", "cluster"):
        assert f"\n{name}  " in output
    assert "ACC" not in output
    pictures = PICTURES - {"confusion.png"} | {"unlabelled-n2d.png", "n_clusters.csv", "n_clusters.png"}
    assert {path.name for path in run_dir.iterdir()} == FILES | OF_FEATURES | pictures | {"tensorboard"}
    events = board.EventAccumulator(str(run_dir / "tensorboard")).Reload()
    losses = pd.read_csv(run_dir / "history.csv")["loss"].tolist()
    logged = [event.value for i in (1, 2) for event in events.Scalars(f"loss/autoencoder {i}")]
    assert logged == pytest.approx(losses) and len(losses) == 40
    [metadata] = (run_dir / "tensorboard").rglob("metadata.tsv")
    assert metadata.read_text().count("\n") == 178 + 1  # its header needs a second column
    record = json.loads((run_dir / "metrics.json").read_text())
    assert sum(record["sizes"]) == 178 and -1 <= record["agreement"] <= 1
    assert record["arguments"]["n_clusters"] == "auto"
    chosen = len(record["sizes"])
    assert f"{chosen} clusters, on which halves of the data agree" in output
    scan = pd.read_csv(run_dir / "n_clusters.csv", keep_default_na=False).set_index("n_clusters")
    assert scan["stability"][chosen] >= scan["stability"].max() - 0.02
    reasons = scan["plausible"][scan["plausible"] != ""]
    assert chosen in reasons and all(f"\n{number:>4}: {reason}\n" in output for number, reason in reasons.items())
    clusters, merged = pd.read_csv(run_dir / "clusters.csv"), pd.read_csv(run_dir / "merged.csv")
    assert list(clusters) == ["index", "cluster", "cluster_of_8", "cluster_of_2", "confidence", "outlier"]
    assert clusters["cluster_of_2"].tolist() == merged["of_2"][clusters["cluster"]].tolist()
    assert sorted(set(clusters["cluster_of_8"])) == list(range(8))


@pytest.mark.parametrize("kind", ["table", "images"])
def test_what_a_run_prints_fits_80_columns(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    classes = [f"a class with a name of some fifty letters, number {i}" for i in range(2)]
    if kind == "table":
        columns = {f"a measurement that has a long name, number {i}": rng.random(60) for i in range(6)}
        pd.DataFrame({"class": np.repeat(classes, 30), **columns}).to_csv("beetles.csv", index=False)
        source = ["beetles.csv", "--label_column=class", "--drop", *list(columns)[:3]]
    else:
        for i, name in enumerate(np.repeat(classes, 30)):
            Path("photographs of the beetles", name).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(rng.integers(256, size=(6, 6), dtype=np.uint8))
            picture.save(Path("photographs of the beetles", name, f"{i}.png"))
        Path("photographs of the beetles/notes.txt").touch()
        source = ["photographs of the beetles"]
    n2d.main([*source, "--n_clusters=2", "--visualize", "--save_dir=out", "--pretrain_epochs=1", *QUICK])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    head = " ".join(" ".join(lines).split())
    left_out = {
        "table": "a measurement that has a long name, number 2",
        "images": "1 files that are no images (1 .txt)",
    }
    assert "60 samples, " in head and left_out[kind] in head
