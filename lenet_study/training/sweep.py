"""Many jobs, on this machine or on a cluster. Finished jobs are not repeated.

Workers do the jobs. The process that started the sweep writes each result to the
study's file as soon as it arrives. So no result is lost when a worker dies, and no job
is stored twice.
"""

import contextlib
import dataclasses
import functools
import gzip
import itertools
import json
import logging
import pkgutil
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from lenet_keras.checks import expect
from lenet_study import files
from lenet_study.files import log
from lenet_study.recipes import WITHOUT_MEANING
from lenet_study.training.job import CODE, one_thread
from lenet_study.training.run import Run
from lenet_study.training.stored import read_results, store_result


def grid(recipes, datasets, seeds, rates=None, overrides=None, **settings):
    """Returns the runs of all recipes on all data sets with all seeds.

    It leaves out meaningless combinations, such as padding CIFAR-10's images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        seeds: Integers.
        rates: Optional dictionary from recipe and data set to a learning rate, as from
            `tuned`. The default is the recipe's own learning rate.
        overrides: Optional settings that replace the recipes' settings.
        **settings: `train_images`, `held_out` and `measure` of all runs.

    Returns:
        List of `Run`, each once.
    """
    runs = []
    for dataset, recipe, seed in itertools.product(datasets, recipes, seeds):
        if (recipe, dataset) not in WITHOUT_MEANING:
            rate = {"learning_rate": rates[recipe, dataset]} if rates else {}
            changes = (overrides or {}) | rate
            runs.append(Run(recipe, dataset, seed, **settings, overrides=changes))
    return _each_once(runs)


def _each_once(jobs):
    return list({job.id: job for job in jobs}.values())


def sweep(jobs, output, workers=2, scheduler=None, overwrite=False):
    """Does the jobs whose results are not in the file yet.

    The file `output` gets one line for each job that is done or has diverged. The line
    is a JSON object with the `id`, the request as `run`, the complete `configuration`,
    and what `lenet_study.training.job.Job.do` returns. A run that diverged is stored
    too, because it would diverge again. If a job fails, or its worker is killed, the
    sweep writes its name to the file's `.log`, and the next sweep does it again.
    Unfinished runs of this machine resume after their last epoch, from the folder
    `.checkpoints` beside the file.

    Args:
        jobs: List of `lenet_study.training.job.Job`.
        output: Path of the file, named after the study.
        workers: Positive integer, the number of jobs at once on this machine. Each has
            its own process with one thread.
        scheduler: Optional address of a Dask scheduler, such as
            `"tcp://192.0.2.1:8786"`, whose workers do the jobs instead. It needs
            `distributed`, the package's extra `cluster`. The workers need the same
            code of this package, one thread each, and the data sets and the answers of
            teachers in their own data folders, because only jobs and results are sent.
            A worker with other code that joins later leaves again without a result.
        overwrite: Whether to do all jobs again. Each new result replaces the stored one
            when it is complete.

    Returns:
        List of the stored results of these jobs, in their order.

    Raises:
        OSError: If the file cannot be written, or the scheduler cannot be reached.
        ValueError: If the file is not a results file, or workers have other code.
    """
    output, jobs = Path(output).resolve(), _each_once(jobs)
    expect(output.suffix == ".jsonl", "a file that ends in .jsonl", output=str(output))
    for path in (output, output.with_suffix(".log"), _checkpoint(output, "any")):
        files.check_writable(path)
    with files.only_writer(output):
        known = _known(output)
        todo = [job for job in jobs if overwrite or job.id not in known]
        for job in todo if overwrite else ():
            _remove_checkpoints(output, job)
        left, total = (sum(job.epochs for job in some) for some in (todo, jobs))
        with (
            _Bar(output.stem, total, left) as bar,
            _executor(output, workers, scheduler, bar) as submit,
        ):
            futures = {submit(job): job for job in todo}
            try:
                for future in as_completed(futures):
                    job = futures.pop(future)
                    _write(output, job, future)
                    bar.tell(job.id, job.epochs)
                    del future  # Dask does again what is held when a worker is lost
            finally:
                for future in futures:
                    future.cancel()  # if the sweep is stopped, what has not started
        known = _known(output)
    return [known[job.id] for job in jobs if job.id in known]


def _known(output):
    results = read_results(output) if output.exists() else []
    return {result["id"]: result for result in results}


def _checkpoint(output, job_id):
    return output.parent / ".checkpoints" / f"{job_id}.npz"


def _remove_checkpoints(output, job):
    checkpoint = _checkpoint(output, job.id)
    for file in checkpoint.parent.glob(f"*{checkpoint.name}"):
        file.unlink()  # with what a killed process left of it


class _Bar(tqdm):
    """Counts the epochs of finished jobs and of jobs in progress."""

    def __init__(self, title, total, left):
        super().__init__(total=total, initial=total - left, unit="epoch", desc=title)
        self.epochs, self.lock = {}, threading.Lock()

    def tell(self, job_id, epoch):
        with self.lock:
            self.epochs[job_id] = epoch
            self.update(self.initial + sum(self.epochs.values()) - self.n)


