"""Profiles of clusters: the features that set each apart, the words of its samples' names, and typical members."""

import re

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import rankdata
from sklearn.utils import gen_batches

from ..features.words import words
from ..method.autoencoder.scaling import CHUNK, Scaling
from ..readers import samples

N_MEMBERS = 8  # typical members of each cluster
MOST = 300  # features that are ranked: of more, those whose means differ most between clusters
SAMPLE = 50_000  # rows that they are ranked on
N_SHOWN = 10  # features, or words, that are kept of each cluster
N_TOLD = 3  # of these, in its description
CLEAR = 0.33  # Cliff's delta from which on a feature is described: medium (Romano et al. 2006)
ALIKE = 0.8  # rank correlation from which on features are redundant
WORD = r"(?<![^\W_])([^\W\d_]{2,})(?=\d*+(?![^\W_]))"  # letters, with no more than digits behind them: cat_001, cat12
FEW = 3  # samples that must have a word
SHARE = 0.1  # of a cluster's samples that must have it
SPECIAL = "what is special"
WORDS = ("name", SPECIAL)  # left-justified columns on screen
OFTENER = 2  # times as often as elsewhere, at least


def profile(data, labels, n_clusters, *, names=None, confidence=None, special=None):
    """Describe each cluster: return a table with a row a cluster.

    Parameters
    ----------
    data : samples.Dataset
    labels : ndarray of int, shape (n_samples,)
    n_clusters : int
    names : sequence of str, or None
        Of the clusters.
    confidence : ndarray of float, shape (n_samples,), or None
    special : tuple of pandas.DataFrame, or None
        What `special_of` returned, if it was called before.

    Returns
    -------
    pandas.DataFrame
        Indexed by the cluster's number; columns `name` (with `names`), `size`, `share` (0 to 1), `confidence` (the
        mean, with `confidence`), `description` (a line of text; '' where nothing can be said) and `members` (the row
        numbers of at most eight typical samples, the medoid first: see `members_of`).
    """
    sizes = np.bincount(labels, minlength=n_clusters)
    columns = {} if names is None else {"name": list(names)}
    columns |= {"size": sizes, "share": sizes / len(labels)}
    if confidence is not None:
        columns["confidence"] = np.bincount(labels, confidence, n_clusters) / np.where(sizes > 0, sizes, np.nan)
    features, terms = special_of(data, labels, n_clusters) if special is None else special
    columns["description"] = [
        described(features[features["cluster"] == i], terms[terms["cluster"] == i]) for i in range(n_clusters)
    ]
    columns["members"] = members_of(data, labels, n_clusters)
    return pd.DataFrame(columns, index=pd.RangeIndex(n_clusters, name="cluster"))


def special_of(data, labels, n_clusters):
    """Return `features_of` and `terms_of`; if there are words, no features without a name."""
    terms = terms_of(data, labels, n_clusters)
    if data.things is not None or data.feature_names is None and len(terms):
        return features_of(data, labels, 0), terms
    return features_of(data, labels, n_clusters), terms


def described(features, terms):
    """Describe a cluster in one line: its clearest features, and the words of its samples' names."""
    parts = [_in_words(row) for row in features[features["told"]].itertuples()][:N_TOLD]
    if len(terms):
        parts.append(f"words: {' '.join(terms['term'][:N_TOLD])}")
    return ", ".join(parts)


def _in_words(row):
    """Name a feature and its direction: 'high proline'; of a feature of 0 and 1, 'colour=red' or 'not colour=red'."""
    name = " ".join(row.feature.split())
    if row.is_binary:
        return name if row.effect > 0 else f"not {name}"
    return f"{'high' if row.effect > 0 else 'low'} {name}"


