"""The history of a training, and the file from which it resumes."""

import json
import time
from pathlib import Path

import keras
import numpy as np

from lenet_keras import sdlm
from lenet_study.files import replacing


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to another run."""


class History(keras.callbacks.Callback):
    """Records a row for each epoch, and writes the checkpoint after it.

    The checkpoint is one file. It holds everything that the next epoch depends on: the
    weights, the states of the layers' random generators, the optimizer, the averages
    and the rows.

    Args:
        run: `lenet_study.training.run.Run`.
        train_images: Training images and labels. The method of 1998 measures them after
            each epoch.
        averages: `lenet_study.training.callbacks.AveragedWeights`.
        path: Path of the checkpoint, or `None`.
    """

    def __init__(self, run, train_images, averages, path):
        super().__init__()
        self.run, self.train_images, self.averages = run, train_images, averages
        self.path = path and Path(path)
        self.rows = []

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
        known = {"configuration": self.run.configuration, "history": self.rows}
        state = map(keras.ops.convert_to_numpy, _state(self.model))
        with replacing(self.path) as beside, beside.open("wb") as file:
            np.savez(file, *state, *self.averages.values, known=json.dumps(known))

    def restore(self, model):
        """Restores a new model from the checkpoint, if there is one."""
        if not (self.path and self.path.exists()):
            return
        try:
            with self.path.open("rb") as file, np.load(file) as content:
                known = json.loads(str(content["known"]))
                count = len(content.files) - 1
                values = [content[f"arr_{index}"] for index in range(count)]
            configuration, self.rows = known["configuration"], known["history"]
        except Exception as error:  # NumPy raises many types for a damaged file
            raise CheckpointError(
                "Expected a checkpoint that can be read; remove the file to train from "
                f"the first epoch. Received: {self.path}: {error!r}"
            ) from None
        own = self.run.configuration
        names = sorted(own.keys() | configuration.keys())
        other = ", ".join(n for n in names if own.get(n) != configuration.get(n))
        if other:
            raise CheckpointError(
                "Expected a checkpoint of the same run; nothing was trained, and the "
                f"file was not changed. Received: {self.path}, with another {other}"
            )
        model.optimizer.build(model.trainable_variables)
        state = _state(model)
        for variable, value in zip(state, values, strict=False):
            variable.assign(value)
        self.averages.values = values[len(state) :]


def _state(model):
    return [*model.variables, *model.optimizer.variables]


def evaluate(model, x, y):
    """Returns loss and accuracy of a compiled model."""
    return model.evaluate(x, y, batch_size=1000, return_dict=True, verbose=0)
