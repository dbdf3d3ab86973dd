"""Compilation of many operations into one program, on any backend."""

import contextlib
import functools

import keras


def compiled(function):
    """Compiles a function of tensors with XLA, if the backend supports it.

    Args:
        function: Function of tensors, or of lists of them.

    Returns:
        Function with the same arguments and results.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # TensorFlow warns if one function is compiled often. A new partial makes each
        # compiled function a different one.
        function = functools.partial(function)
        return tf.function(function, jit_compile=True, autograph=False)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function


def one_thread():
    """Limits each operation to one thread, if TensorFlow has not started yet.

    One pattern has too little work for two threads: updates with two threads take a
    quarter longer.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
