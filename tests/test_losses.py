import itertools
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracles import maximum_a_posteriori, mean_squared_error

from lenet_keras.losses import (
    CategoricalMaximumAPosteriori,
    LineMaximumAPosteriori,
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
    checked_labels,
)

LABELS = np.array([2, 0, 1, 3, 3])
BOTH = pytest.mark.parametrize("make_loss", [RBFMeanSquaredError, MaximumAPosteriori])


@pytest.fixture
def distances(rng):
    return rng.uniform(0, 12, (5, 4)).astype("float32")


def compiled(loss, labels_shape=(None,)):
    """Returns the loss as a graph that only knows the number of classes."""
    signature = [tf.TensorSpec(labels_shape), tf.TensorSpec((None, 4))]
    return tf.function(loss, input_signature=signature, autograph=False)


def test_mean_squared_error_equals_loops(distances):
    expected = mean_squared_error(LABELS, distances).mean()
    assert float(RBFMeanSquaredError()(LABELS, distances)) == pytest.approx(expected)


@pytest.mark.parametrize("j", [0.1, 2.0, 10.0])
def test_maximum_a_posteriori_equals_loops(j, distances):
    expected = maximum_a_posteriori(LABELS, np.float64(distances), j).mean()
    assert float(MaximumAPosteriori(j)(LABELS, distances)) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("temperature", [0.5, 7.0])
def test_maximum_a_posteriori_at_another_temperature_equals_loops(
    temperature, distances
):
    expected = maximum_a_posteriori(LABELS, np.float64(distances), 2.0, temperature)
    loss = MaximumAPosteriori(2.0, temperature)
    assert float(loss(LABELS, distances)) == pytest.approx(expected.mean(), rel=1e-5)


def test_maximum_a_posteriori_of_the_paper_s_terms_one_by_one():
    # y_D + log(e^-j + e^-y_0 + e^-y_1) with D = 0, y = (1, 2), j = 3
    expected = 1 + math.log(math.exp(-3) + math.exp(-1) + math.exp(-2))
    assert float(
        MaximumAPosteriori(3.0)(np.array([0]), np.array([[1.0, 2.0]]))
    ) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("j", [1.0, 10.0, 100.0])
def test_maximum_a_posteriori_does_not_push_on_what_is_far(j):
    near, far = (
        float(MaximumAPosteriori(j)(np.array([0]), np.array([[2.0, distance]])))
        for distance in (j + 50, j + 5000)
    )
    assert near == far


def test_maximum_a_posteriori_is_never_negative(rng):
    distances = rng.uniform(0, 9000, (50, 10)).astype("float32")
    labels = distances.argmin(axis=1)
    assert np.min(MaximumAPosteriori(reduction=None)(labels, distances)) >= 0


@BOTH
@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size", None])
def test_reduction(make_loss, reduction, distances):
    terms = (
        mean_squared_error(LABELS, np.float64(distances))
        if make_loss is RBFMeanSquaredError
        else maximum_a_posteriori(LABELS, np.float64(distances), 10.0)
    )
    expected = {"sum": terms.sum(), None: terms}.get(reduction, terms.mean())
    result = make_loss(reduction=reduction)(LABELS, distances)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@BOTH
def test_sample_weight(make_loss, distances):
    weights = np.array([1.0, 0.0, 2.0, 0.5, 1.5])
    terms = np.asarray(make_loss(reduction=None)(LABELS, distances))
    result = make_loss(reduction="sum")(LABELS, distances, sample_weight=weights)
    assert float(result) == pytest.approx((weights * terms).sum(), rel=1e-5)


@BOTH
@pytest.mark.parametrize(
    "labels", [LABELS, LABELS[:, np.newaxis], LABELS.astype("uint8")]
)
def test_labels_in_every_form_that_is_allowed(make_loss, labels, distances):
    expected = make_loss()(LABELS.astype("float32"), distances)
    assert float(make_loss()(labels, distances)) == float(expected)


