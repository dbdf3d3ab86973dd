"""All networks, as functional Keras models."""

from lenet_keras.models.alexnet import alexnet
from lenet_keras.models.fully_connected import fully_connected
from lenet_keras.models.inception import googlenet, inception_block
from lenet_keras.models.lenet1 import lenet1
from lenet_keras.models.lenet4 import lenet4
from lenet_keras.models.lenet5 import lenet5
from lenet_keras.models.lenet5_modern import lenet5_modern
from lenet_keras.models.lenet5_variant import lenet5_variant
from lenet_keras.models.residual import residual_block
from lenet_keras.models.teacher import teacher

__all__ = [
    "alexnet",
    "fully_connected",
    "googlenet",
    "inception_block",
    "lenet1",
    "lenet4",
    "lenet5",
    "lenet5_modern",
    "lenet5_variant",
    "residual_block",
    "teacher",
]
