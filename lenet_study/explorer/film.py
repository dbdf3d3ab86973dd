"""Trains `lenet5-mnist` again and keeps its weights at eight moments, for the explorer.

`python -m lenet_study.explorer.film` writes `film.npz` beside this file. It takes about
ten minutes on two cores.
"""

from pathlib import Path

import keras
import numpy as np

from lenet_keras import sdlm
from lenet_study.files import replacing
from lenet_study.training.run import Run
from lenet_study.training.train import load_images, train

FILE = Path(__file__).with_name("film.npz")
EPOCH = 60_000
MOMENTS = 0, 500, 2000, 10_000, EPOCH, 2 * EPOCH, 5 * EPOCH, 20 * EPOCH  # patterns seen


class Film(keras.callbacks.Callback):
    """Keeps all trainable weights at `MOMENTS`, as `float16`."""

    def on_train_begin(self, logs=None):
        self.frames, self.epoch = [], 0
        self.keep(seen=0)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.keep(self.epoch * EPOCH + batch + 1)

    def keep(self, seen):
        """Keeps the weights if the number of patterns is one of the moments."""
        if seen in MOMENTS:
            weights = [np.ravel(w) for w in self.model.trainable_weights]
            self.frames.append(np.concatenate(weights).astype("float16"))


def main():
    """Writes the weights, and the test error of each moment's weights as stored."""
    sdlm.trainer.UPDATES_PER_CALL = 500  # after so many, callbacks are called
    run, film = Run("lenet5-mnist", "mnist"), Film()
    model = train(run, callbacks=[film]).model
    _, (x, y) = load_images(run)
    errors = []
    for frame in film.frames:
        for weight in model.trainable_weights:
            own, frame = np.split(frame, [keras.ops.size(weight)])
            weight.assign(own.reshape(weight.shape))
        answers = model.predict(x, batch_size=1000, verbose=0).argmin(axis=1)
        errors.append((answers != y).sum())
    with replacing(FILE) as beside, beside.open("wb") as file:
        told = {"seen": MOMENTS, "test_errors": errors, "weights": film.frames}
        np.savez_compressed(file, **told)


if __name__ == "__main__":
    main()
