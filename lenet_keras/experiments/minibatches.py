"""Training by minibatches in an order that the seed alone decides."""

import keras
import numpy as np

from lenet_keras.sdlm import DivergenceError


def fit(
    model,
    x,
    y=None,
    batch_size=32,
    epochs=1,
    seed=0,
    validation_data=None,
    callbacks=None,
):
    """Trains a compiled model by minibatches, as `keras.Model.fit` does.

    Unlike there, the order of the patterns follows from the seed and the pass alone,
    as that of `lenet_keras.sdlm.fit` with `shuffle="every_pass"`: networks of any kind
    that are trained with one seed see the same patterns in the same order, so that
    their results are pairs.

    Args:
        model: Compiled `keras.Model`.
        x: Patterns of shape `(patterns, *model.input_shape[1:])`; or a function that
            is given the pass, from 0, and returns `x, y` of that pass, always of the
            same number of patterns.
        y: Their labels, where `x` is no function.
        batch_size: Positive integer: patterns an update.
        epochs: Positive integer: passes.
        seed: Integer from which the order follows.
        validation_data: Optional pair `(x, y)` to evaluate after each pass.
        callbacks: Keras callbacks.

    Returns:
        `keras.callbacks.History`, as from `fit`.

    Raises:
        ValueError: If `batch_size` or `epochs` is not positive.
        lenet_keras.sdlm.DivergenceError: If the loss is no finite number any more.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.zeros((100, 2)), np.zeros((100, 1))
    >>> fit(model, x, y, batch_size=64, epochs=2).epoch
    [0, 1]
    """
    if not batch_size > 0 or not epochs > 0:
        raise ValueError(
            f"Expected positive numbers. Received: {batch_size=}, {epochs=}"
        )
    patterns_of = x if callable(x) else lambda epoch: (x, y)
    x_pass, y_pass = patterns_of(0)
    starts = range(0, len(y_pass), batch_size)
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_history=True, model=model, epochs=epochs, steps=len(starts)
    )
    model.stop_training = False
    callbacks.on_train_begin()
    try:
        for epoch in range(epochs):
            if epoch > 0:
                x_pass, y_pass = patterns_of(epoch)
            order = np.random.default_rng([seed, epoch]).permutation(len(y_pass))
            means = {}  # over the patterns so far, as `fit` has them
            callbacks.on_epoch_begin(epoch)
            for step, start in enumerate(starts):
                taken = order[start : start + batch_size]
                callbacks.on_train_batch_begin(step)
                of_batch = model.train_on_batch(
                    x_pass[taken], y_pass[taken], return_dict=True
                )
                _refuse_what_is_not_finite(of_batch["loss"], epoch)
                share = len(taken) / (start + len(taken))
                for name, value in of_batch.items():
                    before = means.get(name, 0.0)
                    means[name] = before + share * (float(value) - before)
                callbacks.on_train_batch_end(step, dict(means))
            logs = dict(means)
            if validation_data is not None:
                measured = model.evaluate(
                    *validation_data, batch_size=1000, return_dict=True, verbose=0
                )
                _refuse_what_is_not_finite(measured["loss"], epoch)
                logs |= {f"val_{name}": value for name, value in measured.items()}
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        callbacks.on_train_end()
    return model.history


def _refuse_what_is_not_finite(loss, epoch):
    if not np.isfinite(loss):
        raise DivergenceError(
            f"Training diverged in pass {epoch + 1}: the loss is {loss}. "
            "Try a smaller learning rate"
        )
