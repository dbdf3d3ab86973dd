"""A small training that waits to be killed: python interrupted_training.py CHECKPOINT.

For `tests/study/training/test_training.py`.
"""

import sys
import time

import keras

from lenet_study.training.run import Run
from lenet_study.training.train import train

RUN = Run("reshuffled", "mnist", 5, train_images=130, overrides={"epochs": 3})


class Waiting(keras.callbacks.Callback):
    """Prints "waiting" in the second epoch and waits."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            print("waiting", flush=True)
            time.sleep(600)


if __name__ == "__main__":
    train(RUN, sys.argv[1], [Waiting()], verbose=0)
