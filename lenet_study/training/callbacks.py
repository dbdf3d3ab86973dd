"""Callbacks of a training: the bar, the ends that no result has, averaged weights."""

import keras
import numpy as np
from tqdm import tqdm

from lenet_keras import sdlm


class ProgressBar(keras.callbacks.Callback):
    """One progress bar for all epochs of a run.

    Args:
        title: Text before the bar.
        epochs: Number of epochs of the run.
        **kwargs: Other arguments of `tqdm.tqdm`.
    """

    LAYOUT = "{desc}: {percentage:3.0f}%|{bar}| epoch {n:.1f}/{total}, {remaining} left"

    def __init__(self, title, epochs, **kwargs):
        super().__init__()
        layout = self.LAYOUT + "{postfix}"
        self.bar = tqdm(desc=title, total=epochs, bar_format=layout, **kwargs)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The last call of the compiled function may count past the end of the epoch.
        share = min((batch + 1) / self.params["steps"], 1)
        self.bar.update(self.epoch + share - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({"train accuracy": f"{logs['accuracy']:.4f}"})

    def close(self):
        """Ends the bar."""
        self.bar.close()


class RefuseSaturation(keras.callbacks.Callback):
    """Ends a training in which the outputs are nearly the same for all images.

    The hidden units are then saturated, and nothing more is learned. Only classifiers
    may be judged in this way: a regression whose targets hardly differ is fine.

    Args:
        x: Training images. Up to 500 of them, equally spaced, are looked at.

    Raises:
        lenet_keras.sdlm.DivergenceError: If the outputs differ by at most a thousandth
            of the largest one.
    """

    def __init__(self, x):
        super().__init__()
        some = np.linspace(0, len(x) - 1, min(500, len(x))).astype(int)
        self.x = np.asarray(x[some])

    def on_epoch_end(self, epoch, logs=None):
        outputs = self.model.predict(self.x, batch_size=500, verbose=0)
        spread, size = np.ptp(outputs, axis=0).max(), np.abs(outputs).max()
        if len(outputs) > 1 and spread <= 1e-3 * size:
            raise sdlm.DivergenceError(
                f"Training saturated in epoch {epoch + 1}: the outputs are nearly the "
                f"same for all images. They are up to {size:.3g} and differ by "
                f"{spread:.2g} at most. Try a smaller learning rate, more estimates of "
                "the curvature in the first epoch, or a different range of initial "
                "weights, as in keras.initializers.LecunUniform"
            )


class RefuseDivergence(keras.callbacks.Callback):
    """Stops training when the loss is not finite.

    It checks the loss after each call of the compiled function.

    Raises:
        lenet_keras.sdlm.DivergenceError: If the loss is not finite.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self._check(logs.get("val_loss", logs["loss"]))

    def _check(self, loss):
        if not np.isfinite(float(loss)):
            raise sdlm.DivergenceError(
                f"Training diverged in epoch {self.epoch + 1}: the loss is "
                f"{float(loss)}. Try a smaller learning rate"
            )


class AveragedWeights(keras.callbacks.Callback):
    """Keeps exponential moving averages of the weights, which evaluation measures.

    `average = m * average + (1 - m) * weights` for each update, where `m` rises from
    0.1 to the momentum, so that the first weights are soon forgotten. One call of the
    compiled function may make several updates: the weights after it stand for them all.
    Weights that the optimizer does not change, such as the statistics of batch
    normalisation, are averaged too. Keras's own option of the optimizers replaces the
    weights at the end of each `fit`; this callback lets the training go on with its
    own.

    Args:
        model: `keras.Model`.
        momentum: At least 0 and below 1. With 0 nothing is averaged.
    """

    def __init__(self, model, momentum):
        super().__init__()
        self.momentum, self.updates = momentum, 0
        self.averaged = model.weights if momentum else []
        self.values = [keras.ops.convert_to_numpy(w) for w in self.averaged]

    def on_epoch_begin(self, epoch, logs=None):
        self.done = self.updates

    def on_train_batch_end(self, batch, logs=None):
        in_epoch = min(batch + 1, self.params["steps"])
        new = self.done + in_epoch - self.updates
        self.updates += new
        if self.averaged and keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # training has the weights elsewhere
        kept = min(self.momentum, (1 + self.updates) / (10 + self.updates)) ** new
        for index, weight in enumerate(self.averaged):
            value = keras.ops.convert_to_numpy(weight)
            self.values[index] = kept * self.values[index] + (1 - kept) * value

    def on_test_begin(self, logs=None):
        self.exchange()

    def on_test_end(self, logs=None):
        self.exchange()

    def exchange(self):
        """Exchanges the weights and their averages."""
        for index, weight in enumerate(self.averaged):
            value = keras.ops.convert_to_numpy(weight)
            weight.assign(self.values[index])
            self.values[index] = np.array(value)
