import keras
import numpy as np
import pytest
from oracles import convolve, full_kernels, largest_in_windows

from lenet_keras.models import lenet5_modern


def parameters(model):
    return {layer.name: layer.count_params() for layer in model.layers if layer.weights}


def swish(a):
    return a / (1 + np.exp(-a))


def softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("input_shape", "c1"), [((28, 28, 1), 156), ((32, 32, 1), 156), ((32, 32, 3), 456)]
)
def test_parameters(input_shape, c1):
    model = lenet5_modern(input_shape)
    assert parameters(model) == {
        "C1": c1,
        "C3": 2416,
        "C5": 48120,
        "F6": 10164,
        "output": 850,
    }
    assert model.count_params() == 61_706 + c1 - 156


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3)])
def test_layers(input_shape):
    shapes = {
        layer.name: layer.output.shape[1:]
        for layer in lenet5_modern(input_shape).layers
    }
    shapes.pop("input")
    assert list(shapes.items()) == [
        ("C1", (28, 28, 6)),
        ("S2", (14, 14, 6)),
        ("C3", (10, 10, 16)),
        ("S4", (5, 5, 16)),
        ("flatten", (400,)),
        ("C5", (120,)),
        ("F6", (84,)),
        ("output", (10,)),
    ]


@pytest.mark.parametrize(
    ("input_shape", "padding"), [((28, 28, 1), "same"), ((32, 32, 3), "valid")]
)
def test_forward_pass_equals_loops(input_shape, padding, rng):
    model = lenet5_modern(input_shape)
    model.set_weights(
        [
            rng.normal(scale=1 / np.sqrt(np.prod(w.shape[:-1])), size=w.shape)
            for w in model.weights
        ]
    )
    weights = [np.float64(weight) for weight in model.get_weights()]
    (c1, c1_bias, c3, c3_bias), dense = weights[:4], weights[4:]
    image = rng.uniform(size=(1, *input_shape)).astype("float32")

    x = swish(convolve(image, full_kernels(c1), c1_bias, padding=padding))
    x = largest_in_windows(x)
    x = swish(convolve(x, full_kernels(c3), c3_bias))
    x = largest_in_windows(x).reshape(1, 400)
    x = swish(x @ dense[0] + dense[1])
    x = swish(x @ dense[2] + dense[3])
    expected = softmax(x @ dense[4] + dense[5])

    assert expected.std() > 0.02
    np.testing.assert_allclose(model(image), expected, atol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 26])
def test_num_classes(num_classes, rng):
    model = lenet5_modern(num_classes=num_classes)
    assert model.output_shape == (None, num_classes)
    probabilities = model(rng.uniform(size=(3, 28, 28, 1)).astype("float32"))
    np.testing.assert_allclose(np.sum(probabilities, axis=-1), 1, rtol=1e-5)


def test_starts_as_keras_does():
    model = lenet5_modern()
    for layer in model.layers:
        if layer.weights:
            assert isinstance(
                layer.kernel_initializer, keras.initializers.GlorotUniform
            )
            assert (np.asarray(layer.bias) == 0).all()


def test_layers_do_not_start_alike():
    kernels = [
        np.ravel(layer.kernel)[:150] / np.std(layer.kernel)
        for layer in lenet5_modern().layers
        if layer.weights
    ]
    likeness = np.abs(np.corrcoef(kernels)) - np.eye(5)
    assert likeness.max() < 0.5


def test_trains(rng):
    model = lenet5_modern()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = rng.uniform(size=(4, 28, 28, 1)).astype("float32")
    start = {weight.path: weight.numpy() for weight in model.weights}
    history = model.fit(x, np.array([3, 1, 4, 1]), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    for weight in model.weights:
        assert (weight.numpy() != start[weight.path]).any()


def test_name():
    assert lenet5_modern().name == "lenet5_modern"
    assert lenet5_modern(name="other").name == "other"


@pytest.mark.parametrize(
    "input_shape", [(30, 30, 1), (28, 32, 1), (28, 28), (1, 28, 28), (28, 28, 1, 1), 28]
)
def test_image_of_another_size_is_refused(input_shape, message):
    text = message(lenet5_modern, input_shape)
    assert "(28, 28, channels) or (32, 32, channels)" in text
    assert f"input_shape={input_shape}" in text


@pytest.mark.parametrize("num_classes", [0, -1])
def test_num_classes_that_is_not_positive_is_refused(num_classes):
    with pytest.raises(ValueError, match=f"Received: units={num_classes}"):
        lenet5_modern(num_classes=num_classes)
