"""The command `lenet-keras`: compare, train, sweep, report and the others.

This module imports click alone, so help comes at once. Each command imports what
it needs when it runs.
"""

import contextlib
import difflib
import functools
import json
import logging
import os
import runpy
import signal
import sys
from pathlib import Path

from lenet_study.extras import needs, quietly

try:
    with needs("study"):
        import click
except ModuleNotFoundError as error:
    sys.exit(f"lenet-keras: {error}")

FILE = click.Path(dir_okay=False, path_type=Path)
COUNT = click.IntRange(1, 1000)


def _seeds(text):
    """Returns the seeds that `3` or `0-4` names."""
    ends = text.split("-", maxsplit=1)
    with contextlib.suppress(ValueError):
        seeds = range(int(ends[0]), int(ends[-1]) + 1)
        if 0 < len(seeds) <= COUNT.max:
            return seeds
    what = f"a seed, or two as 0-4 for up to {COUNT.max:,}"
    raise click.BadParameter(f"Expected {what}. Received: {text}")


def _setting(text):
    """Returns the name and the value of `epochs=2` or `loss_arguments.j=5`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"Expected NAME=VALUE. Received: {text}")
    with contextlib.suppress(ValueError, RecursionError):
        return name, json.loads(value, parse_constant=str)  # NaN is no number
    return name, value  # a word


def _given(set, epochs, learning_rate=None, **options):
    """Returns the options that were given, as the settings of a run or of a grid."""
    own = {"epochs": epochs, "learning_rate": learning_rate}
    own = [*((name, value) for name, value in own.items() if value is not None), *set]
    options["overrides"] = dict(own)
    if len(options["overrides"]) < len(own):
        raise click.BadParameter(f"Expected each setting once. Received: {own}")
    return {n: v for n, v in options.items() if v is not None and v not in ((), {})}


def _refuse_unknown(name, known, what):
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or known
        message = f"Expected {what}, such as {', '.join(near)}. Received: {name}"
        raise click.BadParameter(message)


def _options(*options):
    """Returns a decorator that adds options to a command."""

    def add(command):
        return functools.reduce(lambda c, option: option(c), reversed(options), command)

    return add


run_options = _options(
    click.option("--epochs", type=int, help="Epochs, in place of the recipe's."),
    click.option("--train-images", type=int, help="Use only so many, the first ones."),
    click.option("--held-out", type=int, help="Measure on so many of them, the last."),
    click.option("--set", multiple=True, type=_setting, metavar="NAME=VALUE"),
)
sweep_options = _options(
    click.option("--output", type=FILE, help="Results file. New runs are added."),
    click.option("--workers", default=2, type=COUNT, help="Processes of one thread."),
    click.option("--scheduler", help="Address of a Dask scheduler with other workers."),
    click.option("--overwrite", is_flag=True, help="Repeat and replace stored runs."),
)


class Command(click.Command):
    """Imports the package when the command runs, not when it shows its help."""

    def invoke(self, ctx):
        with quietly():  # without the log lines of TensorFlow
            import lenet_keras  # noqa: F401
            import lenet_study.datasets  # noqa: F401  (its error names the extra)
        return super().invoke(ctx)


class Group(click.Group):
    """Consists of such commands."""

    command_class = Command


@click.group(cls=Group, context_settings={"show_default": True})
@click.version_option(package_name="lenet_keras")
def cli():
    """The faithful LeNet-5 of 1998 and its modern variant, trained and compared."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)


