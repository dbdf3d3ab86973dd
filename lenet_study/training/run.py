"""A run: one training of a recipe on a data set. Its identity is `job.Job.id`."""

import dataclasses
import pkgutil
from numbers import Integral

import keras

from lenet_keras.checks import expect
from lenet_keras.sdlm import DivergenceError
from lenet_study.datasets.sources import PINS
from lenet_study.files import log
from lenet_study.recipes import BESIDE, RECIPES, Recipe
from lenet_study.settings import as_json, without_defaults
from lenet_study.training.checkpoint import CheckpointError
from lenet_study.training.job import Job
from lenet_study.training.train import train


@dataclasses.dataclass(frozen=True)
class Run(Job):
    """One training, for `train`.

    The defaults never change, because the identity of a run leaves them out.

    Attributes:
        recipe: Name of one of `lenet_study.recipes.RECIPES`.
        dataset: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.
        seed: Integer of 0 or more. It determines the initial weights, the order of the
            images and their augmentation.
        train_images: Number of training images, counted from the first. By default the
            run uses all.
        held_out: Number of training images, counted from the last, that are held out.
            They replace the test images; use them to choose settings.
        overrides: Settings that replace the recipe's, by the names of the attributes
            of `lenet_study.recipes.Recipe`, such as `{"epochs": 2}`.
        measure: Optional name of a function of the run and its trained model, as
            `"module:function"`. `do` adds the dictionary that it returns to the result.
            It is not a setting of the training.

    Raises:
        ValueError: If the recipe, the data set or a setting is unknown, or a number is
            out of range.

    Example:

    >>> run = Run("lenet5-adam", "mnist", seed=1, overrides={"epochs": 2})
    >>> run.settings.epochs, run.settings.batch_size
    (2, 64)
    """

    recipe: str
    dataset: str
    seed: int = 0
    train_images: int | None = None
    held_out: int = 0
    overrides: dict = dataclasses.field(default_factory=dict)
    measure: str | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self):
        fields = [f.name for f in dataclasses.fields(Recipe) if f.compare]
        expect(self.recipe in RECIPES, f"recipe among {[*RECIPES]}", recipe=self.recipe)
        expect(self.dataset in PINS, f"dataset among {[*PINS]}", dataset=self.dataset)
        fits = set(self.overrides) <= set(fields)
        expect(fits, f"overrides among {fields}", overrides=self.overrides)
        available = PINS[self.dataset]["shapes"]["y_train"][0]
        used = available if self.train_images is None else self.train_images
        numbers = {"seed": self.seed, "train_images": used, "held_out": self.held_out}
        for name, value in numbers.items():
            fits = isinstance(value, Integral) and not isinstance(value, bool)
            fits = fits and 0 <= value < 2**32  # as NumPy wants a seed
            expect(fits, "an integer from 0 to 4294967295", **{name: value})
            numbers[name] = int(value)  # not an integer of NumPy
        fits = self.held_out < used <= available
        what = f"fewer held-out than training images, and at most {available} in all"
        expect(fits, what, held_out=self.held_out, train_images=used)
        # Each run has only one description.
        if used == available:
            numbers["train_images"] = None
        recipe = RECIPES[self.recipe]
        changed = {
            name: value
            for name, value in self.overrides.items()
            if as_json(value) != as_json(getattr(recipe, name))
        }
        settings = dataclasses.replace(recipe, **changed)  # checks them
        for name, other in BESIDE.items():
            default = getattr(Recipe, name, {})
            fits = getattr(settings, other) or changed.get(name, default) == default
            what = f"a recipe with {other}, without which {name} has no effect"
            expect(fits, what, overrides=changed)
        for name in ("plain_epochs", "warmup_epochs"):
            fits = changed.get(name, 0) <= settings.epochs
            expect(fits, f"{name} of at most {settings.epochs}", overrides=changed)
        vars(self).update(numbers, overrides=changed)  # the fields are frozen

    @property
    def settings(self):
        """The recipe with the overrides."""
        return dataclasses.replace(RECIPES[self.recipe], **self.overrides)

    @property
    def epochs(self):
        """The number of epochs."""
        return self.settings.epochs

    @property
    def unseen(self):
        """What measures the run: `"test"` images or `"held_out"` ones."""
        return "held_out" if self.held_out else "test"

    @property
    def request(self):
        """The seed and the attributes that are not at their default, as JSON values."""
        first = {"recipe": self.recipe, "dataset": self.dataset, "seed": self.seed}
        return first | without_defaults(self)

    @property
    def configuration(self):
        """All settings that differ from the defaults."""
        own = without_defaults(self)
        for name in ("recipe", "overrides"):
            own.pop(name, None)
        return without_defaults(self.settings) | own

    @property
    def name(self):
        """The attributes that differ from the defaults, in words."""
        request = self.request
        recipe, dataset, seed = (request.pop(n) for n in ("recipe", "dataset", "seed"))
        overrides = request.pop("overrides", {})
        words = [f"{name} {value}" for name, value in (request | overrides).items()]
        return ", ".join([recipe, dataset, *words, f"seed {seed}"])

    def do(self, checkpoint=None, progress=lambda epochs: None):
        """Trains. The result has the `row` and the `history` from `train`."""
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: progress(epoch + 1)
        )
        try:
            result = train(self, checkpoint, [callback], verbose=0)
        except CheckpointError as error:
            aside = checkpoint.replace(checkpoint.with_name(f"aside-{checkpoint.name}"))
            log.warning("%s. The file is now %s; the run starts again.", error, aside)
            return self.do(checkpoint, progress)
        except DivergenceError as error:
            return {"status": "diverged", "error": str(error)}
        history = result.history.reset_index().to_dict(orient="records")
        done = {"status": "done", "row": result.row, "history": history}
        if self.measure:
            done |= pkgutil.resolve_name(self.measure)(self, result.model)
        return done
