"""Training by minibatches in an order that the seed alone decides."""

import keras
import numpy as np


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

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.zeros((100, 2)), np.zeros((100, 1))
    >>> fit(model, x, y, batch_size=64, epochs=2).epoch
    [0, 1]
    """
    patterns_of = x if callable(x) else lambda epoch: (x, y)
    count = len(patterns_of(0)[1])
    starts = range(0, count, batch_size)
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_history=True, model=model, epochs=epochs, steps=len(starts)
    )
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        x_pass, y_pass = patterns_of(epoch)
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for step, start in enumerate(starts):
            taken = order[start : start + batch_size]
            callbacks.on_train_batch_begin(step)
            logs = model.train_on_batch(x_pass[taken], y_pass[taken], return_dict=True)
            callbacks.on_train_batch_end(step, logs)
        if validation_data is not None:
            measured = model.evaluate(
                *validation_data, batch_size=1000, return_dict=True, verbose=0
            )
            logs |= {f"val_{name}": value for name, value in measured.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)
    return model.history