@contextlib.contextmanager
def _executor(output, workers, scheduler, bar):
    """Yields the function that submits a job, to this machine or to a cluster."""
    if scheduler is None:
        children = set()
        with ThreadPoolExecutor(workers) as executor:
            try:
                yield lambda job: executor.submit(_in_child, job, output, bar, children)
            except BaseException:
                for child in children:
                    child.kill()
                raise
        return
    client = _connected(scheduler)
    with client, client.get_executor(pure=False) as executor:
        client.subscribe_topic("lenet_keras", lambda event: bar.tell(*event[1]))
        if not client.scheduler_info()["workers"]:
            log.warning("The scheduler %s has no workers. Waiting for some.", scheduler)
        name = "lenet_study.training.job:CODE"
        codes = client.run(pkgutil.resolve_name, name, on_error="return")
        others = {
            worker: code
            for worker, code in codes.items()
            if code != CODE and not isinstance(code, OSError)  # it has just been lost
        }
        expect(not others, "workers started with this machine's code", **others)
        try:
            yield lambda job: executor.submit(_on_cluster, job, CODE)
        except CancelledError:
            logging.getLogger("distributed.client").disabled = True  # its traceback
            raise ConnectionError(f"Lost the scheduler {scheduler}") from None


PATIENCE = 30  # seconds


def _connected(scheduler):
    """Returns a client of the scheduler."""
    from distributed import Client, Security
    from distributed.comm import connect
    from distributed.utils import LoopRunner

    # `Client` itself would wait without limit for the first answer.
    settings = Security().get_connection_args("client")
    greeting = functools.partial(connect, scheduler, **settings)
    try:
        LoopRunner().run_sync(greeting, callback_timeout=PATIENCE).abort()
        return Client(scheduler, timeout=PATIENCE)
    except Exception as error:  # each wrong address has its own kind
        raise ConnectionError(
            f"Expected a Dask scheduler that answers in {PATIENCE} seconds, such as "
            f"tcp://192.0.2.1:8786. Received: scheduler={scheduler!r}: {error!r}"
        ) from None


# All trainings in a process share its random state, so only one trains at a time.
ONE_AT_A_TIME = threading.Lock()


def _on_cluster(job, code):
    from distributed import Reschedule, get_worker, warn

    worker = get_worker()
    if code != CODE:  # it has joined after the start
        warn(f"The worker {worker.address} leaves. It has not the sender's code.")
        worker.loop.add_callback(worker.close_gracefully)
        raise Reschedule
    one_thread()  # several jobs at once are faster than one job on several threads
    with ONE_AT_A_TIME:
        done = job.do(
            progress=lambda epochs: worker.log_event("lenet_keras", (job.id, epochs))
        )
    return {"id": job.id} | done


def _in_child(job, output, bar, children):
    """Does a job in its own process, so that a crash affects no other job."""
    kind = f"{type(job).__module__}:{type(job).__qualname__}"
    checkpoint = str(_checkpoint(output, job.id))
    asked = json.dumps([kind, dataclasses.asdict(job), checkpoint])
    command = [sys.executable, "-P", "-m", "lenet_study.training.child"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    told = {}
    with subprocess.Popen(command, **pipes, process_group=0) as child:
        children.add(child)
        with contextlib.suppress(BrokenPipeError):  # it was killed
            print(asked, file=child.stdin, flush=True)
        for told in map(json.loads, child.stdout):
            if "epochs" in told:
                bar.tell(job.id, told["epochs"])
    if "result" not in told:
        raise ChildProcessError(told.get("failed", "killed"))
    return told["result"]


def _write(output, job, future):
    """Stores the result of a job, or logs why there is none."""
    reason = future.exception()
    if reason is None:
        try:
            return _store(output, job, dict(future.result()))
        except ValueError as error:  # no reader would take it
            reason = error
    told = f"{job.name}: failed: {type(reason).__name__}: {reason}"
    with output.with_suffix(".log").open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {told}\n")


def _store(output, job, done):
    for name, text in done.pop("files", {}).items():
        path = output.parent / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as beside:
            beside.write_bytes(gzip.compress(text.encode(), mtime=0))
    known = {"id": job.id, "run": job.request, "configuration": job.configuration}
    store_result(output, known | done)
    _remove_checkpoints(output, job)


# `tuned` tries these multiples of the recipe's own learning rate.
RATE_FACTORS = (0.3, 1.0, 3.0)


def tuned(recipes, datasets, output, train_images=None, **where):
    """Chooses a learning rate for each recipe on each data set, on held-out images.

    The runs have seed 0 and three epochs, and hold out the last 10,000 training images.

    Args:
        recipes: Names of recipes.
        datasets: Names of data sets.
        output: Path of the study's file, as for `sweep`.
        train_images: Number of training images. By default the runs use all.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        Dictionary from recipe and data set to the learning rate with the highest
        held-out accuracy after the final epoch. Of equally good rates it is the
        smallest.

    Raises:
        RuntimeError: If a recipe diverged at all learning rates, or a run failed.
    """
    tried = {}
    for run in grid(recipes, datasets, [0], held_out=10_000, train_images=train_images):
        rates = [round(f * run.settings.learning_rate, 8) for f in RATE_FACTORS]
        changes = [{"epochs": 3, "learning_rate": rate} for rate in rates]
        runs = [dataclasses.replace(run, overrides=change) for change in changes]
        tried[run.recipe, run.dataset] = runs
    sweep(itertools.chain(*tried.values()), output, **where)
    results = _known(Path(output))
    chosen = {}
    for case, runs in tried.items():
        stored = [results[run.id] for run in runs if run.id in results]
        rows = [result["row"] for result in stored if "row" in result]
        if len(stored) < len(runs) or not rows:
            raise RuntimeError(
                f"Expected a learning rate for {' on '.join(case)}. "
                f"Received: {len(stored)} of {len(runs)} runs in {output}, "
                f"{len(stored) - len(rows)} of them diverged"
            )
        # Of equally good ones, the first: the smallest learning rate.
        best = max(rows, key=lambda row: row["held_out_accuracy"])
        chosen[case] = best["learning_rate"]
    return chosen
