"""The project's studies: named lists of runs, and their additional measurements.

studies.toml has the settings that were tried, as data.
"""

from typing import NamedTuple

from lenet_study import (
    interpretations,
    mistakes,
    perturbations,
    readers,
    robustness,
)
from lenet_study.pretrain import Shipped
from lenet_study.recipes import GROUPS, RECIPES
from lenet_study.settings import tables
from lenet_study.sweep import do_run, grid
from lenet_study.training import Run

# The complete CIFAR-10 has ten times the sample's images: fewer epochs take as long.
SHORT_EPOCHS = {"cifar10": {"epochs": 3}}

TRIED = tables("studies.toml")
CHOICES = TRIED["choices"]  # by recipe and title
INGREDIENTS = TRIED["ingredients"]  # by recipe of the best result and title


def comparison_runs(full, seeds, cifar10="cifar10"):
    """Returns the runs that compare the two networks.

    Args:
        full: Whether to train both networks alike for ten epochs, and the modern
            variant by study note 002's recipe too. Otherwise each has the short recipe
            of its data set.
        seeds: Integers.
        cifar10: `"cifar10"` or `"cifar10-sample"`.

    Returns:
        List of `Run`.
    """
    networks = ["lenet5", "lenet5_modern"]
    if full:
        recipes = [*(f"{network}-adam" for network in networks), "note-002"]
        return grid(recipes, ["mnist", cifar10], seeds)
    return [
        run
        for dataset in ("mnist", cifar10)
        for run in grid(
            [f"{network}-{dataset.split('-')[0]}-short" for network in networks],
            [dataset],
            seeds,
            overrides=SHORT_EPOCHS.get(dataset),
        )
    ]


def protocol():
    """Returns the runs of the paper's method: losses, sizes, distorted digits."""
    return [
        *grid(["lenet5-mnist"], ["mnist"], range(5)),
        *grid(["lenet5-mnist-loss-8"], ["mnist"], range(3)),
        *grid(["lenet5-mnist"], ["mnist"], range(3), train_images=15_000),
        *grid(["lenet5-mnist"], ["mnist"], range(3), train_images=30_000),
        *grid(["lenet5-mnist-distorted"], ["mnist"], range(3)),
    ]


def protocol_choices():
    """Returns the runs on held-out digits that chose the settings of the method."""
    return [
        Run(recipe, "mnist", seed, None, 10_000, {"epochs": 12} | tried["overrides"])
        for recipe, choices in TRIED["protocol-choices"].items()
        for tried in choices
        for seed in range(tried["seeds"])
    ]


def choice(recipe, title):
    """Returns one run of `CHOICES`: ten epochs, measured on held-out images."""
    overrides = {"epochs": 10} | CHOICES[recipe][title]
    return Run(recipe, recipe.split("-")[1], held_out=10_000, overrides=overrides)


def ingredient(recipe, title):
    """Returns one run of `INGREDIENTS`: a third of the epochs, on held-out images."""
    overrides = {"epochs": RECIPES[recipe].epochs // 3} | INGREDIENTS[recipe][title]
    return Run(recipe, recipe.split("-")[1], held_out=10_000, overrides=overrides)


class Study(NamedTuple):
    """A named list of runs.

    Attributes:
        runs: Function that returns the runs.
        do: Function that does one run, for `lenet_study.sweep.sweep`.
        measure: Function that measures more than the accuracy, or `None`.
    """

    runs: object
    do: object = do_run
    measure: object = None


STUDIES = {
    "compare": Study(lambda: comparison_runs(full=True, seeds=range(2))),
    "protocol": Study(protocol, measure=mistakes.measure),
    "protocol-choices": Study(protocol_choices),
    "choices": Study(
        lambda: [choice(name, t) for name in CHOICES for t in CHOICES[name]]
    ),
    "ingredients": Study(
        lambda: [ingredient(name, t) for name in INGREDIENTS for t in INGREDIENTS[name]]
    ),
    "perturbed": Study(
        lambda: grid(GROUPS["claims"], ["mnist"], range(3)),
        measure=perturbations.measure,
    ),
    "interpretations": Study(
        lambda: [
            interpretations.Trial(name, seed)
            for name in interpretations.INTERPRETATIONS
            for seed in range(2)
        ],
        do=interpretations.do_trial,
    ),
    "robustness": Study(
        lambda: [Shipped(name) for name in robustness.NETWORKS],
        do=robustness.do_shipped,
    ),
    "lines": Study(
        lambda: [
            *(readers.Reader(name) for name in readers.NETWORKS),
            *(
                readers.Reader("lenet5-mnist-line", without=part)
                for part in readers.WITHOUT
            ),
            *(readers.Reader("lenet5-mnist-line-best", stride=n) for n in (2, 1)),
        ],
        do=readers.do_reader,
    ),
}
