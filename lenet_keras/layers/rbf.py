"""The output of LeNet-5: distances to codes, and probabilities from distances."""

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect

# Up to this many code values, each difference is formed by itself. The characters of
# the paper have 96 codes of 84 values.
DIRECT_UP_TO = 10_000


def single_precision(dtype):
    """Returns float32 in place of half precision: distances soon exceed 65,504."""
    policy = keras.dtype_policies.get(dtype)
    return "float32" if policy.compute_dtype in ("float16", "bfloat16") else policy


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBF(keras.layers.Layer):
    """Euclidean radial basis functions: the squared distance to each code.

    `y[i] = sum_j((x[j] - codes[i, j]) ** 2)`

    There is no square root and no factor 1/2. **The smallest output wins.** Keras's
    `metrics=["accuracy"]` takes the largest output, so its values are wrong here: use
    `lenet_keras.metrics.RBFAccuracy`, or add `RBFPosterior` after this layer.

    The layer computes and returns `float32` (or `float64`), also under a
    half-precision policy: `float16` ends at 65,504, and 84 features of 30 are farther.
    Up to 10,000 code values, every distance has the relative accuracy of `float32`,
    about 1e-6, for features up to about 1e18. Larger tables are computed by a matrix
    product. There the error is about 1e-6 of the squared distance between the features
    and the mean of the codes, so distances to a very near code are less accurate.

    Args:
        codes: Finite array of shape `(classes, features)`: the centres.
        trainable_codes: Whether the codes are trained, unless the layer is frozen by
            `trainable = False`. With `False` they stay fixed, even if `trainable =
            True` is set on the whole model.
        codes_regularizer: Optional regularizer of trained codes.
        codes_constraint: Optional constraint on trained codes.
        dtype: Data type or policy. Half precision becomes `float32`.

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
        ValueError: If `codes` is not a finite array with two axes, or the inputs have a
            different number of features.

    Reference:
        LeCun et al. (1998), equation 7.
    """

    def __init__(
        self,
        codes,
        trainable_codes=False,
        codes_regularizer=None,
        codes_constraint=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(dtype=single_precision(dtype), **kwargs)
        self.supports_masking = True
        self.trainable_codes = trainable_codes
        self.codes_regularizer = keras.regularizers.get(codes_regularizer)
        self.codes_constraint = keras.constraints.get(codes_constraint)
        self.initial_codes = np.array(codes, dtype="float64")
        fits = self.initial_codes.ndim == 2 and np.isfinite(self.initial_codes).all()
        expect(fits, "finite codes of shape (classes, features)", codes=codes)
        features = self.initial_codes.shape[1]
        self.input_spec = keras.InputSpec(min_ndim=1, axes={-1: features})

    def build(self, input_shape):
        self.codes = self.add_weight(
            name="codes",
            shape=self.initial_codes.shape,
            initializer=lambda shape, dtype: ops.cast(self.initial_codes, dtype),
            trainable=self.trainable_codes,
            regularizer=self.codes_regularizer,
            constraint=self.codes_constraint,
            autocast=False,
        )

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        if self.initial_codes.size <= DIRECT_UP_TO:
            differences = ops.expand_dims(x, -2) - self.codes
            return ops.sum(differences * differences, axis=-1)
        # |x - c|^2 = |x|^2 - 2 x.c + |c|^2 needs no (batch, classes, features) tensor.
        # The terms cancel least if the mean of the codes is at 0.
        mean = ops.mean(self.codes, axis=0)
        x, codes = x - mean, self.codes - mean
        squares = ops.sum(x * x, axis=-1, keepdims=True)
        code_squares = ops.sum(codes * codes, axis=-1)
        products = ops.matmul(x, ops.transpose(codes))
        return ops.maximum(squares - 2 * products + code_squares, 0)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.initial_codes.shape[0])

    def get_config(self):
        codes = self.initial_codes.tolist()
        own = {"codes": codes, "trainable_codes": self.trainable_codes}
        for name in ("codes_regularizer", "codes_constraint"):
            own[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return super().get_config() | own

    @classmethod
    def from_config(cls, config):
        # Older files hold `trainable` alone. It told whether the codes are trained.
        return cls(**{"trainable_codes": config.get("trainable", False), **config})


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
        j: The cost of rubbish: a positive number, the distance at which a pattern
            belongs to the class and to the rubbish class with equal probability. Use
            the `j` of the training loss. `None` leaves out the rubbish class.
        temperature: Positive number that divides all distances, including `j`. Use
            the `temperature` of the training loss. The paper's value is 1.
        dtype: Data type or policy. Half precision becomes `float32`, as in `RBF`.

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
        ValueError: If `j` or `temperature` is not positive.

    Reference:
        LeCun et al. (1998), section II-C, on equation 9; the temperature is ours.
    """

    def __init__(self, j=None, temperature=1.0, dtype=None, **kwargs):
        super().__init__(dtype=single_precision(dtype), **kwargs)
        fits = (j is None or j > 0) and temperature > 0
        what = "a positive j or None, and a positive temperature"
        expect(fits, what, j=j, temperature=temperature)
        self.supports_masking = True
        self.j, self.temperature = j, temperature

    def call(self, inputs):
        distances = ops.cast(inputs, self.compute_dtype)
        if self.j is not None:
            rubbish = ops.full_like(distances[..., :1], self.j)
            distances = ops.concatenate([distances, rubbish], axis=-1)
        return ops.softmax(-distances / self.temperature, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + (self.j is not None))

    def get_config(self):
        return super().get_config() | {"j": self.j, "temperature": self.temperature}
