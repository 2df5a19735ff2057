"""Texts: their words, their features, and what a run and a saved model make of them."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from n2d.features import of_texts
from n2d.features import texts as its_texts
from n2d.features.packages import outside
from n2d.features.texts import FeaturesError, TextFeatures
from n2d.features.words import words

TOPICS = (
    "cat kitten purr whisker paw fur tail mouse",
    "stock market share bank profit trade price fund",
    "galaxy star planet orbit telescope moon comet sun",
)
QUICK = ("--pretrain_epochs=2", "--gmm_restarts=2", "--umap_neighbors=8")


def corpus(n=60, seed=0):
    """Texts of three topics, which share common words."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    parts = [[*rng.choice(TOPICS[k].split(), 5), *rng.choice("the of and is a in".split(), 4)] for k in y]
    return [" ".join(rng.permutation(part)) for part in parts], y


@pytest.mark.parametrize(
    "text, found",
    [
        ("Don't shout: 2 CATS!", ["don", "t", "shout", "2", "cats"]),
        ("我爱机器学习 Python编程", ["我爱", "爱机", "机器", "器学", "学习", "python", "编程"]),
        ("日本語です", ["日本", "本語", "語で", "です"]),
        ("हिन्दी में वाक्य", ["हिन्दी", "में", "वाक्य"]),
        ("สวัสดี", ["สวั", "วัส", "สดี"]),
        ("اللغة العَرَبِيَّة", ["اللغة", "العَرَبِيَّة"]),
        ("Ｆｕｌｌ Straße", ["full", "strasse"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("👍 -- !", []),
    ],
)
def test_words_of_all_scripts(text, found):
    assert words(text) == found


def test_texts_of_a_topic_are_alike():
    texts, y = corpus()
    rows = TextFeatures().fit_transform(texts)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert adjusted_rand_score(y, KMeans(3, n_init=5, random_state=0).fit_predict(rows)) > 0.9


def test_chinese_texts_of_a_topic_are_alike():
    cats, banks = ["小猫喜欢吃鱼", "小猫喜欢睡觉", "我的小猫吃鱼"], ["银行股票价格", "股票价格上涨", "银行股票下跌"]
    rows = TextFeatures().fit_transform(cats + banks)
    alike = rows @ rows.T
    assert min(alike[0, 1], alike[3, 4]) > alike[:3, 3:].max()


def test_a_word_is_its_beginning():
    made = TextFeatures().fit(["clusters of cats", "clustering of dogs", "a cluster of cats", "dogs and dogs"])
    assert "cluste" in made.vocabulary_
    assert made.rows(["clustered"]).any()


def test_texts_without_a_known_word_are_not_alike():
    texts, _ = corpus()
    made = TextFeatures().fit([*texts, "", "!!"])
    odd = ["", "unheard", "👍", "!!", *[""] * 30]
    assert made.without_gaps(made.rows(odd))[1].all()
    rows = made.transform(odd)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (rows @ rows.T)[np.triu_indices(len(odd), 1)].max() < 0.9
    np.testing.assert_array_equal(rows, made.transform(odd))


def test_texts_without_a_known_word_lie_where_others_do():
    texts, _ = corpus()
    made = TextFeatures().fit(texts)
    rows = made.transform([*[""] * 60, *texts])
    of_known = made.rows(texts)
    where = (rows[:60, None] == of_known).all(axis=2)
    assert where.any(axis=1).all() and len(set(where.argmax(axis=1))) > 20
    np.testing.assert_array_equal(rows[60:], of_known)


def test_features_are_saved_and_loaded_to_the_bit(tmp_path):
    texts, _ = corpus()
    made = TextFeatures(n_components=10).fit(texts)
    made.save(tmp_path)
    loaded = clone(made).load(tmp_path)
    assert loaded.checksum_ == made.checksum_
    np.testing.assert_array_equal(loaded.transform(corpus(9, 1)[0]), made.transform(corpus(9, 1)[0]))


def test_damaged_words_of_a_model_are_named(tmp_path):
    (tmp_path / its_texts.STATE).write_bytes(b"no")
    with pytest.raises(FeaturesError, match="does not hold the words"):
        TextFeatures().load(tmp_path)


@pytest.mark.parametrize("texts", [[], [""], ["!!", "👍"]])
def test_texts_without_any_word_are_refused(texts):
    with pytest.raises(FeaturesError, match="no text has a word"):
        TextFeatures().fit(texts)


@pytest.mark.parametrize("texts", ["one text", [1, 2], [None]])
def test_what_is_no_list_of_texts_is_refused(texts):
    with pytest.raises(TypeError, match="sequence of str"):
        TextFeatures().fit(texts)


def test_equal_texts_are_equal_and_one_is_enough():
    rows = TextFeatures().fit_transform(["same words"] * 4)
    np.testing.assert_array_equal(rows, rows[[0] * 4])
    assert TextFeatures().fit_transform(["alone here"]).shape == (1, 1)


def test_a_pipeline_clusters_texts():
    from n2d.pipeline import N2D

    texts, y = corpus(90)
    settings = {"scale": "none", "pretrain_epochs": 20, "n_neighbors": 15, "gmm_restarts": 5, "random_state": 0}
    model = make_pipeline(TextFeatures(), N2D(3, **settings)).fit(texts)
    assert adjusted_rand_score(y, model[-1].labels_) > 0.8
    assert list(model.predict(texts[:6])) == list(model[-1].labels_[:6])


def test_sentence_models_need_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(FeaturesError, match=r"needs sentence-transformers: pip install '.\[texts\]'"):
        TextFeatures("some-model").fit(["a text"])


def test_other_packages_do_not_import_our_modules(monkeypatch):
    root = of_texts.__file__.rpartition("features")[0]
    monkeypatch.setattr(sys, "path", [root, "/elsewhere"])
    with outside():
        assert sys.path == ["/elsewhere"]
    assert sys.path == [root, "/elsewhere"]


@pytest.fixture(scope="module")
def clustered(tmp_path_factory, run):
    """Folder with texts.csv, a run of it, out, and the saved model, model."""
    folder = tmp_path_factory.mktemp("texts")
    texts, y = corpus(90)
    texts[7], texts[8] = "", "NA"
    frame = pd.DataFrame({"title": texts, "topic": y, "id": [f"t{i}" for i in range(90)]})
    frame.to_csv(folder / "texts.csv", index=False)
    flags = ("--text_column=title", "--label_column=topic", "--id_column=id", *QUICK, "--visualize")
    done = run("texts.csv", *flags, "--save_dir=out", "--save_model=model", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_run_of_texts_says_what_it_does(clustered):
    folder, done = clustered
    assert "a sentence model is better" in done.stderr
    assert "2 of 90 texts have no word that others have (t7, t8)" in done.stderr
    record = json.loads((folder / "out" / "features.json").read_text())
    rows = np.load(folder / "out" / "features.npy")
    assert (record["made_by"]["network"], record["is_complete"], len(rows)) == ("words", True, 90)
    table = pd.read_csv(folder / "out" / "clusters.csv").set_index("name")
    assert (table.loc[["t7", "t8"], "confidence"] == 0).all() and (table.loc[["t7", "t8"], "outlier"] == 1).all()
    told = set(" ".join(pd.read_csv(folder / "out" / "terms.csv")["term"]).split())
    assert told & set(" ".join(TOPICS).split())
    assert (folder / "out" / "clusters.png").stat().st_size > 10_000


def test_a_saved_model_reads_texts_alike(clustered, run):
    folder, _ = clustered
    done = run("predict", "model", "texts.csv", "--out=new.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    new, old = pd.read_csv(folder / "new.csv"), pd.read_csv(folder / "out" / "clusters.csv")
    assert (new["cluster"] == old["cluster"]).all()
    assert (new.loc[[7, 8], "confidence"] == 0).all()


def test_a_model_of_texts_refuses_numbers(clustered, run):
    folder, _ = clustered
    np.save(folder / "numbers.npy", np.eye(5))
    done = run("predict", "model", "numbers.npy", "--out=no.csv", cwd=folder)
    assert done.returncode == 2 and "has numbers, and the model is of texts" in done.stderr


def test_a_model_refuses_other_words(clustered, run, tmp_path):
    import shutil

    folder, _ = clustered
    shutil.copytree(folder / "model", tmp_path / "model")
    TextFeatures().fit(["other words", "other things"]).save(tmp_path / "model")
    done = run("predict", str(tmp_path / "model"), "texts.csv", f"--out={tmp_path / 'no.csv'}", cwd=folder)
    assert done.returncode == 2 and "its checksum differs" in done.stderr
    (tmp_path / "model" / its_texts.STATE).unlink()
    done = run("predict", str(tmp_path / "model"), "texts.csv", f"--out={tmp_path / 'no.csv'}", cwd=folder)
    assert done.returncode == 2 and "does not hold the words" in done.stderr


@pytest.mark.parametrize(
    "flags, said",
    [
        (("same.csv", "--text_column=0", "--header=yes"), "nothing to cluster"),
        (("digits", "--features=words"), "--features is for your own files"),
        (("texts.csv", "--text_column=title", "--features=/no/folder"), "/no/folder"),
    ],
)
def test_bad_input_is_told_in_a_line(clustered, run, flags, said):
    folder, _ = clustered
    (folder / "same.csv").write_text("title\n" + "the same words\n" * 6)
    done = run(*flags, "--n_clusters=2", "--save_dir=bad", cwd=folder)
    assert done.returncode == 2 and said in done.stderr.splitlines()[-1]
    assert not (folder / "bad").exists()


def test_features_of_a_sentence_model_go_on_where_they_were_stopped(tmp_path, monkeypatch):
    class Model(TextFeatures):
        taken, most = 0, 2048

        def fit(self, texts):
            self.n_features_, self.checksum_ = 2, "0"

        def encode(self, texts):
            if self.taken >= self.most:
                raise KeyboardInterrupt
            Model.taken += len(texts)
            return np.array([[len(text), 1] for text in texts], np.float32)

    monkeypatch.setattr(of_texts, "TextFeatures", Model)
    texts = ["x" * (i % 7 + 1) for i in range(3000)]
    with pytest.raises(KeyboardInterrupt):
        of_texts.worked_out("some", texts, "cpu", tmp_path, False)
    monkeypatch.setattr(Model, "most", 10_000)
    rows, unknown, *_ = of_texts.worked_out("some", texts, "cpu", tmp_path, False)
    assert Model.taken == 3000 and not unknown.any()
    np.testing.assert_array_equal(rows[:, 0], [len(text) for text in texts])


def test_the_page_has_texts_and_finds_words(clustered, browser):
    folder, _ = clustered
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto((folder / "out" / "explore.html").as_uri())
    page.fill("#query", "kitten")
    page.wait_for_selector("#found button")
    assert "kitten" in page.inner_text("#found")
    page.click("#found button:has-text('point')")
    assert "kitten" in page.inner_text("#point .text")
    assert not errors
    page.close()
