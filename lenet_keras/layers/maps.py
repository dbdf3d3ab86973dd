"""Where the maps are in a batch of images, and weights of one value per map."""

from keras import ops

from lenet_keras.checks import expect

# The settings of each weight: arguments and attributes such as `bias_regularizer`.
SETTINGS = ("initializer", "regularizer", "constraint")


def maps_axis(data_format):
    """Returns the axis of the maps in the shape of a batch of images."""
    axes = {"channels_first": 1, "channels_last": -1}
    expect(data_format in axes, " or ".join(axes), data_format=data_format)
    return axes[data_format]


def add_weight_per_map(layer, name, maps):
    """Adds a weight of one value per map, with the settings of its name."""
    settings = {part: getattr(layer, f"{name}_{part}") for part in SETTINGS}
    return layer.add_weight(name=name, shape=(maps,), **settings)


def per_map(vector, data_format):
    """Returns one value per map in a shape that broadcasts over the images."""
    if data_format == "channels_first":
        return ops.reshape(vector, (-1, 1, 1))
    return vector
