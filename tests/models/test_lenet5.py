import keras
import numpy as np
import pytest
from oracles import convolve, full_kernels, linked_kernels, rbf, squash, subsample

from lenet_keras import rbf_codes
from lenet_keras.counts import layer_table
from lenet_keras.initializers import FanInUniform
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5
from lenet_study.networks import lenet5_variant

# Table I: the maps of S2 that feed each map of C3.
TABLE_I = [
    *([k, (k + 1) % 6, (k + 2) % 6] for k in range(6)),
    *([k, (k + 1) % 6, (k + 2) % 6, (k + 3) % 6] for k in range(6)),
    *([k, (k + 1) % 6, (k + 3) % 6, (k + 4) % 6] for k in range(3)),
    range(6),
]


@pytest.fixture(scope="module")
def model():
    return lenet5()


def parameters(model):
    return {layer.name: layer.count_params() for layer in model.layers if layer.weights}


def test_layers_of_the_paper(model):
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    shapes.pop("input")
    shapes.pop("flatten")
    assert list(shapes.items()) == [
        ("C1", (28, 28, 6)),
        ("S2", (14, 14, 6)),
        ("C3", (10, 10, 16)),
        ("S4", (5, 5, 16)),
        ("C5", (1, 1, 120)),
        ("F6", (84,)),
        ("output", (10,)),
    ]


def test_parameters_of_the_paper(model):
    assert parameters(model) == {
        "C1": 156,
        "S2": 12,
        "C3": 1516,
        "S4": 32,
        "C5": 48120,
        "F6": 10164,
        "output": 840,
    }


def size(weights):
    return sum(weight.numpy().size for weight in weights)


def test_60000_trainable_and_840_fixed_parameters(model):
    assert size(model.trainable_weights) == 60_000
    assert size(model.non_trainable_weights) == 840


def test_c5_is_a_convolution(model):
    layer = model.get_layer("C5")
    assert type(layer) is keras.layers.Conv2D
    assert layer.kernel.shape == (5, 5, 16, 120)


def test_cifar10_adds_300_parameters_to_c1():
    model = lenet5((32, 32, 3))
    assert model.output_shape == (None, 10)
    assert parameters(model)["C1"] == 456
    assert size(model.trainable_weights) == 60_300


def test_forward_pass_equals_loops(rng):
    model = lenet5()
    weights = {}
    for layer in model.layers:
        if layer.trainable_weights:
            # Wide enough that every activation function is nonlinear.
            scale = 1 / np.sqrt(np.prod(layer.weights[0].shape[:-1]))
            values = [
                rng.normal(scale=scale, size=w.shape).astype("float32")
                for w in layer.weights
            ]
            layer.set_weights(values)
            weights[layer.name] = [value.astype("float64") for value in values]
    image = rng.uniform(-0.1, 1.175, (1, 32, 32, 1)).astype("float32")

    (c1, c1_bias), (c3, c3_bias), (c5, c5_bias) = (
        weights[n] for n in ("C1", "C3", "C5")
    )
    x = squash(convolve(image, full_kernels(c1), c1_bias))
    x = squash(subsample(x, *weights["S2"]))
    x = squash(convolve(x, linked_kernels(c3, TABLE_I), c3_bias))
    x = squash(subsample(x, *weights["S4"]))
    x = squash(convolve(x, full_kernels(c5), c5_bias))
    assert x.shape == (1, 1, 1, 120)
    f6, f6_bias = weights["F6"]
    x = squash(np.array([[x.ravel() @ unit for unit in f6.T]]) + f6_bias)
    expected = rbf(x, rbf_codes("0123456789"))

    assert expected.std() > 5
    np.testing.assert_allclose(model(image), expected, rtol=1e-5)


def test_codes_of_the_output_are_the_digits(model):
    output = model.get_layer("output")
    np.testing.assert_array_equal(output.codes, rbf_codes("0123456789"))
    assert not output.trainable_weights


def test_weights_start_in_the_range_of_the_fan_in(model):
    fan_in = {"C1": 25, "C5": 400, "F6": 120}
    for name, number in fan_in.items():
        kernel = np.abs(model.get_layer(name).kernel)
        assert 0.95 * 2.4 / number < kernel.max() <= 2.4 / number * (1 + 1e-6)
    kernels = np.asarray(model.get_layer("C3").kernel)
    link = 0
    for entry in TABLE_I:
        bound = 2.4 / (25 * len(entry))
        of_map = np.abs(kernels[..., link : link + len(entry)])
        assert 0.9 * bound < of_map.max() <= bound * (1 + 1e-6)
        link += len(entry)


