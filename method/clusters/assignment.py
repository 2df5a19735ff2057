"""Result of the third step: cluster, confidence and outlier score of each sample, and a hierarchy of clusters."""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from ..manifold import neighbors
from . import clustering, confidence, divisions, hierarchy, judge, outliers
from .outliers import Reference


def vote(knn, clusters, within=None):
    """Return the clusters that most of points' nearest samples are in, each weighted as in `neighbors.place`.

    Parameters
    ----------
    knn : tuple of ndarray
        Indices and distances of each point's nearest samples, (n_points, n_neighbors).
    clusters : ndarray of int, shape (n_samples,)
    within : tuple of ndarray of int, shapes (n_points,) and (n_samples,), or None
        Coarser clusters of the points and of the samples: each point gets a cluster that has samples of its coarser
        one. None: any cluster.

    Returns
    -------
    ndarray of int, shape (n_points,)
    """
    votes = neighbors.place(knn, np.eye(clusters.max() + 1)[clusters])
    if within is not None:
        of_points, of_samples = within
        has = np.zeros((max(of_points.max(initial=0), of_samples.max()) + 1, votes.shape[1]), bool)
        has[of_samples, clusters] = True
        has[~has.any(axis=1)] = True  # a cluster that no sample of the fit is in
        votes[~has[of_points]] = -1
    return votes.argmax(axis=1)


