import json
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from lenet_keras.sdlm import SDLM, CurvatureEstimation, fit, paper_schedule

MU = 0.02


def small_model(optimizer=None, compiled=True):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, activation="tanh", name="hidden"),
            keras.layers.Dense(2, name="answer"),
        ],
        name="small",
    )
    if compiled:
        model.compile(optimizer or SDLM(0.05, mu=MU), "mse")
    return model


@pytest.fixture
def patterns(rng):
    x = rng.normal(size=(12, 4)).astype("float32")
    return x, rng.normal(size=(12, 2)).astype("float32")


def random_curvature(model, rng):
    return [rng.uniform(0, 3, v.shape) for v in model.trainable_variables]


def variables_of_shapes(rng, *shapes):
    return [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in shapes]


# Single updates, computed by hand.


def by_hand(weights, curvatures, gradients, rates, mu):
    weights = [np.array(weight, "float64") for weight in weights]
    for rate, step in zip(rates, gradients, strict=True):
        for weight, h, gradient in zip(weights, curvatures, step, strict=True):
            for index in np.ndindex(weight.shape):
                weight[index] -= rate / (mu + h[index]) * gradient[index]
    return weights


SHAPES = (3, 2), (4,), (2, 1, 2, 3)


@pytest.mark.parametrize("mu", [0.02, 1.5])
def test_each_weight_moves_at_the_global_rate_over_mu_plus_its_curvature(rng, mu):
    variables = variables_of_shapes(rng, *SHAPES)
    start = [variable.numpy() for variable in variables]
    curvature = [rng.uniform(0, 4, shape) for shape in SHAPES]
    curvature[1][2] = 0.0  # no curvature: the rate is learning_rate / mu
    steps = [[rng.normal(size=shape) for shape in SHAPES] for _ in range(4)]
    optimizer = SDLM(0.003, mu=mu)
    optimizer.build(variables)
    optimizer.set_curvature(curvature)
    for gradients in steps:
        optimizer.apply([ops.convert_to_tensor(g, "float32") for g in gradients])
    expected = by_hand(start, curvature, steps, [0.003] * 4, mu)
    for variable, weight in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, weight, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 4


def test_the_rate_follows_a_schedule_update_by_update(rng):
    rates = [0.1, 0.1, 0.02, 0.02, 0.005]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [1, 3], [0.1, 0.02, 0.005]
    )
    variables = variables_of_shapes(rng, *SHAPES)
    start = [variable.numpy() for variable in variables]
    curvature = [rng.uniform(0, 4, shape) for shape in SHAPES]
    steps = [[rng.normal(size=shape) for shape in SHAPES] for _ in rates]
    optimizer = SDLM(schedule)
    optimizer.build(variables)
    optimizer.set_curvature(curvature)
    for gradients in steps:
        optimizer.apply([ops.convert_to_tensor(g, "float32") for g in gradients])
    expected = by_hand(start, curvature, steps, rates, 0.02)  # the paper's mu
    for variable, weight in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, weight, rtol=1e-5, atol=1e-6)


def test_a_later_curvature_takes_the_place_of_the_first(rng):
    (variable,) = variables_of_shapes(rng, (2,))
    start = variable.numpy()
    optimizer = SDLM(0.1, mu=1.0)
    optimizer.build([variable])
    for h in (0.0, 3.0):
        optimizer.set_curvature([[h, h]])
        optimizer.apply([ops.array([1.0, 2.0])])
    np.testing.assert_allclose(variable, start - [0.125, 0.25], rtol=1e-6)


def test_a_later_curvature_holds_in_a_compiled_fit_too(patterns):
    x, y = patterns
    model = small_model(SDLM(0.01, mu=1.0))
    model.optimizer.build(model.trainable_variables)
    moved = []
    for h in (0.0, 9.0):
        model.optimizer.set_curvature(
            [np.full(v.shape, h) for v in model.trainable_variables]
        )
        before = model.get_weights()
        model.fit(x, y, batch_size=12, verbose=0)
        pairs = zip(model.get_weights(), before, strict=True)
        moved.append(sum(np.abs(new - old).sum() for new, old in pairs))
        model.set_weights(before)
    assert moved[1] == pytest.approx(moved[0] / 10, rel=1e-3)


def test_the_scales_are_parallel_to_the_weights(rng):
    variables = variables_of_shapes(rng, *SHAPES)
    curvature = [rng.uniform(0, 4, shape) for shape in SHAPES]
    optimizer = SDLM(0.1, mu=0.5)
    optimizer.build(variables)
    optimizer.set_curvature(curvature)
    for scale, h in zip(optimizer.scales(), curvature, strict=True):
        np.testing.assert_allclose(scale, 1 / (0.5 + h), rtol=1e-6)


