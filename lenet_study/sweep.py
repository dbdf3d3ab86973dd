"""Many runs, on this machine or on a cluster. Finished runs are not repeated.

Workers do the runs. The process that started the sweep writes each result to the
study's file as soon as it arrives. So no result is lost when a worker dies, and no run
is stored twice.
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
from lenet_study.files import only_writer, read_results, replacing, store_result
from lenet_study.recipes import RECIPES, WITHOUT_MEANING
from lenet_study.training import CheckpointError, Run, one_thread, train

log = logging.getLogger("lenet_keras")


def grid(recipes, datasets, seeds, learning_rates=None, overrides=None, **settings):
    """Returns the runs of all recipes on all data sets with all seeds.

    It leaves out meaningless combinations, such as padding CIFAR-10's images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        seeds: Integers.
        learning_rates: Optional function of recipe and data set that returns the
            learning rates to run. The default is the recipe's own learning rate.
        overrides: Optional settings that replace the recipes' settings.
        **settings: `train_images` and `held_out` of all runs.

    Returns:
        List of `Run`, each once.
    """
    runs = [
        Run(recipe, dataset, seed, **settings, overrides=(overrides or {}) | rate)
        for dataset, recipe, seed in itertools.product(datasets, recipes, seeds)
        if (recipe, dataset) not in WITHOUT_MEANING
        for rate in (
            [{"learning_rate": rate} for rate in learning_rates(recipe, dataset)]
            if learning_rates
            else [{}]
        )
    ]
    return _each_once(runs)


def _each_once(runs):
    return list({run.id: run for run in runs}.values())


# All trainings in a process share its random state, so only one trains at a time.
ONE_AT_A_TIME = threading.Lock()


def do_run(run, measure=None, checkpoint=None, progress=None):
    """Does one run, as a worker.

    Args:
        run: `Run`.
        measure: Optional function of the run and the trained model. It returns a
            dictionary of additional results.
        checkpoint: Optional path of the run's checkpoint.
        progress: Optional function that is called with the number of each finished
            epoch.

    Returns:
        Dictionary of `status`, `"done"` or `"diverged"`, and either `row` and `history`
        from `train`, or the `error`.
    """
    one_thread()  # several runs at once are faster than one run on several threads
    callbacks = []
    if progress:
        tell = lambda epoch, logs: progress(epoch + 1)  # noqa: E731
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=tell)]
    try:
        with ONE_AT_A_TIME:
            try:
                result = train(run, checkpoint, callbacks, verbose=0)
            except CheckpointError as error:
                log.warning("%s. It was removed; the run starts again.", error)
                checkpoint.unlink()
                result = train(run, checkpoint, callbacks, verbose=0)
    except DivergenceError as error:
        return {"status": "diverged", "error": str(error)}
    history = result.history.reset_index().to_dict(orient="records")
    more = measure(run, result.model) if measure else {}
    return {"status": "done", "row": result.row, "history": history} | more


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

    The file `output` gets one line for each run that is done or has diverged. The line
    is a JSON object with the `id`, the `run`, the complete `configuration`, the
    `status`, and the `row` and the `history` of `lenet_study.training.Result`. A
    run that diverged has the `error` instead, because it would diverge again. If a run
    fails, or its worker is killed, the sweep writes its name to the file's `.log`, and
    the next sweep does it again. Unfinished runs of this machine resume after their
    last epoch, from the folder `.checkpoints` beside the file.

    Args:
        runs: List of `Run`, or of other objects with the attributes `id`, `asked`,
            `configuration`, `name` and `epochs`, which `do` can do.
        output: Path of the file, named after the study.
        workers: Positive integer, the number of runs at once on this machine. Each has
            its own process with one thread.
        scheduler: Optional address of a Dask scheduler, such as
            `"tcp://192.0.2.1:8786"`, whose workers do the runs instead. It needs
            `distributed`, the package's extra `cluster`. The workers need the same
            version of this package, one thread each, and the data sets and the answers
            of teachers in their own data folders, because only configurations and
            results are sent.
        measure: Optional function, importable from a module, of the run and the trained
            model. It returns a dictionary of additional results. Its `files` map the
            path of a file beside `output` to its text, which is written compressed.
        overwrite: Whether to do all runs again. Each new result replaces the stored one
            when it is complete.
        do: Function, importable from a module, that does a run like `do_run`.

    Returns:
        List of the stored results of these runs, in their order.

    Raises:
        OSError: If the file cannot be written, or the scheduler cannot be reached.
        ValueError: If the file is not a results file.
    """
    output = Path(output)
    runs = _each_once(runs)
    with only_writer(output):
        known = _known(output)
        todo = [run for run in runs if overwrite or run.id not in known]
        _do_all(todo, runs, output, workers, scheduler, measure, do)
        known = _known(output)
    return [known[run.id] for run in runs if run.id in known]


