import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from jobs import Waiting

from conftest import takes_ctrl_c
from lenet_keras.sdlm import DivergenceError
from lenet_study.datasets.sources import DataError
from lenet_study.files import only_writer
from lenet_study.recipes import LADDER, RECIPES
from lenet_study.results import load
from lenet_study.training import run as run_module
from lenet_study.training import sweep as module
from lenet_study.training.run import Run
from lenet_study.training.stored import read_results, store_result
from lenet_study.training.sweep import grid, sweep, tuned
from lenet_study.training.train import Result, train

TINY = Run("fc-60000", "mnist", train_images=64, overrides={"epochs": 1})
LONG = dataclasses.replace(TINY, train_images=10_000, overrides={"epochs": 12})


def seeded(run, seed):
    return dataclasses.replace(run, seed=seed)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "study.jsonl"


@pytest.fixture
def here(monkeypatch):
    """Makes the training a function's, in this process; returns a log of its calls."""
    log = []

    def fake(run, checkpoint=None, callbacks=(), verbose=1):
        rate = run.settings.learning_rate
        log.append((run.recipe, run.dataset, run.seed, rate))
        if run.recipe == "note-002" and run.seed == 1:
            raise DivergenceError("Training diverged")
        if run.recipe == "note-002" and run.seed == 2:
            raise MemoryError("no memory")
        kind = "held_out" if run.held_out else "test"
        row = {
            "dataset": run.dataset,
            "recipe": run.recipe,
            "seed": run.seed,
            f"{kind}_accuracy": 0.9 - abs(rate - 0.003),
            "learning_rate": rate,
            "call": len(log),
        }
        history = pd.DataFrame({"test_loss": [0.125]}, pd.Index([1], name="epoch"))
        return Result(None, history, row)

    def in_this_process(run, output, bar, children):
        tell = lambda epoch: bar.tell(run.id, epoch)  # noqa: E731
        return {"id": run.id} | run.do(progress=tell)

    monkeypatch.setattr(run_module, "train", fake)
    monkeypatch.setattr(module, "_in_child", in_this_process)
    monkeypatch.setattr(module, "ThreadPoolExecutor", lambda _: ThreadPoolExecutor(1))
    return log


def done(output):
    """The recipes and seeds of the results in a file."""
    return [(r["run"]["recipe"], r["run"]["seed"]) for r in read_results(output)]


def test_the_grid_leaves_out_what_has_no_meaning():
    runs = grid(LADDER, ["mnist", "cifar10"], range(5), overrides={"epochs": 2})
    assert len(runs) == (14 + 13) * 5
    assert len({run.id for run in runs}) == len(runs)
    assert {run.epochs for run in runs} == {2}
    assert grid(["adam", "adam"], ["mnist"] * 2, [1, 1]) == [Run("adam", "mnist", 1)]
    recipes = {run.recipe for run in runs if run.dataset == "cifar10"}
    assert recipes == set(LADDER) - {"28x28"}


def test_a_worker_makes_of_a_run_what_train_makes():
    run = dataclasses.replace(
        TINY, seed=3, held_out=14, overrides={"epochs": 2, "learning_rate": 0.002}
    )
    epochs = []
    result = run.do(progress=epochs.append)
    expected = train(run, verbose=0)
    times = {"seconds": 0}
    assert result["row"] | times == expected.row | times
    assert result["status"] == "done"
    assert epochs == [1, 2]
    accuracies = [epoch["held_out_accuracy"] for epoch in result["history"]]
    assert accuracies == expected.history["held_out_accuracy"].tolist()
    assert json.loads(json.dumps(result)) == result