def test_subsampling_starts_as_the_average_and_biases_at_zero(model):
    for name in ("S2", "S4"):
        assert (np.asarray(model.get_layer(name).coefficient) == 0.25).all()
    for name in ("C1", "S2", "C3", "S4", "C5", "F6"):
        assert (np.asarray(model.get_layer(name).bias) == 0).all()


SEEDED = keras.initializers.HeNormal(seed=1)
INITIALIZERS = {
    "class": FanInUniform,
    "name": "glorot_uniform",
    "configuration": keras.initializers.serialize(SEEDED),
    "instance": FanInUniform(scale=1.0),
    "instance with a seed": SEEDED,
    "instance with a generator of seeds": keras.initializers.HeNormal(
        seed=keras.random.SeedGenerator(3)
    ),
}


@pytest.mark.parametrize("kernel_initializer", INITIALIZERS.values(), ids=INITIALIZERS)
@pytest.mark.parametrize("build", [lenet5, lenet5_variant])
def test_layers_do_not_start_alike(build, kernel_initializer):
    model = build(kernel_initializer=kernel_initializer)
    kernels = [
        np.ravel(model.get_layer(name).kernel)[:1000]
        for name in ("C1", "C3", "C5", "F6")
    ]
    for n, first in enumerate(kernels):
        for second in kernels[:n]:
            length = min(len(first), len(second))
            correlation = np.corrcoef(first[:length], second[:length])[0, 1]
            assert abs(correlation) < 0.5


def test_kernel_initializer_reaches_every_kernel():
    model = lenet5(kernel_initializer=keras.initializers.Constant(0.5))
    for name in ("C1", "C3", "C5", "F6"):
        assert (np.asarray(model.get_layer(name).kernel) == 0.5).all()


def test_two_models_of_one_seed_start_alike_and_of_another_do_not():
    def kernel(seed):
        keras.utils.set_random_seed(seed)
        return np.asarray(lenet5().get_layer("C5").kernel)

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).mean() > 0.99


@pytest.mark.parametrize("build", [lenet5, lenet5_variant])
@pytest.mark.parametrize("as_config", [False, True])
def test_the_seed_of_an_initializer_repeats_the_network(build, as_config):
    def kernels(seed):
        initializer = keras.initializers.HeNormal(seed=seed)
        if as_config:
            initializer = keras.initializers.serialize(initializer)
        return build(kernel_initializer=initializer).get_weights()

    first, again, other = kernels(1), kernels(1), kernels(2)
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    # No layer of one seed starts as another layer of another seed.
    assert not np.isin(first[0], np.concatenate([w.ravel() for w in other])).any()


@pytest.mark.parametrize("num_classes", [1, np.int64(2), 10])
def test_num_classes_takes_the_first_digits(num_classes):
    model = lenet5(num_classes=num_classes)
    assert model.output_shape == (None, num_classes)
    codes = model.get_layer("output").codes
    np.testing.assert_array_equal(codes, rbf_codes("0123456789")[:num_classes])


def test_codes_set_the_classes():
    codes = rbf_codes("ABCDEFGHIJKLMN")
    model = lenet5(codes=codes)
    assert model.output_shape == (None, 14)
    np.testing.assert_array_equal(model.get_layer("output").codes, codes)


def test_codes_set_the_units_of_f6():
    model = lenet5(codes=[[1, -1, 1], [-1, 1, 1]])
    assert model.get_layer("F6").output.shape == (None, 3)
    assert model.output_shape == (None, 2)


def test_name(model):
    assert model.name == "lenet5"
    assert lenet5(name="other").name == "other"


@pytest.mark.parametrize(
    ("loss", "jit_compile"),
    [(RBFMeanSquaredError(), False), (MaximumAPosteriori(), True)],
)
def test_trains(loss, jit_compile, rng):
    model = lenet5()
    model.compile("sgd", loss, metrics=[RBFAccuracy()], jit_compile=jit_compile)
    x = rng.uniform(-0.1, 1.175, (4, 32, 32, 1)).astype("float32")
    y = np.array([3, 1, 4, 1])
    start = {weight.path: weight.numpy() for weight in model.weights}
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert 0 <= history["rbf_accuracy"][0] <= 1
    for weight in model.weights:
        is_moved = (weight.numpy() != start[weight.path]).any()
        assert is_moved == ("codes" not in weight.path)


def test_codes_stay_fixed_when_the_whole_model_is_trainable():
    model = lenet5()
    # Keras passes `trainable` on to the layers only if its value changes.
    model.trainable = False
    assert model.trainable_weights == []
    model.trainable = True
    assert model.get_layer("output").trainable
    assert size(model.trainable_weights) == 60_000


