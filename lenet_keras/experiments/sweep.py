"""Many runs: a grid of recipes, data sets and seeds, on this machine or on a cluster.

Each run is a *unit*: it is known by its complete configuration, done by a worker, and
its result is written by the one process that has started the sweep, whole or not at
all. So nothing is lost when a worker dies, and nothing is counted twice.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import threading
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from numbers import Integral
from pathlib import Path

import keras
import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from lenet_keras.experiments.run import DATASETS, TRAIN_IMAGES, settings_of, train
from lenet_keras.files import replacing
from lenet_keras.recipes import RECIPES, WITHOUT_MEANING
from lenet_keras.sdlm import DivergenceError
from lenet_keras.sdlm.compiled import one_thread


@dataclasses.dataclass(frozen=True)
class Unit:
    """One run of a sweep, as `lenet_keras.experiments.run.train` takes it.

    Attributes:
        recipe: Name of one of `lenet_keras.recipes.RECIPES`, which names the network.
        dataset: Name of the data set.
        seed: Integer of 0 or more.
        passes: Positive integer; by default the recipe's.
        learning_rate: Positive number; by default the recipe's.
        train_images: Number of training images, the first ones; by default all.
        held_out: Number of those, the last ones, that are measured on and not
            trained on.

    Raises:
        ValueError: If there is no such recipe or data set, or a number is out of its
            range.
    """

    recipe: str
    dataset: str
    seed: int = 0
    passes: int | None = None
    learning_rate: float | None = None
    train_images: int | None = None
    held_out: int = 0

    def __post_init__(self):
        if self.recipe not in RECIPES:
            raise ValueError(
                f"Expected a recipe among {list(RECIPES)}. "
                f"Received: recipe={self.recipe!r}"
            )
        if self.dataset not in DATASETS:
            raise ValueError(
                f"Expected a dataset among {list(DATASETS)}. "
                f"Received: dataset={self.dataset!r}"
            )
        for name in ("seed", "passes", "train_images", "held_out"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, Integral) or value < 0):
                raise ValueError(
                    f"Expected an integer of 0 or more. Received: {name}={value}"
                )
        available = TRAIN_IMAGES[self.dataset]
        used = available if self.train_images is None else self.train_images
        if not 0 <= self.held_out < used <= available:
            raise ValueError(
                f"Expected 0 <= held_out < train_images <= {available}. Received: "
                f"held_out={self.held_out}, train_images={self.train_images}"
            )
        # One configuration has one name, however it is said.
        if used == available:
            object.__setattr__(self, "train_images", None)
        rate = self.settings.learning_rate  # refused if it is not positive
        if self.learning_rate is not None:
            object.__setattr__(self, "learning_rate", float(rate))

    @property
    def settings(self):
        """The recipe, with this unit's passes and rate in place of its own."""
        return settings_of(
            RECIPES[self.recipe].model, self.recipe, self.passes, self.learning_rate
        )

    @property
    def configuration(self):
        """What the result follows from, beside the code, as a dictionary."""
        settings = dataclasses.asdict(self.settings)
        del settings["why"]
        settings["loss"] = keras.saving.serialize_keras_object(self.settings.loss)
        return settings | {
            "recipe": self.recipe,
            "dataset": self.dataset,
            "seed": self.seed,
            "train_images": self.train_images,
            "held_out": self.held_out,
        }

    @property
    def name(self):
        """The name of its result: what it is in short, and a hash of all of it."""
        text = json.dumps(self.configuration, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        recipe = re.sub(r"[^\w.]+", "-", self.recipe)
        return f"{self.dataset}_{recipe}_seed-{self.seed}_{digest}"


def grid(recipes, datasets, seeds, learning_rates=None, **settings):
    """Returns the units of all recipes on all data sets with all seeds.

    What has no meaning, such as padding CIFAR-10's images from 28x28 pixels, is left
    out.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        seeds: Integers.
        learning_rates: Optional function of recipe and data set that returns the
            rates to run; by default the recipe's own.
        **settings: The same for all: `passes`, `train_images`, `held_out`.

    Returns:
        List of `Unit`.
    """
    units = [
        Unit(recipe, dataset, seed, learning_rate=rate, **settings)
        for dataset, recipe, seed in itertools.product(datasets, recipes, seeds)
        if (recipe, dataset) not in WITHOUT_MEANING
        for rate in (learning_rates(recipe, dataset) if learning_rates else [None])
    ]
    return list(dict.fromkeys(units))  # whatever was named twice, once


# The seed is the whole process's: two trainings side by side would mix theirs.
ONE_AT_A_TIME = threading.Lock()


def run_unit(unit, look=None):
    """Does one unit: what a worker is sent.

    Args:
        unit: `Unit`.
        look: Optional function of the unit and the trained model that returns a
            dictionary of more results.

    Returns:
        Dictionary of the unit's `name` and `configuration`, its `status`, `"done"` or
        `"diverged"`, and either `row` and `passes`, as `train` has them, or the
        `error`.
    """
    one_thread()  # several units at once are faster than one on several threads
    result = {"name": unit.name, "configuration": unit.configuration}
    try:
        with ONE_AT_A_TIME:
            run = train(unit.settings.model, verbose=0, **dataclasses.asdict(unit))
    except DivergenceError as error:
        return {**result, "status": "diverged", "error": str(error)}
    passes = run.history.round(5).reset_index().to_dict(orient="records")
    result |= {"status": "done", "row": run.row, "passes": passes}
    return result | (look(unit, run.model) if look else {})


def sweep(units, output, workers=2, scheduler=None, do=run_unit):
    """Does the units whose results are not there yet.

    In the folder `output`, under the unit's name, it writes

    - `.json`: the configuration, the row and the passes of a unit that is done, or
      the error of one that diverged, which would diverge again;
    - `.failed.json`: why a unit has no result: an error, or a worker that was killed.
      The next sweep tries it again.

    At the end it writes `runs.csv`, one row a unit that the folder has a result of.

    Args:
        units: List of `Unit`.
        output: Folder; it is made if it is not there.
        workers: Positive integer: units at once on this machine, each in a process of
            its own on one thread.
        scheduler: Optional address of a Dask scheduler, such as
            `"tcp://192.0.2.1:8786"`, whose workers do the units instead; it needs
            `distributed`, the package's extra `cluster`. The workers need this
            package in the same version, one thread each, and load the data sets from
            their own data folders; only configurations and results travel.
        do: Function of a module that does a unit; by default `run_unit`.

    Returns:
        What `load` returns of these units.

    Raises:
        OSError: If the folder cannot be written to, or the scheduler not be reached.
        RuntimeError: If another sweep is at work in the folder.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output / ".lock", timeout=0)
    try:
        with lock:
            return _sweep(list(dict.fromkeys(units)), output, workers, scheduler, do)
    except Timeout:
        raise RuntimeError(
            f"Expected one sweep at a time in a folder. Received: output={output}"
        ) from None


def _sweep(units, output, workers, scheduler, do):
    missing = [unit for unit in units if not (output / f"{unit.name}.json").exists()]
    total = sum(unit.settings.passes for unit in units)
    left = sum(unit.settings.passes for unit in missing)
    bar = tqdm(total=total, initial=total - left, unit="pass", desc=output.name)
    with bar, _executor(workers, scheduler) as executor:
        futures = {executor.submit(do, unit): unit for unit in missing}
        try:
            for future in as_completed(futures):
                _write(output, futures[future], future)
                bar.update(futures[future].settings.passes)
        finally:
            for future in futures:
                future.cancel()  # when it is broken off, what has not begun
            with replacing(output / "runs.csv") as file:
                load(output).to_csv(file, index=False)
    return load(output, units)


@contextlib.contextmanager
def _executor(workers, scheduler):
    """Gives a `concurrent.futures.Executor` on this machine or on a cluster."""
    if scheduler is None:
        with ProcessEach(workers) as executor:
            try:
                yield executor
            except BaseException:
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
        return
    from distributed import Client

    with Client(scheduler) as client, client.get_executor(pure=False) as executor:
        try:
            yield executor
        except CancelledError:
            raise ConnectionError(f"Lost the scheduler {scheduler}") from None


class ProcessEach(ThreadPoolExecutor):
    """Does each call in a process of its own: one that dies takes no other with it."""

    def submit(self, function, *args):
        """Schedules `function(*args)` as `concurrent.futures.Executor` does."""
        return super().submit(_in_own_process, function, *args)


def _in_own_process(function, *args):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_end_with_parent) as process:
        return process.submit(function, *args).result()


def _end_with_parent():
    """Sees to it that a process does not train on when the sweep has been killed."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write(output, unit, future):
    failed = output / f"{unit.name}.failed.json"
    error = future.exception()
    if error is None and future.result()["name"] != unit.name:
        error = RuntimeError("the worker has other recipes than this machine")
    if error is None:
        _write_json(output / f"{unit.name}.json", future.result())
        failed.unlink(missing_ok=True)
        return
    killed = isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"
    record = {
        "name": unit.name,
        "configuration": unit.configuration,
        "status": "killed" if killed else "failed",
        "error": f"{type(error).__name__}: {error}",
    }
    _write_json(failed, record)


def _write_json(path, content):
    with replacing(path) as file:
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


# What tells the units of a sweep from each other.
KEYS = ["dataset", "recipe", "seed", "passes", "learning_rate", "held_out"]


def load(output, units=None):
    """Returns the units of a sweep that are done or have diverged.

    Args:
        output: Folder of `sweep`.
        units: The units that are asked for; by default all that are there.

    Returns:
        `pandas.DataFrame` with one row a unit: its `name` and `status`, and of a unit
        that is done what `lenet_keras.experiments.run.train` has in a row.
    """
    wanted = None if units is None else {unit.name for unit in units}
    rows = []
    for known, result in _results(output):
        if wanted is None or result["name"] in wanted:
            status = {"name": result["name"], "status": result["status"]}
            rows.append(status | known | result.get("row", {}))
    return pd.DataFrame(rows, columns=None if rows else ["name", "status", *KEYS])


def load_passes(output):
    """Returns what each pass of the units of a sweep measured.

    Args:
        output: Folder of `sweep`.

    Returns:
        `pandas.DataFrame` with one row a pass of a unit that is done: what tells the
        units apart (`passes` is how many the unit has), `pass`, and the columns of
        `lenet_keras.experiments.run.Run.history`.
    """
    return pd.DataFrame(
        known | measured
        for known, result in _results(output)
        for measured in result.get("passes", [])
    )


def _results(output):
    """Yields each unit's keys and all its result; those without one are left out."""
    # A name with a dot in front is a file that is being written.
    for path in sorted(Path(output).glob("[!.]*.json")):
        if not path.name.endswith(".failed.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            yield {key: result["configuration"][key] for key in KEYS}, result


# Each recipe's rate is weighed at these multiples of its own.
RATE_FACTORS = (0.3, 1.0, 3.0)


def tuned_rates(
    recipes, datasets, output, held_out=10_000, passes=3, train_images=None, **where
):
    """Chooses a rate for each recipe on each data set by held-out training images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        output: Folder, as for `sweep`.
        held_out: Positive integer: training images that are measured on.
        passes: Positive integer.
        train_images: Number of training images; by default all.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        Dictionary from recipe and data set to the rate with the most held-out images
        right after the final pass, with seed 0; of equals the smaller one.

    Raises:
        RuntimeError: If a recipe diverged at all rates, or one of its units failed.
    """
    units = grid(
        recipes,
        datasets,
        [0],
        _rates,
        held_out=held_out,
        passes=passes,
        train_images=train_images,
    )
    done = sweep(units, output, **where)
    chosen = {}
    for key in dict.fromkeys((unit.recipe, unit.dataset) for unit in units):
        tried = done[(done["recipe"] == key[0]) & (done["dataset"] == key[1])]
        if len(tried) < len(RATE_FACTORS) or (tried["status"] != "done").all():
            raise RuntimeError(
                f"Expected a rate for {key[0]} on {key[1]}. "
                f"Received: {len(tried)} of {len(RATE_FACTORS)} runs in {output}, "
                f"{(tried['status'] == 'diverged').sum()} of them diverged"
            )
        tried = tried.sort_values("learning_rate")
        best = tried["held_out_accuracy"].idxmax()
        chosen[key] = float(tried.loc[best, "learning_rate"])
    return chosen


def _rates(recipe, dataset):
    return [round(factor * RECIPES[recipe].learning_rate, 8) for factor in RATE_FACTORS]
