import keras
import numpy as np
import pytest
from keras import layers

from lenet_keras.layers import ConnectionTableConv2D, Subsampling2D
from lenet_keras.models import lenet5, lenet5_modern
from lenet_study.networks.anatomy import growth, receptive_fields
from lenet_study.networks.lenet5_variant import lenet5_variant
from lenet_study.networks.residual import residual_block


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


def measured(model, names, more=64):
    """Returns how many rows of a larger image move the middle unit of each layer."""
    side = model.input_shape[1] + more
    wide = keras.Input((side, side, model.input_shape[3]))
    model = keras.models.clone_model(model, input_tensors=wide)
    for weight in model.trainable_weights:
        weight.assign(np.full(weight.shape, weight.name not in ("bias", "beta")))
    # Image n is white in row n. Without biases a black image gives zeros.
    images = np.eye(side, dtype="float32").reshape(side, side, 1, 1)
    images = images * np.ones((side, model.input_shape[3]), "float32")
    fields = {}
    for name in names:
        own = keras.Model(model.inputs, model.get_layer(name).output)
        outputs = own.predict(images, verbose=0)
        middle = outputs[:, outputs.shape[1] // 2, outputs.shape[2] // 2]
        rows = np.flatnonzero(middle.any(axis=-1))
        fields[name] = rows[-1] + 1 - rows[0]
    return fields


def sequential():
    return keras.Sequential(
        [
            keras.Input((40, 40, 1)),
            layers.Conv2D(1, 3, dilation_rate=2, name="A"),
            Subsampling2D(2, name="B"),
            layers.Activation("relu"),
            ConnectionTableConv2D(((0,),), 2, dilation_rate=3, name="C"),
        ]
    )


def residual():
    x = keras.Input((12, 12, 2))
    y = residual_block(x, name="block")
    return keras.Model(x, layers.MaxPooling2D(2, name="pool")(y))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (sequential, ["A", "B", "C"]),
        (lenet5_modern, ["C1", "S2", "C3", "S4"]),
        (lambda: lenet5_variant(subsampling="overlapping max"), ["C1", "S2", "C5"]),
    ],
)
def test_receptive_fields_are_the_rows_that_move_a_unit(build, names):
    model = build()
    fields = receptive_fields(model)
    assert {name: fields[name] for name in names} == measured(model, names)


def test_receptive_fields_are_the_published_ones():
    # Araujo, Norris and Sim (2019), "Computing receptive fields of convolutional
    # neural networks".
    size = {"include_top": False, "weights": None, "input_shape": (64, 64, 3)}
    fields = receptive_fields(keras.applications.MobileNet(**size))
    assert max(fields.values()) == 315


def test_receptive_fields_are_those_of_any_size():
    assert receptive_fields(lenet5((None, None, 1))) == receptive_fields(lenet5())


def test_branches_that_join_are_refused(message):
    assert "layer='block_sum'" in message(receptive_fields, residual())


def test_layers_of_unknown_windows_are_refused():
    for layer in (layers.Conv2DTranspose(1, 3, 2), layers.UpSampling2D()):
        model = keras.Sequential([keras.Input((8, 8, 1)), layer])
        with pytest.raises(TypeError, match=f"layer={layer.name}"):
            receptive_fields(model)
