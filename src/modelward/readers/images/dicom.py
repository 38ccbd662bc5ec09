"""A folder of DICOM files: which images there are, and how each becomes a tensor.

Files are looked through by their headers first (dicom_header.py), so nothing is decoded that
the study does not ask for. A file that is left out has a reason, and counts in the report;
one that is damaged makes a warning. Paths and ids are in no text of this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.features import ImageFeature
from modelward.readers.dataset import Images
from modelward.readers.images import whose
from modelward.readers.images.dicom_header import (
    DAMAGED,
    NO_IMAGES,
    digest,
    quiet,
    read_header,
    read_pixels,
)
from modelward.readers.images.dicom_pixels import Limits, extent, grey_of, group
from modelward.readers.images.frames import (
    Folder,
    Frame,
    LeftOut,
    Pixels,
    Unit,
    Unusable,
    files_under,
)
from modelward.readers.images.grey import (
    PLANES,
    Grey,
    as_bytes,
    direction,
    fitted,
    lies_across,
    plane_of,
    resampled,
    upright,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Lie:
    """How a frame lies.

    Attributes:
        towards: Where columns and rows run to; None if the file does not say.
        aspect: Height of a pixel over its width.
        size: Rows and columns.
    """

    towards: tuple[str, str] | None
    aspect: float
    size: tuple[int, int]


def look_through(
    root: Path, feature: ImageFeature, images: Images, words: dict[str, str]
) -> Folder:
    """Return the frames under `root` that fit `feature`, and what does not with the reason.

    Args:
        root: The folder.
        feature: What the study asks for.
        images: `[images]` of the site.
        words: The site's words for modalities and views -> the study's.

    Raises:
        DataError: If there is no such folder, or pydicom is not installed.
    """
    left_out, frames, seen = LeftOut(), list[Frame](), set[str]()
    who = whose.reader(images, root, whose.BY_HEADER)
    extra = (*who.elements, *(("SeriesDescription",) if images.series else ()))
    for file in files_under(root):
        path = str(file.relative_to(root)) if file != root else file.name
        try:
            header = read_header(file, extra)
            _fits(header, feature, images, words)
            found = list(_frames(header, path, who.of(path, header), words))
        except Unusable as reason:
            left_out.add(path, str(reason), damaged="damaged" in str(reason))
            continue
        instance = digest(header.get("SOPInstanceUID") or path)
        if instance in seen:
            left_out.add(path, "the same image is there already")
            continue
        seen.add(instance)
        frames += found
    return Folder(root, tuple(frames), left_out, lambda unit: _drawn(root, unit, feature))


def _fits(
    header: "Dataset", feature: ImageFeature, images: Images, words: dict[str, str]
) -> None:
    """Raise Unusable, with the reason, unless the study asks for such an image."""
    modality = str(header.get("Modality") or "")
    if modality in NO_IMAGES and modality != feature.modality:
        raise Unusable(f"it is {NO_IMAGES[modality]} ({modality}), no image")
    if "Rows" not in header or "Columns" not in header:
        raise Unusable("it holds no image")
    if feature.modality and words.get(modality, modality) != feature.modality:
        said = modality if modality.isalnum() and len(modality) <= 16 else "unnamed"  # noqa: PLR2004 - CS
        raise Unusable(f"its modality is {said}, the study asks for {feature.modality}")
    if "LOCALIZER" in (header.get("ImageType") or ()):
        raise Unusable("it is a localizer")
    if header.get("BurnedInAnnotation") == "YES":
        raise Unusable("it says that text is burned into its pixels")
    if images.series and not whose.found(images.series, str(header.get("SeriesDescription"))):
        raise Unusable("its series is not one of [images] series")
    if feature.view is not None:
        _faces(header, feature.view, images, words)


def _faces(header: "Dataset", view: str, images: Images, words: dict[str, str]) -> None:
    found = view_of(header) or images.view
    if found is None:
        raise Unusable(f"it does not say its view, the study asks for {view}")
    if words.get(found, found) != view:
        said = found if found.isalnum() and len(found) <= 16 else "another one"  # noqa: PLR2004 - CS
        raise Unusable(f"its view is {said}, the study asks for {view}")


def view_of(header: "Dataset") -> str | None:
    """Return the plane of a slice, or the position of a radiograph."""
    towards = _towards(header, 0)
    if towards is not None and _cosines(header, 0) is not None:
        return plane_of(towards)
    return str(header.get("ViewPosition") or "") or None


def _frames(
    header: "Dataset", path: str, patient: str, words: dict[str, str]
) -> Iterator[Frame]:
    del words
    try:
        with quiet():
            when = _when(header)
            series = digest(header.get("SeriesInstanceUID") or path)
            for number in range(int(header.get("NumberOfFrames") or 1)):
                yield Frame(
                    patient=patient,
                    series=series,
                    when=when,
                    place=_place(header, number),
                    path=path,
                    number=number,
                    details=_lie(header, number),
                )
    except DAMAGED:
        raise Unusable("the header is damaged") from None


def _lie(header: "Dataset", number: int) -> Lie:
    spacing: Any = group(header, number, "PixelMeasuresSequence") or header
    pair = (
        spacing.get("PixelSpacing")
        or spacing.get("ImagerPixelSpacing")
        or spacing.get("PixelAspectRatio")
        or (1, 1)
    )
    tall, wide = float(pair[0]), float(pair[1])
    return Lie(
        towards=_towards(header, number),
        aspect=tall / wide if tall > 0 and wide > 0 else 1.0,
        size=(int(header.Rows), int(header.Columns)),
    )


def _towards(header: "Dataset", number: int) -> tuple[str, str] | None:
    cosines = _cosines(header, number)
    if cosines is not None:
        towards = direction(cosines[:3]), direction(cosines[3:])
    else:
        said = [str(each)[:1] for each in header.get("PatientOrientation") or ()]
        if len(said) != 2 or not set(said) <= set("LRPAFH"):  # noqa: PLR2004 - columns and rows
            return None
        towards = said[0], said[1]
    return towards if plane_of(towards) else None


def _cosines(header: "Dataset", number: int) -> NDArray[np.float64] | None:
    part: Any = group(header, number, "PlaneOrientationSequence") or header
    found = part.get("ImageOrientationPatient") or ()
    return np.array(found, np.float64) if len(found) == 6 else None  # noqa: PLR2004 - two vectors


def _place(header: "Dataset", number: int) -> float:
    """Return where the frame lies along its stack, towards the end that the view names."""
    part: Any = group(header, number, "PlanePositionSequence") or header
    position, cosines = part.get("ImagePositionPatient") or (), _cosines(header, number)
    towards = _towards(header, number)
    if len(position) != 3 or cosines is None or towards is None:  # noqa: PLR2004 - x, y and z
        return float(header.get("InstanceNumber") or 0) + number
    normal = np.cross(cosines[:3], cosines[3:])
    if direction(normal) != PLANES[plane_of(towards) or "axial"][2]:
        normal = -normal
    return round(float(np.dot(np.array(position, np.float64), normal)), 4)


def _when(header: "Dataset") -> str:
    for day, time in (("AcquisitionDate", "AcquisitionTime"), ("ContentDate", "ContentTime"),
                      ("SeriesDate", ""), ("StudyDate", "")):  # fmt: skip
        said = str(header.get(day) or "")
        if said.isdigit():
            return said + (str(header.get(time) or "") if time else "")
    return ""


def _drawn(root: Path, unit: Unit, feature: ImageFeature) -> Pixels:
    """Return a unit as the study's tensor."""
    limits = feature.grey
    if feature.depth is None:
        return as_bytes(_flat(root, unit.frames[0], feature, limits))
    if len({frame.details for frame in unit.frames}) > 1:
        raise Unusable("slices of one series differ in size or direction")
    if limits is None:
        ends = [extent(_open(root, f.path), f.number) for f in unit.frames]
        limits = min(low for low, _ in ends), max(high for _, high in ends)
    stack = np.stack([_flat(root, frame, feature, limits) for frame in unit.frames])
    return as_bytes(resampled(stack, 0, feature.depth))


def _flat(root: Path, frame: Frame, feature: ImageFeature, limits: Limits | None) -> Grey:
    grey, lie = grey_of(_open(root, frame.path), frame.number, limits), frame.details
    aspect = lie.aspect
    if lie.towards is not None:
        columns, rows, _ = PLANES[plane_of(lie.towards) or "axial"]
        if lies_across(lie.towards, (columns, rows)):
            aspect = 1 / aspect
        grey = upright(grey, lie.towards, (columns, rows))
    return fitted(grey, feature.size, aspect)


def _open(root: Path, path: str) -> "Dataset":
    return _cached(root / path if root.is_dir() else root)


@lru_cache(maxsize=1)
def _cached(file: Path) -> "Dataset":
    """Return the file that was read last again, as frames of one file come together."""
    return read_pixels(file)