@pytest.mark.parametrize(
    "loss", [RBFMeanSquaredError(), MaximumAPosteriori(), SparseMeanSquaredError()]
)
@pytest.mark.parametrize("labels", [LABELS, LABELS[:, np.newaxis]])
def test_lists_are_taken(loss, labels, distances):
    weights = [1.0, 0.0, 2.0, 0.5, 1.5]
    expected = loss(labels, distances, np.array(weights))
    lists = labels.tolist(), distances.tolist(), weights
    assert float(loss(*lists)) == float(expected)


def test_labels_are_checked_in_lists():
    labels, is_class = checked_labels([[1], [0]], [[9.0, 2.0], [4.0, 7.0]])
    assert (np.array(labels).tolist(), np.array(is_class).all()) == ([1, 0], True)


@BOTH
def test_more_axes(make_loss, distances):
    labels = np.array([[0, 1, 2], [3, 0, 1]])
    rows = np.vstack([distances, distances[:1]])
    expected = make_loss(reduction=None)(labels.ravel(), rows)
    for shape in ((2, 3), (2, 3, 1)):
        losses = make_loss(reduction=None)(labels.reshape(shape), rows.reshape(2, 3, 4))
        assert losses.shape == (2, 3)
        np.testing.assert_array_equal(np.ravel(losses), expected)


@BOTH
@pytest.mark.parametrize(
    "row", [[0, 0, 0, 0], [0, 5000, 9000, 40], [7000, 8000, 9000, 6000], [1e6] * 4]
)
@pytest.mark.parametrize("label", [0, 3])
def test_far_and_near_distances_have_finite_losses_and_gradients(make_loss, row, label):
    row = tf.constant([row], "float32")
    with tf.GradientTape() as tape:
        tape.watch(row)
        loss = make_loss()(np.array([label]), row)
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, row)).all()
    if make_loss is RBFMeanSquaredError:
        assert float(loss) == row[0, label]


@pytest.mark.parametrize(
    ("row", "label", "expected"),
    [
        ([0.0, 0.0], 0, math.log(2)),  # two classes, rubbish is far
        ([5000.0, 9000.0], 0, 4990.0),  # rubbish
        ([0.0, 5000.0], 0, 0.0),
        ([0.0, 5000.0], 1, 5000.0),
    ],
)
def test_maximum_a_posteriori_at_the_extremes(row, label, expected):
    loss = float(MaximumAPosteriori(10.0)(np.array([label]), np.array([row])))
    assert loss == pytest.approx(expected, abs=1e-4)


@BOTH
def test_gradients(make_loss, rng, check_gradients):
    distances = keras.Variable(rng.uniform(0, 4, (5, 4)), dtype="float64")
    loss = make_loss(
        dtype="float64", **({"j": 2.0} if "j" in vars(make_loss()) else {})
    )
    check_gradients(lambda: loss(LABELS, distances.value), [distances])


def test_gradient_where_class_and_rubbish_are_as_likely(check_gradients):
    distances = keras.Variable([[10.0, 5000.0]], dtype="float64")
    loss = MaximumAPosteriori(j=10.0, dtype="float64")
    check_gradients(lambda: loss(np.array([0]), distances.value), [distances])


@BOTH
@pytest.mark.parametrize(
    ("labels_shape", "distances_shape"),
    [
        ((5, 4), (5, 4)),  # one-hot
        ((1, 4), (1, 4)),
        ((4, 1, 1), (4, 4)),
        ((1, 4), (4, 4)),
        ((), (4, 4)),
        ((4,), (4,)),
        ((4,), (2, 4, 4)),
        ((), ()),
    ],
)
def test_labels_of_other_axes_are_refused(
    make_loss, labels_shape, distances_shape, message
):
    labels, distances = np.zeros(labels_shape), np.ones(distances_shape)
    graph = tf.function(make_loss(), autograph=False)
    for loss in (make_loss(), graph):
        text = message(loss, tf.constant(labels), tf.constant(distances))
        assert "one integer label per row of outputs, not one-hot" in text
        assert "Received: shapes={'y_true': " in text


