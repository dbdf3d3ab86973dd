"""Larger networks whose answers serve as labels."""

import hashlib
import json

import numpy as np
from scipy.special import softmax

from lenet_keras.checks import expect
from lenet_study.datasets.sources import data_dir


def soft_labels(labels, dataset, recipe):
    """Returns a probability for each class and image, as a recipe asks for them.

    Args:
        labels: Integer labels of the first training images of the data set.
        dataset: Name of the data set.
        recipe: `lenet_study.recipes.Recipe`, with a loss that takes
            probabilities.

    Returns:
        `float32` array of shape `(n, 10)`.

    Raises:
        ValueError: As `load_logits`.
    """
    targets = np.eye(10, dtype="float32")[labels]
    if recipe.label_smoothing:
        kept = 1 - recipe.label_smoothing
        targets = kept * targets + np.float32((1 - kept) / 10)
    if recipe.teacher_weight:
        logits = load_logits(dataset)[: len(labels)].astype("float32")
        answers = softmax(logits / np.float32(recipe.teacher_temperature), axis=1)
        weight = np.float32(recipe.teacher_weight)
        targets = (1 - weight) * targets + weight * answers
    return targets


def load_logits(dataset):
    """Returns the stored answers of a data set's teacher.

    Args:
        dataset: Name of the data set.

    Returns:
        `float16` array of shape `(n, 10)`: the logarithm of the answer for each class
        and training image.

    Raises:
        ValueError: If there is no teacher of the data set, or its file is damaged or
            another data set's.
    """
    path = logits_path(dataset)
    record = path.with_suffix(".json")
    expect(
        path.exists() and record.exists(),
        f"the answers of a teacher and their record in {path.parent}; "
        f"`lenet-keras pretrain teacher-{dataset}` trains it and writes them",
        dataset=dataset,
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        fits = known["sha256"] == digest and known["run"]["dataset"] == dataset
    except (LookupError, TypeError, ValueError):
        fits = False
    what = f"undamaged answers to {dataset}, with the SHA-256 and data set of {record}"
    expect(fits, what, path=str(path))
    return np.load(path)


def logits_path(dataset):
    """Returns the path of the answers of a data set's teacher, in the data folder."""
    return data_dir() / "teachers" / f"{dataset}.npy"
