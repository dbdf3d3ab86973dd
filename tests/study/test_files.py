import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from lenet_study.files import check_writable, only_writer, replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text(str(1 / 0))
    assert path.read_text() == "old"
    with replacing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one_and_its_target_is_replaced(tmp_path):
    link, target = tmp_path / "link.jsonl", tmp_path / "other" / "target.jsonl"
    target.parent.mkdir()
    link.symlink_to(target)
    check_writable(link)
    for text in ("new", "newer"):
        with replacing(link) as beside:
            assert beside.parent == target.parent  # on the target's file system
            beside.write_text(text)
        assert link.is_symlink()
        assert target.read_text() == text
    lock = FileLock(target.with_name(".target.jsonl.lock"))
    with only_writer(link), pytest.raises(Timeout):
        lock.acquire(timeout=0)


def test_a_full_disk_is_told_with_the_file(tmp_path):
    path = tmp_path / "a.keras"
    full = Path("/dev/full")
    what = r"Expected .*Received: .*a\.keras.*No space left"
    with pytest.raises(OSError, match=what), replacing(path):
        full.write_text("a")
    assert list(tmp_path.iterdir()) == []


def test_what_replaces_a_file_is_on_the_disk_before(tmp_path, monkeypatch):
    calls, replace = [], os.replace
    monkeypatch.setattr(os, "fsync", lambda file: calls.append("fsync"))
    monkeypatch.setattr(
        os, "replace", lambda *a: calls.append("replace") or replace(*a)
    )
    with replacing(tmp_path / "a") as beside:
        beside.touch()
    assert calls == ["fsync", "replace"]


HOLDER = """
import sys, time
from pathlib import Path
from lenet_study.files import only_writer
with only_writer(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_a_second_writer_says_so_and_waits(tmp_path, caplog, end):
    path = tmp_path / "study.jsonl"
    package = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, "3" if end == "ends" else "600"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=package,
    ) as holder:
        assert holder.stdout.readline() == "holds\n"
        if end == "is killed":
            threading.Timer(1, holder.kill).start()
        start = time.monotonic()
        with only_writer(path):
            assert time.monotonic() - start > 0.5
    assert f"Another process writes to {path}. Waiting until it ends." in caplog.text


def test_a_place_that_cannot_be_written_is_found_before(tmp_path):
    check_writable(tmp_path / "new" / "file.keras")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("content")
    check_writable(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "content"
    with pytest.raises(OSError, match="file"):
        check_writable(tmp_path / "file" / "below.keras")
    with pytest.raises(OSError, match=r"Expected the path of a file.*new"):
        check_writable(tmp_path / "new")


def test_what_is_no_file_cannot_be_written(tmp_path):
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    for path in (pipe, loop, Path("/dev/full"), Path("/dev/null")):
        with pytest.raises((OSError, RuntimeError), match=path.name):
            check_writable(path)


def test_that_a_file_can_be_written_is_tried(tmp_path):
    check_writable(tmp_path / ("n" * 200))
    with pytest.raises(OSError, match="name too long"):
        check_writable(tmp_path / ("n" * 254))  # what is written beside has more
    assert list(tmp_path.iterdir()) == []


def test_that_a_file_may_be_changed_is_tried(tmp_path, monkeypatch):
    def refused(path, mode):  # root may write to all
        raise PermissionError(f"Permission denied: {path}")

    monkeypatch.setattr(Path, "open", refused)
    check_writable(tmp_path / "new.log")
    (tmp_path / "old.log").touch()
    with pytest.raises(PermissionError, match=r"old\.log"):
        check_writable(tmp_path / "old.log")
