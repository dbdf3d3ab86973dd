import keras
import numpy as np
import pytest
import tensorflow as tf
from curvature_oracle import Network
from keras import layers, ops

from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import (
    RBF,
    ConnectionTableConv2D,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.models import lenet5, lenet5_modern
from lenet_keras.sdlm import (
    SDLM,
    CurvatureEstimation,
    Rule,
    diagonal_curvature,
    register_rule,
)
from lenet_keras.sdlm.rules import RULES

CODES = np.random.default_rng(1998).choice([-1.0, 1.0], (4, 6))
LABELS = np.array([2, 0, 2, 3, 1])
ONE_HOT = np.eye(4)[LABELS]
TARGETS = np.random.default_rng(1998).normal(size=(5, 4))


def like_the_paper():
    return [
        keras.Input((9, 8, 2)),
        layers.Conv2D(3, (3, 2), activation=scaled_tanh),
        Subsampling2D(2),
        ConnectionTableConv2D(((2, 0), (1,), (0, 1, 2)), 2, activation=scaled_tanh),
        layers.Flatten(),
        layers.Dense(6, activation=scaled_tanh),
    ]


def padded():
    return [
        keras.Input((9, 8, 1)),
        layers.Conv2D(
            2, (3, 2), (2, 1), padding="same", use_bias=False, activation="tanh"
        ),
        layers.AveragePooling2D((2, 3)),
        ConnectionTableConv2D(((0,), (0, 1)), (2, 3), padding="same", use_bias=False),
        layers.Activation("sigmoid"),
        layers.Reshape((-1,)),
        layers.Dense(4, use_bias=False),
    ]


def vectors_as_images():
    return [
        keras.Input((3,)),
        layers.Dense(30, activation="relu"),
        layers.Reshape((5, 3, 2)),
        layers.Conv2D(3, (3, 1), 2, activation="silu"),
        ConnectionTableConv2D(((0, 1), (2,)), 2, strides=(2, 1), padding="same"),
        Subsampling2D((1, 2), activation="tanh"),
        layers.Flatten(),
        layers.Dense(4),
    ]


def dense():
    return [
        keras.Input((3,)),
        layers.Dense(5, activation="sigmoid"),
        layers.Dense(4, activation="silu"),
    ]


def randomized(model, rng):
    for weight in model.trainable_weights:
        weight.assign(rng.uniform(-1, 1, weight.shape))
    return model


def patterns(model, rng, number=5):
    return rng.uniform(-1, 1, (number, *model.input_shape[1:]))


def with_end(body, *end):
    outputs = body.outputs[0]
    for layer in end:
        outputs = layer(outputs)
    return keras.Model(body.inputs, outputs)


def constant(value):
    return lambda outputs: np.full_like(outputs, value)


def softmax_variance(outputs):
    powers = np.exp(outputs)
    p = powers / powers.sum(axis=1, keepdims=True)
    return p * (1 - p)


def assert_alike(result, expected, rtol=1e-5):
    for h, expected_h in zip(result, expected, strict=True):
        assert h.shape == expected_h.shape
        assert expected_h.max() > 0
        np.testing.assert_allclose(h, expected_h, rtol=rtol, atol=1e-30)


@pytest.mark.parametrize(
    ("make_layers", "end", "loss", "y", "start"),
    [
        (like_the_paper, [RBF(CODES)], RBFMeanSquaredError(), LABELS, constant(2)),
        (padded, [], "mse", TARGETS, constant(2 / 4)),
        (
            vectors_as_images,
            [layers.Activation("softmax")],
            "sparse_categorical_crossentropy",
            LABELS,
            softmax_variance,
        ),
    ],
)
def test_equals_sums_over_connections(make_layers, end, loss, y, start, rng):
    body = randomized(keras.Sequential(make_layers()), rng)
    x = patterns(body, rng)
    network = Network(body)
    outputs = network.outputs(x)
    np.testing.assert_allclose(body(x.astype("float32")), outputs, rtol=1e-4, atol=1e-5)
    result = diagonal_curvature(with_end(body, *end), x, y, loss)
    assert_alike(result, network.curvature(x, start(outputs)))


NARROW_CODES = CODES[:, :4]
FROM_LOGITS = {"from_logits": True}


@pytest.mark.parametrize(
    ("end", "loss", "y", "start"),
    [
        ([RBF(NARROW_CODES)], MaximumAPosteriori(j=3.0), LABELS, constant(2)),
        ([RBF(NARROW_CODES)], MaximumAPosteriori(3.0, 8.0), LABELS, constant(1 / 4)),
        *(
            (
                [RBF(NARROW_CODES), RBFPosterior(3.0, temperature)],
                keras.losses.SparseCategoricalCrossentropy(),
                LABELS,
                constant(2 / temperature),
            )
            for temperature in (1.0, 8.0)
        ),
        ([], keras.losses.MeanSquaredError(), TARGETS, constant(2 / 4)),
        (
            [],
            keras.losses.SparseCategoricalCrossentropy(**FROM_LOGITS),
            LABELS,
            softmax_variance,
        ),
        (
            [],
            keras.losses.CategoricalCrossentropy(**FROM_LOGITS),
            ONE_HOT,
            softmax_variance,
        ),
        (
            [layers.Activation("softmax")],
            keras.losses.CategoricalCrossentropy(),
            ONE_HOT,
            softmax_variance,
        ),
    ],
)
def test_starts_with_the_second_derivative_of_the_loss(end, loss, y, start, rng):
    body = randomized(keras.Sequential(dense()), rng)
    x = patterns(body, rng)
    network = Network(body)
    expected = network.curvature(x, start(network.outputs(x)))
    assert_alike(diagonal_curvature(with_end(body, *end), x, y, loss), expected)


@pytest.mark.parametrize(
    ("loss", "y"),
    [(RBFMeanSquaredError(), LABELS), (MaximumAPosteriori(), LABELS[:, None])],
)
def test_trained_codes_bend_by_2_where_they_are_right(loss, y, rng):
    body = randomized(keras.Sequential([keras.Input((3,)), layers.Dense(4)]), rng)
    x = patterns(body, rng)
    expected = Network(body).curvature(x, constant(2)(TARGETS))
    codes = np.outer([1 / 5, 1 / 5, 2 / 5, 1 / 5], np.full(4, 2))
    model = with_end(body, RBF(NARROW_CODES, trainable_codes=True))
    assert_alike(diagonal_curvature(model, x, y, loss), [*expected, codes])


def test_dense_softmax_is_that_of_its_logits(rng):
    inputs = keras.Input((3,))
    softmax = randomized(
        keras.Sequential([inputs, layers.Dense(4, activation="softmax")]), rng
    )
    logits = keras.Sequential([inputs, layers.Dense(4)])
    logits.set_weights(softmax.get_weights())
    x = patterns(softmax, rng)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert_alike(
        diagonal_curvature(softmax, x, LABELS, "sparse_categorical_crossentropy"),
        diagonal_curvature(logits, x, LABELS, loss),
    )


def test_the_error_of_integer_labels_bends_as_that_of_dense_targets(rng):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, scaled_tanh)])
    x, labels = rng.normal(size=(6, 5)), np.array([0, 3, 1, 1, 2, 0])
    expected = diagonal_curvature(model, x, 2 * np.eye(4)[labels] - 1, "mse")
    assert_alike(
        diagonal_curvature(model, x, labels, SparseMeanSquaredError()), expected
    )