@BOTH
@pytest.mark.parametrize(
    ("labels_shape", "rows"), [((1,), 4), ((4,), 1), ((3,), 4), ((1, 1), 4)]
)
def test_labels_do_not_broadcast(make_loss, labels_shape, rows):
    graph = tf.function(make_loss(), autograph=False)
    for loss in (make_loss(), graph):
        with pytest.raises(
            (ValueError, tf.errors.InvalidArgumentError), match="imension"
        ):
            loss(tf.zeros(labels_shape), tf.ones((rows, 4)))


@BOTH
def test_one_hot_labels_are_refused_in_fit(make_loss, message):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("sgd", make_loss())
    text = message(model.fit, np.ones((2, 3)), np.eye(4)[:2], verbose=0)
    assert "not one-hot" in text


@BOTH
@pytest.mark.parametrize("more_axes", [(), (1,)])
@pytest.mark.parametrize(("num_labels", "num_rows"), [(1, 4), (4, 1), (3, 4)])
def test_batches_of_unknown_size_that_do_not_fit_are_refused(
    make_loss, more_axes, num_labels, num_rows
):
    loss = compiled(make_loss(), (None, *more_axes))
    assert np.isfinite(loss(tf.zeros((3, *more_axes)), tf.ones((3, 4))))
    with pytest.raises(tf.errors.InvalidArgumentError):
        loss(tf.zeros((num_labels, *more_axes)), tf.ones((num_rows, 4)))


@pytest.mark.parametrize(
    "make_loss", [RBFMeanSquaredError, MaximumAPosteriori, SparseMeanSquaredError]
)
@pytest.mark.parametrize("label", [-1, 4, 2.5, float("nan"), float("inf"), 1e9])
def test_a_label_of_no_class_is_nan(make_loss, label):
    labels, distances = tf.constant([0, 1, label], "float32"), tf.ones((3, 4))
    loss = make_loss(reduction=None)
    for losses in (loss(labels, distances), compiled(loss)(labels, distances)):
        assert np.isnan(losses).tolist() == [False, False, True]
    assert np.isnan(make_loss()(labels, distances))


@BOTH
def test_label_of_no_class_makes_the_history_nan(make_loss):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("sgd", make_loss())
    history = model.fit(np.ones((2, 3)), np.array([1, 4]), verbose=0)
    assert np.isnan(history.history["loss"][0])


@BOTH
def test_float16_distances(make_loss, distances):
    loss = make_loss()(LABELS, tf.cast(distances, "float16"))
    assert loss.dtype == "float32"
    expected = float(make_loss()(LABELS, distances))
    assert float(loss) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "loss",
    [
        RBFMeanSquaredError(),
        RBFMeanSquaredError(reduction="sum", name="mse"),
        MaximumAPosteriori(),
        MaximumAPosteriori(j=0.25, temperature=3.0, reduction=None, name="map"),
    ],
)
def test_config_round_trip(loss):
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    again = keras.losses.deserialize(config)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert (again.name, again.reduction) == (loss.name, loss.reduction)


def test_j_and_the_temperature_are_in_the_config():
    config = MaximumAPosteriori(j=0.25, temperature=3.0).get_config()
    assert (config["j"], config["temperature"]) == (0.25, 3.0)


@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_j_and_temperature_that_are_not_positive_are_refused(value, message):
    assert f"Received: j={value}, temperature=1.0" in message(MaximumAPosteriori, value)
    text = message(MaximumAPosteriori, temperature=value)
    assert f"Received: j=10.0, temperature={value}" in text


