"""Wavelet features: what they see, what they do not, and that training reads nothing else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import DataError
from modelward.recipes.catalogue import recipe
from modelward.recipes.layers.draws import draws
from modelward.recipes.regression.scattering import (
    LENGTH,
    Options,
    Scattering,
    transform,
    wavelets,
)

IMAGE = Inputs("image", (28, 28))
SMALL = Options(scales=1, orientations=4, grid=2)


def stripes(angle: float, side: int = 32) -> NDArray[np.float32]:
    """Return waves of four pixels across `angle`."""
    down, across = np.mgrid[:side, :side]
    phase = across * np.cos(angle) + down * np.sin(angle)
    image: NDArray[np.float32] = (0.5 + 0.4 * np.sin(phase * np.pi / 2)).astype(np.float32)
    return image


@pytest.mark.parametrize("turn", range(4))
def test_stripes_are_seen_by_the_wavelet_across_them(turn):
    waves = wavelets(32, 32, SMALL)
    image = stripes(np.pi * turn / 4)

    seen = [float(np.abs(np.fft.ifft2(np.fft.fft2(image) * wave)).mean()) for wave in waves]

    assert int(np.argmax(seen)) == turn


def test_a_constant_is_not_seen_by_any_wavelet():
    waves = wavelets(28, 28, Options())

    assert np.abs(waves[:, 0, 0]).max() == 0.0
    assert np.abs(np.fft.ifft2(np.fft.fft2(np.ones((28, 28))) * waves)).max() < 1e-12


def test_there_is_one_number_for_each_channel_and_window():
    options, x = Options(), np.random.default_rng(1).random((3, 28, 28), np.float32)
    made = Scattering(options)

    found = transform(x, options)

    # the image, 2 x 8 wavelets, and 8 x 8 pairs of a finer and a wider one
    assert found.shape == (3, 81 * 16)
    assert made.schema(IMAGE).size == 1 + 81 * 16
    assert np.linalg.norm(found, axis=1) == pytest.approx([LENGTH] * 3, rel=1e-5)


def test_brightness_and_contrast_of_an_image_change_nothing():
    x = np.random.default_rng(2).random((1, 28, 28), np.float32)

    assert transform(0.5 * x + 0.1, Options()) == pytest.approx(
        transform(x, Options()), abs=1e-3
    )


def test_an_image_has_the_features_that_it_has_alone():
    x = np.random.default_rng(3).integers(0, 256, (70, 28, 28)).astype(np.uint8)
    made = Scattering(Options())

    assert (made.features(x, IMAGE)[65] == made.features(x[65:66], IMAGE)[0]).all()


def test_training_is_logistic_regression_on_the_features():
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 256, (6, 28, 28)).astype(np.uint8), np.array([0, 1] * 3, np.int8)
    choice: dict[str, bool | int | float | str | tuple[int, ...]] = {"scales": 1, "grid": 2}
    made = recipe(RecipeChoice(name="scattering", options=choice))
    flat = made.initial(IMAGE, 0) + np.float32(0.02)
    out = np.empty((6, flat.size), np.float32)

    made.row_gradients(flat, x, y, IMAGE, 0.0).gradients(np.arange(6), draws("unused"), out)

    features = Scattering(Options(scales=1, grid=2)).features(x, IMAGE)
    p = made.probabilities(flat, x, IMAGE)
    assert out[:, 0] == pytest.approx(p - y, abs=1e-6)
    assert out[:, 1:] == pytest.approx((p - y)[:, None] * features, abs=1e-5)


def test_an_image_that_is_too_small_is_refused_with_a_way_forward():
    with pytest.raises(DataError, match="6 x 28 pixels is too small"):
        Scattering(Options()).schema(Inputs("image", (6, 28)))
