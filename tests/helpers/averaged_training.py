"""Trains with averages of the weights, and prints how far they are from loops, as JSON.

It is run in a process of its own, on the backend of `KERAS_BACKEND`. Each argument is
a momentum, and gets a training and a line.
"""

import json
import sys

import keras
import numpy as np

from lenet_study.training.run import Run
from lenet_study.training.train import load_images, train


class Weights(keras.callbacks.Callback):
    """Keeps the weights and the number of updates after each compiled call."""

    def __init__(self):
        super().__init__()
        self.kept, self.before = [], 0

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.done = min(batch + 1, self.params["steps"])
        self.kept.append((self.before + self.done, self.model.get_weights()))

    def on_epoch_end(self, epoch, logs=None):
        self.before += self.done


def averages_by_loops(average, kept, momentum):
    """Returns the averages of the weights after all updates."""
    updates = 0
    for done, weights in kept:
        m = min(momentum, (1 + done) / (10 + done)) ** (done - updates)
        average = [m * a + (1 - m) * w for a, w in zip(average, weights, strict=True)]
        updates = done
    return average


def largest_difference(some, others):
    """Returns the largest difference of two lists of weights."""
    pairs = zip(some, others, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def main(momentum):
    """Prints the differences from loops and from the last weights, and accuracies."""
    changes = {"epochs": 2, "schedule": "constant", "warmup_epochs": 0}
    run = Run(
        "lenet5_modern-mnist-best",
        "mnist",
        train_images=1_700,
        held_out=200,
        overrides=changes | {"ema_momentum": momentum},
    )
    keras.utils.set_random_seed(0)
    first = run.settings.build((28, 28, 1)).get_weights()
    weights = Weights()
    result = train(run, callbacks=[weights], verbose=0)
    ours = result.model.get_weights()
    _, (x, y) = load_images(run)
    answers = result.model.predict(x, verbose=0).argmax(axis=1)
    print(
        json.dumps(
            {
                "updates": weights.kept[-1][0],
                "from loops": largest_difference(
                    ours, averages_by_loops(first, weights.kept, momentum)
                ),
                "from the last": largest_difference(ours, weights.kept[-1][1]),
                "measured": result.row["held_out_accuracy"],
                "right": float((answers == y).mean()),
            }
        )
    )


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        main(float(argument))
