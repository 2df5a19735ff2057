"""What holds for any input, tried on inputs that hypothesis makes up."""

import json
import math

import numpy as np
import pytest
import torch

from n2d import datasets, metrics, models
from n2d.method.autoencoder import weights

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed (pip install hypothesis)")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

settings.register_profile("quiet", deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
settings.load_profile("quiet")

labelings = st.integers(1, 60).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 8), min_size=n, max_size=n)] * 2))


@given(labelings, st.permutations(range(9)))
def test_scores_do_not_depend_on_what_clusters_are_called(labels, names):
    y, clusters = map(np.array, labels)
    renamed = np.array(names)[clusters]
    before, after = metrics.scores(y, clusters), metrics.scores(y, renamed)
    assert all(before[name] == pytest.approx(after[name], abs=1e-9) for name in before)
    assert metrics.accuracy(y, np.array(names)[y]) == 1


@given(labelings)
def test_accuracy_is_a_share_of_one_to_one_matches(labels):
    y, clusters = map(np.array, labels)
    match, n_agree = metrics.match_labels(y, clusters)
    assert len(set(match.values())) == len(match) <= min(len(set(y)), len(set(clusters)))
    assert n_agree == sum(match.get(c) == k for c, k in zip(clusters.tolist(), y.tolist()))
    largest = max(np.bincount(clusters)[np.unique(clusters)])
    assert n_agree >= max(np.sum((y == k) & (clusters == c)) for k in set(y) for c in set(clusters))
    assert n_agree <= len(y) and (len(set(y)) > 1 or n_agree == largest)


numbers = st.floats(-1e6, 1e6, width=32)
tables = st.tuples(st.integers(2, 9), st.integers(2, 6)).flatmap(
    lambda shape: st.lists(
        st.lists(numbers, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@given(tables, st.sampled_from(",;\t"), st.booleans())
def test_any_table_comes_back_as_it_was_written(tmp_path_factory, rows, separator, has_header):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    header = [separator.join(f"column {i}" for i in range(len(rows[0])))] if has_header else []
    path.write_text("\n".join(header + [separator.join(map(repr, row)) for row in rows]) + "\n")
    x = np.array(rows, np.float32)
    if (x == x[0]).all():
        return
    np.testing.assert_array_equal(datasets.load(str(path)).x, x)


@given(st.binary(max_size=400), st.sampled_from([".csv", ".tsv", ".npy", ".npz", ".parquet", ".h5ad"]))
def test_any_bytes_are_data_or_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"a{suffix}"
    path.write_bytes(content)
    try:
        data = datasets.load(str(path))
    except datasets.DatasetError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(data.x).all() and data.x.ndim == 2


@given(st.binary(max_size=300), st.sampled_from([".safetensors", ".pt", ".h5"]))
def test_any_bytes_are_weights_or_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(weights.WeightsError) as refused:
        weights.load_weights(path, (4, 3, 2))
    assert "\n" not in str(refused.value)


sizes = st.integers(1, 9)
pairs = st.tuples(sizes, sizes)
layers = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Conv2D", "Deconv2D"]),
            "num_filters": sizes,
            "filter_size": pairs,
            "non_linearity": st.sampled_from(["rectify", "linear", "elu"]),
            "conv_mode": st.sampled_from(["valid", "same"]),
        }
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["MaxPool2D", "MaxPool2D*"]), "filter_size": pairs}),
    st.fixed_dictionaries({"type": st.just("Dense"), "num_units": sizes, "non_linearity": st.just("linear")}),
    st.fixed_dictionaries({"type": st.just("Reshape"), "output_shape": st.lists(sizes, min_size=1, max_size=3)}),
    st.dictionaries(st.sampled_from(["type", "num_units", "x"]), st.one_of(st.none(), sizes, st.text()), max_size=3),
)
shapes = st.lists(sizes, min_size=1, max_size=3)


@given(shapes, st.lists(layers, max_size=4), st.booleans())
def test_any_description_is_built_or_refused(tmp_path_factory, shape, layers, use_batch_norm):
    path = tmp_path_factory.mktemp("architecture") / "a.json"
    first = {"type": "Input", "output_shape": shape}
    path.write_text(json.dumps({"name": "a", "use_batch_norm": use_batch_norm, "layers": [first, *layers]}))
    try:
        autoencoder = models.autoencoder(models.read_architecture(str(path)))
    except models.ArchitectureError as error:
        assert "\n" not in str(error)
    else:
        x = torch.rand(3, math.prod(shape))
        latent, reconstruction = autoencoder.eval()(x)
        assert latent.shape == (3, autoencoder.n_latent) and reconstruction.shape == x.shape
