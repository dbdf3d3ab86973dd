"""Runs for `test_devices.py` in a separate process, with the CPU as two devices.

python on_two_devices.py RESULTS
"""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf

from lenet_keras import sdlm
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5

CASES = {
    "loss (9), Adam": (MaximumAPosteriori, lambda: keras.optimizers.Adam(0.002)),
    "loss (8), SDLM": (RBFMeanSquaredError, lambda: sdlm.SDLM(0.002)),
}
BATCH_SIZE, PASSES = 32, 3


def curves(loss, optimizer, strategy=None):
    """Returns loss and accuracy per epoch, and the final weights."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 32, 32, 1)).astype("float32")
    y = rng.integers(0, 10, 128)
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = lenet5(kernel_initializer=keras.initializers.LecunUniform)
        model.compile(optimizer(), loss(), metrics=[RBFAccuracy(name="accuracy")])
    callbacks = []
    if isinstance(model.optimizer, sdlm.SDLM):
        callbacks.append(sdlm.CurvatureEstimation(x, y, patterns=16))
    fitted = model.fit(
        x, y, BATCH_SIZE, PASSES, shuffle=False, callbacks=callbacks, verbose=0
    )
    weights = np.concatenate([w.ravel() for w in model.get_weights()])
    return fitted.history["loss"], fitted.history["accuracy"], weights


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {"devices": strategy.num_replicas_in_sync}
    for name, case in CASES.items():
        for way, on in {"one": None, "two": strategy}.items():
            loss, accuracy, weights = curves(*case, on)
            results |= {
                f"{name} loss {way}": loss,
                f"{name} accuracy {way}": accuracy,
                f"{name} weights {way}": weights,
            }
    np.savez(sys.argv[1], **results)
