"""The command line: lenet-keras compare | train | reproduce | pretrain | ...."""

import sys
from pathlib import Path

import click

from lenet_keras import models
from lenet_keras.counts import symbolic_layer_table
from lenet_keras.datasets import sources
from lenet_keras.experiments.compare import compare as compare_networks
from lenet_keras.experiments.compare import markdown, table
from lenet_keras.experiments.ladder import report as write_report
from lenet_keras.experiments.perturbed import perturbed
from lenet_keras.experiments.pretrain import PROTOCOLS, TRAINED
from lenet_keras.experiments.pretrain import pretrain as pretrain_network
from lenet_keras.experiments.reproduce import INITIALIZERS, Protocol
from lenet_keras.experiments.reproduce import reproduce as reproduce_paper
from lenet_keras.experiments.run import DATASETS
from lenet_keras.experiments.run import train as train_network
from lenet_keras.experiments.sweep import grid, tuned_rates
from lenet_keras.experiments.sweep import sweep as run_sweep
from lenet_keras.files import replacing
from lenet_keras.recipes import (
    BASELINES,
    LADDER,
    LENET1,
    PERMUTED,
    RECIPES,
    RELATIVES,
)
from lenet_keras.sdlm.compiled import one_thread

TRAINABLE = sorted({recipe.model for recipe in RECIPES.values()})
NETWORKS = [name for name in models.__all__ if not name.endswith("_block")]

GROUPS = {
    "ladder": list(LADDER),
    "baselines": list(BASELINES),
    "permuted": PERMUTED,
    "lenet1": list(LENET1),
    "relatives": list(RELATIVES),
}


def _seeds(text):
    """Returns the seeds that `3` or `0-4` names."""
    first, *last = text.split("-", maxsplit=1)
    try:
        seeds = range(int(first), int(last[0] if last else first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds:
        raise click.BadParameter(f"Expected a seed, or two as 0-4. Received: {text}")
    return seeds


seeds_option = click.option(
    "--seeds",
    default="0",
    show_default=True,
    callback=lambda context, option, value: _seeds(value),
    help="Runs to make: a seed, or the first and the last as 0-4.",
)


workers_option = click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs at once on this machine, one thread each.",
)
held_out_option = click.option(
    "--held-out",
    default=0,
    type=click.IntRange(min=0),
    help="Measure on the last so many training images, not on the test images.",
)
scheduler_option = click.option(
    "--scheduler", help="Address of a Dask scheduler, to run on its workers."
)


@click.group(no_args_is_help=True)
@click.version_option(package_name="lenet_keras")
def cli():
    """The faithful LeNet-5 of 1998 and its modern variant, trained and compared."""


@cli.command()
@click.option(
    "--full",
    is_flag=True,
    help="Ten passes on the complete sets, and the note's recipe.",
)
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs of each configuration, with the seeds 0, 1, ...",
)
@click.option(
    "--output",
    default="results",
    show_default=True,
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Folder for compare.csv, compare.md and compare.png.",
)
@click.option("--resume", is_flag=True, help="Keep the runs that compare.csv has.")
def compare(full, seeds, output, resume):
    """Train both networks on MNIST and CIFAR-10 and compare them.

    CIFAR-10 is the complete set if it is there, else the sample that is.

    \b
    Examples:
      lenet-keras compare
      lenet-keras compare --full --seeds 2 --output data/results
    """
    runs = compare_networks(output, full=full, seeds=range(seeds), resume=resume)
    click.echo(
        f"\n{markdown(table(runs))}\nWritten to {output}: compare.csv, .md, .png"
    )


@cli.command()
@click.argument("model", type=click.Choice(TRAINABLE))
@click.argument("dataset", type=click.Choice(list(DATASETS)))
@click.option("--recipe", type=click.Choice(list(RECIPES)), help="How to train it.")
@click.option("--passes", type=click.IntRange(min=1), help="Instead of the recipe's.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Instead of the recipe's.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--train-images", type=click.IntRange(min=1), help="Use only the first so many."
)
@held_out_option
@click.option(
    "--save",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the trained network to this .keras file.",
)
def train(model, dataset, save, **settings):
    """Train one network on one data set.

    \b
    Examples:
      lenet-keras train lenet5 mnist
      lenet-keras train lenet5_modern mnist --recipe note-002 --passes 3
      lenet-keras train lenet5 mnist --learning-rate 0.001 --held-out 10000
      lenet-keras train lenet5 cifar10 --save lenet5-cifar10.keras
    """
    if save and (save.suffix != ".keras" or not save.absolute().parent.is_dir()):
        raise click.BadParameter(
            f"Expected a .keras file in a folder that is there. Received: {save}"
        )
    run = train_network(model, dataset, **settings)
    click.echo()
    click.echo(run.history.round(4).to_string())
    click.echo()
    for name, value in run.row.items():
        click.echo(f"{name:16} {value}")
    if save:
        with replacing(save) as file:
            run.model.save(file)
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
@click.option("--passes", type=click.IntRange(min=1), help="Default: 20.")
@click.option(
    "--train-size", type=click.IntRange(1, 60_000), help="Use only the first so many."
)
@click.option("--distortions", is_flag=True, help="Add 540,000 distorted digits.")
@click.option(
    "--distortion-scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Times the distortions' ranges.",
)
@click.option(
    "--order",
    type=click.Choice(["once", "every_pass"]),
    help="One random order for all passes, as the paper has it, or a new one each.",
)
@click.option(
    "--held-out",
    type=click.IntRange(min=0),
    help="Measure on the last so many training digits, not on the test digits.",
)
@click.option(
    "--rate-scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Times the paper's global rates.",
)
@click.option(
    "--mu", type=click.FloatRange(min=0, min_open=True), help="Added to the curvature."
)
@click.option("--j", type=click.FloatRange(min=0, min_open=True), help="In loss (9).")
@click.option("--initializer", type=click.Choice(list(INITIALIZERS)))
@click.option(
    "--estimates-in-first-pass", type=click.IntRange(min=1), help="Of the curvature."
)
@click.option(
    "--output",
    default="results",
    show_default=True,
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Folder for the results.",
)
def reproduce(output, seeds, loss, **settings):
    """Train LeNet-5 on MNIST by the paper's own method, one pattern at a time.

    A run writes a row a pass as it goes, goes on where it was broken off, and is not
    made again when it is there.

    \b
    Examples:
      lenet-keras reproduce
      lenet-keras reproduce --seeds 0-4 --distortions
      lenet-keras reproduce --loss 8 --passes 2 --train-size 15000
      lenet-keras reproduce --held-out 10000 --rate-scale 0.5
    """
    one_thread()
    given = {name: value for name, value in settings.items() if value is not None}
    protocol = Protocol(loss=int(loss), **given)
    for seed in seeds:
        passes = reproduce_paper(output, protocol, seed)
        last = passes.iloc[-1]
        errors = [
            f"{name.replace('_', ' ')} {value:.2f} %"
            for name, value in last.items()
            if name.endswith("_error")
        ]
        click.echo(
            f"{protocol.name}, seed {seed}, pass {last['pass']}: {', '.join(errors)}"
        )
    click.echo(f"Written to {output}")


