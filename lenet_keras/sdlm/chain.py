"""A model as a sequence of rules, with the loss at its end."""

import keras
import numpy as np
from keras import ops

from lenet_keras.layers import RBF, RBFPosterior
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.sdlm.compiled import vjp
from lenet_keras.sdlm.rules import RULES


class LossRule:
    """The derivatives of a loss with respect to the outputs, for one pattern.

    Args:
        loss: `keras.losses.Loss`.
    """

    label_dtype = "int32"

    def __init__(self, loss):
        self.loss = loss

    def gradient(self, y_true, output):
        """Returns the first derivative of the loss with respect to the outputs."""
        loss, pull_back = vjp(lambda x: self.loss.call(y_true[None], x[None]), output)
        return pull_back(ops.ones_like(loss))[0]

    def curvature(self, y_true, output):
        """Returns the start of the curvature recursion, one value per output."""
        raise NotImplementedError


class DistanceLossRule(LossRule):
    """Losses (8) and (9): the distance to the correct code.

    The curvature starts with 1 at the distance of the correct class. The `RBF` layer
    then gives the second derivative 2 at each of its inputs. The paper gives no start
    for loss (9). We use the start of loss (8), as if the classes did not compete, and
    divide it by the temperature.
    """

    def curvature(self, y_true, output):
        right = ops.one_hot(y_true, output.shape[0], dtype=output.dtype)
        return right / getattr(self.loss, "temperature", 1.0)


class MeanSquaredErrorRule(LossRule):
    """`mean((output - y_true) ** 2)`, with the constant second derivative 2 / size."""

    label_dtype = "float32"

    def curvature(self, y_true, output):
        return ops.full_like(output, 2 / output.shape[0])


class SparseMeanSquaredErrorRule(MeanSquaredErrorRule):
    """The same with an integer label."""

    label_dtype = "int32"


class CrossEntropyRule(LossRule):
    """Cross-entropy of logits, with the second derivative `p * (1 - p)`."""

    label_dtype = "float32"

    def curvature(self, y_true, output):
        probabilities = ops.softmax(output)
        return probabilities * (1 - probabilities)


class SparseCrossEntropyRule(CrossEntropyRule):
    """The same with an integer label."""

    label_dtype = "int32"


LOSS_RULES = {
    RBFMeanSquaredError: DistanceLossRule,
    MaximumAPosteriori: DistanceLossRule,
    keras.losses.MeanSquaredError: MeanSquaredErrorRule,
    SparseMeanSquaredError: SparseMeanSquaredErrorRule,
    keras.losses.CategoricalCrossentropy: CrossEntropyRule,
    keras.losses.SparseCategoricalCrossentropy: SparseCrossEntropyRule,
}


