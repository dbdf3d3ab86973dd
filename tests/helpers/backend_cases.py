"""Small computations with all parts of the package, to compare the backends.

Each case is a function of a NumPy generator. It returns numbers that must be the same
on each backend. What holds on one backend alone, the case states itself.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import refusals
from keras import ops
from keras.src.testing import TestCase

from lenet_keras import counts, load_pretrained, pretrained, rbf_codes, sdlm
from lenet_keras.activations import scaled_tanh
from lenet_keras.initializers import FanInUniform
from lenet_keras.layers import (
    C3_CONNECTIONS,
    RBF,
    ConnectionTableConv2D,
    LocalResponseNormalization,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.losses import (
    CategoricalMaximumAPosteriori,
    LineMaximumAPosteriori,
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy, rbf_accuracy
from lenet_keras.models import lenet5, lenet5_modern
from lenet_keras.preprocessing import PIXELS, prepare
from lenet_keras.sdlm import compiled as compiled_module
from lenet_keras.sdlm.compiled import compiled
from lenet_keras.sdlm.rules import Subsampling2DRule

TABLE = ((2, 0), (1,), (0, 1, 2), (2,))
DIGITS = rbf_codes("0123456789")
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.keras"))

# Class, arguments, and the shapes of a batch of inputs and of its outputs. The weights
# are set later: JAX would compile a program for each random draw.
LAYERS = {
    "valid": (
        ConnectionTableConv2D,
        {"connection_table": TABLE, "kernel_size": 3, "kernel_initializer": "zeros"},
        (2, 7, 6, 3),
        (2, 5, 4, 4),
    ),
    "same": (
        ConnectionTableConv2D,
        {
            "connection_table": TABLE,
            "kernel_size": (3, 2),
            "strides": 2,
            "padding": "same",
            "activation": scaled_tanh,
            "kernel_initializer": "zeros",
        },
        (2, 7, 6, 3),
        (2, 4, 3, 4),
    ),
    "dilated": (
        ConnectionTableConv2D,
        {
            "connection_table": [[True, True], [False, True], [True, False]],
            "kernel_size": 2,
            "dilation_rate": (2, 1),
            "kernel_initializer": "zeros",
        },
        (2, 7, 6, 3),
        (2, 5, 5, 2),
    ),
    "subsampling": (Subsampling2D, {"pool_size": (3, 2)}, (2, 7, 6, 3), (2, 2, 3, 3)),
    "subsampling with strides": (
        Subsampling2D,
        {"pool_size": (3, 2), "strides": (2, 1)},
        (2, 7, 6, 3),
        (2, 3, 5, 3),
    ),
    "local response": (
        LocalResponseNormalization,
        {"alpha": 0.5},
        (2, 3, 4, 6),
        (2, 3, 4, 6),
    ),
    "rbf": (RBF, {"codes": DIGITS}, (3, 84), (3, 10)),
    "trained rbf": (RBF, {"codes": DIGITS, "trainable_codes": True}, (3, 84), (3, 10)),
    "rbf of a map": (RBF, {"codes": TABLE[2:3]}, (2, 5, 4, 3), (2, 5, 4, 1)),
    "posterior": (RBFPosterior, {"j": 0.5, "temperature": 2.0}, (3, 4), (3, 5)),
    "posterior without rubbish": (RBFPosterior, {}, (3, 4), (3, 4)),
}
OF_IMAGES = [
    name for name, (layer, *_) in LAYERS.items() if layer not in (RBF, RBFPosterior)
]

LOSSES = {
    "equation 8": RBFMeanSquaredError,
    "equation 9": partial(MaximumAPosteriori, 2.0, 1.5),
    "mean squared error": SparseMeanSquaredError,
}
LABELS = np.array([0, -1, 4, 2.5, np.nan, 3], "float32")
NO_CLASS = [False, True, True, True, True, False]


class Shift(keras.layers.Layer):
    """Adds a weight to the inputs. The gradient of the weight is that of the inputs."""

    def build(self, shape):
        self.shift = self.add_weight(shape=shape, initializer="zeros")

    def call(self, inputs):
        return inputs + self.shift


def set_random_weights(model, rng):
    for weight in model.trainable_weights:
        scale = 1 / np.sqrt(np.prod(weight.shape[:-1]))
        weight.assign(rng.normal(scale=scale, size=weight.shape))


def built(name, rng, **more):
    layer_class, arguments, shape, _ = LAYERS[name]
    layer = layer_class(**arguments, **more)
    layer.build(shape)
    set_random_weights(layer, rng)
    return layer


def inputs_of(name, rng):
    return rng.uniform(-1, 1, LAYERS[name][2]).astype("float32")


def answer(layer, x):
    return ops.convert_to_numpy(layer(x))


def outputs(name, rng):
    y = answer(built(name, rng), inputs_of(name, rng))
    assert y.shape == LAYERS[name][3]
    return y


def outputs_in(dtype, name, rng):
    layer = built(name, rng, dtype=dtype)
    y = layer(inputs_of(name, rng))
    expected = layer.compute_dtype
    if keras.backend.backend() == "jax" and expected == "float64":
        expected = "float32"  # JAX has float64 only if its configuration says so
    assert keras.backend.standardize_dtype(y.dtype) == expected
    return ops.convert_to_numpy(ops.cast(y, "float32"))


def gradients_of(model, x, y, loss):
    """Returns the gradients of all trainable weights, from one step of descent."""
    model.compile(keras.optimizers.SGD(1.0), loss)
    before = model.get_weights()
    model.train_on_batch(x, y)
    moved = [b - a for b, a in zip(before, model.get_weights(), strict=True)]
    trained = [weight.trainable for weight in model.weights]
    gradients = [g for g, is_trained in zip(moved, trained, strict=True) if is_trained]
    assert all(np.any(gradient != 0) for gradient in gradients)
    return np.concatenate([gradient.ravel() for gradient in gradients])


def gradients(name, rng):
    layer, (*_, shape, output_shape) = built(name, rng), LAYERS[name]
    model = keras.Sequential([keras.Input(batch_shape=shape), Shift(), layer])
    targets = rng.normal(size=output_shape).astype("float32")
    return gradients_of(model, inputs_of(name, rng), targets, "mse")


def channels_first(name, rng):
    last = built(name, rng)
    x = inputs_of(name, rng)
    layer_class, arguments, _, _ = LAYERS[name]
    first = layer_class(**arguments, data_format="channels_first")
    first.build(np.moveaxis(x, 3, 1).shape)
    first.set_weights(last.get_weights())
    y = np.moveaxis(answer(first, np.moveaxis(x, 3, 1)), 1, 3)
    np.testing.assert_allclose(y, answer(last, x), atol=1e-5)
    return y


def any_size(name, rng):
    layer, (*_, shape, output_shape) = built(name, rng), LAYERS[name]
    symbolic = keras.Input((*[None] * (len(shape) - 2), shape[-1]))
    model = keras.Model(symbolic, layer(symbolic))
    assert model.output_shape[-1] == output_shape[-1]
    assert set(model.output_shape[:-1]) == {None}
    larger = [shape[0] + 1, *(n + 3 for n in shape[1:-1]), shape[-1]]
    x = rng.uniform(-1, 1, larger).astype("float32")
    y = answer(model, inputs_of(name, rng))
    assert y.shape == output_shape
    return np.concatenate([y.ravel(), answer(model, x).ravel()])


def keras_layer_test(name, rng, **more):
    """Keras's own test of a layer. It raises an error if the layer fails."""
    layer_class, arguments, shape, output_shape = LAYERS[name]
    in_float16 = True
    if more.get("data_format") == "channels_first":
        shape, output_shape = ((s[0], s[3], *s[1:3]) for s in (shape, output_shape))
        # TensorFlow has no such convolution on a CPU, for Conv2D neither.
        in_float16 = keras.backend.backend() != "tensorflow"
    TestCase().run_layer_test(
        layer_class,
        {**arguments, **more},
        input_shape=shape,
        expected_output_shape=output_shape,
        run_mixed_precision_check=in_float16,
    )
    return []


