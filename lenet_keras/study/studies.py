"""The project's studies: named lists of runs, and their additional measurements.

studies.toml has the settings that were tried, as data.
"""

from typing import NamedTuple

from lenet_keras.study import interpretations, mistakes, perturbations
from lenet_keras.study.files import tables
from lenet_keras.study.recipes import GROUPS
from lenet_keras.study.sweep import do_run, grid
from lenet_keras.study.training import Run

# Epochs of a short comparison. The sample has a tenth of the images.
FEW_EPOCHS = {"mnist": 2, "cifar10": 2, "cifar10-sample": 6}

TRIED = tables("studies.toml")
CHOICES = TRIED["choices"]  # by recommended recipe and title


def comparison_runs(full, seeds, cifar10="cifar10"):
    """Returns the runs that compare the two networks, trained alike.

    Args:
        full: Whether to train for all epochs of the recipes, and also by the recipe of
            study note 002. Otherwise the runs have a few epochs.
        seeds: Integers.
        cifar10: `"cifar10"` or `"cifar10-sample"`.

    Returns:
        List of `Run`.
    """
    recipes = ["lenet5-adam", "lenet5_modern-adam", *(["note-002"] if full else [])]
    return [
        run
        for seed in seeds
        for name in ("mnist", cifar10)
        for run in grid(
            recipes,
            [name],
            [seed],
            overrides={} if full else {"epochs": FEW_EPOCHS[name]},
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


class Study(NamedTuple):
    """A named list of runs.

    Attributes:
        runs: Function that returns the runs.
        do: Function that does one run, for `lenet_keras.study.sweep.sweep`.
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
}
