"""Uses all of `lenet_keras` in a process that refuses it everything else.

    python tests/helpers/keras_and_numpy.py

The package's own modules may import the standard library, Keras, NumPy, the backend,
and each other, but not the study. What Keras imports itself is its own affair.
"""

import builtins
import sys

ALLOWED = {"keras", "numpy", "lenet_keras", "tensorflow", "jax", "torch"}
ORIGINAL = builtins.__import__


def guarded(name, importer=None, *args, **kwargs):
    own = str((importer or {}).get("__name__", "")).split(".")[0]
    top = name.split(".")[0]
    if own == "lenet_keras" and top not in ALLOWED | sys.stdlib_module_names:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return ORIGINAL(name, importer, *args, **kwargs)


def main():
    builtins.__import__ = guarded
    import numpy as np

    import lenet_keras
    from lenet_keras import counts, losses, models, preprocessing, sdlm

    for name in models.__all__:
        print(name, counts.symbolic_layer_table(getattr(models, name))["total"])
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), "uint8")
    x, y = preprocessing.prepare(images, "paper"), np.arange(4)
    model = lenet_keras.load_pretrained("lenet5-mnist")
    assert model.predict(x, verbose=0).shape == (4, 10)
    model.compile(sdlm.SDLM(1e-4), loss=losses.MaximumAPosteriori(10.0))
    sdlm.fit(
        model, x, y, callbacks=[sdlm.CurvatureEstimation(x, y, patterns=4)], verbose=0
    )
    assert not any(module.startswith("lenet_study") for module in sys.modules)


if __name__ == "__main__":
    main()
