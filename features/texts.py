"""Features of texts: of the words that they have, or of a sentence model."""

import hashlib
import json
import logging
import numbers
from pathlib import Path

import numpy as np
import safetensors.numpy
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .packages import outside
from .store import FeaturesError
from .words import words

WORDS = "words"  # the network that is none: features of the words alone
STATE = "words.safetensors"  # file of a fitted TextFeatures of words
PART = 10_000  # texts whose words are counted together
SAMPLE = 100_000  # texts, at most, that the vectors of words are learnt from
MOST_WORDS = 50_000  # different words that have a vector, at most: the most frequent ones
STEM = 6  # characters of a word that count, so that cluster, clusters and clustering are one
RARE = 3  # texts that must have a word; fewer where many texts would be left without one
FEW = 50  # texts, fewer than which a word of one text counts
WITHOUT = 0.1  # share of texts without a word that are too many
ROUNDING = 1e-5  # of the greatest singular value: less is nothing


class TextFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of texts, as a scikit-learn transformer: rows of length 1, whose cosines say how alike texts are.

    By default they come from the words of the texts that it is fitted to, with no download. Latent semantic analysis
    (Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990) gives each word a vector: of the matrix of
    texts by words, weighted by TF-IDF (with 1 + log of the count) and with rows of length 1, the truncated singular
    value decomposition U S V'; row w of V S is the vector of word w. A text is the sum of its words' vectors, each of
    length 1, weighted by TF-IDF, as Arora et al. sum vectors of words ("A simple but tough-to-beat baseline for
    sentence embeddings", ICLR 2017). Plain latent semantic analysis has vectors of any length, the longest of words
    that are everywhere; length 1 makes clusters much better (docs/experiments/texts.md). The sum is scaled to length 1,
    the mean of all texts subtracted, and the rest scaled to length 1 again. A word is its first six characters.

    Parameters
    ----------
    network : str
        'words', or a sentence model: a folder, or the name of one that sentence-transformers downloads.
    n_components : int
        Dimensions of the features of words, at most; sentence models have their own.
    device : str
        PyTorch device of the sentence model.
    batch_size : int
        Texts that the sentence model takes together.

    Attributes
    ----------
    vocabulary_ : list of str
        Beginnings of words, of 'words'; with it `idf_` (n_words,), `vectors_` (n_words, n_features) and `mean_`
        (n_features,), ndarray of float32.
    model_ : sentence_transformers.SentenceTransformer
        Of a sentence model.
    checksum_ : str
        SHA-256 of the numbers of which the features are made: of the weights of the network, or of what was learnt.
    n_features_ : int
    """

    def __init__(self, network=WORDS, n_components=50, *, device="cpu", batch_size=64):
        self.network = network
        self.n_components = n_components
        self.device = device
        self.batch_size = batch_size

    def fit(self, texts, y=None):
        """Learn the vectors of words, or load the sentence model. y is ignored.

        Parameters
        ----------
        texts : sequence of str, of n_texts
        y : None

        Raises
        ------
        FeaturesError
            If no text has a word, or there is no such sentence model, or no sentence-transformers.
        """
        texts = _checked(texts)
        if self.network == WORDS:
            self._learn(texts)
        else:
            self.model_ = _sentence_model(self.network, self.device)
            self.n_features_ = self.encode(["word"]).shape[1]
            self.checksum_ = _checksum({name: value.cpu().numpy() for name, value in self.model_.state_dict().items()})
        return self

    def transform(self, texts):
        """Return the features of texts.

        A text of which nothing is known, without a word of the vocabulary or empty, has the features of another one,
        drawn at random, so that such texts are not alike, and are no cluster of their own. If nothing is known of any,
        they have random directions. The same texts in the same order have the same features.

        Parameters
        ----------
        texts : sequence of str, of n_texts

        Returns
        -------
        ndarray of float32, shape (n_texts, n_features)
            Rows of length 1.
        """
        return self.without_gaps(self.rows(texts))[0]

    def rows(self, texts):
        """Return the features of texts as `transform` does, but of those of which nothing is known, zeros."""
        check_is_fitted(self, "n_features_")
        texts = _checked(texts)
        if self.network == WORDS:
            parts = [self._of_words(texts[i : i + PART]) for i in range(0, len(texts), PART)]
            return np.concatenate([*parts, np.empty((0, self.n_features_), np.float32)])
        rows = self.encode(texts)
        rows[[not text.strip() for text in texts]] = 0
        return rows

    @staticmethod
    def without_gaps(rows):
        """Put random other rows in place of those of zeros; return the rows, and which were zeros."""
        unknown, rng = ~rows.any(axis=1), np.random.default_rng(0)
        n = np.count_nonzero(unknown)
        if n < len(rows):
            rows[unknown] = rows[rng.choice(np.flatnonzero(~unknown), n)]
        else:
            rows[:] = _of_length_1(rng.standard_normal(rows.shape).astype(np.float32))
        return rows, unknown

    def encode(self, texts):
        """Return the rows of a sentence model, float32 (n_texts, n_features), of length 1; texts as in `transform`."""
        settings = {"batch_size": self.batch_size, "show_progress_bar": False, "normalize_embeddings": True}
        return np.asarray(self.model_.encode(list(texts), **settings), np.float32).reshape(len(texts), -1)

    def save(self, folder):
        """Write what was learnt of words to a file of a folder; of a sentence model there is nothing to write."""
        check_is_fitted(self, "n_features_")
        if self.network == WORDS:
            arrays = {name: getattr(self, f"{name}_") for name in ("idf", "vectors", "mean")}
            about = {"vocabulary": json.dumps(self.vocabulary_, ensure_ascii=False)}
            safetensors.numpy.save_file(arrays, Path(folder) / STATE, metadata=about)

    def load(self, folder):
        """Read what `save` wrote, in place of a fit.

        Raises
        ------
        FeaturesError
            If it is missing or damaged, or there is no such sentence model.
        """
        if self.network != WORDS:
            return self.fit([])
        try:
            with safetensors.safe_open(Path(folder) / STATE, "numpy") as file:
                self.vocabulary_ = json.loads(file.metadata()["vocabulary"])
                self.idf_, self.vectors_, self.mean_ = map(file.get_tensor, ("idf", "vectors", "mean"))
            if self.vectors_.shape != (len(self.vocabulary_), len(self.mean_)) or len(self.idf_) != len(self.vectors_):
                raise ValueError("its arrays do not fit each other")
        except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
            raise FeaturesError(f"{Path(folder) / STATE} does not hold the words of a model ({error})") from error
        self._settle()
        return self

    def _learn(self, texts):
        """Learn vocabulary, weights and vectors of the words of texts."""
        from sklearn.utils.extmath import randomized_svd
        from threadpoolctl import threadpool_limits

        some = texts
        if len(texts) > SAMPLE:
            rows = np.sort(np.random.default_rng(0).choice(len(texts), SAMPLE, replace=False))
            some = [texts[i] for i in rows]
        counts, self.vocabulary_ = _vocabulary(some)
        n_texts = counts.shape[0]
        in_texts = np.bincount(counts.indices, minlength=counts.shape[1])
        self.idf_ = (np.log((1 + n_texts) / (1 + in_texts)) + 1).astype(np.float32)  # scikit-learn's smooth idf
        weighted = self._weighted(counts)
        n_components = max(1, min(int(self.n_components), *(size - 1 for size in counts.shape)))
        with threadpool_limits(1):  # sums of several threads differ in their last bits
            settings = {"n_oversamples": 20, "n_iter": 4, "random_state": 0}
            _, values, axes = randomized_svd(weighted, n_components, **settings)
        kept = values > ROUNDING * values[0]
        vectors = _of_length_1((axes[kept].T * values[kept]).astype(np.float32))
        self.vectors_ = np.ascontiguousarray(vectors)  # as a file keeps it
        self.mean_ = np.zeros(self.vectors_.shape[1], np.float32)
        self.mean_ = _of_length_1(weighted @ self.vectors_).mean(axis=0)
        self._settle()

    def _settle(self):
        """Fill in what follows from vocabulary and vectors."""
        self.n_features_ = len(self.mean_)
        names = {"vocabulary": np.frombuffer("\n".join(self.vocabulary_).encode("utf-8", "surrogatepass"), np.uint8)}
        self.checksum_ = _checksum(names | {"idf": self.idf_, "vectors": self.vectors_, "mean": self.mean_})

    def _weighted(self, counts):
        """Weight counts of words, sparse (n_texts, n_words), by TF-IDF, and scale the rows to length 1: a copy."""
        from sklearn.preprocessing import normalize

        weighted = counts.astype(np.float32)
        weighted.data = 1 + np.log(weighted.data)
        weighted.data *= self.idf_[weighted.indices]
        return normalize(weighted, copy=False)

    def _of_words(self, texts):
        """Return the features of a few texts, float32 (n_texts, n_features); zeros where no word is known."""
        counts = _counter(vocabulary=self.vocabulary_).transform(texts)
        sums = self._weighted(counts) @ self.vectors_
        whole = _of_length_1(sums)
        special = whole - self.mean_ * whole.any(axis=1, keepdims=True)
        is_typical = np.linalg.norm(special, axis=1, keepdims=True) < ROUNDING  # as where all texts are equal
        return _of_length_1(np.where(is_typical, whole, special))

    @property
    def _n_features_out(self):
        return self.n_features_

    def __sklearn_tags__(self):
        """What scikit-learn should know about the estimator: its samples are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.requires_fit = True
        return tags


def _stems(text):
    return [word[:STEM] for word in words(text)]


def _counter(**settings):
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer=_stems, dtype=np.int32, **settings)


