"""MNIST and CIFAR-10 from verified files. It needs the extra `study`."""

from lenet_study.extras import needs

with needs("study"):
    from lenet_study.datasets import sources

__all__ = ["load_cifar10", "load_mnist"]


def load_mnist():
    """Loads the MNIST data set of handwritten digits.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: 60,000 and 10,000 images of shape
        `(28, 28)` with labels from 0 to 9, all uint8.

    Example:

    >>> (x_train, y_train), (x_test, y_test) = load_mnist()
    >>> x_train.shape, y_train.shape
    ((60000, 28, 28), (60000,))

    Raises:
        lenet_study.datasets.sources.DataError: If the data set is not in the data
            folder and no source provides it.
    """
    return _pairs(sources.load("mnist"))


def load_cifar10(sample=False):
    """Loads the CIFAR-10 data set of small colour photographs.

    Args:
        sample: Whether to load only the sample that comes with the code: 500 training
            and 100 test images of each class.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: 50,000 and 10,000 images of shape
        `(32, 32, 3)` with labels from 0 to 9, all uint8; 5,000 and 1,000 images for
        the sample.

    Example:

    >>> (x_train, y_train), (x_test, y_test) = load_cifar10(sample=True)
    >>> x_test.shape, y_test.shape
    ((1000, 32, 32, 3), (1000,))

    Raises:
        lenet_study.datasets.sources.DataError: If the data set is not in the data
            folder and no source provides it.
    """
    return _pairs(sources.load("cifar10-sample" if sample else "cifar10"))


def _pairs(arrays):
    x_train, y_train, x_test, y_test = arrays.values()
    return (x_train, y_train), (x_test, y_test)
