"""Many runs, on this machine or on a cluster; what is done is not done again.

Workers do the runs. The one process that has started the sweep writes each result to
the study's file as soon as it arrives. So a worker that dies loses no result, and no
run is stored twice.
"""

import contextlib
import gzip
import itertools
import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from pathlib import Path

import keras
from tqdm import tqdm

from lenet_keras.sdlm import DivergenceError
from lenet_keras.sdlm.compiled import one_thread
from lenet_keras.study.files import (
    append_result,
    only_writer,
    read_results,
    replace_result,
    replacing,
)
from lenet_keras.study.recipes import RECIPES, WITHOUT_MEANING
from lenet_keras.study.training import CheckpointError, Run, train

log = logging.getLogger("lenet_keras")


def grid(recipes, datasets, seeds, learning_rates=None, overrides=None, **settings):
    """Returns the runs of all recipes on all data sets with all seeds.

    It leaves out what has no meaning, such as padding CIFAR-10's images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        seeds: Integers.
        learning_rates: Optional function of recipe and data set that returns the
            learning rates to run; by default the recipe's own.
        overrides: Optional settings in place of the recipes'.
        **settings: The same for all: `train_images`, `held_out`.

    Returns:
        List of `Run`, each once.
    """
    overrides = overrides or {}
    runs = [
        Run(recipe, dataset, seed, **settings, overrides=overrides | rate)
        for dataset, recipe, seed in itertools.product(datasets, recipes, seeds)
        if (recipe, dataset) not in WITHOUT_MEANING
        for rate in (
            [{"learning_rate": rate} for rate in learning_rates(recipe, dataset)]
            if learning_rates
            else [{}]
        )
    ]
    return list({run.id: run for run in runs}.values())


# The seed is the whole process's: two trainings side by side would mix theirs.
ONE_AT_A_TIME = threading.Lock()


def do_run(run, measure=None, checkpoint=None, progress=None):
    """Does one run: the work of a worker.

    Args:
        run: `Run`.
        measure: Optional function of the run and the trained model. It returns a
            dictionary of more results.
        checkpoint: Optional path of the run's checkpoint.
        progress: Optional function that is called after each epoch with its number.

    Returns:
        Dictionary of `status`, `"done"` or `"diverged"`, and either `row` and `history`
        as `train` has them, or the `error`.
    """
    one_thread()  # several runs at once are faster than one on several threads
    callbacks = [_Progress(progress)] if progress else []
    try:
        with ONE_AT_A_TIME:
            result = _resumed(run, checkpoint, callbacks)
    except DivergenceError as error:
        return {"status": "diverged", "error": str(error)}
    history = result.history.reset_index().to_dict(orient="records")
    more = measure(run, result.model) if measure else {}
    return {"status": "done", "row": result.row, "history": history} | more


def _resumed(run, checkpoint, callbacks):
    try:
        return train(run, checkpoint, callbacks, verbose=0)
    except CheckpointError as error:
        log.warning("%s. It was removed; the run starts again.", error)
        checkpoint.unlink()
        return train(run, checkpoint, callbacks, verbose=0)


class _Progress(keras.callbacks.Callback):
    def __init__(self, tell):
        super().__init__()
        self.tell = tell

    def on_epoch_end(self, epoch, logs=None):
        self.tell(epoch + 1)


