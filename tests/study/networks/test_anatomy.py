import keras
import numpy as np
from keras import layers

from lenet_keras.layers import ConnectionTableConv2D, Subsampling2D
from lenet_study.networks.anatomy import growth, receptive_fields


def test_growth_counts_a_network_for_each_size_of_image():
    def build(input_shape):
        return keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(5),
            ]
        )

    table = growth(build, [2, 10], channels=3)
    assert list(table) == [2, 10]
    assert table[2] == ((), 65, 0, 65, 60)  # 5 units of 12 pixels and a bias
    assert table[10] == ((), 1505, 0, 1505, 1500)
    assert table.to_pandas().index.name == "side"


def test_receptive_fields_are_the_rows_that_move_a_unit():
    ones = {"kernel_initializer": "ones"}
    model = keras.Sequential(
        [
            layers.Conv2D(1, 3, dilation_rate=2, name="A", **ones),
            Subsampling2D(2, name="B"),
            ConnectionTableConv2D(((0,),), 2, dilation_rate=3, name="C", **ones),
        ]
    )
    # Image n is white in row n.
    outputs = np.eye(24, dtype="float32").reshape(24, 24, 1, 1) * np.ones((24, 1))
    fields = {}
    for layer in model.layers:
        outputs = layer(outputs)
        rows = np.flatnonzero(np.asarray(outputs)[:, 0, 0, 0])
        fields[layer.name] = rows[-1] + 1 - rows[0]
    assert receptive_fields(model) == fields
    assert list(fields) == ["A", "B", "C"]
