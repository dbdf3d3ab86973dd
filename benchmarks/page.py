"""What the benchmarks share: their size, new processes, and the tables of README.md.

    python benchmarks/speed.py           full size; writes its tables into README.md
    python benchmarks/speed.py --tiny    takes seconds; writes nothing

A tiny benchmark shows that its script runs. Its numbers mean nothing.
"""

import argparse
import importlib.util
import multiprocessing
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np

PAGE = Path(__file__).with_name("README.md")
PACKAGES = ["keras", "tensorflow", "jax", "torch", "onnxruntime", "ai-edge-litert"]

parser = argparse.ArgumentParser()
parser.add_argument("--tiny", action="store_true", help="take seconds, write nothing")
TINY = parser.parse_args().tiny


def installed(name):
    """Returns whether a package is there. PyTorch is no part of the environment."""
    return importlib.util.find_spec(name.replace("-", "_")) is not None


def in_turn(ways, measure, rounds, *arguments):
    """Measures all ways in turn, round by round; each backend in a new process.

    Args:
        ways: Dictionary from a backend of Keras to a dictionary of ways by name.
        measure: Function that returns a list: what it measures of each way of the
            backend of its process.
        rounds: Number of rounds.
        *arguments: Arguments of `measure`.

    Returns:
        The names of the ways whose backend is installed, and an array: round by way.
    """
    backends = list(filter(installed, ways))
    measured = [[] for _ in range(rounds)]
    for of_round in measured:
        for backend in backends:
            os.environ["KERAS_BACKEND"] = backend  # the new process inherits it
            with multiprocessing.get_context("spawn").Pool(1) as process:
                of_round += process.apply(measure, arguments)
    return [name for backend in backends for name in ways[backend]], np.array(measured)


def spread(ratios):
    """Returns the cells of a ratio: its median, and its range over the rounds."""
    return f"{np.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"


def machine():
    """Names the processor and the versions."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    processor = found[1] if found else platform.processor()
    versions = [f"{name} {version(name)}" for name in PACKAGES if installed(name)]
    return (
        f"{processor}, {os.cpu_count()} processors, Python "
        f"{platform.python_version()}, {', '.join(versions)}."
    )


def publish(name, headings, rows):
    """Prints a table. At full size, writes it into its block of README.md."""
    lines = [headings, ["---"] * len(headings), *rows]
    table = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    print(f"\n{table}", flush=True)
    if not TINY:
        begin, end = (f"<!-- {word} {name} -->" for word in ("begin", "end"))
        before, rest = PAGE.read_text(encoding="utf-8").split(begin)
        _, after = rest.split(end)
        block = f"{begin}\n\n{table}\n\n{machine()}\n\n{end}"
        PAGE.write_text(f"{before}{block}{after}", encoding="utf-8")
