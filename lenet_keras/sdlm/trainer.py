"""Compiled training on one pattern at a time, much faster than `fit(batch_size=1)`."""

import keras
import numpy as np
from keras import ops

from lenet_keras.sdlm.chain import Chain
from lenet_keras.sdlm.compiled import compiled
from lenet_keras.sdlm.optimizer import sdlm_of

# The number of patterns in one call of the compiled program, and of updates between two
# calls of the callbacks, like `steps_per_execution` in `keras.Model.compile`.
STRETCH = 2000

SHUFFLES = (False, "once", "every_epoch")

ADVICE = (
    "Try a smaller learning rate, more estimates of the curvature in the first epoch, "
    "or a different range of initial weights, as in keras.initializers.LecunUniform"
)


class DivergenceError(RuntimeError):
    """Training diverged or saturated: outputs are not finite, or all the same."""


def fit(
    model,
    x,
    y=None,
    epochs=1,
    shuffle="once",
    seed=0,
    validation_data=None,
    callbacks=None,
    initial_epoch=0,
    verbose="auto",
):
    """Trains a model compiled with `SDLM`, with one update per pattern.

    The updates are the same as in `model.fit(x, y, batch_size=1)`, but much faster: one
    XLA program makes up to 2,000 updates. In this program, the rule of each layer in
    `lenet_keras.sdlm.rules` defines its forward and backward passes.

    Args:
        model: `keras.Model`, one sequence of layers with a rule, compiled with `SDLM`
            and a loss that `lenet_keras.sdlm.diagonal_curvature` supports.
        x: Patterns of shape `(patterns, *model.input_shape[1:])`; or a function that
            receives the epoch, from 0, and returns `x, y` for this epoch, always with
            the same number of patterns.
        y: Their labels, if `x` is not a function.
        epochs: Positive integer: the epoch, from 1, after which training ends.
        shuffle: `"once"` for one random order, the same in each epoch, as in the paper;
            `"every_epoch"` for a new order in each epoch; `False` for the given order.
        seed: Integer that determines the order.
        validation_data: Optional `(x, y)` or `(x, y, sample_weight)` to evaluate after
            each epoch.
        callbacks: Keras callbacks. They must include a `CurvatureEstimation` unless the
            curvature of the optimizer is set. Batch callbacks are called once per 2,000
            patterns.
        initial_epoch: Epoch, from 0, at which training starts. If the weights and the
            optimizer are in the state after this many epochs, the final weights are the
            same as without an interruption.
        verbose: `"auto"` or 1 for Keras's progress bar, 0 for none.

    Returns:
        `keras.callbacks.History`, as from `keras.Model.fit`. Loss and metrics are
        measured during each epoch, while the weights change. Values with the prefix
        `val_` are measured after each epoch.

    Raises:
        ValueError: If the model is not compiled with `SDLM` or is not a sequence of
            supported layers, or an argument is out of range.
        DivergenceError: If the outputs are not finite, or the network saturates and
            gives the same outputs for all patterns.

    Example:

    >>> from lenet_keras import sdlm
    >>> from lenet_keras.losses import RBFMeanSquaredError
    >>> from lenet_keras.models import lenet5
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(8, 32, 32, 1)), np.arange(8)
    >>> model = lenet5(kernel_initializer=keras.initializers.LecunUniform)
    >>> model.compile(sdlm.SDLM(1e-5), RBFMeanSquaredError())
    >>> estimation = sdlm.CurvatureEstimation(x, y, patterns=8)
    >>> history = sdlm.fit(model, x, y, epochs=3, callbacks=[estimation], verbose=0)
    >>> history.history["loss"][2] < history.history["loss"][0]
    True

    Reference:
        LeCun et al. (1998), section III-B: one update per pattern, in a random order
        that is the same in each epoch.
    """
    optimizer = sdlm_of(model)
    if shuffle not in SHUFFLES:
        raise ValueError(f"Expected shuffle among {SHUFFLES}. Received: {shuffle=}")
    if not epochs > 0 or not initial_epoch >= 0:
        raise ValueError(
            "Expected epochs of 1 or more and an initial_epoch of 0 or more. "
            f"Received: {epochs=}, {initial_epoch=}"
        )
    loss_weights = model._compile_config.config.get("loss_weights")
    if loss_weights is not None:
        raise ValueError(
            "Expected a model compiled without loss_weights. "
            f"Received: loss_weights={loss_weights}"
        )
    if y is None and not callable(x):
        raise ValueError("Expected labels. Received: y=None")
    patterns_of = x if callable(x) else lambda epoch: (x, y)
    chain = Chain(model, model.loss)
    optimizer.build(model.trainable_variables)
    update = _compiled_updates(model, chain, optimizer)
    steps = len(chain.patterns(*patterns_of(0))[0])
    constant = np.random.default_rng(seed).permutation(steps)

    callbacks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=1 if verbose == "auto" else verbose,
        epochs=epochs,
        steps=steps,
    )
    model.stop_training = False
    callbacks.on_train_begin()
    # A callback such as `BackupAndRestore` may continue an interrupted training.
    initial_epoch = getattr(model, "_initial_epoch", None) or initial_epoch
    for epoch in range(initial_epoch, epochs):
        order = np.arange(steps)
        if shuffle == "once":
            order = constant
        elif shuffle == "every_epoch":
            order = np.random.default_rng([seed, epoch]).permutation(steps)
        callbacks.on_epoch_begin(epoch)
        x_epoch, y_epoch = chain.patterns(*patterns_of(epoch))
        if len(x_epoch) != steps:
            raise ValueError(
                f"Expected {steps} patterns in each epoch, as in the first. "
                f"Received: {len(x_epoch)} patterns, epoch={epoch}"
            )
        rng = np.random.default_rng([seed, epoch, 1])
        logs = _one_epoch(
            model, chain, update, callbacks, epoch, x_epoch, y_epoch, order, rng
        )
        if validation_data is not None:
            x_val, y_val, weights = keras.utils.unpack_x_y_sample_weight(
                validation_data
            )
            measured = model.evaluate(
                x_val, y_val, 1000, sample_weight=weights, return_dict=True, verbose=0
            )
            logs |= {f"val_{name}": value for name, value in measured.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model.history


def _one_epoch(model, chain, update, callbacks, epoch, x, y, order, rng):
    """Updates the model with each pattern in the given order; returns the logs."""
    model.reset_metrics()
    losses = keras.metrics.Mean()
    for begin in range(0, len(order), STRETCH):
        callbacks.on_train_batch_begin(begin)
        taken = order[begin : begin + STRETCH]
        labels = y[taken]
        masks = chain.masks(rng, STRETCH)
        outputs = update(np.asarray(x[taken], "float32"), labels, masks)
        where = f"within {len(taken)} patterns after the first {begin}"
        _refuse_what_is_not_finite(outputs, epoch, where)
        loss = model.compute_loss(y=labels, y_pred=outputs, training=False)
        losses.update_state(loss, sample_weight=len(taken))
        logs = model.compute_metrics(None, labels, outputs)
        logs = {**logs, "loss": float(losses.result())}
        callbacks.on_train_batch_end(begin + len(taken) - 1, logs)
    some = np.linspace(0, len(x) - 1, min(500, len(x))).astype(int)
    outputs = model.predict(np.asarray(x[some]), batch_size=500, verbose=0)
    _refuse_what_is_not_finite(outputs, epoch, "at its end")
    _refuse_saturation(outputs, epoch)
    return logs


def _compiled_updates(model, chain, optimizer):
    """Returns a function that updates the model with one pattern after another."""
    trained = [rule.layer.trainable_weights != [] for rule in chain.rules]
    if not any(trained):
        raise ValueError(
            f"Expected a trainable weight. Received: model {model.name!r}, all frozen"
        )
    first = trained.index(True)

    @compiled
    def updates(values, scales, x, y, masks, rates, count):
        weights, scales = chain.pack(values), chain.pack(scales)

        def one_pattern(i, state):
            weights, outputs = state
            with_masks = [
                [*packed, *(mask[i] for mask in of_rule)]
                for packed, of_rule in zip(weights, masks, strict=True)
            ]
            output, gradients = chain.gradients(x[i], y[i], with_masks)
            # The gradient computed last shows whether the pattern has a finite
            # gradient. If not, all weights become NaN. Every weight now depends on this
            # last gradient, so XLA needs no copy of the old weights. This saves a fifth
            # of the time.
            finite = ops.isfinite(ops.sum(gradients[first][0]))
            rate = ops.where(finite, rates[i], float("nan"))
            layers = zip(trained, weights, scales, gradients, strict=True)
            weights = [
                [w - rate * scale * g for w, scale, g in zip(*layer, strict=True)]
                if is_trained
                else layer[0]
                for is_trained, *layer in layers
            ]
            return weights, ops.slice_update(outputs, (i, 0), output[None])

        outputs = ops.zeros((x.shape[0], chain.output_size))
        weights, outputs = ops.fori_loop(0, count, one_pattern, (weights, outputs))
        return chain.unpack(weights), outputs

    def update(x, y, masks):
        count = len(x)
        scales = {
            id(variable): scale
            for variable, scale in zip(
                model.trainable_variables, optimizer.scales(), strict=True
            )
        }
        values = [ops.convert_to_tensor(variable) for variable in chain.variables]
        values, outputs = updates(
            values,
            [
                scales.get(id(variable), ops.zeros_like(value))
                for variable, value in zip(chain.variables, values, strict=True)
            ],
            _filled(x),
            _filled(y),
            masks,
            optimizer.next_rates(STRETCH),
            count,
        )
        for variable, value in zip(chain.variables, values, strict=True):
            if id(variable) in scales:
                variable.assign(value)
        optimizer.iterations.assign_add(count)
        return ops.convert_to_numpy(chain.finish(outputs[:count]))

    return update


def _filled(array):
    """Pads the array to `STRETCH` patterns, so that one program serves all calls."""
    widths = [(0, STRETCH - len(array))] + [(0, 0)] * (array.ndim - 1)
    return ops.convert_to_tensor(np.pad(array, widths))


def _refuse_what_is_not_finite(outputs, epoch, where):
    if not np.isfinite(outputs).all():
        raise DivergenceError(
            f"Training diverged in epoch {epoch + 1}, {where}: the outputs are not "
            f"finite. {ADVICE}"
        )


def _refuse_saturation(outputs, epoch):
    """Raises an error if the outputs for some patterns are all nearly the same."""
    spread, size = np.ptp(outputs, axis=0).max(), np.abs(outputs).max()
    if len(outputs) > 1 and spread <= 1e-3 * size:
        raise DivergenceError(
            f"Training saturated in epoch {epoch + 1}: the outputs are nearly the same "
            f"for all patterns. They are up to {size:.3g} and differ by {spread:.2g} "
            f"at most. {ADVICE}"
        )
