import dataclasses
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest

from lenet_keras.datasets.sources import DataError
from lenet_keras.experiments import choices
from lenet_keras.experiments import sweep as sweep_module
from lenet_keras.experiments.run import Run, train
from lenet_keras.experiments.sweep import (
    KEYS,
    Unit,
    grid,
    load,
    load_passes,
    run_unit,
    sweep,
    tuned_rates,
)
from lenet_keras.recipes import LADDER, RECIPES
from lenet_keras.sdlm import DivergenceError

TINY = Unit("fc-60000", "mnist", passes=1, train_images=64)
RESULTS = Path(__file__).parents[1] / "data/results"
LONG = dataclasses.replace(TINY, train_images=10_000, passes=12)


class Here(sweep_module.ThreadPoolExecutor):
    """Does the units in this process, in the order in which they are asked for."""

    def __init__(self, workers):
        super().__init__(1)


@pytest.fixture
def here(monkeypatch):
    """Makes the units' training a function's, in this process; returns their log."""
    log = []

    def fake(model, recipe, dataset, seed, **settings):
        log.append((recipe, dataset, seed, settings["learning_rate"]))
        rate = settings["learning_rate"] or RECIPES[recipe].learning_rate
        if recipe == "note-002" and seed == 1:
            raise DivergenceError("Training diverged")
        if recipe == "note-002" and seed == 2:
            raise MemoryError("no memory")
        accuracy = 0.9 - abs(rate - 0.003)
        kind = "held_out" if settings["held_out"] else "test"
        row = {
            "dataset": dataset,
            "recipe": recipe,
            "seed": seed,
            f"{kind}_accuracy": accuracy,
            "learning_rate": rate,
        }
        history = pd.DataFrame({"test_loss": [0.123456789]}, pd.Index([1], name="pass"))
        return Run(None, history, row)

    monkeypatch.setattr(sweep_module, "train", fake)
    monkeypatch.setattr(sweep_module, "ProcessEach", Here)
    return log


def names(folder):
    """The files of units in a folder."""
    found = {path.name for path in folder.iterdir()}
    return sorted(found - {".lock", "runs.csv"})


def test_a_unit_has_another_name_whatever_of_it_changes():
    changes = [
        {"recipe": "fc-300"},
        {"dataset": "cifar10"},
        {"seed": 1},
        {"passes": 2},
        {"learning_rate": 0.002},
        {"train_images": 65},
        {"held_out": 1},
    ]
    units = [TINY, *(dataclasses.replace(TINY, **change) for change in changes)]
    assert len({unit.name for unit in units}) == len(units)
    assert TINY.name.startswith("mnist_fc-60000_seed-0_")


def test_a_unit_has_another_name_when_its_recipe_changes(monkeypatch):
    recipe = RECIPES["fc-60000"]
    seen = {TINY.name}
    for change in (
        {"network": {"hidden": (7,)}},
        {"loss": "categorical_crossentropy"},
        {"optimizer": "SGD"},
        {"pixels": "unit"},
        {"batch_size": 3},
        {"augmentation": "noise"},
        {"schedule": "cosine"},
    ):
        monkeypatch.setitem(RECIPES, "fc-60000", dataclasses.replace(recipe, **change))
        seen.add(TINY.name)
    assert len(seen) == 8


def test_the_name_does_not_depend_on_how_the_same_is_said(monkeypatch):
    said = dataclasses.replace(TINY, learning_rate=RECIPES["fc-60000"].learning_rate)
    assert said.name == TINY.name
    whole = [Unit("fc-300", "mnist", train_images=n) for n in (None, 60_000)]
    assert whole[0].name == whole[1].name
    rates = [dataclasses.replace(TINY, learning_rate=rate) for rate in (1, 1.0)]
    assert rates[0].name == rates[1].name
    other_words = dataclasses.replace(RECIPES["fc-60000"], why="other words")
    monkeypatch.setitem(RECIPES, "fc-60000", other_words)
    assert said.name == TINY.name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"recipe": "none"}, "recipe='none'"),
        ({"dataset": "none"}, "dataset='none'"),
        ({"passes": 0}, "passes=0"),
        ({"passes": 1.5}, "passes=1.5"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"train_images": 0}, "train_images=0"),
        ({"train_images": 60_001}, "train_images=60001"),
        ({"held_out": -1}, "held_out=-1"),
        ({"held_out": 64, "train_images": 64}, "held_out=64, train_images=64"),
        ({"dataset": "cifar10-sample", "held_out": 5_000}, "held_out=5000"),
    ],
)
def test_a_unit_that_cannot_be_is_refused_before_anything_runs(
    arguments, expected, message
):
    arguments = {"recipe": "fc-300", "dataset": "mnist"} | arguments
    assert expected in message(Unit, **arguments)