def test_lenet5_equals_sums_over_connections(rng):
    model = lenet5()
    body = keras.Model(model.inputs, model.layers[-2].output)
    x = rng.uniform(-0.1, 1.175, (1, 32, 32, 1))
    result = diagonal_curvature(model, x, [7], RBFMeanSquaredError())
    assert_alike(result, Network(body).curvature(x, np.full((1, 84), 2.0)), rtol=1e-4)
    for h in result:
        assert np.isfinite(h).all()
        assert (h >= 0).all()
    assert len(np.unique(result[0])) == 150


def in_double_precision(make_layers, model):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    twin = keras.Sequential(make_layers())
    keras.config.set_dtype_policy(policy)
    twin.set_weights(model.get_weights())
    return twin


def gauss_newton(model, x, start):
    """Returns the mean over the patterns of `start * sum((dx / dw) ** 2)`."""
    variables = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(x)
    jacobians = tape.jacobian(outputs, variables, experimental_use_pfor=False)
    return [start * np.mean(np.sum(np.square(j), 1), 0) for j in jacobians]


def one_unit_a_layer():
    activations = ["tanh", "silu", "sigmoid", scaled_tanh]
    return [
        keras.Input((1,)),
        *[layers.Dense(1, activation=activation) for activation in activations],
    ]


