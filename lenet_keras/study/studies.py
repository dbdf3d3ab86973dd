"""The project's studies: named lists of runs, and what is measured beside them."""

from typing import NamedTuple

from lenet_keras.study import interpretations, mistakes, perturbations
from lenet_keras.study.recipes import GROUPS
from lenet_keras.study.sweep import do_run, grid
from lenet_keras.study.training import Run

# The complete CIFAR-10 has ten times the sample's images: fewer epochs take as long.
SHORT_EPOCHS = {"cifar10": {"epochs": 3}}


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


# Settings of the paper's method that were tried on held-out digits, and with how many
# seeds.
PROTOCOL_CHOICES = [
    ({}, 2),
    ({"learning_rate": 1.0}, 2),
    ({"learning_rate": 0.5}, 2),
    ({"learning_rate": 0.125}, 2),
    ({"estimates_in_first_epoch": 1}, 2),
    ({"loss_arguments": {"j": 5.0}}, 2),
    ({"loss_arguments": {"j": 15.0}}, 2),
    ({"optimizer_arguments": {"mu": 0.1}, "learning_rate": 0.5}, 2),
    ({"optimizer_arguments": {"mu": 0.5}, "learning_rate": 1.0}, 2),
    ({"optimizer_arguments": {"mu": 2.0}, "learning_rate": 2.0}, 2),
    (
        # The mean error over F6's 84 units, with the printed weights and rates.
        {
            "optimizer_arguments": {"mu": 1.68},
            "learning_rate": 1.0,
            "network_arguments": {},
            "estimates_in_first_epoch": 1,
        },
        2,
    ),
]
DISTORTED_CHOICES = [
    ({}, 2),
    ({"augmentation_arguments": {"scale": 1.0}}, 1),
    ({"augmentation_arguments": {"scale": 2.0}}, 2),
    ({"learning_rate": 0.5}, 1),
]


def protocol_choices():
    """Returns the runs on held-out digits by which the paper's method was set."""
    return [
        run
        for recipe, choices in (
            ("lenet5-mnist", PROTOCOL_CHOICES),
            ("lenet5-mnist-distorted", DISTORTED_CHOICES),
        )
        for overrides, seeds in choices
        for run in grid(
            [recipe],
            ["mnist"],
            range(seeds),
            overrides={"epochs": 12} | overrides,
            held_out=10_000,
        )
    ]


# What was tried in the place of one setting of each recommended recipe.
CHOICES = {
    "lenet5-cifar10": {
        "as recommended": {},
        "not augmented": {"augmentation": None},
        "a third of the learning rate": {"learning_rate": 0.001},
        "three times the learning rate": {"learning_rate": 0.01},
        "a constant learning rate": {"schedule": "constant"},
        "temperature 1": {"loss_arguments": {"j": 10.0}},
        "temperature 60": {"loss_arguments": {"j": 600.0, "temperature": 60.0}},
        "the paper's pixels": {"pixels": "paper"},
    },
    "lenet5_modern-mnist": {
        "as recommended": {},
        "no distortions": {"augmentation": None},
        "a third of the learning rate": {"learning_rate": 0.001},
        "three times the learning rate": {"learning_rate": 0.01},
        "a constant learning rate": {"schedule": "constant"},
        "32 images per update": {"batch_size": 32},
        "128 images per update": {"batch_size": 128},
    },
    "lenet5_modern-cifar10": {
        "as recommended": {},
        "not augmented": {"augmentation": None},
        "a third of the learning rate": {"learning_rate": 0.001},
        "three times the learning rate": {"learning_rate": 0.01},
        "a constant learning rate": {"schedule": "constant"},
        "pixels from 0 to 1": {"pixels": "unit"},
    },
}


def choice(recipe, title):
    """Returns one run of `CHOICES`: ten epochs, on held-out images."""
    return Run(
        recipe,
        recipe.split("-")[1],
        held_out=10_000,
        overrides={"epochs": 10} | CHOICES[recipe][title],
    )


class Study(NamedTuple):
    """A list of runs with a name.

    Attributes:
        runs: Function that returns the runs.
        do: Function that does one, for `lenet_keras.study.sweep.sweep`.
        measure: What it measures beside the accuracy, or `None`.
    """

    runs: object
    do: object = do_run
    measure: object = None


STUDIES = {
    "compare": Study(lambda: comparison_runs(full=True, seeds=range(2))),
    "protocol": Study(protocol, measure=mistakes.measure),
    "protocol-choices": Study(protocol_choices),
    "choices": Study(
        lambda: [
            choice(recipe, title) for recipe in CHOICES for title in CHOICES[recipe]
        ]
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
