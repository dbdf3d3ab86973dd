from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracles import maximum_a_posteriori, posterior, rbf

from lenet_keras import rbf_codes
from lenet_keras.layers import RBF, RBFPosterior
from lenet_keras.layers import rbf as module
from lenet_keras.losses import MaximumAPosteriori

HALF = pytest.mark.parametrize(
    "dtype", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"]
)


@pytest.fixture
def codes(rng):
    return rng.normal(size=(3, 7)).astype("float32")


@pytest.fixture
def digits():
    return rbf_codes("0123456789")


@pytest.fixture(params=["small table", "large table"])
def table(request, monkeypatch):
    """Computes a small table as it is, and as if it were a large one."""
    if request.param == "large table":
        monkeypatch.setattr(module, "DIRECT_UP_TO", 0)
    return request.param


def test_equals_loops(table, codes, rng):
    x = rng.normal(size=(4, 7)).astype("float32")
    np.testing.assert_allclose(RBF(codes)(x), rbf(x, codes), rtol=1e-5, atol=1e-5)


def test_equals_loops_on_the_digits(table, digits, rng):
    x = rng.uniform(-1.7159, 1.7159, (5, 84)).astype("float32")
    np.testing.assert_allclose(RBF(digits)(x), rbf(x, digits), rtol=1e-5)


def test_distances_of_thousands(digits, rng):
    x = rng.uniform(-20, 20, (3, 84)).astype("float32")
    expected = rbf(x, digits)
    assert expected.min() > 5000
    np.testing.assert_allclose(RBF(digits)(x), expected, rtol=1e-5)


@pytest.mark.parametrize("middle", [0, 1000, -1e5])
def test_features_and_codes_around_any_number(table, middle, rng):
    codes = rng.normal(middle, 1, size=(10, 84)).astype("float32")
    x = rng.normal(middle, 1, size=(20, 84)).astype("float32")
    expected = rbf(x, codes)
    distances = np.asarray(RBF(codes)(x))
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    np.testing.assert_array_equal(distances.argmin(-1), expected.argmin(-1))


@pytest.mark.parametrize("step", [1e-2, 1e-4])
@pytest.mark.parametrize("scale", [1, 1000])
def test_distances_to_a_code_that_is_very_near(step, scale, digits, rng):
    codes = scale * digits
    x = (codes + step * scale * rng.normal(size=codes.shape)).astype("float32")
    np.testing.assert_allclose(RBF(codes)(x), rbf(x, codes), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_features_of_any_size(scale, rng):
    codes, x = scale * rng.normal(size=(2, 3, 84)).astype("float32")
    np.testing.assert_allclose(RBF(codes)(x), rbf(x, codes), rtol=1e-5)


def test_a_table_of_many_classes(rng):
    codes = rng.normal(1000, 1, size=(400, 60)).astype("float32")
    x = rng.normal(1000, 1, size=(5, 60)).astype("float32")
    assert codes.size > module.DIRECT_UP_TO
    np.testing.assert_allclose(RBF(codes)(x), rbf(x, codes), rtol=1e-4)


def test_digit_is_at_distance_zero_from_its_own_code(digits):
    distances = np.asarray(RBF(digits)(digits))
    np.testing.assert_allclose(np.diag(distances), 0, atol=1e-4)
    assert distances[6, 8] == distances[8, 6] == 48
    assert (distances[~np.eye(10, dtype=bool)] >= 48).all()


def test_is_never_negative(table, rng):
    codes = rng.normal(scale=100, size=(200, 84)).astype("float32")
    # Very close to the codes, the terms of the distance cancel.
    x = np.nextafter(codes, np.float32(np.inf))
    distances = np.asarray(RBF(codes)(x))
    assert distances.min() >= 0
    assert np.diag(distances).max() < 1


@pytest.mark.parametrize("axes", [(), (4,), (4, 5)])
def test_takes_inputs_of_more_axes(axes, table, codes, rng):
    x = rng.normal(size=(2, *axes, 7)).astype("float32")
    distances = RBF(codes)(x)
    assert distances.shape == (2, *axes, 3)
    expected = rbf(x.reshape(-1, 7), codes).reshape(2, *axes, 3)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-5)


def test_takes_a_single_pattern_and_integers(table, codes):
    x = np.arange(7)
    expected = rbf(x[np.newaxis], codes)[0]
    np.testing.assert_allclose(RBF(codes)(x), expected, rtol=1e-5)


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
    layer = RBF(codes, trainable_codes=True)
    after = trained_codes(layer, rng.normal(size=(4, 5)))
    assert (after != codes).all()
    assert len(layer.trainable_weights) == 1