def test_the_grid_leaves_out_what_has_no_meaning():
    units = grid(LADDER, ["mnist", "cifar10"], range(5), passes=2)
    assert len(units) == (14 + 13) * 5
    assert len(set(units)) == len(units)
    assert {unit.passes for unit in units} == {2}
    assert grid(["adam", "adam"], ["mnist"] * 2, [1, 1]) == [Unit("adam", "mnist", 1)]
    recipes = {unit.recipe for unit in units if unit.dataset == "cifar10"}
    assert recipes == set(LADDER) - {"28x28"}


def test_a_worker_makes_of_a_unit_what_train_makes():
    unit = dataclasses.replace(TINY, seed=3, learning_rate=0.002, held_out=14)
    result = run_unit(unit)
    expected = train(
        "fully_connected",
        "mnist",
        "fc-60000",
        seed=3,
        passes=1,
        learning_rate=0.002,
        train_images=64,
        held_out=14,
        verbose=0,
    )
    times = {"seconds": 0}
    assert result["row"] | times == expected.row | times
    assert result["status"] == "done"
    assert result["configuration"]["network"] == {"hidden": "lenet5"}
    assert result["passes"][0]["held_out_accuracy"] == pytest.approx(
        expected.history["held_out_accuracy"].iloc[0], abs=1e-5
    )
    assert json.loads(json.dumps(result)) == result


def test_processes_of_their_own_do_the_units_and_one_that_is_killed_is_recorded(
    tmp_path,
):
    units = [LONG, dataclasses.replace(TINY, seed=1)]
    killed = []

    def kill():
        while not list(tmp_path.glob("*.json")):  # until the short one is done
            time.sleep(0.1)
        (process,) = multiprocessing.active_children()
        killed.append(process.pid)
        os.kill(process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    rows = sweep(units, tmp_path, workers=2)
    thread.join()
    assert killed
    assert rows["seed"].tolist() == [1]
    record = json.loads((tmp_path / f"{LONG.name}.failed.json").read_text())
    assert record["status"] == "killed"
    assert record["configuration"]["passes"] == 12
    assert not (tmp_path / f"{LONG.name}.json").exists()
    assert (rows["status"] == "done").all()
    assert (rows["test_accuracy"] > 0.1).all()

    rows = sweep(units, tmp_path, workers=2)  # does the missing one, and only it
    assert sorted(rows["seed"]) == [0, 1]
    assert names(tmp_path) == sorted(f"{unit.name}.json" for unit in units)


def test_what_is_there_is_not_done_again(here, tmp_path):
    units = grid(["fc-300", "adam"], ["mnist"], range(2))
    first = sweep(units[:3], tmp_path)
    assert len(here) == len(first) == 3
    rows = sweep(units, tmp_path)
    assert len(here) == 4
    assert here[3] == ("adam", "mnist", 1, None)
    assert sorted(zip(rows["recipe"], rows["seed"], strict=True)) == [
        ("adam", 0),
        ("adam", 1),
        ("fc-300", 0),
        ("fc-300", 1),
    ]
    assert sweep(units, tmp_path).equals(rows)
    assert len(here) == 4
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "runs.csv"), load(tmp_path))
    assert len(load(tmp_path)) == 4