def one_path_a_weight():
    return [
        keras.Input((3,)),
        layers.Dense(6, activation="silu"),
        layers.Dense(1, activation=scaled_tanh),
        layers.Dense(4),
    ]


@pytest.mark.parametrize(
    ("make_layers", "y"),
    [(one_unit_a_layer, TARGETS[:, :1]), (one_path_a_weight, TARGETS)],
)
def test_is_the_gauss_newton_diagonal_where_each_weight_has_one_path(
    make_layers, y, rng
):
    model = randomized(keras.Sequential(make_layers()), rng)
    x = patterns(model, rng)
    twin = in_double_precision(make_layers, model)
    expected = gauss_newton(twin, x, start=2 / y.shape[1])
    assert_alike(diagonal_curvature(model, x, y, "mse"), expected)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (keras.losses.MeanSquaredError, TARGETS),
        (keras.losses.CategoricalCrossentropy, ONE_HOT),
    ],
)
def test_is_the_second_derivative_of_the_loss_of_one_layer(loss, y, rng):
    def one_layer():
        softmax = "softmax" if loss is keras.losses.CategoricalCrossentropy else None
        return [keras.Input((3,)), layers.Dense(4, activation=softmax)]

    model = randomized(keras.Sequential(one_layer()), rng)
    x = patterns(model, rng)
    twin = in_double_precision(one_layer, model)
    exact_loss = loss(dtype="float64")
    expected = []
    for weight in twin.trainable_weights:
        middle = weight.numpy()
        expected.append(np.zeros(middle.shape))
        for place in np.ndindex(middle.shape):
            values = []
            for shift in (-1e-3, 0, 1e-3):
                shifted = middle.copy()
                shifted[place] += shift
                weight.assign(shifted)
                values.append(float(exact_loss(y, twin(x))))
            expected[-1][place] = (values[0] - 2 * values[1] + values[2]) / 1e-6
        weight.assign(middle)
    assert_alike(diagonal_curvature(model, x, y, loss()), expected)


def overlapping_maxima():
    return [
        keras.Input((9, 8, 2)),
        layers.Conv2D(3, 2, activation="gelu"),
        layers.MaxPooling2D((3, 2), (2, 2), padding="same"),
        layers.Conv2D(2, 2, activation="elu"),
        layers.MaxPooling2D((1, 2)),
        layers.Flatten(),
        layers.Dense(4),
    ]


def leaky_units():
    return [
        keras.Input((6, 5, 2)),
        layers.Conv2D(5, 2, activation="leaky_relu"),
        layers.Dropout(0.9),
        layers.Conv2D(4, 2),
        layers.LeakyReLU(0.4),
        layers.GlobalAveragePooling2D(),
        layers.ELU(0.3),
        layers.Dense(4),
    ]


def kept_dimensions():
    return [
        keras.Input((6, 5, 2)),
        layers.Conv2D(3, 3),
        layers.ReLU(max_value=0.7, negative_slope=0.2),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Conv2D(4, 1, activation="softplus"),
        layers.Reshape((4,)),
    ]


def layer_by_layer(model, x, start):
    """Propagates back the curvature by the squares of the Jacobian of each layer."""
    variables = {id(v.value): np.zeros(v.shape) for v in model.trainable_weights}
    for pattern in x:
        inputs, steps = tf.constant(pattern[None], "float64"), []
        for layer in model.layers:
            weights = [weight.value for weight in layer.trainable_weights]
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(inputs)
                outputs = layer(inputs)
                flat = tf.reshape(outputs, [-1])
            jacobians = tape.jacobian(flat, [inputs, *weights])
            steps.append((weights, jacobians))
            inputs = outputs
        h = np.full(flat.shape, start)
        for weights, jacobians in reversed(steps):
            squares = [np.tensordot(h, np.square(j), axes=1) for j in jacobians]
            h = squares[0].ravel()
            for weight, at_weight in zip(weights, squares[1:], strict=True):
                variables[id(weight)] += at_weight / len(x)
    return [variables[id(v.value)] for v in model.trainable_weights]


