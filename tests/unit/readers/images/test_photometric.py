"""What stored values mean, and pictures whose header says the wrong thing of them."""

from typing import Any

import numpy as np
import pydicom
import pytest

from modelward.readers.images import tensors
from modelward.readers.images.dicom_pixels import grey_of
from modelward.readers.images.frames import Unusable


def stored(said: str | None, samples: int) -> Any:
    """Return a small file in memory whose header says `said`."""
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.Rows = made.Columns = 8
    made.SamplesPerPixel, made.PlanarConfiguration = samples, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    made.PixelRepresentation = 0
    made.PixelData = bytes(range(64)) * samples
    if said is not None:
        made.PhotometricInterpretation = said
    return made


@pytest.mark.parametrize(
    ("said", "samples", "why"),
    [
        ("RGB", 1, "contradicts its samples"),
        ("MONOCHROME2", 3, "contradicts its samples"),
        ("GREY", 1, "none that is known"),
        (None, 1, "none that is known"),
    ],
)
def test_pixels_that_contradict_their_header_are_left_out(said, samples, why):
    with pytest.raises(Unusable, match=why):
        grey_of(stored(said, samples), 0, None)


def test_negatives_among_images_are_counted():
    draw = np.random.default_rng(5)
    body = np.hypot(*np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 32)))
    x = (200 - 150 * body + draw.normal(0, 20, (60, 32, 32))).clip(0, 255).astype(np.uint8)
    x[[3, 40]] = 255 - x[[3, 40]]

    assert tensors.negatives(x) == 2
    assert tensors.negatives(x[:10]) == 0, "too few to say"
    assert tensors.negatives(draw.integers(0, 255, (60, 32, 32), np.uint8)) == 0, "not alike"
    assert tensors.negatives(np.repeat(x[:, None], 4, axis=1)) == 2
    assert tensors.negatives(np.zeros((30, 8, 8), np.uint8)) == 0
