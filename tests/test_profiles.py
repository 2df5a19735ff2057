import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import minmax_scale

from n2d.page import profiles
from n2d.readers.samples import Dataset

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def wine():
    """The wines, and their cultivars in the place of clusters."""
    wine = load_wine()
    return Dataset(wine.data, None, feature_names=tuple(wine.feature_names)), wine.target


def words(*names):
    return Dataset(np.eye(len(names)), None, sample_names=names)


def test_wines_are_described_by_what_sets_them_apart(wine):
    data, y = wine
    table = profiles.profile(data, y, 3, names=["a", "b", "c"], confidence=np.repeat(0.5, 178))
    assert list(table) == ["name", "size", "share", "confidence", "description", "members"]
    assert table.index.name == "cluster" and table["size"].tolist() == [59, 71, 48]
    assert table["confidence"].tolist() == [0.5] * 3 and table["share"].sum() == pytest.approx(1)
    assert table["description"][0].startswith("high proline, ")
    assert "low flavanoids" in table["description"][2] and "low hue" in table["description"][2]
    for cluster, members in table["members"].items():
        assert len(members) == 8 and set(y[members]) == {cluster}


def test_the_effect_is_cliffs_delta_in_the_units_of_the_data(wine):
    data, y = wine
    features = profiles.features_of(data, y, 3)
    assert features["effect"].between(-1, 1).all()
    for row in features.itertuples():
        column, inside = data.x[:, data.feature_names.index(row.feature)], y == row.cluster
        assert row.effect == pytest.approx(2 * roc_auc_score(inside, column) - 1)
        assert (row.inside, row.outside) == (np.median(column[inside]), np.median(column[~inside]))
    for _, of_cluster in features.groupby("cluster"):
        assert len(of_cluster) == 10 and of_cluster["effect"].abs().is_monotonic_decreasing


def test_neither_units_nor_outliers_change_the_effects(wine):
    data, y = wine
    x = data.x.copy()
    x[np.arange(13), np.arange(13)] = 1e6
    other = profiles.features_of(Dataset(np.cbrt(x) * 1000, None, feature_names=data.feature_names), y, 3)
    effects = [f.set_index(["cluster", "feature"])["effect"] for f in (profiles.features_of(data, y, 3), other)]
    assert (effects[0] - effects[1]).abs().max() < 0.1


def test_of_features_that_vary_alike_one_is_told(wine):
    data, y = wine
    proline = data.x[:, [12]]
    twice = Dataset(np.hstack([data.x, 2 * proline]), None, feature_names=(*data.feature_names, "proline twice"))
    features = profiles.features_of(twice, y, 3).set_index(["cluster", "feature"])["told"]
    assert features[0, "proline"] != features[0, "proline twice"]


def test_a_feature_of_0_and_1_is_there_or_not():
    y = np.repeat([0, 1], 20)
    data = Dataset(np.stack([y, np.arange(40) % 2], axis=1).astype(float), None, feature_names=("colour=red", "odd"))
    table = profiles.profile(data, y, 2)
    assert table["description"].tolist() == ["not colour=red", "colour=red"]
    red = profiles.features_of(data, y, 2).iloc[0]
    assert (red["effect"], red["inside"], red["outside"], red["is_binary"]) == (-1, 0, 1, True)


def test_nothing_is_said_where_nothing_sets_a_cluster_apart():
    x = np.random.default_rng(0).normal(size=(600, 4))
    x[:, 3] = 7
    table = profiles.profile(Dataset(x, None), np.arange(600) % 3, 4)
    assert table["description"].tolist() == [""] * 4
    assert table["size"].tolist() == [200, 200, 200, 0] and table["members"][3] == []
    assert (profiles.profile(Dataset(x, None), np.zeros(600, int), 1)["description"] == "").all()


def test_of_many_features_and_samples_those_that_differ_are_found(monkeypatch):
    monkeypatch.setattr(profiles, "MOST", 20)
    monkeypatch.setattr(profiles, "SAMPLE", 300)
    y = np.repeat([0, 1], 200)
    x = np.random.default_rng(0).normal(size=(400, 100)).astype(np.float32)
    x[:, 57] += 3 * y
    features = profiles.features_of(Dataset(x, None), y, 2)
    assert features.iloc[0]["feature"] == "feature 57" and features.iloc[0]["effect"] < -0.9


def test_the_medoid_comes_first_and_images_have_no_features():
    digits = load_digits()
    data, y = Dataset(digits.data, None, image_shape=(8, 8)), digits.target
    members = profiles.members_of(data, y, 10)
    inside = np.flatnonzero(y == 3)
    squared = ((digits.data[inside][:, None] - digits.data[inside]) ** 2).sum(axis=(1, 2))
    assert members[3][0] == inside[squared.argmin()]
    assert profiles.features_of(data, y, 10).empty
    assert (profiles.profile(data, y, 10)["description"] == "").all()