@pytest.mark.parametrize(
    "make_layers", [padded, overlapping_maxima, leaky_units, kept_dimensions]
)
def test_equals_the_squares_of_the_jacobians(make_layers, rng):
    model = randomized(keras.Sequential(make_layers()), rng)
    x = patterns(model, rng)
    expected = layer_by_layer(in_double_precision(make_layers, model), x, 2 / 4)
    assert_alike(diagonal_curvature(model, x, TARGETS, "mse"), expected, rtol=1e-4)


def test_lenet5_modern_equals_the_squares_of_the_jacobians(rng):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    twin = lenet5_modern()
    keras.config.set_dtype_policy(policy)
    model = lenet5_modern()
    twin.set_weights(model.get_weights())
    body = keras.Sequential([*twin.layers[:-1], layers.Dense(10, dtype="float64")])
    body.build((None, 28, 28, 1))
    body.set_weights(model.get_weights())
    x = rng.uniform(-0.1, 1.175, (1, 28, 28, 1))
    probabilities = twin.predict(x, verbose=0)[0]
    expected = layer_by_layer(body, x, probabilities * (1 - probabilities))
    result = diagonal_curvature(model, x, [3], "sparse_categorical_crossentropy")
    assert_alike(result, expected, rtol=1e-3)


def test_a_second_estimate_sees_new_weights_and_compiles_nothing(rng):
    traces = []

    class Counted(layers.Layer):
        def call(self, inputs):
            return inputs

    @register_rule(Counted)
    class CountedRule(Rule):
        def forward(self, x, weights):
            traces.append(x)
            return x

    model = keras.Sequential([keras.Input((3,)), Counted(), layers.Dense(4)])
    plain = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    compiled = None
    for _ in range(3):
        randomized(model, rng)
        plain.set_weights(model.get_weights())
        x = patterns(model, rng)
        estimate = diagonal_curvature(model, x, TARGETS, "mse")
        assert_alike(estimate, Network(plain).curvature(x, constant(2 / 4)(TARGETS)))
        compiled = compiled or len(traces)
        assert compiled == len(traces) > 0
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    of_another_loss = diagonal_curvature(model, x, TARGETS, loss)
    assert_alike(of_another_loss, diagonal_curvature(plain, x, TARGETS, loss))
    assert len(traces) > compiled
    del RULES[Counted]


def test_is_parallel_to_the_trainable_weights(rng):
    inputs = keras.Input((3,))
    last, middle, first = (
        layers.Dense(units, activation="tanh", name=name)
        for units, name in [(4, "last"), (5, "middle"), (6, "first")]
    )
    model = keras.Model(inputs, last(middle(first(inputs))))
    randomized(model, rng)
    x = patterns(model, rng)
    everything = diagonal_curvature(model, x, TARGETS, "mse")
    assert_alike(everything, Network(model).curvature(x, constant(2 / 4)(TARGETS)))
    middle.trainable = False
    without_middle = diagonal_curvature(model, x, TARGETS, "mse")
    assert_alike(without_middle, everything[:2] + everything[4:])


def refusal(message, chain_layers, loss="mse", x=None, y=None):
    model = chain_layers
    if isinstance(chain_layers, list):
        model = keras.Sequential(chain_layers)
    x = np.zeros((1, *model.input_shape[1:])) if x is None else x
    y = np.zeros((1, *model.output_shape[1:])) if y is None else y
    return message(diagonal_curvature, model, x, y, loss)


