import pathlib

import pytest
import refusals


@pytest.mark.parametrize("name", refusals.REFUSALS)
def test_it_is_refused_with_a_clear_message(name):
    refusals.check(name)


def test_it_is_refused_on_jax_too(run_python):
    run_python(pathlib.Path(refusals.__file__), backend="jax")
