"""Makes the trained networks that come with the package."""

import hashlib
import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd

from lenet_keras import models, pretrained
from lenet_keras.datasets import prepare
from lenet_keras.experiments.reproduce import Protocol, reproduce
from lenet_keras.experiments.run import DATASETS, train
from lenet_keras.files import replacing
from lenet_keras.recipes import RECIPES

PROTOCOLS = {
    "lenet5-mnist": Protocol(),
    "lenet5-mnist-distorted": Protocol(distortions=True),
}
# By the recommended recipe of that name. (That of the faithful network on MNIST is the
# protocol with distortions.)
TRAINED = ["lenet5_modern-mnist", "lenet5-cifar10", "lenet5_modern-cifar10"]


def pretrain(name, results, folder=pretrained.FOLDER):
    """Trains one of the networks, with seed 0, and writes its weights and record.

    Args:
        name: A key of `PROTOCOLS` or `TRAINED`.
        results: Folder of `reproduce`'s results; a run that is there already is taken
            as it is.
        folder: Where to write to.

    Returns:
        The record, as `lenet_keras.pretrained.records` has it.
    """
    if name in PROTOCOLS:
        model_name, dataset, pixels = "lenet5", "mnist", "paper"
        protocol = PROTOCOLS[name]
        row = reproduce(results, protocol).iloc[-1].to_dict()
        model = models.lenet5()
        model.load_weights(Path(results) / f"{protocol.name}_seed-0.weights.h5")
    else:
        model_name, dataset = name.split("-")
        pixels = RECIPES[name].pixels
        run = train(model_name, dataset, name)
        row = run.row
        # A network that is not compiled: the optimizer's state would be saved too.
        build, shape = getattr(models, model_name), run.model.input_shape[1:]
        model = build(shape, **RECIPES[name].network)
        model.set_weights(run.model.get_weights())

    _, (x_test, y_test) = DATASETS[dataset]()
    record = {
        "model": model_name,
        "dataset": dataset,
        "input_shape": list(model.input_shape[1:]),
        "pixels": pixels,
        "command": shlex.join(["lenet-keras", "pretrain", name]),
        "test_errors": errors(model, model_name, prepare(x_test, pixels), y_test),
        "test_images": len(x_test),
        "run": json.loads(pd.Series(row).to_json()),
    }
    folder = Path(folder)
    with replacing(folder / f"{name}.weights.h5") as file:
        model.save_weights(file)
        record["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    path = folder / "records.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    with replacing(path) as file:
        text = json.dumps(known | {name: record}, indent=1)
        file.write_text(text + "\n", encoding="utf-8")
    return record


def errors(model, model_name, x, labels):
    """Returns how many images a network answers wrongly."""
    outputs = model.predict(x, batch_size=1000, verbose=0)
    answers = np.argmin if model_name == "lenet5" else np.argmax
    return int((answers(outputs, axis=1) != labels).sum())
