"""The third step: cluster the embedding, choose the clusters, and say how sure they are."""
