import math

import keras
import numpy as np
import pytest

from lenet_keras.counts import layer_table, symbolic_layer_table
from lenet_study.networks import alexnet

SMALL = (67, 67, 3)


@pytest.fixture(scope="module")
def counted():
    return symbolic_layer_table(alexnet)


def test_output_shapes_are_those_of_study_note_004(counted):
    shapes = counted.to_pandas()["output_shape"].to_dict()
    assert shapes["C1"] == shapes["N1"] == (55, 55, 96)
    assert shapes["P1"] == (27, 27, 96)
    assert shapes["C2"] == shapes["N2"] == (27, 27, 256)
    assert shapes["P2"] == (13, 13, 256)
    assert shapes["C3"] == shapes["C4"] == (13, 13, 384)
    assert shapes["C5"] == (13, 13, 256)
    assert shapes["P5"] == (6, 6, 256)
    assert shapes["flatten"] == (9_216,)
    assert shapes["output"] == (1_000,)


# Section 3.5. Its first number, 253,440, is 55 * 48 * 96: the paper has 48 in place of
# one 55. Neither sum is the "650,000 neurons" of the abstract.
def test_units_are_those_of_the_paper_but_for_its_slip(counted):
    published = {
        "C1": 253_440,
        "C2": 186_624,
        "C3": 64_896,
        "C4": 64_896,
        "C5": 43_264,
        "F6": 4_096,
        "F7": 4_096,
        "output": 1_000,
    }
    units = {name: math.prod(counted[name].output_shape) for name in published}
    assert units == published | {"C1": 55 * 55 * 96}
    assert published["C1"] == 55 * 48 * 96
    assert (sum(units.values()), sum(published.values())) == (659_272, 622_312)
    assert round(counted["total"].trainable, -7) == 60e6  # the abstract


def test_parameters(counted):
    assert counted.to_pandas()["trainable"].drop(["flatten", "input"]).to_dict() == {
        "C1": 11 * 11 * 3 * 96 + 96,
        "N1": 0,
        "P1": 0,
        "C2": 5 * 5 * 48 * 256 + 256,
        "N2": 0,
        "P2": 0,
        "C3": 3 * 3 * 256 * 384 + 384,
        "C4": 3 * 3 * 192 * 384 + 384,
        "C5": 3 * 3 * 192 * 256 + 256,
        "P5": 0,
        "F6": 9_216 * 4_096 + 4_096,
        "D6": 0,
        "F7": 4_096 * 4_096 + 4_096,
        "D7": 0,
        "output": 4_096 * 1_000 + 1_000,
        "total": 60_965_224,
    }


def test_without_groups():
    one = symbolic_layer_table(lambda: alexnet(groups=1))["total"]
    assert one.trainable == 62_378_344
    assert one.multiply_adds == 1_135_256_096


def test_multiply_adds(counted):
    convolutions = 55**2 * 96 * 363 + 27**2 * 256 * 1_200
    convolutions += 13**2 * (384 * 2_304 + 384 * 1_728 + 256 * 1_728)
    fully_connected = 9_216 * 4_096 + 4_096**2 + 4_096 * 1_000
    expected = convolutions + fully_connected
    assert counted["total"].multiply_adds == expected == 724_406_816


def test_normalises_before_it_pools(counted):
    order = list(counted)
    for convolution, normalization, pooling in (("C1", "N1", "P1"), ("C2", "N2", "P2")):
        start = order.index(convolution)
        assert order[start : start + 3] == [convolution, normalization, pooling]


def test_one_forward_pass_and_one_training_step_at_full_size(rng):
    model = alexnet()
    x = rng.normal(size=(2, 227, 227, 3)).astype("float32")
    probabilities = model.predict(x, verbose=0)
    assert probabilities.shape == (2, 1_000)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    before = {weight.path: weight.numpy() for weight in model.weights}
    loss = model.train_on_batch(x, np.array([3, 7]))
    assert loss == pytest.approx(np.log(1_000), rel=0.2)
    for weight in model.weights:
        assert (weight.numpy() != before[weight.path]).any(), weight.path
    bias = model.get_layer("output").bias
    assert np.flatnonzero(bias.numpy() > before[bias.path]).tolist() == [3, 7]


def test_the_two_groups_do_not_see_each_other_in_c2_c4_and_c5(rng):
    model = alexnet(SMALL, num_classes=2)
    for name, sees_both in {"C2": False, "C3": True, "C4": False, "C5": False}.items():
        layer = model.get_layer(name)
        x = rng.normal(size=(1, *layer.input.shape[1:])).astype("float32")
        changed = x.copy()
        changed[..., : x.shape[-1] // 2] += 1
        second = layer.filters // 2
        one, other = (np.asarray(layer(v))[..., second:] for v in (x, changed))
        assert (one != other).any() == sees_both


def test_the_groups_see_each_other_at_their_border_in_n1_and_n2(rng):
    model = alexnet(SMALL, num_classes=2)
    for name, maps in {"N1": 96, "N2": 256}.items():
        x = rng.normal(scale=100, size=(1, 2, 2, maps)).astype("float32")
        changed = x.copy()
        changed[..., : maps // 2] += 100
        one, other = (np.asarray(model.get_layer(name)(v)) for v in (x, changed))
        seen = np.flatnonzero((one != other).any(axis=(0, 1, 2))[maps // 2 :])
        assert seen.tolist() == [0, 1]


def test_a_group_equals_a_convolution_of_its_own(rng):
    layer = alexnet(SMALL, num_classes=2).get_layer("C4")
    kernel, bias = (rng.normal(size=w.shape) for w in layer.weights)
    layer.set_weights([kernel, bias])
    x = rng.normal(size=(2, 1, 1, 384)).astype("float32")
    for group in (slice(0, 192), slice(192, 384)):
        # On one pixel, only the middle of the kernel has an input.
        expected = np.maximum(
            x[:, 0, 0, group] @ kernel[1, 1, :, group] + bias[group], 0
        )
        outputs = np.asarray(layer(x))[:, 0, 0, group]
        np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-3)


def test_initial_weights_are_the_papers():
    model = alexnet(SMALL, num_classes=20)
    for layer in model.layers:
        if layer.weights:
            expected = 1 if layer.name in ("C2", "C4", "C5", "F6", "F7") else 0
            assert (layer.bias.numpy() == expected).all()
            assert layer.kernel.numpy().std() == pytest.approx(0.01, rel=0.05)
    assert layer_table(model)["P5"].output_shape == (1, 1, 256)


def test_keras_refuses_a_smaller_image():
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        alexnet((66, 227, 3))


@pytest.mark.parametrize("groups", [3, 0])
def test_keras_refuses_groups_that_do_not_divide_the_maps(groups):
    with pytest.raises(ValueError, match=f"groups={groups}"):
        alexnet(groups=groups)
