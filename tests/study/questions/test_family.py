import keras
import pytest

from lenet_keras.counts import symbolic_layer_table
from lenet_study.questions.family import (
    FAMILY,
    block_counts,
    build,
    published,
    stacked_threes,
    timeline,
)


@pytest.fixture(scope="module")
def counted():
    return timeline()


FIGURES = [
    pytest.param(name, count, figure, id=f"{name} {count}")
    for name, network in FAMILY.items()
    for count, figure in network["published"].items()
]


@pytest.mark.parametrize(("name", "count", "figure"), FIGURES)
def test_a_published_figure_is_our_count_or_has_its_reason(
    name, count, figure, counted
):
    off = abs(counted.loc[name, count] - figure["value"])
    assert (off <= figure["step"] / 2) == ("why" not in figure)
    assert set(figure) - {"why"} == {"value", "step", "source"}


def test_published_figures_stand_beside_their_counts(counted):
    table = published(counted)
    assert len(table) == len(FIGURES)
    row = table.loc[("VGG-16", "multiply-adds")]
    assert row["published"] == 15_300_000_000
    assert row["counted"] == 15_470_264_320
    assert row["ratio"] == pytest.approx(1.01113, abs=1e-5)
    assert "dense" in row["reason"]
    assert row["source"].startswith("He et al.")
    assert table.loc[("LeNet-5", "connections"), "reason"] == ""


# The figures once more, from the papers and from Caffe.
def test_the_published_figures(counted):
    assert counted["published_parameters"].dropna().to_dict() == {
        "LeNet-1": 2_578,
        "LeNet-4": 17_000,
        "LeNet-5": 60_000,
        "AlexNet": 60_965_224,
        "GoogLeNet": 6_998_552,
        "VGG-16": 138_000_000,
    }
    connections = counted["published_connections"].dropna().to_dict()
    assert connections == {"LeNet-1": 98_442, "LeNet-4": 260_000, "LeNet-5": 340_908}
    multiply_adds = counted["published_multiply_adds"].dropna().to_dict()
    assert multiply_adds == {
        "LeNet-1": 100_000,
        "LeNet-4": 260_000,
        "LeNet-5": 401_000,
        "GoogLeNet": 1_500_000_000,
        "VGG-16": 15_300_000_000,
        "ResNet-50": 3_800_000_000,
    }


# What the reasons say, from our counts.
def test_the_reasons_of_the_lenets_are_true(counted):
    connections = counted["connections"]
    assert round(connections["LeNet-1"] / 1e3) == 98
    assert round(connections["LeNet-4"] / 1e3) == 262
    assert connections["LeNet-5"] + counted.loc["LeNet-5", "parameters"] == 400_908
    assert symbolic_layer_table(lambda: build("LeNet-4"))["F5"].trainable == 48_120


def test_the_reason_of_googlenet_is_true(counted):
    first = symbolic_layer_table(lambda: build("GoogLeNet"))["conv1"]
    assert round(first.multiply_adds / 1e6) == 118
    printed = first.multiply_adds * (7 + 7) / (7 * 7)
    assert round(printed / 1e6) == 34
    ours = counted.loc["GoogLeNet", "multiply_adds"]
    assert round((ours - first.multiply_adds + printed) / 1e9, 1) == 1.5


@pytest.mark.parametrize(
    ("network", "dense", "published_billions", "has_them_in"),
    [
        (keras.applications.VGG16, 0.12, 15.3, False),
        (keras.applications.VGG19, 0.12, 19.6, True),
    ],
)
def test_the_reason_of_vgg_16_is_true(network, dense, published_billions, has_them_in):
    counted = symbolic_layer_table(lambda: network(weights=None)).to_pandas()
    counted = counted["multiply_adds"] / 1e9
    of_dense = counted[["fc1", "fc2", "predictions"]].sum()
    assert round(of_dense, 2) == dense
    with_them, without = counted["total"], counted["total"] - of_dense
    assert (round(with_them, 1) == published_billions) == has_them_in
    assert (round(without, 1) == published_billions) == (not has_them_in)


@pytest.mark.parametrize(
    ("network", "billions"),
    [
        (keras.applications.ResNet50, 3.86),  # the paper: 3.8
        (keras.applications.ResNet101, 7.57),  # 7.6
        (keras.applications.ResNet152, 11.28),  # 11.3
    ],
)
def test_the_reason_of_resnet_50_is_true(network, billions):
    counted = symbolic_layer_table(lambda: network(weights=None)).to_pandas()
    counted = counted["multiply_adds"]
    of_normalization = counted[counted.index.str.endswith("_bn")].sum()
    assert of_normalization > 1e7
    assert round((counted["total"] - of_normalization) / 1e9, 2) == billions


def test_it_is_in_the_order_of_the_years(counted):
    assert counted["year"].is_monotonic_increasing
    assert counted.index.tolist() == list(FAMILY)


@pytest.mark.parametrize(("maps", "filters"), [(3, 5), (64, 64), (10, 36)])
def test_five_threes_and_one_eleven(maps, filters):
    five, one = stacked_threes(maps, filters)
    assert five == 9 * maps * filters + 36 * filters**2
    assert one == 121 * maps * filters


def test_the_stack_saves_weights_below_3_11_filters_a_map_not_3_6():
    for filters, saves in {310: True, 311: True, 312: False, 360: False}.items():
        five, one = stacked_threes(100, filters)
        assert (five < one) == saves


def test_a_block_is_counted_by_itself():
    counted = block_counts(keras.layers.Conv2D(4, 3), (5, 6, 2))
    assert counted.trainable == 4 * (2 * 9 + 1)
    assert counted.connections == 3 * 4 * 4 * (2 * 9 + 1)
    assert counted.multiply_adds == 3 * 4 * 4 * 2 * 9
