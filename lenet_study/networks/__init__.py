"""All networks of the comparison: LeNet-5, its variants, its family and a teacher."""

# `as` with the same name says that the name is public.
from lenet_keras.models import lenet5 as lenet5
from lenet_keras.models import lenet5_modern as lenet5_modern
from lenet_study.networks.alexnet import alexnet as alexnet
from lenet_study.networks.fully_connected import fully_connected as fully_connected
from lenet_study.networks.inception import googlenet as googlenet
from lenet_study.networks.inception import inception_block as inception_block
from lenet_study.networks.lenet1 import lenet1 as lenet1
from lenet_study.networks.lenet4 import lenet4 as lenet4
from lenet_study.networks.lenet5_variant import lenet5_variant as lenet5_variant
from lenet_study.networks.residual import residual_block as residual_block
from lenet_study.networks.teacher import teacher as teacher

__all__ = [name for name, own in globals().items() if callable(own)]
