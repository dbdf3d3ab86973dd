"""The faithful LeNet-5 of LeCun et al. (1998) and its modern variant, in Keras."""

from lenet_keras import (
    activations,
    initializers,
    layers,
    losses,
    metrics,
    models,
    sdlm,
)
from lenet_keras.codes import rbf_codes
from lenet_keras.pretrained import load_pretrained

__version__ = "0.2.0"

__all__ = [
    "activations",
    "initializers",
    "layers",
    "load_pretrained",
    "losses",
    "metrics",
    "models",
    "rbf_codes",
    "sdlm",
]
