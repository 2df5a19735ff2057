"""Render rows of results/*.csv as Markdown tables and figures, beside the papers' numbers."""

import numpy as np
from matplotlib.figure import Figure

from ..page.colors import palette

PAPER = {  # McConville et al., Table 1: ACC, NMI
    "mnist": (0.979, 0.942),
    "mnist-test": (0.948, 0.882),
    "usps": (0.958, 0.901),
    "fashion": (0.672, 0.684),
    "pendigits": (0.885, 0.863),
    "har": (0.801, 0.683),
}
BEST_OTHER = {  # the best in the same table beside N2D: ACC, NMI, and whose they are
    "mnist": (0.988, 0.966, "ASPC-DA"),
    "mnist-test": (0.973, 0.936, "ASPC-DA"),
    "usps": (0.982, 0.951, "ASPC-DA"),
    "fashion": (0.630, 0.654, "ClusterGAN, ASPC-DA"),
    "pendigits": (0.784, 0.784, "IDEC, SC"),
    "har": (0.642, 0.741, "IDEC, SC"),
}
SHALLOW_PAPER = {  # the same table's shallow clusterers on the raw data: ACC, NMI
    "mnist": {"KM": (0.532, 0.450), "SC": (0.680, 0.759), "GMM": (0.389, 0.333)},
    "mnist-test": {"KM": (0.546, 0.501), "SC": (0.667, 0.712), "GMM": (0.464, 0.465)},
    "usps": {"KM": (0.668, 0.626), "SC": (0.656, 0.796), "GMM": (0.562, 0.540)},
    "fashion": {"KM": (0.474, 0.512), "SC": (0.551, 0.630), "GMM": (0.463, 0.514)},
    "pendigits": {"KM": (0.666, 0.681), "SC": (0.724, 0.784), "GMM": (0.673, 0.682)},
    "har": {"KM": (0.599, 0.588), "SC": (0.538, 0.741), "GMM": (0.585, 0.648)},
}
LOSSES_PAPER = {  # Aljalbout et al.'s README: k-means in each space, ACC, NMI
    "mnist": {
        "pixels": (0.542, 0.480),
        "autoencoder": (0.760, 0.667),
        "kmeans-loss": (0.781, 0.796),
        "kl-loss": (0.859, 0.825),
    },
    "coil20": {
        "pixels": (0.689, 0.793),
        "autoencoder": (0.739, 0.828),
        "kmeans-loss": (0.745, 0.846),
        "kl-loss": (0.762, 0.848),
    },
}
OTHER_KINDS = (  # datasets of the table collection that are none of the paper's: of its two folders
    *"coil20 yale pbmc68k worm wdbc statlog tox171 unbalance chainlink stackoverflow".split(),
    *"a3 basehock bbcnews biomedical bladder cbmc cham8 dermatology drybean ecoli frogs isolet kidney".split(),
    *"labirynth letter notmnist orl pie10 snippets umist windows".split(),
)
COLLECTION = (*OTHER_KINDS, *PAPER)
AUTO = "N2D, auto"  # has to find the number of clusters, and is not ranked with methods that are given it
ABLATION_PAGE = """# Manifold learners and clusterers

ACC / NMI of one run each (`python -m n2d.experiments.tables ablation --seeds 1 --n_jobs 2`), at full size. The \
autoencoder is that of the default protocol. UMAP has 20 neighbours in the space itself, as in the paper. Each \
mixture on a manifold is the best of a hundred, by modularity with UMAP and by likelihood with the others; on \
data without a manifold it is fitted once, as in the paper, on at most 16 million numbers: 20,408 images of \
MNIST or Fashion, all samples of the others. [What is of an earlier run](\
../docs/results.md#is-umap-of-the-autoencoders-latent-space-the-best).

{best}
![ACC of every clusterer on every space](ablation.png)

## Raw data, beside the paper

{raw}
## All of it

Spectral clustering (SC) is arbitrary where the graph of ten neighbours in an embedding falls into more \
pieces than there are clusters. Seconds are those of the manifold and the slowest of its clusterers, on one \
thread, beside another run; GB are the largest memory of the process meanwhile. Trustworthiness (0 to 1, of \
5,000 points) says whether neighbours in the embedding are neighbours in its input.

{whole}"""


