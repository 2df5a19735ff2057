"""Manifold learners behind one function."""

MANIFOLD_LEARNERS = ("UMAP", "LLE", "tSNE", "isomap")


def manifold_learner(
    name="UMAP", *, n_components=2, n_neighbors=10, min_dist=0.0, metric="euclidean", random_state=None
):
    """An unfitted scikit-learn transformer from latent space to embedding.

    Parameters
    ----------
    name : {'UMAP', 'LLE', 'tSNE', 'isomap'}
    n_components : int
        Dimensions of the embedding; t-SNE: at most 3.
    n_neighbors : int
        Size of the neighbourhoods; t-SNE has a perplexity instead, left at scikit-learn's 30.
    min_dist, metric
        UMAP alone: the smallest distance in the embedding, and the distance in the latent space.
    random_state : int or None
        An int gives the same embedding every time (isomap: up to rounding and reflection), and UMAP one thread.
    """
    if name == "UMAP":
        from umap import UMAP

        return UMAP(
            n_components=n_components,
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            metric=metric,
            random_state=random_state,
            n_jobs=1 if random_state is not None else -1,
        )
    from sklearn import manifold

    if name == "LLE":
        return manifold.LocallyLinearEmbedding(
            n_components=n_components, n_neighbors=n_neighbors, random_state=random_state, n_jobs=-1
        )
    if name == "tSNE":
        return manifold.TSNE(n_components=n_components, random_state=random_state, n_jobs=-1)
    if name == "isomap":
        return manifold.Isomap(n_components=n_components, n_neighbors=n_neighbors, n_jobs=-1)
    raise ValueError(f"manifold learner must be UMAP, LLE, tSNE or isomap, got {name!r}")
