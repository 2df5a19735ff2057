import functools
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from n2d import models
from n2d.method.autoencoder import keras_weights, weights

DIMS = (12, 30, 20, 3)


def test_weights_round_trip_with_provenance(tmp_path):
    path = tmp_path / "new folder" / "weights.safetensors"
    ensemble = models.Ensemble(DIMS, 2, seed=1)
    weights.save_weights(ensemble, path, dataset="digits", epochs=3, versions={"torch": "2"})
    other, provenance = weights.load_weights(path, DIMS)
    assert provenance == {"network": "12-30-20-3", "dataset": "digits", "epochs": 3, "versions": {"torch": "2"}}
    assert len(other) == 2
    for key, tensor in ensemble.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key])
    assert [file.name for file in path.parent.iterdir()] == ["weights.safetensors"]
    (tmp_path / "ordinary").touch()
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_half_precision_weights_load(tmp_path):
    path = tmp_path / "half.safetensors"
    ensemble = models.Ensemble(DIMS)
    save_file({key: tensor.half() for key, tensor in ensemble.state_dict().items()}, path)
    other, _ = weights.load_weights(path, DIMS)
    weight, exact = other[0].encoder[0].weight.detach(), ensemble[0].encoder[0].weight.detach()
    assert weight.dtype == torch.float32
    np.testing.assert_allclose(weight, exact, atol=1e-3)


def test_compact_weights_are_the_encoders_up_to_rounding(tmp_path):
    dims = (300, 500, 10)
    ensemble = models.Ensemble(dims, 2, seed=1)
    with torch.no_grad():
        ensemble[0].encoder[0].weight[7] = 0  # a dead unit has no scale
    whole, compact = tmp_path / "whole.safetensors", tmp_path / "compact.safetensors"
    weights.save_weights(ensemble, whole)
    weights.save_weights(ensemble, compact, compact=True, epochs=3)
    assert compact.stat().st_size < whole.stat().st_size / 7
    other, provenance = weights.load_weights(compact, dims)
    assert provenance["epochs"] == 3
    x = torch.rand(100, 300)
    difference = other.encode(x) - ensemble.encode(x)
    assert difference.std() < 0.01 * ensemble.encode(x).std()
    assert not other[0].encoder[0].weight[7].any()


@pytest.mark.parametrize(
    "name, epochs, n_features, k",
    [
        ("mnist", 4, 784, 10),
        ("mnist-test", 15, 784, 10),
        ("usps", 15, 256, 10),
        ("fashion", 4, 784, 10),
        ("pendigits", 15, 16, 10),
        ("har", 15, 561, 6),
    ],
)
def test_shipped_weights_say_what_they_are(name, epochs, n_features, k):
    path = Path(models.__file__).parent / "weights" / f"{name}-{epochs}-n2d.safetensors"
    ensemble, provenance = weights.load_weights(path, (n_features, *models.HIDDEN_DIMS, k))
    assert len(ensemble) == 1 and not ensemble.decodes
    assert (provenance["dataset"], provenance["epochs"], provenance["seed"]) == (name, epochs, 0)
    assert 0 < provenance["loss"] < 0.1 and "torch" in provenance["versions"]


def test_weights_of_another_shape_are_refused_with_both_shapes(tmp_path):
    path = tmp_path / "weights.safetensors"
    weights.save_weights(models.Ensemble(DIMS, 2), path)
    with pytest.raises(weights.WeightsError, match="12-30-20-3.*16-30-20-3"):
        weights.load_weights(path, (16, 30, 20, 3))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04 not weights"])
