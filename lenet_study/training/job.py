"""A job: what one line of a results file is the result of."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
from importlib.metadata import version

import keras

from lenet_study.settings import CHECKOUT, PACKAGE


class Job:
    """A training, or a measurement of a trained network.

    Each kind of job is a frozen dataclass. Its fields are JSON values, so that a job
    can be sent to another process. It defines `configuration`, `do`, and `dataset`, the
    name of the data set that the job needs.

    Attributes:
        epochs: Number of epochs that it tells `do`'s `progress`.
    """

    epochs = 1

    @property
    def request(self):
        """What was asked for: the fields that are given."""
        fields = dataclasses.asdict(self).items()
        return {name: value for name, value in fields if value is not None}

    @property
    def configuration(self):
        """All settings that determine the result, as JSON values."""
        return self.request

    @property
    def id(self):
        """The identity, a hash of the configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """The request in words."""
        return ", ".join(f"{name} {value}" for name, value in self.request.items())

    def do(self, checkpoint=None, progress=None):
        """Does the job.

        Args:
            checkpoint: Optional path of a file from which the job can resume.
            progress: Optional function of the number of epochs that are done.

        Returns:
            Dictionary of JSON values: `status`, `"done"` or `"diverged"`; the `row` of
            results, or the `error`; and what else the job measures. Its `files` map the
            path of a file beside the results file to its text.
        """


def identity(configuration):
    """Returns the identity of a configuration, twelve digits of its SHA-256.

    Args:
        configuration: Dictionary of JSON values that differ from the defaults.
    """
    text = json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_SOURCES = [
    path
    for package in (PACKAGE, PACKAGE.with_name("lenet_keras"))
    for path in package.rglob("[!.]*.*")
    if path.suffix in (".py", ".toml", ".json")
]
# The identity of both packages' code, with the tables, the codes, and the records of
# the trained weights. It is that of the import: what changes on the disk later is not
# what this process runs. It does not see a module that is imported after a change, nor
# the versions of Python, Keras and the backend. Each result names those.
_ROOT = PACKAGE.parent
CODE = identity({str(p.relative_to(_ROOT)): p.read_text("utf-8") for p in _SOURCES})


@functools.cache
def versions():
    """Returns the versions of the code, and the commit of a checkout."""
    commit = None
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    if CHECKOUT and (CHECKOUT / ".git").exists() and shutil.which("git"):
        # Git's variables, as in a hook, would name another repository.
        env = {n: own for n, own in os.environ.items() if not n.startswith("GIT_")}
        asked = {"cwd": CHECKOUT, "env": env, "capture_output": True, "text": True}
        done = subprocess.run(describe, **asked)
        commit = done.stdout.strip() or None
    backend = keras.backend.backend()
    return {
        "lenet_keras": version("lenet_keras"),
        "commit": commit,
        "python": platform.python_version(),
        "keras": keras.version(),
        "backend": f"{backend} {version(backend)}",
    }


def one_thread():
    """Limits each operation to one thread, if TensorFlow has not started yet.

    One pattern has too little work for two threads: updates with two threads take a
    quarter longer.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
