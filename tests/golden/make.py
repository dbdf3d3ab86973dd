"""Makes a golden file: a small compiled network, and its answers.

    PYTHONPATH=CHECKOUT python tests/golden/make.py NAME

`NAME.keras` is made by the package in the folder CHECKOUT, and `NAME.npz` has inputs,
labels and what the network computed from them. All golden files must load on each
backend and give these numbers, in all later versions; `backend_cases.py` in
`tests/helpers/` compares:

- `1d339af`: made in `git worktree add CHECKOUT 1d339af`, the first commit with `SDLM`.
  There the loss and the posterior have no temperature.
- `0.2.0`: made by version 0.2.0, with all layers.

They were made with Keras 3.10.0 on TensorFlow. Keras may refuse files of a newer Keras:
these can have arguments of its own layers that the older one does not know.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from lenet_keras import layers
from lenet_keras.activations import scaled_tanh
from lenet_keras.initializers import FanInUniform
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.sdlm import SDLM, paper_schedule


def network(rng):
    inputs = keras.Input((8, 7, 3))
    x = layers.ConnectionTableConv2D(
        ((2, 0), (1,), (0, 1, 2), (2,)),
        kernel_size=(3, 2),
        activation=scaled_tanh,
        kernel_initializer=FanInUniform(),
        kernel_regularizer=keras.regularizers.L2(1e-3),
        name="convolution",
    )(inputs)
    x = layers.Subsampling2D(name="subsampling")(x)
    if hasattr(layers, "LocalResponseNormalization"):
        x = layers.LocalResponseNormalization(1, 1.5, 0.2, 0.5, name="response")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(12, scaled_tanh, name="dense")(x)
    distances = layers.RBF(rng.choice([-1, 1], (4, 12)), name="distances")(x)
    probabilities = layers.RBFPosterior(j=2.5, name="probabilities")(distances)
    model = keras.Model(inputs, [distances, probabilities], name="golden")
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    model.compile(
        SDLM(paper_schedule(10)),
        loss={
            "distances": MaximumAPosteriori(j=2.5),
            "probabilities": "sparse_categorical_crossentropy",
        },
        metrics={"distances": [RBFAccuracy()]},
    )
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature(
        [rng.uniform(size=w.shape) for w in model.trainable_variables]
    )
    return model


def main(name):
    rng = np.random.default_rng(1998)
    model = network(rng)
    x = rng.normal(size=(6, 8, 7, 3)).astype("float32")
    distances, probabilities = map(np.asarray, model(x))
    y = distances.argmin(axis=1)
    y[0] = (y[0] + 1) % 4
    folder = Path(__file__).parent
    model.save(folder / f"{name}.keras")
    labels = {"distances": y, "probabilities": y}
    scores = model.evaluate(x, labels, verbose=0, return_dict=True)
    model.train_on_batch(x, labels)
    np.savez_compressed(
        folder / f"{name}.npz",
        x=x,
        y=y,
        distances=distances,
        probabilities=probabilities,
        loss=scores["loss"],
        accuracy=scores["distances_rbf_accuracy"],
        distances_after_an_update=np.asarray(model(x)[0]),
    )


if __name__ == "__main__":
    main(sys.argv[1])
