import io
import re
import sys
import time

import pytest

from n2d.method import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Steps(list):
    __hash__ = object.__hash__


def test_a_stage_is_told_when_it_starts_and_its_time_when_it_is_over(capsys):
    seconds = {"fit": 1.0}
    with progress.stage("fit", "of a thing", seconds):
        assert capsys.readouterr().out == f"fit        {'of a thing':<57}"
    assert capsys.readouterr().out == "      0.0 s\n" and seconds["fit"] > 1


def test_a_long_description_has_several_lines(capsys):
    description = "of a thing that takes more words to describe than a screen has columns"
    with progress.stage("fit", description, {}):
        pass
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(lines).split()) == f"fit {description} 0.0 s"
    assert len(lines) == 2 and max(map(len, lines)) <= 80


def test_on_a_terminal_the_line_is_whole_whatever_came_between(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    with progress.stage("fit", "of a thing", {}):
        print("\r a bar", end="")
    last = sys.stdout.getvalue().split("\r")[-1]
    assert last.startswith("fit        of a thing") and last.endswith(" 0.0 s\n") and len(last) <= 80


def test_on_a_terminal_a_stage_without_a_bar_counts_its_seconds(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(progress, "SECOND", 0.01)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.stage("fit", "of a thing", {}):
        with progress.bar(total=2, description="steps"):
            time.sleep(0.05)
            shown = sys.stdout.getvalue()
            time.sleep(0.1)
            assert sys.stdout.getvalue() == shown
        time.sleep(0.1)
        assert sys.stdout.getvalue().count("\rfit        of a thing") >= 2
        assert sys.stdout.getvalue().endswith(" 0 s")  # so far
    ended = sys.stdout.getvalue()
    time.sleep(0.05)
    assert sys.stdout.getvalue() == ended and re.search(r" 0\.\d s\n$", ended)


def test_a_stage_that_fails_leaves_its_line(capsys):
    with pytest.raises(KeyError), progress.stage("fit", "", seconds := {}):
        raise KeyError
    assert capsys.readouterr().out.endswith("\n") and not seconds


def test_in_silence_only_the_time_is_kept(capsys):
    with progress.stage("fit", "", seconds := {}, verbose=False):
        pass
    assert capsys.readouterr().out == "" and list(seconds) == ["fit"]


@pytest.mark.parametrize(("place", "shown"), [("terminal", True), ("notebook", True), ("file", False)])
@pytest.mark.parametrize("verbose", [True, False])
def test_a_bar_is_where_a_person_looks(monkeypatch, place, shown, verbose):
    kept = []
    monkeypatch.setattr(progress, "tqdm", lambda steps, **settings: kept.append(settings) or Steps(steps))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: place == "terminal", raising=False)
    if place == "notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert list(progress.bar(range(3), description="epochs", verbose=verbose, unit="epoch")) == [0, 1, 2]
    assert kept == [{"desc": "epochs", "leave": False, "disable": not (shown and verbose), "unit": "epoch"}]


def test_a_program_without_a_console_has_stages_and_no_bar(monkeypatch):
    """None is what Python has for the streams of pythonw and of many services."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with progress.stage("fit", "of a thing", seconds := {}):
        assert list(progress.bar(range(3), description="steps")) == [0, 1, 2]
    assert "fit" in seconds
