import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import RBF, Subsampling2D
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5, lenet5_modern
from lenet_keras.sdlm import SDLM, CurvatureEstimation, Rule, fit, trainer
from lenet_keras.sdlm.rules import RULES
from lenet_study.networks import lenet1

PATTERNS = 50


@pytest.fixture
def stretch(monkeypatch):
    """Makes the stretches short: 7 patterns. 50 is not a multiple of 7."""
    monkeypatch.setattr(trainer, "UPDATES_PER_CALL", 7)
    return 7


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(PATTERNS, 6)).astype("float32")
    return x, rng.integers(0, 3, PATTERNS)


def with_curvature(model):
    """Sets a different curvature between 0.5 and 1.5 for each weight.

    Then the curvature need not be estimated.
    """
    rng = np.random.default_rng(8)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature(
        [rng.uniform(0.5, 1.5, v.shape) for v in model.trainable_variables]
    )
    return model


def small(rate=0.05, **compile_arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6,), name="input"),
            keras.layers.Dense(3, activation="softmax", name="answer"),
        ],
        name="small",
    )
    arguments = {
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    } | compile_arguments
    model.compile(SDLM(rate, mu=0.1), **arguments)
    return with_curvature(model)


def assert_same_weights(one, other, **tolerance):
    for new, expected in zip(one.get_weights(), other.get_weights(), strict=True):
        if tolerance:
            np.testing.assert_allclose(new, expected, **tolerance)
        else:
            np.testing.assert_array_equal(new, expected)


def assert_same_history(one, other, **tolerance):
    assert one.epoch == other.epoch
    assert sorted(one.history) == sorted(other.history)
    for name, values in one.history.items():
        if tolerance:
            np.testing.assert_allclose(values, other.history[name], **tolerance)
        else:
            assert values == other.history[name]


class Record(keras.callbacks.Callback):
    """Records the batch calls as (event, epoch, batch)."""

    def __init__(self):
        super().__init__()
        self.calls, self.logs = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("begin", self.epoch, batch))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("end", self.epoch, batch))
        self.logs.append(dict(logs))


class Break(keras.callbacks.Callback):
    """Interrupts training at a given epoch and batch."""

    def __init__(self, epoch, batch=0):
        super().__init__()
        self.breaking_epoch, self.breaking_batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (self.breaking_epoch, self.breaking_batch):
            raise InterruptedError


# The updates are the same as in `model.fit(batch_size=1)`.


def whole_lenet5():
    model = lenet5(kernel_initializer=keras.initializers.LecunUniform)
    model.compile(
        SDLM(0.0005, mu=0.1),
        MaximumAPosteriori(),
        metrics=[RBFAccuracy(name="accuracy")],
    )
    return model


def whole_lenet1():
    model = lenet1()
    model.compile(SDLM(0.01), SparseMeanSquaredError(), metrics=["accuracy"])
    return model


