import keras
import numpy as np
import pytest

from lenet_keras import rbf_codes
from lenet_keras.activations import scaled_tanh
from lenet_keras.initializers import FanInUniform
from lenet_keras.layers import (
    RBF,
    ConnectionTableConv2D,
    LocalResponseNormalization,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5, lenet5_modern
from lenet_study.networks import lenet1

TABLE = ((0, 2), (1,), (0, 1, 2), (2,))

LAYERS = {
    "connection_table_conv2d": (
        ConnectionTableConv2D(
            TABLE, 3, activation=scaled_tanh, kernel_initializer=FanInUniform()
        ),
        (6, 7, 3),
    ),
    "subsampling2d": (Subsampling2D((3, 2)), (6, 7, 3)),
    "rbf": (RBF(rbf_codes("0123456789")), (84,)),
    "rbf_trainable": (RBF(np.ones((3, 7)), trainable_codes=True), (7,)),
    "local_response": (LocalResponseNormalization(1, 1.5, 0.2, 0.5), (4, 3, 5)),
    "rbf_posterior": (RBFPosterior(j=2.5), (4,)),
    "dense_with_scaled_tanh": (keras.layers.Dense(3, scaled_tanh), (5,)),
}

# Runs in a new process without the models, and with only one import of the package.
# It loads the models in the folder and saves their outputs there.
LOAD = """
import pathlib, sys
import keras, numpy as np
import lenet_keras

for file in pathlib.Path(sys.argv[1]).glob("*.keras"):
    model = keras.saving.load_model(file)
    asked = np.load(file.with_suffix(".npz"))
    answers = {"outputs": keras.ops.convert_to_numpy(model(asked["x"]))}
    if "y" in asked:
        scores = model.evaluate(asked["x"], asked["y"], verbose=0, return_dict=True)
        answers.update(scores)
    np.savez(file.with_suffix(".{}.npz".format(sys.argv[2])), **answers)
"""


def with_random_weights(model, rng):
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    return model


def model_of(layer, input_shape):
    return keras.Sequential([keras.Input(input_shape), layer])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Returns the folder of the models, and their outputs before they are saved."""
    rng = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("models")
    models = {name: model_of(*LAYERS[name]) for name in LAYERS}
    losses = {
        "rbf_mean_squared_error": RBFMeanSquaredError(),
        "maximum_a_posteriori": MaximumAPosteriori(j=2.5),
    }
    for name, loss in losses.items():
        models[name] = lenet5()
        models[name].compile("sgd", loss, metrics=[RBFAccuracy()])
    models["lenet5_modern"] = lenet5_modern((32, 32, 3))
    models["lenet1"] = lenet1()
    models["lenet1"].compile("sgd", SparseMeanSquaredError(), metrics=["accuracy"])
    answers = {}
    for name, model in models.items():
        with_random_weights(model, rng)
        x = rng.uniform(size=(4, *model.input_shape[1:])).astype("float32")
        asked, answers[name] = {"x": x}, {"outputs": np.asarray(model(x))}
        if model.compiled:
            pick = np.argmax if name == "lenet1" else np.argmin
            winner = pick(answers[name]["outputs"], axis=1)
            asked["y"] = np.where([True, True, True, False], winner, 9 - winner)
            scores = model.evaluate(x, asked["y"], verbose=0, return_dict=True)
            assert 0.75 in scores.values()
            answers[name] |= scores
        np.savez(folder / f"{name}.npz", **asked)
        model.save(folder / f"{name}.keras")
    return folder, answers


@pytest.fixture(scope="module")
def loaded(saved, backend, run_python):
    """Returns the answers of the models in a new process on each backend."""
    folder, _ = saved
    run_python("-c", LOAD, folder, backend, backend=backend)
    return lambda name: np.load(folder / f"{name}.{backend}.npz")


@pytest.mark.parametrize(
    "name",
    [
        *LAYERS,
        "rbf_mean_squared_error",
        "maximum_a_posteriori",
        "lenet5_modern",
        "lenet1",
    ],
)
def test_loaded_in_a_fresh_process_answers_the_same(name, saved, loaded):
    (_, expected), answers = saved, loaded(name)
    assert answers.keys() == expected[name].keys()
    for key in answers:
        np.testing.assert_allclose(
            answers[key], expected[name][key], rtol=1e-4, atol=1e-6
        )


def test_loads_as_the_layer_that_it_was(saved):
    folder, _ = saved
    for name, (layer, _) in LAYERS.items():
        loaded = keras.saving.load_model(folder / f"{name}.keras").layers[-1]
        assert type(loaded) is type(layer)
        assert loaded.get_config() == layer.get_config()
        for after, before in zip(loaded.weights, layer.weights, strict=True):
            np.testing.assert_array_equal(after, before)
            assert after.trainable == before.trainable
