"""The command line: lenet-keras compare | train | reproduce | sweep | report | ...."""

import contextlib
import json
import logging
import sys
from pathlib import Path

import click

from lenet_keras import models
from lenet_keras.counts import symbolic_layer_table
from lenet_keras.datasets import sources
from lenet_keras.sdlm.compiled import one_thread
from lenet_keras.study import mistakes
from lenet_keras.study import pretrain as pretraining
from lenet_keras.study.files import check_writable, replacing
from lenet_keras.study.interpretations import INTERPRETATIONS
from lenet_keras.study.interpretations import probe as probe_network
from lenet_keras.study.recipes import GROUPS, RECIPES, recommended
from lenet_keras.study.report import report as write_report
from lenet_keras.study.results import comparison_table, load, markdown
from lenet_keras.study.studies import STUDIES, comparison_runs
from lenet_keras.study.sweep import grid, tuned
from lenet_keras.study.sweep import sweep as run_sweep
from lenet_keras.study.training import DATASETS, Run
from lenet_keras.study.training import train as train_run

TRAINABLE = sorted({recipe.network for recipe in RECIPES.values()})
NETWORKS = [name for name in models.__all__ if not name.endswith("_block")]


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
    overrides = {"epochs": epochs, "learning_rate": learning_rate}
    overrides = {name: value for name, value in overrides.items() if value is not None}
    for name, value in settings.items():
        field, dot, argument = name.partition(".")
        if dot:
            before = overrides.get(field, getattr(RECIPES[recipe], field, {}))
            if not isinstance(before, dict):
                raise click.BadParameter(f"Expected NAME=VALUE. Received: {name}")
            value = before | {argument: value}
        overrides[field] = value
    return overrides


seeds_option = click.option(
    "--seeds",
    default="0",
    show_default=True,
    callback=_seeds,
    help="A seed, or the first and the last as 0-4.",
)
epochs_option = click.option(
    "--epochs", type=click.IntRange(min=1), help="Instead of the recipe's."
)
train_images_option = click.option(
    "--train-images", type=click.IntRange(min=1), help="Use only the first so many."
)
held_out_option = click.option(
    "--held-out",
    default=0,
    type=click.IntRange(min=0),
    help="Measure on the last so many training images, not on the test images.",
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
    "--overwrite", is_flag=True, help="Do again what is done, and replace it."
)


def where_options(function):
    """Adds the options on where runs are done."""
    for option in (
        click.option(
            "--scheduler", help="Address of a Dask scheduler, to run on its workers."
        ),
        click.option(
            "--workers",
            default=2,
            show_default=True,
            type=click.IntRange(min=1),
            help="Runs at once on this machine, one thread each.",
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
        help="File of the results, a run on each line. It is added to.",
    )


@click.group(no_args_is_help=True)
@click.version_option(package_name="lenet_keras")
def cli():
    """The faithful LeNet-5 of 1998 and its modern variant, trained and compared."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)


@cli.command()
@click.option(
    "--full",
    is_flag=True,
    help="Ten epochs on the complete sets, and the note's recipe.",
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

    CIFAR-10 is the complete set if it is there, else the sample that is. What the
    results file holds already is not trained again.

    \b
    Examples:
      lenet-keras compare
      lenet-keras compare --full --seeds 2 --output data/results/compare.jsonl
    """
    complete = full or sources.available("cifar10")
    runs = comparison_runs(
        full, range(seeds), "cifar10" if complete else "cifar10-sample"
    )
    _sweep(runs, output, where)
    rows = load(output)
    table = comparison_table(rows[rows["id"].isin([run.id for run in runs])])
    click.echo(f"\n{markdown(table)}")
    _report(output)


def _sweep(runs, output, where, **how):
    """Does the runs; ends with exit code 1 if some have no result."""
    for dataset in sorted({run.dataset for run in runs}):
        sources.fetch(dataset)  # once, before hours of training and not after
    check_writable(output)
    results = run_sweep(runs, output, **where, **how)
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
    written = ", ".join(path.name for path in write_report(output))
    click.echo(f"Written to {output.parent}: {output.name}, {written}")


@cli.command()
@click.argument("network", type=click.Choice(TRAINABLE))
@click.argument("dataset", type=click.Choice(list(DATASETS)))
@click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    help="How to train it; by default the recommended recipe.",
)
@epochs_option
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Instead of the recipe's.",
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
    help="Replace this file after each epoch; go on from it if it is there.",
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
    recipe = recipe or recommended(network, dataset)
    if RECIPES[recipe].network != network:
        fitting = [name for name in RECIPES if RECIPES[name].network == network]
        raise click.BadParameter(
            f"Expected a recipe of {network}: {', '.join(fitting)}. Received: {recipe}"
        )
    if save and save.suffix != ".keras":
        raise click.BadParameter(f"Expected a .keras file. Received: {save}")
    overrides = _overrides(recipe, settings, epochs, learning_rate)
    run = Run(recipe, dataset, overrides=overrides, **arguments)
    for path in (save, checkpoint):
        if path:
            check_writable(path)
    result = train_run(run, checkpoint)
    click.echo(f"\n{result.history.round(4).to_string()}\n")
    for name, value in result.row.items():
        click.echo(f"{name:18} {value}")
    if save:
        with replacing(save) as beside:
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
    """Train LeNet-5 on MNIST by the paper's own method, one pattern at a time.

    A run that was stopped goes on after its last epoch. What the results file holds
    already is not trained again. The answers to the test digits are written to
    `answers` beside it.

    \b
    Examples:
      lenet-keras reproduce
      lenet-keras reproduce --seeds 0-4 --distortions
      lenet-keras reproduce --loss 8 --train-images 15000
      lenet-keras reproduce --held-out 10000 --set learning_rate=0.5
    """
    if distortions and loss == "8":
        raise click.BadParameter("Expected loss 9 with --distortions. Received: loss 8")
    recipe = "lenet5-mnist"
    recipe += "-distorted" if distortions else {"8": "-loss-8", "9": ""}[loss]
    overrides = _overrides(recipe, settings, epochs)
    runs = grid(
        [recipe],
        ["mnist"],
        seeds,
        overrides=overrides,
        train_images=train_images,
        held_out=held_out,
    )
    _sweep(runs, output, where, measure=mistakes.measure)
    rows = load(output)
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
@click.argument("name", type=click.Choice(pretraining.NAMES))
def pretrain(name):
    """Train one of the networks that come with the package anew, and store it there.

    \b
    Example:
      lenet-keras pretrain lenet5-mnist
    """
    if RECIPES[name].optimizer == "SDLM":
        one_thread()
    record = pretraining.pretrain(name)
    click.echo(
        f"{name}: {record['test_errors']} errors in {record['test_images']} test images"
    )


