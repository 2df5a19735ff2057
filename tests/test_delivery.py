import json

import pytest

from n2d.command.delivery import Delivery


def deliver(folder, *names, keep=None):
    delivered = Delivery(folder, keep)
    with delivered.at_once() as new:
        for name in ("metrics.json", *names):
            (new / name).write_text("{}")
    return delivered


def test_what_is_not_whole_takes_nothing_away(tmp_path):
    deliver(tmp_path, "clusters.csv", "history.png")
    with pytest.raises(RuntimeError), Delivery(tmp_path).at_once() as new:
        (new / "clusters.csv").write_text("half")
        raise RuntimeError
    assert {path.name for path in tmp_path.iterdir()} == {"clusters.csv", "history.png", "metrics.json"}
    assert (tmp_path / "clusters.csv").read_text() == "{}"


def test_files_of_an_earlier_run_go_and_others_stay(tmp_path):
    deliver(tmp_path, "clusters.csv", "raw.png", "history.png")
    (tmp_path / "raw.txt").touch()
    delivered = deliver(tmp_path, "clusters.csv", keep=tmp_path / "history.png")
    assert {path.name for path in tmp_path.iterdir()} == {"clusters.csv", "metrics.json", "raw.txt", "history.png"}
    assert sorted(delivered.names) == ["clusters.csv", "metrics.json"]


def test_a_folder_that_no_run_has_written_to_is_left_alone(tmp_path):
    (tmp_path / "raw.png").touch()
    deliver(tmp_path, "clusters.csv")
    assert (tmp_path / "raw.png").exists()


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"files": 3}', '{"files": [1]}'])
def test_a_strange_record_removes_nothing(tmp_path, record):
    (tmp_path / "metrics.json").write_text(record)
    (tmp_path / "raw.png").touch()
    deliver(tmp_path, "clusters.csv")
    assert (tmp_path / "raw.png").exists()


def test_no_record_reaches_out_of_its_folder(tmp_path):
    folder = tmp_path / "run"
    (folder / "sub").mkdir(parents=True)
    for path in (tmp_path / "mine.txt", folder / "sub/mine.txt"):
        path.touch()
    names = ["../mine.txt", "sub/mine.txt", "sub", "..", str(tmp_path / "mine.txt")]
    (folder / "metrics.json").write_text(json.dumps({"files": names}))
    deliver(folder, "clusters.csv")
    assert (tmp_path / "mine.txt").exists() and (folder / "sub/mine.txt").exists()


def test_the_listing_begins_with_what_to_open(tmp_path):
    lines = deliver(tmp_path, "explore.html", "clusters.csv", "a-n2d.png").listing("a").splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["explore.html", "clusters.csv", "a-n2d.png", "metrics.json"]
    assert lines[-1] == f"open this first: {tmp_path / 'explore.html'}"
