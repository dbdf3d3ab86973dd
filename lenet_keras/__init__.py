"""The faithful LeNet-5 of LeCun et al. (1998) and its modern variant, in Keras."""

from lenet_keras.extras import needs_backend

with needs_backend():
    import keras  # noqa: F401

from lenet_keras import (
    activations,
    counts,
    initializers,
    layers,
    losses,
    metrics,
    models,
    preprocessing,
    sdlm,
)
from lenet_keras.codes import rbf_codes
from lenet_keras.pretrained import load_pretrained
from lenet_keras.reading import read_digits

__version__ = "0.2.0"

__all__ = [
    "activations",
    "counts",
    "initializers",
    "layers",
    "load_pretrained",
    "losses",
    "metrics",
    "models",
    "preprocessing",
    "rbf_codes",
    "read_digits",
    "sdlm",
]