def distances_and_labels(rng):
    return rng.uniform(0, 12, (5, 4)).astype("float32"), np.array([2, 0, 1, 3, 3])


def loss(name, rng):
    distances, labels = distances_and_labels(rng)
    return ops.convert_to_numpy(LOSSES[name](reduction=None)(labels, distances))


def gradients_of_loss(name, rng):
    distances, labels = distances_and_labels(rng)
    model = keras.Sequential([keras.Input(batch_shape=distances.shape), Shift()])
    return gradients_of(model, distances, labels, LOSSES[name]())


def gradients_of_probabilities(rng):
    distances, _ = distances_and_labels(rng)
    targets = rng.uniform(0, 0.25, distances.shape).astype("float32")
    model = keras.Sequential([keras.Input(batch_shape=distances.shape), Shift()])
    loss = CategoricalMaximumAPosteriori(2.0, 1.5)
    return gradients_of(model, distances, targets, loss)


def gradients_of_lines(rng):
    distances = rng.uniform(0, 6, (3, 1, 6, 4)).astype("float32")
    labels = np.array([[2, 0, 1], [3, 3, -1], [1, -1, -1]])
    model = keras.Sequential([keras.Input(batch_shape=distances.shape), Shift()])
    return gradients_of(model, distances, labels, LineMaximumAPosteriori(2.0, 1.5))