def convolution_and_softmax():
    model = keras.Sequential(
        [
            keras.Input((8, 9, 2)),
            keras.layers.Conv2D(3, 3, activation="tanh"),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.PiecewiseConstantDecay(
        [29, 129], [0.02, 0.01, 0.002]
    )
    model.compile(SDLM(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def maxima():
    model = keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            keras.layers.Conv2D(4, 2, activation="gelu"),
            keras.layers.MaxPooling2D(3, 2),
            keras.layers.Conv2D(3, 2),
            keras.layers.LeakyReLU(0.3),
            keras.layers.Dropout(0),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(SDLM(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def whole_lenet5_modern():
    model = lenet5_modern()
    model.compile(SDLM(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def distances_and_a_frozen_layer():
    codes = np.random.default_rng(0).choice([-1.0, 1.0], (5, 6))
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, activation=scaled_tanh),
            Subsampling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation=scaled_tanh, name="frozen"),
            keras.layers.Dense(6, activation=scaled_tanh),
            RBF(codes),
        ]
    )
    model.get_layer("frozen").trainable = False
    model.compile(
        SDLM(0.005), RBFMeanSquaredError(), metrics=[RBFAccuracy(name="accuracy")]
    )
    return model


def distances_at_a_temperature():
    model = distances_and_a_frozen_layer()
    loss = MaximumAPosteriori(j=30.0, temperature=9.0)
    model.compile(SDLM(0.02), loss, metrics=[RBFAccuracy(name="accuracy")])
    return model


@pytest.mark.parametrize(
    ("build", "patterns", "passes"),
    [
        (whole_lenet5, 200, 1),
        (whole_lenet1, 200, 1),
        (whole_lenet5_modern, 200, 1),
        (convolution_and_softmax, 100, 2),
        (maxima, 100, 2),
        (distances_and_a_frozen_layer, 100, 2),
        (distances_at_a_temperature, 100, 2),
    ],
)
def test_the_updates_are_those_of_fit_one_by_one(rng, build, patterns, passes):
    expected, model = build(), build()
    model.set_weights(expected.get_weights())
    start = expected.get_weights()
    x = rng.uniform(-0.1, 1.175, (patterns, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, model.output_shape[-1], patterns)
    with_curvature(expected).fit(
        x, y, batch_size=1, shuffle=False, epochs=passes, verbose=0
    )
    history = fit(with_curvature(model), x, y, passes, shuffle=False, verbose=0)
    assert_same_weights(model, expected, rtol=1e-5, atol=3e-7)
    assert_same_history(history, expected.history, rtol=1e-5)
    assert int(model.optimizer.iterations) == 200
    trained = {id(weight) for weight in model.trainable_weights}
    for weight, old in zip(model.weights, start, strict=True):
        if id(weight) in trained:
            assert np.abs(weight.numpy() - old).max() > 1e-3
        else:
            np.testing.assert_array_equal(weight, old)


def with_dropout(rate):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="tanh", name="hidden"),
            keras.layers.Dropout(rate),
            keras.layers.Dense(1, name="answer"),
        ]
    )
    model.compile(SDLM(0.05, mu=0.1), "mse")
    return with_curvature(model)


def test_dropout_drops_other_units_for_each_pattern(data, stretch):
    x = data[0]
    y = x[:, :1]
    model = with_dropout(0.4)
    kernel, bias, last, last_bias = (np.float64(w) for w in model.get_weights())
    scales = [1 / (0.1 + np.float64(h)) for h in model.optimizer.curvature]
    masks = []
    for epoch in range(2):
        rng = np.random.default_rng([3, epoch, 1])
        for _ in range(0, PATTERNS, 7):
            masks.extend(rng.random((7, 8), "float32") >= 0.4)
        masks = masks[: PATTERNS * (epoch + 1)]
    assert 0.5 < np.mean(masks) < 0.7
    for i in range(2 * PATTERNS):
        pattern, mask = np.float64(x[i % PATTERNS]), masks[i] / 0.6
        hidden = np.tanh(pattern @ kernel + bias)
        error = 2 * (hidden * mask @ last + last_bias - y[i % PATTERNS])
        back = (last @ error) * mask * (1 - hidden**2)
        gradients = np.outer(pattern, back), back, np.outer(hidden * mask, error), error
        kernel, bias, last, last_bias = (
            w - 0.05 * scale * g
            for w, scale, g in zip(
                (kernel, bias, last, last_bias), scales, gradients, strict=True
            )
        )
    fit(model, x, y, epochs=2, shuffle=False, seed=3, verbose=0)
    for result, expected in zip(
        model.get_weights(), (kernel, bias, last, last_bias), strict=True
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5)


def test_dropout_of_an_interrupted_training_is_the_same(data):
    x = data[0]
    whole, again = with_dropout(0.4), with_dropout(0.4)
    again.set_weights(whole.get_weights())
    fit(whole, x, x[:, :1], epochs=3, verbose=0)
    fit(again, x, x[:, :1], epochs=1, verbose=0)
    fit(again, x, x[:, :1], epochs=3, initial_epoch=1, verbose=0)
    assert_same_weights(again, whole)


def test_the_curvature_is_estimated_where_fit_would(data):
    x, y = data
    expected, model = small(), small()
    for each, train in (
        (expected, lambda **kwargs: expected.fit(x, y, batch_size=1, **kwargs)),
        (model, lambda **kwargs: fit(model, x, y, **kwargs)),
    ):
        train(
            epochs=2,
            shuffle=False,
            callbacks=[CurvatureEstimation(x, y, patterns=20, seed=4)],
            verbose=0,
        )
        assert len(each.optimizer.scales()) == 2
    assert_same_weights(model, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("patterns", "distance"), [(50, 10), (75, 10), (100, 10), (200, 20)]
)
def test_ten_estimates_or_one_a_stretch(rng, monkeypatch, patterns, distance):
    monkeypatch.setattr(trainer, "UPDATES_PER_CALL", 10)
    x, y = rng.normal(size=(patterns, 4)), rng.integers(0, 2, patterns)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(SDLM(1e-3), keras.losses.SparseCategoricalCrossentropy(True))
    estimation = CurvatureEstimation(x, y, 20, estimates_in_first_epoch=10)
    made = []
    monkeypatch.setattr(
        SDLM, "set_curvature", lambda self, h: made.append(int(self.iterations))
    )
    monkeypatch.setattr(SDLM, "scales", lambda self: [0 * v for v in self.curvature])
    fit(model, x, y, epochs=2, callbacks=[estimation], verbose=0)
    assert made == [*range(0, patterns, distance), patterns]


def test_a_scheduler_of_the_rate_works_as_in_fit(data):
    x, y = data
    expected, model = small(rate=1.0), small(rate=1.0)
    rates = [0.05, 0.01]
    arguments = {"epochs": 2, "shuffle": False, "verbose": 0}
    expected.fit(
        x,
        y,
        batch_size=1,
        callbacks=[keras.callbacks.LearningRateScheduler(rates.__getitem__)],
        **arguments,
    )
    history = fit(
        model,
        x,
        y,
        callbacks=[keras.callbacks.LearningRateScheduler(rates.__getitem__)],
        **arguments,
    )
    np.testing.assert_allclose(history.history["learning_rate"], rates)
    assert_same_weights(model, expected, rtol=1e-5, atol=1e-6)


def test_labels_may_have_an_axis_of_their_own(rng):
    x = rng.uniform(size=(10, 8, 8, 1)).astype("float32")
    y = rng.integers(0, 5, 10)
    weights = []
    for labels in (y, y[:, None]):
        keras.utils.set_random_seed(1)
        model = with_curvature(distances_and_a_frozen_layer())
        fit(model, x, labels, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


# The order of the patterns.


class Labels(keras.metrics.Metric):
    """Records the labels in the order of the updates."""

    def __init__(self):
        super().__init__(name="labels")
        self.seen = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen += np.ravel(y_true).tolist()

    def result(self):
        return 0.0


def order_of(passes=3, **arguments):
    """Returns the order of the 50 patterns in each epoch of `fit`."""
    numbers = np.arange(PATTERNS, dtype="float32")[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    labels = Labels()
    model.compile(SDLM(1e-9), "mse", metrics=[labels])
    fit(with_curvature(model), numbers, numbers, passes, verbose=0, **arguments)
    return np.reshape(labels.seen, (passes, PATTERNS)).astype(int)


def test_one_random_order_in_all_passes():
    once = order_of()
    for order in once:
        assert sorted(order) == list(range(PATTERNS))
        np.testing.assert_array_equal(order, once[0])
    assert (once[0] != np.arange(PATTERNS)).any()
    assert (order_of(passes=1, seed=1) != once[0]).any()


def test_another_order_in_every_epoch():
    every = order_of(shuffle="every_epoch", seed=6)
    for order in every:
        assert sorted(order) == list(range(PATTERNS))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (every[one] != every[other]).any()
    other_seed = order_of(passes=1, shuffle="every_epoch", seed=7)
    assert (other_seed[0] != every[0]).any()


def test_the_given_order_unless_shuffled():
    order = order_of(passes=1, shuffle=False)
    np.testing.assert_array_equal(order[0], np.arange(PATTERNS))


def test_patterns_keep_their_labels_when_shuffled(data):
    x, y = data
    order = order_of(passes=1, seed=2)[0]
    model, expected = small(), small()
    fit(model, x, y, seed=2, verbose=0)
    fit(expected, x[order], y[order], shuffle=False, verbose=0)
    assert_same_weights(model, expected)


def test_a_function_gives_each_pass_its_patterns(data):
    x, y = data
    asked = []

    def patterns_of(epoch):
        asked.append(epoch)
        return x[epoch::2], y[epoch::2]

    model, expected = small(), small()
    fit(model, patterns_of, epochs=2, shuffle=False, verbose=0)
    for epoch in range(2):
        fit(expected, x[epoch::2], y[epoch::2], shuffle=False, verbose=0)
    assert_same_weights(model, expected)
    assert sorted(set(asked)) == [0, 1]


# Stretches, callbacks, history.


def test_stretches_make_no_difference(data, monkeypatch):
    x, y = data
    whole, parts, record = small(), small(), Record()
    expected = fit(whole, x, y, epochs=2, verbose=0)
    monkeypatch.setattr(trainer, "UPDATES_PER_CALL", 7)
    history = fit(parts, x, y, epochs=2, callbacks=[record], verbose=0)
    assert_same_weights(parts, whole, rtol=1e-6, atol=1e-7)
    assert_same_history(history, expected, rtol=1e-5)
    assert int(parts.optimizer.iterations) == 2 * PATTERNS
    # The last stretch is shorter and ends with the last pattern.
    begins = [0, 7, 14, 21, 28, 35, 42, 49]
    ends = [6, 13, 20, 27, 34, 41, 48, 49]
    for epoch in range(2):
        calls = [call for call in record.calls if call[1] == epoch]
        assert [call[2] for call in calls if call[0] == "begin"] == begins
        assert [call[2] for call in calls if call[0] == "end"] == ends
    assert record.params["steps"] == PATTERNS
    assert record.params["epochs"] == 2


def test_a_pass_of_more_than_one_stretch_is_taken_whole(rng):
    assert trainer.UPDATES_PER_CALL == 2000
    x = rng.normal(size=(2003, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(SDLM(0.01, mu=1.0), "mse")
    kernel, bias = (float(weight.squeeze()) for weight in model.get_weights())
    record = Record()
    fit(
        with_curvature(model),
        x,
        3 * x + 1,
        shuffle=False,
        callbacks=[record],
        verbose=0,
    )
    curvature = [float(np.squeeze(h)) for h in model.optimizer.curvature]
    for value in x[:, 0].astype("float64"):
        difference = 2 * (kernel * value + bias - (3 * value + 1))
        kernel -= 0.01 / (1 + curvature[0]) * difference * value
        bias -= 0.01 / (1 + curvature[1]) * difference
    np.testing.assert_allclose(model.get_weights()[0], [[kernel]], rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[1], [bias], rtol=1e-4)
    assert [call[::2] for call in record.calls] == [
        ("begin", 0),
        ("end", 1999),
        ("begin", 2000),
        ("end", 2002),
    ]


def test_callbacks_are_called_as_with_steps_per_execution(data, stretch):
    x, y = (part[: 3 * stretch] for part in data)
    records = Record(), Record()
    small(steps_per_execution=stretch).fit(
        x, y, batch_size=1, epochs=2, shuffle=False, callbacks=[records[0]], verbose=0
    )
    fit(small(), x, y, 2, shuffle=False, callbacks=[records[1]], verbose=0)
    assert records[1].calls == records[0].calls
    for logs, expected in zip(records[1].logs, records[0].logs, strict=True):
        assert logs == pytest.approx(expected, rel=1e-5)


def test_validation_is_of_the_weights_after_each_pass(data):
    x, y = data
    values = []

    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            values.append(self.model.evaluate(x[:20], y[:20], verbose=0))

    model = small()
    history = fit(
        model,
        x,
        y,
        epochs=2,
        validation_data=(x[:20], y[:20]),
        callbacks=[Evaluate()],
        verbose=0,
    )
    assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    for epoch, (loss, accuracy) in enumerate(values):
        assert history.history["val_loss"][epoch] == pytest.approx(loss, rel=1e-5)
        assert history.history["val_accuracy"][epoch] == pytest.approx(accuracy)
    assert history.history["val_loss"][0] != history.history["val_loss"][1]
    assert history is model.history
    assert history.epoch == [0, 1]


def test_training_stops_after_the_pass_in_which_it_is_asked_to(data, stretch):
    class Stop(keras.callbacks.Callback):
        ended = False

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.epoch == 1

        def on_train_end(self, logs=None):
            self.ended = True

    model, stop = small(), Stop()
    history = fit(model, *data, epochs=5, callbacks=[stop], verbose=0)
    assert history.epoch == [0, 1]
    assert int(model.optimizer.iterations) == 2 * PATTERNS
    assert stop.ended
    assert fit(model, *data, epochs=1, verbose=0).epoch == [0]


def test_the_progress_bar_is_that_of_keras(data, capsys):
    fit(small(), *data, epochs=2)
    out = capsys.readouterr().out
    assert "Epoch 2/2" in out
    assert "50/50" in out


# Resumed training.


class Interrupt(keras.callbacks.Callback):
    """Ends a training in the third pass, as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_training_continues_from_keras_backup(data, tmp_path):
    whole = small()
    fit(whole, *data, epochs=4, verbose=0)
    model = small()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        fit(model, *data, epochs=4, callbacks=[backup, Interrupt()], verbose=0)
    model = small()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = fit(model, *data, epochs=4, callbacks=[backup], verbose=0)
    assert history.epoch == [2, 3]
    assert_same_weights(model, whole)


def test_a_callback_may_stop_before_the_second_pass(data):
    class Stop(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.stop_training = True

    assert fit(small(), *data, epochs=3, callbacks=[Stop()], verbose=0).epoch == [0]


def test_loss_weights_are_refused(data, message):
    text = message(fit, small(loss_weights=[5.0]), *data)
    assert "without loss_weights. Received: loss_weights=[5.0]" in text


def test_a_schedule_without_a_config_trains(data):
    class Constant(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return keras.ops.convert_to_tensor(0.05)

    model, expected = small(Constant()), small(0.05)
    for each in (model, expected):
        fit(each, *data, verbose=0)
    assert_same_weights(model, expected)


def test_validation_data_may_have_weights(data):
    x, y = data
    weights = (np.arange(PATTERNS) < 20).astype("float32")
    history = fit(small(), x, y, validation_data=(x, y, weights), verbose=0).history
    expected = small()
    fit(expected, x, y, verbose=0)
    loss, _ = expected.evaluate(x, y, sample_weight=weights, verbose=0)
    assert history["val_loss"] == pytest.approx([loss])


def test_an_epoch_may_have_another_number_of_patterns(data):
    x, y = data
    model = small()
    fit(model, lambda epoch: (x[10 * epoch :], y[10 * epoch :]), epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 2 * PATTERNS - 10


def test_a_replaced_schedule_holds(data):
    constant = keras.optimizers.schedules.PiecewiseConstantDecay
    model, expected = (
        small(constant([10], [1e-3, 1e-4])),
        small(constant([9], [0.1, 0.05])),
    )
    model.optimizer.next_rates(3)
    model.optimizer.learning_rate = constant([9], [0.1, 0.05])
    for each in (model, expected):
        fit(each, *data, epochs=1, verbose=0)
    assert_same_weights(model, expected)


@pytest.mark.parametrize("how", ["loaded", "from_config", "added", "reused"])
def test_a_sequence_that_keras_has_built_again_is_a_sequence(how, data, tmp_path):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dense(3)]
    )
    if how == "loaded":
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
    elif how == "from_config":
        again = keras.Sequential.from_config(model.get_config())
        again.set_weights(model.get_weights())
    elif how == "added":
        again = keras.Sequential()
        again.add(keras.Input((6,)))
        for layer in model.layers:
            again.add(layer)
    else:
        again = keras.Sequential([keras.Input((6,)), *model.layers])
    x, y = data
    trained = []
    for each in (keras.models.clone_model(model), again):
        each.set_weights(model.get_weights())
        each.compile(SDLM(0.01), loss="mse")
        fit(with_curvature(each), x, np.eye(3, dtype="float32")[y], verbose=0)
        trained.append(each)
    assert_same_weights(*trained)
    assert (trained[0].get_weights()[0] != 0).any()


def state(model):
    store = {}
    model.optimizer.save_own_variables(store)
    return store


@pytest.mark.parametrize("shuffle", ["once", "every_epoch"])
def test_a_training_goes_on_at_the_epoch_that_is_given(data, stretch, shuffle):
    def train(model, epochs, **arguments):
        estimation = CurvatureEstimation(*data, 10, estimates_in_first_epoch=2, seed=7)
        arguments |= {"shuffle": shuffle, "seed": 7, "verbose": 0}
        return fit(model, *data, epochs, callbacks=[estimation], **arguments)

    rate = keras.optimizers.schedules.InverseTimeDecay(0.02, 20, 0.5)
    expected, first, second = (small(rate) for _ in range(3))
    whole = train(expected, 4)
    train(first, 2)
    second.optimizer.build(second.trainable_variables)
    second.set_weights(first.get_weights())
    second.optimizer.load_own_variables(state(first))
    history = train(second, 4, initial_epoch=2)
    assert history.epoch == [2, 3]
    assert history.history["loss"] == whole.history["loss"][2:]
    assert_same_weights(second, expected)
    for name, value in state(expected).items():
        np.testing.assert_array_equal(state(second)[name], value)


# Errors.


def test_another_optimizer_is_refused(data, message):
    model = small()
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert "SGD" in message(fit, model, *data)


def test_a_model_that_is_not_compiled_is_refused(data, message):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    message(fit, model, *data)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"shuffle": True}, "shuffle=True"),
        ({"shuffle": "always"}, "shuffle='always'"),
    ],
)
def test_bad_arguments_are_refused(data, message, arguments, received):
    assert received in message(fit, small(), *data, **arguments)


@pytest.mark.parametrize(("patterns", "labels"), [(0, 0), (50, 49), (49, 50), (3, 0)])
def test_each_pattern_needs_a_label(data, message, patterns, labels):
    x, y = data
    received = f"shapes=(({patterns}, 6), ({labels},))"
    assert received in message(fit, small(), x[:patterns], y[:labels])
    assert received in message(fit, small(), lambda epoch: (x[:patterns], y[:labels]))


def test_images_of_another_size_are_refused(message):
    x, y = np.zeros((4, 28, 28, 1)), np.arange(4)
    text = message(fit, with_curvature(whole_lenet5()), x, y)
    assert "Expected patterns of shape (32, 32, 1)" in text
    assert "Received: shapes=((4, 28, 28, 1), (4,))" in text


def test_one_hot_labels_are_refused(data, message):
    x, y = data
    text = message(fit, small(), x, np.eye(3)[y])
    assert "integers from 0 to 2, not one-hot" in text
    assert "(50, 3)" in text


def test_lists_are_patterns_too(data):
    x, y = data
    expected, model = small(), small()
    fit(expected, x, y, verbose=0)
    fit(model, x.tolist(), y.tolist(), verbose=0)
    assert_same_weights(model, expected)


def test_half_precision_is_refused(data, message):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, name="odd")])
        model.compile(SDLM(0.1), "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    assert not isinstance(model.optimizer, SDLM)  # Keras scales the loss
    text = message(fit, model, data[0], np.zeros((PATTERNS, 3)))
    assert "Received: layer='odd', compute_dtype='float16'" in text
    estimation = CurvatureEstimation(*data, patterns=5)
    text = message(model.fit, *data, callbacks=[estimation], verbose=0)
    assert "Received: layer='odd', compute_dtype='float16'" in text


def test_missing_labels_are_a_users_error(data, message):
    message(fit, small(), data[0], verbose=0)


def test_a_model_with_nothing_to_train_is_a_users_error(data, message):
    model = small()
    model.trainable = False
    model.compile(SDLM(0.1), "sparse_categorical_crossentropy")
    message(fit, model, *data, verbose=0)


def regression(rate):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(SDLM(rate, mu=0.1), "mse")
    return with_curvature(model)


def test_divergence_is_an_error_that_says_so(rng, stretch):
    x = rng.normal(size=(20, 2)).astype("float32")
    with pytest.raises(RuntimeError, match=r"diverged in epoch 1, .*smaller learning"):
        fit(regression(1e30), x, x[:, :1], verbose=0)


def test_divergence_says_where(rng, stretch):
    x = rng.normal(size=(20, 2)).astype("float32")
    spoilt = x.copy()
    spoilt[16] = np.inf

    def patterns_of(epoch):
        return (x if epoch == 0 else spoilt), x[:, :1]

    match = "in epoch 2, within 6 patterns after the first 14"
    with pytest.raises(RuntimeError, match=match):
        fit(regression(0.01), patterns_of, epochs=2, shuffle=False, verbose=0)


def test_divergence_in_the_very_last_update_is_noticed(rng):
    x = rng.normal(size=(20, 2)).astype("float32")
    x[-1] = 1e25  # the gradient is about its square, which overflows float32
    with pytest.raises(RuntimeError, match="diverged in epoch 1"):
        fit(regression(0.01), x, x[:, :1] * 0, shuffle=False, verbose=0)


def test_a_divergence_leaves_frozen_weights_as_they_are(rng):
    x = rng.normal(size=(20, 2)).astype("float32")
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)]
    )
    model.layers[0].trainable = False
    model.compile(SDLM(1e30), "mse")
    frozen = model.layers[0].get_weights()
    with pytest.raises(RuntimeError, match="diverged"):
        fit(with_curvature(model), x, x[:, :1], verbose=0)
    for before, after in zip(frozen, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_outputs_that_are_nearly_equal_are_no_error(rng):
    """A regression that converges: targets around 300 that differ by 0.05."""
    x = rng.normal(size=(200, 6)).astype("float32")
    y = 300 + 0.05 * x[:, :1]
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.layers[0].bias.assign([290.0])
    model.compile(SDLM(0.01), "mse")
    estimation = CurvatureEstimation(x, y, 100)
    history = fit(model, x, y, epochs=3, callbacks=[estimation], verbose=0).history
    assert history["loss"][2] < 0.1 < history["loss"][0]


class CountedRule(Rule):
    """The rule of a layer that counts how often it is traced."""

    def forward(self, x, weights):
        self.layer.traces.append(x)
        return x


@pytest.fixture
def counted(monkeypatch):
    class Counted(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    monkeypatch.setitem(RULES, Counted, CountedRule)
    layer = Counted()
    layer.traces = []
    return layer


def test_a_second_call_compiles_nothing(data, counted):
    x, y = data
    body = [keras.layers.Dense(4, "tanh", name="hidden"), counted]
    model = keras.Sequential([keras.Input((6,)), *body, keras.layers.Dense(3)])
    plain = keras.Sequential([keras.Input((6,)), body[0], keras.layers.Dense(3)])

    def train(loss, labels, freeze=False):
        """Trains the model and another one of its weights; returns the traces."""
        before = len(counted.traces)
        twin = keras.models.clone_model(plain)
        for each in (model, twin):
            each.get_layer("hidden").trainable = not freeze
            each.compile(SDLM(0.01), loss)
        twin.set_weights(model.get_weights())
        for each in (model, twin):
            estimation = CurvatureEstimation(x, labels, 20)
            fit(each, x, labels, callbacks=[estimation], verbose=0)
        assert_same_weights(model, twin)
        return len(counted.traces) - before

    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    one_hot = np.eye(3, dtype="float32")[y]
    assert train(logits, y) > 0
    assert train(logits, y) == 0
    assert train(logits, y, freeze=True) == 0
    assert train(keras.losses.SparseCategoricalCrossentropy(from_logits=True), y) == 0
    assert train("mse", one_hot) > 0
    assert train("mse", one_hot) == 0
    model.get_layer("hidden").activation = keras.activations.relu
    plain.get_layer("hidden").activation = keras.activations.relu
    assert train("mse", one_hot) > 0


def test_programs_go_with_their_model(data):
    model = small()
    fit(model, *data, verbose=0)
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


def test_datasets_and_generators_are_refused(data, message):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(5)
    generator = (pair for pair in [data])
    for given, name in ((dataset, "Dataset"), (generator, "generator")):
        text = message(fit, small(), given)
        assert "Expected arrays x and y" in text
        assert name in text


def test_callbacks_hear_of_the_validation(data):
    class Heard(keras.callbacks.Callback):
        calls = ()

        def on_test_begin(self, logs=None):
            self.calls += ("begin",)

        def on_test_batch_end(self, batch, logs=None):
            self.calls += ("batch",)

        def on_test_end(self, logs=None):
            self.calls += ("end",)

    heard = Heard()
    fit(small(), *data, validation_data=data, callbacks=[heard], verbose=0)
    assert heard.calls == ("begin", "batch", "end")


def test_kerass_numpy_backend_is_named(run_python):
    code = """
import numpy as np, keras
from lenet_keras import sdlm
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
try:
    sdlm.diagonal_curvature(model, np.ones((1, 2)), np.ones((1, 1)), "mse")
except ValueError as error:
    print(error)
"""
    text = run_python("-c", code, backend="numpy")
    assert text.strip().endswith("Received: backend='numpy'")


def test_one_pattern_is_enough(data, capsys):
    x, y = data
    history = fit(small(), x[:1], y[:1], epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
    assert history.history["loss"][1] < history.history["loss"][0]