def children():
    """The processes of the jobs that this process does."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        pid, _, state, parent, *_ = status.read_text().split()
        command = status.with_name("cmdline").read_text()
        if int(parent) == os.getpid() and state != "Z" and "training.child" in command:
            found.append(int(pid))
    return found


def test_processes_of_their_own_do_the_runs_and_one_that_is_killed_is_recorded(output):
    runs = [LONG, seeded(TINY, 1)]
    killed = []

    def kill():
        while not output.exists() or not read_results(output):  # the short one is done
            time.sleep(0.1)
        (process,) = children()
        killed.append(process)
        os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    results = sweep(runs, output, workers=2)
    thread.join()
    assert killed
    assert [result["run"]["seed"] for result in results] == [1]
    log = output.with_suffix(".log").read_text()
    assert f"{LONG.name}: failed: ChildProcessError: killed" in log

    checkpoints = output.parent / ".checkpoints"
    (checkpoints / f".1-{LONG.id}.npz").touch()  # as if killed while it wrote
    results = sweep(runs, output, workers=2)  # does the missing one, and only it
    assert [result["id"] for result in results] == [run.id for run in runs]
    assert done(output) == [("fc-60000", 1), ("fc-60000", 0)]
    assert all(result["row"]["test_accuracy"] > 0.1 for result in results)
    assert len(results[0]["history"]) == 12
    assert list(checkpoints.iterdir()) == []


def test_a_process_tells_why_it_failed_and_whose_result_it_has(output, monkeypatch):
    helpers = str(Path(__file__).parents[2] / "helpers")
    paths = [helpers, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    nowhere, here = str(output / "started"), str(output.with_name("started"))
    assert sweep([Waiting(nowhere, here)], output) == []
    log = output.with_suffix(".log").read_text()
    assert "ChildProcessError: FileNotFoundError: " in log
    job = Waiting(here, here)
    assert module._in_child(job, output, None, set())["id"] == job.id


class Stop(KeyboardInterrupt):
    """Ends a sweep, as Ctrl-C does."""


def test_a_run_that_was_stopped_resumes_after_its_last_epoch(output, monkeypatch):
    told, epochs = [], 12  # enough that the run is not over before it is stopped
    run = dataclasses.replace(TINY, overrides={"epochs": epochs})
    tell = module._Bar.tell

    def stop_after_two(bar, run_id, epoch):
        tell(bar, run_id, epoch)
        if epoch == 2:
            for process in children():
                os.kill(process, signal.SIGKILL)

    monkeypatch.setattr(module._Bar, "tell", stop_after_two)
    assert sweep([run], output) == []
    assert len(list((output.parent / ".checkpoints").iterdir())) == 1

    def count(bar, run_id, epoch):
        told.append(epoch)
        tell(bar, run_id, epoch)

    monkeypatch.setattr(module._Bar, "tell", count)
    (result,) = sweep([run], output)
    assert min(told) > 2
    assert [row["epoch"] for row in result["history"]] == list(range(1, epochs + 1))
    expected = train(run, verbose=0).history["test_loss"].tolist()
    assert [row["test_loss"] for row in result["history"]] == expected


def test_the_working_folder_holds_no_code_of_a_run(output, tmp_path, monkeypatch):
    (tmp_path / "lenet_study").mkdir()
    (tmp_path / "lenet_study" / "__init__.py").write_text("1 / 0")
    (tmp_path / "random.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    assert len(sweep([TINY], output)) == 1


def test_a_damaged_checkpoint_is_named_and_the_run_starts_again(output, caplog):
    folder = output.parent / ".checkpoints"
    folder.mkdir()
    path = folder / f"{TINY.id}.npz"
    path.touch()
    assert TINY.do(path)["status"] == "done"
    assert str(path) in caplog.text
    aside = folder / f"aside-{path.name}"
    assert f"is now {aside}; the run starts again" in caplog.text
    assert aside.read_bytes() == b""


def test_what_is_there_is_not_done_again(here, output):
    runs = grid(["fc-300", "adam"], ["mnist"], range(2))
    assert len(sweep(runs[:3], output)) == len(here) == 3
    results = sweep(runs, output)
    assert len(here) == 4
    assert here[3][:3] == ("adam", "mnist", 1)
    assert done(output) == [("fc-300", 0), ("fc-300", 1), ("adam", 0), ("adam", 1)]
    before = output.read_bytes()
    assert sweep(runs, output) == results
    assert len(here) == 4
    assert output.read_bytes() == before


def test_other_settings_under_a_name_are_not_what_is_stored(here, output):
    short = Run("fc-300", "mnist", overrides={"epochs": 2})
    sweep([short], output)
    (result,) = sweep([Run("fc-300", "mnist")], output)
    assert len(here) == 2
    assert result["configuration"].get("epochs") is None  # the recipe's ten
    assert len(load(output)) == 2


def test_a_link_and_its_target_are_one_file(here, output):
    link = output.parent / "link" / "other.jsonl"
    link.parent.mkdir()
    link.symlink_to(output)
    runs = grid(["fc-300"], ["mnist"], range(3))
    sweep(runs[:1], output)
    sweep(runs[:2], link)
    assert len(sweep(runs, output)) == len(here) == 3
    assert link.is_symlink()
    assert [path.name for path in link.parent.iterdir()] == [link.name]


@pytest.mark.parametrize("name", ["study.md", "study", "study.log"])
def test_a_file_of_another_kind_is_not_written(here, output, name, message):
    assert f"{name}'" in message(sweep, [TINY], output.with_name(name))
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("name", [".checkpoints", "study.log"])
def test_what_cannot_be_written_is_found_before_the_first_run(here, output, name):
    place = output.parent / name
    place.symlink_to(place)
    with pytest.raises((OSError, RuntimeError), match=name):
        sweep([TINY], output)
    assert here == []


def test_an_edited_row_is_refused_before_the_first_run(here, output, message):
    sweep([TINY], output)
    row = json.loads(output.read_text())
    row["configuration"]["epochs"] = 7
    output.write_text(json.dumps(row))
    other = seeded(TINY, 1)
    assert f"{output}, line 1" in message(sweep, [TINY, other], output)
    assert json.loads(output.read_text()) == row
    assert len(here) == 1


def test_a_result_that_no_reader_takes_is_a_failure(here, output, monkeypatch):
    bad = Result(None, pd.DataFrame(index=pd.Index([], name="epoch")), {"loss": 1e999})
    monkeypatch.setattr(run_module, "train", lambda *a, **k: bad)
    assert sweep([TINY], output) == []
    assert "Expected a finite number" in output.with_suffix(".log").read_text()
    assert not output.exists()


def test_what_is_done_again_takes_no_checkpoint_of_before(output, monkeypatch):
    run = dataclasses.replace(TINY, overrides={"epochs": 2})
    checkpoint = output.parent / ".checkpoints" / f"{run.id}.npz"
    (before,) = sweep([run], output)
    told, tell = [], module._Bar.tell

    def count(bar, run_id, epoch):
        told.append(epoch)
        tell(bar, run_id, epoch)

    monkeypatch.setattr(module._Bar, "tell", count)
    checkpoint.parent.mkdir(exist_ok=True)
    train(run, checkpoint, verbose=0)  # as if killed before its result was stored
    (again,) = sweep([run], output, overwrite=True)
    assert told == [1, 2, 2]
    assert again["history"][0]["test_loss"] == before["history"][0]["test_loss"]
    assert list(checkpoint.parent.iterdir()) == []


def test_a_stored_row_is_replaced_when_its_successor_is_complete(here, output):
    runs = grid(["fc-300"], ["mnist"], range(3))
    sweep(runs, output)
    before = read_results(output)
    (again,) = sweep(runs[1:2], output, overwrite=True)
    assert again["row"]["call"] == 4
    assert read_results(output) == [before[0], again, before[2]]


def test_a_run_that_fails_leaves_the_stored_row(here, output, monkeypatch):
    (before,) = sweep([TINY], output)

    def failing(*args, **kwargs):
        raise MemoryError("no memory")

    monkeypatch.setattr(run_module, "train", failing)
    assert sweep([TINY], output, overwrite=True) == [before]
    assert "MemoryError: no memory" in output.with_suffix(".log").read_text()


def test_what_is_done_is_kept_when_a_sweep_is_stopped(here, output, monkeypatch):
    def interrupted(futures):
        first = next(iter(futures))
        first.result()
        yield first
        raise KeyboardInterrupt

    fake = run_module.train

    def slow(*args, **settings):
        time.sleep(0.3)
        return fake(*args, **settings)

    monkeypatch.setattr(run_module, "train", slow)
    monkeypatch.setattr(module, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(grid(["fc-300"], ["mnist"], range(20)), output)
    assert len(here) < 20  # what had not begun does not
    assert len(read_results(output)) == 1


def test_a_run_that_diverges_is_a_result_and_not_tried_again(here, output):
    runs = grid(["note-002"], ["mnist"], [0, 1])
    results = sweep(runs, output)
    assert [result["status"] for result in results] == ["done", "diverged"]
    assert results[1]["error"] == "Training diverged"
    table = load(output).set_index("seed")
    assert table["test_accuracy"].notna().to_dict() == {0: True, 1: False}
    assert table["learning_rate"].tolist() == [0.001, 0.001]
    sweep(runs, output)
    assert len(here) == 2


def test_a_run_that_fails_is_logged_and_tried_again(here, output, monkeypatch):
    run = Run("note-002", "mnist", seed=2)
    assert sweep([run], output) == []
    log = output.with_suffix(".log").read_text()
    assert log.endswith("note-002, mnist, seed 2: failed: MemoryError: no memory\n")
    assert not output.exists()
    row = {"seed": 2, "test_accuracy": 0.5}
    fine = Result(None, pd.DataFrame(index=pd.Index([], name="epoch")), row)
    monkeypatch.setattr(run_module, "train", lambda *a, **k: fine)
    assert len(sweep([run], output)) == 1


def test_a_real_divergence_is_a_result():
    run = Run(
        "note-002",
        "mnist",
        train_images=640,
        overrides={"learning_rate": 1e30, "epochs": 1},
    )
    assert run.do()["status"] == "diverged"


@pytest.mark.parametrize("error", [DataError, RecursionError, MemoryError])
def test_another_error_is_no_divergence(monkeypatch, error):
    def missing(*args, **kwargs):
        raise error("nowhere")

    monkeypatch.setattr(run_module, "train", missing)
    with pytest.raises(error):
        TINY.do()


def finished(result=None, error=None):
    future = Future()
    future.set_exception(error) if error else future.set_result(result)
    return future


def test_a_worker_with_other_recipes_has_no_result(output):
    of_another_version = finished({"id": "0" * 12, "status": "done", "row": {}})
    module._write(output, TINY, of_another_version)
    log = output.with_suffix(".log").read_text()
    assert "an id that is the hash of the configuration" in log
    assert not output.exists()


def test_files_of_a_run_are_compressed_beside_the_results(output):
    result = {"id": TINY.id, "status": "done", "row": {"test_accuracy": 0.5}}
    result["files"] = {"answers/a.csv": "label\n7\n"}
    for _ in range(2):
        module._write(output, TINY, finished(dict(result)))
        (file,) = (output.parent / "answers").iterdir()
        assert file.name == "a.csv.gz"
        assert gzip.decompress(file.read_bytes()) == b"label\n7\n"
        other = output.parent / "other"  # of the same content until it is replaced
        assert not other.exists() or other.stat().st_nlink == 1
        other.unlink(missing_ok=True)
        os.link(file, other)
    assert "files" not in read_results(output)[0]


def test_a_result_that_is_not_stored_leaves_its_checkpoint(output, monkeypatch):
    def full(path, result):
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "store_result", full)
    checkpoint = output.parent / ".checkpoints" / f"{TINY.id}.npz"
    checkpoint.parent.mkdir()
    checkpoint.touch()
    with pytest.raises(OSError, match="No space"):
        module._write(output, TINY, finished({"status": "done", "row": {}}))
    assert checkpoint.exists()


def test_a_foreign_file_is_refused_and_left(output, message):
    output.write_text("my notes\n")
    assert f"{output}, line 1" in message(sweep, [TINY], output)
    assert output.read_text() == "my notes\n"


def start_sweep(tmp_path):
    """Starts a sweep whose job lasts until a file is there; it is named `go`."""
    started, output = tmp_path / "started", tmp_path / "study.jsonl"
    job = f"Waiting({str(started)!r}, {str(tmp_path / 'go')!r})"
    script = (
        "from jobs import Waiting\n"
        "from lenet_study.training.sweep import sweep\n"
        f"print(len(sweep([{job}], {str(output)!r}, workers=1)))"
    )
    helpers = str(Path(__file__).parents[2] / "helpers")
    paths = [helpers, *filter(None, [os.environ.get("PYTHONPATH")])]
    return started, subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=takes_ctrl_c,
        text=True,
    )


def test_of_two_sweeps_of_one_run_the_second_waits_and_takes_the_first_ones(tmp_path):
    output = tmp_path / "study.jsonl"
    job = Waiting(str(tmp_path / "started"), str(tmp_path / "go"))
    with only_writer(output):  # as the first sweep
        started, second = start_sweep(tmp_path)
        for line in second.stderr:
            if "Waiting until it ends" in line:
                break
        else:
            pytest.fail("the second sweep did not wait")
        known = {"run": job.request, "configuration": job.configuration}
        store_result(output, {"id": job.id, **known, "status": "done", "row": {}})
    with second:
        assert second.communicate()[0] == "1\n"
    assert not started.exists()  # it was not done again
    assert len(read_results(output)) == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "int"])
def test_no_worker_goes_on_when_the_sweep_has_ended(tmp_path, end):
    started, sweeping = start_sweep(tmp_path)
    with sweeping:
        while not started.exists() or not started.read_text():
            assert sweeping.poll() is None
            time.sleep(0.1)
        worker = int(started.read_text())
        sweeping.send_signal(end)
        sweeping.communicate(timeout=60)
        assert sweeping.returncode != 0
    deadline = time.monotonic() + 30
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not (tmp_path / "study.jsonl").exists()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended but that nobody has asked about is still in the table.
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_the_bar_moves_by_the_epoch_and_starts_where_the_sweep_stopped(
    here, output, capsys, monkeypatch
):
    runs = grid(["fc-300"], ["mnist"], range(4), overrides={"epochs": 3})
    seen = []
    tell = module._Bar.tell

    def told(bar, run_id, epoch):
        tell(bar, run_id, epoch)
        seen.append((bar.n, bar.total))

    monkeypatch.setattr(module._Bar, "tell", told)
    sweep(runs[:2], output)
    assert seen[-1] == (6, 6)

    def in_epochs(run, output, bar, children):
        for epoch in (1, 2):
            bar.tell(run.id, epoch)
        return {"id": run.id} | run.do()

    monkeypatch.setattr(module, "_in_child", in_epochs)
    seen.clear()
    sweep(runs, output)
    assert {(7, 12), (8, 12), (12, 12)} <= set(seen)
    assert "6/12" in capsys.readouterr().err


def test_the_learning_rate_is_the_best_of_three_on_held_out_images(here, output):
    rates = tuned(["fc-300", "1998"], ["mnist"], output)
    assert rates == {("fc-300", "mnist"): 0.003, ("1998", "mnist"): 0.075}
    tried = [rate for recipe, _, _, rate in here if recipe == "fc-300"]
    assert tried == [0.0003, 0.001, 0.003]
    rows = load(output)
    assert set(rows["held_out"]) == {10_000}
    assert set(rows["epochs"]) == {3}
    assert "test_accuracy" not in rows


def test_no_learning_rate_is_chosen_from_runs_that_are_not_there(
    here, output, monkeypatch
):
    def failing(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(run_module, "train", failing)
    with pytest.raises(RuntimeError, match="Received: 0 of 3 runs"):
        tuned(["fc-300"], ["mnist"], output)


def test_a_learning_rate_that_diverges_is_not_chosen(here, output, monkeypatch):
    fake = run_module.train

    def diverging(run, *args, **settings):
        if run.settings.learning_rate > 0.002:
            raise DivergenceError("Training diverged")
        return fake(run, *args, **settings)

    monkeypatch.setattr(run_module, "train", diverging)
    assert tuned(["fc-300"], ["mnist"], output) == {("fc-300", "mnist"): 0.001}


def test_no_two_recipes_are_the_same():
    ids = {Run(name, "mnist").id for name in RECIPES}
    assert len(ids) == len(RECIPES)