def nan_of_no_class(function, rng):
    """Labels of no class give NaN, compiled or not."""
    for of_labels in (function, compiled(function)):
        values = of_labels(LABELS, np.ones((6, 4), "float32"))
        assert np.isnan(ops.convert_to_numpy(values)).tolist() == NO_CLASS
    return []


def is_refused(name, rng):
    refusals.check(name)
    return []


def accuracy(rng):
    metric = RBFAccuracy()
    distances = rng.uniform(0, 12, (40, 3)).astype("float32")
    metric.update_state(rng.integers(0, 3, 40), distances)
    return ops.convert_to_numpy(metric.result())


def accuracy_of_nan(rng):
    # Each distance is NaN once for each label.
    distances = rng.uniform(0, 12, (3, 3, 3)).astype("float32")
    distances[np.arange(3), :, np.arange(3)] = np.nan
    hits = rbf_accuracy(np.tile(np.arange(3), 3), distances.reshape(9, 3))
    return ops.convert_to_numpy(hits)


def lenet5_of_random_weights(rng, **arguments):
    model = lenet5(kernel_initializer=keras.initializers.Zeros, **arguments)
    for layer in model.layers:
        set_random_weights(layer, rng)
    return model


def lenet5_answer(shape, rng):
    x = rng.uniform(-0.1, 1.175, shape).astype("float32")
    return answer(lenet5_of_random_weights(rng, input_shape=shape[1:]), x)


def one_fit_step(rng):
    model = lenet5_of_random_weights(rng)
    optimizer = keras.optimizers.SGD(1e-4)
    model.compile(optimizer, MaximumAPosteriori(), metrics=[RBFAccuracy()])
    x = rng.uniform(-0.1, 1.175, (4, 32, 32, 1)).astype("float32")
    before = model.get_layer("C1").get_weights()[0]
    history = model.fit(x, np.array([3, 1, 4, 1]), batch_size=4, verbose=0).history
    moved = model.get_layer("C1").get_weights()[0] - before
    assert np.abs(moved).max() > 1e-5
    return [history["loss"][0], history["rbf_accuracy"][0], *1e3 * moved.ravel()]


def small_network(rng, *ends):
    model = keras.Sequential(
        [
            keras.Input((7, 6, 3)),
            ConnectionTableConv2D(
                TABLE, (2, 3), activation=scaled_tanh, kernel_initializer="zeros"
            ),
            Subsampling2D(),
            keras.layers.Flatten(),
            *ends,
        ]
    )
    set_random_weights(model, rng)
    return model


def before_rbf():
    return keras.layers.Dense(84, scaled_tanh, kernel_initializer="zeros")


def patterns(rng):
    return rng.normal(size=(20, 7, 6, 3)).astype("float32"), np.arange(20) % 10