def test_a_file_that_is_not_weights_is_refused(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(weights.WeightsError, match="weights.safetensors is not a readable safetensors file"):
        weights.load_weights(path, DIMS)


STRANGE = {
    "nothing": {},
    "another name": {"something": torch.zeros(2)},
    "a scale alone": {"0.encoder.0.weight.scale": torch.zeros(2)},
    "a scale of another length": {
        "0.encoder.0.weight.scale": torch.zeros(3),
        "0.encoder.0.weight": torch.zeros((2, 2), dtype=torch.int8),
    },
    "many members of one tensor": {f"{i}.encoder.0.weight": torch.zeros(2, 2) for i in range(1000)},
}


@pytest.mark.parametrize("tensors", STRANGE.values(), ids=STRANGE)
def test_weights_with_strange_tensors_are_refused(tmp_path, tensors):
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    with pytest.raises(weights.WeightsError, match="weights.safetensors (holds|is not)"):
        weights.load_weights(path, DIMS)


def test_a_cut_off_weights_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    weights.save_weights(models.Ensemble(DIMS), path)
    assert load_file(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(weights.WeightsError):
        weights.load_weights(path, DIMS)


def layers_of(autoencoder):
    """(name, weight, bias) in the order of Keras' layers: encoder_0, ..., decoder_0."""
    encoder, decoder = [[m for m in part if isinstance(m, torch.nn.Linear)] for part in autoencoder.children()]
    names = [f"encoder_{i}" for i in range(len(encoder))] + [f"decoder_{i}" for i in reversed(range(len(decoder)))]
    return [(name, *(p.detach().numpy() for p in (m.weight, m.bias))) for name, m in zip(names, encoder + decoder)]


def write_keras_2(path, autoencoder):
    with h5py.File(path, "w") as file:
        for name, weight, bias in layers_of(autoencoder):
            file[f"{name}/{name}/kernel:0"], file[f"{name}/{name}/bias:0"] = weight.T, bias


def write_keras_3(path, autoencoder, named=True):
    with h5py.File(path, "w") as file:
        for i, (name, weight, bias) in enumerate(layers_of(autoencoder)):
            folder = file.create_group(f"layers/dense{f'_{i}' if i else ''}/vars")
            folder["0"], folder["1"] = weight.T, bias
            if named:
                folder.attrs["name"] = name


def write_torch(path, autoencoder):
    layers = enumerate(layers_of(autoencoder))
    state = {f"layers.{i}.{k}": torch.from_numpy(v) for i, (_, *two) in layers for k, v in zip(("weight", "bias"), two)}
    torch.save(state, path)


OTHERS = {
    "keras-2.h5": write_keras_2,
    "keras-3.weights.h5": write_keras_3,
    "nameless.weights.h5": functools.partial(write_keras_3, named=False),
    "torch.pt": write_torch,
}


@pytest.mark.parametrize("file", OTHERS)
def test_weights_of_other_implementations_are_read(tmp_path, file):
    dims = (12, 30, 20, 25, 3)
    autoencoder = models.DenseAutoencoder(dims, seed=1)
    with torch.no_grad():
        for parameter in autoencoder.parameters():
            parameter += torch.rand_like(parameter)  # biases that are not zero
    OTHERS[file](tmp_path / file, autoencoder)
    ensemble, provenance = weights.load_weights(tmp_path / file, dims)
    x = torch.rand(5, 12)
    for found, wanted in zip(ensemble(x), autoencoder(x)):
        torch.testing.assert_close(found.view_as(wanted), wanted)
    assert provenance["network"] == "12-30-20-25-3" and ensemble.decodes
    with pytest.raises(weights.WeightsError, match="12-30-20-25-3.*16-30-20-25-3"):
        weights.load_weights(tmp_path / file, (16, 30, 20, 25, 3))


def test_weights_written_by_keras_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras is not installed (pip install keras)")
    x = h = keras.Input((12,))
    for name, width in (("encoder_0", 30), ("encoder_1", 3), ("decoder_1", 30), ("decoder_0", 12)):
        h = keras.layers.Dense(width, "linear" if name in ("encoder_1", "decoder_0") else "relu", name=name)(h)
    model = keras.Model(x, h)
    model.save_weights(tmp_path / "ae.weights.h5")
    ensemble, _ = weights.load_weights(tmp_path / "ae.weights.h5", (12, 30, 3))
    some = np.random.default_rng(0).random((4, 12), np.float32)
    reconstruction = ensemble(torch.from_numpy(some))[1][0].detach().numpy()
    np.testing.assert_allclose(reconstruction, keras.ops.convert_to_numpy(model(some)), atol=1e-5)


def test_code_in_a_weights_file_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    torch.save({"layers.0.weight": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(weights.WeightsError, match="bomb.pt is not a readable pt file"):
        weights.load_weights(tmp_path / "bomb.pt", DIMS)
    assert not (tmp_path / "run").exists()


def test_a_keras_file_of_absurd_size_is_refused_unread(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("encoder_0/encoder_0/kernel:0", shape=(10**9, 10**3), dtype="f4", chunks=True)
    with pytest.raises(weights.WeightsError, match="1000000000x1000 is no layer"):
        weights.load_weights(tmp_path / "huge.h5", DIMS)


def test_a_small_copy_knows_that_it_cannot_decode(tmp_path):
    weights.save_weights(models.Ensemble(DIMS), tmp_path / "small.safetensors", compact=True)
    assert not weights.load_weights(tmp_path / "small.safetensors", DIMS)[0].decodes


def test_a_keras_file_whose_groups_hold_each_other_is_refused(tmp_path):
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        group = file.create_group("encoder_0")
        group["itself"] = group
    with pytest.raises(weights.WeightsError, match="groups inside each other without end"):
        weights.load_weights(tmp_path / "circle.h5", DIMS)


@pytest.mark.parametrize("name", ["walk-without-end.h5", "takes-gigabytes.h5"])
def test_a_keras_file_that_leads_libhdf5_astray_is_refused(name):
    """Found by fuzzing: tests/fuzz/fuzz.py h5."""
    with pytest.raises(weights.WeightsError, match=f"{name} is not a readable h5 file"):
        weights.load_weights(Path(__file__).parent / "fuzz" / name, (4, 3, 2))


def test_a_process_that_crashes_or_does_not_end_is_a_refusal(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    monkeypatch.setattr(keras_weights, "__file__", str(program))
    program.write_text("import os; os.abort()")
    with pytest.raises(weights.WeightsError, match="some.h5 is not a readable h5 file .reading ended with -6"):
        weights.load_weights("some.h5", DIMS)
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(keras_weights, "MAX_SECONDS", 1)
    with pytest.raises(weights.WeightsError, match="not read within 1 s"):
        weights.load_weights("some.h5", DIMS)


def test_a_module_beside_the_reader_of_keras_files_is_not_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_weights, "__file__", shutil.copy(keras_weights.__file__, tmp_path))
    (tmp_path / "h5py.py").write_text("raise SystemExit('imported')")
    autoencoder = models.DenseAutoencoder(DIMS)
    write_keras_2(tmp_path / "a.h5", autoencoder)
    assert len(weights.load_weights(tmp_path / "a.h5", DIMS)[0]) == 1
