"""The project's studies: named lists of runs, and their additional measurements.

studies.toml has the settings that were tried, as data.
"""

from lenet_study.questions import interpretations
from lenet_study.questions.perturbations import Robustness
from lenet_study.questions.readers import WITHOUT, Reader
from lenet_study.recipes import GROUPS, RECIPES
from lenet_study.settings import tables
from lenet_study.training.run import Run
from lenet_study.training.sweep import grid

# The complete CIFAR-10 has ten times the sample's images: fewer epochs take as long.
SHORT_EPOCHS = {"cifar10": {"epochs": 3}}

MISTAKES = "lenet_study.questions.mistakes:measure"
PERTURBATIONS = "lenet_study.questions.perturbations:measure"
READERS = [
    *("lenet5-mnist", "lenet5-mnist-distorted"),
    *("lenet5-mnist-line", "lenet5-mnist-line-best"),
]
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
        run
        for recipe, seeds, images in (
            ("lenet5-mnist", 5, None),
            ("lenet5-mnist-loss-8", 3, None),
            ("lenet5-mnist", 3, 15_000),
            ("lenet5-mnist", 3, 30_000),
            ("lenet5-mnist-distorted", 3, None),
        )
        for run in grid(
            [recipe], ["mnist"], range(seeds), train_images=images, measure=MISTAKES
        )
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


STUDIES = {
    "compare": lambda: comparison_runs(full=True, seeds=range(2)),
    "protocol": protocol,
    "protocol-choices": protocol_choices,
    "choices": lambda: [choice(name, t) for name in CHOICES for t in CHOICES[name]],
    "ingredients": lambda: [
        ingredient(name, t) for name in INGREDIENTS for t in INGREDIENTS[name]
    ],
    "perturbed": lambda: grid(
        GROUPS["claims"], ["mnist"], range(3), measure=PERTURBATIONS
    ),
    "interpretations": lambda: [
        interpretations.Trial(name, seed)
        for name in interpretations.INTERPRETATIONS
        for seed in range(2)
    ],
    "robustness": lambda: [
        Robustness(name)
        for name in (
            *("lenet5-mnist", "lenet5-mnist-distorted", "lenet5-mnist-best"),
            *("lenet5_modern-mnist", "lenet5_modern-mnist-best"),
        )
    ],
    "lines": lambda: [
        *map(Reader, READERS),
        *(Reader("lenet5-mnist-line", without=part) for part in WITHOUT),
        *(Reader("lenet5-mnist-line-best", stride=n) for n in (2, 1)),
    ],
}
