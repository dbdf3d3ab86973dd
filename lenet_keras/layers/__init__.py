"""Layers of LeNet-5 and AlexNet that Keras does not provide."""

from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.layers.connection_table_conv2d import ConnectionTableConv2D
from lenet_keras.layers.local_response_normalization import LocalResponseNormalization
from lenet_keras.layers.rbf import RBF, RBFPosterior
from lenet_keras.layers.subsampling2d import Subsampling2D

__all__ = [
    "C3_CONNECTIONS",
    "RBF",
    "ConnectionTableConv2D",
    "LocalResponseNormalization",
    "RBFPosterior",
    "Subsampling2D",
]