def squared_errors(labels, outputs):
    """The mean over the units, in loops. The targets are 1 (correct class) and -1."""
    errors = []
    for label, row in zip(labels, outputs, strict=True):
        wanted = [1.0 if unit == label else -1.0 for unit in range(len(row))]
        errors.append(sum((y - d) ** 2 for y, d in zip(row, wanted, strict=True)) / 4)
    return np.array(errors)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", None])
def test_sparse_mean_squared_error_equals_loops(reduction, rng):
    outputs = rng.normal(size=(5, 4)).astype("float32")
    terms = squared_errors(LABELS, outputs)
    expected = {"sum": terms.sum(), None: terms}.get(reduction, terms.mean())
    result = SparseMeanSquaredError(reduction=reduction)(LABELS, outputs)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    column = SparseMeanSquaredError(reduction=reduction)(LABELS[:, None], outputs)
    np.testing.assert_array_equal(column, result)


def test_sparse_mean_squared_error_equals_kerass_with_dense_targets(rng):
    outputs = rng.normal(size=(5, 4)).astype("float32")
    targets = 2 * np.eye(4)[LABELS] - 1
    expected = keras.losses.MeanSquaredError()(targets, outputs)
    assert float(SparseMeanSquaredError()(LABELS, outputs)) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_categorical_targets_of_one_class_give_loss_9(distances):
    targets = np.eye(4, dtype="float32")[LABELS]
    ours = CategoricalMaximumAPosteriori(2.0, 1.5, reduction=None)(targets, distances)
    expected = maximum_a_posteriori(LABELS, np.float64(distances), 2.0, 1.5)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_categorical_targets_weigh_the_losses_of_the_classes_and_of_rubbish(
    distances, rng
):
    """The loss is the mean of what each class, and rubbish, would lose."""
    targets = rng.uniform(0, 0.25, (5, 4)).astype("float32")
    targets[4] = 0  # rubbish
    with_rubbish = np.column_stack([np.float64(distances), np.full(5, 2.0)])
    expected = np.zeros(5)
    for pattern in range(5):
        for klass in range(5):
            share = targets[pattern, klass] if klass < 4 else 1 - targets[pattern].sum()
            total = sum(math.exp(-y / 1.5) for y in with_rubbish[pattern])
            lost = with_rubbish[pattern, klass] / 1.5 + math.log(total)
            expected[pattern] += share * lost
    ours = CategoricalMaximumAPosteriori(2.0, 1.5, reduction=None)(targets, distances)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (1, 4)])
def test_categorical_targets_of_other_shapes_are_refused(shape, distances):
    with pytest.raises(ValueError, match="`target` and `output`"):
        CategoricalMaximumAPosteriori()(np.ones(shape), distances)


def test_an_infinite_j_means_no_rubbish_class(distances):
    targets, infinite = np.eye(4, dtype="float32")[LABELS], float("inf")
    expected = maximum_a_posteriori(LABELS, np.float64(distances), 1e300)
    ours = MaximumAPosteriori(infinite, reduction=None)(LABELS, distances)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    loss = CategoricalMaximumAPosteriori(infinite, reduction=None)
    distances = tf.constant(distances)
    with tf.GradientTape() as tape:
        tape.watch(distances)
        ours = loss(targets, distances)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert np.isfinite(tape.gradient(ours, distances)).all()
    again = json.loads(json.dumps(loss.get_config()))
    assert CategoricalMaximumAPosteriori.from_config(again).j == infinite


def test_lines_need_a_finite_j(message):
    assert "j=inf" in message(LineMaximumAPosteriori, float("inf"))


def test_under_half_precision_the_losses_are_finite_and_in_float32():
    keras.config.set_floatx("float16")
    try:
        losses = [
            MaximumAPosteriori(1e5)([0], [[78_000.0, 90_000.0]]),
            CategoricalMaximumAPosteriori(1e5)([[1.0, 0.0]], [[78_000.0, 90_000.0]]),
            RBFMeanSquaredError()([0], [[78_000.0, 90_000.0]]),
        ]
    finally:
        keras.config.set_floatx("float32")
    assert [loss.dtype for loss in losses] == ["float32"] * 3
    np.testing.assert_allclose(losses, [0, 0, 78_000])