def _vocabulary(texts):
    """Count the words of texts: return sparse (n_texts, n_words), and the words."""
    counter = _counter()
    try:
        counts = counter.fit_transform(texts).tocsr()
    except ValueError as error:  # "empty vocabulary"
        raise FeaturesError("no text has a word in it") from error
    found = counter.get_feature_names_out()
    in_texts = np.bincount(counts.indices, minlength=len(found))
    n_with = np.count_nonzero(np.diff(counts.indptr))
    for least in range(min(RARE, 1 + len(texts) // FEW), 0, -1):
        kept = np.flatnonzero(in_texts >= least)
        kept = np.sort(kept[np.argsort(-in_texts[kept], kind="stable")[:MOST_WORDS]])
        fewer = counts[:, kept]
        if np.count_nonzero(np.diff(fewer.indptr)) >= (1 - WITHOUT) * n_with:
            break
    return fewer, found[kept].tolist()


def _checked(texts):
    """Return texts as a list of str; refuse anything else, such as one text or numbers."""
    if isinstance(texts, (str, bytes)) or isinstance(texts, numbers.Number):
        raise TypeError(f"texts must be a sequence of str, got one {type(texts).__name__}")
    texts = list(np.ravel(texts)) if getattr(texts, "ndim", 1) == 2 else list(texts)  # a column of a table
    if odd := [text for text in texts if not isinstance(text, str)]:
        raise TypeError(f"texts must be a sequence of str, got a {type(odd[0]).__name__} in it")
    return texts


def _of_length_1(rows):
    """Scale rows, float32 (n_rows, n_features), to length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > ROUNDING, lengths, 1) * (lengths > ROUNDING)


def _checksum(arrays):
    """Return the SHA-256 of named arrays."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _sentence_model(network, device):
    """Load a sentence model from a folder, or by the name that it has on its hub."""
    try:
        with outside():
            from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise FeaturesError(
            f"the sentence model {network} needs sentence-transformers: pip install '.[texts]', or take {WORDS!r}"
        ) from error
    if not Path(network).is_dir() and (Path(network).is_absolute() or str(network).count("/") > 1):
        raise FeaturesError(f"{network}: there is no such folder")
    try:
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it retries for a minute, and says so each time
        with outside():
            return SentenceTransformer(str(network), device=device)
    except MemoryError:
        raise
    except Exception as error:  # a damaged folder, or a hub that is not reached, may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        what = "holds no sentence model" if Path(network).is_dir() else "is neither a folder nor a model to download"
        raise FeaturesError(f"{network} {what} ({reason})") from error