def after_training(model, rate, loss, x, y):
    """Returns the weights after two epochs of one update per pattern."""
    model.compile(sdlm.SDLM(rate), loss)
    estimation = sdlm.CurvatureEstimation(x, y, patterns=10)
    before = [ops.convert_to_numpy(w) + 0 for w in model.trainable_weights]
    sdlm.fit(model, x, y, epochs=2, callbacks=[estimation], verbose=0)
    after = [ops.convert_to_numpy(w) for w in model.trainable_weights]
    moved = [np.abs(b - a).max() for a, b in zip(before, after, strict=True)]
    assert min(moved) > 1e-4
    return np.concatenate([weight.ravel() for weight in after])


def one_pattern_at_a_time(rng):
    model = small_network(rng, before_rbf(), RBF(DIGITS))
    rate = sdlm.paper_schedule(10, scale=0.2)
    return after_training(model, rate, MaximumAPosteriori(), *patterns(rng))


def one_pattern_at_a_time_of_mse(rng):
    last = keras.layers.Dense(10, scaled_tanh, kernel_initializer="zeros")
    x, y = patterns(rng)
    return after_training(small_network(rng, last), 1e-3, "mse", x, np.eye(10)[y])


def one_pattern_at_a_time_of_cross_entropy(rng):
    model = keras.Sequential(
        [
            keras.Input((7, 6, 3)),
            keras.layers.Conv2D(8, 2, activation="swish", kernel_initializer="zeros"),
            keras.layers.MaxPooling2D(2),
            keras.layers.LeakyReLU(0.3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, "softmax", kernel_initializer="zeros"),
        ]
    )
    set_random_weights(model, rng)
    loss = "sparse_categorical_crossentropy"
    return after_training(model, 1e-3, loss, *patterns(rng))


def second_calls(rng):
    """A second call traces nothing, and is right for other weights and a frozen layer.

    PyTorch traces nothing at all: there each pattern is computed by itself.
    """
    model, twin = (small_network(rng, before_rbf(), RBF(DIGITS)) for _ in range(2))
    x, y = patterns(rng)
    traces, forward = [], Subsampling2DRule.forward
    eager = keras.backend.backend() == "torch"

    def counted_forward(self, x, weights):
        if self.layer is model.layers[1]:
            traces.append(x)
        return forward(self, x, weights)

    Subsampling2DRule.forward = counted_forward
    for call in range(3):
        twin.set_weights(model.get_weights())
        for each in (model, twin):
            each.layers[0].trainable = call < 2
            each.compile(sdlm.SDLM(1e-3), MaximumAPosteriori())
            estimation = sdlm.CurvatureEstimation(x, y, patterns=10)
            sdlm.fit(each, x, y, callbacks=[estimation], verbose=0)
        if call == 1:
            _forget(twin)
        if call == 0:
            first = len(traces)
    Subsampling2DRule.forward = forward
    assert first > 0
    assert eager or len(traces) == first
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    return []


def _forget(model):
    """Makes the next call compile everything."""
    del compiled_module._PROGRAMS[model]


def assigned_curvature(rng):
    """Variables that are assigned keep the curvature known, also in a traced `fit`."""
    x, y = patterns(rng)
    answers = []
    first = small_network(rng, before_rbf(), RBF(DIGITS))
    second = keras.models.clone_model(first)
    second.set_weights(first.get_weights())
    for model in (first, second):
        model.compile(sdlm.SDLM(1e-3), MaximumAPosteriori())
        model.optimizer.build(model.trainable_variables)
    first.optimizer.set_curvature([np.ones(w.shape) for w in first.trainable_variables])
    pairs = zip(second.optimizer.variables, first.optimizer.variables, strict=True)
    for variable, value in pairs:
        variable.assign(ops.convert_to_numpy(value))
    for model in (first, second):
        model.fit(x, y, shuffle=False, verbose=0)
        answers.append(answer(model, x))
    np.testing.assert_allclose(*answers, rtol=1e-5)
    return answers[0]


