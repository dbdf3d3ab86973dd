"""Trains the networks that come with the package, and names them for measurements."""

import dataclasses
import hashlib
import json
import shlex
from pathlib import Path

import numpy as np

from lenet_keras import losses, pretrained
from lenet_study.augmentation import augmented
from lenet_study.files import check_writable, replacing
from lenet_study.pixels import network_input
from lenet_study.teachers import answers_of
from lenet_study.training import DATASETS, Run, identity, load_images, train

# The names of their recipes. Each starts with the network and the data set.
NAMES = [
    "lenet5-mnist",
    "lenet5-mnist-distorted",
    "lenet5-mnist-line",
    "lenet5-mnist-line-best",
    "lenet5_modern-mnist",
    "lenet5-cifar10",
    "lenet5_modern-cifar10",
    "lenet5-mnist-best",
    "lenet5_modern-mnist-best",
    "lenet5-cifar10-best",
    "lenet5_modern-cifar10-best",
]


@dataclasses.dataclass(frozen=True)
class Shipped:
    """A network of the package that is measured. `sweep` takes it as a run.

    Attributes:
        network: Name of a network of `lenet_keras.load_pretrained`.
    """

    epochs = 1
    network: str

    @property
    def asked(self):
        """The attributes, as JSON values."""
        return dataclasses.asdict(self)

    @property
    def configuration(self):
        """The attributes, and the weights of the network."""
        return self.asked | {"sha256": pretrained.records()[self.network]["sha256"]}

    @property
    def id(self):
        """The identity, a hash of the configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """The network."""
        return self.network

    @property
    def dataset(self):
        """The data set that the network was trained on."""
        return pretrained.records()[self.network]["dataset"]


def pretrain(name, folder=pretrained.FOLDER, **arguments):
    """Trains one of the networks, with seed 0, and writes its weights and its record.

    Args:
        name: One of `NAMES`.
        folder: Folder to write to. During training it also holds the checkpoint.
        **arguments: Additional arguments of `Run`.

    Returns:
        The record, as in `lenet_keras.pretrained.records`.
    """
    folder = Path(folder)
    weights, records = folder / f"{name}.weights.h5", folder / "records.json"
    checkpoint = folder / f".{name}.checkpoint.npz"
    for path in (weights, records, checkpoint):
        check_writable(path)
    run = Run(name, name.split("-")[1], **arguments)
    result = train(run, checkpoint)
    _, (x, y) = load_images(run)
    x = network_input(x, run.settings.pixels)
    # The file of a compiled network would also hold the state of the optimizer.
    model = run.settings.build(x.shape[1:])
    model.set_weights(result.model.get_weights())
    known = json.loads(records.read_text(encoding="utf-8")) if records.exists() else {}
    record = {
        "model": run.settings.network,
        "dataset": run.dataset,
        "input_shape": list(model.input_shape[1:]),
        "pixels": run.settings.pixels,
        **posterior(run.settings),
        "command": shlex.join(["lenet-keras", "pretrain", name]),
        "test_errors": errors(model, run.settings.network, x, y),
        "test_images": len(x),
        "run": result.row,
    }
    with replacing(weights) as beside:
        model.save_weights(beside)
        record["sha256"] = hashlib.sha256(beside.read_bytes()).hexdigest()
    with replacing(records) as beside:
        text = json.dumps(known | {name: record}, indent=1)
        beside.write_text(text + "\n", encoding="utf-8")
    checkpoint.unlink()
    return record


def posterior(recipe):
    """Returns the `j` and `temperature` of loss (9), or `None` for another loss."""
    loss = {}
    if recipe.loss.endswith("MaximumAPosteriori"):
        loss = losses.MaximumAPosteriori(**recipe.loss_arguments).get_config()
    return {name: loss.get(name) for name in ("j", "temperature")}


def errors(model, network, x, labels):
    """Returns the number of images that a network classifies wrongly."""
    outputs = model.predict(x, batch_size=1000, verbose=0)
    answers = np.argmin if network == "lenet5" else np.argmax
    return int((answers(outputs, axis=1) != labels).sum())


VIEWS = 8  # changed versions of each image, over which a teacher's answers are averaged


def teach(dataset, held_out=10_000):
    """Trains the larger network of a data set and stores its answers as labels.

    Args:
        dataset: `"mnist"` or `"cifar10"`.
        held_out: Number of training images, counted from the last, that it does not
            train on, and that measure it.

    Returns:
        Dictionary of the `run`, its row, and the `sha256` of the answers. Both are in
        `teachers/` of the data folder: the logarithm of the mean answer over `VIEWS`
        changed versions of each training image, and the record.
    """
    path = answers_of(dataset)
    record = path.with_suffix(".json")
    checkpoint = path.with_name(f".{dataset}.checkpoint.npz")
    for file in (path, record, checkpoint):
        check_writable(file)
    run = Run(f"teacher-{dataset}", dataset, held_out=held_out)
    recipe = run.settings
    result = train(run, checkpoint)
    (x, y), _ = DATASETS[dataset]()
    x, arguments = network_input(x, recipe.pixels), recipe.augmentation_arguments
    views = augmented(x, y, recipe.augmentation, **arguments)
    answers = sum(
        result.model.predict(views(epoch)[0], batch_size=500, verbose=0)
        for epoch in range(VIEWS)
    )
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, np.log(answers / VIEWS + 1e-7).astype("float16"))
    known = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "run": result.row}
    with replacing(record) as beside:
        beside.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    checkpoint.unlink()
    return known
