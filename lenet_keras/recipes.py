"""Named ways to train: input, loss, optimizer, batch and passes, as data."""

import dataclasses

import keras

from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.metrics import RBFAccuracy


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one of the networks is trained.

    Attributes:
        model: Name of the network, a function of `lenet_keras.models`.
        pixels: What it sees, as in `lenet_keras.datasets.prepare`.
        loss: Keras loss, or its name.
        metric: Function without arguments that returns the accuracy metric.
        optimizer: Keras optimizer as the configuration that
            `keras.optimizers.get` takes.
        batch_size: Patterns an update.
        passes: Times through the training set.
        why: Where the recipe comes from.
    """

    model: str
    pixels: str
    loss: object
    metric: type
    optimizer: dict
    batch_size: int
    passes: int
    why: str

    def compile(self, model):
        """Compiles a model with the recipe's loss, a fresh optimizer and `accuracy`."""
        model.compile(
            optimizer=keras.optimizers.get(self.optimizer),
            loss=self.loss,
            metrics=[self.metric(name="accuracy")],
            steps_per_execution=8,  # the same updates with fewer returns to Python
        )


def _optimizer(class_name, **config):
    return {"class_name": class_name, "config": config}


# The first recipe of a network is its default. Adam has Keras's default rate. On
# held-out images it is the best of four for the faithful network, over both data sets;
# the modern one does better with larger rates in three passes, but not in ten on MNIST
# (data/results/rates.csv).
RECIPES = {
    "lenet5-adam": Recipe(
        model="lenet5",
        pixels="paper",
        loss=MaximumAPosteriori(j=10.0),
        metric=RBFAccuracy,
        optimizer=_optimizer("Adam", learning_rate=0.001),
        batch_size=64,
        passes=10,
        why="loss (9) by minibatches",
    ),
    "lenet5_modern-adam": Recipe(
        model="lenet5_modern",
        pixels="unit",
        loss="sparse_categorical_crossentropy",
        metric=keras.metrics.SparseCategoricalAccuracy,
        optimizer=_optimizer("Adam", learning_rate=0.001),
        batch_size=64,
        passes=10,
        why="today's usual choice",
    ),
    "note-002": Recipe(
        model="lenet5_modern",
        pixels="raw",
        loss="sparse_categorical_crossentropy",
        metric=keras.metrics.SparseCategoricalAccuracy,
        optimizer=_optimizer("RMSprop"),
        batch_size=32,
        passes=10,
        why="study note 002: RMSprop as Keras has it by default, raw pixels",
    ),
}


def default_recipe(model):
    """Returns the name of a network's default recipe.

    Args:
        model: Name of the network, a function of `lenet_keras.models`.

    Example:

    >>> default_recipe("lenet5")
    'lenet5-adam'

    Raises:
        ValueError: If no recipe trains that network.
    """
    for name, recipe in RECIPES.items():
        if recipe.model == model:
            return name
    known = sorted({recipe.model for recipe in RECIPES.values()})
    raise ValueError(f"Expected a model among {known}. Received: model={model!r}")
