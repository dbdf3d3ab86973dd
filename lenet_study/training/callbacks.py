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

    LAYOUT = "{l_bar}{bar}| epoch {n:.1f}/{total}, {remaining} left{postfix}"

    def __init__(self, title, epochs, **kwargs):
        super().__init__()
        self.bar = tqdm(desc=title, total=epochs, bar_format=self.LAYOUT, **kwargs)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The last call of the compiled function may count past the end of the epoch.
        share = min((batch + 1) / self.params["steps"], 1)
        self.bar.update(self.epoch + share - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({"train accuracy": f"{logs['accuracy']:.4f}"})


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
        loss = float(logs.get("val_loss", logs["loss"]))
        if not np.isfinite(loss):
            raise sdlm.DivergenceError(
                f"Training diverged in epoch {self.epoch + 1}: the loss is {loss}. "
                "Try a smaller learning rate"
            )

    def on_epoch_end(self, epoch, logs=None):
        self.on_train_batch_end(None, logs)


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
        self.set_model(model)
        self.momentum = momentum
        self.values = model.get_weights() if momentum else []

    def on_epoch_begin(self, epoch, logs=None):
        self.updates = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        if not self.momentum:
            return
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # training has the weights elsewhere
        before, self.updates = self.updates, int(self.model.optimizer.iterations)
        momentum = min(self.momentum, (1 + self.updates) / (10 + self.updates))
        kept = momentum ** (self.updates - before)
        pairs = zip(self.values, self.model.get_weights(), strict=True)
        self.values = [kept * average + (1 - kept) * own for average, own in pairs]

    def exchange(self, logs=None):
        """Exchanges the weights and their averages."""
        if self.momentum:
            own = self.model.get_weights()
            self.model.set_weights(self.values)
            self.values = own

    on_test_begin = on_test_end = exchange  # evaluation measures the averages
