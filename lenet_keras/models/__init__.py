"""The networks, as functional Keras models."""

from lenet_keras.models.fully_connected import fully_connected
from lenet_keras.models.lenet5 import lenet5
from lenet_keras.models.lenet5_between import lenet5_between
from lenet_keras.models.lenet5_modern import lenet5_modern

__all__ = ["fully_connected", "lenet5", "lenet5_between", "lenet5_modern"]
