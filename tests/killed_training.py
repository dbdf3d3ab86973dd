"""A small training, for `test_trainer`: as a program it waits in a pass to be killed.

python killed_training.py CHECKPOINT PASS
"""

import sys
import time

import keras
import numpy as np

from lenet_keras import sdlm
from lenet_keras.sdlm import trainer

PASSES, STRETCH = 4, 8


class Waiting(keras.callbacks.Callback):
    """Says so in the middle of a pass, and waits."""

    def __init__(self, epoch):
        super().__init__()
        self.waiting_epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.epoch == self.waiting_epoch and batch == 2 * STRETCH:
            print("waiting", flush=True)
            time.sleep(600)


def train(checkpoint=None, callbacks=()):
    """Returns the trained model and its history."""
    trainer.STRETCH = STRETCH
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    x = rng.normal(size=(30, 6)).astype("float32")
    y = rng.integers(0, 3, 30)
    model = keras.Sequential(
        [
            keras.Input((6,), name="input"),
            keras.layers.Dense(3, activation="softmax", name="answer"),
        ],
        name="killed",
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(0.02, 20, 0.5)
    model.compile(
        sdlm.SDLM(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    estimation = sdlm.CurvatureEstimation(
        x, y, patterns=10, estimates_in_first_pass=2, seed=7
    )
    history = sdlm.fit(
        model,
        x,
        y,
        epochs=PASSES,
        shuffle="every_pass",
        seed=7,
        validation_data=(x[:9], y[:9]),
        callbacks=[estimation, *callbacks],
        checkpoint=checkpoint,
        verbose=0,
    )
    return model, history


if __name__ == "__main__":
    train(sys.argv[1], [Waiting(int(sys.argv[2]))])
