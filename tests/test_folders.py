from pathlib import Path

from filelock import FileLock

from n2d.command import folders


def test_a_finished_run_leaves_no_lock(tmp_path):
    with folders.lock(None, tmp_path):
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_removed_while_it_is_open_is_released(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):  # as Windows does
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "unlink", refuse)
    with folders.lock(None, tmp_path):
        pass
    FileLock(tmp_path / ".lock").acquire(timeout=0)
