"""The command `lenet-keras read`: files in, digits out."""

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lenet_keras import rbf_codes
from lenet_study import figures
from lenet_study import read as reading
from lenet_study.command import cli
from lenet_study.datasets import sources
from lenet_study.questions import certainty

PAPER, PEN = 225, 40


def written(digits):
    """Digits of MNIST on light paper, four times as large."""
    digits = np.pad(digits, [(0, 0), (4, 4), (0, 0)])
    ink = np.kron(np.hstack(digits) / 255, np.ones((4, 4)))
    return Image.fromarray(np.uint8(PAPER - ink * (PAPER - PEN)))


@pytest.fixture(scope="module")
def digits():
    arrays = sources.load("mnist")  # 7, 2, 1, 0, 4, ...
    assert arrays["y_test"][:4].tolist() == [7, 2, 1, 0]
    return arrays["x_test"][:4]


@pytest.fixture
def folder(tmp_path, monkeypatch, digits):
    monkeypatch.chdir(tmp_path)
    written(digits[:1]).save("seven.png")
    written(digits).save("line.png")
    Image.new("L", (60, 40), PAPER).save("blank.png")
    return tmp_path


def run(*arguments, code=0, **options):
    done = CliRunner().invoke(cli, ["read", *arguments], **options)
    assert done.exit_code == code, done.output
    return done


def test_it_says_the_digits_how_sure_and_the_next_ones(folder):
    digit, line, blank = run(
        *("seven.png", "line.png", "blank.png")
    ).stdout.splitlines()
    assert digit.startswith("seven.png: 7 (99.")
    assert " % sure; next is " in digit
    assert line.startswith("line.png: 7210 (")
    assert blank.startswith("blank.png: no digit (Expected ink")


def test_json_has_an_object_a_line(folder):
    done = run("--json", "line.png", "blank.png")
    line, blank = map(json.loads, done.stdout.splitlines())
    assert (line["file"], line["text"]) == ("line.png", "7210")
    assert 0.9 < line["confidence"] < 1
    assert sum(a != b for a, b in zip(line["runner_up"], "7210", strict=True)) == 1
    unknown = {"text": None, "confidence": None, "runner_up": None}
    assert blank == {"file": "blank.png", **unknown}


def test_a_bad_file_does_not_stop_the_others(folder):
    (folder / "bad.png").write_text("no image")
    Image.new("1", (5, 50)).save("small.png")
    whole = io.BytesIO()
    Image.effect_noise((90, 90), 50).save(whole, "JPEG")
    (folder / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    bad = ("bad.png", "small.png", "half.jpg", "missing.png")
    done = run("--json", *bad, "seven.png", code=1)
    assert json.loads(done.stdout)["text"] == "7"
    for name, told in zip(bad, done.stderr.splitlines(), strict=True):
        assert told.startswith(f"lenet-keras: {name}: ")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "turned"]
)
def test_any_kind_of_image_from_standard_input(digits, mode):
    image, options = written(digits[:1]), {"format": "PNG"}
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype("uint16") * 256)
    elif mode in ("LA", "RGBA"):  # the ink is in the alpha
        alpha = Image.eval(image, lambda value: 255 - value)
        image = Image.new(mode, image.size)
        image.putalpha(alpha)
    elif mode == "turned":
        exif = Image.Exif()
        exif[0x112] = 6  # turn it to the right to see it upright
        options = {"format": "JPEG", "exif": exif}
        image = image.rotate(90, expand=True)
    elif mode == "CMYK":
        options, image = {"format": "JPEG"}, image.convert(mode)
    else:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, **options)
    upright = reading.load_photo(file).shape[:2]
    assert upright == written(digits[:1]).size[::-1]
    assert run("-", input=file.getvalue()).stdout.startswith("-: 7 (")


