from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracles import maximum_a_posteriori, posterior, rbf

from lenet_keras import rbf_codes
from lenet_keras.layers import RBF, RBFPosterior
from lenet_keras.losses import MaximumAPosteriori


@pytest.fixture
def codes(rng):
    return rng.normal(size=(3, 7)).astype("float32")


@pytest.fixture
def digits():
    return rbf_codes("0123456789")


def test_equals_loops(codes, rng):
    x = rng.normal(size=(4, 7)).astype("float32")
    np.testing.assert_allclose(RBF(codes)(x), rbf(x, codes), rtol=1e-5, atol=1e-5)


def test_equals_loops_on_the_digits(digits, rng):
    x = rng.uniform(-1.7159, 1.7159, (5, 84)).astype("float32")
    np.testing.assert_allclose(RBF(digits)(x), rbf(x, digits), rtol=1e-5)


def test_distances_of_thousands(digits, rng):
    x = rng.uniform(-20, 20, (3, 84)).astype("float32")
    expected = rbf(x, digits)
    assert expected.min() > 5000
    np.testing.assert_allclose(RBF(digits)(x), expected, rtol=1e-5)


def test_digit_is_at_distance_zero_from_its_own_code(digits):
    distances = np.asarray(RBF(digits)(digits))
    np.testing.assert_allclose(np.diag(distances), 0, atol=1e-4)
    assert distances[6, 8] == distances[8, 6] == 48
    assert (distances[~np.eye(10, dtype=bool)] >= 48).all()


def test_is_never_negative(rng):
    codes = rng.normal(scale=100, size=(200, 84)).astype("float32")
    # Very close to the codes, the terms of the distance cancel.
    x = np.nextafter(codes, np.float32(np.inf))
    distances = np.asarray(RBF(codes)(x))
    assert distances.min() >= 0
    assert np.diag(distances).max() < 1


@pytest.mark.parametrize("axes", [(), (4,), (4, 5)])
def test_takes_inputs_of_more_axes(axes, codes, rng):
    x = rng.normal(size=(2, *axes, 7)).astype("float32")
    distances = RBF(codes)(x)
    assert distances.shape == (2, *axes, 3)
    expected = rbf(x.reshape(-1, 7), codes).reshape(2, *axes, 3)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-5)


def test_unknown_axes_stay_unknown(codes):
    shape = (None, None, 7)
    assert RBF(codes).compute_output_shape(shape) == (None, None, 3)
    assert RBF(codes)(keras.Input(batch_shape=shape)).shape == (None, None, 3)
    assert RBFPosterior(1.0)(keras.Input((None, 7))).shape == (None, None, 8)


def trained_codes(layer, x):
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(7), layer])
    # Keras passes `trainable` on to the layers only if its value changes.
    model.trainable = False
    model.trainable = True
    assert layer.trainable
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((len(x), 3)), verbose=0)
    return np.asarray(layer.codes)


def test_codes_stay_fixed_when_the_model_trains(codes, rng):
    layer = RBF(codes)
    after = trained_codes(layer, rng.normal(size=(4, 5)))
    np.testing.assert_array_equal(after, codes)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 1


def test_trainable_codes_are_trained(codes, rng):
    layer = RBF(codes, trainable=True)
    after = trained_codes(layer, rng.normal(size=(4, 5)))
    assert (after != codes).all()
    assert len(layer.trainable_weights) == 1


def test_trainable_codes_can_be_frozen(codes, rng):
    layer = RBF(codes, trainable=True)
    layer.trainable = False
    x = rng.normal(size=(4, 5))
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7), layer])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 3)), verbose=0)
    np.testing.assert_array_equal(layer.codes, codes)


def test_layer_keeps_its_codes_when_the_array_changes(codes):
    given = codes.copy()
    layer = RBF(given)
    given[:] = 0
    layer.build((None, 7))
    np.testing.assert_array_equal(layer.codes, codes)


def test_holds_no_tensor_of_batch_classes_and_features(codes):
    layer = RBF(codes, trainable=True)

    @tf.function(autograph=False)
    def distances_and_gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            distances = layer(x)
        return tape.gradient(distances, [x, layer.codes.value])

    layer.build((None, 7))
    graph = distances_and_gradients.get_concrete_function(
        tf.TensorSpec((5, 7), "float32")
    ).graph
    outputs = [output for op in graph.get_operations() for output in op.outputs]
    sizes = [output.shape.num_elements() for output in outputs]
    assert max(sizes) < 5 * 3 * 7


def test_gradients(codes, rng, check_gradients):
    layer = RBF(codes, trainable=True, dtype="float64")
    x = keras.Variable(rng.normal(size=(4, 7)), dtype="float64")
    layer.build(x.shape)
    weights = rng.normal(size=(4, 3))
    check_gradients(lambda: keras.ops.sum(weights * layer(x.value)), [x, layer.codes])


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_holds_the_distances_to_a_near_code(dtype, digits):
    layer = RBF(digits, dtype=dtype)
    x = 0.875 * digits[6:7]  # exact in half precision
    distances = tf.cast(layer(x), "float32")
    np.testing.assert_allclose(distances, rbf(x, digits), rtol=4e-3)


