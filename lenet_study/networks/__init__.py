"""All networks of the comparison: LeNet-5, its variants, its family and a teacher."""

from lenet_keras.models import lenet5, lenet5_modern
from lenet_study.networks.alexnet import alexnet
from lenet_study.networks.fully_connected import fully_connected
from lenet_study.networks.inception import googlenet, inception_block
from lenet_study.networks.lenet1 import lenet1
from lenet_study.networks.lenet4 import lenet4
from lenet_study.networks.lenet5_variant import lenet5_variant
from lenet_study.networks.residual import residual_block
from lenet_study.networks.teacher import teacher

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
