"""Computes all backend cases in a process that refuses the package everything else.

    KERAS_BACKEND=torch python tests/helpers/on_backend.py results.npz

The file has the numbers of each case; or, of a case that fails, the text of its error.

The modules of `lenet_keras` may import the standard library, Keras, NumPy, the backend,
and each other, but not the study. What Keras imports itself is its own affair.
"""

import builtins
import sys
import traceback

import numpy as np

ALLOWED = {"keras", "numpy", "lenet_keras", "tensorflow", "jax", "torch"}
ORIGINAL = builtins.__import__


def guarded(name, importer=None, *args, **kwargs):
    own = str((importer or {}).get("__name__", "")).split(".")[0]
    top = name.split(".")[0]
    if own == "lenet_keras" and top not in ALLOWED | sys.stdlib_module_names:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return ORIGINAL(name, importer, *args, **kwargs)


def result(case):
    try:
        return np.asarray(case(np.random.default_rng(7)))
    except Exception:
        return traceback.format_exc()


def main(file):
    builtins.__import__ = guarded
    from backend_cases import CASES

    np.savez(file, **{name: result(case) for name, case in CASES.items()})


if __name__ == "__main__":
    main(sys.argv[1])
