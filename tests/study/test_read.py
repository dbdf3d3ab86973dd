import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lenet_keras import load_pretrained, pretrained
from lenet_keras.preprocessing import prepare, size_normalize
from lenet_study import read as reader
from lenet_study.command import cli
from lenet_study.datasets import load_mnist


@pytest.fixture(scope="module")
def written():
    """Returns digits as dark ink on grey paper, six times as large, and the labels."""
    _, (x, y) = load_mnist()
    large = np.kron(x[:40], np.ones((1, 6, 6)))
    return np.round(190 - 150 * np.pad(large, [(0, 0), (40, 20), (30, 60)]) / 255), y


@pytest.fixture(scope="module")
def files(written, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    images, _ = written
    digit = images[0].astype("uint8")
    line = np.concatenate([*images[[2, 4, 5]].astype("uint8")], axis=1)
    for name, image in (("digit", digit), ("line", line)):
        Image.fromarray(image).save(folder / f"{name}.png")
    Image.fromarray(np.full((90, 90), 200, "uint8")).save(folder / "blank.png")
    (folder / "bad.png").write_bytes((folder / "digit.png").read_bytes()[:300])
    turned = Image.fromarray(np.rot90(digit))  # a quarter to the left
    exif = turned.getexif()
    exif[274] = 6  # "turn it a quarter to the right"
    turned.save(folder / "turned.jpg", exif=exif, quality=95)
    return folder


def run(*arguments, **kwargs):
    done = CliRunner().invoke(cli, ["read", *map(str, arguments)], **kwargs)
    assert done.exit_code in (0, 1, 2), done.exception
    return done


def test_digits_and_lines_are_read_and_a_bad_file_stops_no_other(files):
    names = ["digit", "bad", "missing", "line", "blank"]
    done = run(*(files / f"{name}.png" for name in names))
    assert done.exit_code == 1
    digit, line, blank = done.stdout.splitlines()
    assert digit.startswith(f"{files / 'digit.png'}: 7 (")
    assert line.startswith(f"{files / 'line.png'}: 141 (")
    assert blank.startswith(f"{files / 'blank.png'}: no digit (Expected ink")
    bad, missing = done.stderr.splitlines()
    for error, name in ((bad, "bad.png"), (missing, "missing.png")):
        assert error.startswith("lenet-keras: Expected an image file, such as PNG")
        assert name in error


def test_an_object_a_line_has_these_four_values(files):
    done = run("--json", files / "digit.png", files / "line.png", files / "blank.png")
    assert done.exit_code == 0
    digit, line, blank = map(json.loads, done.stdout.splitlines())
    for one in (digit, line, blank):
        assert [*one] == ["file", "text", "confidence", "runner_up"]
    assert digit["text"] == "7"
    assert 0.9 < digit["confidence"] <= 1
    assert digit["runner_up"] in "012345689"
    assert line["text"] == "141"
    assert 0.5 < line["confidence"] <= 1
    differ = [a != b for a, b in zip("141", line["runner_up"], strict=True)]
    assert sum(differ) == 1
    assert (blank["text"], blank["confidence"], blank["runner_up"]) == (None,) * 3


def test_what_it_is_can_be_said(files):
    digit = run("--line", files / "digit.png").stdout
    assert ": 7 (" in digit
    line = json.loads(run("--digit", "--json", files / "line.png").stdout)
    assert line["text"] is None or len(line["text"]) == 1


def test_the_exif_orientation_and_the_standard_input_are_read(files):
    photo = (files / "turned.jpg").read_bytes()
    assert run("-", input=photo).stdout.startswith("-: 7 (")
    unturned = reader.load(files / "digit.png").astype(int)
    turned = reader.load(files / "turned.jpg").astype(int)
    assert np.abs(turned - unturned).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_images_of_any_mode_have_their_pixels(mode):
    grey = np.linspace(0, 255, 20 * 30).astype("uint8").reshape(20, 30)
    if mode == "I;16":
        image = Image.fromarray(grey.astype("uint16") * 257)
    else:
        grey = np.where(grey > 127, 255, 0).astype("uint8") if mode == "1" else grey
        image = Image.fromarray(grey).convert(mode)
    file = io.BytesIO()
    image.save(file, "TIFF" if mode == "CMYK" else "PNG")
    file.seek(0)
    found = reader.load(file)
    assert found.dtype == np.uint8
    assert found.shape[2:] in [(), (3,), (4,)]
    colour = found[..., :3].mean(axis=-1) if found.ndim == 3 else found
    np.testing.assert_allclose(colour, grey, atol=1)


@pytest.mark.parametrize("name", ["lenet5-mnist-best", "lenet5_modern-mnist-best"])
def test_the_confidence_is_the_posterior(written, name, monkeypatch):
    photo = written[0][1]
    record = pretrained.records()[name]
    seen = prepare(size_normalize(photo).image[np.newaxis], record["pixels"])
    (outputs,) = load_pretrained(name).predict(seen, verbose=0).astype("float64")
    y = outputs if record["model"] == "lenet5" else -np.log(outputs)
    j, temperature = 30.0, record["temperature"] or 1.0
    shares = [np.exp(-own / temperature) for own in [*y, j]]
    monkeypatch.setitem(reader.J, name, j)
    answer = reader.read(photo, network=name)
    best, second = np.argsort(y)[:2]
    assert answer.text == str(best)
    assert answer.runner_up == str(second)
    assert answer.confidence == pytest.approx(shares[best] / sum(shares), rel=1e-3)
    # Farther than j from every code it is no digit.
    monkeypatch.setitem(reader.J, name, y.min() / 2)
    rejected = reader.read(photo, network=name)
    assert rejected.text is None
    assert rejected.runner_up == str(best)
    assert "no digit" in str(rejected)


@pytest.mark.parametrize(
    ("file", "network"),
    [
        ("digit.png", "lenet5-mnist-best"),
        ("digit.png", "lenet5_modern-mnist"),
        ("line.png", "lenet5-mnist-line"),
    ],
)
def test_a_picture_of_what_was_read_replaces_nothing(files, tmp_path, file, network):
    picture = tmp_path / "seen.png"
    arguments = "--picture", picture, "--network", network, files / file
    assert run(*arguments).exit_code == 0
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.width > 600
        assert len(image.getcolors(1 << 20)) > 20
    again = run(*arguments)
    assert again.exit_code == 1
    assert "Expected one image and a new file" in str(again.exception)


def test_a_line_wants_a_network_that_slides(files):
    done = run("--network", "lenet5_modern-mnist", files / "line.png")
    assert done.exit_code == 1
    assert "lenet-keras: Expected (28, 28, 1), or for a faithful network" in done.stderr
