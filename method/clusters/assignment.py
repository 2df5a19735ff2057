"""What the third step learns: which cluster each sample is in, how surely, and how far clusters are alike."""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from ..manifold import neighbors
from . import clustering, confidence, hierarchy, judge, outliers
from .outliers import Reference


@dataclass(eq=False)
class Assignment:
    """The clusters of samples, and of points that are like them.

    Attributes
    ----------
    n_clusters : int
    clusterer : fitted scikit-learn estimator
        Of the embedding; or k-means of the inputs, where that has clearer clusters.
    embedding : ndarray of float32, shape (n_samples, n_components)
        What was clustered, or would have been.
    labels : ndarray of int, shape (n_samples,)
    modularity : float or None
        How well the graph supports the clusters, see `judge.support`; None without a graph.
    confidence : ndarray of float64, shape (n_samples,)
        See `confidence.score_samples`.
    reach : float
        All but a hundredth of the samples have the tenth of their nearest, themselves the first, within this distance.
    outliers : outliers.Reference
    outlier : ndarray of float64, shape (n_samples,)
        See `outliers.fit`.
    hierarchy : ndarray of float64, shape (n_clusters - 1, 4)
        See `hierarchy.merges`.
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

    @classmethod
    def from_fit(cls, fit, n_clusters, embedding, x, neighbourhood, graph, progress):
        """What follows from the best clusters.

        Parameters
        ----------
        fit : judge.Fit
        n_clusters : int
        embedding : ndarray of float32, shape (n_samples, n_components)
        x : ndarray, shape (n_samples, n_features)
            Equal samples are united in one cluster.
        neighbourhood : neighbourhood.Neighbourhood
        graph : sparse array of shape (n_samples, n_samples), or None
            None: that of the neighbourhood.
        progress : progress.Progress

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
            confidence=confidence.score_samples(graph, labels, fit.rivals),
            reach=float(np.quantile(knn[1][:, : neighbors.N_ALIKE][:, -1], 0.99)),  # a few samples may be outliers
        )
        assignment.compare(neighbourhood.latent, knn, graph)
        return assignment

    def compare(self, latent, knn, graph):
        """Find outliers, and which clusters are alike, by the neighbours of the samples and their graph."""
        self.outliers, self.outlier = outliers.fit(knn, self.labels)
        self.hierarchy = hierarchy.merges(graph, self.labels, latent, self.n_clusters)

    @property
    def memberships(self):
        """The mixture's probabilities of the samples, or without one their clusters: (n_samples, n_clusters)."""
        of_labels = np.eye(self.n_clusters)[self.labels]
        if not hasattr(self.clusterer, "predict_proba"):
            return of_labels
        memberships = self.clusterer.predict_proba(self.embedding.astype(np.float64))
        moved = memberships.argmax(axis=1) != self.labels  # to the cluster of samples that are equal to them
        memberships[moved] = of_labels[moved]
        return memberships

    def predict_memberships(self, knn):
        """The mean memberships of the nearest samples of points: float32 (n_points, n_clusters); rows sum to 1."""
        return neighbors.place(knn, self.memberships)

    def predict_confidence(self, knn, labels):
        """The confidence of points in these clusters, see `confidence.predict`."""
        return confidence.predict(knn, labels, self.labels, self.confidence, self.reach)

    def predict_outlier(self, knn):
        """The outlier scores of points, see `outliers.predict`."""
        return outliers.predict(knn, self.outliers, self.outlier)

    def number_by_size(self, labels):
        """Call the largest cluster 0, the next one 1, and so on; of two of a size the one with the first sample.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Of the samples, and of others that were placed among them.

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
        for name in {"precisions_", *chain.from_iterable(clustering.STATE.values())}:
            if hasattr(self.clusterer, name):
                setattr(self.clusterer, name, getattr(self.clusterer, name)[order])
        if hasattr(self.clusterer, "labels_"):  # k-means and spectral clustering
            self.clusterer.labels_ = numbers[self.clusterer.labels_].astype(np.int32)
        return numbers[labels]
