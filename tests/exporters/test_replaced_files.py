"""Whole files are replaced: readers see the old content or the new, never a part."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from enterspan.exporters._files import replace_file, replace_files


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_is_made_and_replaced_and_nothing_else_is_left(tmp_path):
    replace_file(tmp_path / "a", b"1")
    replace_file(str(tmp_path / "a"), b"2")
    assert content(tmp_path) == {"a": b"2"}


def test_the_permissions_stay(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    replace_file(tmp_path / "a", b"new")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "real" / "a")
    replace_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").is_symlink()
    assert content(tmp_path / "real") == {"a": b"new"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    replace_file(tmp_path / "pipe", b"data")
    reader.join(10)
    assert read == [b"data"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("step", ["open", "chmod", "replace"])
def test_all_files_are_as_they_were_if_one_can_not_be_written(tmp_path, monkeypatch, step):
    for name in "abc":
        (tmp_path / name).write_bytes(b"old")
    whole = getattr(type(tmp_path), step)
    calls = []

    def full(path, *args, **kwargs):
        if path.parent == tmp_path:
            calls.append(path)
        # The first rename would be the first change: a later one is not undone.
        if len(calls) > (0 if step == "replace" else 1):
            raise OSError(28, "No space left on device", str(path))
        return whole(path, *args, **kwargs)

    monkeypatch.setattr(type(tmp_path), step, full)
    with pytest.raises(OSError, match="No space"):
        replace_files({tmp_path / name: b"new" for name in "abc"})
    monkeypatch.undo()
    assert content(tmp_path) == dict.fromkeys("abc", b"old")


@pytest.mark.parametrize(
    "target, error",
    [
        ("folder", IsADirectoryError),
        ("missing/a", FileNotFoundError),
        ("a/b", FileNotFoundError),
        ("", IsADirectoryError),
    ],
)
def test_what_can_not_be_a_file_is_refused_by_its_name(tmp_path, target, error, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error) as caught:
        replace_file(target, b"new")
    assert caught.value.filename == target
    assert content(tmp_path) == {"a": b"old"}