def masked_steps(rng):
    """Masked steps do not count: two steps have the same loss alone and before four."""
    x = rng.normal(size=(1, 6, 3)).astype("float32")
    x[:, 2:] = 0
    dense, rbf, losses = keras.layers.Dense(84), RBF(DIGITS), []
    dense.build((None, 3))
    dense.kernel.assign(rng.normal(size=(3, 84)))
    for steps in (2, 6):
        inputs = keras.Input((steps, 3))
        model = keras.Model(inputs, rbf(dense(keras.layers.Masking()(inputs))))
        model.compile(loss=MaximumAPosteriori(300.0))
        y = np.zeros((1, steps))
        losses.append(model.evaluate(x[:, :steps], y, verbose=0))
    np.testing.assert_allclose(*losses, rtol=1e-6)
    return losses[:1]


def without_rubbish(rng):
    distances = rng.uniform(0, 12, (5, 4)).astype("float32")
    labels, infinite = np.array([2, 0, 1, 3, 3]), float("inf")
    sparse = MaximumAPosteriori(infinite, reduction=None)(labels, distances)
    loss = CategoricalMaximumAPosteriori(infinite, reduction=None)
    categorical = loss(np.eye(4, dtype="float32")[labels], distances)
    both = [ops.convert_to_numpy(each) for each in (sparse, categorical)]
    np.testing.assert_allclose(*both, rtol=1e-5)
    return both[0]


def losses_under_float16(rng):
    keras.config.set_floatx("float16")
    try:
        far = np.array([[78_000.0, 90_000.0]])
        losses = [
            MaximumAPosteriori(1e6)(np.array([1]), far),
            RBFMeanSquaredError()(np.array([1]), far),
        ]
        assert [keras.backend.standardize_dtype(x.dtype) for x in losses] == (
            ["float32"] * 2
        )
        return [float(loss) for loss in losses]
    finally:
        keras.config.set_floatx("float32")


def constrained_table(rng):
    """A constraint and a regularizer act map by map, as on a Conv2D."""
    arguments = {
        "kernel_size": 2,
        "kernel_initializer": "zeros",
        "kernel_constraint": keras.constraints.MaxNorm(0.5, axis=[0, 1, 2]),
        "kernel_regularizer": "l2",
    }
    layer = ConnectionTableConv2D(TABLE, **arguments)
    stock = keras.layers.Conv2D(len(TABLE), **arguments)
    for each in (layer, stock):
        each.build((None, 4, 4, 3))
    layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    stock.kernel.assign(layer.dense_kernel)
    penalties = [float(each.losses[0]) for each in (layer, stock)]
    np.testing.assert_allclose(*penalties, rtol=1e-5)
    for kernel in (layer.kernel, stock.kernel):
        kernel.assign(kernel.constraint(kernel))
    kernels = [ops.convert_to_numpy(k) for k in (layer.dense_kernel, stock.kernel)]
    np.testing.assert_allclose(*kernels, atol=1e-6)
    return [*kernels[0].ravel(), penalties[0]]


def curvature(rng):
    model = small_network(rng, before_rbf(), RBF(DIGITS))
    curvatures = sdlm.diagonal_curvature(model, *patterns(rng), MaximumAPosteriori())
    return np.concatenate([h.ravel() for h in curvatures])


def saved_and_loaded(rng):
    model = small_network(rng, before_rbf(), RBF(DIGITS))
    rate = sdlm.paper_schedule(10)
    model.compile(sdlm.SDLM(rate), MaximumAPosteriori(3.0), metrics=[RBFAccuracy()])
    x, y = patterns(rng)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature([np.ones(w.shape) for w in model.trainable_variables])
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "small.keras")
        loaded = keras.saving.load_model(Path(folder) / "small.keras")
    np.testing.assert_array_equal(answer(loaded, x), answer(model, x))
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    for each in (model, loaded):
        each.train_on_batch(x, y)
    np.testing.assert_allclose(answer(loaded, x), answer(model, x), rtol=1e-6)
    return answer(loaded, x)