def test_trainable_codes_can_be_frozen(codes, rng):
    layer = RBF(codes, trainable_codes=True)
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


def test_a_large_table_holds_no_tensor_of_batch_classes_and_features(
    codes, monkeypatch
):
    monkeypatch.setattr(module, "DIRECT_UP_TO", 20)
    layer = RBF(codes, trainable_codes=True)

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


def test_gradients(table, codes, rng, check_gradients):
    layer = RBF(codes, trainable_codes=True, dtype="float64")
    x = keras.Variable(rng.normal(size=(4, 7)), dtype="float64")
    layer.build(x.shape)
    weights = rng.normal(size=(4, 3))
    check_gradients(lambda: keras.ops.sum(weights * layer(x.value)), [x, layer.codes])


def test_the_gradient_at_a_code_is_zero(table, codes):
    x = tf.constant(codes)
    with tf.GradientTape() as tape:
        tape.watch(x)
        own = tf.linalg.diag_part(RBF(codes)(x))
    np.testing.assert_allclose(tape.gradient(own, x), 0, atol=1e-6)


@HALF
def test_half_precision_becomes_float32(dtype, digits, rng):
    x = rng.normal(size=(4, 84)).astype("float32")
    layer = RBF(digits, dtype=dtype)
    # float16 would round the features to 1e-3 and end at a distance of 65,504.
    for scale in (0.01, 1, 30, 1e5):
        distances = layer(scale * x)
        assert distances.dtype == "float32"
        np.testing.assert_allclose(distances, rbf(scale * x, digits), rtol=1e-5)
    features = keras.Input((84,), dtype="float16")
    assert layer(features).dtype == "float32"
    assert layer.codes.dtype == "float32"


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
@pytest.mark.parametrize("make_layer", [partial(RBF, np.ones((3, 7))), RBFPosterior])
def test_other_types_stay(dtype, make_layer):
    layer = make_layer(dtype=dtype)
    assert layer.dtype_policy.name == (dtype or "float32")
    assert layer(np.ones((2, 7))).dtype == (dtype or "float32")


@HALF
@pytest.mark.parametrize("j", [None, 1000.0])
def test_probabilities_of_far_distances_in_half_precision(dtype, j):
    distances = np.array([[1e5, 2e5, 1e5 - 1]], "float32")
    probabilities = np.asarray(RBFPosterior(j, dtype=dtype)(distances))
    assert probabilities.dtype == "float32"
    expected = [[0, 0, 0, 1]] if j else [[1 / (1 + np.e), 0, np.e / (1 + np.e)]]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_a_network_in_mixed_precision_has_finite_losses(mixed_precision, digits, rng):
    features = keras.layers.Dense(84, activation="relu")
    model = keras.Sequential([keras.Input((5,)), features, RBF(digits)])
    model.compile("sgd", MaximumAPosteriori())
    x = 1000 * rng.normal(size=(4, 5))
    assert np.max(model(x)) > 65_504
    history = model.fit(x, np.arange(4), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert features.compute_dtype == "float16"


def test_a_config_of_before_the_regularizer_loads_also_of_mixed_precision(codes):
    config = RBF(codes, name="output").get_config()
    del config["codes_regularizer"], config["codes_constraint"]
    config["dtype"] = keras.saving.serialize_keras_object(
        keras.DTypePolicy("mixed_float16")
    )
    layer = RBF.from_config(config)
    assert layer.compute_dtype == "float32"
    np.testing.assert_allclose(layer(codes), RBF(codes)(codes))


def test_trained_codes_have_a_regularizer_and_a_constraint(codes, rng):
    layer = RBF(codes, True, codes_regularizer="l2", codes_constraint="non_neg")
    after = trained_codes(layer, rng.normal(size=(4, 5)))
    assert after.min() == 0 < after.max()
    (penalty,) = layer.losses
    assert float(penalty) == pytest.approx(0.01 * (after**2).sum(), rel=1e-5)


def test_fixed_codes_have_neither_penalty_nor_constraint(codes, rng):
    layer = RBF(codes, codes_regularizer="l2", codes_constraint="non_neg")
    after = trained_codes(layer, rng.normal(size=(4, 5)))
    np.testing.assert_array_equal(after, codes)
    assert codes.min() < 0
    assert layer.losses == []


@pytest.mark.parametrize("trainable", [False, True])
def test_rbf_checklist(trainable, table, codes, check_layer):
    make_layer = partial(
        RBF,
        codes,
        trainable_codes=trainable,
        codes_regularizer=keras.regularizers.L1(0.1),
        codes_constraint=keras.constraints.MaxNorm(1.5),
    )
    check_layer(make_layer, (7,))


def test_rbf_posterior_checklist(check_layer):
    check_layer(partial(RBFPosterior, j=0.5, temperature=2.0), (3,))


@pytest.mark.parametrize(
    "codes", [np.ones(84), np.ones((2, 3, 4)), 1.0, [[1.0, np.nan]], [[1.0, np.inf]]]
)
def test_what_is_no_table_of_codes_is_refused(codes, message):
    text = message(RBF, codes)
    assert "Expected finite codes of shape (classes, features)" in text
    assert f"Received: codes={codes!r}" in text


@pytest.mark.parametrize("shape", [(2, 6), (7, 1), ()])
def test_inputs_of_other_features_are_refused(shape, codes):
    with pytest.raises(ValueError, match="incompatible with the layer"):
        RBF(codes)(np.zeros(shape))


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


def test_posterior_takes_integers(rng):
    distances = rng.integers(0, 9, (4, 3))
    probabilities = RBFPosterior(j=1.5)(distances)
    np.testing.assert_allclose(probabilities, posterior(distances, 1.5), atol=1e-6)


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


@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_j_and_temperature_that_are_not_positive_are_refused(value, message):
    assert f"Received: j={value}, temperature=1.0" in message(RBFPosterior, value)
    text = message(RBFPosterior, 1.0, temperature=value)
    assert f"temperature={value}" in text


def test_an_infinite_j_leaves_nothing_for_rubbish():
    probabilities = np.asarray(RBFPosterior(float("inf"))(np.float32([[3.0, 4.0]])))
    np.testing.assert_allclose(probabilities, [[0.731059, 0.268941, 0]], atol=1e-6)


def test_a_built_layer_takes_its_features_alone():
    layer = RBF(np.eye(4))
    layer(np.zeros((1, 4)))
    assert layer(np.zeros((2, 3, 4))).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((2, 1)))