@cli.command()
@click.argument("name", type=click.Choice([*PROTOCOLS, *TRAINED]))
@click.option(
    "--results",
    default="results",
    show_default=True,
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Where runs of `reproduce` are, or will be.",
)
def pretrain(name, results):
    """Make one of the trained networks that come with the package anew.

    \b
    Example:
      lenet-keras pretrain lenet5-mnist --results data/results/reproduce
    """
    if name in PROTOCOLS:
        one_thread()
    record = pretrain_network(name, results)
    click.echo(
        f"{name}: {record['test_errors']} errors in {record['test_images']} test images"
    )


@cli.command()
@click.argument(
    "recipes", nargs=-1, required=True, type=click.Choice([*GROUPS, *RECIPES])
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
@click.option("--passes", type=click.IntRange(min=1), help="Instead of the recipes'.")
@click.option(
    "--train-images", type=click.IntRange(min=1), help="Use only the first so many."
)
@held_out_option
@click.option(
    "--tune",
    is_flag=True,
    help="First choose each rate among three, on the last 10,000 training images.",
)
@workers_option
@scheduler_option
@click.option(
    "--output",
    default="results/sweep",
    show_default=True,
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Folder for the results.",
)
def sweep(recipes, datasets, seeds, tune, output, workers, scheduler, **settings):
    """Run a grid of recipes, data sets and seeds; go on where it stopped.

    RECIPES are names of recipes, or of groups: `ladder`, `baselines`, `permuted`,
    `lenet1`, `relatives`. Each run is written to a file of its own as soon as it is
    done; a run that is there is not made again. Ends with exit code 1 if a run failed.

    \b
    Examples:
      lenet-keras sweep lenet5-adam note-002 --dataset mnist --seeds 0-2
      lenet-keras sweep ladder baselines --tune --seeds 0-4
      lenet-keras sweep ladder --scheduler tcp://192.0.2.1:8786
    """
    names = [name for given in recipes for name in GROUPS.get(given, [given])]
    names = list(dict.fromkeys(names))
    where = {"output": output, "workers": workers, "scheduler": scheduler}
    for dataset in datasets:
        sources.fetch(dataset)  # before hours of training, not after
    rates = None
    if tune:
        chosen = tuned_rates(
            names, datasets, **where, train_images=settings["train_images"]
        )

        def rates(recipe, dataset):
            return [chosen[recipe, dataset]]

    units = grid(names, datasets, seeds, rates, **settings)
    if not units:
        raise click.BadParameter(f"Expected runs to make. Received: {names}")
    rows = run_sweep(units, **where)
    done = rows["status"].eq("done").sum()
    diverged = len(rows) - done
    click.echo(f"{done} of {len(units)} runs are in {output}, {diverged} diverged")
    if len(rows) < len(units):
        click.echo(f"{len(units) - len(rows)} failed: see its .failed.json", err=True)
        sys.exit(1)


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(folder):
    """Make the tables, and the pictures, of a sweep.

    They are written into FOLDER: runs.csv, one row a run; of the ladder or of the
    relatives ladder.md and .png, or relatives.md and .png; of other recipes runs.md.

    \b
    Example:
      lenet-keras report data/results/ladder
    """
    runs = write_report(folder)
    click.echo(f"{len(runs)} runs. Written to {folder}: runs.csv and what they say")


@cli.command()
@seeds_option
@workers_option
@scheduler_option
@click.option(
    "--output",
    default="results/perturbed",
    show_default=True,
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Folder for the runs, perturbed.csv, .md and .png.",
)
def perturb(output, **where):
    """Measure how far trained networks read shifted, scaled, turned, spoilt digits.

    They are LeNet-5, the modern variant and fully connected networks, trained on MNIST.

    \b
    Example:
      lenet-keras perturb --seeds 0-2
    """
    table = perturbed(output, **where)
    click.echo(f"{len(table)} figures. Written to {output}: perturbed.csv, .md, .png")


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
    click.echo(symbolic_layer_table(lambda: build(**shape)).to_string())


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
    """Runs the command line; an error that a user can cause ends in one line."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:
        _fail(error.format_message())
    except (OSError, RuntimeError, ValueError) as error:
        _fail(str(error))


def _fail(message):
    click.echo(f"lenet-keras: {' '.join(message.split())}", err=True)
    sys.exit(2)