@pytest.mark.parametrize("trainable", [False, True])
def test_rbf_checklist(trainable, codes, check_layer):
    check_layer(partial(RBF, codes, trainable=trainable), (7,))


def test_rbf_posterior_checklist(check_layer):
    check_layer(partial(RBFPosterior, j=0.5, temperature=2.0), (3,))


@pytest.mark.parametrize(
    "codes", [np.ones(84), np.ones((2, 3, 4)), np.ones((0, 84)), np.ones((10, 0)), 1.0]
)
def test_codes_of_another_shape_are_refused(codes, message):
    text = message(RBF, codes)
    assert f"codes of shape={np.shape(codes)}" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_codes_that_are_not_finite_are_refused(value, message):
    text = message(RBF, [[1.0, value]])
    assert f"finite codes. Received: codes=[[1.0, {value}]]" in text


@pytest.mark.parametrize("shape", [(None, 6), (None, None), (7, 1)])
def test_inputs_of_other_features_are_refused(shape, codes, message):
    text = message(RBF(codes).build, shape)
    assert f"7 features, like the codes. Received: shape={shape}" in text


@pytest.mark.parametrize("j", [0.5, 10.0])
def test_posterior_equals_loops(j, rng):
    distances = rng.uniform(0, 12, (6, 4)).astype("float32")
    probabilities = RBFPosterior(j)(distances)
    assert probabilities.shape == (6, 5)
    np.testing.assert_allclose(probabilities, posterior(distances, j), atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_posterior_without_rubbish_prefers_the_smallest_distance(temperature, rng):
    distances = rng.uniform(0, 200, (50, 10)).astype("float32")
    layer = RBFPosterior(temperature=temperature)
    probabilities = np.asarray(layer(distances))
    exponentials = np.exp(-distances.astype("float64") / temperature)
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_array_equal(probabilities.argmax(-1), distances.argmin(-1))


def test_posterior_without_rubbish_checklist(check_layer):
    check_layer(partial(RBFPosterior, temperature=2.0), (3,))


@pytest.mark.parametrize("j", [None, 1.0])
def test_posterior_of_unknown_classes_is_refused(j, message):
    text = message(RBFPosterior(j), keras.Input((None,)))
    assert "known number of classes. Received: shape=(None, None)" in text


def test_posterior_adds_up_to_one(rng):
    distances = rng.uniform(0, 5000, (20, 10)).astype("float32")
    sums = np.sum(RBFPosterior(10.0)(distances), axis=-1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_what_is_far_from_every_code_is_rubbish():
    probabilities = RBFPosterior(10.0)(np.full((1, 3), 5000.0, "float32"))
    np.testing.assert_array_equal(probabilities, [[0, 0, 0, 1]])


def test_what_is_at_one_code_is_its_class():
    distances = np.array([[4000.0, 0.0, 3000.0]], "float32")
    expected = [[0, 1, 0, 4.54e-5]]
    np.testing.assert_allclose(RBFPosterior(10.0)(distances), expected, atol=5e-5)


def test_distance_j_is_as_likely_rubbish_as_of_the_class():
    probabilities = RBFPosterior(3.0)(np.array([[3.0, 5000.0]], "float32"))
    np.testing.assert_allclose(probabilities, [[0.5, 0, 0.5]], atol=1e-6)


def test_posterior_takes_inputs_of_more_axes(rng):
    distances = rng.uniform(0, 9, (2, 3, 4)).astype("float32")
    probabilities = RBFPosterior(2.0)(distances)
    expected = posterior(distances.reshape(-1, 4), 2.0).reshape(2, 3, 5)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


@pytest.mark.parametrize(("j", "temperature"), [(0.5, 1.0), (10.0, 1.0), (8.0, 5.0)])
def test_posterior_of_the_right_class_is_what_the_loss_maximizes(j, temperature, rng):
    distances = rng.uniform(0, 12, (6, 4)).astype("float32")
    labels = np.array([0, 1, 2, 3, 0, 1])
    posteriors = RBFPosterior(j, temperature)(distances)
    np.testing.assert_allclose(
        posteriors, posterior(distances, j, temperature), atol=1e-6
    )
    right = np.asarray(posteriors)[np.arange(6), labels]
    losses = MaximumAPosteriori(j, temperature, reduction=None)(labels, distances)
    np.testing.assert_allclose(-np.log(right), losses, rtol=1e-4)
    expected = maximum_a_posteriori(labels, np.float64(distances), j, temperature)
    np.testing.assert_allclose(-np.log(right), expected, rtol=1e-4)


def test_posterior_gradients(rng, check_gradients):
    layer = RBFPosterior(2.0, dtype="float64")
    distances = keras.Variable(rng.uniform(0, 4, (3, 4)), dtype="float64")
    weights = rng.normal(size=(3, 5))
    check_gradients(
        lambda: keras.ops.sum(weights * layer(distances.value)), [distances]
    )


@pytest.mark.parametrize("j", [0, -1.0, float("nan")])
def test_j_that_is_not_positive_is_refused(j, message):
    assert f"positive j. Received: j={j}" in message(RBFPosterior, j)
    text = message(RBFPosterior, 1.0, temperature=j)
    assert f"positive temperature. Received: temperature={j}" in text
