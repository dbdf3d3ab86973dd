import keras
import numpy as np
import pytest

from lenet_keras.experiments import minibatches
from lenet_keras.sdlm import DivergenceError

W, B = np.array([[0.3], [-0.2]]), 0.1


def model():
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", metrics=["mae"])
    network.set_weights([W, np.array([B])])
    return network


@pytest.fixture
def data(rng):
    return rng.normal(size=(10, 2)).astype("float32"), rng.normal(size=(10, 1))


def by_hand(x_of, y, orders, batch_size, rate=0.01):
    """Gradient descent on the mean squared error, written out."""
    w, b = W.copy(), B
    for epoch, order in enumerate(orders):
        x = x_of(epoch)
        for start in range(0, len(order), batch_size):
            taken = order[start : start + batch_size]
            error = x[taken] @ w + b - y[taken]
            w = w - rate * 2 * x[taken].T @ error / len(taken)
            b = b - rate * 2 * error.mean()
    return w, b


def orders(seed, passes, count=10):
    return [np.random.default_rng([seed, e]).permutation(count) for e in range(passes)]


def test_updates_are_those_by_hand_in_the_order_of_the_seed(data):
    x, y = data
    network = model()
    minibatches.fit(network, x, y, batch_size=4, epochs=3, seed=5)
    w, b = by_hand(lambda epoch: x, y, orders(5, 3), 4)
    np.testing.assert_allclose(network.get_weights()[0], w, rtol=1e-5)
    np.testing.assert_allclose(network.get_weights()[1], [b], rtol=1e-5)
    other, _ = by_hand(lambda epoch: x, y, orders(6, 3), 4)
    assert np.abs(other - w).max() > 1e-5  # the order matters


def test_patterns_may_change_from_pass_to_pass(data):
    x, y = data

    def patterns_of(epoch):
        return (epoch + 1) * x, y

    network = model()
    minibatches.fit(network, patterns_of, batch_size=3, epochs=2, seed=0)
    w, _ = by_hand(lambda epoch: patterns_of(epoch)[0], y, orders(0, 2), 3)
    np.testing.assert_allclose(network.get_weights()[0], w, rtol=1e-5)


def test_the_history_is_the_mean_over_the_patterns_of_a_pass(data):
    x, y = data
    network = model()
    logs = minibatches.fit(network, x, y, batch_size=4, epochs=1, seed=0).history
    (order,) = orders(0, 1)
    w, b, losses = W, B, []
    for start in (0, 4, 8):  # the last one has two
        taken = order[start : start + 4]
        losses += list((x[taken] @ w + b - y[taken])[:, 0] ** 2)
        w, b = by_hand(lambda epoch: x, y, [order[: start + 4]], 4)
    assert logs["loss"][0] == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_loss_that_is_not_finite_ends_the_training(data):
    x, y = data
    calls = Calls()
    with pytest.raises(DivergenceError, match="diverged in pass 1: the loss is nan"):
        minibatches.fit(model(), x * np.nan, y, 4, 2, callbacks=[calls])
    assert calls.calls == ["train", 0, "end"]


def test_weights_that_the_last_update_spoils_are_no_result(data):
    x, y = data
    huge = np.full_like(y, 1e20)  # its loss is finite, the one after the update not
    with pytest.raises(DivergenceError, match="pass 1"):
        minibatches.fit(
            model(), 1e10 * x, huge, 10, 1, validation_data=(1e10 * x, huge)
        )


@pytest.mark.parametrize("argument", ["batch_size", "epochs"])
def test_no_batches_and_no_passes_are_refused(data, argument, message):
    assert f"{argument}=0" in message(minibatches.fit, model(), *data, **{argument: 0})


def test_the_history_is_that_of_fit(data):
    x, y = data
    ours, keras_fit = model(), model()
    history = minibatches.fit(ours, x, y, 10, 2, validation_data=(x[:4], y[:4]))
    expected = keras_fit.fit(
        x, y, batch_size=10, epochs=2, validation_data=(x[:4], y[:4]), verbose=0
    )
    assert history.epoch == expected.epoch
    assert history.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)


class Calls(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"batch {batch}")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(sorted(logs))
        self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.calls.append("end")


def test_callbacks_are_called_and_can_stop(data):
    x, y = data
    calls = Calls()
    minibatches.fit(model(), x, y, 4, 5, callbacks=[calls])
    batches = ["batch 0", "batch 1", "batch 2"]
    assert calls.calls == ["train", 0, *batches, ["loss", "mae"], "end"]
    assert calls.params == {"epochs": 5, "steps": 3}