@cli.command()
@click.argument(
    "names", nargs=-1, required=True, type=click.Choice([*STUDIES, *GROUPS, *RECIPES])
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    default=["mnist", "cifar10"],
    show_default=True,
    type=click.Choice(list(DATASETS)),
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
    help="First choose each learning rate among three, on 10,000 held-out images.",
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
    """Do many runs; go on where it stopped.

    NAMES are recipes, groups of recipes (`ladder`, `baselines`, `claims`, `permuted`,
    `lenet1`, `relatives`), which the options below apply to, or one study, a list of
    runs with options of its own: `compare`, `protocol`, `protocol-choices`, `choices`,
    `perturbed`, `interpretations`. Each run is added to the results file as soon as it
    is done; what the file holds already is not done again. Ends with exit code 1 if a
    run failed.

    \b
    Examples:
      lenet-keras sweep lenet5-adam note-002 --dataset mnist --seeds 0-2
      lenet-keras sweep ladder baselines --tune --output results/ladder.jsonl
      lenet-keras sweep choices --output results/choices.jsonl
      lenet-keras sweep ladder --scheduler tcp://192.0.2.1:8786
    """
    where = {"workers": workers, "scheduler": scheduler}
    if set(names) & set(STUDIES):
        if len(names) > 1:
            raise click.BadParameter(f"Expected a study alone. Received: {names}")
        study = STUDIES[names[0]]
        how = {"measure": study.measure, "do": study.do, "overwrite": overwrite}
        _sweep(study.runs(), output, where, **how)
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
        chosen = tuned(recipes, datasets, output, train_images=images, **where)

        def rates(recipe, dataset):
            return [chosen[recipe, dataset]]

    _sweep(runs(rates), output, where, overwrite=overwrite)


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def report(file):
    """Make the tables, and the pictures, of a study beside its results FILE.

    \b
    Example:
      lenet-keras report data/results/ladder.jsonl
    """
    _report(file)


@cli.command()
@click.argument("interpretation", type=click.Choice(list(INTERPRETATIONS)))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def probe(interpretation, seed):
    """Look at LeNet-5 before its first update, under an interpretation of the paper.

    \b
    Example:
      lenet-keras probe literal
    """
    click.echo(probe_network(INTERPRETATIONS[interpretation], seed).to_string())


@cli.command()
@click.argument("model", type=click.Choice(NETWORKS))
@click.option("--cifar10", is_flag=True, help="Built for the images of CIFAR-10.")
def summary(model, cifar10):
    """Print a network layer by layer: parameters, connections, multiply-adds.

    It is built for the images that it was made for, without its weights.

    \b
    Examples:
      lenet-keras summary lenet5
      lenet-keras summary lenet5_modern --cifar10
      lenet-keras summary alexnet
    """
    build = getattr(models, model)
    shape = {"input_shape": (32, 32, 3)} if cifar10 else {}
    click.echo(symbolic_layer_table(lambda: build(**shape)))


@cli.group()
def data():
    """Fetch the data sets ahead of time, or check what is there."""


@data.command()
@click.argument("dataset", type=click.Choice(list(DATASETS)))
def fetch(dataset):
    """Fetch a data set into the data folder, unless it is there.

    \b
    Example:
      lenet-keras data fetch cifar10
    """
    click.echo(f"{sources.fetch(dataset)}: verified")


@data.command()
def verify():
    """Check every data set in the data folder against its pinned SHA-256.

    Ends with exit code 1 if a file is damaged.
    """
    click.echo(f"{sources.data_dir()}:")
    states = sources.verify()
    for name, state in states.items():
        click.echo(f"  {name:16} {state}")
    if "damaged" in states.values():
        sys.exit(1)


def main():
    """Runs the command line; an error that a user can cause ends in a message."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:
        _fail(error.format_message())
    except (OSError, RuntimeError, ValueError) as error:
        _fail(str(error))


def _fail(message):
    click.echo(f"lenet-keras: {message}", err=True)
    sys.exit(2)
