import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from lenet_study.datasets import load_mnist
from lenet_study.images import corruptions
from lenet_study.images.corruptions import KINDS, LEFT_OUT, corrupt

# The mean pixel of the first 100 test digits at each strength.
MEANS = {
    "shot noise": [27.8, 25.1, 21.6],
    "impulse noise": [38.3, 47.2, 57.0],
    "glass blur": [30.7, 30.7, 30.7],
    "motion blur": [30.6, 30.5, 29.7],
    "shear": [30.6, 30.6, 30.5],
    "scale": [22.1, 15.0, 7.6],
    "rotate": [30.6, 30.6, 30.6],
    "brightness": [89.5, 146.6, 201.2],
    "translate": [30.5, 30.4, 29.3],
    "stripe": [120.7, 153.5, 179.7],
    "fog": [88.9, 103.5, 111.5],
    "spatter": [34.0, 35.3, 38.0],
    "dotted line": [34.5, 38.3, 42.2],
    "zigzag": [36.7, 42.7, 48.6],
    "canny edges": [25.5, 25.9, 24.9],
    "low resolution": [30.6, 30.8, 30.1],
    "contrast and gamma": [30.6, 30.7, 30.7],
    "jpeg": [32.6, 34.6, 34.4],
    "ruled lines": [37.4, 44.4, 51.6],
}


@pytest.fixture(scope="module")
def digits():
    return load_mnist()[1][0][:100]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_changes_digits_more_with_each_strength(kind, digits):
    corrupted = [corrupt(digits, kind, strength) for strength in (1, 2, 3)]
    for own in corrupted:
        assert own.dtype == np.uint8
        assert own.shape == digits.shape
    change = [np.abs(own - digits.astype(float)).mean() for own in corrupted]
    assert 0 < change[0] < change[1] < change[2]
    means = [own.mean() for own in corrupted]
    assert means == pytest.approx(MEANS[kind], abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_happens_to_a_digit_depends_on_it_and_the_seed_alone(kind, digits):
    together, before = corrupt(digits, kind, 2, seed=1), digits.copy()
    alone = np.concatenate([corrupt(digits[[n]], kind, 2, seed=1) for n in (7, 3)])
    np.testing.assert_array_equal(alone, together[[7, 3]])
    np.testing.assert_array_equal(digits, before)
    at_random = (corrupt(digits, kind, 2, seed=2) != together).any()
    always_alike = ("scale", "brightness", "stripe", "canny edges")
    always_alike += ("low resolution", "jpeg")
    assert at_random == (kind not in always_alike)


def done(image, kind, amount, seed=0):
    """What becomes of one image, 0 to 1, at an amount."""
    change = getattr(corruptions, "_" + kind.replace(" ", "_"))
    images = np.asarray(image, "float32")[np.newaxis]
    return change(images, amount, [np.random.default_rng(seed)])[0]


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [
        ("impulse noise", 0),
        ("glass blur", (0, 0, 1)),
        ("motion blur", 0.01),
        ("shear", 0),
        ("scale", 1),
        ("rotate", 0),
        ("brightness", 0),
        ("translate", 0),
        ("stripe", 0),
        ("fog", 0),
        ("spatter", 2),
        ("dotted line", -1),
        ("zigzag", -1),
        ("low resolution", 28),
        ("contrast and gamma", (1, 1)),
        ("ruled lines", 0),
    ],
)
def test_there_is_an_amount_that_leaves_a_digit_as_it_is(kind, nothing, digits):
    image = digits[0] / 255
    np.testing.assert_allclose(done(image, kind, nothing), image, atol=1e-5)


def test_shot_noise_counts_quanta():
    gray = np.full((28, 28), 0.5)
    counts = np.concatenate([done(gray, "shot noise", 10, seed) for seed in range(30)])
    counts *= 10
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert counts.mean() == pytest.approx(5, abs=0.1)
    assert counts.var() == pytest.approx(5, abs=0.2)


