"""The faithful LeNet-5 of LeCun et al. (1998) and its modern variant, in Keras."""

from lenet_keras.extras import needs_backend

with needs_backend():
    import keras  # noqa: F401

# `as` with the same name says that the name is public.
from lenet_keras import activations as activations
from lenet_keras import counts as counts
from lenet_keras import initializers as initializers
from lenet_keras import layers as layers
from lenet_keras import losses as losses
from lenet_keras import metrics as metrics
from lenet_keras import models as models
from lenet_keras import preprocessing as preprocessing
from lenet_keras import sdlm as sdlm
from lenet_keras.codes import rbf_codes as rbf_codes
from lenet_keras.pretrained import load_pretrained as load_pretrained
from lenet_keras.reading import read_digits as read_digits

__version__ = "0.2.0"
