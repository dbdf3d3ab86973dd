"""Sweeps on Dask. The commands and settings are those of docs/many-runs.md."""

import dataclasses
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Future
from pathlib import Path

import pytest
from jobs import Waiting

import lenet_keras
from lenet_study.training import sweep as module
from lenet_study.training.run import Run
from lenet_study.training.stored import read_results
from lenet_study.training.sweep import sweep

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")  # which `distributed` needs

TINY = Run("fc-60000", "mnist", train_images=64, overrides={"epochs": 1})
LONG = dataclasses.replace(TINY, train_images=10_000, overrides={"epochs": 4})
PACKAGES = Path(lenet_keras.__file__).parents[1]
TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs/many-runs.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## On a cluster\n")[1].split("\n## ")[0]
COMMANDS, CERTIFICATE = re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)
(SETTINGS,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)

REFUSAL = "Expected a Dask scheduler that answers in .* scheduler="

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::DeprecationWarning"
)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "study.jsonl"


def here(scheme="tcp"):
    """The page's commands for this machine, and the scheduler's address in them."""
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    text = COMMANDS
    for theirs, ours in {
        "192.0.2.1": "127.0.0.2",
        "192.0.2.2": "127.0.0.3",
        ":8786": f":{port}",
        ":8787": ":0",
        "tcp://": f"{scheme}://",
    }.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    scheduler, worker, sweeping = map(shlex.split, lines)
    return scheduler, worker, sweeping[sweeping.index("--scheduler") + 1]


