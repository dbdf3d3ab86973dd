"""Small computations with all parts of the package, to compare the backends."""

import keras
import layer_cases
import numpy as np

from lenet_keras import rbf_codes, sdlm
from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import (
    RBF,
    ConnectionTableConv2D,
    LocalResponseNormalization,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy, rbf_accuracy
from lenet_keras.models import lenet5

TABLE = ((2, 0), (1,), (0, 1, 2), (2,))


def lenet5_from_zero():
    # The weights are set later. JAX would compile a program for each random draw.
    return lenet5(kernel_initializer=keras.initializers.Zeros)


def random_weights(layer, rng):
    for weight in layer.weights:
        scale = 1 / np.sqrt(np.prod(weight.shape[:-1]))
        weight.assign(rng.normal(scale=scale, size=weight.shape))


def answer(layer, shape, rng):
    x = rng.uniform(-1, 1, shape).astype("float32")
    layer.build(shape)
    random_weights(layer, rng)
    return layer(x)


def loss(loss, rng):
    distances = rng.uniform(0, 12, (5, 4)).astype("float32")
    return loss(np.array([2, 0, 1, 3, 3]), distances)


def accuracy(rng):
    metric = RBFAccuracy()
    distances = rng.uniform(0, 12, (40, 3)).astype("float32")
    metric.update_state(rng.integers(0, 3, 40), distances)
    return metric.result()


def accuracy_of_nan(rng):
    # Each distance is NaN once for each label.
    distances = rng.uniform(0, 12, (3, 3, 3)).astype("float32")
    distances[np.arange(3), :, np.arange(3)] = np.nan
    return rbf_accuracy(np.tile(np.arange(3), 3), distances.reshape(9, 3))


def one_fit_step(rng):
    model = lenet5_from_zero()
    for layer in model.layers:
        if layer.trainable_weights:
            random_weights(layer, rng)
    optimizer = keras.optimizers.SGD(1e-4)
    model.compile(optimizer, MaximumAPosteriori(), metrics=[RBFAccuracy()])
    x = rng.uniform(-0.1, 1.175, (4, 32, 32, 1)).astype("float32")
    before = model.get_layer("C1").kernel.numpy()
    history = model.fit(x, np.array([3, 1, 4, 1]), batch_size=4, verbose=0).history
    moved = np.asarray(model.get_layer("C1").kernel) - before
    assert np.abs(moved).max() > 1e-5
    return [history["loss"][0], history["rbf_accuracy"][0], *1e3 * moved.ravel()]


def one_pattern_at_a_time(rng):
    model = keras.Sequential(
        [
            keras.Input((7, 6, 3)),
            ConnectionTableConv2D(TABLE, (2, 3), activation=scaled_tanh),
            Subsampling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(84, activation=scaled_tanh),
            RBF(rbf_codes("0123456789")),
        ]
    )
    for layer in model.layers:
        if layer.trainable_weights:
            random_weights(layer, rng)
    model.compile(sdlm.SDLM(1e-4), MaximumAPosteriori())
    x, y = rng.normal(size=(20, 7, 6, 3)).astype("float32"), np.arange(20) % 10
    estimation = sdlm.CurvatureEstimation(x, y, patterns=10)
    before = [np.array(weight) for weight in model.trainable_weights]
    sdlm.fit(model, x, y, epochs=2, callbacks=[estimation], verbose=0)
    after = [np.array(weight) for weight in model.trainable_weights]
    moved = [np.abs(b - a).max() for a, b in zip(before, after, strict=True)]
    assert min(moved) > 1e-4
    return np.concatenate([weight.ravel() for weight in after])


CASES = {
    "scaled_tanh": lambda rng: scaled_tanh(rng.normal(size=9).astype("float32")),
    "valid": lambda rng: answer(
        ConnectionTableConv2D(TABLE, 3, kernel_initializer="zeros"), (2, 7, 6, 3), rng
    ),
    "same": lambda rng: answer(
        ConnectionTableConv2D(
            TABLE, (3, 2), 2, "same", None, scaled_tanh, kernel_initializer="zeros"
        ),
        (2, 7, 6, 3),
        rng,
    ),
    "subsampling": lambda rng: answer(Subsampling2D((3, 2)), (2, 7, 6, 3), rng),
    "local response": lambda rng: answer(
        LocalResponseNormalization(alpha=0.5), (2, 3, 4, 6), rng
    ),
    "rbf": lambda rng: answer(RBF(rbf_codes("0123456789")), (3, 84), rng),
    "posterior": lambda rng: answer(RBFPosterior(0.5), (3, 4), rng),
    "posterior without rubbish": lambda rng: answer(RBFPosterior(), (3, 4), rng),
    "equation 8": lambda rng: loss(RBFMeanSquaredError(reduction=None), rng),
    "equation 9": lambda rng: loss(MaximumAPosteriori(2.0, reduction=None), rng),
    "mean squared error": lambda rng: loss(SparseMeanSquaredError(reduction=None), rng),
    "accuracy": accuracy,
    "accuracy of NaN": accuracy_of_nan,
    "lenet5": lambda rng: answer(lenet5_from_zero(), (2, 32, 32, 1), rng),
    "one fit step": one_fit_step,
    "one pattern at a time": one_pattern_at_a_time,
    **layer_cases.CASES,
}


def computed():
    """Returns the result of each case on the current Keras backend."""
    return {
        name: np.asarray(case(np.random.default_rng(7))) for name, case in CASES.items()
    }
