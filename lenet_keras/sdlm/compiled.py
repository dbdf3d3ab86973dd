"""One program out of many operations, on whichever backend."""

import contextlib
import functools

import keras


def compiled(function):
    """Compiles a function of tensors with XLA, where the backend has it.

    Args:
        function: Function of tensors, or of lists of them.

    Returns:
        Function with the same arguments and results.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # As a partial, each program is one of its own to TensorFlow, which warns where
        # one and the same is compiled often.
        function = functools.partial(function)
        return tf.function(function, jit_compile=True, autograph=False)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function


def one_thread():
    """Keeps each operation on one thread, where TensorFlow has not started yet.

    One pattern gives two threads less to do than they cost: updates take a quarter
    longer with them.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
