"""The faithful LeNet-5 and its modern variant, as functional Keras models."""

from lenet_keras.models.lenet5 import lenet5
from lenet_keras.models.lenet5_modern import lenet5_modern

__all__ = ["lenet5", "lenet5_modern"]