def n2d_page(rows, folder):
    """Write n2d.md and n2d.png; return the README's table.

    Parameters
    ----------
    rows : DataFrame
        Of results/n2d.csv.
    folder : pathlib.Path
    """
    n2d_figure(rows, folder / "n2d.png")
    text = n2d_table(rows)
    page = f"# N2D, every seed from scratch\n\n{text}\n![every run](n2d.png)\n"
    (folder / "n2d.md").write_text(page, encoding="utf-8")
    return text


def n2d_table(rows):
    """Tabulate mean ± standard deviation and worst of each dataset, beside the paper's N2D and its best other row."""
    heads = ["dataset", "protocol", "runs", "ACC", "worst", "NMI", "worst", "paper's N2D", "paper's best other"]
    body = []
    for (protocol, dataset), group in sorted(rows.groupby(["protocol", "dataset"]), key=lambda item: order(item[0])):
        best_other = f"{pair(BEST_OTHER[dataset])} ({BEST_OTHER[dataset][2]})"
        body.append([dataset, protocol, len(group), *spread(group), pair(PAPER[dataset]), best_other])
    return markdown(heads, body)


def n2d_figure(rows, path):
    """Draw every run as a dot, the paper and its best other row as lines: one panel a score, one column a dataset."""
    protocols = sorted(rows["protocol"].unique())
    colors = palette(len(protocols))
    names = [name for name in PAPER if name in set(rows["dataset"])]
    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, score, paper in zip(axes, ("acc", "nmi"), (0, 1)):
        for x, dataset in enumerate(names):
            for values, style, label in ((PAPER, "-", "paper's N2D"), (BEST_OTHER, ":", "paper's best other")):
                line = {"color": "black", "linestyle": style, "label": label if x == 0 else None}
                axis.hlines(values[dataset][paper], x - 0.4, x + 0.4, **line)
            for i, protocol in enumerate(protocols):
                values = rows[(rows["dataset"] == dataset) & (rows["protocol"] == protocol)][score]
                offset = 0.5 * (i - (len(protocols) - 1) / 2) / len(protocols)
                label = f"{protocol} protocol" if x == 0 else None
                axis.scatter([x + offset] * len(values), values, color=colors[i], s=28, alpha=0.7, label=label)
        axis.set_ylabel(score.upper())
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].set_xticks(range(len(names)), names)
    axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.suptitle("Every seed from scratch, beside the paper")
    figure.savefig(path, dpi=150)


def losses_page(rows, folder, commands):
    """Write clustering_losses.md; return its table: each space's mean, standard deviation and worst beside the paper's.

    Parameters
    ----------
    rows : DataFrame
        Of results/clustering_losses.csv.
    folder : pathlib.Path
    commands : sequence of str
        That the rows of a seed come from.
    """
    body = []
    for dataset, paper in LOSSES_PAPER.items():
        found = rows[rows["dataset"] == dataset]
        for space in [name + suffix for suffix in ("", "+n2d") for name in paper]:
            group = found[found["space"] == space]
            if len(group):
                body.append([dataset, space, len(group), *spread(group), pair(paper[space]) if space in paper else ""])
    text = markdown(["dataset", "space", "runs", "ACC", "worst", "NMI", "worst", "paper"], body)
    lines = "\n".join(commands)
    (folder / "clustering_losses.md").write_text(
        f"# Clustering losses\n\nk-means in each space, and N2D (UMAP and a mixture) on it: `+n2d`.\n\n{text}\n"
        f"The rows of a seed come from these commands (`--refine=KM` for the k-means loss):\n\n```\n{lines}\n```\n",
        encoding="utf-8",
    )
    return text


def collection_page(rows, folder):
    """Write collection.md and collection.png; return the table of the means.

    Parameters
    ----------
    rows : DataFrame
        Of results/collection.csv.
    folder : pathlib.Path
    """
    means = rows.groupby(["dataset", "method"])[["acc", "nmi", "ari"]].mean()
    ari = (
        means["ari"]
        .unstack()[list(dict.fromkeys(rows["method"]))]
        .reindex([d for d in COLLECTION if d in set(rows["dataset"])])
    )
    collection_figure(ari.drop(columns=AUTO), folder / "collection.png")
    text = collection_table(rows, means, ari)
    whole = markdown(["dataset", *ari], [[name, *(f"{value:.3f}" for value in row)] for name, *row in ari.itertuples()])
    page = f"# Data of other kinds\n\n{text}\n## ARI, mean of all seeds\n\n{whole}\n![ARI](collection.png)\n"
    (folder / "collection.md").write_text(page, encoding="utf-8")
    return text


