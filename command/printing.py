"""Print the results of a run: scores, a row for each cluster, and other numbers of clusters."""

from ..method.clusters import n_clusters
from ..page import profiles
from ..readers import samples


def tell(model, data, args, scores, profile):
    """Print the scores, a row that describes each cluster, and the other numbers of clusters."""
    if args.n_clusters == "auto":
        print(f"{model.n_clusters_} clusters, on which halves of the data agree. Plausible numbers:")
        for number, reason in n_clusters.plausible(model.scan_, model.n_clusters_).items():
            print(f"{number:>4}: {reason}")
    if model.kept_kmeans:
        print("k-means of the inputs is kept: its clusters are clearer than those of any map")
    if data.y is None:
        print_unlabelled(scores)
    else:
        print(f"\n{'':<34}    ACC    NMI    ARI")
        of_map = f"autoencoder, {args.manifold_learner}, {args.cluster}"
        print(score_line(f"N2D: {'k-means of the inputs' if model.kept_kmeans else of_map}", scores))
    print_profile(profile)
    if args.n_clusters != "auto":
        print(f"\n{_supported(model)}")


def _supported(model):
    """Say which merges and splits of the clusters are as well supported as they are."""
    if not model.alternatives_:
        return f"no merge or split of these {model.n_clusters_} clusters is as well supported as they are"
    others = [samples.in_columns(f"{other['n_clusters']:>4}: {other['reason']}") for other in model.alternatives_]
    return "\n".join([f"as well supported as these {model.n_clusters_} clusters:", *others])


def print_profile(profile):
    """Print a row that describes each cluster."""
    print("\n" + "\n".join(profiles.lines(profile)))


def score_line(name, scores):
    """Format one row of the printed table of scores."""
    return f"{name:<34} {scores['acc']:6.3f} {scores['nmi']:6.3f} {scores['ari']:6.3f}"


def print_unlabelled(figures):
    """Print the scores that need no classes."""
    print()
    for name, meaning in (
        ("agreement", "with the clusters of other maps: adjusted Rand index"),
        ("modularity", "how well the neighbour graph supports the clusters"),
        ("silhouette", "of the clusters in the embedding, of at most 5,000 points"),
        ("log_likelihood", "of the mixture, mean over the points"),
    ):
        if figures[name] is not None:
            print(f"{name.replace('_', '-'):<15} {figures[name]:7.3f}   {meaning}")
