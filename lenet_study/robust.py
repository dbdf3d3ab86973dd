"""Loads what robustness measured."""

import pandas as pd

from lenet_study.files import read_results


def load_robustness(path):
    """Returns the accuracies on changed digits, and the errors with rejection.

    Args:
        path: Path of the results file.

    Returns:
        `perturbed, rejection`: two `pandas.DataFrame` with the column `recipe`, the
        name of the network; the first also has `perturbation`, `amount` and `accuracy`,
        the second `rejected` and `error`, both in percent.
    """
    results = read_results(path)
    return tuple(
        pd.DataFrame(
            {"recipe": result["run"]["network"]} | measured
            for result in results
            for measured in result[what]
        )
        for what in ("perturbed", "rejection")
    )
