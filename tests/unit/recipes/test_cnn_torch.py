"""Images as they are taken in batches."""

import numpy as np

from modelward.recipes.layers.draws import draws
from modelward.recipes.networks.cnn_torch import ImageBatches

STEPS = np.arange(9, dtype=np.uint8).reshape(1, 3, 3) * 10


def take(batches: ImageBatches, draw: np.random.Generator | None = None) -> np.ndarray:
    """Return the one image as it would be trained on."""
    image: np.ndarray = batches.take(np.array([0]), draw).numpy()[0, 0]
    return image


def test_intensity_becomes_minus_one_to_one():
    taken = take(ImageBatches(STEPS, (0.0, 80.0)))

    assert taken[0, 0] == -1.0
    assert taken[1, 1] == 0.0
    assert taken[2, 2] == 1.0


def test_images_are_shifted_only_when_trained_on_and_edges_are_repeated():
    batches = ImageBatches(STEPS, (0.0, 80.0), shift=1)
    still = take(batches)
    padded = np.pad(still, 1, mode="edge")
    allowed = {padded[i : i + 3, j : j + 3].tobytes() for i in range(3) for j in range(3)}
    draw = draws("test")

    seen = {take(batches, draw).tobytes() for _ in range(300)}

    assert (take(ImageBatches(STEPS, (0.0, 80.0))) == still).all()
    assert seen == allowed
    assert len(seen) == 9


def test_batches_lie_channels_last():
    images = np.zeros((4, 28, 28), np.uint8)

    taken = ImageBatches(images, (0.0, 255.0), shift=2).take(np.arange(4), draws("test"))

    assert taken.shape == (4, 1, 28, 28)
    assert taken.stride() == (784, 1, 28, 1)
