import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from lenet_keras import rbf_codes
from lenet_keras.layers import RBF
from lenet_keras.losses import CategoricalMaximumAPosteriori, MaximumAPosteriori
from lenet_keras.metrics import RBFAccuracy, rbf_accuracy


@pytest.fixture
def distances(rng):
    return rng.uniform(0, 600, (40, 10)).astype("float32")


@pytest.fixture
def labels(distances, rng):
    # About half of the labels are correct.
    right = distances.argmin(axis=1)
    return np.where(rng.random(40) < 0.5, right, rng.integers(0, 10, 40))


def recognised(labels, distances):
    hits = []
    for label, row in zip(labels, distances, strict=True):
        winner = 0
        for i in range(len(row)):
            if row[i] < row[winner]:
                winner = i
        hits.append(float(winner == label))
    return hits


def result(metric, *args, **kwargs):
    metric.update_state(*args, **kwargs)
    return float(metric.result())


def test_equals_loops(labels, distances):
    expected = recognised(labels, distances)
    assert 0.2 < np.mean(expected) < 0.8
    np.testing.assert_array_equal(rbf_accuracy(labels, distances), expected)
    assert result(RBFAccuracy(), labels, distances) == pytest.approx(np.mean(expected))


def test_smallest_distance_wins():
    codes = rbf_codes("0123456789")
    distances = RBF(codes)(0.9 * codes)
    labels = np.arange(10)
    assert result(RBFAccuracy(), labels, distances) == 1
    # Keras's own accuracy takes the largest output, which is the worst class.
    stock = keras.metrics.SparseCategoricalAccuracy()
    assert result(stock, labels, distances) == 0


# The argmin of a row with NaN may be any class: TensorFlow, XLA and JAX differ.
@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("position", [0, 1, 2, slice(None)])
def test_a_row_with_nan_is_wrong_whatever_the_label(position, jit_compile):
    distances = np.tile(np.float32([2, 1, 3]), (4, 1))
    distances[:3, position] = np.nan
    function = rbf_accuracy
    if jit_compile is not None:
        function = tf.function(function, autograph=False, jit_compile=jit_compile)
    hits = function(tf.constant([0, 1, 2, 1]), tf.constant(distances))
    np.testing.assert_array_equal(hits, [0, 0, 0, 1])


def test_a_network_that_diverged_scores_zero(model):
    x, y = np.full((4, 84), np.nan), np.zeros(4)
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert scores["rbf_accuracy"] == 0


def test_averages_over_batches(labels, distances):
    metric = RBFAccuracy()
    metric.update_state(labels[:30], distances[:30])
    metric.update_state(labels[30:], distances[30:])
    expected = np.mean(recognised(labels, distances))
    assert float(metric.result()) == pytest.approx(expected)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_sample_weight(labels, distances, rng):
    weights = rng.uniform(0, 2, 40)
    expected = np.average(recognised(labels, distances), weights=weights)
    assert result(
        RBFAccuracy(), labels, distances, sample_weight=weights
    ) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32"])
def test_labels_in_every_form_that_is_allowed(dtype, labels, distances):
    expected = recognised(labels, distances)
    for shape in ((40,), (40, 1)):
        given = labels.astype(dtype).reshape(shape)
        np.testing.assert_array_equal(rbf_accuracy(given, distances), expected)


def test_lists_are_taken():
    assert result(RBFAccuracy(), [1, 1], [[9.0, 2.0], [4.0, 7.0]]) == 0.5


@pytest.mark.parametrize("shape", [(), (40, 1, 1)])
def test_labels_of_other_axes_are_refused(shape, distances, message):
    text = message(RBFAccuracy().update_state, np.zeros(shape, "int32"), distances)
    assert "Received: shapes={'y_true': " in text


@pytest.mark.parametrize("shape", [(39,), (1,), (1, 1), (40, 9)])
def test_labels_that_do_not_fit_the_rows_are_refused(shape, distances):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        RBFAccuracy().update_state(np.zeros(shape, "int32"), distances)


@pytest.mark.parametrize("label", [-1, 10, 2.5, float("nan")])
def test_label_of_no_class_is_nan(label):
    for function in (rbf_accuracy, tf.function(rbf_accuracy, autograph=False)):
        hits = function(tf.constant([0, label]), tf.ones((2, 10)))
        np.testing.assert_array_equal(hits, [1, np.nan])