IMAGES = keras.Input((6, 6, 2))
VECTORS = keras.Input((4,))


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (layers.ZeroPadding2D(name="odd"), "layer='odd', type='ZeroPadding2D'"),
        (layers.PReLU(name="odd"), "layer='odd', type='PReLU'"),
    ],
)
def test_layers_without_rule_are_refused(layer, received, message):
    text = refusal(message, [IMAGES, layer, layers.Flatten()])
    assert received in text
    assert "register_rule" in text


def test_subclass_needs_a_rule_of_its_own(message):
    class Squared(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) ** 2

    assert "type='Squared'" in refusal(message, [VECTORS, Squared(2, name="odd")])


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (layers.Conv2D(2, 2, dilation_rate=2, name="odd"), "dilation_rate=(2, 2)"),
        (layers.Conv2D(2, 2, groups=2, name="odd"), "groups=2"),
        (layers.AveragePooling2D(3, strides=1, name="odd"), "strides=(1, 1)"),
        (layers.AveragePooling2D(4, padding="same", name="odd"), "padding='same'"),
        (Subsampling2D(3, strides=1, name="odd"), "strides=(1, 1)"),
        (layers.Dense(2, name="odd"), "shape="),
        (layers.Dropout(0.5, (None, 1, 1, 2), name="odd"), "noise_shape=(None, 1, 1"),
        (layers.Conv2D(2, 2, dtype="mixed_float16", name="odd"), "'float16'"),
        (Subsampling2D(dtype="float64", name="odd"), "compute_dtype='float64'"),
    ],
)
def test_layers_beyond_their_rule_are_refused(layer, received, message):
    text = refusal(message, [IMAGES, layer, layers.Flatten()])
    assert "layer='odd'" in text
    assert received in text


def test_an_activation_of_several_units_is_refused(message):
    layer = layers.Activation("softmax", name="odd")
    text = refusal(message, [IMAGES, layer, layers.Flatten()])
    assert "activation of layer 'odd' that acts on each unit alone" in text


@pytest.mark.parametrize("how", ["LoRA", "int8"])
def test_lora_and_quantization_are_refused(how, message):
    model = keras.Sequential([VECTORS, layers.Dense(3, name="odd"), layers.Dense(2)])
    if how == "LoRA":
        model.layers[0].enable_lora(2)
    else:
        model.layers[0].quantize("int8")
    text = refusal(message, model)
    assert "layer='odd'" in text
    assert "lora_enabled=True" in text or "quantization_mode='int8'" in text


def test_a_subclassed_model_is_refused(message):
    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    x, y = np.zeros((1, 4)), np.zeros((1, 2))
    model(x)
    text = message(diagonal_curvature, model, x, y, "mse")
    assert "functional or sequential model" in text
    assert "own of type Own" in text


def test_a_list_of_losses_is_refused(message):
    text = refusal(message, [VECTORS, layers.Dense(2, name="end")], ["mse"])
    assert "loss='list of" in text


@pytest.mark.parametrize(
    "layer",
    [
        layers.Flatten("channels_first", name="odd"),
        layers.AveragePooling2D(2, data_format="channels_first", name="odd"),
        Subsampling2D(data_format="channels_first", name="odd"),
    ],
)
def test_channels_first_is_refused(layer, message):
    text = refusal(message, [IMAGES, layer, layers.Reshape((-1,))])
    assert "layer='odd', data_format='channels_first'" in text


def test_branches_are_refused(message):
    hidden = layers.Dense(4, name="hidden")(VECTORS)
    model = keras.Model(VECTORS, layers.Add(name="sum")([VECTORS, hidden]), name="fork")
    assert "layer='sum', type='Add'" in refusal(message, model)


def test_a_layer_may_be_used_at_another_size_elsewhere(rng):
    shared = [layers.AveragePooling2D(2), layers.Flatten(), layers.Dropout(0.5)]
    keras.Sequential([keras.Input((8, 8, 2)), *shared])
    own = [layers.AveragePooling2D(2), layers.Flatten(), layers.Dropout(0.5)]
    models = [
        keras.Sequential([IMAGES, layers.Conv2D(2, 1), *middle, layers.Dense(4)])
        for middle in (shared, own)
    ]
    randomized(models[0], rng)
    models[1].set_weights(models[0].get_weights())
    x = rng.normal(size=(3, 6, 6, 2))
    y = rng.normal(size=(3, 4))
    assert_alike(*(diagonal_curvature(model, x, y, "mse") for model in models))


