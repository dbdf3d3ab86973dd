"""Compares `ConnectionTableConv2D` with a full `Conv2D`, table by table.

    python benchmarks/connection_tables.py

Each time is that of one layer with kernels of 3x3 on 64 images of 14x14: its outputs
and the gradients of its inputs and weights. Each pair runs as a graph of TensorFlow and
by XLA, as Keras's `fit` compiles it.
"""

import keras
import numpy as np
import tensorflow as tf
from speed import RNG, compare

from lenet_keras.layers import ConnectionTableConv2D

MAPS = 64
GROUPS = np.arange(MAPS) // 8

#: As the layer takes them: one row per input map, one column per output map.
TABLES = {
    "64 of 64 maps": np.ones((MAPS, MAPS), bool),
    "8 of 64 maps, at random": RNG.random((MAPS, MAPS)).argsort(axis=0) < 8,
    "8 groups of 8 maps": GROUPS[:, None] == GROUPS,
    "each map alone": np.eye(MAPS, dtype=bool),
}


def gradients(layer, images, by_xla):
    """A function that computes the outputs and all gradients of a layer."""
    layer.build(images.shape)

    @tf.function(jit_compile=by_xla, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(layer(images) ** 2)
        return tape.gradient(loss, [images, *(w.value for w in layer.weights)])

    return lambda: [gradient.numpy() for gradient in step()]


if __name__ == "__main__":
    images = tf.constant(RNG.normal(size=(64, 14, 14, MAPS)).astype("float32"))
    print("| ours | alternative | time, ours / theirs | range over rounds |")
    print("|---|---|---|---|")
    for name, table in TABLES.items():
        for by_xla in (False, True):
            compare(
                name,
                gradients(ConnectionTableConv2D(table, 3), images, by_xla),
                {
                    f"Conv2D, {'XLA' if by_xla else 'graph'}": gradients(
                        keras.layers.Conv2D(MAPS, 3), images, by_xla
                    )
                },
            )
