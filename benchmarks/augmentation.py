"""Times the augmentation of an epoch's images, and the epoch itself.

    python benchmarks/augmentation.py

Everything has one thread, as in a sweep. The first of four epochs compiles and is left
out.
"""

import statistics
import time

import keras

from lenet_keras.preprocessing import prepare
from lenet_keras.sdlm.compiled import one_thread
from lenet_study.augmentation import augmented
from lenet_study.teachers import soft_labels
from lenet_study.training import (
    Run,
    fit_minibatches,
    load_images,
    steps_per_execution,
)

EPOCHS = 4
RECIPES = [
    ("lenet5-mnist-best", "mnist"),
    ("lenet5_modern-mnist-best", "mnist"),
    ("lenet5-cifar10-best", "cifar10"),
    ("lenet5_modern-cifar10-best", "cifar10"),
    ("lenet5-mnist-line", "mnist"),
    ("lenet5-mnist-line-best", "mnist"),
]


def seconds_of(recipe_name, dataset):
    """Returns the median seconds of an epoch's augmentation and of all of an epoch."""
    run = Run(recipe_name, dataset)
    recipe = run.settings
    (x, y), _ = load_images(run)
    x = prepare(x, recipe.pixels)
    if recipe.soft:
        y = soft_labels(y, dataset, recipe)
    images = augmented(x, y, recipe.augmentation, **recipe.augmentation_arguments)
    height, width, channels = x.shape[1:]
    model = recipe.build((height, None if recipe.reads_lines else width, channels))
    recipe.compile(model, len(x), steps_per_execution=steps_per_execution())
    alone, all_of_it = [], []

    def epoch_of(epoch):
        start = time.perf_counter()
        result = images(epoch)
        alone.append(time.perf_counter() - start)
        return result

    for epoch in range(EPOCHS):
        start = time.perf_counter()
        fit_minibatches(
            model, epoch_of, recipe.batch_size, epoch + 1, initial_epoch=epoch
        )
        all_of_it.append(time.perf_counter() - start)
    return statistics.median(alone[1:]), statistics.median(all_of_it[1:])


def main():
    """Prints a table in Markdown."""
    one_thread()
    print("| recipe | augmentation | seconds | seconds of an epoch | share |")
    print("|---|---|---|---|---|")
    for name, dataset in RECIPES:
        keras.utils.set_random_seed(0)
        alone, whole = seconds_of(name, dataset)
        kind = Run(name, dataset).settings.augmentation
        share = f"{100 * alone / whole:.0f} %"
        print(f"| {name} | {kind} | {alone:.1f} | {whole:.1f} | {share} |", flush=True)


if __name__ == "__main__":
    main()
