"""Results files: a line for each job. Whoever reads or writes one checks it here."""

import json
import math
from itertools import chain, product
from pathlib import Path

from lenet_keras.checks import expect
from lenet_study.files import replacing
from lenet_study.recipes import RECIPES
from lenet_study.training.job import identity
from lenet_study.training.run import Run

# From 0 to what a number may be, by a word of its name.
MOST = {"accuracy": 1, "error": math.inf}
# What a line holds. All else in it are lists of measurements.
PARTS = {"id", "run", "configuration", "status", "row", "error", "cost"}


def read_results(path):
    """Returns the results in a file, in order. Equal lines count once.

    Args:
        path: Path of a results file with one run per line.

    Returns:
        List of dictionaries with at least `id`, `run`, `configuration` and `status`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not what `lenet_study.training.sweep.sweep` writes. The
            message names the file and the line.
    """
    known = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), start=1):
        result = _checked(line, f"{path}, line {number}")
        first = known.setdefault(result["id"], result)
        what = f"one result of each run in {path}, line {number}"
        expect(first == result, what, id=result["id"])
    return [*known.values()]


def store_result(path, result):
    """Stores a result in place of the one with the same `id`, or as the last one.

    The file is replaced in one step, when the new one is on the disk.

    Args:
        path: `Path` of the results file. The caller holds its `only_writer` lock.
        result: Dictionary of JSON values, as `read_results` returns it.

    Raises:
        OSError: If the file cannot be written.
        ValueError: As for `read_results`.
    """
    stored = read_results(path) if path.exists() else []
    _checked(json.dumps(result), f"for {path}")  # what no reader takes is not written
    known = {own["id"]: own for own in [*stored, result]}
    text = "".join(json.dumps(own) + "\n" for own in known.values())
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _checked(line, where):
    try:
        return _parsed(line)
    except Exception as error:  # a wrong line raises many types
        raise ValueError(
            "Expected a results file with one run per line. "
            f"Received: {where}: {type(error).__name__}: {error}"
        ) from None


def _parsed(line):
    result = json.loads(line, parse_float=_finite, parse_constant=_finite)
    asked, status = result["run"], result["status"]
    configuration = result["configuration"]
    fits = isinstance(configuration, dict) and result["id"] == identity(configuration)
    expect(fits, "an id that is the hash of the configuration", id=result["id"])
    row, settings = result.get("row", {}), {}
    fits = status == ("done" if "row" in result else "diverged")
    expect(fits and not row.keys() & PARTS, "a row of what is done", status=status)
    for name in asked.keys() & configuration.keys() - {"interpretation"}:
        fits = asked[name] == configuration[name]
        expect(fits, f"{name} as in the configuration", **{name: asked[name]})
    if asked.get("recipe") in RECIPES:
        run = Run(**asked)
        fits = run.configuration == configuration
        what = f"the settings of recipe {run.recipe}"
        expect(fits, what, configuration=configuration)
        fits = status == "diverged" or f"{run.unseen}_accuracy" in row
        expect(fits, f"a row with the {run.unseen}_accuracy", row=row)
        settings = vars(run.settings) | vars(run)
        del settings["train_images"]  # the row counts those that are not held out
    for name in row.keys() & settings.keys():
        fits = row[name] == settings[name]
        expect(fits, f"the run's {name}, {settings[name]!r}", **{name: row[name]})
    measured = chain.from_iterable(result[name] for name in result.keys() - PARTS)
    for own in [row, *measured]:
        for (name, value), (word, most) in product(own.items(), MOST.items()):
            fits = word not in name or 0 <= value <= most
            expect(fits, f"{name} from 0 to {most}", **{name: value})
    return result


def _finite(text):
    number = float(text)
    expect(math.isfinite(number), "a finite number", number=text)
    return number
