"""What a network gets wrong, and what it would if it might refuse to answer."""

import numpy as np
import pandas as pd

from lenet_keras.experiments.reproduce import paths_by_seed


def load_answers(folder, name):
    """Returns the stored answers of the runs of one protocol, by seed.

    Args:
        folder: Folder of the results of `lenet_keras.experiments.reproduce`.
        name: The protocol's name, such as `"loss9"`.

    Returns:
        Dictionary from a seed to a `pandas.DataFrame`, indexed by test digit: `label`,
        `answer`, `distance`, `second_answer` and `second_distance`.

    Raises:
        FileNotFoundError: If the folder has no such run.
    """
    paths = paths_by_seed(folder, name, ".answers.csv")
    return {seed: pd.read_csv(path) for seed, path in paths.items()}


def mistakes(answers):
    """Returns the indices of the wrongly answered digits, as a set."""
    return set(answers.index[answers["answer"] != answers["label"]])


def rejection_curve(answers):
    """Returns the error on what is left when the least certain digits are rejected.

    A digit is the less certain the nearer the two smallest distances are to each
    other.

    Args:
        answers: `pandas.DataFrame` as `load_answers` returns it.

    Returns:
        `rejected, error`: arrays in percent, of all digits and of those that are left,
        for none rejected, one rejected and so on, up to all but one.

    Example:

    >>> answers = pd.DataFrame(
    ...     {"label": [1, 2], "answer": [1, 3], "distance": [4.0, 9.0],
    ...      "second_distance": [50.0, 10.0]}
    ... )
    >>> [curve.tolist() for curve in rejection_curve(answers)]
    [[0.0, 50.0], [50.0, 0.0]]

    Reference:
        LeCun et al. (1998), section III-C and Figure 10: "the difference between the
        activation levels of the top two classes" decides.
    """
    margin = answers["second_distance"] - answers["distance"]
    wrong = (answers["answer"] != answers["label"]).to_numpy()
    wrong = wrong[np.argsort(margin.to_numpy(), kind="stable")]
    left = np.arange(len(wrong), 0, -1)
    errors = wrong[::-1].cumsum()[::-1]
    return 100 * (1 - left / len(wrong)), 100 * errors / left


def rejected_for(answers, error=0.5):
    """Returns the least percentage to reject for at most so much error on the rest.

    It is 100 if even the most certain answer is wrong.
    """
    rejected, errors = rejection_curve(answers)
    return min(rejected[errors <= error], default=100.0)
