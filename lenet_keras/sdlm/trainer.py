"""Compiled training on one pattern at a time, much faster than `fit(batch_size=1)`."""

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.sdlm.chain import Chain
from lenet_keras.sdlm.compiled import program
from lenet_keras.sdlm.optimizer import sdlm_of

# The updates in one call of the compiled program, and so between two calls of the
# callbacks, like `steps_per_execution` in `keras.Model.compile`.
UPDATES_PER_CALL = 2000

SHUFFLES = (False, "once", "every_epoch")


class DivergenceError(RuntimeError):
    """Training diverged: outputs or weights are not finite."""


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
    `lenet_keras.sdlm.rules` defines its forward and backward passes. A second call for
    the same model compiles nothing, unless the loss or an activation is another one.

    Args:
        model: `keras.Model`, one sequence of layers with a rule, compiled with `SDLM`
            and a loss that `lenet_keras.sdlm.diagonal_curvature` supports.
        x: Patterns of shape `(patterns, *model.input_shape[1:])`; or a function that
            receives the epoch, from 0, and returns `x, y` for this epoch.
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
            supported layers, `shuffle` is unknown, or the patterns or the labels do not
            fit the model. Datasets, generators and `PyDataset` are refused.
        DivergenceError: If the outputs or the weights are not finite.

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
    expect(shuffle in SHUFFLES, f"shuffle among {SHUFFLES}", shuffle=shuffle)
    what = "arrays x and y, or for x a function of the epoch that returns both"
    expect(callable(x) or y is not None, what, x=type(x).__name__, y=y)
    # `get_compile_config` would ask every metric for its configuration.
    loss_weights = model._compile_config.config.get("loss_weights")
    what = "a model compiled without loss_weights"
    expect(loss_weights is None, what, loss_weights=loss_weights)
    patterns_of = x if callable(x) else lambda epoch: (x, y)
    x_val, y_val, val_weights = keras.utils.unpack_x_y_sample_weight(validation_data)
    chain = Chain(model, model.loss)
    optimizer.build(model.trainable_variables)
    update = _updates(model, chain, optimizer)
    steps = len(chain.patterns(*patterns_of(0))[0])
    verbose = 1 if verbose == "auto" else verbose
    told = {"verbose": verbose, "epochs": epochs, "steps": steps}
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_history=True, add_progbar=verbose != 0, model=model, **told
    )
    model.stop_training = False
    callbacks.on_train_begin()
    # A callback such as `BackupAndRestore` may continue an interrupted training.
    initial_epoch = getattr(model, "_initial_epoch", None) or initial_epoch
    for epoch in range(initial_epoch, epochs):
        callbacks.on_epoch_begin(epoch)
        x_epoch, y_epoch = chain.patterns(*patterns_of(epoch))
        steps = len(x_epoch)
        order = np.arange(steps)
        if shuffle:
            seeds = seed if shuffle == "once" else [seed, epoch]
            order = np.random.default_rng(seeds).permutation(steps)
        rng = np.random.default_rng([seed, epoch, 1])
        model.reset_metrics()
        for begin in range(0, steps, UPDATES_PER_CALL):
            callbacks.on_train_batch_begin(begin)
            taken = order[begin : begin + UPDATES_PER_CALL]
            labels = y_epoch[taken]
            outputs = update(x_epoch[taken], labels, rng)
            if not all(np.isfinite(a).all() for a in (outputs, *model.get_weights())):
                raise DivergenceError(
                    f"Training diverged in epoch {epoch + 1}, within {len(taken)} "
                    f"patterns after the first {begin}: outputs or weights are not "
                    "finite. Try a smaller learning rate, more estimates of the "
                    "curvature in the first epoch, or keras.initializers.LecunUniform"
                )
            loss = model.compute_loss(y=labels, y_pred=outputs, training=False)
            model.metrics[0].update_state(loss, sample_weight=len(taken))
            logs = model.compute_metrics(None, labels, outputs)
            logs = {name: float(value) for name, value in logs.items()}
            callbacks.on_train_batch_end(begin + len(taken) - 1, logs)
        if validation_data is not None:
            arguments = {"callbacks": callbacks, "return_dict": True}
            measured = model.evaluate(x_val, y_val, 1000, 0, val_weights, **arguments)
            logs |= {f"val_{name}": value for name, value in measured.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model.history


def _updates(model, chain, optimizer):
    """Returns a function that updates the model with one pattern after another."""
    expect(model.trainable_variables, "a trainable weight", trainable_variables=[])

    def updates(values, scales, x, y, masks, rates, count):
        weights, scales = chain.pack(values), chain.pack(scales)

        def one_pattern(i, state):
            weights, outputs = state
            pairs = zip(weights, masks, strict=True)
            inputs = [[*own, *(mask[i] for mask in of_rule)] for own, of_rule in pairs]
            output, gradients = chain.gradients(x[i], y[i], inputs)
            # The gradient computed last shows whether the pattern has a finite
            # gradient. If not, all weights become NaN. Every weight now depends on this
            # last gradient, so XLA needs no copy of the old weights. This saves a fifth
            # of the time.
            last = next(of_rule[0] for of_rule in gradients if of_rule)
            rate = ops.where(ops.isfinite(ops.sum(last)), rates[i], float("nan"))
            weights = [
                [w - rate * scale * g for w, scale, g in zip(*layer, strict=False)]
                for layer in zip(weights, scales, gradients, strict=True)
            ]
            return weights, ops.slice_update(outputs, (i, 0), output[None])

        outputs = ops.zeros((x.shape[0], chain.output_size))
        weights, outputs = ops.fori_loop(0, count, one_pattern, (weights, outputs))
        return chain.unpack(weights), outputs

    run = program(model, ("updates", *chain.key), updates)

    def update(x, y, rng):
        count, padding = len(x), UPDATES_PER_CALL - len(x)  # one program for all calls
        x, y = (np.pad(a, [(0, padding)] + [(0, 0)] * (a.ndim - 1)) for a in (x, y))
        variables, trained = chain.variables, model.trainable_variables
        scale_of = dict(zip(map(id, trained), optimizer.scales(), strict=True))
        values = [ops.convert_to_tensor(variable) for variable in variables]
        scales = [scale_of.get(id(v), ops.zeros(v.shape)) for v in variables]
        x, y = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y)
        masks = chain.masks(rng, UPDATES_PER_CALL)
        rates = optimizer.next_rates(UPDATES_PER_CALL)
        values, outputs = run(values, scales, x, y, masks, rates, count)
        for variable, value in zip(variables, values, strict=True):
            if id(variable) in scale_of:  # the others are frozen
                variable.assign(value)
        optimizer.iterations.assign_add(count)
        return ops.convert_to_numpy(chain.finish(outputs[:count]))

    return update