def sweep(
    runs,
    output,
    workers=2,
    scheduler=None,
    measure=None,
    overwrite=False,
    do=do_run,
):
    """Does the runs whose results are not in the file yet.

    The file `output` gets a line for each run that is done or has diverged: a JSON
    object with its `id`, the `run` as it was asked for, its complete `configuration`,
    the `status`, and the `row` and the `history` of
    `lenet_keras.study.training.Result`, or the `error` of one that diverged, which
    would diverge again. A run that failed, or whose worker was killed, is named in the
    file's `.log` and is done again by the next sweep. Unfinished runs of this machine
    resume after their last epoch, from the folder `.checkpoints` beside the file.

    Args:
        runs: List of `Run`, or of other objects with their attributes `id`, `asked`,
            `configuration`, `name` and `epochs`, which `do` knows to do.
        output: Path of the file, by its name the study's.
        workers: Positive integer: runs at once on this machine, each in a process of
            its own on one thread.
        scheduler: Optional address of a Dask scheduler, such as
            `"tcp://192.0.2.1:8786"`, whose workers do the runs instead. It needs
            `distributed`, the package's extra `cluster`. The workers need this
            package in the same version, one thread each, and load the data sets from
            their own data folders; only configurations and results travel.
        measure: Optional function of a module, of the run and the trained model. It
            returns more results: a dictionary, where `files` maps the path of a file
            beside `output` to its text, which is written compressed.
        overwrite: Whether to do all runs again. A stored result is replaced when the
            new one is complete.
        do: Function of a module that does a run, as `do_run` does.

    Returns:
        List of the stored results of these runs, in their order.

    Raises:
        OSError: If the file cannot be written to, or the scheduler not be reached.
        ValueError: If the file holds something else than results.
    """
    output = Path(output)
    runs = list({run.id: run for run in runs}.values())
    with only_writer(output):
        known = _known(output)
        todo = [run for run in runs if overwrite or run.id not in known]
        _do_all(todo, runs, output, workers, scheduler, measure, do)
        known = _known(output)
    return [known[run.id] for run in runs if run.id in known]


def _known(output):
    if not output.exists():
        return {}
    return {result["id"]: result for result in read_results(output)}


def _do_all(todo, runs, output, workers, scheduler, measure, do):
    total, left = (sum(run.epochs for run in some) for some in (runs, todo))
    bar = tqdm(total=total, initial=total - left, unit="epoch", desc=output.stem)
    bar = _Bar(bar, total - left)
    checkpoints = None if scheduler else output.parent / ".checkpoints"
    with bar.bar, _executor(workers, scheduler, bar) as submit:
        futures = {}
        for run in todo:
            path = checkpoints and checkpoints / f"{run.id}.npz"
            if path:
                path.parent.mkdir(exist_ok=True)
            futures[submit(do, run, measure, path)] = run, path
        try:
            for future in as_completed(futures):
                run, path = futures[future]
                if _write(output, run, future) and path:
                    path.unlink(missing_ok=True)
                bar.done(run)
        finally:
            for future in futures:
                future.cancel()  # when the sweep is stopped: what has not begun


class _Bar:
    """Counts the epochs of runs that are done and of those that are being done."""

    def __init__(self, bar, before):
        self.bar, self.before = bar, before
        self.epochs, self.lock = {}, threading.Lock()

    def tell(self, run_id, epoch):
        with self.lock:
            self.epochs[run_id] = epoch
            self.bar.update(self.before + sum(self.epochs.values()) - self.bar.n)

    def done(self, run):
        self.tell(run.id, run.epochs)


@contextlib.contextmanager
def _executor(workers, scheduler, bar):
    """Gives the function that submits a run, on this machine or on a cluster."""
    if scheduler is None:
        with ThreadPoolExecutor(workers) as executor:
            try:
                yield lambda do, run, measure, path: executor.submit(
                    _in_own_process, do, run, measure, path, bar
                )
            except BaseException:
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
        return
    from distributed import Client

    with Client(scheduler) as client, client.get_executor(pure=False) as executor:
        client.subscribe_topic("lenet_keras", lambda event: bar.tell(*event[1]))
        _wait_for_workers(client, scheduler)
        try:
            yield lambda do, run, measure, _: executor.submit(
                _on_cluster, do, run, measure
            )
        except CancelledError:
            raise ConnectionError(f"Lost the scheduler {scheduler}") from None


