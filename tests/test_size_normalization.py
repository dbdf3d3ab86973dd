"""From a photo, a scan or a drawing to a digit as MNIST has it."""

import base64
import contextlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from photos import KINDS, drawing, line_photo, photo

from lenet_keras import load_pretrained, read_digits
from lenet_keras.preprocessing import prepare, size_normalize, size_normalize_line
from lenet_study.datasets import load_mnist

EXAMPLES = Path(__file__).parents[1] / "data/size-normalization.json"
NORMALIZERS = {False: size_normalize, True: size_normalize_line}


@pytest.fixture(scope="module")
def test_digits():
    return load_mnist()[1]


# The ink of `page`, and a pixel around it that the smoothing against grain adds.
BOX = (19, 99, 81, 107)


def page(value=200, ink=30):
    """A page of 100x150 with an upright bar of ink: 60 high, 6 wide."""
    image = np.full((100, 150), value, "uint8")
    image[20:80, 100:106] = ink
    return image


def test_the_longer_side_gets_20_pixels_about_the_centre_of_mass():
    result = size_normalize(page())
    assert result[1:3] == (BOX, "dark")
    weights = result.image / 255
    rows = np.nonzero(weights.sum(axis=1) > 0.5)[0]
    assert (rows[0], rows[-1]) == (4, 23)
    # The bar is a tenth as wide as it is high.
    np.testing.assert_allclose(weights[6:22].sum(axis=1), 2, atol=0.3)
    centre = np.average(np.arange(28) + 0.5, weights=weights.sum(axis=0))
    assert 14 <= centre < 15  # the pixel after the middle, as in MNIST


def test_the_digits_of_mnist_stay_as_they_are(test_digits):
    images = test_digits[0][:300]
    results = [size_normalize(image) for image in images]
    assert {result.ink for result in results} == {"light"}
    apart = [abs(r.image.astype(int) - i) for r, i in zip(results, images, strict=True)]
    assert np.mean(np.max(apart, axis=(1, 2)) <= 2) >= 0.95
    for image, result in zip(images[:50], results, strict=False):
        dark = size_normalize(255 - image)
        assert dark.ink == "dark"
        np.testing.assert_allclose(dark.image.astype(int), result.image, atol=1)


def test_down_scaling_is_the_mean_over_the_area(test_digits):
    for image in test_digits[0][:20]:
        # Twice as large, each pixel as a square: the means are the old pixels.
        large = size_normalize(np.kron(image, np.ones((2, 2), "uint8"))).image
        small = size_normalize(image).image
        assert np.abs(large.astype(int) - small).mean() < 0.5


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image[..., None],
        lambda image: np.repeat(image[..., None], 3, axis=2),
        lambda image: np.dstack([image] * 3 + [np.full_like(image, 255)]),
        lambda image: image / 255,
        lambda image: image.astype("float32"),
        lambda image: np.dstack([np.full_like(image, 30)] * 3 + [200 - image]),
    ],
    ids=["1 channel", "RGB", "opaque", "0 to 1", "0 to 255", "alpha"],
)
def test_each_type_of_image_gives_the_same_digit(change):
    image = page()
    result = size_normalize(change(image))
    assert result[1:3] == size_normalize(image)[1:3]
    np.testing.assert_allclose(result.image, size_normalize(image).image, atol=1)


def test_what_is_transparent_is_black_under_light_ink():
    alpha = 200 - page()
    white = np.dstack([np.full_like(alpha, 255)] * 3 + [alpha])
    assert size_normalize(white)[1:3] == (BOX, "light")


def test_specks_ruled_lines_and_a_table_are_no_ink():
    image = page()
    image[5, 5] = image[90:92, 20:22] = 0
    image[70:73] = 100
    image[:, :12] = 60
    assert size_normalize(image)[1:3] == (BOX, "dark")


def test_a_bar_beside_the_stroke_belongs_to_the_digit():
    image = page()
    image[20:26, 112:130] = 30
    assert size_normalize(image).box == (19, 99, 81, 131)


def test_a_large_image_is_reduced_and_its_box_is_in_its_own_pixels():
    box = size_normalize(np.kron(page(), np.ones((20, 20), "uint8"))).box
    np.testing.assert_allclose(box, (400, 2000, 1600, 2120), atol=20)


def test_a_hairline_is_thickened():
    image = np.full((300, 300), 255, "uint8")
    image[50:250, 150:152] = 0
    columns = size_normalize(image).image[10] / 255
    assert 1.2 <= columns.sum() <= 3


def test_a_line_has_the_tallest_digit_in_20_of_32_rows():
    image = np.full((100, 300), 200, "uint8")
    image[20:80, 100:106] = image[50:80, 200:206] = 30
    result = size_normalize_line(image)
    assert result.box == (19, 99, 81, 207)
    assert result.image.shape == (32, 68)  # 32 and 106 / 3, up to a multiple of 4
    rows = np.nonzero((result.image > 127).any(axis=1))[0]
    columns = np.nonzero((result.image > 127).any(axis=0))[0]
    assert (rows[0], rows[-1]) == (6, 25)
    assert columns[0] >= 16
    assert columns[-1] < 68 - 16


def test_a_thousand_photos_are_read(test_digits):
    x, y = test_digits
    rng = np.random.default_rng(13)
    images, labels = [], []
    for n, digit in enumerate(rng.integers(0, len(x), 1000)):
        with contextlib.suppress(ValueError):  # what is refused is not read either
            images.append(size_normalize(photo(x[digit], KINDS[n % 14], rng)).image)
            labels.append(y[digit])
    model = load_pretrained("lenet5-mnist-robust")
    answers = model.predict(prepare(np.stack(images), "paper"), verbose=0)
    assert (answers.argmin(axis=1) == labels).sum() >= 980