@pytest.fixture
def start(tmp_path):
    """Starts commands of Dask, and kills them at the end."""
    processes = []

    def run(command, packages=PACKAGES, **environment):
        paths = os.pathsep.join(map(str, [packages, TESTS / "helpers"]))
        environment |= {"PYTHONPATH": paths, "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}
        environment |= {"KERAS_BACKEND": "jax"}  # it is imported in half the time
        process = psutil.Popen(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=os.environ | environment,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        kill(process)


def kill(process):
    if process.poll() is None:
        for child in process.children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def waiting(tmp_path):
    """A job, and the files that tell that it has started and that it ends."""
    started, go = tmp_path / "started", tmp_path / "go"
    return Waiting(str(started), str(go)), started, go


def wait_for(fits):
    deadline = time.monotonic() + 60
    while not fits():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listening(process):
    """The addresses and ports where a process and its children can be reached."""
    found = set()
    for each in [process, *process.children(recursive=True)]:
        for socket_ in each.net_connections("inet"):
            if socket_.status in (psutil.CONN_LISTEN, psutil.CONN_NONE):  # TCP, UDP
                found.add(tuple(socket_.laddr))
    return found


def check_addresses(scheduler, worker):
    assert {host for host, _ in listening(scheduler)} == {"127.0.0.2", "127.0.0.1"}
    assert {host for host, _ in listening(worker)} == {"127.0.0.3", "127.0.0.1"}


def test_the_commands_of_the_page_listen_on_the_named_addresses_alone(
    start, output, tmp_path, monkeypatch
):
    scheduler, worker, address = here()
    scheduler, worker = start(scheduler), start(worker)
    job, _, go = waiting(tmp_path)
    go.touch()
    (result,) = sweep([job], output, scheduler=address)
    assert result["status"] == "done"
    check_addresses(scheduler, worker)

    monkeypatch.setattr(module, "PATIENCE", 1)
    for host, port in listening(scheduler):
        if host == "127.0.0.1":  # the dashboard
            with pytest.raises(ConnectionError, match=REFUSAL):
                sweep([job], output, scheduler=f"tcp://{host}:{port}", overwrite=True)


def test_with_the_files_of_the_page_nobody_else_connects(
    start, output, tmp_path, monkeypatch
):
    folders = ours, theirs = tmp_path, tmp_path / "theirs"
    theirs.mkdir()
    for folder in folders:
        command = shlex.split(CERTIFICATE)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        (folder / "tls.yaml").write_text(SETTINGS)
    scheduler, worker, address = here("tls")
    config = str(ours / "tls.yaml")
    scheduler = start(scheduler, DASK_CONFIG=config)
    worker = start(worker, DASK_CONFIG=config)
    settings = dask.config.merge(
        dask.config.config, dask.config.collect(paths=[config], env={})
    )
    job, _, go = waiting(tmp_path)
    go.touch()
    monkeypatch.chdir(ours)
    with dask.config.set(settings):
        assert len(sweep([job], output, scheduler=address)) == 1
    check_addresses(scheduler, worker)

    monkeypatch.chdir(theirs)
    without = address.replace("tls", "tcp")
    for asked, known in [(address, settings), (address, {}), (without, {})]:
        refused = pytest.raises(ConnectionError, match=f"scheduler='{asked}': .*\\w")
        with dask.config.set(known), refused:
            sweep([job], output, scheduler=asked, overwrite=True)


def changed(folder, file):
    """Copies the packages, with another line in a file."""
    for package in ("lenet_keras", "lenet_study"):
        shutil.copytree(PACKAGES / package, folder / package)
    with (folder / file).open("a") as text:
        text.write("\n")
    return folder


def test_a_worker_with_other_code_gets_no_run(start, output, tmp_path):
    scheduler, worker, address = here()
    record = changed(tmp_path / "a", "lenet_keras/pretrained/records.json")
    recipe = changed(tmp_path / "b", "lenet_study/recipes.toml")
    source = changed(tmp_path / "c", "lenet_keras/activations.py")
    (nothing := tmp_path / "d" / "lenet_study").mkdir(parents=True)
    (nothing / "__init__.py").write_text("raise ImportError")
    start(scheduler)
    wrong = [start(worker, path) for path in (record, recipe, nothing.parent)]
    with distributed.Client(address) as client:
        client.wait_for_workers(3)
        names = set(client.scheduler_info()["workers"])
    job, started, go = waiting(tmp_path)
    with pytest.raises(ValueError, match="Expected workers started with this") as error:
        sweep([job], output, scheduler=address)
    assert set(re.findall(r"tcp://[\d.:]+", str(error.value))) == names
    for process in wrong:
        kill(process)

    def later():
        wait_for(started.exists)
        kill(right)
        try:
            start(worker, source).wait(60)  # it leaves
        finally:
            go.touch()
        start(worker)

    right = start(worker)
    thread = threading.Thread(target=later)
    thread.start()
    with pytest.warns(UserWarning, match=r"The worker tcp://127.0.0.3:\d+ leaves"):
        (result,) = sweep([job], output, scheduler=address)
    thread.join()
    assert result["status"] == "done"
    assert len(started.read_text().split()) == 2  # the other worker has not begun it


def test_a_scheduler_that_dies_ends_the_sweep(
    start, output, tmp_path, caplog, monkeypatch
):
    logger = logging.getLogger("distributed.client")
    monkeypatch.setattr(logger, "disabled", False)
    scheduler, worker, address = here()
    scheduler = start(scheduler)
    assert sweep([], output, scheduler=address) == []  # it waits for no worker
    start(worker)
    job, started, _ = waiting(tmp_path)

    def stop():
        wait_for(started.exists)
        kill(scheduler)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(ConnectionError, match=f"Lost the scheduler {address}"):
        sweep([job], output, scheduler=address)
    thread.join()
    assert not output.exists()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        *("", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:port", "localhost:99999"),
        *("tls://127.0.0.1:1", "http://127.0.0.1:80", "ucx://127.0.0.1:1"),
        *("tcp://127.0.0.1:1", "tcp://no.such.name.invalid:8786"),
    ],
)
def test_a_wrong_address_is_refused(output, monkeypatch, address):
    monkeypatch.setattr(module, "PATIENCE", 1)
    with pytest.raises(ConnectionError, match=f"{REFUSAL}'{address}': .*\\w"):
        sweep([Waiting("a", "b")], output, scheduler=address)


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", bytes(99)])
def test_what_is_no_scheduler_is_not_waited_for(output, monkeypatch, greeting):
    monkeypatch.setattr(module, "PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"{REFUSAL}'{address}': .*\\w"):
            sweep([Waiting("a", "b")], output, scheduler=address)
        thread.join()


def test_a_worker_that_dask_gives_up_counts_as_killed(output):
    error = distributed.scheduler.KilledWorker(
        "a run", types.SimpleNamespace(address="tcp://a"), 3
    )
    future = Future()
    future.set_exception(error)
    module._write(output, TINY, future)
    assert "failed: KilledWorker: " in output.with_suffix(".log").read_text()


def test_a_dask_worker_that_is_killed_loses_no_run_and_repeats_none_that_is_done(
    output, caplog, monkeypatch
):
    runs = [dataclasses.replace(LONG, seed=seed) for seed in range(3)]
    killed, told = [], []
    tell = module._Bar.tell

    def keep(bar, run_id, epoch):
        told.append((run_id, epoch))
        tell(bar, run_id, epoch)

    monkeypatch.setattr(module._Bar, "tell", keep)
    with (
        distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill():
            while "has no workers" not in caplog.text:
                time.sleep(0.1)
            cluster.scale(1)
            while not output.exists():
                time.sleep(0.1)
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        results = sweep(runs, output, scheduler=cluster.scheduler_address)
        thread.join()
    assert killed
    assert [result["id"] for result in results] == [run.id for run in runs]
    assert all(result["status"] == "done" for result in results)
    first, *_ = read_results(output)
    assert len(read_results(output)) == 3
    assert {1, 2, 3} <= {epoch for _, epoch in told}  # not only when a run has ended
    assert told.count((first["id"], 1)) == 1
    # Workers on one thread each make what this machine makes.
    again = runs[2].do()["row"]["test_accuracy"]
    assert results[2]["row"]["test_accuracy"] == pytest.approx(again, abs=0.005)