def test_a_table_is_standardised_for_its_members(wine):
    data, y = wine
    scaled = Dataset(minmax_scale(data.x) * [10**i for i in range(13)], None)
    assert profiles.members_of(scaled, y, 3) == profiles.members_of(data, y, 3)


def test_words_that_are_frequent_in_a_cluster_and_rare_elsewhere():
    names = [f"img/{kind}_{i:03}.jpg" for kind in ("cat", "red-dog") for i in range(20)]
    names[3] = "img/dog_003.jpg"
    data, y = words(*names), np.repeat([0, 1], 20)
    terms = profiles.terms_of(data, y, 2)
    assert terms[terms["cluster"] == 0]["term"].tolist() == ["cat"]  # img and jpg are everywhere
    assert set(terms[terms["cluster"] == 1]["term"]) == {"dog", "red"}
    cat = terms.iloc[0]
    assert (cat["inside"], cat["outside"]) == (0.95, 0)
    n_words = 20 * 3 + 20 * 4  # equation 2 of Grootendorst 2022: A is the mean of the two clusters
    assert cat["weight"] == pytest.approx(19 / 60 * np.log(1 + n_words / 2 / 19))
    assert profiles.profile(data, y, 2)["description"].tolist()[0] == "words: cat"


@pytest.mark.parametrize(
    "names",
    [
        [f"{i:04}.png" for i in range(40)],
        [hex(i * 2654435761)[2:] for i in range(1, 41)],
        [f"AAAC{'ACGT'[i % 4] * 4}{'ACGT'[i // 4 % 4] * 4}{'ACGT'[i // 16] * 4}-1" for i in range(40)],
        ["Germany", "France", "Peru", "Chad"] + [f"Country{chr(97 + i)}" for i in range(26)] + ["x"] * 10,
        [""] * 40,
        ["the same name"] * 40,
    ],
    ids=["numbers", "hex", "barcodes", "all different", "empty", "all the same"],
)
def test_names_without_words_that_tell_say_nothing(names):
    assert profiles.terms_of(words(*names), np.arange(40) % 2, 2).empty


def test_features_without_names_are_silent_where_there_are_words():
    y = np.repeat([0, 1], 20)
    x = np.random.default_rng(0).normal(size=(40, 3)) + 9 * y[:, None]
    data = Dataset(x, None, sample_names=("sort a list",) * 20 + ("plot an axis",) * 20)
    assert [text.split()[0] for text in profiles.profile(data, y, 2)["description"]] == ["words:", "words:"]
    named = Dataset(x, None, sample_names=data.sample_names, feature_names=("a", "b", "c"))
    assert "high a" in profiles.profile(named, y, 2)["description"][1]


def test_strangers_names_stay_text(tmp_path):
    """Column names and words as a spreadsheet's formulas, and lists as numbers with blanks."""
    y = np.repeat([0, 1], 20)
    data = Dataset(np.stack([y, 1 - y], axis=1).astype(float), None, feature_names=("=cmd()", EVIL))
    table = profiles.profile(data, y, 2, names=["=1+1", EVIL])
    profiles.as_text(table).to_csv(tmp_path / "profile.csv")
    profiles.as_text(profiles.features_of(data, y, 2)).to_csv(tmp_path / "features.csv", index=False)
    for file in ("profile.csv", "features.csv"):
        cells = pd.read_csv(tmp_path / file, dtype=str, keep_default_na=False).to_numpy().ravel()
        assert not any(str(cell).startswith("=") for cell in cells)
    read = pd.read_csv(tmp_path / "profile.csv", index_col="cluster")
    assert read["name"].tolist() == ["'=1+1", EVIL]
    assert [int(i) for i in read["members"][0].split()] == table["members"][0]


def test_the_rows_on_screen_fit_80_columns(wine):
    data, y = wine
    names = [EVIL * 2, "a\nb\x1b[2J", "wine of cultivar no. 3"]
    lines = profiles.lines(profiles.profile(data, y, 3, names=names, confidence=np.repeat(0.5, 178)))
    assert len(lines) == 4 and max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines) and "a b" in lines[2]
    assert lines[1].split()[0] == "0" and "high proline" in lines[1]
    assert "ar no. 3  " in lines[3]  # both ends of a name
    many = pd.DataFrame({"size": range(50), "share": 0.02, "description": ""}, index=range(50))
    assert len(profiles.lines(many)) == 32 and profiles.lines(many)[-1] == "and 20 more, in profile.csv"
