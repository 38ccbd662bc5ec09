"""The pixels of one DICOM frame as grey, by the lookup tables that the file carries.

    stored value -> modality (table, or slope and intercept) -> values of interest -> 0 to 1

Values of interest are the study's `grey`; else the file's table, else its first window; else
everything between the smallest and the largest value that is no padding. In MONOCHROME1 low
values are bright, so 0 and 1 change places. Colours become their luminance.

Whole numbers of up to 16 bits go through one table over the values that occur, so a picture of
five million pixels costs five million look-ups and not five million divisions.

DICOM PS3.3 2024e: C.11.1 (modality), C.11.2.1.2 (windows), C.7.6.3.1.2 (photometric
interpretation). Decompression is pydicom's, with GDCM behind it (decision 0023).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelward.readers.images.dicom_header import DAMAGED, quiet, require_pydicom
from modelward.readers.images.frames import Unusable
from modelward.readers.images.grey import Grey, scaled

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Values = NDArray[np.float64]

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue (ITU-R BT.601)."""

GREYS = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
"""Photometric interpretations of one sample a pixel."""

COLOURS = ("RGB", "YBR")
"""How those of three samples begin."""

TABLED = 1 << 16
"""Most different stored values that go through a table."""

ERROR_STREAM = 2
"""File descriptor of the process's error stream."""

Limits = tuple[float, float]


def grey_of(dataset: "Dataset", number: int, limits: Limits | None) -> Grey:
    """Return frame `number` as it is stored, [rows, columns], 0 black to 1 white.

    Args:
        dataset: The file with its pixels.
        number: Counted from 0.
        limits: Modality values that become black and white; None for the file's own.

    Raises:
        Unusable: If the pixels cannot be decoded, or mean nothing that is known.
    """
    stored = decoded(dataset, number)
    try:
        with quiet():
            if stored.ndim == 3:  # noqa: PLR2004 - a colour has three samples
                return _colour(stored, dataset)
            return _mono(stored, dataset, number, limits)
    except DAMAGED:
        raise Unusable("the lookup tables are damaged") from None


def _meant(dataset: "Dataset") -> None:
    """Raise Unusable if the header does not say what stored values mean."""
    said = str(dataset.get("PhotometricInterpretation") or "")
    samples = int(dataset.get("SamplesPerPixel") or 1)
    if said not in GREYS and not said.startswith(COLOURS):
        raise Unusable("its photometric interpretation is none that is known")
    if (said in GREYS) != (samples == 1):
        raise Unusable("its photometric interpretation contradicts its samples a pixel")


def extent(dataset: "Dataset", number: int) -> Limits:
    """Return the smallest and largest modality value of a frame, padding left out.

    Raises:
        Unusable: If the pixels cannot be decoded.
    """
    stored = decoded(dataset, number)
    values = modality(np.array([*_present(stored, dataset)]), dataset, number)
    return float(values.min()), float(values.max())


def decoded(dataset: "Dataset", number: int) -> NDArray[Any]:
    """Return stored values, [rows, columns] or [rows, columns, 3].

    Raises:
        Unusable: If they cannot be decoded.
    """
    require_pydicom()
    from pydicom.pixels import pixel_array  # noqa: PLC0415 - an extra

    if not any(
        name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    ):
        raise Unusable("its pixels are missing, or cut off")
    _meant(dataset)
    try:
        with quiet(), unheard():
            index = number if int(dataset.get("NumberOfFrames") or 1) > 1 else None
            found: NDArray[Any] = np.asarray(pixel_array(dataset, index=index))
    except DAMAGED:
        raise Unusable("the pixels are cut off, or cannot be decoded") from None
    if found.dtype.byteorder == ">":
        found = found.astype(found.dtype.newbyteorder("="))
    return found


@contextmanager
def unheard() -> Iterator[None]:
    """Let nothing out that a decoder written in C writes to the error stream by itself."""
    try:
        kept = os.dup(ERROR_STREAM)
    except OSError:  # it is closed, so nothing is heard anyway
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), ERROR_STREAM)
        yield
    finally:
        os.dup2(kept, ERROR_STREAM)
        os.close(kept)


def _colour(stored: NDArray[Any], dataset: "Dataset") -> Grey:
    most = float(2 ** int(dataset.BitsStored) - 1)
    return scaled(stored.astype(np.float64) @ LUMINANCE, 0.0, most)