def collection_table(rows, means, ari):
    """Tabulate each method's mean scores, rank and regret on data of other kinds, and the clusters that it finds."""
    others = ari.loc[[name for name in OTHER_KINDS if name in ari.index]]
    rivals = others.drop(columns=AUTO)
    regret, rank = rivals.rsub(rivals.max(axis=1), axis=0), rivals.rank(axis=1, ascending=False)
    error = np.log2(rows["k_found"] / rows["k"]).abs().groupby(rows["method"]).mean()
    body = []
    for method in ari:
        scores = means.xs(method, level="method").loc[others.index].mean()
        cells = [method, *(f"{scores[score]:.3f}" for score in ("acc", "nmi", "ari"))]
        if method in rivals:
            cells += [f"{rank[method].mean():.2f}", f"{regret[method].mean():.3f}", f"{regret[method].max():.3f}"]
        else:
            cells += ["", "", ""]
        finds = method in (AUTO, "UMAP + HDBSCAN", "Leiden")
        body.append([*cells, f"{error[method]:.2f}" if finds else ""])
    heads = ["method", "ACC", "NMI", "ARI", "rank by ARI", "regret", "greatest regret", "mean abs log2(found / true k)"]
    return markdown(heads, body)


def collection_figure(ari, path):
    """Draw one row a dataset: N2D's ARI as a large dot, those of the others as small ones."""
    figure = Figure(figsize=(8.4, 0.34 * len(ari) + 1.4), layout="constrained")
    axis = figure.subplots()
    markers = "osD^vP*X"
    for method, marker, color in zip(ari, markers, palette(len(ari.columns))):
        first = method == ari.columns[0]
        size, z = (110, 2) if first else (30, 3)  # what lies on it stays in sight
        axis.scatter(
            ari[method], range(len(ari)), s=size, marker=marker, color=color, zorder=z, alpha=0.85, label=method
        )
    axis.set_yticks(range(len(ari)), ari.index)
    axis.invert_yaxis()
    axis.set_xlabel("adjusted Rand index, mean of all seeds")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=150)


def components_page(rows, folder):
    """Write components.md; return its table: mean scores of each variant of the steps, a column a dataset.

    Parameters
    ----------
    rows : DataFrame
        Of results/components.csv.
    folder : pathlib.Path
    """
    names = [name for name in PAPER if name in set(rows["dataset"])]
    body = []
    for (proposer, candidates, mixture), group in rows.groupby(["proposer", "candidates", "mixture"], sort=False):
        means = group.groupby("dataset")[["acc", "nmi"]].mean().loc[names]
        cells = [acc_nmi(means.loc[name]) for name in names]
        body.append([proposer, "yes" if candidates else "no", mixture, *cells, acc_nmi(means.mean())])
    text = markdown(["proposer", "re-ranked", "mixtures", *names, "mean"], body)
    page = f"# What each step contributes\n\nACC / NMI, means of {rows['seed'].nunique()} seeds.\n\n{text}"
    (folder / "components.md").write_text(page, encoding="utf-8")
    return text


def ablation_page(rows, folder):
    """Write ablation.md and ablation.png; return the table of the best combinations.

    Parameters
    ----------
    rows : DataFrame
        Of results/ablation.csv.
    folder : pathlib.Path
    """
    names = [name for name in PAPER if name in set(rows["dataset"])]
    ablation_figure(rows, names, folder / "ablation.png")
    best = ablation_best(rows, names)
    whole = "\n".join(f"### {name}\n\n{ablation_cells(rows[rows['dataset'] == name])}" for name in names)
    page = ABLATION_PAGE.format(best=best, raw=ablation_raw(rows, names), whole=whole)
    (folder / "ablation.md").write_text(page, encoding="utf-8")
    return best