def features_of(data, labels, n_clusters):
    """Return the features that set each cluster of a table apart from the rest, the clearest first.

    Features are ranked by Cliff's delta (Cliff, "Dominance statistics", Psychological Bulletin 1993): the share of
    pairs of a sample in the cluster and one in the rest in which the first has the greater number, less the share in
    which the second has. It assumes no distribution, unit or scale, and is robust to outliers; for a feature
    of 0 and 1 it is the difference of the shares of 1. It is 2 AUC - 1 of the feature as a classifier.

    Parameters
    ----------
    data : samples.Dataset
    labels : ndarray of int, shape (n_samples,)
    n_clusters : int

    Returns
    -------
    pandas.DataFrame
        At most ten rows a cluster, with `cluster`, `feature`, `effect` (Cliff's delta, -1 to 1), `inside` and
        `outside` (the medians in the cluster and in the rest, in the units of the data; of features of 0 and 1 the
        means), `is_binary`, and `told` (whether the effect is at least medium, and no clearer feature varies alike).
        No row of images, nor of a cluster that is empty or all there is. Of more than 50,000 samples, a random 50,000
        are looked at; of more than 300 features, those 300 whose means differ most between clusters.
    """
    rows = []
    if data.is_table and n_clusters > 1:
        columns = _most_different(data.x, labels, n_clusters)
        some = np.sort(np.random.default_rng(0).permutation(len(labels))[:SAMPLE])
        x, labels = data.x[some][:, columns], labels[some]
        ranks = rankdata(x, axis=0)
        sizes = np.bincount(labels, minlength=n_clusters)
        is_binary = ((x == 0) | (x == 1)).all(axis=0)
        for cluster in np.flatnonzero((sizes > 0) & (sizes < len(labels))):
            inside = labels == cluster
            n, m = sizes[cluster], len(labels) - sizes[cluster]
            effects = 2 * (ranks[inside].sum(axis=0) - n * (n + 1) / 2) / (n * m) - 1
            best = np.argsort(-np.abs(effects), kind="stable")[:N_SHOWN]
            told = _drop_correlated(ranks, best[np.abs(effects[best]) >= CLEAR])
            for i in best[effects[best] != 0]:
                middle = np.mean if is_binary[i] else np.median
                rows.append(
                    {
                        "cluster": cluster,
                        "feature": _feature_name(data, columns[i]),
                        "effect": effects[i],
                        "inside": float(middle(x[inside, i])),
                        "outside": float(middle(x[~inside, i])),
                        "is_binary": bool(is_binary[i]),
                        "told": i in told,
                    }
                )
    frame = pd.DataFrame(rows, columns=["cluster", "feature", "effect", "inside", "outside", "is_binary", "told"])
    return frame.astype({"is_binary": bool, "told": bool})


def _feature_name(data, i):
    return data.feature_names[i] if data.feature_names is not None else f"feature {i}"


def _most_different(x, labels, n_clusters):
    """Return the columns whose means differ most between clusters, in standard deviations; no constant ones."""
    scaling, largest = Scaling.fit(x, "standard"), np.zeros(x.shape[1])
    for cluster in range(n_clusters):
        if (inside := labels == cluster).any():
            mean = x[inside].mean(axis=0, dtype=np.float64)
            largest = np.maximum(largest, np.abs((mean - scaling.offset) * scaling.factor))
    varying = np.flatnonzero(x.min(axis=0) < x.max(axis=0))
    return np.sort(varying[np.argsort(-largest[varying], kind="stable")[:MOST]])


def _drop_correlated(ranks, columns):
    """Return the columns, the clearest first, without those that are correlated with one before them."""
    kept = []
    centred = ranks[:, columns] - ranks[:, columns].mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    for k, column in enumerate(columns):
        if all(abs(centred[:, k] @ centred[:, j]) < ALIKE for j, _ in kept):
            kept.append((k, column))
    return {column for _, column in kept}


def terms_of(data, labels, n_clusters):
    """Return the words in the names of samples that are frequent in each cluster and rare elsewhere.

    c-TF-IDF (Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure", arXiv:2203.05794,
    equation 2): W = tf log(1 + A / f), where tf is how often a term is in the names of the cluster, here as a share of
    its words, f how often it is in all, and A the mean number of words of a cluster. A word counts if three samples,
    and a tenth of the cluster's, have it, twice as often as those elsewhere: barcodes and numbers are no words.

    Returns
    -------
    pandas.DataFrame
        At most ten rows a cluster, the greatest weight first, with `cluster`, `term`, `weight`, `inside` and `outside`:
        the shares of samples in the cluster, and elsewhere, that have it.
    """
    rows = []
    counts, found_words = _word_counts(
        data.sample_names if data.documents is None else data.documents, data.documents is None
    )
    if counts is not None:
        n = len(labels)
        member = sparse.csr_array((np.ones(n), (labels, np.arange(n))), (n_clusters, n))
        of_cluster, having, sizes = member @ counts, member @ (counts > 0).astype(int), member.sum(axis=1)
        mean_words = of_cluster.sum() / max(1, np.count_nonzero(sizes))
        idf = np.log1p(mean_words / np.asarray(of_cluster.sum(axis=0)).ravel())
        everywhere = np.asarray(having.sum(axis=0)).ravel()
        for cluster in np.flatnonzero((sizes > 0) & (sizes < n)):
            there = having[[cluster]].toarray().ravel()
            inside, outside = there / sizes[cluster], (everywhere - there) / (n - sizes[cluster])
            tf = of_cluster[[cluster]].toarray().ravel()
            weight = tf / max(1, tf.sum()) * idf
            found = np.flatnonzero((there >= FEW) & (inside >= SHARE) & (inside >= OFTENER * outside))
            for i in found[np.argsort(-weight[found], kind="stable")[:N_SHOWN]]:
                rows.append([cluster, found_words[i], weight[i], inside[i], outside[i]])
    return pd.DataFrame(rows, columns=["cluster", "term", "weight", "inside", "outside"])


