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


def uneven(data_format="channels_last"):
    """Branches that see different rows, above and below one another."""
    last = {"data_format": data_format}
    x = keras.Input((20, 20, 1) if data_format == "channels_last" else (1, 20, 20))
    above = layers.Conv2D(2, 5, 2, padding="same", name="above", **last)(x)
    below = layers.ZeroPadding2D(((3, 0), (0, 3)), **last)(x)
    below = layers.Conv2D(2, 5, 2, name="below", **last)(below)
    below = layers.BatchNormalization()(below)
    both = layers.Add()([above, below])
    three = layers.Conv2D(2, 3, padding="same", name="three", **last)(both)
    one = layers.Conv2D(2, 1, name="one", **last)(above)
    y = layers.Add()([one, three])
    return keras.Model(x, layers.AveragePooling2D(3, 1, name="pool", **last)(y))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (sequential, ["A", "B", "C"]),
        (residual, ["block_1", "block_2", "pool"]),
        (uneven, ["above", "below", "one", "three", "pool"]),
        (lenet5_modern, ["C1", "S2", "C3", "S4"]),
        (lambda: lenet5_variant(subsampling="overlapping max"), ["C1", "S2", "C5"]),
        (
            lambda: lenet5_variant(block="inception", normalization="local response"),
            [
                *("C1", "S2", "C3", "inception_pool", "inception_pool_proj"),
                *("inception_1x1", "inception_3x3_reduce", "inception_3x3"),
                *("inception_5x5_reduce", "inception_5x5", "S4", "C5"),
            ],
        ),
    ],
)
def test_receptive_fields_are_the_rows_that_move_a_unit(build, names):
    model = build()
    fields = receptive_fields(model)
    assert {name: fields[name] for name in names} == measured(model, names)


def test_receptive_fields_of_branches():
    fields = receptive_fields(lenet5_variant(block="inception"))
    assert (fields["inception_5x5"], fields["S4"], fields["C5"]) == (22, 24, 40)


def test_receptive_fields_are_the_published_ones():
    # Araujo, Norris and Sim (2019), "Computing receptive fields of convolutional
    # neural networks".
    for build, height in (
        (keras.applications.ResNet50, 483),
        (keras.applications.MobileNet, 315),
    ):
        model = build(include_top=False, weights=None, input_shape=(64, 64, 3))
        assert max(receptive_fields(model).values()) == height


def test_receptive_fields_are_the_same_in_each_data_format_and_size():
    fields = receptive_fields(uneven())
    assert receptive_fields(uneven("channels_first")) == fields
    assert receptive_fields(lenet5((None, None, 1))) == receptive_fields(lenet5())


def after(layer, *branches):
    """Returns a model with a window after a layer, which may join branches."""
    x = keras.Input((8, 8, 1))
    y = layer([branch(x) for branch in branches] or x)
    if len(y.shape) == 2:
        y = layers.Reshape((-1, 1, 1), name="reshaped")(y)
    return keras.Model(x, layers.Conv2D(1, 1, name="window")(y))


@pytest.mark.parametrize(
    ("model", "before"),
    [
        (after(layers.Reshape((16, 4, 1), name="folded")), "folded"),
        (after(layers.Flatten()), "reshaped"),
        (after(layers.Softmax(axis=1, name="softmax")), "softmax"),
        (
            after(
                layers.Concatenate(1, name="below"),
                layers.Dropout(0.1),
                layers.Dropout(0.1),
            ),
            "below",
        ),
        (
            after(
                layers.Add(name="sum"),
                layers.Conv2D(1, 2, strides=2),
                layers.Conv2D(1, 5),
            ),
            "sum",
        ),
    ],
)
def test_windows_on_other_rows_are_refused(model, before, message):
    assert f"layer='window', after=['{before}']" in message(receptive_fields, model)


def test_layers_of_unknown_windows_are_refused():
    for layer in (layers.Conv2DTranspose(1, 3, 2), layers.UpSampling2D()):
        with pytest.raises(TypeError, match=f"layer={layer.name}"):
            receptive_fields(after(layer))
