"""Larger networks whose answers serve as labels."""

import numpy as np

from lenet_keras.datasets.sources import data_dir
from lenet_keras.study.checks import expect


def soft_labels(labels, dataset, recipe):
    """Returns a probability for each class and image, as a recipe asks for them.

    Args:
        labels: Integer labels of the first training images of the data set.
        dataset: Name of the data set.
        recipe: `lenet_keras.study.recipes.Recipe`, with a loss that takes
            probabilities.

    Returns:
        `float32` array of shape `(n, 10)`.
    """
    targets = np.eye(10, dtype="float32")[labels]
    if recipe.label_smoothing:
        kept = 1 - recipe.label_smoothing
        targets = kept * targets + np.float32((1 - kept) / 10)
    if recipe.teacher_weight:
        logits = load(dataset)[: len(labels)].astype("float32")
        logits = logits / np.float32(recipe.teacher_temperature)
        answers = np.exp(logits - logits.max(axis=1, keepdims=True))
        answers /= answers.sum(axis=1, keepdims=True)
        weight = np.float32(recipe.teacher_weight)
        targets = (1 - weight) * targets + weight * answers
    return targets


def load(dataset):
    """Returns the stored logits of a data set's teacher for all training images."""
    path = data_dir() / "teachers" / f"{dataset}.npy"
    expect(path.exists(), "a data set whose teacher was trained", dataset=dataset)
    return np.load(path, allow_pickle=False)