def _word_counts(texts, are_names):
    """Count each word in each name or text, sparse (n_samples, n_words), and return the words; None without any."""
    from sklearn.feature_extraction.text import CountVectorizer

    if texts is None or are_names and sum(bool(re.search(WORD, name)) for name in texts) < FEW:
        return None, ()
    how = {"token_pattern": WORD} if are_names else {"analyzer": _words_of_text}
    counter = CountVectorizer(**how, min_df=FEW)
    try:
        return counter.fit_transform(texts), counter.get_feature_names_out()
    except ValueError:  # no word is there three times
        return None, ()


def _words_of_text(text):
    """Return the words of a text of two letters at least, and no numbers."""
    return [word for word in words(text) if len(word) > 1 and not word.isdecimal()]


def members_of(data, labels, n_clusters, most=N_MEMBERS):
    """Return the row numbers of each cluster's samples nearest to its mean, at most `most`: lists of int.

    The first is the medoid: no other sample of the cluster has a smaller sum of squared distances to all of them. The
    features of a table are in standard deviations.
    """
    scaling, found = Scaling.fit(data.x, "standard" if data.is_table else "none"), []
    for cluster in range(n_clusters):
        inside = np.flatnonzero(labels == cluster)
        if len(inside):
            parts = [inside[rows] for rows in gen_batches(len(inside), CHUNK)]  # x may be a file larger than the memory
            sums = [scaling.apply(data.x[part]).sum(axis=0, dtype=np.float64) for part in parts]
            mean = (sum(sums) / len(inside)).astype(np.float32)
            distances = [np.linalg.norm(scaling.apply(data.x[part]) - mean, axis=1) for part in parts]
            inside = inside[np.argsort(np.concatenate(distances), kind="stable")[:most]]
        found.append(inside.tolist())
    return found


def as_text(table):
    """Convert a table for a CSV file: lists become text, and no word is one that a spreadsheet takes for a formula."""
    columns = {}
    for name, column in table.items():
        if column.map(lambda cell: isinstance(cell, list)).any():
            column = column.map(lambda cell: " ".join(map(str, cell)))
        elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
            column = pd.Series(samples.no_formulas(map(str, column)), column.index, dtype=object)
        columns[name] = column
    return pd.DataFrame(columns, index=table.index)


def lines(table, width=80, most=30):
    """Format a profile for a screen, at most `width` characters wide, and at most `most` rows."""
    shown, columns = table.head(most), {"cluster": [str(i) for i in table.index[:most]]}
    if "name" in table:
        columns["name"] = [samples.shortened(samples.printable(name), 16) for name in shown["name"]]
    columns["size"] = [f"{size:,}" for size in shown["size"]]
    columns["share"] = [f"{share:.1%}" for share in shown["share"]]
    if "confidence" in table:
        columns["confidence"] = ["" if np.isnan(mean) else f"{mean:.3f}" for mean in shown["confidence"]]
    if shown["description"].any():
        columns[SPECIAL] = [samples.printable(text) for text in shown["description"]]
    justified = []
    for title, cells in columns.items():
        wide = max(len(title), *map(len, cells))
        justified.append([cell.ljust(wide) if title in WORDS else cell.rjust(wide) for cell in (title, *cells)])
    rows = [_cut_to_width("  ".join(row).rstrip(), width) for row in zip(*justified)]
    return rows + [f"and {len(table) - most:,} more, in profile.csv"] * (len(table) > most)


def _cut_to_width(text, width):
    """Cut a text to at most so many characters, at a comma if there is one."""
    if len(text) <= width:
        return text
    start = text[: width - 1]
    return f"{(start.rpartition(', ')[0] or start).rstrip()}\N{HORIZONTAL ELLIPSIS}"
