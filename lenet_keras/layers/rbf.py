"""The output of LeNet-5: distances to codes, and probabilities from them."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBF(keras.layers.Layer):
    """Euclidean radial basis functions: the squared distance to each code.

    `y[i] = sum_j((x[j] - codes[i, j]) ** 2)`

    There is no root and no half, and **the smallest output wins**. Keras's own
    `metrics=["accuracy"]` takes the largest one and so reports nonsense here: use
    `lenet_keras.metrics.RBFAccuracy`, or put `RBFPosterior` behind this layer.

    Args:
        codes: Array of shape `(classes, features)`, finite: the centres.
        trainable: Whether the codes are trained. Codes that are not stay fixed
            even when the whole model is set to `trainable = True`.

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
        ValueError: If `codes` is no finite array of two axes, both of at least one
            value, or the inputs have another number of features.

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
                f"Expected inputs of {features} features, as the codes have. "
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
        # tensor. The terms cancel, so half precision is not enough for them.
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
    """Turns distances into class probabilities, a rubbish class the last of them.

    `p[i] = exp(-y[i]) / (exp(-j) + sum_k(exp(-y[k])))` for the classes, and
    `exp(-j) / (exp(-j) + sum_k(exp(-y[k])))` for the rubbish class, which takes
    what is far from every code. Behind `RBF` it makes a network that code which
    expects probabilities, and takes the largest, can use as it is.

    Args:
        j: Positive number: the distance at which a pattern is as likely rubbish as
            of the class. The `j` of the loss that the network was trained with.
        temperature: Positive number by which all distances, `j` among them, are
            divided; that of the loss. The paper's is 1.

    Input shape:
        `(..., classes)`, distances.

    Output shape:
        `(..., classes + 1)`, probabilities that add up to 1.

    Example:

    >>> probabilities = RBFPosterior(j=10.0)(keras.ops.array([[0.0, 50.0]]))
    >>> [round(float(p), 4) for p in probabilities[0]]
    [1.0, 0.0, 0.0]

    Raises:
        ValueError: If `j` or `temperature` is not positive.

    Reference:
        LeCun et al. (1998), section II-C, on equation 9; the temperature is ours.
    """

    def __init__(self, j, temperature=1.0, **kwargs):
        super().__init__(**kwargs)
        for argument, value in {"j": j, "temperature": temperature}.items():
            if not value > 0:
                raise ValueError(
                    f"Expected a positive {argument}. Received: {argument}={value}"
                )
        self.j, self.temperature = j, temperature

    def call(self, inputs):
        rubbish = ops.full_like(inputs[..., :1], self.j)
        distances = ops.concatenate([inputs, rubbish], axis=-1)
        return ops.softmax(-distances / self.temperature, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {
            **super().get_config(),
            "j": self.j,
            "temperature": self.temperature,
        }
