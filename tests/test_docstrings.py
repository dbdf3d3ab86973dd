import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "activations",
        "codes",
        "counts",
        "initializers",
        "layers.connection_table_conv2d",
        "layers.rbf",
        "layers.subsampling2d",
        "losses",
        "metrics",
        "models.lenet5",
        "models.lenet5_modern",
    ],
)
def test_examples_do_what_they_show(name):
    result = doctest.testmod(importlib.import_module(f"lenet_keras.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
