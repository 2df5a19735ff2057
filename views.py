"""What a person looks at of a fitted N2D: fewer clusters, what each of them is, the map."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from n2d import hierarchy


class Views:
    """The part of N2D that shows what was found."""

    def clusters(self, n_clusters):
        """The clusters of the samples when the nearest are merged until so many are left; no new fit.

        Parameters
        ----------
        n_clusters : int
            1 to `n_clusters_`.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            0 is the largest cluster. With `n_clusters_`, these are `labels_`.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        check_is_fitted(self)
        sizes = np.bincount(self.labels_, minlength=self.n_clusters_)
        return hierarchy.cut(self.hierarchy_, n_clusters, sizes)[self.labels_]
