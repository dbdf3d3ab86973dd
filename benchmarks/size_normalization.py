"""Times the way of a photo: `size_normalize`, and a file that `lenet-keras read` reads.

It also measures the memory that `size_normalize` needs beyond the image.
"""

import io
import time
import tracemalloc

import numpy as np
from page import TINY, publish
from PIL import Image

from lenet_keras.preprocessing import size_normalize
from lenet_study.read import read

ROUNDS = 2 if TINY else 9
SIDES = [(480, 640)] if TINY else [(480, 640), (3000, 4000)]


def page(height, width):
    """Returns a photo in colour: grain, and an upright bar of ink."""
    rng = np.random.default_rng(0)
    image = rng.integers(190, 220, (height, width, 3), "uint8")
    image[height // 4 : height // 2, width // 2 : width // 2 + width // 30] = 30
    return image


def timed(function, argument):
    """Returns the median of the seconds, and their range, in words."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function(argument)
        seconds.append(time.perf_counter() - start)
    return f"{np.median(seconds):.3f}", f"{min(seconds):.3f} to {max(seconds):.3f}"


def measure(height, width):
    """Returns a row: the seconds, and the largest memory that NumPy took."""
    image, file = page(height, width), io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    read(file)  # loads the network
    tracemalloc.start()
    size_normalize(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    memory = f"{peak / 2**20:.0f}"
    times = timed(size_normalize, image) + timed(read, file)
    return (f"{width}x{height}", memory, *times)


if __name__ == "__main__":
    headings = [
        "photo in colour",
        "MiB beyond it",
        "normalized, s",
        "range over rounds",
    ]
    headings += ["JPEG read, s", "range over rounds"]
    rows = [measure(*sides) for sides in SIDES]
    publish("size_normalization", headings, rows)
