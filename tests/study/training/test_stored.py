import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lenet_study.training.job import identity
from lenet_study.training.run import Run
from lenet_study.training.stored import read_results, store_result

PACKAGE = Path(__file__).parents[3]


def result(number, **more):
    known = {"run": {}, "configuration": {"number": number}, "status": "done"}
    return {"id": identity(known["configuration"]), "row": {}} | known | more


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "study.jsonl"
    for number in range(3):
        store_result(path, result(number))
    return path


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
        (json.dumps(result(0)).replace('"row"', '"rows"'), 1),
        (json.dumps(result(0)) + "\n\n" + json.dumps(result(1)) + "\n", 2),
        (json.dumps(result(0)) + "\n" + json.dumps(result(1))[:40] + "\n", 2),
        (json.dumps(result(0)) + "\nnotes of mine", 2),
        (100_000 * "[", 1),
        (json.dumps(result(0)) + "\n" + json.dumps(result(0, row={"new": 1})), 2),
        (json.dumps(result(0)) + "\n" + json.dumps(result(1))[:40], 2),
    ],
)
def test_something_else_is_refused_by_file_and_line(tmp_path, content, line, message):
    path = tmp_path / "notes.txt"
    path.write_text(content)
    assert f"{path}, line {line}" in message(read_results, path)
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
from lenet_study.training.job import identity
from lenet_study.training.stored import store_result
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
result = {"id": identity({}), "run": {}, "configuration": {}}
result |= {"status": "done", "row": {}}
store_result(Path(sys.argv[1]), result)
"""


def test_a_process_that_is_killed_leaves_the_file_as_it_was(file):
    before = file.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, file], cwd=PACKAGE)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == before


def test_a_result_is_replaced_in_its_place(file):
    store_result(file, result(1, row={"new": True}))
    assert [r["configuration"]["number"] for r in read_results(file)] == [0, 1, 2]
    assert read_results(file)[1]["row"] == {"new": True}
    assert list(file.parent.iterdir()) == [file]


def test_other_lines_stay_byte_for_byte(tmp_path):
    stored = PACKAGE / "data/results/robustness.jsonl"
    file = tmp_path / stored.name
    file.write_bytes(stored.read_bytes())
    store_result(file, result(7))
    added = json.dumps(result(7)) + "\n"
    assert file.read_bytes() == stored.read_bytes() + added.encode()


def trained(**changes):
    """A line of a trained run, with some of it replaced."""
    run = Run("adam", "mnist", held_out=100, overrides={"epochs": 2})
    row = {"dataset": "mnist", "held_out_accuracy": 0.5, "seconds": 1.5}
    known = {"id": run.id, "run": run.request, "configuration": run.configuration}
    history = [{"epoch": 1, "train_accuracy": 0.25}]
    return known | {"status": "done", "row": row, "history": history} | changes


OTHER = Run("adam", "mnist", held_out=100, overrides={"epochs": 3})
WRONG = {
    "another id": {"id": "0" * 12},
    "edited settings": {"configuration": trained()["configuration"] | {"epochs": 3}},
    "another run": {"id": OTHER.id, "configuration": OTHER.configuration},
    "no configuration": {"configuration": 3},
    "a number as configuration": {"id": identity(3), "run": {}, "configuration": 3},
    "an unknown setting": {"run": trained()["run"] | {"wings": 2}},
    "a run that is none": {"run": 7},
    "no status": {"status": None},
    "another status": {"status": "running"},
    "no row": {"row": None},
    "a row of words": {"row": "good"},
    "a row of nothing": {"row": {}},
    "a row of what diverged": {"status": "diverged"},
    "a row with an id": {"row": {"held_out_accuracy": 0.5, "id": "7"}},
    "another data set": {"row": {"dataset": "cifar10"}},
    "another seed": {"row": {"seed": 7}},
    "another rate": {"row": {"learning_rate": 0.5}},
    "an accuracy of 7": {"row": {"held_out_accuracy": 7}},
    "an error below 0": {"rejection": [{"rejected": 1.0, "error": -0.1}]},
    "an accuracy below 0": {"history": [{"train_accuracy": -0.1}]},
    "an accuracy in words": {"row": {"held_out_accuracy": "good"}},
    "not a number": {"row": {"seconds": float("nan")}},
    "infinite": {"row": {"seconds": -float("inf")}},
    "a list of numbers": {"history": [1, 2]},
    "a number for a list": {"history": 5},
}


for WRONG_ROW in ("another data set", "another seed", "another rate", "not a number"):
    WRONG[WRONG_ROW]["row"]["held_out_accuracy"] = 0.5


def test_a_measurement_is_of_what_was_asked(tmp_path, message):
    stored = PACKAGE / "data/results/robustness.jsonl"
    lines = [json.loads(line) for line in stored.read_text().splitlines()]
    path = tmp_path / "robustness.jsonl"
    lines[0]["run"]["network"] = lines[1]["run"]["network"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert f"{path}, line 1: " in message(read_results, path)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_line_that_cannot_be_is_refused_by_who_reads_and_who_writes(
    tmp_path, wrong, message
):
    path = tmp_path / "study.jsonl"
    good, bad = result(0), trained(**WRONG[wrong])
    path.write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n")
    assert f"{path}, line 2: " in message(read_results, path)
    path.unlink()
    store_result(path, good)
    before = path.read_bytes()
    message(store_result, path, bad)
    assert path.read_bytes() == before


def test_a_number_that_is_too_large_is_refused(tmp_path, message):
    path = tmp_path / "study.jsonl"
    path.write_text(json.dumps(trained()).replace("1.5", "1e999"))
    assert f"{path}, line 1: " in message(read_results, path)


def test_what_a_training_wrote_is_taken(tmp_path):
    store_result(tmp_path / "study.jsonl", trained())
    assert read_results(tmp_path / "study.jsonl") == [trained()]


def test_a_last_line_without_its_end_stays(file):
    file.write_bytes(file.read_bytes()[:-1])
    store_result(file, result(9))
    assert [r["configuration"]["number"] for r in read_results(file)] == [0, 1, 2, 9]


def test_equal_lines_count_once(file):
    file.write_bytes(2 * file.read_bytes())
    assert read_results(file) == [result(number) for number in range(3)]
