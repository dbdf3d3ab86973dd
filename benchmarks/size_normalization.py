"""Times `size_normalize` and measures the memory that it needs beyond the image."""

import time
import tracemalloc

import numpy as np
from page import TINY, publish

from lenet_keras.preprocessing import size_normalize

ROUNDS = 2 if TINY else 9
SIDES = [(480, 640)] if TINY else [(480, 640), (3000, 4000)]


def page(height, width):
    """Returns a photo in colour: grain, and an upright bar of ink."""
    rng = np.random.default_rng(0)
    image = rng.integers(190, 220, (height, width, 3), "uint8")
    image[height // 4 : height // 2, width // 2 : width // 2 + width // 30] = 30
    return image


def measure(height, width):
    """Returns a row: the seconds, and the largest memory that NumPy took."""
    image = page(height, width)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        size_normalize(image)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    size_normalize(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
    return (
        f"{width}x{height}",
        f"{np.median(seconds):.3f}",
        spread,
        f"{peak / 2**20:.0f}",
    )


if __name__ == "__main__":
    headings = ["photo in colour", "seconds", "range over rounds", "MiB beyond it"]
    rows = [measure(*sides) for sides in SIDES]
    publish("size_normalization", headings, rows)
