import dataclasses
import itertools

import keras
import numpy as np
import pytest

from lenet_study import networks
from lenet_study.images.pixels import network_input
from lenet_study.recipes import (
    BASELINES,
    CLAIMED,
    GROUPS,
    LADDER,
    PERMUTED,
    RECIPES,
    RECOMMENDED,
    RELATIVES,
    recommended,
)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_a_network_and_compiles_it(name):
    recipe = RECIPES[name]
    photographs = "cifar10" in name or name in RELATIVES
    images = np.zeros((1, 32, 32, 3) if photographs else (1, 28, 28), "uint8")
    input_shape = network_input(images, recipe.pixels).shape[1:]
    model = recipe.build(input_shape)
    assert model.name == recipe.network
    recipe.compile(model, 600)
    assert type(model.loss).__name__ == recipe.loss
    for argument, value in recipe.loss_arguments.items():
        assert getattr(model.loss, argument) == value
    assert type(model.optimizer).__name__ == recipe.optimizer


def test_every_compilation_has_an_optimizer_of_its_own():
    first, second = networks.lenet5(), networks.lenet5()
    RECIPES["lenet5-adam"].compile(first, 600)
    RECIPES["lenet5-adam"].compile(second, 600)
    assert first.optimizer is not second.optimizer


def test_note_002_is_rmsprop_as_keras_has_it_by_default():
    recipe = RECIPES["note-002"]
    model = networks.lenet5_modern()
    recipe.compile(model, 600)
    default = keras.optimizers.RMSprop(name=model.optimizer.name)
    assert model.optimizer.get_config() == default.get_config()
    assert (recipe.pixels, recipe.batch_size, recipe.epochs) == ("raw", 32, 10)


def test_the_papers_twenty_epochs_are_compressed_to_the_recipes():
    model = networks.lenet5_variant()
    recipe = dataclasses.replace(RECIPES["1998"], epochs=10, learning_rate=0.5)
    recipe.compile(model, train_images=600)
    rates = [float(r) for r in model.optimizer.next_rates(6000)]
    # 0.0005 for 2 of 20 epochs, 0.0002 for 3, 0.0001 for 3, 0.00005 for 4, 0.00001.
    expected = [2.5e-4] * 600 + [1e-4] * 900 + [5e-5] * 900 + [2.5e-5] * 1200
    np.testing.assert_allclose(rates, expected + [5e-6] * 2400, rtol=1e-6)


def what_changes(before, after):
    """The attributes of two recipes that are not the same, a network's part by part."""
    before, after = ({**vars(r), **r.network_arguments} for r in (before, after))
    for recipe in (before, after):
        del recipe["network_arguments"], recipe["title"]
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


def test_each_rung_changes_one_thing():
    recipes = [RECIPES[name] for name in LADDER]
    changes = [what_changes(*pair) for pair in itertools.pairwise(recipes)]
    assert changes == [
        {"loss", "loss_arguments"},
        {"order"},
        {"optimizer", "learning_rate", "batch_size", "schedule"},  # a method
        {"output", "loss", "loss_arguments"},  # which go together
        {"c3"},
        {"subsampling"},
        {"subsampling"},
        {"activation"},
        {"kernel_initializer"},
        {"pixels"},
        {"pixels"},
        {"optimizer"},
        {"batch_size"},
    ]


def test_the_ladder_starts_with_the_faithful_network_and_ends_with_the_notes():
    first, *_, last = (RECIPES[name] for name in LADDER)
    assert (first.network, first.network_arguments) == ("lenet5_variant", {})
    assert (first.optimizer, first.batch_size, first.order) == ("SDLM", 1, "once")
    note = RECIPES["note-002"]
    for name in ("pixels", "loss", "optimizer", "learning_rate", "batch_size"):
        assert getattr(last, name) == getattr(note, name)
    assert last.network_arguments == {
        "output": "softmax",
        "c3": "full",
        "subsampling": "max",
        "activation": "swish",
        "kernel_initializer": "glorot_uniform",
    }


def test_a_cosine_schedule_ends_at_zero_with_the_last_update():
    recipe = dataclasses.replace(
        RECIPES["lenet5-adam"], schedule="cosine", learning_rate=0.004, epochs=3
    )
    model = networks.lenet5()
    recipe.compile(model, train_images=130)  # three updates of 64 a pass
    rate = model.optimizer._learning_rate
    rates = [float(rate(step)) for step in range(10)]
    expected = [0.002 * (1 + np.cos(np.pi * step / 9)) for step in range(10)]
    np.testing.assert_allclose(rates, expected, atol=1e-8)


