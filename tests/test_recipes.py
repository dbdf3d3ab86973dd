import keras
import pytest

from lenet_keras import models
from lenet_keras.recipes import RECIPES, default_recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_names_a_network_and_compiles_it(recipe):
    model = getattr(models, recipe.model)()
    recipe.compile(model)
    assert model.loss == recipe.loss
    assert recipe.passes == 10


def test_every_compilation_has_an_optimizer_of_its_own():
    first, second = models.lenet5(), models.lenet5()
    RECIPES["lenet5-adam"].compile(first)
    RECIPES["lenet5-adam"].compile(second)
    assert first.optimizer is not second.optimizer


def test_note_002_is_rmsprop_as_keras_has_it_by_default():
    recipe = RECIPES["note-002"]
    model = models.lenet5_modern()
    recipe.compile(model)
    default = keras.optimizers.RMSprop(name=model.optimizer.name)
    assert model.optimizer.get_config() == default.get_config()
    assert (recipe.pixels, recipe.batch_size, recipe.passes) == ("raw", 32, 10)


def test_the_default_recipe_is_the_networks_own():
    assert default_recipe("lenet5") == "lenet5-adam"
    assert default_recipe("lenet5_modern") == "lenet5_modern-adam"


def test_a_network_without_a_recipe_is_refused():
    with pytest.raises(ValueError, match=r"Expected a model among .*model='lenet4'"):
        default_recipe("lenet4")
