"""NIfTI-1 and NIfTI-2 files in one piece (.nii, .nii.gz): header, orientation and values.

A format of one fixed header is read here; a library would be larger than what it saves
(decision 0023). Only what places and scales a volume is looked at; `descrip`, `aux_file`,
`intent_name` and extensions, in which programs write free text, are passed over.

Header: nifti1.h (Cox et al. 2004) and nifti2.h (2011). Orientation: sform where its code is
above zero, else qform; both map voxels to millimetres towards right, anterior and superior.
"""

import gzip
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.readers.images.frames import Unusable

TYPES: Mapping[int, str] = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8",
}  # fmt: skip
"""datatype -> how a voxel is stored; colours and complex numbers are no grey values."""

LARGEST = 1 << 33
"""Bytes of a volume above which a header is taken for damaged."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its volume.

    Attributes:
        shape: Voxels along i, j, k, and volumes over time.
        stored: dtype of a voxel, with its byte order.
        offset: Where voxels begin, in bytes.
        slope, intercept: measured value = slope * stored + intercept.
        display: Values to show as black and white; None if they are not given.
        affine: float64 [3, 3], columns are the steps of i, j and k in millimetres towards
            right, anterior and superior; None if the file does not say.
    """

    shape: tuple[int, int, int, int]
    stored: str
    offset: int
    slope: float
    intercept: float
    display: tuple[float, float] | None
    affine: NDArray[np.float64] | None


def read_header(path: Path) -> Header:
    """Return the header of the file at `path`.

    Raises:
        Unusable: If it is no NIfTI file, or no grey volume.
    """
    raw = _bytes(path, 0, 544)
    for order in "<>":
        if len(raw) >= 348 and struct.unpack_from(order + "i", raw)[0] == 348:  # noqa: PLR2004
            return _first(raw, order)
        if len(raw) >= 540 and struct.unpack_from(order + "i", raw)[0] == 540:  # noqa: PLR2004
            return _second(raw, order)
    raise Unusable("it is no NIfTI file")


def read_values(path: Path, header: Header) -> NDArray[np.float64]:
    """Return the measured values of the first volume, [i, j, k].

    Raises:
        Unusable: If the file is cut off or damaged.
    """
    shape = header.shape[:3]
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(header.stored).itemsize
    raw = _bytes(path, header.offset, count)
    if len(raw) != count:
        raise Unusable("the voxels are cut off: the file is damaged")
    stored = np.frombuffer(raw, header.stored).reshape(shape, order="F")
    values = stored.astype(np.float64) * header.slope + header.intercept
    if not np.isfinite(values).all():
        raise Unusable("a voxel is not a finite number")
    return values


def _bytes(path: Path, start: int, count: int) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                stream.seek(start)
                return stream.read(count)
        with path.open("rb") as plain:
            plain.seek(start)
            return plain.read(count)
    except (OSError, EOFError, zlib.error):
        raise Unusable("the file is damaged, or cannot be opened") from None


def _first(raw: bytes, order: str) -> Header:
    if raw[344:348] != b"n+1\0":
        raise Unusable("its voxels are in another file (.img)")

    def get(form: str, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + form, raw, at)

    (datatype,), (offset, slope, intercept) = get("h", 70), get("3f", 108)
    places = _Places(
        get("8h", 40), get("8f", 76), get("2h", 252), get("6f", 256), get("12f", 280)
    )
    return _header(order, datatype, (offset, slope, intercept, *get("2f", 124)), places)


def _second(raw: bytes, order: str) -> Header:
    if raw[4:8] != b"n+2\0":
        raise Unusable("its voxels are in another file (.img)")

    def get(form: str, at: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + form, raw, at)

    (datatype,), (offset,), scale = get("h", 12), get("q", 168), get("2d", 176)
    places = _Places(
        get("8q", 16), get("8d", 104), get("2i", 344), get("6d", 352), get("12d", 400)
    )
    return _header(order, datatype, (offset, *scale, *get("2d", 192)), places)


@dataclass(frozen=True, slots=True)
class _Places:
    """dim, pixdim, (qform_code, sform_code), quatern and qoffset, srow_x to srow_z."""

    dim: tuple[int, ...]
    pixdim: tuple[float, ...]
    codes: tuple[int, ...]
    quatern: tuple[float, ...]
    srow: tuple[float, ...]


def _header(order: str, datatype: int, scale: tuple[float, ...], places: _Places) -> Header:
    offset, slope, intercept, shown_high, shown_low = scale
    if datatype not in TYPES:
        raise Unusable("its voxels are colours or complex numbers, no grey values")
    axes = places.dim[0]
    if not 2 <= axes <= 7 or any(n < 1 for n in places.dim[1 : axes + 1]):  # noqa: PLR2004 - dim[0]
        raise Unusable("its header is damaged")
    shape = (*places.dim[1 : axes + 1], 1, 1, 1)[:4]
    stored = order + TYPES[datatype]
    if int(np.prod(shape[:3], dtype=object)) * np.dtype(stored).itemsize > LARGEST:
        raise Unusable("its header is damaged")
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        slope, intercept = 1.0, 0.0
    display = (float(shown_low), float(shown_high)) if shown_high > shown_low else None
    return Header(
        shape=(shape[0], shape[1], shape[2], shape[3]),
        stored=stored,
        offset=int(offset),
        slope=float(slope),
        intercept=float(intercept),
        display=display,
        affine=_affine(places),
    )


def _affine(places: _Places) -> NDArray[np.float64] | None:
    qform, sform = places.codes
    if sform > 0:
        found = np.array(places.srow, np.float64).reshape(3, 4)[:, :3]
    elif qform > 0:
        found = _rotation(places.quatern[:3]) * np.array(places.pixdim[1:4], np.float64)
        if places.pixdim[0] < 0:
            found[:, 2] = -found[:, 2]
    else:
        return None
    usable = np.isfinite(found).all() and abs(np.linalg.det(found)) > 0
    return found if usable else None


def _rotation(quatern: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the rotation of a unit quaternion of which b, c and d are given (nifti1.h)."""
    b, c, d = (float(each) for each in quatern)
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    return np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
