"""The explorer's modules say what Keras and the study say: run in a browser."""

import base64
import json
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest

from lenet_keras import load_pretrained, pretrained
from lenet_keras.layers import RBFPosterior
from lenet_keras.preprocessing import prepare, size_normalize
from lenet_study import explorer
from lenet_study.images import robust
from lenet_study.images.perturbations import perturb

PAIRS = Path(__file__).parents[2] / "data/size-normalization.json"
ANSWERS = """([record, images, film]) => {
  let network = $network.buildNetwork(record);
  if (film) network = $network.withWeights(network, $network.float16Of(film));
  const greys = $network.bytesOf(images);
  const all = [];
  for (let start = 0; start < greys.length; start += 784) {
    const activations = network.forward(greys.subarray(start, start + 784));
    all.push(...$network.distancesOf(network, activations));
  }
  return all;
}"""
LAYERS = """([record, images]) => {
  const network = $network.buildNetwork(record);
  const greys = $network.bytesOf(images);
  const all = network.layers.map(() => []);
  for (let start = 0; start < greys.length; start += 784) {
    const activations = network.forward(greys.subarray(start, start + 784));
    network.layers.forEach(({ name }, at) => all[at].push(...activations[name].after));
  }
  return all;
}"""
# How far the sum of a unit is from what `windows` tells, at most; and how many units.
UNITS = """([record, images]) => {
  const network = $network.buildNetwork(record);
  const activations = network.forward($network.bytesOf(images));
  return network.layers.slice(1).map((layer) => {
    let [apart, count] = [0, 0];
    for (let unit = 0; unit < layer.maps * layer.rows * layer.columns; unit++) {
      const map = Math.floor(unit / layer.rows / layer.columns);
      const row = Math.floor(unit / layer.columns) % layer.rows;
      const told = network.windows(layer, map, row, unit % layer.columns, activations);
      let sum = told.bias;
      for (const { kernel, values } of told.windows) {
        values.forEach((value, at) => {
          const isDistance = layer.kind === "distances";
          sum += isDistance ? (value - kernel[at]) ** 2 : value * kernel[at];
        });
      }
      const { before, after } = activations[layer.name];
      const right = told.sum === before[unit] && told.result === after[unit];
      apart = Math.max(apart, right ? Math.abs(sum - told.sum) : Infinity);
      count++;
    }
    return [apart, count];
  });
}"""
# Whether a unit keeps its value if all changes outside of its field, and whether it
# changes with each of the field's outer rows and columns.
FIELDS = """([record, images]) => {
  const network = $network.buildNetwork(record);
  const greys = $network.bytesOf(images);
  const border = (network.layers[0].rows - 28) / 2;
  const wrong = [];
  for (const layer of network.layers.slice(1)) {
    for (const row of new Set([0, Math.floor(layer.rows / 2), layer.rows - 1])) {
      const { top, left, rows, columns } = network.field(layer, row, row);
      const [bottom, right] = [top + rows - 1, left + columns - 1];
      const isIn = (y, x) => y >= top && y <= bottom && x >= left && x <= right;
      const valueOf = (changes) => {
        const other = greys.map((grey, at) =>
          changes(border + Math.floor(at / 28), border + (at % 28)) ? 255 - grey : grey,
        );
        const { before } = network.forward(other)[layer.name];
        return before.filter((_, unit) => {
          const place = unit % (layer.rows * layer.columns);
          return place === row * layer.columns + row;
        }).join();
      };
      const own = valueOf(() => false);
      const inImage = (place) => Math.min(Math.max(place, border), border + 27);
      const edges = [
        (y, x) => isIn(y, x) && y === inImage(top),
        (y, x) => isIn(y, x) && y === inImage(bottom),
        (y, x) => isIn(y, x) && x === inImage(left),
        (y, x) => isIn(y, x) && x === inImage(right),
      ];
      const inner = valueOf((y, x) => !isIn(y, x)) === own;
      const reached = edges.every((edge) => valueOf(edge) !== own);
      if (!inner || !reached) wrong.push([layer.name, row]);
    }
  }
  return wrong;
}"""


@pytest.fixture(scope="module", params=explorer.NETWORKS)
def network(request):
    record = pretrained.records()[request.param]
    told = {key: record[key] for key in ("pixels", "j", "temperature")}
    model = load_pretrained(request.param)
    return model, explorer._record(name=request.param, model=model, **told)


def keras_outputs(model, images, layer=None):
    pixels = "paper" if model.name == "lenet5" else "paper-unpadded"
    output = model.get_layer(layer).output if layer else model.output
    part = keras.Model(model.input, output)
    return part.predict(prepare(images, pixels), batch_size=500, verbose=0)