@cli.command()
@click.option("--full", is_flag=True, help="Ten epochs, and note 002's recipe too.")
@click.option("--seeds", default=1, type=COUNT, help="Runs of each configuration.")
@sweep_options
def compare(full, seeds, output, **where):
    """Train both networks on MNIST and CIFAR-10 and compare them.

    It uses the complete CIFAR-10 if that is in the data folder or --full is given, and
    otherwise the sample that comes with the project. Runs in the results file, by
    default results/compare.jsonl, are not repeated.

    \b
    Examples:
      lenet-keras compare
      lenet-keras compare --full --seeds 2 --output data/results/compare.jsonl
    """
    from lenet_study import report, results, studies
    from lenet_study.datasets import sources
    from lenet_study.settings import CHECKOUT

    output = output or Path("results/compare.jsonl")
    cifar10 = "cifar10" if full or sources.available("cifar10") else "cifar10-sample"
    runs = _sweep(studies.comparison(full, seeds, cifar10), output, **where)
    rows = results.load(output)
    click.echo("")
    click.echo(report.comparison_text(rows[rows["id"].isin([run.id for run in runs])]))
    _report(output)
    if CHECKOUT:
        pages = "docs/comparison.md explains the table, `make lab` opens the notebooks"
        click.echo(f"Next: {pages}.")


def _sweep(grids, output, overwrite, **where):
    """Does the jobs of grids, and returns them. Exits with 1 if some have no result."""
    from lenet_keras.checks import expect
    from lenet_study import studies
    from lenet_study.datasets import sources
    from lenet_study.training import sweep

    jobs = studies.jobs(grids)
    expect(jobs, "recipes that have a meaning on the data sets", **grids[0])
    for dataset in sorted({job.dataset for job in jobs}):
        sources.fetch(dataset)  # once, before hours of training and not after
    jobs = studies.jobs(grids, functools.partial(sweep.tuned, output=output, **where))
    results = sweep.sweep(jobs, output, **where, overwrite=overwrite)
    done = sum(result["status"] == "done" for result in results)
    diverged, failed = len(results) - done, len(jobs) - len(results)
    click.echo(f"{done} of {len(jobs)} runs are in {output}, {diverged} diverged")
    if failed:
        log = output.resolve().with_suffix(".log")
        *_, last = log.read_text(encoding="utf-8").splitlines()
        click.echo(f"{failed} failed: see {log}, which ends: {last}", err=True)
        sys.exit(1)
    return jobs


def _report(output):
    from lenet_study import report

    written = ", ".join(path.name for path in report.report(output))
    click.echo(f"Written to {output.parent}: {output.name}, {written}")


@cli.command()
@click.argument("network")
@click.argument("dataset")
@click.option("--recipe", help="How to train it. The default is the recommended one.")
@click.option("--learning-rate", type=float, help="Rate, in place of the recipe's.")
@click.option("--seed", default=0)
@run_options
@click.option("--save", type=FILE, help="Write the trained network to a .keras file.")
@click.option("--checkpoint", type=FILE, help="Written after each epoch, to resume.")
def train(network, dataset, recipe, save, checkpoint, **options):
    """Train one network on one data set.

    NETWORK is lenet5, lenet5_modern or another network of a recipe. DATASET is mnist,
    cifar10 or cifar10-sample.

    --held-out N measures on the last N training images, not on the test images. --set
    replaces a setting of the recipe, such as batch_size=32 or loss_arguments.j=5.

    \b
    Examples:
      lenet-keras train lenet5 mnist
      lenet-keras train lenet5_modern mnist --recipe note-002 --epochs 3
      lenet-keras train lenet5 mnist --set loss_arguments.j=5 --held-out 10000
      lenet-keras train lenet5 cifar10 --save lenet5-cifar10.keras
    """
    from lenet_study import files, recipes, studies
    from lenet_study.training.run import Run
    from lenet_study.training.train import train as train_run

    recipe = recipe or recipes.recommended(network, dataset)
    fitting = [n for n, own in recipes.RECIPES.items() if own.network == network]
    _refuse_unknown(recipe, fitting, f"a recipe of {network}")
    if save and save.suffix != ".keras":
        raise click.BadParameter(f"Expected a .keras file. Received: {save}")
    given = _given(**options)
    overrides = studies.changed(recipe, given.pop("overrides", {}))
    run = Run(recipe, dataset, overrides=overrides, **given)
    for path in filter(None, (save, checkpoint)):
        files.check_writable(path)
    result = train_run(run, checkpoint)
    if save:
        with files.replacing(save) as beside:
            result.model.save(beside)
    click.echo(f"\n{result.history.round(4).to_string()}\n")
    for name, value in result.row.items():
        click.echo(f"{name:18} {value}")
    if save:
        click.echo(f"Written to {save}")