@pytest.mark.parametrize(("num_labels", "num_rows"), [(1, 4), (4, 1), (3, 4)])
def test_batches_of_unknown_size_that_do_not_fit_are_refused(num_labels, num_rows):
    signature = [tf.TensorSpec((None,)), tf.TensorSpec((None, 10))]
    graph = tf.function(rbf_accuracy, input_signature=signature, autograph=False)
    assert graph(tf.zeros(3), tf.ones((3, 10))).shape == (3,)
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph(tf.zeros(num_labels), tf.ones((num_rows, 10)))


def test_config_round_trip():
    metric = RBFAccuracy(name="recognised", dtype="float64")
    config = json.loads(json.dumps(keras.metrics.serialize(metric)))
    again = keras.metrics.deserialize(config)
    assert type(again) is RBFAccuracy
    assert again.get_config() == metric.get_config()
    assert (again.name, again.dtype) == ("recognised", "float64")


@pytest.fixture
def model():
    # The outputs are the distances from the input itself to the codes.
    model = keras.Sequential([keras.Input((84,)), RBF(rbf_codes("0123456789"))])
    model.compile(loss=MaximumAPosteriori(), metrics=["accuracy", RBFAccuracy()])
    return model


def test_in_a_compiled_model(model):
    x, y = rbf_codes("0123"), np.array([0, 1, 2, 4])
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert scores["rbf_accuracy"] == 0.75
    assert scores["accuracy"] == 0


def test_in_a_compiled_model_that_was_saved_and_loaded(model, tmp_path):
    x, y = rbf_codes("0123"), np.array([0, 1, 2, 4])
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    scores = loaded.evaluate(x, y, verbose=0, return_dict=True)
    assert scores == pytest.approx(expected)
    assert scores["rbf_accuracy"] == 0.75


def test_label_of_no_class_makes_the_score_nan(model):
    scores = model.evaluate(
        rbf_codes("01"), np.array([0, 10]), verbose=0, return_dict=True
    )
    assert np.isnan(scores["rbf_accuracy"])


def test_best_checkpoint_is_the_one_of_the_highest_score(model, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="rbf_accuracy", save_best_only=True
    )
    checkpoint.set_model(model)
    model.evaluate(rbf_codes("01"), np.array([0, 1]), verbose=0)
    saved = []
    for score in (0.5, 0.25, 0.75):
        (tmp_path / "best.keras").unlink(missing_ok=True)
        checkpoint.on_epoch_end(0, {"rbf_accuracy": score})
        saved.append((tmp_path / "best.keras").exists())
    assert saved == [True, False, True]


def test_of_probabilities_the_largest_counts(labels, distances, rng):
    targets = 0.8 * np.eye(10)[labels] + 0.02 * rng.random((40, 10))
    expected = recognised(labels, distances)
    np.testing.assert_array_equal(rbf_accuracy(targets, distances), expected)
    one_hot = np.eye(10, dtype="int32")[labels]
    assert result(RBFAccuracy(), one_hot, distances) == pytest.approx(np.mean(expected))


def test_for_an_image_of_no_class_no_answer_is_right(distances):
    np.testing.assert_array_equal(rbf_accuracy(np.zeros((40, 10)), distances), [0] * 40)


def test_it_measures_a_model_that_trains_with_probabilities(model):
    model.compile(loss=CategoricalMaximumAPosteriori(), metrics=[RBFAccuracy()])
    x, y = rbf_codes("0123"), np.eye(10)[[0, 1, 2, 4]]
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert scores["rbf_accuracy"] == 0.75


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_labels_are_not_rounded_to_outputs_in_half_precision(dtype):
    distances = np.full((1, 300), 9.0)
    distances[0, 257] = 1  # bfloat16 has no 257
    hits = rbf_accuracy(np.array([257]), keras.ops.cast(distances, dtype))
    np.testing.assert_array_equal(hits, [1])


def test_under_half_precision_distances_keep_their_order():
    keras.config.set_floatx("float16")
    try:
        assert result(RBFAccuracy(), [1], [[78_000.0, 70_000.0]]) == 1
    finally:
        keras.config.set_floatx("float32")