def golden(file, rng):
    """A network that another version saved computes and trains as it did there."""
    expected = np.load(file.with_suffix(".npz"))
    model = keras.saving.load_model(file)
    x, y = expected["x"], dict.fromkeys(("distances", "probabilities"), expected["y"])
    distances, probabilities = map(ops.convert_to_numpy, model(x))
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    model.train_on_batch(x, y)
    computed = {
        "distances": distances,
        "probabilities": probabilities,
        "loss": scores["loss"],
        "accuracy": scores["distances_rbf_accuracy"],
        "distances_after_an_update": ops.convert_to_numpy(model(x)[0]),
    }
    assert set(computed) | {"x", "y"} == set(expected)
    for name, value in computed.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6)
    return computed["distances_after_an_update"]


def rbf_around_1000(classes, rng):
    """Distances that float32 has, but whose terms of 84 million cancel."""
    codes, x = (
        rng.normal(1000, 1, size=(n, 84)).astype("float32") for n in (classes, 5)
    )
    return answer(RBF(codes), x)


def rbf_beyond_float16(rng):
    layer = RBF(DIGITS, dtype="mixed_float16")
    distances = layer(rng.normal(scale=300, size=(5, 84)).astype("float32"))
    assert keras.backend.standardize_dtype(distances.dtype) == "float32"
    probabilities = RBFPosterior(temperature=1e5, dtype="mixed_float16")(distances)
    return ops.convert_to_numpy(ops.concatenate([distances, probabilities], axis=1))


def trained_codes(rng):
    # The first patterns are codes themselves, where the gradient is zero.
    codes = rng.normal(size=(3, 7)).astype("float32")
    x = np.concatenate([codes, rng.normal(size=(5, 7)).astype("float32")])
    layer = RBF(codes, True, codes_regularizer="l2", codes_constraint="non_neg")
    model = keras.Sequential([keras.Input((7,)), layer])
    model.compile(keras.optimizers.SGD(0.01), RBFMeanSquaredError())
    loss = model.fit(x, np.arange(8) % 3, batch_size=8, verbose=0).history["loss"]
    return [*np.ravel(layer.get_weights()), *loss]


def lenet5_on_any_size(rng):
    model = lenet5_of_random_weights(rng, input_shape=(None, 36, 1))
    answers = model.predict(rng.uniform(size=(2, 41, 36, 1)), verbose=0)
    assert answers.shape == (2, 3, 2, 10)
    return answers


def trained_network_on_a_larger_image(rng):
    small = load_pretrained("lenet5-mnist")
    large = load_pretrained("lenet5-mnist", input_shape=(36, 32, 1))
    x = rng.uniform(-0.1, 1.175, (2, 36, 32, 1)).astype("float32")
    rows = small.predict(x[:, :32], verbose=0), small.predict(x[:, 4:], verbose=0)
    answers = large.predict(x, verbose=0)
    np.testing.assert_allclose(answers, np.stack(rows, axis=1)[:, :, None], rtol=2e-5)
    return answers


def initial_kernel(rng):
    """Each map of C3 fills the range of its own fan-in. The draws may differ."""
    layer = ConnectionTableConv2D(
        C3_CONNECTIONS, 5, kernel_initializer=FanInUniform(seed=1)
    )
    layer.build((None, 14, 14, 6))
    kernels = ops.convert_to_numpy(layer.kernel)
    assert len(np.unique(kernels)) > 1490
    link = 0
    for entry in C3_CONNECTIONS:
        bound = 2.4 / (25 * len(entry))
        of_map = np.abs(kernels[..., link : link + len(entry)])
        assert 0.9 * bound < of_map.max() <= bound * (1 + 1e-6)
        link += len(entry)
    return []


def counted(rng):
    table = counts.layer_table(lenet5(kernel_initializer=keras.initializers.Zeros))
    assert table["total"] == counts.symbolic_layer_table(lenet5)["total"]
    modern = counts.symbolic_layer_table(lenet5_modern)["total"]
    assert modern.trainable == 61_706
    assert list(table["total"][1:]) == [60_000, 840, 340_908, 328_096]
    return table["total"][1:]


def prepared(rng):
    images = rng.integers(0, 256, (2, 28, 28), "uint8")
    return np.concatenate([prepare(images, pixels).ravel() for pixels in PIXELS])