def test_impulses_are_half_black_half_white():
    gray = np.full((28, 28), 0.5)
    spoilt = [done(gray, "impulse noise", 0.2, seed) for seed in range(30)]
    values, counts = np.unique(spoilt, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(counts / counts.sum(), [0.1, 0.8, 0.1], atol=0.01)


def test_glass_blur_shuffles_pixels_within_its_reach(rng):
    image = rng.random((28, 28)).astype("float32")
    shuffled = done(image, "glass blur", (0, 2, 1))
    for (row, column), value in np.ndenumerate(shuffled):
        near = image[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        assert value in near
    assert (shuffled != image).mean() > 0.9


def test_motion_smears_a_point_to_one_side():
    image = np.zeros((28, 28))
    image[14, 6] = 1
    for seed in range(5):
        blurred = done(image, "motion blur", 3, seed)
        assert blurred.sum() == pytest.approx(1, abs=1e-3)
        rows, columns = np.nonzero(blurred > 1e-3)
        assert columns.min() == 6
        assert (np.abs(rows - 14) <= columns - 6 + 1).all()  # at most 45 degrees
        place = np.hypot(*(ndimage.center_of_mass(blurred) - np.array([14, 6])))
        way = np.arange(9)
        weights = np.exp(-(way**2) / 18)
        assert place == pytest.approx((way * weights).sum() / weights.sum(), abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", ["shear", "scale", "rotate"])
def test_maps_are_those_of_scipy(kind, seed, digits):
    image = digits[0] / 255
    amount = KINDS[kind]["strengths"][1]
    cos, sin = np.cos(amount), np.sin(amount)
    matrices = {  # of (row, column), in either direction
        "shear": [[[1, 0], [sign * amount, 1]] for sign in (-1, 1)],
        "scale": [np.eye(2) / amount],
        "rotate": [[[cos, sign * sin], [-sign * sin, cos]] for sign in (-1, 1)],
    }
    maps = [np.array(matrix) for matrix in matrices[kind]]
    expected = [
        ndimage.affine_transform(
            image, m, offset=13.5 - m @ [13.5, 13.5], order=1, mode="grid-constant"
        )
        for m in maps
    ]
    found = done(image, kind, amount, seed)
    assert min(np.abs(found - own).max() for own in expected) < 1e-4


def test_maps_go_to_either_side(digits):
    for kind in ("shear", "rotate", "translate"):
        found = {done(digits[0], kind, 0.5, seed).tobytes() for seed in range(20)}
        assert len(found) == (4 if kind == "translate" else 2)


def test_translation_moves_along_both_axes(digits):
    moved = done(digits[0], "translate", 3)
    padded = np.pad(digits[0], 3)
    corners = [padded[r : r + 28, c : c + 28] for r in (0, 6) for c in (0, 6)]
    assert any(np.allclose(moved, corner, atol=1e-3) for corner in corners)


def test_brightness_and_stripe_are_known(digits):
    brighter = corrupt(digits, "brightness", 2)
    np.testing.assert_allclose(brighter, np.minimum(digits + 127.5, 255), atol=0.5)
    striped = corrupt(digits, "stripe", 2)
    np.testing.assert_array_equal(striped[..., 7:21], digits[..., 7:21])
    for side in (np.s_[..., :7], np.s_[..., 21:]):
        np.testing.assert_array_equal(striped[side], 255 - digits[side])


def test_fog_is_smooth_and_lowers_the_contrast(digits):
    black, white = (done(np.full((28, 28), v), "fog", 3, 5) for v in (0, 1))
    np.testing.assert_allclose(white - black, 0.25, atol=1e-6)
    assert 0 < black.min() < black.max() < 0.75
    assert np.abs(np.diff(black)).max() < 0.1 * black.max()


def test_spatter_covers_ink_and_paper_with_grey():
    black, white = (done(np.full((28, 28), v), "spatter", 0.7) for v in (0, 1))
    cover = 1 - (white - black)
    np.testing.assert_allclose(black, 63 / 255 * cover, atol=1e-6)
    assert ((cover < 1e-6) | (cover > 0.7 - 1e-6)).all()
    assert 0.1 < (cover > 0).mean() < 0.6


def test_lines_go_from_one_side_to_the_other():
    blank = np.zeros((28, 28))
    dotted = done(blank, "dotted line", 2, seed=1)
    inked = dotted.sum(axis=0)
    np.testing.assert_allclose(inked, [0, 0, 2, 2] * 7, atol=1e-5)
    columns = np.flatnonzero(inked)
    rows = (dotted * np.arange(28)[:, None]).sum(axis=0)[columns] / 2
    straight = np.polyval(np.polyfit(columns, rows, 1), columns)
    np.testing.assert_allclose(rows, straight, atol=0.5)

    zigzag = done(blank, "zigzag", 2, seed=0)
    inked = zigzag.sum(axis=0)
    assert np.flatnonzero(inked).tolist() == list(range(2, 25))
    rows = (zigzag * np.arange(28)[:, None]).sum(axis=0)[2:25] / inked[2:25]
    turns = np.flatnonzero(np.diff(np.sign(np.diff(rows)))) + 3
    assert turns.tolist() == [4, 8, 12, 16, 20]


def test_ruled_lines_are_thin_and_regular():
    for seed in range(5):
        lines = done(np.zeros((28, 28)), "ruled lines", 0.5, seed)
        assert lines.max() <= 0.5
        column = lines[:, 14]
        starts = np.flatnonzero((column[1:] > 0) & (column[:-1] == 0))
        assert 2 <= len(starts) <= 4
        assert np.ptp(np.diff(starts)) <= 1
        assert 6 <= np.diff(starts).min() <= np.diff(starts).max() <= 12
    ink = np.ones((28, 28))
    np.testing.assert_array_equal(done(ink, "ruled lines", 0.5), ink)


def test_edges_run_round_a_square():
    image = np.zeros((28, 28))
    image[8:20, 8:20] = 1
    edges = done(image, "canny edges", 1)
    assert set(np.unique(edges)) == {0, 1}
    ring = ndimage.binary_dilation(image, iterations=1)
    ring &= ~ndimage.binary_erosion(image, iterations=2)
    assert not edges[~ring].any()
    assert (edges[8:20].sum(axis=1) >= 2).all()
    inside, _ = ndimage.label(1 - edges)
    assert inside[14, 14] != inside[0, 0]  # the edge is closed


def test_weak_edges_count_where_they_go_on_from_strong_ones():
    faint, fading = np.zeros((2, 28, 28))
    faint[5:10, 4:24] = 0.06
    fading[5:10, 4:24] = np.maximum(np.linspace(0.4, -0.2, 20), 0.06)
    assert not done(faint, "canny edges", 1).any()
    assert done(fading, "canny edges", 1)[:, 20].any()


def test_low_resolution_is_that_of_pillow(digits):
    image = Image.fromarray(digits[0].astype("float32"))
    small = image.resize((12, 12), Image.Resampling.BOX)
    expected = np.array(small.resize((28, 28), Image.Resampling.BILINEAR))
    found = done(digits[0], "low resolution", 12)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_contrast_is_about_the_mean_and_gamma_either_way(digits):
    image = digits[0] / 255
    found = set()
    for seed in range(10):
        own = done(image, "contrast and gamma", (0.4, 2), seed)
        for power in (0.5, 2):
            wanted = image**power
            wanted = wanted.mean() + 0.4 * (wanted - wanted.mean())
            if np.allclose(own, wanted, atol=1e-5):
                found.add(power)
    assert found == {0.5, 2}


def test_jpeg_is_that_of_pillow(digits, tmp_path):
    file = tmp_path / "digit.jpg"
    Image.fromarray(digits[0]).save(file, quality=8)
    expected = np.array(Image.open(file))
    np.testing.assert_array_equal(corrupt(digits[:1], "jpeg", 2)[0], expected)


def test_half_of_the_kinds_are_left_out_of_training():
    left_out = ["glass blur", "motion blur", "stripe", "fog", "spatter", "dotted line"]
    left_out += ["zigzag", "canny edges", "jpeg", "ruled lines"]
    assert [*LEFT_OUT] == left_out


@pytest.mark.parametrize(
    ("images", "kind", "strength", "word"),
    [
        (np.zeros((1, 28, 28)), "fog", 2, "dtype"),
        (np.zeros((1, 32, 32), "uint8"), "fog", 2, "shape"),
        (np.zeros((1, 28, 28), "uint8"), "snow", 2, "kind='snow'"),
        (np.zeros((1, 28, 28), "uint8"), "fog", 0, "strength=0"),
    ],
)
def test_what_cannot_be_corrupted_is_refused(images, kind, strength, word, message):
    assert word in message(corrupt, images, kind, strength)