@pytest.mark.parametrize("done", [0, 2, 700])
def test_the_next_rates_are_those_that_single_updates_would_take(rng, done):
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 3, 0.5)
    optimizer = SDLM(schedule)
    optimizer.build(variables_of_shapes(rng, (2,)))
    optimizer.iterations.assign(done)
    expected = [0.1 / (1 + 0.5 * step / 3) for step in range(done, done + 5)]
    np.testing.assert_allclose(optimizer.next_rates(5), expected, rtol=1e-5)


def test_the_next_rates_are_all_the_global_one_without_a_schedule():
    optimizer = SDLM(0.25)
    optimizer.learning_rate = 0.125
    np.testing.assert_array_equal(optimizer.next_rates(3), [0.125] * 3)


# Errors.


@pytest.mark.parametrize("mu", [0, -0.02, float("nan")])
def test_mu_must_be_positive(message, mu):
    assert f"mu={mu}" in message(SDLM, 0.1, mu=mu)


@pytest.mark.parametrize(
    ("curvature", "received"),
    [
        ([[1.0, -1e-3]], "-0.001"),
        ([[1.0, float("nan")]], "nan"),
        ([[float("inf"), 1.0]], "inf"),
        ([[1.0, 1.0, 1.0]], "shapes=[(3,)]"),
        ([[[1.0, 1.0]]], "shapes=[(1, 2)]"),
        ([[1.0, 1.0], [1.0, 1.0]], "[(2,), (2,)]"),
        ([], "shapes=[]"),
    ],
)
def test_curvature_must_fit_the_weights(message, curvature, received):
    optimizer = SDLM(0.1)
    optimizer.build([keras.Variable([1.0, 1.0])])
    assert received in message(optimizer.set_curvature, curvature)
    assert message(optimizer.scales)


def test_curvature_can_be_lists_or_tensors():
    optimizer = SDLM(0.1)
    optimizer.build([keras.Variable([1.0, 1.0]), keras.Variable(1.0)])
    optimizer.set_curvature([[1, 2], ops.array(3.0)])
    np.testing.assert_array_equal(optimizer.curvature[0], [1.0, 2.0])
    np.testing.assert_array_equal(optimizer.curvature[1], 3.0)


def test_refused_curvature_leaves_the_old_one(message):
    optimizer = SDLM(0.1)
    optimizer.build([keras.Variable([1.0, 1.0]), keras.Variable([1.0])])
    optimizer.set_curvature([[1.0, 2.0], [3.0]])
    message(optimizer.set_curvature, [[5.0, 5.0], [-1.0]])
    np.testing.assert_array_equal(optimizer.curvature[0], [1.0, 2.0])
    np.testing.assert_array_equal(optimizer.curvature[1], [3.0])


def test_curvature_needs_a_built_optimizer(message):
    assert "built=False" in message(SDLM(0.1).set_curvature, [[1.0]])


def test_no_update_before_the_curvature_is_set(message, patterns):
    x, y = patterns
    variable = keras.Variable([1.0, 1.0])
    optimizer = SDLM(0.1)
    optimizer.build([variable])
    gradient = ops.array([1.0, 1.0])
    assert "CurvatureEstimation" in message(optimizer.apply, [gradient])
    np.testing.assert_array_equal(variable, [1.0, 1.0])

    for train in (
        lambda model: model.fit(x, y, batch_size=1, verbose=0),
        lambda model: fit(model, x, y, verbose=0),
    ):
        model = small_model()
        before = model.get_weights()
        assert "CurvatureEstimation" in message(train, model)
        for new, old in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(new, old)


def test_the_estimating_callback_refuses_another_optimizer(message, patterns):
    x, y = patterns
    model = small_model("sgd")
    estimation = CurvatureEstimation(x, y, patterns=5)
    assert "SGD" in message(model.fit, x, y, callbacks=[estimation], verbose=0)


# Configuration and files.


@pytest.mark.parametrize(
    "learning_rate",
    [0.25, paper_schedule(10, scale=0.5)],
    ids=["number", "schedule"],
)
def test_configuration_round_trip(learning_rate):
    optimizer = SDLM(learning_rate, mu=0.5, name="rates")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    assert config["registered_name"] == "lenet_keras>SDLM"
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is SDLM
    assert (again.mu, again.name) == (0.5, "rates")
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_allclose(again.next_rates(25), optimizer.next_rates(25))
    assert SDLM.from_config(optimizer.get_config()).mu == 0.5
    config = keras.optimizers.serialize(optimizer)
    assert keras.optimizers.serialize(keras.optimizers.deserialize(config)) == (
        keras.optimizers.serialize(optimizer)
    )