def _mono(stored: NDArray[Any], dataset: "Dataset", number: int, limits: Limits | None) -> Grey:
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut  # noqa: PLC0415 - an extra

        coloured = apply_color_lut(stored, dataset)
        most = float(np.iinfo(coloured.dtype).max)
        return scaled(coloured[..., :3].astype(np.float64) @ LUMINANCE, 0.0, most)
    low, high = _present(stored, dataset)
    if stored.dtype.kind in "iu" and int(stored.max()) - int(stored.min()) < TABLED:
        first = int(stored.min())
        table = np.arange(first, int(stored.max()) + 1)
        grey = _shades(table, (low, high), dataset, number, limits)
        return grey[stored.astype(np.int64) - first]
    return _shades(stored, (low, high), dataset, number, limits)


def _shades(
    stored: NDArray[Any],
    present: tuple[Any, Any],
    dataset: "Dataset",
    number: int,
    limits: Limits | None,
) -> Grey:
    """Return the shade of each of the stored values."""
    values = modality(stored, dataset, number)
    grey = _of_interest(values, dataset, number, limits)
    if grey is None:
        ends = modality(np.array(present), dataset, number)
        if stored.dtype.kind in "iu" and int(dataset.BitsStored) <= 8:  # noqa: PLR2004 - a byte
            ends = np.array([0.0, 255.0])
        grey = scaled(values, float(ends.min()), float(ends.max()))
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = np.float32(1.0) - grey
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        grey[stored == padding] = 0.0
    return grey


def modality(stored: NDArray[Any], dataset: "Dataset", number: int) -> Values:
    """Return what stored values mean, such as Hounsfield units in CT."""
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut  # noqa: PLC0415 - an extra

        return np.asarray(apply_modality_lut(stored, dataset), np.float64)
    part = group(dataset, number, "PixelValueTransformationSequence") or dataset
    slope = float(part.get("RescaleSlope") or 1.0)
    return stored.astype(np.float64) * slope + float(part.get("RescaleIntercept") or 0.0)


def group(dataset: "Dataset", number: int, name: str) -> "Dataset | None":
    """Return a functional group of an enhanced image, of the frame or shared by all."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for item in (*per_frame[number : number + 1], *shared[:1]):
        found = item.get(name)
        if found:
            first: Dataset = found[0]
            return first
    return None


def _of_interest(
    values: Values, dataset: "Dataset", number: int, limits: Limits | None
) -> Grey | None:
    """Return 0 to 1 by the limits, the file's table or its window; None if it has none."""
    if limits is not None:
        return scaled(values, *limits)
    table = dataset.get("VOILUTSequence")
    if table:
        return _by_table(values, table[0])
    part: Any = group(dataset, number, "FrameVOILUTSequence") or dataset
    centre, width = _first(part.get("WindowCenter")), _first(part.get("WindowWidth"))
    if centre is None or width is None or width <= 0:
        return None
    return windowed(values, centre, width, str(part.get("VOILUTFunction") or "LINEAR"))


def windowed(values: Values, centre: float, width: float, function: str) -> Grey:
    """Return 0 to 1 by a window (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    >>> windowed(np.array([-100.0, 40.0, 200.0]), 40.5, 81.0, "LINEAR").tolist()
    [0.0, 0.5, 1.0]
    """
    if function == "SIGMOID":
        curve: Grey = (1 / (1 + np.exp(-4 * (values - centre) / width))).astype(np.float32)
        return curve
    if function == "LINEAR_EXACT":
        return scaled(values, centre - width / 2, centre + width / 2)
    middle, half = centre - 0.5, (width - 1) / 2
    if half <= 0:
        return (values > middle).astype(np.float32)
    return scaled(values, middle - half, middle + half)


def _by_table(values: Values, item: Mapping[str, Any]) -> Grey:
    """Return 0 to 1 by a VOI table: its entries, over the largest that its bits can write."""
    entries, first, bits = item.LUTDescriptor  # type: ignore[attr-defined]
    data = item.LUTData  # type: ignore[attr-defined]
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * (entries or TABLED) else "u1")
    table = np.asarray(data, np.float64) / (2.0 ** int(bits) - 1)
    place = np.clip(np.floor(values) - _signed(int(first), values), 0, len(table) - 1)
    shades: Grey = table[place.astype(np.int64)].astype(np.float32)
    return shades


def _signed(first: int, values: Values) -> int:
    """Return the first value of a table, which some files write without its sign."""
    return first - TABLED if first >= TABLED // 2 and values.min() < 0 else first


def _present(stored: NDArray[Any], dataset: "Dataset") -> tuple[Any, Any]:
    """Return the smallest and the largest stored value that is no padding."""
    padding = dataset.get("PixelPaddingValue")
    found = stored if padding is None else stored[stored != padding]
    if not found.size:
        raise Unusable("it is padding all over")
    return found.min(), found.max()


def _first(value: Any) -> float | None:  # noqa: ANN401 - a number, a list of them, or None
    if value is None or value == "":
        return None
    return float(
        value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value
    )
