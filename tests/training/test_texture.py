import numpy as np
import pytest

from training.texture import LUMA, enlarge, textured, through_jpeg

WHITE = np.random.default_rng(1).standard_normal((200, 300, 3))


def correlation(noise, lag):
    a, b = noise[:, :-lag].ravel(), noise[:, lag:].ravel()
    return np.corrcoef(a, b)[0, 1]


def test_white_noise_without_texture_stays_as_it_is():
    assert textured(WHITE, 0, None) is WHITE
    assert textured(WHITE, 0, "luma") is WHITE


@pytest.mark.parametrize("part", [None, "chroma"])
@pytest.mark.parametrize("blur", [0.0, 0.6, 1.0, 2.5])
def test_the_deviation_is_kept(blur, part):
    assert textured(WHITE, blur, part).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("blur", [0.6, 1.0, 2.5])
def test_neighbours_correlate_as_a_gaussian_makes_them(blur):
    """Twice the same Gaussian is one of twice the variance."""
    noise = textured(WHITE, blur, None)
    offsets = np.arange(-20, 21)
    kernel = np.exp(-0.5 * (offsets / blur) ** 2)
    for lag in (1, 4):
        expected = (kernel[lag:] * kernel[:-lag]).sum() / (kernel**2).sum()
        assert correlation(noise, lag) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 5, 3)])
def test_the_smallest_pictures_can_be_blurred(shape):
    noise = textured(np.ones(shape), 2.5, None)
    assert noise.shape == shape
    assert np.isfinite(noise).all()


def test_noise_in_chroma_has_no_luma():
    noise = textured(WHITE, 1.0, "chroma")
    np.testing.assert_allclose(noise @ LUMA, 0, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_enlarging_keeps_flat_pictures_and_ramps(factor):
    np.testing.assert_allclose(enlarge(np.full((4, 5, 3), 0.3), factor), 0.3)
    ramp = np.arange(12.0)[None, :, None]
    enlarged = enlarge(ramp, factor)[0, :, 0]
    assert enlarged.shape == (12 * factor,)
    inner = slice(3 * factor, -3 * factor)
    places = (np.arange(12 * factor) + 0.5) / factor - 0.5
    np.testing.assert_allclose(enlarged[inner], places[inner], atol=0.1)


def test_enlarging_leaves_its_share_of_the_deviation():
    assert enlarge(WHITE, 2).std() == pytest.approx(0.853, abs=0.01)


def test_enlarging_takes_the_weights_of_cubic_convolution():
    impulse = np.zeros((1, 9, 1))
    impulse[0, 4] = 1
    weights = enlarge(impulse, 2)[0, :, 0]
    # At 1/4, 3/4, 5/4 and 7/4 pixels from the impulse, on either side.
    side = [0.87890625, 0.26171875, -0.10546875, -0.03515625]
    np.testing.assert_allclose(weights[5:13], side[::-1] + side, atol=1e-12)


def test_jpeg_leaves_an_image_of_its_shape_and_halves_the_chroma():
    picture = np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)
    for pixels in (picture, picture[..., :1]):
        result = through_jpeg(pixels, 70)
        assert result.dtype == np.uint8
        assert result.shape == pixels.shape
    columns = np.zeros((32, 32, 3), np.uint8)
    columns[:, ::2] = (255, 0, 0)
    columns[:, 1::2] = (0, 0, 255)
    spread = np.ptp(through_jpeg(columns, 100)[..., 0].astype(int), axis=1)
    assert spread.max() < 128  # red and blue differ little in luma, and their chroma is averaged


def test_worse_jpeg_is_worse():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    errors = [np.abs(through_jpeg(picture, q).astype(int) - picture).mean() for q in (95, 70, 50)]
    assert errors == sorted(errors)