def test_what_is_done_is_kept_when_a_sweep_is_broken_off(here, tmp_path, monkeypatch):
    def interrupted(future_to_unit):
        first = next(iter(future_to_unit))
        first.result()
        yield first
        raise KeyboardInterrupt

    fake = sweep_module.train

    def slow(*args, **settings):
        time.sleep(0.3)
        return fake(*args, **settings)

    monkeypatch.setattr(sweep_module, "train", slow)
    monkeypatch.setattr(sweep_module, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(grid(["fc-300"], ["mnist"], range(20)), tmp_path)
    assert len(here) < 20  # what had not begun does not
    assert len(names(tmp_path)) == 1
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 1


def test_a_unit_that_diverges_is_recorded_and_not_tried_again(here, tmp_path):
    units = grid(["note-002"], ["mnist"], [0, 1])
    rows = sweep(units, tmp_path)
    assert rows.set_index("seed")["status"].to_dict() == {0: "done", 1: "diverged"}
    assert rows.set_index("seed")["test_accuracy"].notna().to_dict() == {
        0: True,
        1: False,
    }
    record = json.loads((tmp_path / f"{units[1].name}.json").read_text())
    assert record["error"] == "Training diverged"
    sweep(units, tmp_path)
    assert len(here) == 2


def test_a_unit_that_fails_is_recorded_and_tried_again(here, tmp_path, monkeypatch):
    unit = Unit("note-002", "mnist", seed=2)
    assert len(sweep([unit], tmp_path)) == 0
    record = json.loads((tmp_path / f"{unit.name}.failed.json").read_text())
    assert (record["status"], record["error"]) == ("failed", "MemoryError: no memory")
    assert len(load(tmp_path)) == 0
    monkeypatch.setattr(
        sweep_module, "train", lambda *a, **k: Run(None, pd.DataFrame(), {"seed": 2})
    )
    assert len(sweep([unit], tmp_path)) == 1
    assert names(tmp_path) == [f"{unit.name}.json"]


def test_a_real_divergence_is_recorded(tmp_path):
    unit = dataclasses.replace(
        TINY, recipe="note-002", train_images=640, learning_rate=1e30
    )
    assert run_unit(unit)["status"] == "diverged"


@pytest.mark.parametrize("error", [DataError, RecursionError, MemoryError])
def test_another_error_is_no_divergence(monkeypatch, here, error):
    def missing(*args, **kwargs):
        raise error("nowhere")

    monkeypatch.setattr(sweep_module, "train", missing)
    with pytest.raises(error):
        run_unit(TINY)


def test_a_worker_with_other_recipes_has_no_result(here, tmp_path):
    def elsewhere(unit):
        return run_unit(unit) | {"name": "mnist_fc-60000_seed-0_of-another-version"}

    assert len(sweep([TINY], tmp_path, do=elsewhere)) == 0
    assert names(tmp_path) == [f"{TINY.name}.failed.json"]
    assert "other recipes" in (tmp_path / f"{TINY.name}.failed.json").read_text()


def finished(result=None, error=None):
    future = Future()
    future.set_exception(error) if error else future.set_result(result)
    return future


def test_a_result_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def fails(path, text, **kwargs):
        with open(path, "w") as file:
            file.write(text[: len(text) // 2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(OSError, match="No space"):
        sweep_module._write(tmp_path, TINY, finished({"name": TINY.name}))
    assert names(tmp_path) == []


def test_what_is_being_written_is_no_result(tmp_path):
    (tmp_path / f".123-{TINY.name}.json").write_text('{"name": ')
    assert len(load(tmp_path)) == 0


def test_the_passes_are_those_of_what_is_done(tmp_path):
    known = dict.fromkeys(KEYS) | {"recipe": "max", "passes": 2}
    for name, seed, status in (("a", 0, "done"), ("b", 1, "diverged")):
        unit = {"name": name, "status": status, "configuration": known | {"seed": seed}}
        if status == "done":
            unit["passes"] = [{"pass": n, "train_accuracy": n / 4} for n in (1, 2)]
        (tmp_path / f"{name}.json").write_text(json.dumps(unit))
    (tmp_path / "c.failed.json").write_text("{}")
    (tmp_path / ".d.json").write_text("{}")
    passes = load_passes(tmp_path)
    assert passes["pass"].tolist() == [1, 2]
    assert passes["train_accuracy"].tolist() == [0.25, 0.5]
    assert passes["recipe"].tolist() == ["max", "max"]
    assert passes["seed"].tolist() == [0, 0]


def test_a_worker_that_dask_gives_up_counts_as_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    error = distributed.scheduler.KilledWorker(
        "a unit", types.SimpleNamespace(address="tcp://a"), 3
    )
    sweep_module._write(tmp_path, TINY, finished(error=error))
    record = json.loads((tmp_path / f"{TINY.name}.failed.json").read_text())
    assert record["status"] == "killed"
    assert "tcp://a" in record["error"]


def test_one_sweep_at_a_time_works_in_a_folder(here, tmp_path, monkeypatch):
    def second(*args, **kwargs):
        sweep([dataclasses.replace(TINY, seed=1)], tmp_path)

    monkeypatch.setattr(sweep_module, "train", second)
    sweep([TINY], tmp_path)
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.failed.*"))
    assert "Expected one sweep at a time in a folder" in record["error"]


SWEEP_THAT_WAITS = """
import os, sys, time
from lenet_keras.experiments import sweep

def wait(unit):
    with open(sys.argv[1], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    unit = sweep.Unit("fc-60000", "mnist", passes=1, train_images=64)
    sweep.sweep([unit], sys.argv[2], workers=1, do=wait)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "int"])
def test_no_worker_goes_on_when_the_sweep_has_ended(tmp_path, end):
    script, started = tmp_path / "waiting_sweep.py", tmp_path / "started"
    script.write_text(SWEEP_THAT_WAITS)
    sweeping = subprocess.Popen(
        [sys.executable, script, started, tmp_path / "results"],
        stderr=subprocess.DEVNULL,
    )
    while not started.exists() or not started.read_text():
        assert sweeping.poll() is None
        time.sleep(0.1)
    worker = int(started.read_text())
    sweeping.send_signal(end)
    assert sweeping.wait(timeout=60) != 0
    deadline = time.monotonic() + 30
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert load(tmp_path / "results").empty


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended but that nobody has asked about is still in the table.
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_the_progress_counts_passes_and_starts_where_it_stopped(here, tmp_path, capsys):
    units = grid(["fc-300"], ["mnist"], range(4), passes=3)
    sweep(units[:2], tmp_path)
    assert "6/6" in capsys.readouterr().err
    sweep(units, tmp_path)
    err = capsys.readouterr().err
    assert "6/12" in err
    assert "12/12" in err


def test_the_rate_is_the_best_of_three_on_held_out_images(here, tmp_path):
    rates = tuned_rates(["fc-300", "1998"], ["mnist"], tmp_path, held_out=7, passes=3)
    assert rates == {("fc-300", "mnist"): 0.003, ("1998", "mnist"): 0.075}
    tried = [rate for recipe, _, _, rate in here if recipe == "fc-300"]
    assert tried == [0.0003, 0.001, 0.003]
    rows = load(tmp_path)
    assert set(rows["held_out"]) == {7}
    assert set(rows["passes"]) == {3}
    assert "test_accuracy" not in rows


def test_no_rate_is_chosen_from_runs_that_are_not_there(here, tmp_path, monkeypatch):
    def failing(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(sweep_module, "train", failing)
    with pytest.raises(RuntimeError, match="Received: 0 of 3 runs"):
        tuned_rates(["fc-300"], ["mnist"], tmp_path)


def test_a_rate_that_diverges_is_not_chosen(here, tmp_path, monkeypatch):
    fake = sweep_module.train

    def diverging(*args, **settings):
        if settings["learning_rate"] > 0.002:
            raise DivergenceError("Training diverged")
        return fake(*args, **settings)

    monkeypatch.setattr(sweep_module, "train", diverging)
    assert tuned_rates(["fc-300"], ["mnist"], tmp_path) == {("fc-300", "mnist"): 0.001}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_dask_workers_do_the_units_and_one_that_is_killed_loses_none(tmp_path):
    distributed = pytest.importorskip("distributed")
    short = dataclasses.replace(LONG, passes=5)
    units = [dataclasses.replace(short, seed=seed) for seed in range(4)]
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = client.run(os.getpid)
        assert len(set(pids.values()) - {os.getpid()}) == 2

        def kill():
            while not list(tmp_path.glob("*.json")):
                time.sleep(0.1)
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            killed.append(busy[0])
            os.kill(pids[busy[0]], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        rows = sweep(units, tmp_path, scheduler=cluster.scheduler_address)
        thread.join()
    assert killed
    assert sorted(rows["seed"]) == [0, 1, 2, 3]
    assert (rows["status"] == "done").all()
    assert names(tmp_path) == sorted(f"{unit.name}.json" for unit in units)
    # Workers on one thread each make what this machine makes.
    again = run_unit(units[2])["row"]["test_accuracy"]
    by_seed = rows.set_index("seed")["test_accuracy"]
    assert by_seed[2] == pytest.approx(again, abs=0.005)


def test_a_scheduler_that_is_not_there_is_an_error(tmp_path):
    dask = pytest.importorskip("dask")
    with (
        socket.socket() as free,
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
    ):
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(OSError, match=f"connect to {address}"):
            sweep([TINY], tmp_path, scheduler=address)


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in RESULTS.glob("*/*.json")}),
    ids=lambda folder: folder.name,
)
def test_stored_results_have_the_names_of_todays_recipes(folder):
    assert set(choices.CANDIDATES) <= set(RECIPES)
    for path in folder.glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        configuration = result["configuration"]
        fields = {field.name for field in dataclasses.fields(Unit)}
        unit = Unit(**{name: configuration[name] for name in fields})
        assert f"{unit.name}.json" == path.name
        assert json.loads(json.dumps(unit.configuration)) == configuration