def _known(output):
    results = read_results(output) if output.exists() else []
    return {result["id"]: result for result in results}


def _do_all(todo, runs, output, workers, scheduler, measure, do):
    total, left = (sum(run.epochs for run in some) for some in (runs, todo))
    checkpoints = None if scheduler else output.parent / ".checkpoints"
    if checkpoints and todo:
        checkpoints.mkdir(exist_ok=True)
    with (
        _Bar(output.stem, total, left) as bar,
        _executor(workers, scheduler, bar) as submit,
    ):
        futures = {}
        for run in todo:
            path = checkpoints and checkpoints / f"{run.id}.npz"
            futures[submit(do, run, measure, path)] = run, path
        try:
            for future in as_completed(futures):
                run, path = futures[future]
                if _write(output, run, future) and path:
                    for file in checkpoints.glob(f"*{path.name}"):
                        file.unlink()  # with what a killed process left of it
                bar.tell(run.id, run.epochs)
        finally:
            for future in futures:
                future.cancel()  # if the sweep is stopped, the runs not yet started


class _Bar(tqdm):
    """Counts the epochs of finished runs and of runs in progress."""

    def __init__(self, title, total, left):
        super().__init__(total=total, initial=total - left, unit="epoch", desc=title)
        self.epochs, self.lock = {}, threading.Lock()

    def tell(self, run_id, epoch):
        with self.lock:
            self.epochs[run_id] = epoch
            self.update(self.initial + sum(self.epochs.values()) - self.n)


@contextlib.contextmanager
def _executor(workers, scheduler, bar):
    """Yields the function that submits a run, on this machine or on a cluster."""
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
        if not client.scheduler_info()["workers"]:
            log.warning("The scheduler %s has no workers. Waiting for some.", scheduler)
            client.wait_for_workers(1)
        try:
            yield lambda do, run, measure, _: executor.submit(
                _on_cluster, do, run, measure
            )
        except CancelledError:
            raise ConnectionError(f"Lost the scheduler {scheduler}") from None


def _on_cluster(do, run, measure):
    from distributed import get_worker

    def tell(epoch):
        get_worker().log_event("lenet_keras", (run.id, epoch))

    return {"id": run.id} | do(run, measure, progress=tell)


def _in_own_process(do, run, measure, path, bar):
    """Does a run in its own process, so that a crash affects no other run."""
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
    """Ends the process when the sweep is killed, and keeps the sender of epochs."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _in_this_process.sender = sender


def _in_this_process(do, run, measure, path):
    return do(run, measure, path, _in_this_process.sender.send)


def _write(output, run, future):
    """Stores the result of a run, or logs the failure; returns whether it is stored."""
    error = future.exception()
    if error is None and future.result()["id"] != run.id:
        error = RuntimeError("the worker has other recipes than this machine")
    if error is not None:
        named = type(error).__name__
        killed = isinstance(error, BrokenExecutor) or named == "KilledWorker"
        what = "killed" if killed else f"failed: {named}: {error}"
        with output.with_suffix(".log").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {run.name}: {what}\n")
        return False
    done = dict(future.result())
    for name, text in done.pop("files", {}).items():
        path = output.parent / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_bytes(gzip.compress(text.encode(), mtime=0))
    known = {"id": run.id, "run": run.asked, "configuration": run.configuration}
    store_result(output, known | done)
    return True


# `tuned` tries these multiples of the recipe's own learning rate.
RATE_FACTORS = (0.3, 1.0, 3.0)


def tuned(
    recipes, datasets, output, held_out=10_000, epochs=3, train_images=None, **where
):
    """Chooses a learning rate for each recipe on each data set, on held-out images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        output: Path of the study's file, as for `sweep`.
        held_out: Positive integer, the number of training images to measure on.
        epochs: Positive integer.
        train_images: Number of training images. By default the runs use all.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        Dictionary from recipe and data set to the learning rate with the highest
        held-out accuracy after the final epoch, with seed 0. Of equally good rates it
        is the smallest.

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
    chosen, cases = {}, {}
    for run in runs:
        cases.setdefault((run.recipe, run.dataset), []).append(run)
    for (recipe, dataset), own in cases.items():
        stored = [results[run.id] for run in own if run.id in results]
        rows = [result["row"] for result in stored if "row" in result]
        accuracies = {row["learning_rate"]: row["held_out_accuracy"] for row in rows}
        if len(stored) < len(own) or not accuracies:
            raise RuntimeError(
                f"Expected a learning rate for {recipe} on {dataset}. "
                f"Received: {len(stored)} of {len(own)} runs in {output}, "
                f"{len(stored) - len(accuracies)} of them diverged"
            )
        chosen[recipe, dataset] = max(sorted(accuracies), key=accuracies.get)
    return chosen
