"""Times `lenet_keras.sdlm.fit` on the backend of `KERAS_BACKEND`.

    KERAS_BACKEND=torch python benchmarks/backends.py

The numbers are random: the time of an update does not depend on them. The first of six
epochs compiles and is left out. PyTorch, like the others, uses one thread.
"""

import statistics
import time

import keras
import numpy as np

from lenet_keras import losses, models, sdlm
from lenet_keras.sdlm.compiled import one_thread

PATTERNS = {"tensorflow": 4000, "jax": 4000, "torch": 200}
EPOCHS = 6


class EpochTimer(keras.callbacks.Callback):
    """Collects the seconds of the updates of each epoch."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.end = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(self.end - self.start)


def main():
    """Prints the milliseconds per pattern."""
    backend = keras.backend.backend()
    one_thread()
    if backend == "torch":
        import torch

        torch.set_num_threads(1)
    patterns, rng = PATTERNS[backend], np.random.default_rng(0)
    x = rng.normal(size=(patterns, 32, 32, 1)).astype("float32")
    model = models.lenet5(kernel_initializer=keras.initializers.LecunUniform)
    model.compile(sdlm.SDLM(1e-6), losses.MaximumAPosteriori())
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature([np.ones(w.shape) for w in model.trainable_variables])
    timer, labels = EpochTimer(), rng.integers(0, 10, patterns)
    sdlm.fit(model, x, labels, epochs=EPOCHS, callbacks=[timer], verbose=0)
    milliseconds = 1e3 * statistics.median(timer.seconds[1:]) / patterns
    print(f"{backend}: {milliseconds:.2f} ms per pattern")


if __name__ == "__main__":
    main()