def test_a_warm_up_rises_to_the_rate_and_the_cosine_takes_the_rest():
    recipe = dataclasses.replace(
        RECIPES["lenet5-adam"],
        schedule="cosine",
        learning_rate=0.004,
        epochs=3,
        warmup_epochs=1,
    )
    model = networks.lenet5()
    recipe.compile(model, train_images=130)  # three updates of 64 an epoch
    rate = model.optimizer._learning_rate
    rates = [float(rate(step)) for step in range(10)]
    expected = [0, 0.004 / 3, 0.008 / 3]
    expected += [0.002 * (1 + np.cos(np.pi * step / 6)) for step in range(7)]
    np.testing.assert_allclose(rates, expected, atol=1e-8)


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
@pytest.mark.parametrize("network", ["lenet5", "lenet5_modern"])
def test_the_best_recipes_change_the_training_alone(network, dataset):
    best = RECIPES[f"{network}-{dataset}-best"]
    known = RECIPES[f"{network}-{dataset}"]
    assert (best.network, best.pixels) == (network, known.pixels)
    assert best.network_arguments == known.network_arguments


def test_the_method_of_1998_is_tried_with_the_same_distortions_and_as_many_epochs():
    best, of_1998 = RECIPES["lenet5-mnist-best"], RECIPES["lenet5-mnist-1998-best"]
    for name in ("network", "pixels", "epochs", "augmentation"):
        assert getattr(of_1998, name) == getattr(best, name)
    assert of_1998.augmentation_arguments == best.augmentation_arguments
    known = RECIPES["lenet5-mnist"]
    for name in ("loss", "optimizer", "learning_rate", "loss_arguments"):
        assert getattr(of_1998, name) == getattr(known, name)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_of_a_few_epochs_the_last_is_no_warm_up(epochs):
    recipe = dataclasses.replace(RECIPES["lenet5-mnist-best"], epochs=epochs)
    model = networks.lenet5()
    recipe.compile(model, train_images=10 * recipe.batch_size)
    rate = model.optimizer._learning_rate
    first = 10 * min(2, epochs - 1)
    expected = [0.003 * step / first for step in range(first)]
    cosine = np.pi * np.arange(10 * epochs - first + 1) / (10 * epochs - first)
    expected += [0.0015 * (1 + np.cos(angle)) for angle in cosine]
    found = [float(rate(step)) for step in range(10 * epochs + 1)]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_papers_own_schedule_holds_epoch_by_epoch():
    recipe = dataclasses.replace(RECIPES["lenet5-mnist"], epochs=12, learning_rate=0.5)
    model = networks.lenet5()
    recipe.compile(model, train_images=600)
    rates = [float(r) for r in model.optimizer.next_rates(3001)]
    expected = [2.5e-4] * 1200 + [1e-4] * 1800 + [5e-5]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_the_ladder_and_the_baselines_have_ten_epochs():
    assert {RECIPES[name].epochs for name in [*LADDER, *BASELINES]} == {10}


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
@pytest.mark.parametrize("model", ["lenet5", "lenet5_modern"])
def test_each_network_has_a_recommended_recipe(model, dataset):
    name = recommended(model, dataset)
    assert name == f"{model}-{dataset}-best"
    assert RECIPES[name].network == model


def test_a_samples_recipe_needs_no_teacher():
    for model in ("lenet5", "lenet5_modern"):
        recipe = RECIPES[recommended(model, "cifar10-sample")]
        assert (recipe.network, recipe.teacher_weight) == (model, 0)


def test_other_networks_have_a_default_too():
    assert recommended("fully_connected", "cifar10") == "fc-300"


def test_a_network_without_a_recipe_is_refused():
    with pytest.raises(
        ValueError, match=r"Expected a network among .*network='alexnet'"
    ):
        recommended("alexnet", "mnist")


def test_the_recommended_recipes_leave_the_networks_as_they_are():
    for network, own in RECOMMENDED.items():
        initial = {"kernel_initializer": "lecun_uniform"} if network == "lenet5" else {}
        for name in own.values():
            assert RECIPES[name].network_arguments == initial


def test_permuted_and_noisy_recipes_change_the_images_only():
    noisy = [name for name in RECIPES if name.endswith("-noise")]
    for name in [*PERMUTED, *noisy]:
        plain = RECIPES[name.removesuffix("-permuted").removesuffix("-noise")]
        assert what_changes(plain, RECIPES[name]) <= {"pixels", "augmentation"}
    assert all(RECIPES[name].pixels.endswith("-permuted") for name in PERMUTED)
    assert all(RECIPES[name].augmentation == "noise" for name in noisy)
    assert GROUPS["claims"] == [*CLAIMED, *noisy]
    assert [f"{name}-permuted" for name in CLAIMED] == PERMUTED


