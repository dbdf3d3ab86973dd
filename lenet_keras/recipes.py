"""Named ways to train a network, as data: the configurations of all runs."""

import dataclasses
import math

import keras

from lenet_keras import sdlm
from lenet_keras.datasets.augment import AUGMENTATIONS
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy

PAPER_PASSES = 20


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    Attributes:
        model: Name of the network, a function of `lenet_keras.models`.
        pixels: What it sees, as in `lenet_keras.datasets.prepare`.
        loss: Keras loss, or its name.
        optimizer: Name of a Keras optimizer, as Keras has it by default but for the
            rate; or `"SDLM"`, the 1998 method, one pattern at a time.
        learning_rate: Positive number; for `"SDLM"` times the paper's rates, whose
            20 passes are compressed to `passes`.
        batch_size: Patterns an update.
        why: What the recipe is for.
        passes: Times through the training set.
        order: `"every_pass"` for a new random order in each pass; with `"SDLM"` also
            `"once"`, for one constant random order, or `False` for the order that they
            stand in.
        network: Arguments of the network's function beside the shape of the images.
        schedule: `"constant"`, or `"cosine"` for a rate that falls to 0 along half a
            cosine.
        augmentation: What is done to the images, a key of
            `lenet_keras.datasets.augment.AUGMENTATIONS`; by default nothing.
    """

    model: str
    pixels: str
    loss: object
    optimizer: str
    learning_rate: float
    batch_size: int
    why: str
    passes: int = 10
    order: str = "every_pass"
    network: dict = dataclasses.field(default_factory=dict)
    schedule: str = "constant"
    augmentation: str | None = None

    def __post_init__(self):
        sdlm_alone = self.optimizer == "SDLM" or self.order == "every_pass"
        for name, fits in {
            "schedule": self.schedule in ("constant", "cosine"),
            "order": self.order in ("every_pass", "once", False) and sdlm_alone,
            "batch_size": self.batch_size > 0
            and (self.optimizer != "SDLM" or self.batch_size == 1),
            "augmentation": self.augmentation in (None, *AUGMENTATIONS),
            "passes": self.passes > 0,
            "learning_rate": self.learning_rate > 0,
        }.items():
            if not fits:
                raise ValueError(
                    f"Expected another {name} with {self.optimizer}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    def compile(self, model, train_images):
        """Compiles a model with the recipe's loss, a fresh optimizer and `accuracy`.

        Args:
            model: The network.
            train_images: How many images a pass has.
        """
        if self.optimizer == "SDLM":
            paper_pass = max(1, round(train_images * self.passes / PAPER_PASSES))
            schedule = sdlm.paper_schedule(paper_pass, self.learning_rate)
            optimizer = sdlm.SDLM(schedule)
        else:
            rate = self.learning_rate
            if self.schedule == "cosine":
                updates = math.ceil(train_images / self.batch_size) * self.passes
                rate = keras.optimizers.schedules.CosineDecay(rate, updates)
            optimizer = getattr(keras.optimizers, self.optimizer)(rate)
        rbf = isinstance(self.loss, (MaximumAPosteriori, RBFMeanSquaredError))
        metric = RBFAccuracy if rbf else keras.metrics.SparseCategoricalAccuracy
        model.compile(optimizer, self.loss, metrics=[metric(name="accuracy")])


CROSS_ENTROPY = "sparse_categorical_crossentropy"

# What is recommended for a network on a data set bears the names of both, and is the
# default there. What was tried beside it is in lenet_keras.experiments.choices.
# Those behind them train both networks alike, by Adam at Keras's default rate.
RECIPES = {
    "lenet5-mnist": Recipe(
        model="lenet5",
        pixels="paper",
        loss=MaximumAPosteriori(j=10.0),
        optimizer="SDLM",
        learning_rate=0.25,
        batch_size=1,
        passes=20,
        order=False,  # that of the distorted set is random
        network={"kernel_initializer": "lecun_uniform"},
        augmentation="distorted-set",
        why="the method of 1998, with distorted digits",
    ),
    "lenet5-cifar10": Recipe(
        model="lenet5",
        pixels="standard",
        loss=MaximumAPosteriori(j=200.0, temperature=20.0),
        optimizer="Adam",
        learning_rate=0.003,
        batch_size=64,
        passes=30,
        network={"kernel_initializer": "lecun_uniform"},
        schedule="cosine",
        augmentation="flips-and-shifts",
        why="loss (9) at a temperature that suits photographs",
    ),
    "lenet5_modern-mnist": Recipe(
        model="lenet5_modern",
        pixels="paper-unpadded",
        loss=CROSS_ENTROPY,
        optimizer="Adam",
        learning_rate=0.003,
        batch_size=64,
        passes=30,
        schedule="cosine",
        augmentation="distortions",
        why="a rate that falls to 0, and distorted digits",
    ),
    "lenet5_modern-cifar10": Recipe(
        model="lenet5_modern",
        pixels="standard",
        loss=CROSS_ENTROPY,
        optimizer="Adam",
        learning_rate=0.003,
        batch_size=64,
        passes=60,
        schedule="cosine",
        augmentation="flips-and-shifts",
        why="a rate that falls to 0, mirrored and shifted photographs",
    ),
    "lenet5-adam": Recipe(
        model="lenet5",
        pixels="paper",
        loss=MaximumAPosteriori(j=10.0),
        optimizer="Adam",
        learning_rate=0.001,
        batch_size=64,
        why="loss (9) by minibatches",
    ),
    "lenet5_modern-adam": Recipe(
        model="lenet5_modern",
        pixels="unit",
        loss=CROSS_ENTROPY,
        optimizer="Adam",
        learning_rate=0.001,
        batch_size=64,
        why="today's usual choice",
    ),
    "note-002": Recipe(
        model="lenet5_modern",
        pixels="raw",
        loss=CROSS_ENTROPY,
        optimizer="RMSprop",
        learning_rate=0.001,
        batch_size=32,
        why="study note 002: RMSprop as Keras has it by default, raw pixels",
    ),
}

# From 1998 to today. Each rung changes one thing in the rung before it and keeps the
# rest: the first is the faithful network by the method of 1998, the last is study note
# 002's network trained its way, but for the rate, which each rung has its own.
LADDER = {
    "1998": ("the method of 1998, loss (8)", {}),
    "loss-9": ("loss (9)", {"loss": MaximumAPosteriori(j=10.0)}),
    "reshuffled": ("a new order in each pass", {"order": "every_pass"}),
    "adam": (
        "Adam, 64 images an update",
        {"optimizer": "Adam", "learning_rate": 0.001, "batch_size": 64},
    ),
    "softmax": (
        "softmax and cross-entropy",
        {"loss": CROSS_ENTROPY, "network": {"output": "softmax"}},
    ),
    "full-c3": ("each map of C3 sees all six", {"network": {"c3": "full"}}),
    "average": ("plain average pooling", {"network": {"subsampling": "average"}}),
    "max": ("max pooling", {"network": {"subsampling": "max"}}),
    "swish": ("swish", {"network": {"activation": "swish"}}),
    "glorot": (
        "Glorot's initial weights",
        {"network": {"kernel_initializer": "glorot_uniform"}},
    ),
    "28x28": ("28x28, padded with zeros", {"pixels": "paper-unpadded"}),
    "raw": ("raw pixels, 0 to 255", {"pixels": "raw"}),
    "rmsprop": ("RMSprop", {"optimizer": "RMSprop"}),
    "batch-32": ("32 images an update", {"batch_size": 32}),
}
# CIFAR-10's images have 32x32 pixels: nothing is padded there to begin with.
WITHOUT_MEANING = {("28x28", "cifar10"), ("28x28", "cifar10-sample")}

# What the study notes argue against, in LeNet-5's place.
BASELINES = {
    "fc-300": ("fully connected, 300 units", (300,)),
    "fc-300-100": ("fully connected, 300 and 100 units", (300, 100)),
    "fc-60000": ("fully connected, LeNet-5's number of parameters", "lenet5"),
}


def _rungs():
    recipe = Recipe(
        model="lenet5_between",
        pixels="paper",
        loss=RBFMeanSquaredError(),
        optimizer="SDLM",
        learning_rate=0.25,
        batch_size=1,
        order="once",
        why="",
    )
    for name, (title, change) in LADDER.items():
        network = recipe.network | change.get("network", {})
        recipe = dataclasses.replace(
            recipe, **{**change, "network": network, "why": title}
        )
        yield name, recipe


def _baselines():
    for name, (title, hidden) in BASELINES.items():
        yield (
            name,
            Recipe(
                model="fully_connected",
                pixels="paper-unpadded",
                loss=CROSS_ENTROPY,
                optimizer="Adam",
                learning_rate=0.001,
                batch_size=64,
                network={"hidden": hidden},
                why=title,
            ),
        )


RECIPES |= dict(_rungs()) | dict(_baselines())

# What the notes claim of shifts, noise and the order of the pixels is tried on these:
# as they are, with all pixels in another order, and with noise in training.
TRIED = ["loss-9", "lenet5_modern-adam", *BASELINES]
PERMUTED = [f"{name}-permuted" for name in TRIED]
NOISY = [f"{name}-noise" for name in TRIED[:2]]

for name in TRIED:
    RECIPES[f"{name}-permuted"] = dataclasses.replace(
        RECIPES[name],
        pixels=f"{RECIPES[name].pixels}-permuted",
        why=f"{RECIPES[name].why}; permuted pixels",
    )
# The noise is of the paper's values, so the modern variant sees them too.
for name, pixels in {"loss-9": "paper", "lenet5_modern-adam": "paper-unpadded"}.items():
    RECIPES[f"{name}-noise"] = dataclasses.replace(
        RECIPES[name],
        pixels=pixels,
        augmentation="noise",
        why=f"{RECIPES[name].why}; 10 % salt and pepper in training",
    )

# LeNet-1 by the method of 1998 and by minibatches, on digits reduced to the 16x16
# pixels that it was made for and on MNIST's own, and study note 003's reading of it.
_LENET1 = Recipe(
    model="lenet1",
    pixels="paper-reduced",
    loss=SparseMeanSquaredError(),
    optimizer="SDLM",
    learning_rate=3.0,
    batch_size=1,
    passes=20,
    order="once",
    why="the method of 1998",
)
_LENET1_ADAM = dataclasses.replace(
    _LENET1,
    optimizer="Adam",
    learning_rate=0.009,
    batch_size=64,
    order="every_pass",
    schedule="cosine",
    why="minibatches",
)
LENET1 = {
    "lenet1-mnist": _LENET1,
    "lenet1-adam": _LENET1_ADAM,
    "lenet1-note-003": dataclasses.replace(
        _LENET1_ADAM,
        network={"reading": "dense"},
        why="study note 003's dense reading, minibatches",
    ),
}
for name, recipe in LENET1.copy().items():
    LENET1[f"{name}-unreduced"] = dataclasses.replace(
        recipe, pixels="paper-unpadded", why=f"{recipe.why}; digits as MNIST has them"
    )
RECIPES |= LENET1

# The modern variant on CIFAR-10 with one idea of a later network, each by itself; and
# with the squashing function that ReLU took the place of.
RELATIVES = {
    "modern": ("the modern variant", {}),
    "modern-relu": ("ReLU", {"network": {"activation": "relu"}}),
    "modern-tanh": ("tanh", {"network": {"activation": "tanh"}}),
    "modern-overlapping": (
        "overlapping max pooling",
        {"network": {"overlapping": True}},
    ),
    "modern-lrn": (
        "local response normalisation",
        {"network": {"normalization": "local response"}},
    ),
    "modern-lrn-scaled": (
        "the same, for standardised pixels",
        {"network": {"normalization": "scaled local response"}},
    ),
    "modern-dropout": ("dropout of half of C5 and F6", {"network": {"dropout": 0.5}}),
    "modern-augmented": (
        "mirrored and shifted images",
        {"augmentation": "flips-and-shifts"},
    ),
    "modern-plain": ("two convolutions more", {"network": {"block": "plain"}}),
    "modern-residual": (
        "a shortcut around the two",
        {"network": {"block": "residual"}},
    ),
    "modern-inception": ("an inception block", {"network": {"block": "inception"}}),
}
_MODERN = Recipe(
    model="lenet5_relative",
    pixels="standard",
    loss=CROSS_ENTROPY,
    optimizer="Adam",
    learning_rate=0.003,
    batch_size=64,
    passes=20,
    schedule="cosine",
    why="",
)
for name, (title, change) in RELATIVES.items():
    RECIPES[name] = dataclasses.replace(_MODERN, why=title, **change)


def default_recipe(model, dataset):
    """Returns the name of a network's default recipe on a data set.

    Args:
        model: Name of the network, a function of `lenet_keras.models`.
        dataset: Name of the data set; a sample's recipe is that of the complete set.

    Example:

    >>> default_recipe("lenet5", "mnist")
    'lenet5-mnist'

    Raises:
        ValueError: If no recipe trains that network.
    """
    recommended = f"{model}-{dataset.removesuffix('-sample')}"
    if recommended in RECIPES:
        return recommended
    for name, recipe in RECIPES.items():
        if recipe.model == model:
            return name
    known = sorted({recipe.model for recipe in RECIPES.values()})
    raise ValueError(f"Expected a model among {known}. Received: model={model!r}")
