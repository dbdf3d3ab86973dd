"""Trained networks that come with the package, each with the record of its run."""

import hashlib
import json
from pathlib import Path

import keras

from lenet_keras import layers, models
from lenet_keras.checks import expect

FOLDER = Path(__file__).parent


def records():
    """Returns the records of all trained networks, by name.

    Returns:
        Dictionary from a name to a dictionary:

        - `model`, `dataset`, `input_shape`: the network, and what it was trained on;
        - `pixels`: the second argument of `lenet_keras.preprocessing.prepare`;
        - `j`, `temperature`: those of the training loss, for
          `lenet_keras.layers.RBFPosterior`; `null` for the modern networks;
        - `command`: the command that trains it again;
        - `run`: the row of its run;
        - `test_errors`, `test_images`: wrong answers on the whole test set, and its
          size;
        - `sha256`: SHA-256 of its file of weights.
    """
    return json.loads((FOLDER / "records.json").read_text(encoding="utf-8"))


def load_pretrained(name, output=None, input_shape=None):
    """Loads a trained network.

    `lenet_keras.pretrained.records()` has the training and the test error of each.

    Args:
        name: One of

            - `"lenet5-mnist-best"`, `"lenet5_modern-mnist-best"`,
              `"lenet5-cifar10-best"`, `"lenet5_modern-cifar10-best"`: both networks on
              both data sets, by the best training that we know; these are the
              recommended ones;
            - `"lenet5-mnist-robust"`, `"lenet5_modern-mnist-robust"`: both, trained on
              changed digits too, and on images of no digit; for photos and drawings;
            - `"lenet5-mnist"`: the faithful network, trained by the paper's method,
              one pattern at a time with loss (9);
            - `"lenet5-mnist-distorted"`: the same, also on distorted digits;
            - `"lenet5_modern-mnist"`, `"lenet5-cifar10"`, `"lenet5_modern-cifar10"`:
              minibatches of Adam, 30 or 60 epochs;
            - `"lenet5-mnist-line-best"`: the faithful network, trained to read lines of
              digits with `lenet_keras.read_digits`;
            - `"lenet5-mnist-line"`: the same, trained on single digits with neighbours.

        output: `"probabilities"` for a network whose largest output wins, for code that
            expects probabilities. A faithful network gets an
            `lenet_keras.layers.RBFPosterior` without a rubbish class; its answers stay
            the same. `None` for the network as it was trained.
        input_shape: `(height, width, channels)` of larger images, for the faithful
            networks. They answer wherever a square of 32x32 pixels fits: see
            `lenet_keras.models.lenet5`, also on sides of `None`. The channels stay.

    Returns:
        `keras.Model`, not compiled. The faithful networks return distances: the
        smallest output wins. The modern ones return probabilities: the largest wins.
        On larger images the output shape is `(batch, rows, columns, 10)`.

    Example:

    >>> model = load_pretrained("lenet5-mnist")
    >>> model.output_shape
    (None, 10)
    >>> load_pretrained("lenet5-mnist", input_shape=(None, 64, 1)).output_shape
    (None, None, 9, 10)

    Raises:
        ValueError: If there is no such network or output, or if the network does not
            take the `input_shape`.
        OSError: If its file is damaged or missing.
    """
    known = records()
    expect(name in known, f"a name among {list(known)}", name=name)
    expect(output in (None, "probabilities"), "None or 'probabilities'", output=output)
    record, path = known[name], FOLDER / f"{name}.weights.h5"
    if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise OSError(
            f"Expected undamaged weights. Received: {path}. Install the package again"
        )
    own_shape = tuple(record["input_shape"])
    shape = own_shape if input_shape is None else tuple(input_shape)
    slides = record["model"] == "lenet5" and shape[2:] == own_shape[2:]
    what = f"{own_shape}, or for a faithful network another height and width"
    expect(shape == own_shape or slides, what, input_shape=input_shape, name=name)
    model = getattr(models, record["model"])(input_shape=shape)
    model.load_weights(path)
    if output is None or record["temperature"] is None:
        return model
    posterior = layers.RBFPosterior(temperature=record["temperature"], name="posterior")
    return keras.Model(model.input, posterior(model.output), name=model.name)