@pytest.mark.parametrize("outputs", [1, 2])
def test_several_inputs_or_outputs_are_refused(outputs, message):
    hidden = layers.Dense(4)(VECTORS)
    ends = [layers.Dense(2)(hidden), hidden]
    model = keras.Model([VECTORS, keras.Input((1,))][: 3 - outputs], ends[:outputs])
    text = message(diagonal_curvature, model, np.zeros((1, 4)), np.zeros((1, 2)), "mse")
    assert "type='InputLayer'" in text if outputs == 1 else "one output" in text


def test_an_operation_that_is_no_layer_is_refused(message):
    outputs = layers.Dense(2)(keras.ops.tanh(layers.Dense(4)(VECTORS)))
    assert "type='Tanh'" in refusal(message, keras.Model(VECTORS, outputs))


def test_a_layer_that_is_called_twice_is_refused(message):
    dense = layers.Dense(4, name="dense")
    model = keras.Model(VECTORS, dense(dense(VECTORS)))
    assert "one sequence of layers" in refusal(message, model)


@pytest.mark.parametrize(
    "extra",
    [
        {"kernel_regularizer": "l2"},
        {"bias_regularizer": "l2"},
        {"activity_regularizer": "l2"},
        {"kernel_constraint": "max_norm"},
        {"bias_constraint": "non_neg"},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_regularizers_and_constraints_are_refused(extra, message):
    layer = layers.Dense(2, **extra, name="shrunk")
    text = refusal(message, keras.Sequential([VECTORS, layer]))
    assert "regularizer" in text
    assert "layer='shrunk'" in text


@pytest.mark.parametrize(
    ("layer", "loss"),
    [
        (RBF(NARROW_CODES, name="end"), keras.losses.MeanSquaredError()),
        (RBF(NARROW_CODES, name="end"), keras.losses.SparseCategoricalCrossentropy()),
        (layers.Dense(2, name="end"), RBFMeanSquaredError()),
        (layers.Dense(2, name="end"), MaximumAPosteriori()),
        (RBFPosterior(1.0, name="end"), RBFMeanSquaredError()),
        (layers.Dense(2, name="end"), keras.losses.MeanAbsoluteError()),
        (layers.Dense(2, name="end"), keras.losses.mean_absolute_error),
        (layers.Dense(2, name="end"), None),
        (RBF(NARROW_CODES, name="end"), None),
    ],
)
def test_loss_that_does_not_fit_the_end_is_refused(layer, loss, message):
    text = refusal(message, [VECTORS, layer], loss)
    assert "loss (8) or (9) after the only RBF" in text
    assert "layer='end'" in text


@pytest.mark.parametrize(
    "loss",
    [keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy],
)
@pytest.mark.parametrize(
    ("activation", "from_logits"), [("softmax", True), (None, False)]
)
def test_logits_and_softmax_are_not_mistaken(activation, from_logits, loss, message):
    end = layers.Dense(2, activation=activation, name="end")
    text = refusal(message, [VECTORS, end], loss(from_logits=from_logits))
    assert "cross-entropy of softmax, or of logits without softmax" in text
    assert f"'from_logits': {from_logits}" in text


def test_label_smoothing_is_refused(message):
    end = layers.Dense(2, activation="softmax")
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert "'label_smoothing': 0.1" in refusal(message, [VECTORS, end], loss)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 3), (3, 2), (0, 1)])
def test_every_pattern_needs_a_label(x, y, message):
    text = refusal(message, dense(), x=np.zeros((x, 3)), y=np.zeros((y, 4)))
    assert f"Received: shapes=(({x}, 3), ({y}, 4))" in text


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((1, 6), (1, 4)),
        ((1, 3, 1), (1, 4)),
        ((1, 3), (1,)),
        ((2, 3), (2, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, y, message):
    text = refusal(message, dense(), x=np.zeros(x), y=np.zeros(y))
    assert "Expected patterns of shape (3,) with labels that are arrays of 4" in text
    assert f"shapes=({x}, {y})" in text


def test_one_hot_labels_are_refused_where_integers_are_needed(message):
    ends = [VECTORS, layers.Dense(4, "softmax")]
    loss = "sparse_categorical_crossentropy"
    text = refusal(message, ends, loss, y=np.eye(4)[[1]])
    assert "integers from 0 to 3, not one-hot" in text
    assert "shapes=((1, 4), (1, 4))" in text


def test_registered_rule_makes_a_layer_known(monkeypatch, rng):
    def pooled():
        return [
            keras.Input((3,)),
            layers.Dense(16, activation="tanh"),
            layers.Reshape((4, 4, 1)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1),
        ]

    monkeypatch.setitem(RULES, layers.MaxPooling2D, None)

    @register_rule(layers.MaxPooling2D)
    class MaxPoolingRule(Rule):
        def forward(self, x, weights):
            maps, height, width = x.shape
            x = ops.reshape(x, (maps, height // 2, 2, width // 2, 2))
            return ops.max(x, axis=(2, 4))

        def curvature(self, x, weights, signal):
            def spread(pooled):
                return ops.repeat(ops.repeat(pooled, 2, axis=1), 2, axis=2)

            largest = x == spread(self.forward(x, weights))
            return ops.where(largest, spread(signal), 0.0), []

    assert RULES[layers.MaxPooling2D] is MaxPoolingRule
    model = randomized(keras.Sequential(pooled()), rng)
    x = patterns(model, rng)
    expected = gauss_newton(in_double_precision(pooled, model), x, start=2)
    assert_alike(diagonal_curvature(model, x, TARGETS[:, :1], "mse"), expected)


PATTERNS = np.arange(10.0)[:, None]


def trained_model(optimizer=None):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(optimizer or SDLM(learning_rate=1e-9), "mse")
    return model


@pytest.fixture
def estimates(monkeypatch):
    """Trains for epochs of 10 updates; returns the times and data of the estimates."""

    def run(first=3, passes=(0, 1), **arguments):
        model = trained_model()
        drawn = {}

        def estimate(x, y):
            np.testing.assert_array_equal(x, -y)
            drawn[now] = x[:, 0].tolist()
            return [np.zeros((1, 1)), np.zeros(1)]

        callback = CurvatureEstimation(
            PATTERNS, -PATTERNS, 5, estimates_in_first_epoch=first, **arguments
        )
        monkeypatch.setattr(callback, "estimate", estimate)
        callback.set_model(model)
        callback.set_params({"steps": 10})
        callback.on_train_begin()
        for epoch in passes:
            callback.on_epoch_begin(epoch)
            for batch in range(10):
                now = epoch, batch
                callback.on_train_batch_begin(batch)
        return drawn

    return run


@pytest.mark.parametrize(
    ("first", "expected"), [(1, [0]), (3, [0, 4, 7]), (10, range(10)), (99, range(10))]
)
def test_estimates_at_equal_distances_in_the_first_pass(first, expected, estimates):
    times = list(estimates(first, passes=(0, 1, 2)))
    assert times == [(0, update) for update in expected] + [(1, 0), (2, 0)]


def test_drawn_patterns_follow_from_seed_pass_and_estimate(estimates):
    drawn = estimates()
    for x in drawn.values():
        assert len(set(x)) == 5
        assert set(x) <= set(PATTERNS[:, 0])
    assert len({tuple(x) for x in drawn.values()}) == 4
    keras.utils.set_random_seed(7)
    assert estimates() == drawn
    assert estimates(first=1).items() <= drawn.items()
    assert estimates(passes=[1]).items() <= drawn.items()
    others = estimates(seed=1)
    assert all(others[when] != x for when, x in drawn.items())


def test_estimate_reaches_the_optimizer():
    model = trained_model()
    callback = CurvatureEstimation(PATTERNS, PATTERNS, patterns=10)
    model.fit(PATTERNS, PATTERNS, batch_size=1, callbacks=[callback], verbose=0)
    kernel, bias = model.optimizer.curvature
    np.testing.assert_allclose(kernel, [[2 * np.mean(PATTERNS**2)]], rtol=1e-6)
    np.testing.assert_allclose(bias, [2])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_one_estimate_an_epoch_needs_no_length_and_several_do(message):
    def patterns():
        for pattern in PATTERNS:
            yield pattern[None], pattern[None]

    model = trained_model()
    one, two = (
        CurvatureEstimation(PATTERNS, PATTERNS, 10, estimates_in_first_epoch=n)
        for n in (1, 2)
    )
    text = message(model.fit, patterns(), callbacks=[two], shuffle=False, verbose=0)
    assert "Received: estimates_in_first_epoch=2" in text
    model.fit(patterns(), callbacks=[one], shuffle=False, verbose=0)
    np.testing.assert_allclose(model.optimizer.curvature[1], [2])


def test_estimation_needs_sdlm(message):
    model = trained_model("sgd")
    callback = CurvatureEstimation(PATTERNS, PATTERNS, patterns=10)
    text = message(model.fit, PATTERNS, PATTERNS, callbacks=[callback], verbose=0)
    assert "compiled with SDLM" in text
    assert "SGD" in text


@pytest.mark.parametrize("number", [0, -1, 11])
def test_estimation_from_no_or_too_many_patterns_is_refused(number, message):
    text = message(CurvatureEstimation, PATTERNS, PATTERNS, patterns=number)
    assert text == f"Expected from 1 to 10 patterns. Received: patterns={number}"


def test_estimation_needs_a_label_for_each_pattern(message):
    text = message(CurvatureEstimation, PATTERNS, PATTERNS[:4], patterns=4)
    assert text == "Expected a label for each pattern. Received: labels=4"


@pytest.mark.parametrize("number", [0, -1])
def test_a_first_epoch_without_an_estimate_is_refused(number, message):
    text = message(
        CurvatureEstimation, PATTERNS, PATTERNS, 5, estimates_in_first_epoch=number
    )
    assert f"at least one estimate. Received: estimates_in_first_epoch={number}" in text


def ends_in(*ends):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), *ends])