@cli.command()
@click.argument("name")
def pretrain(name):
    """Train one of the package's networks again, and store it.

    NAME is the name of a trained network, see docs/layers.md, or of another recipe. The
    command changes the project's own files, so it needs a checkout. For a file of
    yours, take `lenet-keras train` with --recipe and --save.

    Or NAME is teacher-mnist or teacher-cifar10, a larger network. Its answers to the
    training images are stored as labels in the data folder.

    Training uses one thread, so that it repeats a sweep's result.

    \b
    Examples:
      lenet-keras pretrain lenet5-mnist
      lenet-keras pretrain teacher-mnist
    """
    from lenet_study import pretrain, recipes
    from lenet_study.training.job import one_thread

    _refuse_unknown(name, recipes.RECIPES, "a trained network or a teacher")
    one_thread()
    if name.startswith("teacher-"):
        row = pretrain.teach(name.removeprefix("teacher-"))["run"]
        errors = 100 * (1 - row["held_out_accuracy"])
        measured = f"{errors:.2f} % errors on held-out images"
    else:
        row = pretrain.pretrain(name)
        measured = f"{row['test_errors']} errors in {row['test_images']} test images"
    click.echo(f"{name}: {measured}")


@cli.command()
@click.argument("network", metavar="NAME_OR_FILE.keras")
@click.option("--format", required=True, help="A format, see above.")
@click.option("--output", required=True, type=Path, help="For saved_model a folder.")
@click.option("--outputs", default="last", type=click.Choice(["last", "layers"]))
@click.option("--pixels", help="As in lenet_keras.preprocessing.prepare.")
@click.option("--overwrite", is_flag=True, help="Replace what exists.")
def export(network, format, output, outputs, **options):
    """Write a trained network in a format for other runtimes.

    NAME is a network that comes with the package, such as lenet5-mnist. The formats
    are saved_model, onnx, litert and litert-int8. The command compares the answers to
    the test images in the format's own runtime with Keras's. If outputs differ, it
    writes nothing; those of litert-int8 may differ. It needs the extra `export`.

    The exported outputs are those of the last layer or of all layers. The pixels are by
    default those of the trained networks of this input shape.

    \b
    Examples:
      lenet-keras export lenet5-mnist --format onnx --output lenet5.onnx
      lenet-keras export lenet5-mnist --format litert-int8 --output lenet5.tflite
      lenet-keras export mine.keras --format saved_model --output mine
      lenet-keras export lenet5-mnist --format onnx --output maps.onnx --outputs layers
    """
    from lenet_study import export as exports

    with quietly():  # TensorFlow and the converters write log lines
        found = exports.export(network, format, output, outputs == "layers", **options)
    click.echo(f"Written to {output}: {found.size / 1024:.1f} KiB")
    click.echo(
        f"{found.agree:,} of {found.images:,} answers agree with Keras's. The largest "
        f"difference is {found.difference:.1e} of the largest output."
    )
    click.echo(f"Wrong answers: {found.errors:,}. In Keras: {found.keras_errors:,}.")
    if found.keras_errors > 0.95 * found.images:  # chance has 0.9
        click.echo("Is the sign reversed? Behind RBF use RBFPosterior, not Softmax.")