def ablation_best(rows, names):
    """Tabulate the best combination of all for each dataset, and N2D's own with its rank."""
    ours = (rows["input"] == "autoencoder") & (rows["manifold"] == "UMAP") & (rows["cluster"] == "GMM")
    body = []
    for name in names:
        found = rows[rows["dataset"] == name].sort_values("acc", ascending=False)
        best, n2d_row = found.iloc[0], found[ours.loc[found.index]].iloc[0]
        rank = f"{1 + (found['acc'] > n2d_row['acc']).sum()} of {len(found)}"
        cell = f"{best['input']}, {best['manifold']}, {best['cluster']}"
        body.append([name, cell, acc_nmi(best), acc_nmi(n2d_row), rank])
    heads = ["dataset", "best of all by ACC", "best ACC / NMI", "autoencoder, UMAP, GMM", "its rank by ACC"]
    return markdown(heads, body)


def ablation_raw(rows, names):
    """Tabulate the clusterers on the raw data of each dataset, beside the paper."""
    body = []
    for name in names:
        plain = rows[(rows["dataset"] == name) & (rows["input"] == "raw") & (rows["manifold"] == "none")]
        plain = plain.set_index("cluster")
        paper = SHALLOW_PAPER[name]
        body.append([name, *(cell for c in ("KM", "GMM", "SC") for cell in (acc_nmi(plain.loc[c]), pair(paper[c])))])
    return markdown(["dataset", "KM", "paper", "GMM", "paper", "SC", "paper"], body)


def ablation_cells(rows):
    """Tabulate every clusterer on one dataset, a line for each space."""
    clusterers, body = ["GMM", "KM", "SC"], []
    for (source, learner), group in rows.groupby(["input", "manifold"], sort=False):
        group = group.set_index("cluster").loc[clusterers]
        trust, seconds = f"{group['trustworthiness'].iloc[0]:.3f}", f"{group['seconds'].max():.0f}"
        scores = [acc_nmi(row) for _, row in group.iterrows()]
        memory = f"{group['peak_rss_mb'].max() / 1024:.1f}"
        body.append([source, learner, group["n_components"].iloc[0], *scores, trust, seconds, memory])
    heads = ["input", "manifold", "dimensions", *clusterers, "trustworthiness", "seconds", "peak GB"]
    return markdown(heads, body)


def ablation_figure(rows, names, path):
    """Draw one panel a dataset: a line for each space, a mark for each clusterer."""
    spaces = list(dict.fromkeys(zip(rows["input"], rows["manifold"])))
    figure = Figure(figsize=(10.5, 7.2), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, names):
        found = rows[rows["dataset"] == name].set_index(["input", "manifold"])
        for (cluster, marker), color in zip({"GMM": "o", "KM": "s", "SC": "^"}.items(), palette(3)):
            values = found[found["cluster"] == cluster]["acc"]
            places = [spaces.index(space) for space in values.index]
            axis.scatter(values, places, marker=marker, color=color, s=32, alpha=0.85, label=cluster)
        axis.set_title(name, fontsize=11)
        axis.set_yticks(range(len(spaces)), [f"{source}, {learner}" for source, learner in spaces])
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    for axis in axes.flat[len(names) :]:
        axis.remove()
    figure.supxlabel("ACC")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    figure.suptitle("Manifold learners and clusterers, raw and autoencoded", x=0.02, ha="left")
    figure.savefig(path, dpi=150)


def markdown(heads, body):
    """Format a Markdown table of cells."""
    head, *lines = [f"| {' | '.join(map(str, cells))} |" for cells in (heads, *body)]
    return "\n".join([head, "|---" * len(heads) + "|", *lines]) + "\n"


def order(key):
    """Return a sort key: protocols by name, datasets as in the paper."""
    protocol, dataset = key
    return protocol, list(PAPER).index(dataset)


def pair(scores):
    """Format a paper's ACC / NMI: '0.979 / 0.942'."""
    return "{:.3f} / {:.3f}".format(*scores)


def acc_nmi(row):
    """Format a row's ACC / NMI: '0.955 / 0.899'."""
    return pair((row["acc"], row["nmi"]))


def spread(group):
    """Format mean and deviation, and the worst, of the ACC and of the NMI of several runs."""
    return [cell for s in ("acc", "nmi") for cell in (mean_and_deviation(group[s]), f"{group[s].min():.3f}")]


def mean_and_deviation(values):
    """Format mean ± standard deviation: '0.955 ± 0.001', or the value alone if there is only one."""
    return f"{values.mean():.3f}" + (f" ± {values.std():.3f}" if len(values) > 1 else "")