class Chain:
    """A model as a sequence of rules for first and second derivatives.

    Args:
        model: Built `keras.Model` that is one sequence of `float32` layers. The type of
            each layer must have a rule.
        loss: `keras.losses.Loss`, or its name. With `RBF` at the end it is loss (8) or
            (9), or sparse cross-entropy after an `RBFPosterior`. Otherwise it is mean
            squared error, or cross-entropy on logits or after softmax.

    Attributes:
        variables: The variables of all rules, in the order of the layers.
        input_shape: The shape of one pattern.
        output_size: The number of outputs of the last rule.
        finish: Function from these outputs to the outputs of the model: the softmax or
            `RBFPosterior` that is part of the loss here, otherwise the identity.

    Raises:
        ValueError: If the model is not such a sequence, or the loss does not match its
            last layer.
    """

    def __init__(self, model, loss):
        chain_layers = _layers_in_a_row(model)
        self.loss, chain_layers, self.finish = _end(chain_layers, loss)
        self.rules = [_rule(layer) for layer in chain_layers]
        if self.finish is keras.activations.softmax:
            self.rules[-1].activation = keras.activations.linear
        self.input_shape = tuple(model.input_shape[1:])
        self.output_size = chain_layers[-1].output.shape[-1]
        if len(chain_layers[-1].output.shape) != 2:
            raise ValueError(
                "Expected one vector of outputs per pattern. "
                f"Received: outputs of shape {chain_layers[-1].output.shape}"
            )
        for layer in chain_layers[:-1]:
            if isinstance(layer, RBF):
                raise ValueError(
                    "Expected RBF only as the last layer. "
                    f"Received: layer {layer.name!r} before other layers"
                )
        for rule in self.rules:
            if not _acts_on_single_units(rule.activation):
                name = getattr(rule.activation, "__name__", rule.activation)
                raise ValueError(
                    "Expected activations that act on each unit alone. Received: "
                    f"layer {rule.layer.name!r} with activation {name}"
                )
        for layer in model.layers:
            constraints = [weight.constraint for weight in layer.trainable_weights]
            activity = getattr(layer, "activity_regularizer", None)
            if layer.losses or activity or any(constraints):
                raise ValueError(
                    "Expected a model without regularizers and constraints. "
                    f"Received: layer {layer.name!r} with one"
                )
        self.variables = [v for rule in self.rules for v in rule.layer.weights]

    def patterns(self, x, y):
        """Returns patterns and labels as arrays, the labels as the loss rule needs.

        Raises:
            ValueError: If there are no patterns, or a shape or a label does not fit.
        """
        x, y = np.asarray(x), np.asarray(y)
        if len(x) == 0 or len(x) != len(y):
            raise ValueError(
                "Expected as many labels as patterns, at least one. "
                f"Received: {len(x)} patterns, {len(y)} labels"
            )
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"Expected patterns of shape {('patterns', *self.input_shape)}. "
                f"Received: x.shape={x.shape}"
            )
        if self.loss.label_dtype == "float32":
            if y.shape != (len(x), self.output_size):
                raise ValueError(
                    f"Expected labels of shape ('patterns', {self.output_size}), one "
                    f"value per output. Received: y.shape={y.shape}"
                )
        else:
            if y.shape not in ((len(x),), (len(x), 1)):
                raise ValueError(
                    "Expected one integer label per pattern, not one-hot. "
                    f"Received: y.shape={y.shape}"
                )
            y = y.reshape(len(x))
            if not np.isin(y, np.arange(self.output_size)).all():
                raise ValueError(
                    f"Expected integer labels from 0 to {self.output_size - 1}. "
                    f"Received: y={y}"
                )
        return x, y.astype(self.loss.label_dtype)

    def pack(self, values):
        """Returns values, one for each of `variables`, in the form of the rules."""
        values = iter(values)
        return [
            rule.pack([next(values) for _ in rule.layer.weights]) for rule in self.rules
        ]

    def unpack(self, weights):
        """The inverse of `pack`."""
        return [
            value
            for rule, packed in zip(self.rules, weights, strict=True)
            for value in rule.unpack(packed)
        ]

    def masks(self, rng, patterns):
        """Returns the masks of each rule: a list of tensors, one entry per pattern."""
        return [
            [ops.convert_to_tensor(mask) for mask in rule.masks(rng, patterns)]
            for rule in self.rules
        ]

    def gradients(self, x, y_true, weights):
        """Returns the outputs, and the gradient of the loss for the weights."""
        output, steps = self._forward(x, weights)
        signal = self.loss.gradient(y_true, output)
        gradients = []
        for *_, pull_back, slope in reversed(steps):
            signal, at_weights = pull_back(slope * signal)
            gradients.append(at_weights)
        return output, gradients[::-1]

    def curvatures(self, x, y_true, weights):
        """Returns the diagonal second derivatives of the loss for the weights."""
        output, steps = self._forward(x, weights)
        signal = self.loss.curvature(y_true, output)
        curvatures = []
        for rule, x, packed, _, slope in reversed(steps):
            signal, at_weights = rule.curvature(x, packed, slope * slope * signal)
            curvatures.append(at_weights)
        return curvatures[::-1]

    def _forward(self, x, weights):
        """Returns the outputs, and what the way back needs of each rule."""
        x = ops.transpose(x, (2, 0, 1)) if len(x.shape) == 3 else x
        steps = []
        for rule, packed in zip(self.rules, weights, strict=True):
            sums, pull_back = vjp(rule.forward, x, packed)
            output, slope = vjp(rule.activation, sums)
            steps.append((rule, x, packed, pull_back, *slope(ops.ones_like(sums))))
            x = output
        return x, steps


