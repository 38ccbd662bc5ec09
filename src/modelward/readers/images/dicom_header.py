"""What is read of a DICOM header, and nothing else: an allow-list.

Names, birth dates, addresses, physicians, institutions, free text and private elements are
passed over while the file is parsed: they are never Python objects of this process. The
patient's id is read, as the key that joins images with other data; UIDs become digests.
pydicom's warnings and error texts, which may quote a file, go nowhere.

DICOM PS3.3 2024e: C.7.6.2 (planes), C.7.6.1.1.1 (patient orientation), C.7.6.16 (functional
groups of enhanced multi-frame images), C.7.6.3 (pixels), C.11.1 and C.11.2 (lookup tables).
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelward.errors import DataError
from modelward.readers.images.frames import Unusable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ABOUT = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImageType",
    "ViewPosition", "PatientOrientation", "ImageOrientationPatient", "ImagePositionPatient",
    "InstanceNumber", "StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionTime",
    "ContentDate", "ContentTime", "BurnedInAnnotation", "PixelSpacing", "ImagerPixelSpacing",
    "Rows", "Columns", "NumberOfFrames", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "PixelAspectRatio",
)  # fmt: skip
"""What says which image it is and how it lies."""

PIXELS = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "RescaleSlope",
    "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth",
    "VOILUTFunction", "PresentationLUTShape", "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "PixelData", "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths", "FloatPixelData", "DoubleFloatPixelData",
)  # fmt: skip
"""What says what its pixels mean."""

NO_IMAGES = {
    "SR": "a report", "RTPLAN": "a treatment plan", "RTSTRUCT": "a set of contours",
    "RTDOSE": "a dose", "SEG": "a segmentation", "PR": "a presentation state",
    "KO": "a list of key objects", "REG": "a registration", "DOC": "a document",
    "AU": "sound", "ECG": "a curve",
}  # fmt: skip
"""Modality -> what it is, where it is no image of a patient."""

DAMAGED = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    OSError, RuntimeError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom and its decoders raise for bytes that are not, or no longer, DICOM."""

PREAMBLE = 128
"""Bytes before the letters DICM."""


def read_header(path: Path, extra: tuple[str, ...]) -> "Dataset":
    """Return the allowed elements of the header at `path`, and those named in `extra`.

    Raises:
        Unusable: If it is no DICOM file, or is cut off within the header.
    """
    return _read(path, (*ABOUT, *extra, "PixelRepresentation"), pixels=False)


def read_pixels(path: Path) -> "Dataset":
    """Return the allowed elements of the file at `path` with its pixels.

    Raises:
        Unusable: If it cannot be read.
    """
    return _read(path, (*ABOUT, *PIXELS), pixels=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing out that pydicom has to say: its texts may quote the file."""
    log = logging.getLogger("pydicom")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def digest(uid: object) -> str:
    """Return what stands for a UID: it groups files and cannot be looked up."""
    return sha256(b"modelward-uid/1\n" + str(uid).encode()).hexdigest()[:16]


def require_pydicom() -> Any:  # noqa: ANN401 - a module without types
    """Return pydicom.

    Raises:
        DataError: If it is not installed.
    """
    try:
        import pydicom  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DataError(
            "DICOM files cannot be read: pydicom is not installed",
            why="it is part of the extra 'imaging', which tables do not need",
            remedy="pip install 'modelward[imaging]'",
        ) from error
    return pydicom


def _read(path: Path, wanted: tuple[str, ...], *, pixels: bool) -> "Dataset":
    pydicom = require_pydicom()
    _recognise(path)
    try:
        with quiet():
            found: Dataset = pydicom.dcmread(
                path, force=True, specific_tags=list(wanted), stop_before_pixels=not pixels
            )
            if "TransferSyntaxUID" not in found.file_meta:
                found.file_meta.TransferSyntaxUID = _syntax(found)
            for element in found:  # parsed here, so that what is broken shows here
                _ = element.value
    except DAMAGED:
        raise Unusable("the header is damaged") from None  # the text may quote the file
    return found


def looks_like_dicom(path: Path) -> bool:
    """Return whether the file begins as DICOM does, with or without its preamble."""
    try:
        _recognise(path)
    except Unusable:
        return False
    return True


def _recognise(path: Path) -> None:
    """Raise Unusable unless the file begins as DICOM does, with or without its preamble."""
    try:
        with path.open("rb") as stream:
            start = stream.read(PREAMBLE + 4)
    except OSError:
        raise Unusable("the file cannot be opened") from None
    if start[PREAMBLE:] == b"DICM":
        return
    groups = {int.from_bytes(start[:2], order) for order in ("little", "big")}
    if len(start) < 8 or not groups & {0x0002, 0x0008}:  # noqa: PLR2004 - tag, VR and length
        raise Unusable("it is no DICOM file")


def _syntax(found: "Dataset") -> str:
    """Return the transfer syntax of a file that does not name it."""
    implicit, little = found.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