def test_a_hundred_photos_of_lines_are_read(test_digits):
    x, y = test_digits
    rng = np.random.default_rng(14)
    model = load_pretrained("lenet5-mnist-line-best", input_shape=(32, None, 1))
    wrong = 0
    for n in range(100):
        digits = rng.integers(0, len(x), 5)
        line = size_normalize_line(line_photo(x[digits], KINDS[n % 14], rng))
        text = read_digits(model, prepare(line.image, "paper")).text
        wrong += text != "".join(map(str, y[digits]))
    assert wrong <= 8


FIELDS = {
    "equal": lambda shape, rng: np.full(shape, rng.integers(256)),
    "noise": lambda shape, rng: rng.integers(0, 256, shape),
    "grain": lambda shape, rng: np.clip(rng.normal(128, 20, shape), 0, 255),
    "one pixel": lambda shape, _: np.arange(np.prod(shape)).reshape(shape) == 5,
    "slope": lambda shape, _: np.indices(shape).sum(axis=0) % 256,
    "dots": lambda shape, rng: 255 * (rng.random(shape) < rng.random()),
    "halves": lambda shape, _: 255 * (np.indices(shape)[1] > shape[1] / 2),
    "NaN": lambda shape, _: np.full(shape, np.nan),
    "negative": lambda shape, rng: rng.normal(0, 100, shape),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_any_image_is_answered_or_refused(rng):
    sides = [(1, 10_000), (7, 9), (8, 8), (20, 400), (9, 31), (28, 28), (90, 130)]
    ends = [(), (), (1,), (2,), (3,), (4,), (3, 3)]
    types = [*["uint8"] * 4, "float64", "float32", "float16", "int64", "bool"]
    outcomes = {"answered": 0, "refused": 0}
    for n in range(500):
        shape = (*sides[rng.integers(7)], *ends[rng.integers(7)])
        image = list(FIELDS.values())[n % len(FIELDS)](shape, rng)
        image = (image / rng.choice([1, 255])).astype(types[rng.integers(9)])
        ink = (None, "dark", "light")[rng.integers(3)]
        try:
            result = NORMALIZERS[bool(n % 2)](image, ink)
        except ValueError as error:
            outcomes["refused"] += "Expected" in str(error) and "Received" in str(error)
            continue
        outcomes["answered"] += 1
        assert result.image.dtype == np.uint8
        assert result.image.max() == 255
        top, left, bottom, right = result.box
        assert 0 <= top < bottom <= shape[0]
        assert 0 <= left < right <= shape[1]
    assert sum(outcomes.values()) == 500
    assert min(outcomes.values()) >= 25


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((50, 50), 7, "uint8"), "Expected ink with more contrast."),
        (page(200, 195), "Expected ink with more contrast."),
        (np.linspace(90, 160, 100 * 100).reshape(100, 100), "Expected ink"),
        (page().astype("int32"), "Received: dtype='int32'"),
        (page()[:7], "shape=(7, 150)"),
        (page() - 300.0, "min=-270.0"),
        (np.where(page() > 99, np.nan, 1.0), "max=nan"),
    ],
)
@pytest.mark.parametrize("line", [False, True])
def test_what_holds_no_digit_is_refused(image, words, line, message):
    assert words in message(NORMALIZERS[line], image)


def test_another_ink_is_refused(message):
    assert "ink='blue'" in message(size_normalize, page(), "blue")


def examples(x):
    """Yields a name, whether it is a line, and an image of at most 200x200.

    Args:
        x: The test digits of MNIST.
    """
    rng = np.random.default_rng(15)
    for kind in (
        "plain",
        "shadow",
        "ruled",
        "edge",
        "light",
        "specks",
        "tight",
        "thin",
    ):
        image = photo(x[rng.integers(len(x))], kind, rng)
        yield f"photo, {kind}", False, image[::2, ::2, 1]
    for _ in range(3):
        yield "photo in colour", False, photo(x[rng.integers(len(x))], "small", rng)
    for kind in ("small", "small", "small"):
        digits = rng.integers(0, len(x), 4)
        yield "line", True, line_photo(x[digits], kind, rng)[:, :, 1]
    for background in ("transparent", "white", "black"):
        for digit in (2, 4, 5):
            yield f"drawing, {background}", False, drawing(digit, background)
    for index in (246, 448, 582):  # among those that Figure 8 of the paper shows
        yield "the paper's Figure 8", False, x[index]
    for index in range(4):
        yield "MNIST", False, x[index]


def normalized_examples(x):
    """Returns the examples with their results, as the file holds them."""
    return [
        {
            "name": name,
            "line": line,
            "shape": list(image.shape),
            "pixels": base64.b64encode(zlib.compress(image.tobytes(), 9)).decode(),
            **result._asdict(),
            "image": result.image.tolist(),
        }
        for name, line, image in examples(x)
        for result in [NORMALIZERS[line](image)]
    ]


def test_the_stored_examples_have_these_results(test_digits):
    stored = json.loads(EXAMPLES.read_text("utf-8"))
    assert len(stored) == 30
    for example in stored:
        pixels = zlib.decompress(base64.b64decode(example["pixels"]))
        image = np.frombuffer(pixels, "uint8").reshape(example["shape"])
        assert max(image.shape) <= 200
        result = NORMALIZERS[example["line"]](image)
        assert list(result.box) == example["box"]
        assert result[2:] == (example["ink"], example["threshold"])
        expected = np.array(example["image"])
        np.testing.assert_allclose(result.image.astype(int), expected, atol=1)


if __name__ == "__main__":  # stores the examples again
    rows = map(json.dumps, normalized_examples(load_mnist()[1][0]))
    EXAMPLES.write_text("[\n" + ",\n".join(rows) + "\n]\n", "utf-8")
