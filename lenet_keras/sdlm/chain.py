"""A model as a sequence of rules, with the loss at its end."""

import keras
import numpy as np
from keras import ops

from lenet_keras import losses
from lenet_keras.checks import expect
from lenet_keras.layers import RBF, RBFPosterior
from lenet_keras.sdlm.compiled import vjp
from lenet_keras.sdlm.rules import RULES


def _of_the_right_distance(loss, y_true, output):
    # The RBF layer makes 2 of it at each of its inputs. The paper gives no start for
    # loss (9). We use that of loss (8), as if the classes did not compete, divided by
    # the temperature.
    right = ops.one_hot(y_true, output.shape[0], dtype=output.dtype)
    return right / getattr(loss, "temperature", 1.0)


def _of_squares(loss, y_true, output):
    return ops.full_like(output, 2 / output.shape[0])


def _of_logits(loss, y_true, output):
    probabilities = ops.softmax(output)
    return probabilities * (1 - probabilities)


# For each loss the type of its labels, and the start of the curvature recursion: a
# function of the loss, the label and the outputs of one pattern.
LOSSES = {
    losses.RBFMeanSquaredError: ("int32", _of_the_right_distance),
    losses.MaximumAPosteriori: ("int32", _of_the_right_distance),
    losses.SparseMeanSquaredError: ("int32", _of_squares),
    keras.losses.MeanSquaredError: ("float32", _of_squares),
    keras.losses.SparseCategoricalCrossentropy: ("int32", _of_logits),
    keras.losses.CategoricalCrossentropy: ("float32", _of_logits),
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
        key: What the programs of the chain depend on: equal keys, equal programs.

    Raises:
        ValueError: If the model is not such a sequence, or the loss does not match its
            last layer.
    """

    def __init__(self, model, loss):
        self.loss, layers, self.finish = _end(_sequence(model), loss)
        self.label_dtype, self.start = LOSSES[type(self.loss)]
        output = keras.KerasTensor(model.input_shape)
        self.input_shape = output.shape[1:]
        self.rules = [RULES[type(layer)](layer) for layer in layers]
        if self.finish is keras.activations.softmax:
            self.rules[-1].activation = keras.activations.linear
        for rule in self.rules:
            output = rule.layer.compute_output_spec(output)
            rule.output_shape = shape = output.shape[1:]
            what = f"an activation of layer {rule.layer.name!r} that acts on each unit"
            fits = _acts_on_single_units(rule.activation)
            expect(fits, f"{what} alone", activation=rule.activation)
        expect(len(shape) == 1, "one vector of outputs per pattern", output_shape=shape)
        self.output_size = shape[0]
        self.variables = [v for rule in self.rules for v in rule.layer.weights]
        config = {**self.loss.get_config(), "name": None}
        rules = [(type(rule), rule.layer, rule.activation) for rule in self.rules]
        self.key = (*rules, type(self.loss), str(config))

    def patterns(self, x, y):
        """Returns patterns and labels as arrays, the labels as the loss needs them.

        Raises:
            ValueError: If there are no patterns, or a shape or a label does not fit.
        """
        x, y = np.asarray(x), np.asarray(y)
        count, size = len(y), self.output_size
        if self.label_dtype == "int32":
            y = y[:, 0] if y.shape == (count, 1) else y
            fits = y.shape == (count,) and np.isin(y, np.arange(size)).all()
            labels = f"integers from 0 to {size - 1}, not one-hot"
        else:
            fits, labels = y.shape == (count, size), f"arrays of {size} numbers"
        fits = fits and count and x.shape == (count, *self.input_shape)
        what = f"patterns of shape {self.input_shape} with labels that are {labels}"
        expect(fits, what, shapes=(x.shape, y.shape), y=y)
        return x, y.astype(self.label_dtype)

    def pack(self, values):
        """Returns values, one for each of `variables`, in the form of the rules."""
        values = iter(values)
        return [
            rule.pack([next(values) for _ in rule.layer.weights]) for rule in self.rules
        ]

    def unpack(self, weights):
        """The inverse of `pack`."""
        pairs = zip(self.rules, weights, strict=True)
        return [value for rule, packed in pairs for value in rule.unpack(packed)]

    def masks(self, rng, patterns):
        """Returns the masks of each rule: a list of tensors, one entry per pattern."""
        masks = [rule.masks(rng, patterns) for rule in self.rules]
        return keras.tree.map_structure(ops.convert_to_tensor, masks)

    def gradients(self, x, y_true, weights):
        """Returns the outputs, and the gradient of the loss for the weights."""
        output, steps = self._forward(x, weights)
        loss, pull_back = vjp(lambda x: self.loss.call(y_true[None], x[None]), output)
        signal, gradients = pull_back(ops.ones_like(loss))[0], []
        for *_, pull_back, slope in reversed(steps):
            signal, at_weights = pull_back(slope * signal)
            gradients.append(at_weights)
        return output, gradients[::-1]

    def curvatures(self, x, y_true, weights):
        """Returns the diagonal second derivatives of the loss for the weights."""
        output, steps = self._forward(x, weights)
        signal, curvatures = self.start(self.loss, y_true, output), []
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


def _sequence(model):
    """Returns the layers from input to output, if they form one sequence."""
    fits = model.built and getattr(model, "inputs", None)  # a subclassed one has none
    received = f"{model.name} of type {type(model).__name__}"
    expect(fits, "a built functional or sequential model", model=received)
    graph = keras.Model(model.inputs, model.outputs)
    before, *layers = graph.operations  # layers, or such as `x + y`
    expect(layers and len(model.outputs) == 1, "layers, and one output", model=received)
    for layer in layers:
        what = "layers with a rule; lenet_keras.sdlm.register_rule adds one"
        fits = type(layer) in (*RULES, RBFPosterior)
        expect(fits, what, layer=layer.name, type=type(layer).__name__)
    calls = [layer["inbound_nodes"] for layer in graph.get_config()["layers"]]
    for layer, nodes in zip(layers, calls[1:], strict=True):
        constrained = any(weight.constraint for weight in layer.trainable_weights)
        what = "a model without regularizers and constraints"
        expect(not layer.losses and not constrained, what, layer=layer.name)
        tensors = [tensor["config"] for node in nodes for tensor in node["args"]]
        sources = [tensor["keras_history"][0] for tensor in tensors]
        what = "a model that is one sequence of layers"
        expect(sources == [before.name], what, layer=layer.name, inputs=sources)
        before = layer
    return layers


def _end(layers, loss):
    """Returns the loss, the layers before it, and `finish` of `Chain`.

    After an `RBFPosterior`, cross-entropy is loss (9). After softmax, it is the
    cross-entropy of the logits.
    """
    last, finish = layers[-1], keras.activations.linear
    if isinstance(loss, str):
        loss = keras.losses.get(loss)  # a function
    for known in LOSSES:
        loss = known() if getattr(known(), "fn", known) is loss else loss
    kind, config, fits = type(loss), {}, type(loss) in LOSSES
    if fits:
        config, plain = loss.get_config(), kind().get_config()
        free = {"name", "j", "temperature", "from_logits"}
        fits = all(config[name] == plain[name] for name in config.keys() - free)
    from_logits = config.get("from_logits")  # `None` unless it is a cross-entropy
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    sparse = kind is keras.losses.SparseCategoricalCrossentropy and not from_logits
    if sparse and isinstance(last, RBFPosterior) and last.j is not None:
        loss, finish = losses.MaximumAPosteriori(last.j, last.temperature), last
        layers = layers[:-1]
    elif from_logits is not None:
        fits = fits and from_logits != softmax
        loss = kind(from_logits=True)
        finish = last.activation if softmax else finish
    _, start = LOSSES.get(type(loss), (None, None))
    of_codes = [type(la) for la in layers if isinstance(la, RBF | RBFPosterior)]
    ends_in_rbf = type(layers[-1]) is RBF
    needs_rbf = start is _of_the_right_distance
    fits = fits and ends_in_rbf == needs_rbf and of_codes == [RBF] * ends_in_rbf
    what = (
        "loss (8) or (9) after the only RBF, sparse cross-entropy of probabilities "
        "after RBFPosterior with a j, and after another layer mean squared error, "
        "cross-entropy of softmax, or of logits without softmax; each by default"
    )
    expect(fits, what, loss=f"{kind.__name__} of {config}", layer=last.name)
    return loss, layers, finish
