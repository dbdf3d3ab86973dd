"""Named ways to train a network; recipes.toml has their settings, as data."""

import dataclasses
import math
from functools import partial
from numbers import Real

import keras
from keras import ops
from keras.metrics import CategoricalAccuracy, SparseCategoricalAccuracy
from pandas import Interval

from lenet_keras import losses, metrics, sdlm
from lenet_keras.checks import expect
from lenet_study import networks
from lenet_study.images.augmentation import AUGMENTATIONS
from lenet_study.optimizers import KernelMuon
from lenet_study.settings import tables

OPTIMIZERS = {"SDLM": sdlm.SDLM, "KernelMuon": KernelMuon} | {
    name: own for name, own in vars(keras.optimizers).items() if name[0].isupper()
}


def _lines_right(y_true, y_pred, j):
    """Returns 1 for each line whose nearest states, place by place, read as it says.

    Equal states in a row are one digit, and rubbish is none.
    """
    distances, labels = y_pred[:, 0], ops.cast(y_true, "int32")
    rubbish = ops.full_like(distances[..., :1], j)
    states = ops.argmin(ops.concatenate([distances, rubbish], axis=-1), axis=-1)
    states = ops.cast(states, "int32")
    before = ops.pad(states[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    begins = ops.logical_and(states != before, states != distances.shape[-1])
    number = ops.cumsum(ops.cast(begins, "int32"), axis=-1)  # of the digits up to here
    length = labels.shape[-1]
    expected = ops.take_along_axis(labels, ops.clip(number - 1, 0, length - 1), axis=-1)
    fits = ops.all(ops.logical_or(~begins, states == expected), axis=-1)
    return ops.cast(ops.logical_and(fits, number[:, -1] == length), "float32")


_lines_accuracy = partial(keras.metrics.MeanMetricWrapper, _lines_right)

# The labels that each loss takes, and the accuracy that fits it.
LOSSES = {
    "MaximumAPosteriori": ("classes", metrics.RBFAccuracy),
    "RBFMeanSquaredError": ("classes", metrics.RBFAccuracy),
    "CategoricalMaximumAPosteriori": ("probabilities", metrics.RBFAccuracy),
    "LineMaximumAPosteriori": ("lines", _lines_accuracy),
    "SparseMeanSquaredError": ("classes", SparseCategoricalAccuracy),
    "SparseCategoricalCrossentropy": ("classes", SparseCategoricalAccuracy),
    "CategoricalCrossentropy": ("probabilities", CategoricalAccuracy),
}

FROM_0, FROM_1 = (Interval(least, math.inf, closed="left") for least in (0, 1))
POSITIVE = Interval(0, math.inf, closed="neither")
# Settings that have an effect only beside another one.
BESIDE = {"augmentation_arguments": "augmentation", "plain_epochs": "augmentation"}
BESIDE |= {"teacher_temperature": "teacher_weight"}
LIMITS = (
    dict.fromkeys(["learning_rate", "teacher_temperature"], POSITIVE)
    | dict.fromkeys(["batch_size", "epochs", "estimates_in_first_epoch"], FROM_1)
    | dict.fromkeys(["warmup_epochs", "plain_epochs"], FROM_0)
    | dict.fromkeys(["ema_momentum", "label_smoothing"], Interval(0, 1, closed="left"))
    | {"teacher_weight": Interval(0, 1, closed="both")}
    | {"network": networks.__all__, "optimizer": list(OPTIMIZERS)}
    | {"order": ["every_epoch"], "schedule": ["constant", "cosine"]}
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A network and all settings of its training.

    The defaults never change, because the identity of a run leaves them out.

    Attributes:
        network: Name of a function of `lenet_keras.models`.
        pixels: The network's input, as in `lenet_keras.preprocessing`.
        loss: Name of a loss of `lenet_keras.losses` or `keras.losses`.
        optimizer: Name of a Keras optimizer, or `"KernelMuon"`, or `"SDLM"`. This last
            one is the method of 1998, which updates the weights after each pattern.
        learning_rate: Positive number. For `"SDLM"`, the factor of the paper's rates.
        batch_size: Images per update.
        epochs: Number of times that training sees all images.
        order: `"every_epoch"` for a new random order in each epoch. `"SDLM"` also
            takes `"once"`, one random order for all epochs, and `"given"`, the order
            of the data.
        schedule: `"constant"`, or `"cosine"` for a learning rate that falls to 0 along
            half a cosine. `"SDLM"` takes `"paper"`, the paper's learning rate of each
            epoch, or `"paper-compressed"`, the rates of the paper's 20 epochs scaled
            to `epochs`.
        augmentation: Change of the training images, a key of
            `lenet_study.images.augmentation.AUGMENTATIONS`, or `None`.
        network_arguments: Arguments of the network's function.
        loss_arguments: Arguments of the loss.
        optimizer_arguments: Arguments of the optimizer other than the learning rate,
            such as `mu` of `"SDLM"`.
        augmentation_arguments: Arguments of the augmentation.
        warmup_epochs: With `"cosine"`, the number of first epochs in which the learning
            rate rises from 0.
        plain_epochs: Number of last epochs without augmentation.
        ema_momentum: Share of the average of the weights that each update keeps, at
            least 0 and below 1. The averages are measured, and are the result. With 0
            nothing is averaged. Only without `"SDLM"`.
        label_smoothing: Part of each label that is spread over all classes, at least 0
            and below 1. The loss must take a probability for each class.
        teacher_weight: Part of each label, from 0 to 1, that the answers of a larger
            network replace, see `lenet_study.training.teachers`.
        teacher_temperature: Positive number that divides the larger network's logits.
        estimates_in_first_epoch: For `"SDLM"`, the number of estimates of the curvature
            in the first epoch. The paper makes one.
        title: A few words for tables. It is not a setting.

    Raises:
        ValueError: If a setting is unknown or out of range.
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
    warmup_epochs: int = 0
    plain_epochs: int = 0
    ema_momentum: float = 0.0
    label_smoothing: float = 0.0
    teacher_weight: float = 0.0
    teacher_temperature: float = 1.0
    estimates_in_first_epoch: int = 10
    title: str = dataclasses.field(default="", compare=False)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), field.type
            fits = isinstance(value, Real if kind is float else kind)
            fits = fits and not isinstance(value, bool)
            words = getattr(kind, "__name__", kind)
            expect(fits, f"a value of {words}", **{field.name: value})
        expect(self.loss in LOSSES, f"a loss among {list(LOSSES)}", loss=self.loss)
        for name, known in self._known().items():
            value, others = getattr(self, name), f"{self.optimizer} and {self.loss}"
            expect(value in known, f"{name} in {known} with {others}", **{name: value})

    def _known(self):
        """Returns the values that settings may have with this optimizer and loss."""
        augmentations = {None, *AUGMENTATIONS} - {"lines"}
        known = dict(LIMITS)
        if self.optimizer == "SDLM":
            known["order"] = ["every_epoch", "once", "given"]
            known["schedule"] = ["paper", "paper-compressed"]
            known |= {"batch_size": [1], "ema_momentum": [0]}
        else:
            known["estimates_in_first_epoch"] = [Recipe.estimates_in_first_epoch]
        if self.schedule != "cosine":
            known["warmup_epochs"] = [0]
        if self.labels != "probabilities":
            augmentations -= {"neighbours", "robust"}
            known |= {"label_smoothing": [0], "teacher_weight": [0]}
        if self.labels == "lines":
            augmentations = {"lines"}
            known["plain_epochs"] = [0]
        return known | {"augmentation": sorted(augmentations, key=str)}

    @property
    def labels(self):
        """What the loss takes: `"classes"`, `"probabilities"` or `"lines"`."""
        return LOSSES[self.loss][0]

    def build(self, image_shape):
        """Returns a new network.

        Args:
            image_shape: Shape of a prepared image, `(height, width, channels)`.

        Returns:
            `keras.Model`, not compiled.
        """
        return getattr(networks, self.network)(image_shape, **self.network_arguments)

    def compile(self, model, train_images):
        """Compiles a model with the loss, a new optimizer and the metric `accuracy`.

        One call of the compiled function makes ten updates; on PyTorch, one.

        Args:
            model: The network.
            train_images: Number of images in an epoch.
        """
        rate = self.learning_rate
        if self.schedule == "cosine":
            in_epoch = math.ceil(train_images / self.batch_size)
            first = min(self.warmup_epochs, self.epochs - 1)
            updates = in_epoch * (self.epochs - first)
            start, target = (0.0, rate) if first else (rate, None)
            warmup = {"warmup_target": target, "warmup_steps": in_epoch * first}
            rate = keras.optimizers.schedules.CosineDecay(start, updates, **warmup)
        elif self.schedule != "constant":
            # The paper calls an epoch a pass, and makes 20.
            share = 1 if self.schedule == "paper" else self.epochs / 20
            paper_epoch = max(1, round(train_images * share))
            rate = sdlm.paper_schedule(paper_epoch, rate)
        optimizer = OPTIMIZERS[self.optimizer](rate, **self.optimizer_arguments)
        loss = getattr(losses, self.loss, None) or getattr(keras.losses, self.loss)
        loss = loss(**self.loss_arguments)
        cost = {"j": loss.j} if self.labels == "lines" else {}
        metric = LOSSES[self.loss][1](name="accuracy", **cost)
        steps = 1 if keras.backend.backend() == "torch" else 10
        model.compile(optimizer, loss, metrics=[metric], steps_per_execution=steps)


_TABLES = tables("recipes.toml")
# Lists of recipes by name, for sweeps.
GROUPS = _TABLES.pop("groups")
LADDER, BASELINES, CLAIMS, PERMUTED, LENET1, RELATIVES = GROUPS.values()
# The networks that the notes' claims on shifts and pixel order are about.
CLAIMED = [name for name in CLAIMS if not name.endswith("-noise")]
# The best known recipe of each network on each data set.
RECOMMENDED = _TABLES.pop("recommended")
RECIPES = {name: Recipe(**table) for name, table in _TABLES.items()}

# CIFAR-10's images have 32x32 pixels already, so the network pads nothing.
WITHOUT_MEANING = {("28x28", "cifar10"), ("28x28", "cifar10-sample")}


def recommended(network, dataset):
    """Returns the name of the recommended recipe of a network on a data set.

    Args:
        network: Name of a function of `lenet_keras.models`.
        dataset: Name of a data set.

    Example:

    >>> recommended("lenet5", "mnist")
    'lenet5-mnist-best'

    Raises:
        ValueError: If no recipe trains that network.
    """
    fitting = [name for name, recipe in RECIPES.items() if recipe.network == network]
    known = sorted({recipe.network for recipe in RECIPES.values()})
    expect(fitting, f"a network among {known}", network=network)
    return RECOMMENDED.get(network, {}).get(dataset, fitting[0])