def _acts_on_single_units(activation):
    """Returns whether the output of a unit depends on its own input alone."""
    one, other = np.array([[0.5, -0.5], [0.5, 1.5]], "float32")
    both = [ops.convert_to_numpy(activation(ops.array(x))) for x in (one, other)]
    return both[0].shape == one.shape and both[0][0] == both[1][0]


def _layers_in_a_row(model):
    """Returns the layers from input to output, if they form one sequence."""
    rest = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    if not model.built or not rest:
        raise ValueError(
            "Expected a built model of at least one layer. "
            f"Received: model {model.name!r} with {len(rest)} layers, "
            f"built={model.built}"
        )
    # From the output back. `layer.input` would not do: it is the input of the layer's
    # first call, and this model may call it again.
    tensor, found = model.outputs[0], []
    while tensor is not model.inputs[0]:
        layer, node, _ = tensor._keras_history
        inputs = layer._inbound_nodes[node].input_tensors
        found.insert(0, layer)
        if len(inputs) != 1 or tensor.shape[1:] != layer.output.shape[1:]:
            break
        tensor = inputs[0]
    else:
        if len(model.inputs) == len(model.outputs) == 1 and found == rest:
            return rest
    raise ValueError(
        "Expected a model that is one sequence of layers. "
        f"Received: model {model.name!r}, not a sequence at layer {layer.name!r}"
    )


def _rule(layer):
    if type(layer) not in RULES:
        raise ValueError(
            "Expected layers with a rule: "
            f"{', '.join(sorted(known.__name__ for known in RULES))}. Received: layer "
            f"{layer.name!r} of type {type(layer).__name__}; write a rule and "
            "register it with lenet_keras.sdlm.register_rule"
        )
    if layer.compute_dtype != "float32":
        raise ValueError(
            "Expected layers that compute in float32. Received: layer "
            f"{layer.name!r} with dtype {layer.compute_dtype}"
        )
    return RULES[type(layer)](layer)


def _end(chain_layers, loss):
    """Returns the rule of the loss, the layers before it, and `finish` of `Chain`.

    After an `RBFPosterior`, cross-entropy is loss (9). After softmax, it is the
    cross-entropy of the logits.
    """
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        # For a name, Keras returns the function.
        by_function = {cls().fn: cls for cls in LOSS_RULES if hasattr(cls(), "fn")}
        loss = by_function.get(loss, lambda: loss)()
    *before, last = chain_layers
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    plain = {
        "reduction": "sum_over_batch_size",
        "label_smoothing": 0.0,
        "ignore_class": None,
        "axis": -1,
    }
    for name, value in plain.items():
        if config.get(name, value) != value:
            raise ValueError(
                f"Expected a loss with {name}={value!r}. "
                f"Received: {name}={config[name]!r} of {loss}"
            )
    posterior = isinstance(last, RBFPosterior)
    behind_rbf = isinstance(before[-1] if posterior and before else last, RBF)
    is_sparse = type(loss) is keras.losses.SparseCategoricalCrossentropy
    with_rubbish = posterior and last.j is not None
    if with_rubbish and behind_rbf and is_sparse and not config["from_logits"]:
        loss = MaximumAPosteriori(last.j, last.temperature)
        return DistanceLossRule(loss), before, last
    rule = LOSS_RULES.get(type(loss))
    if rule is None or posterior or behind_rbf != issubclass(rule, DistanceLossRule):
        raise ValueError(
            "Expected loss (8) or (9) after RBF, sparse cross-entropy of "
            "probabilities after RBFPosterior with a j, and mean squared error or "
            "cross-entropy after another layer. "
            f"Received: loss {loss} after layer {last.name!r}"
        )
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    if not issubclass(rule, CrossEntropyRule):
        return rule(loss), chain_layers, keras.activations.linear
    if config["from_logits"] == softmax:
        raise ValueError(
            "Expected cross-entropy after softmax, or from logits without softmax. "
            f"Received: from_logits={softmax} after layer {last.name!r}"
        )
    finish = keras.activations.softmax if softmax else keras.activations.linear
    return rule(type(loss)(from_logits=True)), chain_layers, finish
