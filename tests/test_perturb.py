import numpy as np
import pytest

from lenet_keras.datasets.perturb import AMOUNTS, perturb

BACKGROUND, INK = -0.1, 1.175


def done(image, kind, amount, **arguments):
    """What becomes of one image of one channel."""
    images = np.asarray(image, "float32")[None, :, :, None]
    return perturb(images, kind, amount, BACKGROUND, INK, **arguments)[0, :, :, 0]


@pytest.fixture
def image(rng):
    return rng.uniform(BACKGROUND, INK, (9, 9)).astype("float32")


@pytest.mark.parametrize("kind", AMOUNTS)
def test_there_is_an_amount_that_leaves_the_images_as_they_are(kind, image):
    nothing = 1 if kind in ("scale", "squeeze") else 0
    assert nothing in AMOUNTS[kind]
    np.testing.assert_allclose(done(image, kind, nothing), image, atol=1e-6)


@pytest.mark.parametrize("pixels", [-3, 2])
def test_shifts(pixels, image):
    expected = np.full((9, 9), BACKGROUND, "float32")
    kept = image[:, :-pixels] if pixels > 0 else image[:, -pixels:]
    if pixels > 0:
        expected[:, pixels:] = kept
    else:
        expected[:, :pixels] = kept
    np.testing.assert_allclose(done(image, "shift right", pixels), expected, atol=1e-6)
    np.testing.assert_allclose(
        done(image.T, "shift down", pixels), expected.T, atol=1e-6
    )


def test_a_quarter_turn_is_that_of_numpy(image):
    # np.rot90 turns counter-clockwise.
    np.testing.assert_allclose(done(image, "rotation", 90), np.rot90(image), atol=1e-5)
    np.testing.assert_allclose(
        done(image, "rotation", -90), np.rot90(image, -1), atol=1e-5
    )


def test_twice_the_size_puts_the_pixels_twice_as_far_from_the_centre(image):
    larger = done(image, "scale", 2)
    np.testing.assert_allclose(larger[::2, ::2], image[2:7, 2:7], atol=1e-6)
    between = (image[2:7, 2:6] + image[2:7, 3:7]) / 2
    np.testing.assert_allclose(larger[::2, 1::2], between, atol=1e-6)


def test_half_the_size_leaves_background_around(image):
    smaller = done(image, "scale", 0.5)
    np.testing.assert_allclose(smaller[2:7, 2:7], image[::2, ::2], atol=1e-6)
    assert (smaller[0] == np.float32(BACKGROUND)).all()


def test_squeezing_makes_wider_and_lower(image):
    squeezed = done(image, "squeeze", 2)
    np.testing.assert_allclose(squeezed[2:7, ::2], image[::2, 2:7], atol=1e-6)
    assert (squeezed[0] == np.float32(BACKGROUND)).all()


def test_noise_is_salt_and_pepper_on_so_many_pixels():
    images = np.full((50, 20, 20, 3), 0.5, "float32")
    spoilt = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=1)
    values, counts = np.unique(spoilt[..., 0], return_counts=True)
    np.testing.assert_allclose(values, [BACKGROUND, 0.5, INK], rtol=1e-6)
    shares = counts / counts.sum()
    np.testing.assert_allclose(shares, [0.15, 0.7, 0.15], atol=0.01)
    assert (spoilt == spoilt[..., :1]).all()  # all channels of a pixel alike
    assert (spoilt[0] != spoilt[1]).any()
    again = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=1)
    np.testing.assert_array_equal(spoilt, again)
    other = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=2)
    assert (spoilt != other).any()


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("blur", 1), ("scale", 0), ("squeeze", -1), ("noise", 1.1), ("noise", -0.1)],
)
def test_what_cannot_be_done_is_refused(kind, amount, image, message):
    text = message(done, image, kind, amount)
    assert f"kind={kind!r}" in text or f"amount={amount}" in text
