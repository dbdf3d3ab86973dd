"""Named ways to train a network; recipes.toml has their settings, as data."""

import dataclasses
import math
import tomllib
from numbers import Real
from pathlib import Path

import keras

from lenet_keras import losses, metrics, models, sdlm
from lenet_keras.study.augmentation import AUGMENTATIONS

PAPER_EPOCHS = 20  # the paper calls an epoch a pass
ORDERS = ("every_epoch", "once", "given")
SCHEDULES = ("constant", "cosine", "paper", "paper-compressed")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A network and all settings of its training.

    The defaults never change, because a run's identity leaves them out.

    Attributes:
        network: Name of a function of `lenet_keras.models`.
        pixels: The network's input, as in `lenet_keras.preprocessing`.
        loss: Name of a loss of `lenet_keras.losses` or `keras.losses`.
        optimizer: Name of a Keras optimizer; or `"SDLM"`, the 1998 method, which
            updates the weights after each pattern.
        learning_rate: Positive number. For `"SDLM"`, the factor of the paper's rates.
        batch_size: Images per update.
        epochs: How often the training sees all images.
        order: `"every_epoch"` for a new random order in each epoch. `"SDLM"` also
            takes `"once"`, one random order for all epochs, and `"given"`, the order
            of the data.
        schedule: `"constant"`; `"cosine"` for a learning rate that falls to 0 along
            half a cosine. `"SDLM"` takes `"paper"`, the paper's learning rates of each
            epoch, or `"paper-compressed"`, those of its 20 epochs in `epochs`.
        augmentation: Change of the training images, a key of
            `lenet_keras.study.augmentation.AUGMENTATIONS`, or `None`.
        network_arguments: Arguments of the network's function.
        loss_arguments: Arguments of the loss.
        optimizer_arguments: Arguments of the optimizer beside the learning rate, such
            as `mu` of `"SDLM"`.
        augmentation_arguments: Arguments of the augmentation.
        estimates_in_first_epoch: For `"SDLM"`, estimates of the curvature in the first
            epoch. The paper makes one.
        title: A few words for tables; not a setting.

    Raises:
        ValueError: If a setting is unknown or out of its range.
    """

    network: str
    pixels: str
    loss: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int = 10
    order: str = "every_epoch"
    schedule: str = "constant"
    augmentation: str | None = None
    network_arguments: dict = dataclasses.field(default_factory=dict)
    loss_arguments: dict = dataclasses.field(default_factory=dict)
    optimizer_arguments: dict = dataclasses.field(default_factory=dict)
    augmentation_arguments: dict = dataclasses.field(default_factory=dict)
    estimates_in_first_epoch: int = 10
    title: str = dataclasses.field(default="", compare=False)

    def __post_init__(self):
        by_pattern = self.optimizer == "SDLM"
        paper = self.schedule.startswith("paper")
        for name, fits in {
            "network": self.network in models.__all__,
            "loss": hasattr(losses, self.loss) or hasattr(keras.losses, self.loss),
            "optimizer": by_pattern or hasattr(keras.optimizers, self.optimizer),
            "schedule": self.schedule in SCHEDULES and paper == by_pattern,
            "order": self.order in ORDERS
            and (by_pattern or self.order == "every_epoch"),
            "batch_size": _is_count(self.batch_size)
            and (self.batch_size == 1 or not by_pattern),
            "augmentation": self.augmentation in (None, *AUGMENTATIONS),
            "epochs": _is_count(self.epochs),
            "estimates_in_first_epoch": _is_count(self.estimates_in_first_epoch),
            "learning_rate": isinstance(self.learning_rate, Real)
            and 0 < self.learning_rate < math.inf,
            **{
                name: isinstance(getattr(self, name), dict)
                for name in vars(self)
                if name.endswith("_arguments")
            },
        }.items():
            if not fits:
                raise ValueError(
                    f"Expected a {name} that exists, is in its range and fits the "
                    f"optimizer {self.optimizer}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    @property
    def settings(self):
        """The settings that are not at their default, as JSON values."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.compare and getattr(self, field.name) != _default(field)
        }

    def build(self, image_shape):
        """Returns a new network.

        Args:
            image_shape: Shape of a prepared image, `(height, width, channels)`.

        Returns:
            `keras.Model`, not compiled.
        """
        return getattr(models, self.network)(image_shape, **self.network_arguments)

    def make_loss(self):
        """Returns the loss, a `keras.losses.Loss`."""
        where = losses if hasattr(losses, self.loss) else keras.losses
        return getattr(where, self.loss)(**self.loss_arguments)

    def compile(self, model, train_images, **arguments):
        """Compiles a model with the loss, a new optimizer and the metric `accuracy`.

        Args:
            model: The network.
            train_images: Number of images in an epoch.
            **arguments: Further arguments of `keras.Model.compile`.
        """
        rate = self.learning_rate
        if self.schedule == "cosine":
            updates = math.ceil(train_images / self.batch_size) * self.epochs
            rate = keras.optimizers.schedules.CosineDecay(rate, updates)
        elif self.schedule != "constant":
            share = 1 if self.schedule == "paper" else self.epochs / PAPER_EPOCHS
            paper_epoch = max(1, round(train_images * share))
            rate = sdlm.paper_schedule(paper_epoch, rate)
        where = sdlm if self.optimizer == "SDLM" else keras.optimizers
        optimizer = getattr(where, self.optimizer)(rate, **self.optimizer_arguments)
        loss = self.make_loss()
        rbf = isinstance(loss, (losses.MaximumAPosteriori, losses.RBFMeanSquaredError))
        accuracy = (
            metrics.RBFAccuracy if rbf else keras.metrics.SparseCategoricalAccuracy
        )
        metric = accuracy(name="accuracy")
        model.compile(optimizer, loss, metrics=[metric], **arguments)