def test_a_large_jpeg_is_decoded_at_a_lower_resolution(digits):
    file = io.BytesIO()
    written(digits[:1]).resize((4320, 3360)).save(file, "JPEG")
    assert reading.load_photo(file).shape == (1680, 2160, 3)
    assert reading.read(file).text == "7"


def test_what_it_is_can_be_said(folder):
    assert json.loads(run("--digit", "--json", "line.png").stdout)["text"] != "7210"
    reading_line = run(
        "--line", "--json", "seven.png", "--network", "lenet5-mnist-line"
    )
    assert json.loads(reading_line.stdout)["text"] == "7"
    network = ("--network", "lenet5_modern-mnist-best")
    assert run("seven.png", *network).stdout.startswith("seven.png: 7 (")
    told = run("--line", *network, "seven.png", code=1).stderr
    assert "a faithful network for a line. Received: network=" in told
    told = run("seven.png", "--network", "lenet5-cifar10", code=2).stderr
    assert "lenet5-mnist-best" in told


def test_what_is_far_from_all_digits_is_none(folder, monkeypatch):
    monkeypatch.setitem(certainty.CHOSEN, reading.DIGIT_NETWORK, (1e-6, 1.0))
    answer = reading.read("seven.png")
    assert (answer.text, answer.runner_up) == (None, "7")
    assert answer.confidence == answer.probabilities[0, 10] > 0.5


def test_a_picture_of_how_it_was_read(folder):
    run("seven.png", "--picture", "how.png")
    with Image.open("how.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    for wrong in (("seven.png",), ("seven.png", "line.png", "--overwrite")):
        told = run(*wrong, "--picture", "how.png", code=1)
        assert isinstance(told.exception, ValueError)
    run("line.png", "--picture", "how.png", "--overwrite")
    told = run("seven.png", "--picture", "line.png/how.png", code=1)
    assert isinstance(told.exception, OSError)
    assert not told.stdout  # it is told before anything is read


def test_the_picture_shows_what_each_kind_of_network_finds(folder):
    answer = reading.read("seven.png")
    shown = figures.photo_read(answer)
    photo, seen, f6, nearest, _, distances = shown.axes
    top, left, bottom, right = answer.seen.box
    (box,) = photo.patches
    assert box.get_bbox().extents.tolist() == [left, top, right, bottom]
    assert np.array_equal(seen.images[0].get_array(), answer.seen.image)
    assert np.array_equal(f6.images[0].get_array().ravel(), answer.drawn[0])
    assert np.array_equal(nearest.images[0].get_array().ravel(), rbf_codes("7")[0])
    drawn = ((answer.drawn - rbf_codes("0123456789")) ** 2).sum(axis=1)
    heights = [bar.get_height() for bar in distances.patches]
    np.testing.assert_allclose(heights, answer.costs[0], rtol=1e-4)
    np.testing.assert_allclose(answer.costs[0, :10], drawn, rtol=1e-4)
    modern = figures.photo_read(reading.read("seven.png", None, "lenet5_modern-mnist"))
    assert sum(bar.get_height() for bar in modern.axes[-1].patches) == pytest.approx(1)
    line = figures.photo_read(reading.read("line.png")).axes[-1]
    assert [text.get_text() for text in line.texts] == [*"7210"]
    assert len(figures.photo_read(reading.read("blank.png")).axes) == 1


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (
            [(3, 0), (5, 1)],
            ("35", 0.45, "36", "35 (45.0 % sure; next is 36 with 27.0 %)"),
        ),
        ([], (None, 0.04, "3", "no digit (4.0 % sure; next is 3 with 90.0 %)")),
    ],
)
def test_a_line_is_as_sure_as_its_digits_together(digits, expected):
    probabilities = np.zeros((2, 11))
    probabilities[0, [3, 8, 10]] = 0.9, 0.06, 0.04
    probabilities[1, [5, 6, 10]] = 0.5, 0.3, 0.2
    found = reading._decide(probabilities, digits)
    assert found == (*expected[:1], pytest.approx(expected[1]), *expected[2:])
