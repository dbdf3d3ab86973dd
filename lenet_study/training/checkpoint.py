"""The history of a training, and the file from which it resumes."""

import json
import time
from pathlib import Path

import keras
import numpy as np

from lenet_keras import sdlm
from lenet_keras.checks import expect
from lenet_study.files import replacing
from lenet_study.training.job import versions


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to another run."""


class History(keras.callbacks.Callback):
    """Records a row for each epoch, and writes the checkpoint after it.

    The checkpoint is one file. It holds everything that the next epoch depends on: the
    weights, the states of the layers' random generators, the optimizer, the averages
    and the rows.

    Args:
        run: `lenet_study.training.run.Run`.
        train_images: Training images and labels. Before the first update some of them
            must have a finite loss. The method of 1998 measures all after each epoch.
        averages: `lenet_study.training.callbacks.AveragedWeights`.
        path: Path of the checkpoint, or `None`.
    """

    def __init__(self, run, train_images, averages, path):
        super().__init__()
        self.run, self.train_images, self.averages = run, train_images, averages
        self.path = path and Path(path)
        self.rows = []

    def on_train_begin(self, logs=None):
        if not self.rows:
            some = (part[:1000] for part in self.train_images)
            loss = evaluate(self.model, *some)["loss"]
            what = "a finite loss before the first update: look at labels and settings"
            expect(np.isfinite(loss), what, loss=loss, **self.run.request)

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.perf_counter() - self.start, 1)
        unseen = self.run.unseen
        row = {"train_loss": logs["loss"], "train_accuracy": logs["accuracy"]}
        for name in ("loss", "accuracy"):
            row[f"{unseen}_{name}"] = logs[f"val_{name}"]
        rates, optimizer = {}, self.model.optimizer
        if isinstance(optimizer, sdlm.SDLM):
            after = evaluate(self.model, *self.train_images)
            row |= {f"train_{name}_after_epoch": value for name, value in after.items()}
            scales = np.concatenate([np.ravel(scale) for scale in optimizer.scales()])
            for name, scale in (("lowest", scales.min()), ("highest", scales.max())):
                rates[f"{name}_learning_rate"] = float(f"{self.rate * scale:.3g}")
        row = {name: round(float(value), 5) for name, value in row.items()}
        self.rows.append({"epoch": epoch + 1} | row | rates | {"seconds": seconds})
        if self.path:
            self._save()

    def _save(self):
        known = {"run": self._described(), "history": self.rows}
        arrays = self._arrays(self.model)
        with replacing(self.path) as beside, beside.open("wb") as file:
            np.savez(file, **arrays, known=json.dumps(known))

    def _described(self):
        made_by = {n: own for n, own in versions().items() if n != "commit"}
        return self.run.configuration | made_by

    def _arrays(self, model):
        averages = {f"average/{n}": own for n, own in enumerate(self.averages.values)}
        state = _state(model).items()
        return {n: keras.ops.convert_to_numpy(own) for n, own in state} | averages

    def restore(self, model):
        """Restores a new model from the checkpoint, if there is one.

        Raises:
            CheckpointError: If the file is damaged, belongs to another run, was made by
                other versions, or has arrays of other names or shapes.
        """
        if not (self.path and self.path.exists()):
            return
        run = self.run
        model.optimizer.build(model.trainable_variables)
        own = self._described() | {"arrays": _shapes(self._arrays(model))}
        try:
            with self.path.open("rb") as file, np.load(file) as content:
                arrays = dict(content)
            known = json.loads(str(arrays.pop("known")))
            theirs, rows = known["run"] | {"arrays": _shapes(arrays)}, known["history"]
            epochs = [row["epoch"] for row in rows]
            fits = epochs == [*range(1, len(rows) + 1)] and 0 < len(rows) <= run.epochs
            expect(fits, f"the first of {run.epochs} epochs", history=rows)
            names = sorted(own.keys() | theirs.keys())
            other = ", ".join(n for n in names if own.get(n) != theirs.get(n))
            expect(not other, "the same run, versions and arrays", other=other)
        except Exception as error:  # NumPy raises many types for a damaged file
            raise CheckpointError(
                "Expected a checkpoint of this run; remove the file to train from the "
                f"first epoch. Received: {self.path}: {error}"
            ) from None
        for name, variable in _state(model).items():
            variable.assign(arrays.pop(name))
        self.rows, self.averages.values = rows, [*arrays.values()]


def _state(model):
    """Returns the variables by their place and their name, the same in each process."""
    state = enumerate([*model.variables, *model.optimizer.variables])
    return {f"{place}/{variable.name}": variable for place, variable in state}


def _shapes(arrays):
    return {name: (own.shape, str(own.dtype)) for name, own in arrays.items()}


def evaluate(model, x, y):
    """Returns loss and accuracy of a compiled model."""
    return model.evaluate(x, y, batch_size=1000, return_dict=True, verbose=0)