def test_the_answers_to_all_test_digits_are_keras_s(
    modules, network, digits, base64_of
):
    model, record = network
    ours = modules(ANSWERS, [record, base64_of(digits[0]), None])
    ours = np.reshape(ours, (-1, 10))
    theirs = keras_outputs(model, digits[0])
    if model.name == "lenet5":
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    else:
        np.testing.assert_allclose(np.exp(-ours), theirs, atol=1e-5)
        with np.errstate(divide="ignore"):
            theirs = -np.log(theirs)
        known = theirs < 60  # smaller probabilities have few digits in float32
        np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-3, atol=1e-5)
    best, second = np.sort(theirs, axis=1)[:, :2].T
    tied = second - best <= 1e-5 * np.abs(best)
    other = ours.argmin(axis=1) != theirs.argmin(axis=1)
    assert not (other & ~tied).any()
    assert tied.sum() < 10


def test_the_maps_of_every_layer_are_keras_s(modules, network, digits, base64_of):
    model, record = network
    images = digits[0][:100]
    names = ["input", "C1", "S2", "C3", "S4", "C5", "F6", "output"]
    for name, ours in zip(
        names, modules(LAYERS, [record, base64_of(images)]), strict=True
    ):
        theirs = keras_outputs(model, images, name)
        if theirs.ndim == 4:
            theirs = theirs.transpose(0, 3, 1, 2)
        np.testing.assert_allclose(
            ours, theirs.ravel(), rtol=1e-6, atol=1e-4, err_msg=name
        )


def test_what_a_unit_takes_adds_up_to_its_sum(modules, network, digits, base64_of):
    told = modules(UNITS, [network[1], base64_of(digits[0][0])])
    assert [count for _, count in told] == [4704, 1176, 1600, 400, 120, 84, 10]
    assert max(apart for apart, _ in told) < 1e-4


def test_a_field_is_what_reaches_a_unit(modules, network, digits, base64_of):
    assert modules(FIELDS, [network[1], base64_of(digits[0][0])]) == []


def test_the_posterior_is_that_of_keras(modules):
    distances = np.array([[3.0, 40, 60, 200, 35, 12, 80, 90, 5, 100]], "float32")
    for j, temperature in [(10.0, 1.0), (200.0, 20.0), (None, 4.0)]:
        ours = modules(
            "(all) => [...$network.posterior(...all)]",
            [distances[0].tolist(), j, temperature],
        )
        theirs = np.array(RBFPosterior(j, temperature)(distances))[0]
        np.testing.assert_allclose(ours[: len(theirs)], theirs, rtol=1e-5, atol=1e-30)
        assert j or ours[10] == 0


def test_the_film_has_its_test_errors(modules, digits, base64_of):
    film = explorer.stored_film()["moments"]
    record = explorer._record(
        "", load_pretrained("lenet5-mnist"), "paper", j=10, temperature=1
    )
    assert len(film) == 8
    for moment in (film[3], film[-1]):
        sent = [record, base64_of(digits[0]), moment["weights"]]
        ours = np.reshape(modules(ANSWERS, sent), (-1, 10)).argmin(axis=1)
        errors = (ours != digits[1]).sum()
        assert abs(errors / 100 - moment["test_error"]) <= 0.02


def test_a_kernel_is_another_one_of_one_map_only(modules, network):
    own, other = modules(
        """([record, values]) => {
          const network = $network.buildNetwork(record);
          const other = $network.withKernel(network, 2, values);
          const kernels = (of) => of.layer("C1").kernel.map(([own]) => [...own]);
          return [kernels(network), kernels(other)];
        }""",
        [network[1], list(range(25))],
    )
    assert other[2] == list(range(25))
    assert own[:2] + own[3:] == other[:2] + other[3:]
    stored = np.array(network[0].get_layer("C1").kernel)[..., 0, :]
    np.testing.assert_array_equal(np.reshape(own, (6, 5, 5)), stored.transpose(2, 0, 1))


def rgba(image):
    """An image as a canvas has it: grey, RGB or RGBA with its transparency."""
    if image.ndim == 2:
        image = np.repeat(image[..., np.newaxis], 3, axis=2)
    if image.shape[2] == 3:
        image = np.pad(image, [(0, 0), (0, 0), (0, 1)], constant_values=255)
    return image


@pytest.fixture(scope="session")
def normalized(modules, base64_of):
    def normalize(image, ink=None):
        image = rgba(image)
        return modules(
            """([pixels, height, width, ink]) => {
              const bytes = Uint8ClampedArray.from($network.bytesOf(pixels));
              try {
                const drawn = { pixels: bytes, width, height };
                const told = $normalization.sizeNormalize(drawn, ink);
                return { ...told, image: [...told.image] };
              } catch (error) {
                return error.key ?? String(error);
              }
            }""",
            [base64_of(image), *image.shape[:2], ink],
        )

    return normalize