@cli.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--dataset", "datasets", multiple=True, help="One of the data sets.")
@click.option("--seeds", type=_seeds, metavar="SEEDS", help="One, or several as 0-4.")
@run_options
@click.option("--tune", is_flag=True, default=None, help="First choose the rates.")
@sweep_options
def sweep(names, output, workers, scheduler, overwrite, **options):
    """Do many runs, and resume where a sweep stopped.

    NAMES is one study of data/results, such as protocol or ladder: the command repeats
    it. Or NAMES are recipes, or groups of recipes: `ladder`, `baselines`, `claims`,
    `permuted`, `lenet1`, `relatives`. The options from --dataset to --tune apply to
    them; a name with such an option is no study.

    --dataset can be given several times. Without it there are mnist and cifar10.
    --held-out and --set are those of `lenet-keras train`. --tune takes the best of
    three learning rates on 10,000 held-out images.

    The results file gets each run as soon as it is done. By default it is
    results/STUDY.jsonl, or results/sweep.jsonl for recipes. Runs that the file holds
    are not repeated. The exit code is 1 if a run failed.

    \b
    Examples:
      lenet-keras sweep protocol --output data/results/protocol.jsonl
      lenet-keras sweep lenet5-adam note-002 --dataset mnist --seeds 0-2
      lenet-keras sweep ladder baselines --tune --output results/mine.jsonl
      lenet-keras sweep ladder --scheduler tcp://192.0.2.1:8786
    """
    from lenet_keras.checks import expect
    from lenet_study.recipes import GROUPS, RECIPES
    from lenet_study.studies import STUDIES

    given = _given(**options)
    recipes = [*GROUPS, *RECIPES]
    study = STUDIES.get(names[0]) if len(names) == 1 and not given else None
    for name in names:
        _refuse_unknown(name, [*STUDIES, *recipes], "a study, a group or a recipe")
        fits = study or name in recipes
        expect(fits, "a study alone, without settings of runs", names=names, **given)
    fits = not given.get("tune") or "held_out" not in given
    expect(fits, "--tune without --held-out: it measures on test images", **given)
    grids = study["jobs"] if study else [{"recipes": names} | given]
    output = output or Path(f"results/{names[0] if study else 'sweep'}.jsonl")
    _sweep(grids, output, overwrite, workers=workers, scheduler=scheduler)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--line/--digit", default=None, help="What the images show.")
@click.option("--network", help="Name of a trained network for digits.")
@click.option("--json", "as_json", is_flag=True, help="Print an object a line.")
@click.option("--picture", type=FILE, help="Draw how one image is read, as PNG.")
@click.option("--overwrite", is_flag=True, help="Replace the picture.")
def read(files, line, network, as_json, picture, overwrite):
    """Read the digit, or the line of digits, in images: photos, scans or drawings.

    IMAGE is a PNG, JPEG, GIF, WebP or BMP, or - for the standard input, with 8 to
    10,000 pixels each way, at most 20:1. By default ink that is more than 1.5 times as
    wide as high is a line; --line or --digit say what it is. The network for one digit
    is lenet5-mnist-robust, that for a line is lenet5-mnist-line-best. docs/layers.md
    has the others. For a line take one that learned lines, for a digit one that did
    not.

    The command prints the digits, how sure the network is, and the next best answer:

    \b
      photo.jpg: 7 (98.1 % sure; next is 1 with 1.2 %)
      letter.png: no digit (97.0 % sure; next is 8 with 2.9 %)
      blank.png: no digit (Expected ink with more contrast. Received: contrast=3)

    With --json it prints {"file": "photo.jpg", "text": "7", "confidence": 0.981,
    "runner_up": "1"} instead. The text is null if there is no digit. Without ink
    the confidence and the runner_up are null too.

    A file that cannot be read gets a line on the standard error and no object. The
    others are read, and the exit code is 1.

    \b
    Examples:
      lenet-keras read photo.jpg
      lenet-keras read photo.jpg --picture how.png
      lenet-keras read --line --json scans/*.png
      lenet-keras read --network lenet5_modern-mnist-best - < photo.jpg
    """
    from lenet_keras.checks import expect
    from lenet_study import files as writing
    from lenet_study import read as reading

    if network:
        _refuse_unknown(network, reading.NETWORKS, "a trained network for digits")
    if picture:
        fits = overwrite or not picture.exists()
        fits = fits and len(files) == 1 and picture.suffix.lower() == ".png"
        expect(fits, "one image, and a new .png or --overwrite", picture=str(picture))
        writing.check_writable(picture)
    failed = False
    for file in files:
        name = click.format_filename(file)
        try:
            with click.open_file(file, "rb") as stream, quietly():
                answer = reading.read(stream, line, network)
        except OF_THE_USER as error:
            click.echo(f"lenet-keras: {name}: {error}", err=True)
            failed = True
            continue
        told = {"file": file, **answer._asdict()}
        told = {key: told[key] for key in ("file", "text", "confidence", "runner_up")}
        click.echo(json.dumps(told) if as_json else f"{name}: {answer.words}")
        if picture:
            from lenet_study import figures

            with writing.replacing(picture) as beside:
                figures.photo_read(answer).savefig(beside)
    sys.exit(failed)


