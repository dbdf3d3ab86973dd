"""The mistakes of a network, and its error if it may reject digits."""

from pathlib import Path

import numpy as np
import pandas as pd

from lenet_keras.checks import expect
from lenet_study.training.stored import read_results
from lenet_study.training.train import load_images


def measure(run, model):
    """Returns the answers of a run's network to the test images or held-out images.

    Args:
        run: `lenet_study.training.run.Run` of a network whose outputs are distances.
        model: The trained network.

    Returns:
        Additional results for `Job.do`: a CSV file with one row per digit. Its columns
        are `label`, the two nearest classes, `answer` and `second_answer`, and their
        distances.
    """
    _, (x, labels) = load_images(run)
    outputs = model.predict(x, batch_size=1000, verbose=0)
    table = nearest_two(outputs, labels).round(3)
    return {"files": {_file(run.name): table.to_csv(index=False)}}


def nearest_two(distances, labels):
    """Returns the two nearest classes of each digit.

    Args:
        distances: Array of shape `(n, classes)`. For a network whose outputs are
            probabilities, minus their logarithm.
        labels: Integer array of shape `(n,)`.

    Returns:
        `pandas.DataFrame` with one row per digit and the columns that `measure` names.
    """
    nearest = np.argsort(distances, axis=1)[:, :2]
    best, second = np.take_along_axis(distances, nearest, axis=1).T
    columns = {"label": labels, "answer": nearest[:, 0], "distance": best}
    columns |= {"second_answer": nearest[:, 1], "second_distance": second}
    return pd.DataFrame(columns)


def _file(name):
    return f"answers/{name.replace(', ', '_').replace(' ', '-')}.csv"


def load_answers(path, recipe):
    """Returns the stored answers of the runs of a recipe, by seed.

    Args:
        path: Path of the results file.
        recipe: Name of the recipe. Only its runs with all training images count.

    Returns:
        Dictionary from each seed to a `pandas.DataFrame`, indexed by test digit, with
        the columns `label`, `answer`, `distance`, `second_answer` and
        `second_distance`.

    Raises:
        ValueError: If the file has no such run.
    """
    path = Path(path)
    runs = [r for r in read_results(path) if r["run"]["recipe"] == recipe]
    seeds = sorted(r["run"]["seed"] for r in runs if r["row"]["train_images"] == 60_000)
    expect(seeds, f"runs of a recipe in {path}", recipe=recipe)
    files = {seed: _file(f"{recipe}, mnist, seed {seed}") for seed in seeds}
    return {seed: pd.read_csv(path.parent / f"{files[seed]}.gz") for seed in seeds}


def mistakes(answers):
    """Returns the indices of the wrongly answered digits, as a set."""
    return set(answers.index[answers["answer"] != answers["label"]])


def rejection_curve(answers):
    """Returns the error on the remaining digits when the least certain are rejected.

    The smaller the difference between the two smallest distances, the less certain the
    answer.

    Args:
        answers: `pandas.DataFrame` from `load_answers`.

    Returns:
        `rejected, error`: the rejected digits in percent of all digits, and the error
        on the remaining digits in percent. The arrays start with no rejected digit and
        end with one remaining digit.

    Example:

    >>> answers = pd.DataFrame(
    ...     {"label": [1, 2], "answer": [1, 3], "distance": [4.0, 9.0],
    ...      "second_distance": [50.0, 10.0]}
    ... )
    >>> [curve.tolist() for curve in rejection_curve(answers)]
    [[0.0, 50.0], [50.0, 0.0]]

    Reference:
        LeCun et al. (1998), section III-C and Figure 10, reject by "the difference
        between the activation levels of the top two classes".
    """
    margin = answers["second_distance"] - answers["distance"]
    wrong = (answers["answer"] != answers["label"]).to_numpy()
    wrong = wrong[np.argsort(margin.to_numpy(), kind="stable")]
    left = np.arange(len(wrong), 0, -1)
    errors = wrong[::-1].cumsum()[::-1]
    return 100 * (1 - left / len(wrong)), 100 * errors / left


def rejected_for(answers, error=0.5):
    """Returns the percentage to reject for at most `error` percent on the rest.

    It is the smallest such percentage, or 100 if even the most certain answer is wrong.
    """
    rejected, errors = rejection_curve(answers)
    return min(rejected[errors <= error], default=100.0)