def _is_count(value):
    return isinstance(value, int) and value > 0


def _default(field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def plain(value):
    """Returns a setting as a JSON value: equal settings give equal JSON."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _load():
    """Returns the recipes of recipes.toml by name."""
    text = Path(__file__).with_name("recipes.toml").read_text(encoding="utf-8")
    recipes = {}
    for name, settings in tomllib.loads(text).items():
        if like := settings.pop("like", None):
            base = recipes[like]
            added = settings.get("network_arguments", {})
            settings["network_arguments"] = base.network_arguments | added
            recipes[name] = dataclasses.replace(base, **settings)
        else:
            recipes[name] = Recipe(**settings)
    return recipes


RECIPES = _load()

# The best recipe of a network on a data set that is known so far.
RECOMMENDED = {
    ("lenet5", "mnist"): "lenet5-mnist-distorted",
    ("lenet5", "cifar10"): "lenet5-cifar10",
    ("lenet5_modern", "mnist"): "lenet5_modern-mnist",
    ("lenet5_modern", "cifar10"): "lenet5_modern-cifar10",
}

# From 1998 to today: each changes one thing in the one before it.
LADDER = [
    *("1998", "loss-9", "reshuffled", "adam", "softmax", "full-c3", "average", "max"),
    *("swish", "glorot", "28x28", "raw", "rmsprop", "batch-32"),
]
# CIFAR-10's images have 32x32 pixels: there is nothing to pad.
WITHOUT_MEANING = {("28x28", "cifar10"), ("28x28", "cifar10-sample")}
BASELINES = ["fc-300", "fc-300-100", "fc-60000"]

# The networks of the notes' claims on shifts, noise and the order of the pixels.
CLAIMED = ["loss-9", "lenet5_modern-adam", *BASELINES]
PERMUTED = [f"{name}-permuted" for name in CLAIMED]
NOISY = [f"{name}-noise" for name in CLAIMED[:2]]

LENET1 = [name for name in RECIPES if name.startswith("lenet1-")]
RELATIVES = [name for name in RECIPES if name.partition("-")[0] == "modern"]

# Lists of recipes by name, for sweeps.
GROUPS = {
    "ladder": LADDER,
    "baselines": BASELINES,
    "claims": [*CLAIMED, *NOISY],
    "permuted": PERMUTED,
    "lenet1": LENET1,
    "relatives": RELATIVES,
}


def recommended(network, dataset):
    """Returns the name of the recipe that is recommended for a network on a data set.

    Args:
        network: Name of a function of `lenet_keras.models`.
        dataset: Name of a data set; for a sample, the recipe of the complete set.

    Example:

    >>> recommended("lenet5", "mnist")
    'lenet5-mnist-distorted'

    Raises:
        ValueError: If no recipe trains that network.
    """
    name = RECOMMENDED.get((network, dataset.removesuffix("-sample")))
    fitting = [name for name, recipe in RECIPES.items() if recipe.network == network]
    if not fitting:
        known = sorted({recipe.network for recipe in RECIPES.values()})
        raise ValueError(f"Expected a network among {known}. Received: {network=}")
    return name or fitting[0]