def trained_network(name, rng):
    record = pretrained.records()[name]
    side = 28 if record["dataset"] == "mnist" else 32
    images = rng.integers(0, 256, (4, side, side, record["input_shape"][-1]), "uint8")
    x = prepare(images, record["pixels"])
    outputs = load_pretrained(name).predict(x, verbose=0)
    model = load_pretrained(name, output="probabilities")
    probabilities = model.predict(x, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    winner = np.argmax if record["temperature"] is None else np.argmin
    assert (probabilities.argmax(axis=1) == winner(outputs, axis=1)).all()
    return outputs


def imports_tensorflow_only_if_it_is_the_backend(rng):
    is_backend = keras.backend.backend() == "tensorflow"
    assert ("tensorflow" in sys.modules) == is_backend
    return []


def needs_keras_and_numpy_alone(rng):
    """All cases before this one ran while `on_backend.py` refused everything else."""
    try:
        __import__("pandas", {"__name__": "lenet_keras.counts"})
    except ModuleNotFoundError:
        assert not any(module.startswith("lenet_study") for module in sys.modules)
        return []
    raise AssertionError("pandas was not refused")


CASES = {
    "imports": imports_tensorflow_only_if_it_is_the_backend,
    "scaled_tanh": lambda rng: answer(
        scaled_tanh, rng.normal(size=9).astype("float32")
    ),
}
for name in LAYERS:
    CASES |= {
        name: partial(outputs, name),
        f"{name}, gradients": partial(gradients, name),
        f"{name}, any size": partial(any_size, name),
        f"{name}, Keras's test": partial(keras_layer_test, name),
        f"{name}, mixed_float16": partial(outputs_in, "mixed_float16", name),
        f"{name}, float64": partial(outputs_in, "float64", name),
    }
for name in OF_IMAGES:
    CASES |= {
        f"{name}, channels first": partial(channels_first, name),
        f"{name}, channels first, Keras's test": partial(
            keras_layer_test, name, data_format="channels_first"
        ),
    }
for name in LOSSES:
    CASES |= {
        name: partial(loss, name),
        f"{name}, gradients": partial(gradients_of_loss, name),
    }
for name, function in {
    **{name: make_loss(reduction=None) for name, make_loss in LOSSES.items()},
    "accuracy": rbf_accuracy,
}.items():
    CASES[f"{name}, label of no class"] = partial(nan_of_no_class, function)
for name in refusals.REFUSALS:
    CASES[f"refused: {name}"] = partial(is_refused, name)
for name in pretrained.records():
    CASES[name] = partial(trained_network, name)
CASES |= {
    "equation 9 with probabilities": gradients_of_probabilities,
    "equation 9 for lines": gradients_of_lines,
    "accuracy": accuracy,
    "accuracy of NaN": accuracy_of_nan,
    "rbf around 1000": partial(rbf_around_1000, 10),
    "rbf of a large table around 1000": partial(rbf_around_1000, 200),
    "rbf beyond float16": rbf_beyond_float16,
    "trained codes": trained_codes,
    "lenet5": partial(lenet5_answer, (2, 32, 32, 1)),
    "lenet5, any size": lenet5_on_any_size,
    "lenet5-mnist, larger image": trained_network_on_a_larger_image,
    "one fit step": one_fit_step,
    "one pattern at a time": one_pattern_at_a_time,
    "one pattern at a time, mse": one_pattern_at_a_time_of_mse,
    "one pattern at a time, cross-entropy": one_pattern_at_a_time_of_cross_entropy,
    "curvature": curvature,
    "second calls": second_calls,
    "assigned curvature": assigned_curvature,
    "masked steps": masked_steps,
    "no rubbish class": without_rubbish,
    "losses under float16": losses_under_float16,
    "constrained table": constrained_table,
    "saved and loaded": saved_and_loaded,
    **{f"golden {file.stem}": partial(golden, file) for file in GOLDEN},
    "initial kernel": initial_kernel,
    "counts": counted,
    "prepare": prepared,
    "needs Keras and NumPy alone": needs_keras_and_numpy_alone,
}
