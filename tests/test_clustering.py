import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

import clustering


@pytest.mark.parametrize("name", clustering.CLUSTERERS)
def test_each_clusterer_finds_separate_blobs(name):
    x, y = make_blobs(300, n_features=4, centers=5, cluster_std=1.2, random_state=1)
    labels = [clustering.clusterer(name, n_clusters=5, random_state=0).fit_predict(x) for _ in range(2)]
    assert adjusted_rand_score(y, labels[0]) > 0.9
    assert np.array_equal(*labels)


def test_unknown_clusterer():
    with pytest.raises(ValueError, match="must be GMM, KM or SC, got 'DBSCAN'"):
        clustering.clusterer("DBSCAN")