@pytest.mark.parametrize("pair", json.loads(PAIRS.read_text("utf-8")))
def test_size_normalization_is_python_s(normalized, pair):
    if pair["line"]:
        return
    pixels = zlib.decompress(base64.b64decode(pair["pixels"]))
    image = np.frombuffer(pixels, "uint8").reshape(pair["shape"])
    told = normalized(image)
    assert [told[key] for key in ("box", "ink", "threshold")] == [
        pair[key] for key in ("box", "ink", "threshold")
    ]
    np.testing.assert_allclose(told["image"], np.ravel(pair["image"]), atol=1)


def test_size_normalization_of_a_large_image_is_python_s(normalized):
    rng = np.random.default_rng(0)
    image = rng.integers(190, 220, (900, 700, 3), "uint8")
    image[200:640, 300:340] = 30
    image[600:640, 200:500] = 60
    image[:, 40:44] = 60  # a ruled line
    ours, theirs = normalized(image), size_normalize(image)
    assert (tuple(ours["box"]), ours["ink"]) == theirs[1:3]
    np.testing.assert_allclose(ours["image"], theirs.image.ravel(), atol=1)
    told = normalized(image, "dark")
    assert told == ours


# What Python says in place of each key.
REASONS = {
    "wrong-size": "8 to 10000 each way",
    "too-faint": "ink with more contrast",
    "no-ink": "ink inside of the image",
    "too-small": "ink as large as a digit",
}


@pytest.mark.parametrize(
    ("image", "key"),
    [
        (np.zeros((7, 100), "uint8"), "wrong-size"),
        (np.zeros((10, 201), "uint8"), "wrong-size"),
        (np.full((100, 100), 90, "uint8"), "too-faint"),
        (np.pad(np.full((50, 3), 255, "uint8"), [(25, 25), (0, 97)]), "no-ink"),
        (np.pad(np.full((9, 9), 255, "uint8"), [(250, 141), (180, 211)]), "too-small"),
    ],
)
def test_what_is_no_digit_is_refused_by_name(normalized, image, key):
    assert normalized(image) == key
    with pytest.raises(ValueError, match=REASONS[key]):
        size_normalize(image)


@pytest.fixture(scope="session")
def changed(modules, digits):
    def change(**amounts):
        return np.reshape(
            modules(
                """([greys, amounts]) => {
                  const { CHANGES, changed } = $changes;
                  const all = CHANGES.map(({ name, start }) => [name, start]);
                  const asked = { ...Object.fromEntries(all), ...amounts };
                  return [...changed(greys, asked)];
                }""",
                [digits[0][0].ravel().tolist(), amounts],
            ),
            (28, 28),
        )

    return change


@pytest.mark.parametrize(
    ("name", "kind", "amount"),
    [
        ("right", "shift right", 3),
        ("down", "shift down", -2.5),
        ("angle", "rotation", 25),
        ("scale", "scale", 1.4),
        ("squeeze", "squeeze", 1.3),
    ],
)
def test_a_change_is_that_of_the_study(changed, digits, name, kind, amount):
    image = digits[0][:1, ..., np.newaxis].astype("float32")
    np.testing.assert_allclose(changed(), image[0, ..., 0], atol=1e-3)
    theirs = perturb(image, kind, amount, 0.0, 255.0)[0, ..., 0]
    np.testing.assert_allclose(changed(**{name: amount}), theirs, atol=0.01)


@pytest.mark.parametrize("by", [0.7, -0.6])
def test_strokes_become_thicker_as_in_the_study(changed, digits, by):
    image = digits[0][:1].astype("float32")
    edge = robust._of_nine(image, np.maximum if by > 0 else np.minimum)
    theirs = image + abs(by) * (edge - image)
    np.testing.assert_allclose(changed(thickness=by), theirs[0], atol=0.01)


def test_noise_stays_where_it_is_and_grows(changed, digits):
    own = digits[0][0]
    little, much = changed(noise=0.1), changed(noise=0.3)
    np.testing.assert_array_equal(little, changed(noise=0.1))
    assert set(np.unique(much[much != own])) == {0, 255}
    assert ((little != own) <= (much != own)).all()
    full = changed(noise=1)
    assert 0.4 < np.mean(full == 255) < 0.6


def test_a_bar_hides_its_columns(changed, digits):
    hidden = changed(occlusion=6, place=2)
    expected = digits[0][0].copy()
    expected[:, 13:19] = 0
    np.testing.assert_allclose(hidden, expected, atol=1e-3)
