"""Features of photographs by a network: made in batches, kept, made again alike; the page has the photographs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.pipeline import make_pipeline

from n2d import N2D
from n2d.command import arguments, features_of_run, reading
from n2d.command.finished import prediction
from n2d.features import ImageFeatures, networks, rounds, store
from n2d.features.store import FeaturesError
from n2d.page import naming, thumbnails
from n2d.page import photographs as small_photographs
from n2d.readers import files

ROOT = Path(__file__).parents[1]
NETWORK = "mobilenet_v3_small"
QUICK = ("--pretrain_epochs=1", "--gmm_restarts=1", "--umap_neighbors=5")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of random weights: what is tested is what becomes of its output."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "network.pth"
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Twenty photographs of several sizes, larger than what is compared by pixels: stripes, in colour."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for i in range(20):
        small = Image.fromarray(rng.integers(256, size=(4 + i % 3, 5, 3)).astype(np.uint8))
        small.resize((100 + 20 * (i % 2), 80), Image.Resampling.NEAREST).save(folder / f"{i:02}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def maker(weights):
    return ImageFeatures(NETWORK, weights=weights).fit()


def read(folder, weights, *more):
    flags = [str(folder), "--n_clusters=2", f"--features={NETWORK}", f"--features_weights={weights}", *more]
    args = arguments.parse_arguments(arguments.build_parser(), flags)
    return args, reading.load(arguments.build_parser(), args)


def worked_out(args, data, **settings):
    return features_of_run.worked_out(arguments.build_parser(), args, data, verbose=False, **settings)[0]


def test_features_have_length_1_and_are_the_same_in_every_batch(maker, photographs):
    paths = sorted(photographs.iterdir())
    x = maker.transform(paths)
    assert x.shape == (20, 576) and x.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(maker.transform(paths[5:7]), x[5:7], atol=1e-4)


def test_a_pipeline_clusters_paths(weights, photographs):
    small = N2D(2, pretrain_epochs=1, manifold_learner="none", gmm_restarts=1, random_state=0)
    pipeline = make_pipeline(ImageFeatures(NETWORK, weights=weights), small)
    assert len(pipeline.fit_predict(sorted(photographs.iterdir()))) == 20


def test_features_go_on_where_they_were_stopped(tmp_path):
    n_made, x = [], np.random.default_rng(0).random((20, 3)).astype(np.float32)

    def embed(batches, most):
        for batch in batches:
            if len(n_made) == most:
                raise KeyboardInterrupt
            n_made.append(len(batch))
            yield x[batch.start : batch.stop], {7: "broken"} if 7 in batch else {}

    def run(most, **made_by):
        keeper = store.Store(tmp_path, made_by or {"network": "same"}, "of these")
        return rounds.worked_out(lambda parts: embed(parts, most), 20, 3, batch_size=4, store=keeper)

    with pytest.raises(KeyboardInterrupt):
        run(2)
    assert store.Store.kept and not (tmp_path / store.ARRAY).exists()
    rows, left_out = run(5)
    assert n_made == [4] * 5 and left_out == {7: "broken"} and not store.Store.kept
    np.testing.assert_array_equal(rows, np.delete(x, 7, axis=0))
    np.testing.assert_array_equal(run(5)[0], rows)  # all are there: nothing is made
    with pytest.raises(KeyboardInterrupt):
        run(5, network="another")


def test_a_photograph_that_is_broken_is_left_out_or_refused(weights, photographs, tmp_path, capsys):
    for file in photographs.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    broken = tmp_path / "07.jpg"
    broken.write_bytes(broken.read_bytes()[:900])  # its header is whole
    args, data = read(tmp_path, weights)
    assert data.is_unread and len(data.x) == 20
    with pytest.warns(UserWarning, match=r"images that cannot be read are left out: 07.jpg \(image file is truncated"):
        made = worked_out(args, data)
    assert len(made.x) == len(made.pictures) == len(made.sample_names) == 19 and broken not in made.pictures
    assert not np.isnan(made.x).any()
    args.strict = True
    with pytest.raises(SystemExit):
        worked_out(args, data)
    assert "07.jpg (image file is truncated" in capsys.readouterr().err


@pytest.fixture(scope="module")
def clustered(run, weights, photographs, tmp_path_factory):
    """A run of the photographs from the command line, with its model and page."""
    folder = tmp_path_factory.mktemp("run")
    flags = [f"--features={NETWORK}", f"--features_weights={weights}", "--n_clusters=2", "--save_model=model"]
    done = run(photographs, *flags, *QUICK, "--visualize", "--save_dir=out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_run_says_what_it_clusters_and_keeps_features(clustered, maker, photographs):
    folder, done = clustered
    assert "20 images by mobilenet_v3_small" in done.stdout
    np.testing.assert_allclose(
        np.load(folder / "out" / "features.npy"), maker.transform(sorted(photographs.iterdir())), atol=1e-4
    )
    for name in ("clusters.png", "explore.html", "features.json"):
        assert (folder / "out" / name).exists()


def test_corrections_draw_the_photographs_again(clustered, run):
    import pandas as pd

    folder, _ = clustered
    shutil.copytree(folder / "out", folder / "corrected")
    page = (folder / "out" / "explore.html").read_text()
    labels = pd.read_csv(folder / "out" / "clusters.csv")["cluster"].to_numpy()
    about = {"n2d": "corrections", "title": "photographs", "fingerprint": naming.fingerprint(labels), "n_clusters": 2}
    about |= {"n_samples": 20, "names": {"0": "stripes"}, "merged": {}, "marked": []}
    (folder / "corrections.json").write_text(json.dumps(about))
    done = run("apply", "corrections.json", "corrected", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "stay as they are" not in done.stderr
    assert (folder / "corrected" / "explore.html").read_text() != page


def test_predict_reads_photographs_as_the_model_and_refuses_another_network(clustered, run, photographs, tmp_path):
    import pandas as pd

    folder, _ = clustered
    done = run("predict", "model", photographs, "--out=new.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    wanted = pd.read_csv(folder / "out" / "clusters.csv")
    pd.testing.assert_series_equal(pd.read_csv(folder / "new.csv")["cluster"], wanted["cluster"])
    torch.manual_seed(1)
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), tmp_path / "other.pth")
    for flags, said in (
        ([f"--features_weights={tmp_path / 'other.pth'}", f"--features={NETWORK}"], "other weights"),
        (["--features=resnet18"], "the model is of mobilenet_v3_small, got resnet18"),
    ):
        done = run("predict", "model", photographs, "--out=other.csv", *flags, cwd=folder)
        assert done.returncode == 2 and said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "network, file, line",
    [
        ("mobilnet_v3_smal", None, "torchvision has no network mobilnet_v3_smal: near it are mobilenet_v3_small"),
        ("resnet18", "network.pth", "does not have the weights of resnet18"),
        (NETWORK, "none.pth", "has no weights that can be read"),
        (NETWORK, "damaged.pth", "has no weights that can be read"),
    ],
)
def test_networks_and_weights_that_are_none_are_refused(weights, network, file, line):
    (weights.parent / "damaged.pth").write_bytes(b"damaged")
    with pytest.raises(FeaturesError, match=line):
        networks.load(network, file and weights.parent / file)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(FeaturesError, match="need the package timm: pip install timm"):
        networks.load("timm:efficientnet_lite0")


def test_weights_of_other_names_are_taken_by_order_and_shape(weights, tmp_path):
    state = torch.load(weights, weights_only=True)
    torch.save(
        {f"its{i}.{name.split('.')[-1]}": tensor for i, (name, tensor) in enumerate(state.items())}, tmp_path / "r.pth"
    )
    with pytest.warns(UserWarning, match="matched by order and shape"):
        renamed = networks.load(NETWORK, tmp_path / "r.pth")
    assert renamed.checksum == networks.load(NETWORK, weights).checksum


def test_features_of_timm(photographs, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), tmp_path / "w.pth")
    made = ImageFeatures("timm:mobilenetv3_small_050", weights=tmp_path / "w.pth")
    x = made.fit_transform(sorted(photographs.iterdir())[:3])
    assert x.shape == (3, 1024)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)


def test_pages_have_the_photographs_themselves(weights, photographs):
    args, data = read(photographs, weights)
    small = small_photographs.small(worked_out(args, data), np.array([4, 6]))  # of one shape: without margins
    about, sheets = thumbnails.sheets(small, np.arange(2))
    assert about["is_grey"] is False and len(sheets) == 1
    wanted = np.asarray(Image.open(data.pictures[6]))
    shown = small.x[1].reshape(small.image_shape)
    assert np.abs(shown.mean(axis=(1, 2)) - wanted.mean(axis=(0, 1))).max() < 8


TWO = """
import sys
import numpy as np
from n2d.features import ImageFeatures
from n2d.method.autoencoder import torchrun
torchrun.join("cpu")
rank = torchrun.processes()[0]
from pathlib import Path
from n2d.features import images
images.BATCH = 4
maker = ImageFeatures("mobilenet_v3_small", weights=sys.argv[1]).fit()
paths = sorted(Path(sys.argv[2]).iterdir())[:18]
x, _ = maker.worked_out(paths, Path(sys.argv[3]) if rank == 0 else None)
np.save(f"{sys.argv[3]}/of{rank}.npy", x)
torchrun.part()
"""


def test_two_processes_have_the_same_features(weights, photographs, maker, tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    command += [tmp_path / "two.py", weights, photographs, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    alone = maker.transform(sorted(photographs.iterdir())[:18])
    for rank in (0, 1):
        np.testing.assert_allclose(np.load(tmp_path / f"of{rank}.npy"), alone, atol=1e-4)
    assert json.loads((tmp_path / store.RECORD).read_text())["is_complete"]


def test_colour_photographs_of_many_sizes_get_a_notice_that_names_the_flag(photographs):
    with pytest.warns(UserWarning, match="--features="):
        files.read(photographs)


def test_features_are_refused_for_numbers(run, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "1,2\n3,4\n" * 4)
    done = run("a.csv", "--n_clusters=2", f"--features={NETWORK}", cwd=tmp_path)
    assert done.returncode == 2 and "--features is for images and texts" in done.stderr


def test_a_network_may_be_named_at_predict_only_if_the_model_has_one():
    args = prediction.build_parser().parse_args(["model", "points.csv", "--features=resnet18"])
    model = type("Model", (), {"reading_": {}})
    with pytest.raises(SystemExit):
        features_of_run.as_the_model(prediction.build_parser(), args, model)
