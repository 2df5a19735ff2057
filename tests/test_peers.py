import importlib.util

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from n2d.experiments.peers import PEERS


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("n_features", [3, 60])
def test_each_peer_finds_separate_blobs(name, n_features):
    if name == "Leiden" and importlib.util.find_spec("leidenalg") is None:
        pytest.skip("leidenalg is not installed (pip install leidenalg)")
    x, y = make_blobs(240, n_features=n_features, centers=3, cluster_std=0.3, random_state=0)
    labels = PEERS[name](x.astype(np.float32), 3, 0)
    assert labels.shape == (240,) and labels.dtype.kind == "i" and labels.min() == 0
    found = len(np.unique(labels))
    if name in ("UMAP + HDBSCAN", "Leiden"):  # they may find more, of which each blob has its own
        assert found >= 3
        assert adjusted_rand_score(y, labels) > 0.2
    else:
        assert adjusted_rand_score(y, labels) == 1
