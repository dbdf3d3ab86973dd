"""Computations with the arguments and sizes of the layers, to compare the backends."""

import keras
import numpy as np

from lenet_keras import load_pretrained, rbf_codes
from lenet_keras.layers import RBF, RBFPosterior, Subsampling2D
from lenet_keras.losses import RBFMeanSquaredError
from lenet_keras.models import lenet5


def around_1000(classes, rng):
    """Distances that float32 has, but whose terms of 84 million cancel."""
    codes, x = (
        rng.normal(1000, 1, size=(n, 84)).astype("float32") for n in (classes, 5)
    )
    return RBF(codes)(x)


def beyond_float16(policy, rng):
    layer = RBF(rbf_codes("0123456789"), dtype=policy)
    distances = layer(rng.normal(scale=300, size=(5, 84)).astype("float32"))
    assert keras.backend.standardize_dtype(distances.dtype) == "float32"
    probabilities = RBFPosterior(temperature=1e5, dtype=policy)(distances)
    return np.concatenate([distances, probabilities], axis=1)


def in_float64(rng):
    layer = RBF(rbf_codes("0123456789"), dtype="float64")
    assert layer.compute_dtype == "float64"
    return layer(rng.normal(size=(5, 84)))


def trained_codes(rng):
    # The first patterns are codes themselves, where the gradient is zero.
    codes = rng.normal(size=(3, 7)).astype("float32")
    x = np.concatenate([codes, rng.normal(size=(5, 7)).astype("float32")])
    layer = RBF(codes, True, codes_regularizer="l2", codes_constraint="non_neg")
    model = keras.Sequential([keras.Input((7,)), layer])
    model.compile(keras.optimizers.SGD(0.01), RBFMeanSquaredError())
    loss = model.fit(x, np.arange(8) % 3, batch_size=8, verbose=0).history["loss"]
    return [*np.ravel(keras.ops.convert_to_numpy(layer.codes)), *loss]


def subsampled(data_format, rng, **arguments):
    x = rng.uniform(-1, 1, (2, 7, 6, 3)).astype("float32")
    if data_format == "channels_first":
        x = np.moveaxis(x, 3, 1)
    layer = Subsampling2D((3, 2), data_format=data_format, **arguments)
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=3), rng.normal(size=3)])
    return layer(x)


def lenet5_on_any_size(rng):
    model = lenet5((None, 36, 1), kernel_initializer=keras.initializers.Zeros)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.1, size=weight.shape))
    x = rng.uniform(size=(2, 41, 36, 1)).astype("float32")
    answers = model.predict(x, verbose=0)
    assert answers.shape == (2, 3, 2, 10)
    return answers


def pretrained_on_a_larger_image(rng):
    small = load_pretrained("lenet5-mnist")
    large = load_pretrained("lenet5-mnist", input_shape=(36, 32, 1))
    x = rng.uniform(-0.1, 1.175, (2, 36, 32, 1)).astype("float32")
    rows = small.predict(x[:, :32], verbose=0), small.predict(x[:, 4:], verbose=0)
    answers = large.predict(x, verbose=0)
    np.testing.assert_allclose(answers, np.stack(rows, axis=1)[:, :, None], rtol=2e-5)
    return answers


CASES = {
    "rbf around 1000": lambda rng: around_1000(10, rng),
    "rbf of a large table": lambda rng: around_1000(200, rng),
    "rbf in float16": lambda rng: beyond_float16("float16", rng),
    "rbf in mixed_float16": lambda rng: beyond_float16("mixed_float16", rng),
    "rbf in float64": in_float64,
    "trained codes": trained_codes,
    "lenet5 on a side of None": lenet5_on_any_size,
    "pretrained on a larger image": pretrained_on_a_larger_image,
}
for data_format in ("channels_last", "channels_first"):
    for name, arguments in {
        "strides": {"strides": (2, 1)},
        "same": {"padding": "same"},
        "strides and same": {"strides": (2, 1), "padding": "same"},
    }.items():
        CASES[f"subsampling, {name}, {data_format}"] = (
            lambda rng, data_format=data_format, arguments=arguments: subsampled(
                data_format, rng, **arguments
            )
        )
