"""The output of LeNet-5: distances to codes, and probabilities from distances."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBF(keras.layers.Layer):
    """Euclidean radial basis functions: the squared distance to each code.

    `y[i] = sum_j((x[j] - codes[i, j]) ** 2)`

    There is no square root and no factor 1/2. **The smallest output wins.** Keras's
    `metrics=["accuracy"]` takes the largest output, so its values are wrong here: use
    `lenet_keras.metrics.RBFAccuracy`, or add `RBFPosterior` after this layer.

    Args:
        codes: Finite array of shape `(classes, features)`: the centres.
        trainable: Whether the codes are trained. With `False` they stay fixed, even
            if `trainable = True` is set on the whole model.

    Input shape:
        `(..., features)`

    Output shape:
        `(..., classes)`, values of 0 or more.

    Example:

    >>> from lenet_keras import rbf_codes
    >>> codes = rbf_codes("0123456789")
    >>> distances = RBF(codes)(codes[6:7])
    >>> [float(distances[0, digit]) for digit in (6, 8)]
    [0.0, 48.0]

    Raises:
        ValueError: If `codes` is not a finite, non-empty array with two axes, or the
            inputs have a different number of features.

    Reference:
        LeCun et al. (1998), equation 7.
    """

    def __init__(self, codes, trainable=False, **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.codes_are_trainable = trainable
        self.initial_codes = np.array(codes, dtype="float32")
        if self.initial_codes.ndim != 2 or 0 in self.initial_codes.shape:
            raise ValueError(
                "Expected codes of shape (classes, features). "
                f"Received: codes of shape={self.initial_codes.shape}"
            )
        if not np.isfinite(self.initial_codes).all():
            raise ValueError(f"Expected finite codes. Received: codes={codes}")

    def build(self, input_shape):
        features = self.initial_codes.shape[1]
        if input_shape[-1] != features:
            raise ValueError(
                f"Expected inputs of {features} features, like the codes. "
                f"Received: shape={input_shape}"
            )
        self.codes = self.add_weight(
            name="codes",
            shape=self.initial_codes.shape,
            initializer=lambda shape, dtype: ops.cast(self.initial_codes, dtype),
            trainable=self.codes_are_trainable,
            autocast=False,
        )

    def call(self, inputs):
        # |x - c|^2 = |x|^2 - 2 x.c + |c|^2 needs no (batch, classes, features)
        # tensor. The terms cancel, so half precision is not accurate enough.
        x = ops.cast(inputs, self.variable_dtype)
        squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
        products = ops.matmul(x, ops.transpose(self.codes))
        code_squares = ops.sum(ops.square(self.codes), axis=-1)
        distances = ops.maximum(squares - 2 * products + code_squares, 0)
        return ops.cast(distances, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.initial_codes.shape[0])

    def get_config(self):
        return {
            **super().get_config(),
            "codes": self.initial_codes.tolist(),
            "trainable": self.codes_are_trainable,
        }


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBFPosterior(keras.layers.Layer):
    """Converts distances to class probabilities, if wanted with a rubbish class.

    Without `j`: `p[i] = exp(-y[i]) / sum_k(exp(-y[k]))`. The smallest distance gets the
    largest probability. Add it after `RBF` if other code expects probabilities and
    predicts the class with the largest one.

    With `j`: `p[i] = exp(-y[i]) / (exp(-j) + sum_k(exp(-y[k])))` for the classes, and
    `exp(-j) / (exp(-j) + sum_k(exp(-y[k])))` for one more class at the end, the rubbish
    class. It is the most likely one for patterns that are farther than `j` from every
    code, so it can be the largest output although a class is right.

    Args:
        j: Positive number: the distance at which a pattern belongs to the class and
            to the rubbish class with equal probability. Use the `j` of the training
            loss. `None` leaves out the rubbish class.
        temperature: Positive number that divides all distances, including `j`. Use
            the `temperature` of the training loss. The paper's value is 1.

    Input shape:
        `(..., classes)`, distances.

    Output shape:
        `(..., classes + 1)`, or `(..., classes)` without `j`: probabilities with sum 1.

    Example:

    >>> probabilities = RBFPosterior(j=10.0)(keras.ops.array([[0.0, 50.0]]))
    >>> [round(float(p), 4) for p in probabilities[0]]
    [1.0, 0.0, 0.0]
    >>> [float(p) for p in RBFPosterior()(keras.ops.array([[50.0, 50.0]]))[0]]
    [0.5, 0.5]

    Raises:
        ValueError: If `j` or `temperature` is not positive, or if the number of classes
            is unknown.

    Reference:
        LeCun et al. (1998), section II-C, on equation 9; the temperature is ours.
    """

    def __init__(self, j=None, temperature=1.0, **kwargs):
        super().__init__(**kwargs)
        for argument, value in {"j": j, "temperature": temperature}.items():
            if argument == "j" and value is None:
                continue
            if not value > 0:
                raise ValueError(
                    f"Expected a positive {argument}. Received: {argument}={value}"
                )
        self.j, self.temperature = j, temperature

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                "Expected a known number of classes. "
                f"Received: shape={tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs):
        distances = inputs
        if self.j is not None:
            rubbish = ops.full_like(inputs[..., :1], self.j)
            distances = ops.concatenate([inputs, rubbish], axis=-1)
        return ops.softmax(-distances / self.temperature, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + (self.j is not None))

    def get_config(self):
        return {
            **super().get_config(),
            "j": self.j,
            "temperature": self.temperature,
        }