@cli.command()
@click.argument("files", nargs=-1, type=FILE)
def report(files):
    """Make the tables and pictures of results files.

    Without FILES it makes those of all studies of this checkout. Then it puts their
    figures into the marked blocks of README and of the pages in docs.

    \b
    Examples:
      lenet-keras report results/mine.jsonl
      lenet-keras report
    """
    from lenet_study.results import stored_studies

    stored = files or stored_studies()
    for file in stored:
        _report(file)
    if not files:
        runpy.run_path(stored[0].parents[2] / "docs/fill.py", run_name="__main__")


@cli.command()
@click.argument("network")
@click.option("--cifar10", is_flag=True, help="Build it for the images of CIFAR-10.")
def summary(network, cifar10):
    """Print the counts of a network, layer by layer.

    These are parameters, connections and multiply-adds.

    The command builds it for the images of its paper, without its weights.

    \b
    Examples:
      lenet-keras summary lenet5
      lenet-keras summary lenet5_modern --cifar10
      lenet-keras summary alexnet
    """
    from lenet_keras.counts import symbolic_layer_table
    from lenet_study import networks

    known = [name for name in networks.__all__ if not name.endswith("_block")]
    _refuse_unknown(network, known, "a network")
    build = getattr(networks, network)
    shape = {"input_shape": (32, 32, 3)} if cifar10 else {}
    click.echo(symbolic_layer_table(lambda: build(**shape)))


@cli.group(cls=Group)
def data():
    """Fetch the data sets, or check the files in the data folder."""


@data.command()
@click.argument("dataset")
def fetch(dataset):
    """Fetch a data set into the data folder, if it is missing.

    DATASET is mnist, cifar10 or cifar10-sample.

    \b
    Example:
      lenet-keras data fetch cifar10
    """
    from lenet_study.datasets import sources

    click.echo(f"{sources.fetch(dataset)}: verified")


@data.command()
def verify():
    """Check every data set in the data folder against its pinned SHA-256.

    The exit code is 1 if a file is damaged.
    """
    from lenet_study.datasets import sources

    click.echo(f"{sources.data_dir()}:")
    states = sources.verify()
    for name, state in states.items():
        click.echo(f"  {name:16} {state}")
    sys.exit("damaged" in states.values())


def _lasting(stream, error):
    """Returns an output that may fail. Only what is written then is lost."""

    def lasting(method):
        def call(*arguments):
            with contextlib.suppress(error):
                return method(*arguments)

        return call

    stream = stream or open(os.devnull, "w")  # noqa: SIM115
    stream.write, stream.flush = lasting(stream.write), lasting(stream.flush)
    return stream


OF_THE_USER = (ImportError, OSError, RuntimeError, ValueError)


def main():
    """Runs the command line. Errors that a user can cause end in a message."""
    while os.open(os.devnull, os.O_RDWR) < 3:
        pass  # After `2>&-` the number 2 would be that of another file.
    sys.stdout = _lasting(sys.stdout, BrokenPipeError)  # as after `| head`
    sys.stderr = _lasting(sys.stderr, OSError)
    # So that what is half-written is removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(cli.main(sys.argv[1:] or ["--help"], standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (click.ClickException, *OF_THE_USER) as error:
        message = getattr(error, "format_message", error.__str__)()
        click.echo(f"lenet-keras: {message}", err=True)
        sys.exit(2)
