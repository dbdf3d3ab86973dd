"""Compilation of many operations into one program, on any backend."""

import functools
import weakref

import keras
import numpy as np

from lenet_keras.checks import expect

# The programs of each model or optimizer, by what they depend on. They go with it.
_PROGRAMS = weakref.WeakKeyDictionary()


def program(owner, key, function):
    """Returns a compiled function of an owner: the first that it gave for the key."""
    programs = _PROGRAMS.setdefault(owner, {})
    if key not in programs:
        programs[key] = compiled(function)
    return programs[key]


def compiled(function):
    """Compiles a function of tensors with XLA, if the backend supports it.

    Args:
        function: Function of tensors, or of lists of them.

    Returns:
        Function with the same arguments and results.

    Raises:
        ValueError: If Keras's backend is none of the three.
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
    expect(backend == "torch", "TensorFlow, JAX or PyTorch", backend=backend)
    import torch

    return torch.no_grad()(function)


def value_of(variable):
    """Returns the value of a variable, as far as it can be seen.

    TensorFlow shows it also to a program that is traced. Where it cannot be seen, and
    where there is none yet, the array is empty.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.init_scope():
            return variable.numpy()
    try:
        return variable.numpy()
    except (RuntimeError, TypeError):  # of JAX, while `fit` keeps the values
        return np.empty(0)


def vjp(function, *arguments):
    """Prepares the vector-Jacobian product of a function of tensors.

    Args:
        function: Function of tensors, or of lists of them, that returns one tensor.
        *arguments: Its arguments.

    Returns:
        The result of the function, and a function: it receives a tensor of the shape of
        the result and returns its products with the Jacobians, one per argument.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(arguments)
            result = function(*arguments)
        unused = {"unconnected_gradients": tf.UnconnectedGradients.ZERO}
        return result, functools.partial(tape.gradient, result, arguments, **unused)
    if backend == "jax":
        import jax

        return jax.vjp(function, *arguments)
    import torch

    # torch.func.vjp takes longer.
    arguments = keras.tree.map_structure(
        lambda a: a.detach().requires_grad_(), arguments
    )
    with torch.enable_grad():
        result = function(*arguments)

    def pull_back(vector):
        tensors = keras.tree.flatten(arguments)
        products = torch.autograd.grad(result, tensors, vector, materialize_grads=True)
        return keras.tree.pack_sequence_as(arguments, products)

    return result.detach(), pull_back