def _wait_for_workers(client, scheduler):
    waits = False
    while not client.scheduler_info()["workers"]:
        if not waits:
            log.warning("The scheduler %s has no workers. Waiting for some.", scheduler)
        waits = True
        time.sleep(0.5)


def _on_cluster(do, run, measure):
    from distributed import get_worker

    def tell(epoch):
        get_worker().log_event("lenet_keras", (run.id, epoch))

    return {"id": run.id} | do(run, measure, progress=tell)


def _in_own_process(do, run, measure, path, bar):
    """Does a run in a process of its own: one that dies takes no other with it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with (
        receiver,
        ProcessPoolExecutor(1, context, _start_process, (sender,)) as process,
    ):
        future = process.submit(_in_this_process, do, run, measure, path)
        while not wait([future], timeout=0.3).done:
            while receiver.poll():
                bar.tell(run.id, receiver.recv())
        sender.close()
        return {"id": run.id} | future.result()


def _start_process(sender):
    """Ends the process when the sweep is killed; keeps the way to tell the epoch."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _in_this_process.sender = sender


def _in_this_process(do, run, measure, path):
    return do(run, measure, path, _in_this_process.sender.send)


def _write(output, run, future):
    """Stores what came of a run; returns whether it has a result now."""
    error = future.exception()
    if error is None and future.result()["id"] != run.id:
        error = RuntimeError("the worker has other recipes than this machine")
    if error is not None:
        lost = isinstance(error, BrokenExecutor)
        killed = lost or type(error).__name__ == "KilledWorker"
        what = "killed" if killed else f"failed: {type(error).__name__}: {error}"
        with output.with_suffix(".log").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {run.name}: {what}\n")
        return False
    done = dict(future.result())
    for name, text in done.pop("files", {}).items():
        path = output.parent / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_bytes(gzip.compress(text.encode(), mtime=0))
    known = {"run": run.asked, "configuration": run.configuration}
    result = {"id": done.pop("id")} | known | done
    replace = run.id in _known(output)
    (replace_result if replace else append_result)(output, result)
    return True


# The learning rates that `tuned` tries, as multiples of the recipe's own.
RATE_FACTORS = (0.3, 1.0, 3.0)


def tuned(
    recipes, datasets, output, held_out=10_000, epochs=3, train_images=None, **where
):
    """Chooses a learning rate for each recipe on each data set, on held-out images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        output: Path of the study's file, as for `sweep`.
        held_out: Positive integer: training images to measure on.
        epochs: Positive integer.
        train_images: Number of training images; by default all.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        Dictionary from recipe and data set to the learning rate with the most held-out
        images right after the final epoch, with seed 0; of equal ones the smallest.

    Raises:
        RuntimeError: If a recipe diverged at all learning rates, or a run failed.
    """
    runs = grid(
        recipes,
        datasets,
        [0],
        lambda recipe, dataset: [
            round(factor * RECIPES[recipe].learning_rate, 8) for factor in RATE_FACTORS
        ],
        overrides={"epochs": epochs},
        held_out=held_out,
        train_images=train_images,
    )
    results = {result["id"]: result for result in sweep(runs, output, **where)}
    chosen = {}
    for key in dict.fromkeys((run.recipe, run.dataset) for run in runs):
        own = [run for run in runs if (run.recipe, run.dataset) == key]
        tried = {
            run.settings.learning_rate: results[run.id].get("row")
            for run in own
            if run.id in results
        }
        accuracies = {
            rate: row["held_out_accuracy"] for rate, row in tried.items() if row
        }
        if len(tried) < len(own) or not accuracies:
            raise RuntimeError(
                f"Expected a learning rate for {key[0]} on {key[1]}. "
                f"Received: {len(tried)} of {len(own)} runs in {output}, "
                f"{len(tried) - len(accuracies)} of them diverged"
            )
        chosen[key] = max(sorted(accuracies), key=accuracies.get)
    return chosen
