"""The command `lenet-keras`: compare, train, reproduce, sweep, report and the others.

This module imports click alone, so help comes at once. Each command imports what
it needs when it runs.
"""

import contextlib
import difflib
import json
import logging
import runpy
import sys
import tomllib
from pathlib import Path

try:
    import click
except ModuleNotFoundError:
    sys.exit(
        'lenet-keras: Expected the extra "study" of lenet_keras. Received: no module '
        "click. Install it: pip install 'lenet_keras[study]'"
    )

from lenet_study.extras import quietly


def _names(file):
    """Returns what a data file of the package defines, by name."""
    text = Path(__file__).parents[1].joinpath(file).read_text("utf-8")
    return json.loads(text) if file.endswith("json") else tomllib.loads(text)


RECIPES = _names("lenet_study/recipes.toml")
INTERPRETATIONS = list(_names("lenet_study/questions/interpretations.toml"))
DATASETS = list(_names("lenet_study/datasets/sources.toml"))
PRETRAINED = list(_names("lenet_keras/pretrained/records.json"))
TEACHERS = ["teacher-mnist", "teacher-cifar10"]
FORMATS = ["saved_model", "onnx", "litert", "litert-int8"]
TRAINABLE = sorted({own["network"] for own in RECIPES.values() if "network" in own})
NETWORKS = [
    *("alexnet", "fully_connected", "googlenet", "lenet1", "lenet4"),
    *("lenet5", "lenet5_modern", "lenet5_variant", "teacher"),
]


def import_quietly():
    """Imports the package without the log lines that TensorFlow writes to stderr."""
    with quietly():
        import lenet_keras  # noqa: F401
        import lenet_study.datasets  # noqa: F401  (its error names the extra)


def _seeds(context, option, text):
    """Returns the seeds that `3` or `0-4` names."""
    first, *last = text.split("-", maxsplit=1)
    try:
        seeds = range(int(first), int(last[0] if last else first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds:
        raise click.BadParameter(f"Expected a seed, or two as 0-4. Received: {text}")
    return seeds


def _settings(context, option, texts):
    """Returns the settings that `epochs=2` or `loss_arguments.j=5` name."""
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"Expected NAME=VALUE. Received: {text}")
        settings[name] = value  # a word, if it is not JSON
        with contextlib.suppress(ValueError):
            settings[name] = json.loads(value)
    return settings


def _overrides(recipe, settings, epochs=None, learning_rate=None):
    """Returns overrides of a recipe: `loss_arguments.j` changes one argument alone."""
    from lenet_study import recipes

    overrides = {"epochs": epochs, "learning_rate": learning_rate}
    overrides = {name: value for name, value in overrides.items() if value is not None}
    for name, value in settings.items():
        field, dot, argument = name.partition(".")
        if dot:
            before = overrides.get(field, getattr(recipes.RECIPES[recipe], field, {}))
            if not isinstance(before, dict):
                raise click.BadParameter(f"Expected NAME=VALUE. Received: {name}")
            value = before | {argument: value}
        overrides[field] = value
    return overrides


def _refuse_unknown(name, known, what):
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.5) or known
        raise click.BadParameter(
            f"Expected {what}, such as {', '.join(near)}. Received: {name}"
        )


seeds_option = click.option(
    "--seeds",
    default="0",
    show_default=True,
    callback=_seeds,
    help="A seed, or the first and the last as 0-4.",
)
epochs_option = click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Number of epochs, in place of the recipe's.",
)
train_images_option = click.option(
    "--train-images",
    metavar="N",
    type=click.IntRange(min=1),
    help="Use only the first N training images.",
)
held_out_option = click.option(
    "--held-out",
    default=0,
    metavar="N",
    type=click.IntRange(min=0),
    help="Measure on the last N training images, not on the test images.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="Replace a setting of the recipe, such as batch_size=32 or "
    "loss_arguments.j=5.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Repeat runs that are stored, and replace them."
)