@pytest.mark.parametrize("trainable_codes", [True, False])
def test_frozen_codes_stay_frozen(trainable_codes, tmp_path):
    layer = RBF(np.eye(2, 3), trainable_codes)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), layer])
    layer.trainable = False
    model.compile("adam", "mse")
    model.fit(np.ones((2, 5)), np.ones((2, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    state = [variable.numpy() for variable in model.optimizer.variables]
    for before, after in zip(state, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(before, after)
    for again in (loaded.layers[-1], keras.models.clone_model(model).layers[-1]):
        assert (again.trainable, again.trainable_codes) == (False, trainable_codes)
        assert again.trainable_weights == []
        again.trainable = True
        assert len(again.trainable_weights) == trainable_codes


@pytest.mark.parametrize("trainable", [True, False])
def test_in_a_config_of_an_earlier_version_trainable_means_the_codes(trainable, codes):
    config = RBF(codes, name="output").get_config() | {"trainable": trainable}
    del config["trainable_codes"]
    layer = RBF.from_config(config)
    layer.build((None, 7))
    assert len(layer.trainable_weights) == trainable
    again = RBF.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_codes_in_double_precision_keep_their_digits():
    layer = RBF([[0.1, 1 / 3]], dtype="float64")
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.codes, [[0.1, 1 / 3]])
    again = RBF.from_config(layer.get_config())
    again.build((None, 2))
    np.testing.assert_array_equal(again.codes, layer.codes)


def test_masks_pass_on_to_the_loss(rng):
    """Two steps have the same loss alone and with four masked ones behind them."""
    x = rng.normal(size=(1, 6, 3)).astype("float32")
    x[:, 2:] = 0
    dense = keras.layers.Dense(7)
    codes = rng.normal(size=(2, 7))
    labels, losses = np.zeros((1, 6)), []
    for steps in (2, 6):
        model = keras.Sequential(
            [keras.Input((steps, 3)), keras.layers.Masking(), dense, RBF(codes)]
        )
        model.compile(loss=MaximumAPosteriori(3.0))
        losses.append(model.evaluate(x[:, :steps], labels[:, :steps], verbose=0))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    masked = keras.Sequential([keras.Input((6, 3)), keras.layers.Masking()])
    mask = RBFPosterior(1.0)(RBF(np.eye(2, 3))(masked(x)))._keras_mask
    np.testing.assert_array_equal(mask, [[True, True, False, False, False, False]])
