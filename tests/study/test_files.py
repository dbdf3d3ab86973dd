import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lenet_study.files import (
    check_writable,
    only_writer,
    read_results,
    replacing,
    store_result,
)


def result(number, **more):
    known = {"run": {}, "configuration": {"number": number}, "status": "done"}
    return {"id": f"{number:012}"} | known | more


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "study.jsonl"
    for number in range(3):
        store_result(path, result(number))
    return path


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


def test_what_replaces_a_file_is_on_the_disk_before(tmp_path, monkeypatch):
    calls, replace = [], os.replace
    monkeypatch.setattr(os, "fsync", lambda file: calls.append("fsync"))
    monkeypatch.setattr(
        os, "replace", lambda *a: calls.append("replace") or replace(*a)
    )
    with replacing(tmp_path / "a") as beside:
        beside.touch()
    assert calls == ["fsync", "replace"]


def test_results_are_read_as_they_were_stored(file):
    assert read_results(file) == [result(number) for number in range(3)]
    assert file.read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("notes of mine", 1),
        ("notes of mine\n", 1),
        ("[1, 2]\n", 1),
        ('{"id": "a"}\n', 1),
        (json.dumps(result(0)) + "\n\n" + json.dumps(result(1)) + "\n", 2),
        (json.dumps(result(0)) + "\n" + json.dumps(result(1))[:40] + "\n", 2),
        (json.dumps(result(0)) + "\nnotes of mine", 2),
        (json.dumps(result(0)) + "\n" + json.dumps(result(1))[:40], 2),
    ],
)
def test_something_else_is_refused_by_file_and_line(tmp_path, content, line, message):
    path = tmp_path / "notes.txt"
    path.write_text(content)
    assert f"{path}, line {line}: " in message(read_results, path)
    assert path.read_text() == content


def test_an_empty_file_has_no_results(tmp_path):
    (tmp_path / "empty.jsonl").touch()
    assert read_results(tmp_path / "empty.jsonl") == []


def test_a_store_that_fails_leaves_the_file_as_it_was(file, monkeypatch):
    before = file.read_bytes()

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for number in (1, 3):
        with pytest.raises(OSError, match="No space"):
            store_result(file, result(number))
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


KILLED = """
import os, signal, sys
from pathlib import Path
from lenet_study.files import store_result
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
result = {"id": "4", "run": {}, "configuration": {}, "status": "done"}
store_result(Path(sys.argv[1]), result)
"""


def test_a_process_that_is_killed_leaves_the_file_as_it_was(file):
    before = file.read_bytes()
    package = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, file], cwd=package)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == before


def test_a_result_is_replaced_in_its_place(file):
    store_result(file, result(1, row={"new": True}))
    assert [r["configuration"]["number"] for r in read_results(file)] == [0, 1, 2]
    assert read_results(file)[1]["row"] == {"new": True}
    assert list(file.parent.iterdir()) == [file]


def test_other_lines_stay_byte_for_byte(tmp_path):
    stored = Path(__file__).parents[2] / "data/results/robustness.jsonl"
    file = tmp_path / stored.name
    file.write_bytes(stored.read_bytes())
    store_result(file, result(7))
    added = json.dumps(result(7)) + "\n"
    assert file.read_bytes() == stored.read_bytes() + added.encode()


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
    with pytest.raises(IsADirectoryError, match="new"):
        check_writable(tmp_path / "new")
