import pytest

from lenet_keras.counts import symbolic_layer_table
from lenet_keras.family import FAMILY, Published, stacked_threes, timeline


@pytest.fixture(scope="module")
def counted():
    return timeline()


FIGURES = [
    pytest.param(name, count, figure, id=f"{name} {count}")
    for name, member in FAMILY.items()
    for count, figure in member.published.items()
]


@pytest.mark.parametrize(("name", "count", "figure"), FIGURES)
def test_a_published_figure_is_our_count_or_has_its_reason(
    name, count, figure, counted
):
    assert figure.fits(counted.loc[name, count]) == (figure.why == "")
    assert counted.loc[name, f"published_{count}"] == figure.value
    assert figure.why in counted.loc[name, "remark"]


# The figures once more, from the papers and from what Keras documents of its own.
def test_the_published_figures(counted):
    assert counted["published_parameters"].to_dict() == {
        "LeNet-1": 2_578,
        "LeNet-4": 17_000,
        "LeNet-5": 60_000,
        "AlexNet": 60_965_224,
        "GoogLeNet": 6_998_552,
        "VGG-16": 138_357_544,
        "ResNet-50": 25_636_712,
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
def test_the_reasons_are_true(counted):
    rounded = counted["connections"] / 1e4
    assert round(rounded["LeNet-1"]) == 10
    assert round(rounded["LeNet-4"]) == 26
    lenet5 = counted.loc["LeNet-5"]
    assert lenet5["connections"] + lenet5["parameters"] == 400_908
    multiply_adds = counted["multiply_adds"]
    dense = 25_088 * 4_096 + 4_096**2 + 4_096 * 1_000
    assert round(dense / 1e9, 2) == 0.12
    assert round((multiply_adds["VGG-16"] - dense) / 1e9, 1) == 15.3
    weights, first = 64 * 7 * 7 * 3, 112**2 * 64 * 7 * 7 * 3
    assert (round(weights, -2), round(first / 1e6)) == (9_400, 118)
    weights, narrow = 64 * (7 + 7) * 3, 112**2 * 64 * (7 + 7) * 3
    assert (round(weights, -2), round(narrow / 1e6)) == (2_700, 34)
    assert round((multiply_adds["GoogLeNet"] - first + 34e6) / 1e9, 2) == 1.5
    resnet = symbolic_layer_table(FAMILY["ResNet-50"].build)["multiply_adds"]
    of_normalization = resnet[resnet.index.str.endswith("_bn")].sum()
    assert of_normalization > 1e7
    assert round((resnet["total"] - of_normalization) / 1e9, 2) == 3.86


def test_a_figure_fits_up_to_its_last_digit():
    figure = Published(260e3, 1e4, "somewhere")
    assert figure.fits(262_306)
    assert figure.fits(255_000)
    assert not figure.fits(254_999)


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
