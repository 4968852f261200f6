"""Whole files are replaced: readers see the old content or the new, never a part."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from enterspan.exporters._files import replace_files


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_is_made_and_replaced_and_nothing_else_is_left(tmp_path):
    replace_files({tmp_path / "a": b"1"})
    replace_files({str(tmp_path / "a"): b"2"})
    assert content(tmp_path) == {"a": b"2"}


def test_the_permissions_stay(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    replace_files({tmp_path / "a": b"new"})
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "real" / "a")
    replace_files({tmp_path / "a": b"new"})
    assert (tmp_path / "a").is_symlink()
    assert content(tmp_path / "real") == {"a": b"new"}


def test_no_temporary_file_can_be_read_by_more_than_its_target(tmp_path, monkeypatch):
    """Looked at when its content is written, and before it is renamed."""
    seen = []
    rename = Path.replace
    before = os.umask(0o022)

    def look(path, *args):
        seen.extend(stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir())
        return rename(path, *args)

    try:
        (tmp_path / "a").write_bytes(b"old")
        (tmp_path / "a").chmod(0o600)
        monkeypatch.setattr(Path, "replace", look)
        replace_files({tmp_path / "a": b"new"})
        monkeypatch.setattr(Path, "chmod", lambda path, mode: look(path, path))
        replace_files({tmp_path / "a": b"newer"})
    finally:
        os.umask(before)
    assert set(seen) == {0o600}
    assert content(tmp_path) == {"a": b"newer"}


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
def test_standard_output_goes_on_after_what_was_written(script):
    """It may be a file: that is neither replaced nor emptied."""
    done = script(
        """
        import os, subprocess, sys
        code = (
            "import sys; from enterspan.exporters._files import replace_files;"
            "print('before', flush=True); replace_files({'/dev/stdout': b'data\\\\n'});"
            "print('after')"
        )
        with open("out", "w") as out:
            subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
        print(open("out").read(), end="")
        """
    )
    assert (done.stdout, done.stderr) == ("before\ndata\nafter\n", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    replace_files({tmp_path / "pipe": b"data"})
    reader.join(10)
    assert read == [b"data"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    "step, failing", [("open", 2), ("chmod", 2), *[("replace", n) for n in (1, 2, 3)]]
)
@pytest.mark.parametrize("hard_links", [True, False])
def test_all_files_are_as_they_were_if_one_can_not_be_written(
    tmp_path, monkeypatch, step, failing, hard_links
):
    """The new ones are gone, and the others have what they had, and their permissions."""
    for name in "bc":
        (tmp_path / name).write_bytes(b"old")
        (tmp_path / name).chmod(0o640)
    owner = os if step == "open" else type(tmp_path)
    whole = getattr(owner, step)
    calls = []

    def full(path, *args, **kwargs):
        if Path(path).parent == tmp_path:
            calls.append(path)
        if len(calls) == failing:
            raise OSError(28, "No space left on device", str(path))
        return whole(path, *args, **kwargs)

    def no_link(path, name):
        raise OSError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(owner, step, full)
    if not hard_links:
        monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(OSError, match="No space"):
        replace_files({tmp_path / name: b"new" for name in "abc"})
    monkeypatch.undo()
    assert content(tmp_path) == dict.fromkeys("bc", b"old")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


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
        replace_files({target: b"new"})
    assert caught.value.filename == target
    assert content(tmp_path) == {"a": b"old"}