def test_the_categorical_loss_returns_from_its_configuration():
    loss = CategoricalMaximumAPosteriori(3.0, 2.0)
    text = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(text)
    assert type(again) is CategoricalMaximumAPosteriori
    assert (again.j, again.temperature, again.name) == (3.0, 2.0, loss.name)


def line_loss(text, distances, j, temperature):
    """Minus the logarithm of the probability of all ways to read the text."""
    costs = np.column_stack([np.float64(distances), np.full(len(distances), j)])
    posterior = np.exp(-costs / temperature)
    posterior /= posterior.sum(axis=1, keepdims=True)
    rubbish, total = costs.shape[1] - 1, 0.0
    for states in itertools.product(range(rubbish + 1), repeat=len(costs)):
        read = [state for state, _ in itertools.groupby(states) if state != rubbish]
        if read == text:
            total += math.prod(posterior[range(len(costs)), states])
    return -math.log(total)


@pytest.mark.parametrize("text", [[2, 0], [1, 1], [3], [0, 2, 0]])
def test_the_loss_of_a_line_sums_over_all_ways_to_read_it(text, rng):
    distances = rng.uniform(0, 6, (5, 4)).astype("float32")
    labels = np.array([text + [-1] * (3 - len(text))])
    ours = LineMaximumAPosteriori(2.0, 1.5)(labels, distances[None, None])
    assert float(ours) == pytest.approx(line_loss(text, distances, 2.0, 1.5), rel=1e-5)


def test_the_loss_of_lines_is_the_mean(rng):
    distances = rng.uniform(0, 6, (2, 1, 5, 4)).astype("float32")
    labels = [[2, 0, 1], [3, -1, -1]]
    own = [line_loss(labels[0], distances[0, 0], 3.0, 2.0)]
    own.append(line_loss(labels[1][:1], distances[1, 0], 3.0, 2.0))
    loss = LineMaximumAPosteriori(3.0, 2.0)
    assert float(loss(np.array(labels), distances)) == pytest.approx(np.mean(own), 1e-5)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert type(again) is LineMaximumAPosteriori
    assert (again.j, again.temperature) == (3.0, 2.0)


@pytest.mark.parametrize(
    "labels",
    [
        [1, -1, 2, -1, -1],
        [1, 4, -1, -1, -1],
        [1, 300, -1, -1, -1],
        [-2, -1, -1, -1, -1],
        [0.5, -1, -1, -1, -1],
        [1, 1, 1, 2, -1],  # with rubbish between the ones, six places
    ],
)
def test_what_is_no_line_is_nan(labels, rng):
    outputs = rng.uniform(0, 6, (1, 1, 5, 4)).astype("float32")
    labels = np.array([labels, [1, 2, 1, -1, -1]], "float32")
    outputs, loss = outputs.repeat(2, axis=0), LineMaximumAPosteriori(reduction=None)
    for function in (loss, tf.function(loss, autograph=False)):
        broken, whole = np.asarray(function(labels, outputs))
        assert np.isnan(broken)
        expected = line_loss([1, 2, 1], outputs[0, 0], 10.0, 1.0)
        assert whole == pytest.approx(expected, 1e-4)


@pytest.mark.parametrize(
    ("labels_shape", "outputs_shape"),
    [((2,), (2, 1, 5, 4)), ((2, 3), (2, 5, 4)), ((2, 3), (2, 2, 5, 4))],
)
def test_lines_of_other_shapes_are_refused(labels_shape, outputs_shape):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        LineMaximumAPosteriori()(np.zeros(labels_shape), np.ones(outputs_shape))