def test_each_relative_has_one_idea():
    base = RECIPES["modern"]
    assert base.network == "lenet5_variant"
    assert base.network_arguments == {
        "c3": "full",
        "subsampling": "max",
        "activation": "swish",
        "c5": "dense",
        "output": "softmax",
        "kernel_initializer": "glorot_uniform",
    }
    assert [name for name in RECIPES if name.split("-")[0] == "modern"] == RELATIVES
    changes = {name: what_changes(base, RECIPES[name]) for name in RELATIVES}
    assert changes == {
        "modern": set(),
        "modern-relu": {"activation"},
        "modern-tanh": {"activation"},
        "modern-overlapping": {"subsampling"},
        "modern-lrn": {"normalization"},
        "modern-lrn-scaled": {"normalization"},
        "modern-dropout": {"dropout"},
        "modern-augmented": {"augmentation"},
        "modern-plain": {"block"},
        "modern-residual": {"block"},
        "modern-inception": {"block"},
    }


def test_lenet1_is_trained_both_ways_on_both_sizes_of_digits():
    lenet1 = [name for name in RECIPES if name.startswith("lenet1-")]
    assert GROUPS["lenet1"] == lenet1
    methods = {
        (r.optimizer, r.pixels, r.network_arguments.get("reading"))
        for r in map(RECIPES.get, GROUPS["lenet1"])
    }
    assert methods == {
        (optimizer, pixels, reading)
        for optimizer, reading in (("SDLM", None), ("Adam", None), ("Adam", "dense"))
        for pixels in ("paper-reduced", "paper-unpadded")
    }
    assert recommended("lenet1", "mnist") == "lenet1-mnist"


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "cosin"},
        {"schedule": "paper"},  # of the method of 1998 alone
        {"network": "lenet6"},
        {"loss": "none"},
        {"optimizer": "Adamm"},
        {"estimates_in_first_epoch": 0},
        {"order": "never"},
        {"order": "once"},
        {"batch_size": 0},
        {"augmentation": "blur"},
        {"augmentation": "neighbours"},  # which changes labels
        {"augmentation": "lines"},  # of the loss of lines alone
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"warmup_epochs": 1},  # of a cosine alone
        {"warmup_epochs": -1},
        {"plain_epochs": 0.5},
        {"ema_momentum": 1},
        {"label_smoothing": 0.1},  # of a loss that takes probabilities
        {"teacher_weight": 0.5},
        {"teacher_temperature": 0},
        {"optimizer": "SDLM"},  # which takes one pattern at a time
    ],
)
def test_a_recipe_that_cannot_be_is_refused(changes, message):
    text = message(dataclasses.replace, RECIPES["lenet5-adam"], **changes)
    ((name, value),) = changes.items()
    if value == "SDLM":
        name, value = "batch_size", 64
    assert f"{name}={value!r}" in text


def test_the_method_of_1998_updates_after_each_pattern(message):
    text = message(dataclasses.replace, RECIPES["1998"], batch_size=64)
    assert "batch_size=64" in text


def test_a_network_that_reads_lines_trains_on_lines(message):
    recipe = RECIPES["lenet5-mnist-line-best"]
    assert recipe.labels == "lines"
    assert not any(
        other.labels == "lines" for other in RECIPES.values() if other != recipe
    )
    for changes in ({"augmentation": "elastic"}, {"plain_epochs": 2}):
        ((name, value),) = changes.items()
        text = message(dataclasses.replace, recipe, **changes)
        assert f"{name}={value!r}" in text


def test_the_accuracy_on_lines_is_the_share_that_the_nearest_states_read(rng):
    recipe = RECIPES["lenet5-mnist-line-best"]
    model = keras.Sequential([keras.Input((1, 6, 10)), keras.layers.Identity()])
    recipe.compile(model, train_images=10)
    labels = rng.integers(0, 3, (400, 2))
    distances = rng.choice([50.0, 400.0], (400, 1, 6, 10), p=[0.1, 0.9])
    distances[..., 3:] = 500
    for line, text in zip(distances[:100, 0], labels, strict=False):
        line[:] = 400
        line[[1, 4], text] = 20  # two digits, one place each
    distances += rng.uniform(0, 1, distances.shape)
    right = []
    for line, text in zip(distances[:, 0], labels.tolist(), strict=True):
        states = [10 if y.min() > 200 else int(y.argmin()) for y in line]
        read = [state for state, _ in itertools.groupby(states) if state != 10]
        right.append(read == text)
    assert 0.25 < np.mean(right) < 0.5
    measured = model.evaluate(distances, labels, verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(np.mean(right))
