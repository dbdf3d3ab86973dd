"""Trains the networks that come with the package, and their teachers."""

import contextlib
import hashlib
import json

import numpy as np

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_study.datasets import sources
from lenet_study.files import check_writable, replacing
from lenet_study.images.augmentation import augmented
from lenet_study.images.pixels import network_input
from lenet_study.settings import CHECKOUT
from lenet_study.training.run import Run
from lenet_study.training.teachers import logits_path
from lenet_study.training.train import load_images, train

VIEWS = 8  # changed versions of each image, over which a teacher's answers are averaged


def pretrain(name, **arguments):
    """Trains one of the networks, with seed 0, and writes its weights and its record.

    Both are the project's own files, so it needs a checkout.

    Args:
        name: Name of a recipe. It starts with the network and the data set.
        **arguments: Additional arguments of `Run`.

    Returns:
        The record, as in `lenet_keras.pretrained.records`.

    Raises:
        ValueError: If this is an installed package, not a checkout.
    """
    folder = pretrained.FOLDER  # in training it also holds the checkpoint
    weights, records = folder / f"{name}.weights.h5", folder / "records.json"
    run = Run(name, name.split("-")[1], **arguments)
    recipe = run.settings
    own = f"lenet-keras train {recipe.network} {run.dataset} --recipe {name}"
    what = f"a checkout, whose files it writes. For your own: `{own} --save FILE.keras`"
    expect(CHECKOUT, what, name=name)
    with _trained(run, weights, records) as trained:
        _, (x, y) = load_images(run)
        # The file of a compiled network would also hold the state of the optimizer.
        model = recipe.build(x.shape[1:])
        model.set_weights(trained.model.get_weights())
        outputs = model.predict(x, batch_size=1000, verbose=0)
        nearest = np.argmin if recipe.network == "lenet5" else np.argmax
        loss = trained.model.loss
        record = {
            "model": recipe.network,
            "dataset": run.dataset,
            "input_shape": list(model.input_shape[1:]),
            "pixels": recipe.pixels,
            **{name: getattr(loss, name, None) for name in ("j", "temperature")},
            "command": f"lenet-keras pretrain {name}",
            "test_errors": int((nearest(outputs, axis=1) != y).sum()),
            "test_images": len(x),
            "run": trained.row,
        }
        with replacing(weights) as beside:
            model.save_weights(beside)
            record["sha256"] = hashlib.sha256(beside.read_bytes()).hexdigest()
        known = json.loads(records.read_text("utf-8")) if records.exists() else {}
        _write_json(records, known | {name: record})
    return record


def teach(dataset):
    """Trains the larger network of a data set and stores its answers as labels.

    Args:
        dataset: `"mnist"` or `"cifar10"`. The last 10,000 training images measure the
            network, which does not train on them.

    Returns:
        Dictionary of the `run`, its row, and the `sha256` of the answers. Both are in
        `teachers/` of the data folder: the logarithm of the mean answer over `VIEWS`
        changed versions of each training image, and the record.
    """
    path = logits_path(dataset)
    run = Run(f"teacher-{dataset}", dataset, held_out=10_000)
    recipe = run.settings
    with _trained(run, path, path.with_suffix(".json")) as trained:
        x, y, *_ = sources.load(dataset).values()
        x, arguments = network_input(x, recipe.pixels), recipe.augmentation_arguments
        views = augmented(x, y, recipe.augmentation, **arguments)
        answers = sum(
            trained.model.predict(views(epoch)[0], batch_size=500, verbose=0)
            for epoch in range(VIEWS)
        )
        with replacing(path) as beside, beside.open("wb") as file:
            np.save(file, np.log(answers / VIEWS + 1e-7).astype("float16"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        record = {"sha256": digest, "run": trained.row}
        _write_json(path.with_suffix(".json"), record)
    return record


@contextlib.contextmanager
def _trained(run, *paths):
    """Yields the result of a training, which resumes until the paths are written."""
    checkpoint = paths[0].parent / f".{run.recipe}.checkpoint.npz"
    for path in (*paths, checkpoint):
        check_writable(path)
    yield train(run, checkpoint)
    checkpoint.unlink()


def _write_json(path, value):
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
