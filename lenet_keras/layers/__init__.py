"""The layers of LeNet-5 that Keras does not have."""

from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.layers.connection_table_conv2d import ConnectionTableConv2D
from lenet_keras.layers.rbf import RBF, RBFPosterior
from lenet_keras.layers.subsampling2d import Subsampling2D

__all__ = [
    "C3_CONNECTIONS",
    "RBF",
    "ConnectionTableConv2D",
    "RBFPosterior",
    "Subsampling2D",
]
