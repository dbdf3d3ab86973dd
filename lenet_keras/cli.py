"""The command line: lenet-keras compare | train | summary | data."""

import sys
from pathlib import Path

import click

from lenet_keras import models
from lenet_keras.counts import layer_table
from lenet_keras.datasets import sources
from lenet_keras.experiments.compare import compare as compare_networks
from lenet_keras.experiments.compare import markdown, replacing, table
from lenet_keras.experiments.run import DATASETS
from lenet_keras.experiments.run import train as train_network
from lenet_keras.recipes import RECIPES

INPUT_SHAPES = {
    ("lenet5", "mnist"): (32, 32, 1),
    ("lenet5", "cifar10"): (32, 32, 3),
    ("lenet5_modern", "mnist"): (28, 28, 1),
    ("lenet5_modern", "cifar10"): (32, 32, 3),
}

model_argument = click.argument("model", type=click.Choice(models.__all__))


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
@model_argument
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
@click.option(
    "--held-out",
    default=0,
    type=click.IntRange(min=0),
    help="Measure on the last so many training images, not on the test images.",
)
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
@model_argument
@click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    type=click.Choice(["mnist", "cifar10"]),
    help="Whose images it is built for.",
)
def summary(model, dataset):
    """Print a network layer by layer: parameters, connections, multiply-adds.

    \b
    Examples:
      lenet-keras summary lenet5
      lenet-keras summary lenet5_modern --dataset cifar10
    """
    network = getattr(models, model)(input_shape=INPUT_SHAPES[model, dataset])
    click.echo(layer_table(network).to_string())


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
