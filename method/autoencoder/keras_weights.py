"""Read Keras' weights in a separate process: on a damaged file libhdf5 may crash, or not end.

Run as a program, with the path of an .h5 file, it writes the layers as .npz to its standard output.
"""

import io
import os
import subprocess
import sys

import numpy as np

MAX_BYTES = 2**32  # of the process's address space, where the system can limit it
MAX_SECONDS = 60
MAX_SIZE = 2**27  # numbers in a layer


def read(path):
    """Read the layers of a dense autoencoder.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of ndarray
        '{layer}.weight' as PyTorch has it, outputs x inputs, and '{layer}.bias'.

    Raises
    ------
    ValueError
        If the file cannot be read within 60 s and 4 GiB, or holds no such layers.
    """
    command = [sys.executable, "-P", __file__, os.fspath(path)]  # -P: no module is imported from this folder
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each would count as address space
    try:
        done = subprocess.run(command, env=os.environ | threads, capture_output=True, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"not read within {MAX_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise ValueError(lines[-1] if done.returncode == 1 and lines else f"reading ended with {done.returncode}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as layers:
        return dict(layers)


def layers(path):
    """Read the layers as `read` does, in this process and without its limits.

    Keras 2 has the layer's name in the path, /encoder_0/encoder_0/kernel:0; Keras 3 in an attribute, or only a number.
    """
    import h5py

    found = {}
    with h5py.File(path) as file:
        arrays = list(_arrays_in(file))
        last = sum(array.ndim == 2 for array in arrays) - 1
        for array in arrays:
            if array.size > MAX_SIZE:
                raise ValueError(f"{array.name} of {'x'.join(map(str, array.shape))} is no layer of an autoencoder")
            *_, above, folder, _ = array.name.split("/")
            name = array.parent.attrs.get("name", above if folder == "vars" else folder)
            part, _, number = name.partition("_")
            layer = last - int(number) if part == "decoder" else int(number or 0)
            found[f"{layer}.weight" if array.ndim == 2 else f"{layer}.bias"] = array[()].T
    return found


def _arrays_in(group, depth=8):
    """Yield the arrays in a group: libhdf5's own traversal does not end in some damaged files."""
    import h5py

    if depth == 0:
        raise ValueError("groups inside each other without end")
    for name in group if len(group) else ():
        if isinstance(group.get(name, getlink=True), h5py.HardLink):  # not in another file
            item = group[name]
            yield from [item] if isinstance(item, h5py.Dataset) else _arrays_in(item, depth - 1)


def limit_memory():
    """Limit this process to 4 GiB of address space, where the system can do that."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    except (ImportError, ValueError, OSError):  # Windows has no such limit, macOS takes none
        pass


def main(path):
    """Write the layers in the file to standard output, or one line to standard error."""
    limit_memory()
    try:
        content = io.BytesIO()
        np.savez(content, **layers(path))
    except Exception as error:  # whatever h5py makes of a stranger's bytes
        sys.exit((str(error).splitlines() or [type(error).__name__])[0])
    sys.stdout.buffer.write(content.getbuffer())


if __name__ == "__main__":
    main(sys.argv[1])