@pytest.mark.parametrize(
    "input_shape",
    [
        (None, None, None),
        (32, 32, 0),
        (28, 28, 1),
        (32, 28, 1),
        (32, 32),
        (1, 32, 32),
        (32, 32, 1, 1),
        (34, 36, 1),
        (None, 28, 1),
        (34, None, 1),
        (None, None),
        (),
        32,
    ],
)
def test_image_of_another_size_is_refused(input_shape, message):
    text = message(lenet5, input_shape)
    assert "an input_shape of (32, 32, channels)" in text
    assert f"input_shape={input_shape}" in text


@pytest.mark.parametrize("num_classes", [0, 11, -1, 2.5])
def test_num_classes_without_codes_is_refused(num_classes, message):
    text = message(lenet5, num_classes=num_classes)
    assert "num_classes from 1 to 10 for the digits' codes" in text
    assert f"num_classes={num_classes}" in text


@pytest.mark.parametrize("codes", [[], np.ones(84), np.ones((2, 3, 4))])
def test_codes_of_another_shape_are_refused(codes, message):
    assert "codes of shape (classes, features)" in message(lenet5, codes=codes)


def test_on_larger_images_it_answers_wherever_a_square_fits(rng):
    small, large = lenet5(), lenet5((36, 44, 1))
    large.set_weights(small.get_weights())
    x = rng.normal(size=(2, 36, 44, 1)).astype("float32")
    answers = np.array(large(x))
    assert answers.shape == (2, 2, 4, 10)
    for row in range(2):
        for column in range(4):
            top, left = 4 * row, 4 * column
            square = x[:, top : top + 32, left : left + 32]
            np.testing.assert_allclose(
                answers[:, row, column], small(square), rtol=1e-4, atol=1e-3
            )


@pytest.mark.parametrize("sides", [(32, None), (None, None), (None, 44), (36, None)])
def test_a_side_of_none_takes_images_of_different_sizes(sides, rng):
    small, open_ended = lenet5(), lenet5((*sides, 1))
    open_ended.set_weights(small.get_weights())
    places = [None if n is None else (n - 28) // 4 for n in sides]
    assert open_ended.output_shape == (None, *places, 10)
    for width in (32, 44):
        size = [n or width for n in sides]
        x = rng.normal(size=(2, *size, 1)).astype("float32")
        # A known size of 32x32 would have no rows and columns.
        expected = small(x) if size == [32, 32] else with_weights_of(small, x.shape)(x)
        expected = np.reshape(expected, (2, *((n - 28) // 4 for n in size), 10))
        np.testing.assert_allclose(open_ended(x), expected, rtol=1e-5)
        np.testing.assert_allclose(
            open_ended.predict(x, verbose=0), expected, rtol=1e-5
        )


def with_weights_of(model, shape):
    other = lenet5(shape[1:])
    other.set_weights(model.get_weights())
    return other


@pytest.mark.parametrize("more", [1, 2, 3])
def test_pixels_after_the_last_multiple_of_4_have_no_influence(more, rng):
    model = lenet5((None, None, 1))
    x = rng.normal(size=(2, 36 + more, 32 + more, 1)).astype("float32")
    answers = model(x)
    assert answers.shape == (2, 2, 1, 10)
    np.testing.assert_allclose(answers, model(x[:, :36, :32]), rtol=1e-5)


def test_the_counts_of_a_side_of_none_are_refused(message):
    text = message(layer_table, lenet5((32, None, 1)))
    assert "layer='input', output_shape=(32, None, 1)" in text


def test_on_larger_images_it_has_the_same_parameters():
    tables = [layer_table(lenet5((side, side, 1))) for side in (32, 64)]
    totals = [table["total"] for table in tables]
    assert totals[0].trainable == totals[1].trainable == 60_000
    # C5 has 81 places instead of one, with 120 units of 401 connections at each.
    assert tables[1]["C5"].connections == 81 * 120 * 401


def test_the_initial_weights_can_be_named():
    keras.utils.set_random_seed(5)
    by_name = lenet5(kernel_initializer="lecun_uniform")
    keras.utils.set_random_seed(5)
    by_class = lenet5(kernel_initializer=keras.initializers.LecunUniform)
    kernels = [m.get_layer("C5").kernel.numpy() for m in (by_name, by_class)]
    assert kernels[0].std() == pytest.approx((1 / 400) ** 0.5, rel=0.02)
    assert kernels[1].std() == pytest.approx(kernels[0].std(), rel=0.02)
    layers = [by_name.get_layer(name).kernel.numpy().ravel() for name in ("C3", "C5")]
    assert np.corrcoef(layers[0][:1500], layers[1][:1500])[0, 1] < 0.2