def where_options(function):
    """Adds the options that say where runs are done."""
    for option in (
        click.option(
            "--scheduler", help="Address of a Dask scheduler, to run on its workers."
        ),
        click.option(
            "--workers",
            default=2,
            show_default=True,
            type=click.IntRange(min=1),
            help="Parallel runs on this machine, one thread each.",
        ),
    ):
        function = option(function)
    return function


def output_option(default):
    """Returns the option that names the results file of a command."""
    return click.option(
        "--output",
        default=default,
        show_default=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="Results file with one run per line. New runs are added.",
    )


class Command(click.Command):
    """Imports the package when the command runs, not when it shows its help."""

    def invoke(self, ctx):
        import_quietly()
        return super().invoke(ctx)


class Group(click.Group):
    """Consists of such commands."""

    command_class = Command


@click.group(cls=Group, no_args_is_help=True)
@click.version_option(package_name="lenet_keras")
def cli():
    """The faithful LeNet-5 of 1998 and its modern variant, trained and compared."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)


@cli.command()
@click.option(
    "--full",
    is_flag=True,
    help="Ten epochs on the complete data sets, and study note 002's recipe too.",
)
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs of each configuration, with the seeds 0, 1, ...",
)
@output_option("results/compare.jsonl")
@where_options
@overwrite_option
def compare(full, seeds, output, **where):
    """Train both networks on MNIST and CIFAR-10 and compare them.

    It uses the complete CIFAR-10 if that is in the data folder, and otherwise the
    sample that comes with the project. Runs in the results file are not repeated.

    \b
    Examples:
      lenet-keras compare
      lenet-keras compare --full --seeds 2 --output data/results/compare.jsonl
    """
    from lenet_study import report as reports
    from lenet_study import results, studies
    from lenet_study.datasets import sources

    cifar10 = "cifar10" if full or sources.available("cifar10") else "cifar10-sample"
    runs = studies.comparison_runs(full, range(seeds), cifar10)
    _sweep(runs, output, where)
    rows = results.load(output)
    click.echo("")
    click.echo(reports.comparison_text(rows[rows["id"].isin([run.id for run in runs])]))
    _report(output)
    click.echo(
        "Next: docs/comparison.md explains the table, `make lab` opens the notebooks."
    )


def _sweep(runs, output, where, **how):
    """Does the runs. The exit code is 1 if some have no result."""
    from lenet_study import files
    from lenet_study.datasets import sources
    from lenet_study.training.sweep import sweep

    for dataset in sorted({run.dataset for run in runs}):
        sources.fetch(dataset)  # once, before hours of training and not after
    files.check_writable(output)
    results = sweep.sweep(runs, output, **where, **how)
    diverged = sum(result["status"] != "done" for result in results)
    click.echo(
        f"{len(results) - diverged} of {len(runs)} runs are in {output}, "
        f"{diverged} diverged"
    )
    if len(results) < len(runs):
        log = output.with_suffix(".log")
        click.echo(f"{len(runs) - len(results)} failed: see {log}", err=True)
        sys.exit(1)


def _report(output):
    from lenet_study import report

    written = ", ".join(path.name for path in report.report(output))
    click.echo(f"Written to {output.parent}: {output.name}, {written}")


@cli.command()
@click.argument("network", type=click.Choice(TRAINABLE))
@click.argument("dataset", type=click.Choice(DATASETS))
@click.option(
    "--recipe",
    metavar="RECIPE",
    help="How to train it. The default is the recommended recipe.",
)
@epochs_option
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Learning rate, in place of the recipe's.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@train_images_option
@held_out_option
@set_option
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the trained network to this .keras file.",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file after each epoch, and resume from it if it exists.",
)
def train(
    network,
    dataset,
    recipe,
    epochs,
    learning_rate,
    settings,
    save,
    checkpoint,
    **arguments,
):
    """Train one network on one data set.

    \b
    Examples:
      lenet-keras train lenet5 mnist
      lenet-keras train lenet5_modern mnist --recipe note-002 --epochs 3
      lenet-keras train lenet5 mnist --set loss_arguments.j=5 --held-out 10000
      lenet-keras train lenet5 cifar10 --save lenet5-cifar10.keras
    """
    from lenet_study import files, recipes
    from lenet_study.training.run import Run
    from lenet_study.training.train import train as train_run

    recipe = recipe or recipes.recommended(network, dataset)
    known = recipes.RECIPES
    fitting = [name for name in known if known[name].network == network]
    _refuse_unknown(recipe, fitting, f"a recipe of {network}")
    if save and save.suffix != ".keras":
        raise click.BadParameter(f"Expected a .keras file. Received: {save}")
    overrides = _overrides(recipe, settings, epochs, learning_rate)
    run = Run(recipe, dataset, overrides=overrides, **arguments)
    for path in (save, checkpoint):
        if path:
            files.check_writable(path)
    result = train_run(run, checkpoint)
    click.echo(f"\n{result.history.round(4).to_string()}\n")
    for name, value in result.row.items():
        click.echo(f"{name:18} {value}")
    if save:
        with files.replacing(save) as beside:
            result.model.save(beside)
        click.echo(f"Written to {save}")


@cli.command()
@seeds_option
@click.option(
    "--loss",
    default="9",
    show_default=True,
    type=click.Choice(["8", "9"]),
    help="The paper's equation.",
)
@click.option("--distortions", is_flag=True, help="Add 540,000 distorted digits.")
@epochs_option
@train_images_option
@held_out_option
@set_option
@output_option("results/protocol.jsonl")
@where_options
@overwrite_option
def reproduce(
    seeds,
    loss,
    distortions,
    epochs,
    train_images,
    held_out,
    settings,
    output,
    **where,
):
    """Train LeNet-5 on MNIST by the paper's own method.

    The method trains one pattern at a time.

    A run that was stopped resumes after its last epoch. Runs that the results file
    holds are not repeated. The folder `answers` beside the file gets the answers to the
    test digits.

    \b
    Examples:
      lenet-keras reproduce
      lenet-keras reproduce --seeds 0-4 --distortions
      lenet-keras reproduce --loss 8 --train-images 15000
      lenet-keras reproduce --held-out 10000 --set learning_rate=0.5
    """
    from lenet_study import results
    from lenet_study.training.sweep import sweep

    if distortions and loss == "8":
        raise click.BadParameter("Expected loss 9 with --distortions. Received: loss 8")
    recipe = "lenet5-mnist"
    recipe += "-distorted" if distortions else {"8": "-loss-8", "9": ""}[loss]
    overrides = _overrides(recipe, settings, epochs)
    runs = sweep.grid(
        [recipe],
        ["mnist"],
        seeds,
        overrides=overrides,
        train_images=train_images,
        held_out=held_out,
        measure="lenet_study.questions.mistakes:measure",
    )
    _sweep(runs, output, where)
    rows = results.load(output)
    unseen = "held_out" if held_out else "test"
    for run in runs:
        row = rows[rows["id"] == run.id].iloc[0]
        if row["status"] != "done":
            click.echo(f"{run.name}: diverged")
            continue
        errors = [100 * (1 - row[f"{kind}_accuracy"]) for kind in (unseen, "train")]
        click.echo(
            f"{run.name}: {unseen.replace('_', '-')} error {errors[0]:.2f} %, "
            f"training error {errors[1]:.2f} %"
        )


@cli.command()
@click.argument("name", metavar="NAME", type=click.Choice(PRETRAINED + TEACHERS))
def pretrain(name):
    """Train one of the package's networks again, and store it.

    NAME is the name of a trained network, see docs/layers.md; or teacher-mnist or
    teacher-cifar10, a larger network, whose answers to the training images are stored
    as labels. Training uses one thread, so that it repeats a sweep's result.

    \b
    Example:
      lenet-keras pretrain lenet5-mnist
    """
    from lenet_study import pretrain
    from lenet_study.training.job import one_thread

    one_thread()
    if name in TEACHERS:
        row = pretrain.teach(name.removeprefix("teacher-"))["run"]
        error = 100 * (1 - row["held_out_accuracy"])
        click.echo(f"{name}: {error:.2f} % errors on held-out images")
        return
    record = pretrain.pretrain(name)
    click.echo(
        f"{name}: {record['test_errors']} errors in {record['test_images']} test images"
    )


@cli.command()
@click.argument("network", metavar="NAME_OR_FILE.keras")
@click.option("--format", required=True, type=click.Choice(FORMATS))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write; for saved_model a folder.",
)
@click.option(
    "--outputs",
    default="last",
    show_default=True,
    type=click.Choice(["last", "layers"]),
    help="Export the output of the last layer, or of all layers.",
)
@click.option(
    "--pixels",
    help="Values of the pixels, as in lenet_keras.preprocessing.prepare. The default "
    "is that of the trained networks of this input shape.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace a file or SavedModel that exists."
)
def export(network, format, output, outputs, **arguments):
    """Write a trained network in a format for other runtimes.

    NAME is a network that comes with the package, such as lenet5-mnist. The command
    compares the answers to the test images in the format's own runtime with Keras's.
    If they differ, it writes nothing; those of litert-int8 may differ. It needs the
    extra `export`.

    \b
    Examples:
      lenet-keras export lenet5-mnist --format onnx --output lenet5.onnx
      lenet-keras export lenet5-mnist --format litert-int8 --output lenet5.tflite
      lenet-keras export mine.keras --format saved_model --output mine
      lenet-keras export lenet5-mnist --format onnx --output maps.onnx --outputs layers
    """
    from lenet_study import export as exports

    if not network.endswith(".keras"):
        _refuse_unknown(network, PRETRAINED, "a .keras file, or a trained network")
    with quietly():  # TensorFlow and the converters write log lines
        found = exports.export(
            network, format, output, outputs == "layers", **arguments
        )
    click.echo(f"Written to {output}: {found.size / 1024:.1f} KiB")
    click.echo(
        f"{found.agree:,} of {found.images:,} answers agree with Keras's. The largest "
        f"difference is {found.difference:.1e} of the largest output."
    )
    click.echo(f"Wrong answers: {found.errors:,}. In Keras: {found.keras_errors:,}.")


@cli.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    default=["mnist", "cifar10"],
    show_default=True,
    type=click.Choice(DATASETS),
    help="Can be given several times.",
)
@seeds_option
@epochs_option
@train_images_option
@held_out_option
@set_option
@click.option(
    "--tune",
    is_flag=True,
    help="First choose the best of three learning rates, on 10,000 held-out images.",
)
@output_option("results/sweep.jsonl")
@where_options
@overwrite_option
def sweep(
    names,
    datasets,
    seeds,
    epochs,
    settings,
    tune,
    output,
    workers,
    scheduler,
    overwrite,
    **grid_settings,
):
    """Do many runs, and resume where a sweep stopped.

    NAMES are recipes or groups of recipes: `ladder`, `baselines`, `claims`, `permuted`,
    `lenet1`, `relatives`. The options below apply to them. Or NAMES is one study, a
    list of runs with its own options: `compare`, `protocol`, `protocol-choices`,
    `choices`, `ingredients`, `perturbed`, `interpretations`, `robustness`, `lines`. The
    results file gets each run as soon as it is done. Runs that the file holds are not
    repeated. The exit code is 1 if a run failed.

    \b
    Examples:
      lenet-keras sweep lenet5-adam note-002 --dataset mnist --seeds 0-2
      lenet-keras sweep ladder baselines --tune --output results/ladder.jsonl
      lenet-keras sweep choices --output results/choices.jsonl
      lenet-keras sweep ladder --scheduler tcp://192.0.2.1:8786
    """
    from lenet_study.datasets import sources
    from lenet_study.recipes import GROUPS
    from lenet_study.studies import STUDIES
    from lenet_study.training.sweep import grid, tuned

    known = [*STUDIES, *GROUPS, *RECIPES]
    for name in names:
        _refuse_unknown(name, known, "a study, a group or a recipe")
    where = {"workers": workers, "scheduler": scheduler}
    if set(names) & set(STUDIES):
        if len(names) > 1:
            raise click.BadParameter(f"Expected a study alone. Received: {names}")
        _sweep(STUDIES[names[0]](), output, where, overwrite=overwrite)
        return
    recipes = [recipe for name in names for recipe in GROUPS.get(name, [name])]
    recipes = list(dict.fromkeys(recipes))
    if tune and grid_settings["held_out"]:
        raise click.BadParameter(
            "Expected --tune without --held-out: it chooses on 10,000 held-out images "
            f"and measures on the test images. Received: {grid_settings['held_out']}"
        )

    def runs(rates=None):
        return [
            run
            for recipe in recipes
            for run in grid(
                [recipe],
                datasets,
                seeds,
                rates,
                overrides=_overrides(recipe, settings, epochs),
                **grid_settings,
            )
        ]

    if not runs():
        raise click.BadParameter(
            f"Expected recipes that have a meaning on the data sets. "
            f"Received: {', '.join(names)} on {', '.join(datasets)}"
        )
    rates = None
    if tune:
        held_out = 10_000
        images = grid_settings["train_images"]
        if images and images <= held_out:
            raise click.BadParameter(
                f"Expected more than {held_out} training images with --tune, which "
                f"holds out so many of them. Received: {images}"
            )
        for dataset in {run.dataset for run in runs()}:
            sources.fetch(dataset)
        rates = tuned(recipes, datasets, output, train_images=images, **where)
    _sweep(runs(rates), output, where, overwrite=overwrite)


@cli.command()
@click.argument(
    "files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def report(files):
    """Make the tables and pictures of results files.

    Without FILES it makes those of all studies of this checkout. Then it puts their
    figures into the marked blocks of README and of the pages in docs.

    \b
    Examples:
      lenet-keras report results/mine.jsonl
      lenet-keras report
    """
    from lenet_study import report as reports

    stored = files or reports.stored_studies()
    for file in stored:
        _report(file)
    if not files:
        runpy.run_path(stored[0].parents[2] / "docs/fill.py", run_name="__main__")


@cli.command()
@click.argument("interpretation", metavar="NAME", type=click.Choice(INTERPRETATIONS))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def probe(interpretation, seed):
    """Show LeNet-5's signals before the first update.

    NAME is an interpretation of the paper, which lenet_study/questions/interpretations.toml
    lists: how the weights and the learning rates start.

    \b
    Example:
      lenet-keras probe literal
    """
    from lenet_study.questions import interpretations

    chosen = interpretations.INTERPRETATIONS[interpretation]
    click.echo(interpretations.probe(chosen, seed).to_string())


@cli.command()
@click.argument("model", type=click.Choice(NETWORKS))
@click.option("--cifar10", is_flag=True, help="Build it for the images of CIFAR-10.")
def summary(model, cifar10):
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

    build = getattr(networks, model)
    shape = {"input_shape": (32, 32, 3)} if cifar10 else {}
    click.echo(symbolic_layer_table(lambda: build(**shape)))


@cli.command()
def family():
    """Print the counts of the networks from LeNet-1 to ResNet-50.

    \b
    Example:
      lenet-keras family
    """
    from lenet_study.family import timeline

    counts = timeline()[["year", "parameters", "connections", "multiply_adds"]]
    click.echo(counts.to_string(formatters=[str, *["{:,}".format] * 3]))


@cli.group(cls=Group)
def data():
    """Fetch the data sets, or check the files in the data folder."""


@data.command()
@click.argument("dataset", type=click.Choice(DATASETS))
def fetch(dataset):
    """Fetch a data set into the data folder, if it is missing.

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
    if "damaged" in states.values():
        sys.exit(1)


def main():
    """Runs the command line. Errors that a user can cause end in a message."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message())
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        _fail(str(error))


def _fail(message):
    click.echo(f"lenet-keras: {message}", err=True)
    sys.exit(2)