SPARSE = keras.losses.SparseCategoricalCrossentropy
ENDS_THAT_DO_NOT_FIT = {
    "mean squared error behind softmax": (
        lambda: [keras.layers.Dense(4, activation="softmax")],
        "mse",
    ),
    "an image at the end": (
        lambda: [keras.layers.Reshape((5, 1, 1))],
        "mse",
    ),
    "RBF before another layer": (
        lambda: [RBF(np.ones((4, 5))), keras.layers.Dense(2)],
        "mse",
    ),
    "a posterior of no distances": (lambda: [RBFPosterior(10.0)], SPARSE()),
    "a posterior as logits": (
        lambda: [RBF(np.ones((4, 5))), RBFPosterior(10.0)],
        SPARSE(from_logits=True),
    ),
    "a class that is ignored": (
        lambda: [keras.layers.Activation("softmax")],
        SPARSE(ignore_class=2),
    ),
    "a sum over the batch": (
        lambda: [keras.layers.Dense(2)],
        keras.losses.MeanSquaredError(reduction="sum"),
    ),
}


@pytest.mark.parametrize(
    "case", ENDS_THAT_DO_NOT_FIT.values(), ids=ENDS_THAT_DO_NOT_FIT
)
def test_an_end_that_does_not_fit_the_loss_is_refused(case, message):
    ends, loss = case
    message(diagonal_curvature, ends_in(*ends()), np.ones((2, 3)), [0, 0], loss)


@pytest.mark.parametrize("label", [-1, 4, 0.5])
def test_a_label_of_no_class_is_refused(label, message):
    model = ends_in(RBF(np.ones((4, 5))))
    text = message(
        diagonal_curvature, model, np.ones((2, 3)), [0, label], RBFMeanSquaredError()
    )
    assert "from 0 to 3" in text


def test_a_model_without_layers_or_not_built_is_refused(message):
    inputs = keras.Input((3,))
    empty = keras.Model(inputs, inputs)
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    for model in (empty, unbuilt):
        message(diagonal_curvature, model, np.ones((2, 3)), np.ones((2, 2)), "mse")
