"""Coverage-guided fuzzing of what reads strangers' files, with atheris (pip install atheris; Linux).

    python tests/fuzz/fuzz.py csv -max_total_time=600

starts from small valid files, changes them for ten minutes, and stops at the first input on which the reader does
anything but return data or raise its own error, or takes more than 20 s or 3 GB (h5: the 60 s and 4 GiB of the
process that reads it). libFuzzer's other flags work too.
"""

import gzip
import io
import json
import struct
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
READERS = [f"n2d.{name}" for name in ("datasets", "files", "samples", "models", "weights", "keras_weights")]
INSTRUMENTED = [*READERS, "csv", "json", "zipfile", "gzip", "numpy.lib", "torch._weights_only_unpickler"]
with atheris.instrument_imports(include=INSTRUMENTED):
    import torch._weights_only_unpickler

    from n2d import datasets, models
    from n2d.method.autoencoder import keras_weights, weights

import h5py  # noqa: E402
from safetensors.torch import save  # noqa: E402

NETWORK = (4, 3, 2)


def read_idx(folder):
    return datasets.load("mnist-test", folder)


def read_file(name):
    def read(folder):
        data = datasets.load(str(folder / name), label_column="label" if name.endswith("v") else None)
        assert np.isfinite(data.x).all() and data.x.ndim == 2

    return read


def read_architecture(folder):
    models.read_architecture(str(folder / "a.json"))


def read_keras(folder):
    """What its own process does, in this one, with the same memory; whatever it raises is a refusal there."""
    try:
        keras_weights.layers(folder / "a.h5")
    except Exception:
        pass


def read_weights(name):
    return lambda folder: weights.load_weights(folder / name, NETWORK)


def seeds(target):
    """Small files that the reader takes, for the fuzzer to start from."""
    if target in ("idx", "idx.gz"):
        image = struct.pack(">4i", 2051, 2, 28, 28) + bytes(2 * 784)
        return [gzip.compress(image) if target == "idx.gz" else image]
    x, file = np.arange(12.0).reshape(4, 3), io.BytesIO()
    if target == "csv":
        return [b"a,b,label\n1,2,x\n3,4.5,y\n", b"1;2\n3;4\n", b"1\t2\n-3\t4e5\n", b'"a","b"\n"1","2"\n1,2\n']
    if target == "json":
        listed = (ROOT / "architectures/mnist.json").read_bytes(), (ROOT / "architectures/coil20.json").read_bytes()
        return [*listed, *(json.dumps(one).encode() for text in listed for one in json.loads(text))]
    if target == "npy":
        np.save(file, x)
    elif target == "npz":
        np.savez(file, x=x, y=[0, 1, 0, 1])
    else:
        tensors = models.Ensemble(NETWORK, 1).state_dict()
        if target == "safetensors":
            return [save(tensors, {"epochs": "3"})]
        if target == "pt":
            torch.save({f"layers.{i}.{part}": torch.zeros(2) for i in range(4) for part in ("weight", "bias")}, file)
        else:
            with h5py.File(file, "w") as group:
                group["encoder_0/encoder_0/kernel:0"] = x.T
    return [file.getvalue()]


TARGETS = {
    "idx": ("MNIST/raw/t10k-images-idx3-ubyte", read_idx),
    "idx.gz": ("MNIST/raw/t10k-images-idx3-ubyte.gz", read_idx),
    "csv": ("a.csv", read_file("a.csv")),
    "npy": ("a.npy", read_file("a.npy")),
    "npz": ("a.npz", read_file("a.npz")),
    "json": ("a.json", read_architecture),
    "safetensors": ("a.safetensors", read_weights("a.safetensors")),
    "pt": ("a.pt", read_weights("a.pt")),
    "h5": ("a.h5", read_keras),
}


def main(target, *flags):
    """Fuzz one reader until the time is up or something is found."""
    name, read = TARGETS[target]
    with tempfile.TemporaryDirectory() as temporary:
        folder, corpus = Path(temporary, "data"), Path(temporary, "corpus")
        corpus.mkdir()
        for i, seed in enumerate(seeds(target)):
            (corpus / str(i)).write_bytes(seed)
        path = folder / name
        path.parent.mkdir(parents=True)

        def once(content):
            path.write_bytes(content)
            try:
                read(folder)
            except (datasets.DatasetError, models.ArchitectureError, weights.WeightsError):
                pass

        limits = ["-timeout=20", "-rss_limit_mb=3000", "-max_len=100000"]
        if target == "h5":
            keras_weights.limit_memory()
            limits[:2] = ["-timeout=60", "-rss_limit_mb=0"]
        atheris.Setup([sys.argv[0], *limits, *flags, str(corpus)], once)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: fuzz.py {' | '.join(TARGETS)} [libFuzzer flags]")
    main(*sys.argv[1:])
