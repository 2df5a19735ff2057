import numpy as np
import pytest

import n2d


def test_inspect_says_what_is_understood_of_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(",age,n,kind\nann,0,100,x\nbob,1,200,y\ncid,2,300,x\n")
    n2d.main(["inspect", "a.csv", "--label_column=kind"])
    assert capsys.readouterr().out.splitlines() == [
        "a.csv: 3 samples, 2 features, 2 classes; features: 2 whole; separated by commas;",
        "  left out: the first column, which has no name",
        "scale: standard, of numbers from 0 to 300",
        "features: age, n",
        "names of samples: ann, bob, cid",
        "classes: x (2), y (1)",
    ]
    np.save(tmp_path / "b.npy", np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    n2d.main(["inspect", f"{tmp_path}/b.npy"])
    assert "scale: 255, of numbers from 0 to 59\nimage shape: 4 x 5\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        n2d.main(["inspect", f"{tmp_path}/c.npy"])
    assert stop.value.code == 2 and "n2d.py inspect: error: " in capsys.readouterr().err


def test_names_with_line_breaks_stay_on_their_line(tmp_path, capsys):
    (tmp_path / "a.csv").write_text('"a\nb",kind\n1,"x\ny"\n2,"x\ny"\n')
    n2d.main(["inspect", f"{tmp_path}/a.csv", "--label_column=kind"])
    assert capsys.readouterr().out.splitlines()[-2:] == ["features: a b", "classes: x y (2)"]