@pytest.mark.parametrize(
    "learning_rate",
    [
        0.05,
        keras.optimizers.schedules.PiecewiseConstantDecay([12, 14], [0.1, 0.05, 1.0]),
    ],
    ids=["number", "schedule"],
)
def test_a_saved_model_goes_on_with_the_same_state(
    patterns, rng, tmp_path, learning_rate
):
    x, y = patterns
    model = small_model(SDLM(learning_rate, mu=MU))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature(random_curvature(model, rng))
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert len(again.optimizer.scales()) == len(again.trainable_variables)
    assert int(again.optimizer.iterations) == 12
    for one, other in zip(
        again.optimizer.curvature, model.optimizer.curvature, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    start = model.get_weights()
    for each in (model, again):
        each.fit(x[:4], y[:4], batch_size=1, shuffle=False, verbose=0)
    for one, other, old in zip(
        again.get_weights(), model.get_weights(), start, strict=True
    ):
        np.testing.assert_array_equal(one, other)
        assert (one != old).any()


def test_an_optimizer_saved_without_curvature_refuses_after_loading(
    patterns, message, tmp_path
):
    x, y = patterns
    model = small_model()
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.built
    assert message(again.optimizer.scales)
    assert "CurvatureEstimation" in message(again.fit, x, y, verbose=0)


def test_curvature_of_nothing_but_zeros_counts_as_set_after_loading(tmp_path):
    model = small_model()
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature(
        [np.zeros(v.shape) for v in model.trainable_variables]
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for scale in again.optimizer.scales():
        np.testing.assert_allclose(scale, 1 / MU)


def test_training_in_mixed_precision_moves_finite_weights(rng):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small_model()
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        assert isinstance(inner, SDLM)
        inner.build(model.trainable_variables)
        inner.set_curvature(random_curvature(model, rng))
        x = rng.normal(size=(40, 4)).astype("float32")
        y = rng.normal(size=(40, 2)).astype("float32")
        before = model.get_weights()
        model.fit(x, y, batch_size=4, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    for new, old in zip(model.get_weights(), before, strict=True):
        assert np.isfinite(new).all()
        assert (new != old).any()
    assert {v.dtype for v in inner.curvature} == {"float32"}


# The paper's schedule.

PAPER_PASSES = [5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 13


@pytest.mark.parametrize("updates", [1, 7, 60_000])
@pytest.mark.parametrize("scale", [1, 0.25, 10])
def test_the_papers_rate_in_every_epoch(updates, scale):
    schedule = paper_schedule(updates, scale)
    for number, rate in enumerate(PAPER_PASSES):
        for step in (number * updates, (number + 1) * updates - 1):
            assert float(schedule(step)) == pytest.approx(rate * scale, rel=1e-6)


def test_the_papers_schedule_is_not_scaled_unless_asked():
    assert paper_schedule(5).get_config() == paper_schedule(5, 1.0).get_config()


def test_the_papers_rates_ahead_are_those_of_the_schedule():
    optimizer = SDLM(paper_schedule(3))
    expected = np.repeat(PAPER_PASSES, 3)
    np.testing.assert_allclose(optimizer.next_rates(len(expected)), expected, rtol=1e-6)
    optimizer.iterations.assign(5)
    np.testing.assert_allclose(optimizer.next_rates(4), expected[5:9], rtol=1e-6)


@pytest.mark.parametrize(
    "arguments", [(0,), (-1,), (10, 0), (10, -2), (10, float("nan"))]
)
def test_the_papers_schedule_needs_positive_arguments(message, arguments):
    assert "updates_per_epoch=" in message(paper_schedule, *arguments)


@pytest.mark.parametrize("how", ["fit", "sdlm.fit", "apply"])
def test_assigned_variables_keep_the_curvature_known(how, patterns, rng):
    x, y = patterns
    first, second = small_model(SDLM(0.01)), small_model(SDLM(0.01))
    second.set_weights(first.get_weights())
    for model in (first, second):
        model.optimizer.build(model.trainable_variables)
    first.optimizer.set_curvature(random_curvature(first, rng))
    pairs = zip(second.optimizer.variables, first.optimizer.variables, strict=True)
    for variable, value in pairs:
        variable.assign(ops.convert_to_numpy(value))
    gradients = [ops.ones(v.shape) for v in first.trainable_variables]
    for model in (first, second):
        if how == "apply":
            model.optimizer.apply(gradients)
        else:
            train = model.fit if how == "fit" else partial(fit, model)
            train(x, y, shuffle=False, verbose=0)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_eager_update_looks_at_its_own_curvature_alone(monkeypatch):
    """Else the work of an update grows with the square of the number of weights."""
    variables = [keras.Variable([1.0]) for _ in range(20)]
    optimizer = SDLM(0.1)
    optimizer.build(variables)
    optimizer.set_curvature([[1.0]] * 20)
    read = []
    scale = SDLM._scale
    monkeypatch.setattr(
        SDLM, "_scale", lambda self, h: read.append(h) or scale(self, h)
    )
    optimizer.apply([ops.array([1.0])] * 20)
    assert len(read) == 20