@dataclass(eq=False)
class Assignment:
    """Fitted clusters of the samples, which also predict those of new points.

    Attributes
    ----------
    n_clusters : int
    clusterer : fitted scikit-learn estimator
        Fitted to the embedding; or k-means of the inputs, if its clusters are clearer.
    embedding : ndarray of float32, shape (n_samples, n_components)
        What was clustered, unless k-means of the inputs was kept.
    labels : ndarray of int, shape (n_samples,)
    modularity : float or None
        How well the graph supports the clusters, see `judge.support`; None without a graph.
    confidence : ndarray of float64, shape (n_samples,)
        See `confidence.score_samples`.
    reach : float
        99 % of the samples have their tenth nearest neighbour, themselves being the first, within this distance.
    outliers : outliers.Reference
    outlier : ndarray of float64, shape (n_samples,)
        See `outliers.fit`.
    hierarchy : ndarray of float64, shape (n_clusters - 1, 4)
        See `hierarchy.merges`.
    halves : ndarray of int8, shape (n_samples,)
        The half of its cluster that each sample is in, see `divisions.halve`.
    apart : ndarray of float64, shape (n_clusters,), or None
        Height at which the halves would be merged, see `divisions.heights`; not saved with a model.
    agreement : float or None
        Mean adjusted Rand index with the best clusters of other maps; None without others. Not saved with a model.
    sizes : ndarray of int, shape (n_clusters,)
        Samples in each cluster, also those that the fit left out.
    """

    n_clusters: int
    clusterer: object
    embedding: np.ndarray
    labels: np.ndarray
    modularity: float | None
    confidence: np.ndarray
    reach: float
    outliers: Reference | None = None
    outlier: np.ndarray | None = None
    hierarchy: np.ndarray | None = None
    halves: np.ndarray | None = None
    apart: np.ndarray | None = None
    agreement: float | None = None
    sizes: np.ndarray | None = None

    @classmethod
    def from_fit(cls, fit, n_clusters, embedding, x, neighbourhood, graph, progress, **settings):
        """Make the assignment of the best fit.

        Parameters
        ----------
        fit : judge.Fit
        n_clusters : int
        embedding : ndarray of float32, shape (n_samples, n_components)
        x : ndarray, shape (n_samples, n_features)
            Duplicates get the same cluster.
        neighbourhood : neighbourhood.Neighbourhood
        graph : sparse array of shape (n_samples, n_samples), or None
            None: the graph of the neighbourhood.
        progress : progress.Progress
        **settings
            `random_state` and `n_jobs` of `divisions.halve`.

        Returns
        -------
        Assignment
        """
        labels = clustering.unite_duplicates(x, fit.labels)
        modularity = None if graph is None else judge.support(graph, labels)[0]
        knn = neighbourhood.knn
        if graph is None:
            knn, graph = neighbourhood.graph(progress.bar("searched", unit="part"))
        assignment = cls(
            n_clusters=n_clusters,
            clusterer=fit.clusterer,
            embedding=embedding,
            labels=labels,
            modularity=modularity,
            agreement=fit.agreement,
            confidence=confidence.score_samples(graph, labels, fit.rivals),
            reach=float(np.quantile(knn[1][:, : neighbors.N_ALIKE][:, -1], 0.99)),  # a few samples may be outliers
        )
        assignment.compare(neighbourhood.latent, knn, graph)
        with progress.stage("cluster", "each cluster divided in two"):
            assignment.halves = divisions.halve(embedding, labels, graph, x, **settings)
            found = graph, labels, assignment.halves, neighbourhood.latent, n_clusters
            assignment.apart = divisions.heights(*found)
        return assignment

    def compare(self, latent, knn, graph):
        """Score outliers and build the hierarchy, from the nearest neighbours of the samples and their graph."""
        self.outliers, self.outlier = outliers.fit(knn, self.labels)
        self.hierarchy = hierarchy.merges(graph, self.labels, latent, self.n_clusters)

    @property
    def memberships(self):
        """Cluster probabilities of the samples, (n_samples, n_clusters); 0 or 1 without a mixture."""
        of_labels = np.eye(self.n_clusters)[self.labels]
        if not hasattr(self.clusterer, "predict_proba"):
            return of_labels
        memberships = self.clusterer.predict_proba(self.embedding.astype(np.float64))
        moved = memberships.argmax(axis=1) != self.labels  # by `unite_duplicates`
        memberships[moved] = of_labels[moved]
        return memberships

    def cut(self, n_clusters):
        """Return the new number of each cluster when merges leave `n_clusters`, see `hierarchy.cut`."""
        return hierarchy.cut(self.hierarchy, n_clusters, self.sizes)

    def predict_memberships(self, knn):
        """Return the mean memberships of points' nearest samples: float32 (n_points, n_clusters); rows sum to 1."""
        return neighbors.place(knn, self.memberships)

    def predict(self, knn):
        """Return the clusters of points: those of most of their nearest samples, see `neighbors.place`."""
        return self.predict_memberships(knn).argmax(axis=1)

    def predict_others(self, knn, labels, others, nested):
        """Predict the clusters of points in another clustering of the samples.

        Parameters
        ----------
        knn : tuple of ndarray
            Indices and distances of each point's nearest samples, (n_points, n_neighbors).
        labels : ndarray of int, shape (n_points,)
            The points' clusters, as `predict` returns them.
        others : ndarray of int, shape (n_samples,)
            The other clustering.
        nested : bool
            Whether one of the two divides the clusters of the other. Then a point gets one that the samples of its
            cluster are in.

        Returns
        -------
        ndarray of int, shape (n_points,)
        """
        return vote(knn, others, (labels, self.labels) if nested else None)

    def predict_halves(self, knn, labels):
        """Return the halves, see `divisions.halve`, that points of these clusters are in: int8 (n_points,)."""
        parts = self.predict_others(knn, labels, divisions.joined(self.labels, self.halves), True)
        divided = np.isin(labels, self.labels[self.halves >= 0])
        return np.where(divided, parts % 2, -1).astype(np.int8)

    def predict_confidence(self, knn, labels):
        """Return the confidence of points in these clusters, see `confidence.predict`."""
        return confidence.predict(knn, labels, self.labels, self.confidence, self.reach)

    def predict_outlier(self, knn):
        """Return the outlier scores of points, see `outliers.predict`."""
        return outliers.predict(knn, self.outliers, self.outlier)

    def number_by_size(self, labels):
        """Number the clusters by size, the largest 0; of two of a size, the one with the first sample comes first.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Clusters of the samples, and of others that were predicted from them.

        Returns
        -------
        ndarray of int, shape (n,)
            The same clusters by their new numbers.
        """
        sizes = np.bincount(labels, minlength=self.n_clusters)
        found, first = np.unique(labels, return_index=True)
        firsts = np.full(len(sizes), len(labels))
        firsts[found] = first
        order = np.lexsort((firsts, -sizes))
        numbers = np.argsort(order)
        self.labels = numbers[self.labels]
        self.hierarchy = hierarchy.renumbered(self.hierarchy, numbers)
        self.apart, self.sizes = self.apart[order], sizes[order]
        for name in {"precisions_", *chain.from_iterable(clustering.STATE.values())}:
            if hasattr(self.clusterer, name):
                setattr(self.clusterer, name, getattr(self.clusterer, name)[order])
        if hasattr(self.clusterer, "labels_"):  # k-means and spectral clustering
            self.clusterer.labels_ = numbers[self.clusterer.labels_].astype(np.int32)
        return numbers[labels]
