"""A folder of NIfTI volumes: one slice of each, or each as a volume.

A NIfTI file says neither what it is nor whose: the modality is the site's word (`[images]
modality`), the patient is in the path. A series over time gives its first volume. Slices are
cut along the view that the study asks for, axial if it names none; a volume that does not say
how it lies is left out, because left and right could not be told apart.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core.faults import Fault, lines
from modelward.core.features import ImageFeature
from modelward.errors import DataError
from modelward.readers.dataset import Images
from modelward.readers.images import whose
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
    OPPOSITE,
    PLANES,
    as_bytes,
    direction,
    fitted,
    resampled,
    scaled,
)
from modelward.readers.images.nifti_file import Header, read_header, read_values

ENDINGS = (".nii", ".nii.gz")

TO_LPS = np.array([-1.0, -1.0, 1.0])
"""From right, anterior, superior to left, posterior, head."""


def look_through(
    root: Path, feature: ImageFeature, images: Images, words: dict[str, str]
) -> Folder:
    """Return the slices or volumes under `root` that fit `feature`, and what does not.

    Raises:
        DataError: If there is no such folder, or dataset.toml does not say the modality.
    """
    _require_modality(root, feature, images, words)
    view = _view(root, feature)
    who, left_out, frames = whose.reader(images, root, whose.BY_NAME), LeftOut(), list[Frame]()
    for file in files_under(root):
        path = str(file.relative_to(root)) if file != root else file.name
        try:
            if not file.name.endswith(ENDINGS):
                raise Unusable("it is no NIfTI file")  # noqa: TRY301 - a reason like the others
            patient, header = who.of(path), read_header(file)
            slices = header.shape[_axes(header, view)[2][0]]
        except Unusable as reason:
            left_out.add(path, str(reason), damaged="damaged" in str(reason))
            continue
        frames += [
            Frame(patient=patient, series=path, when="", place=float(n), path=path, number=n,
                  details=header.shape)
            for n in range(slices)
        ]  # fmt: skip
    return Folder(root, tuple(frames), left_out, lambda unit: _drawn(root, unit, feature, view))


def _require_modality(
    root: Path, feature: ImageFeature, images: Images, words: dict[str, str]
) -> None:
    said = images.modality
    if not feature.modality or (said and words.get(said, said) == feature.modality):
        return
    fault = (
        f"is missing: NIfTI files do not say it, the study asks for {feature.modality}"
        if said is None
        else f"is {said}, the study asks for {feature.modality}"
    )
    raise DataError(
        lines(str(root), [Fault("images.modality", fault)]),
        why="another kind of picture would be learnt from",
        remedy=f"if they are, write under [images]: modality = '{feature.modality}'",
    )


def _view(root: Path, feature: ImageFeature) -> str:
    view = feature.view or "axial"
    if view not in PLANES:
        raise DataError(
            lines(
                str(root), [Fault("view", f"is {view!r}, and volumes have {', '.join(PLANES)}")]
            ),
            why="a slice of a volume is cut along one of three planes",
            remedy="take part in a study of volumes, or name a folder of radiographs",
        )
    return view


def _axes(header: Header, view: str) -> tuple[tuple[int, bool], ...]:
    """Return, for columns, rows and slices of `view`: the voxel axis, and whether it runs back.

    Raises:
        Unusable: If the file does not say how the volume lies.
    """
    if header.affine is None:
        raise Unusable("it does not say how the volume lies (sform and qform are 0)")
    names = [direction(header.affine[:, axis] * TO_LPS) for axis in range(3)]
    found = []
    for wanted in PLANES[view]:
        for axis, name in enumerate(names):
            if name in {wanted, OPPOSITE[wanted]}:
                found.append((axis, name != wanted))
    if len({axis for axis, _ in found}) != 3:  # noqa: PLR2004 - three axes
        raise Unusable("its axes lie askew")
    return tuple(found)


def _drawn(root: Path, unit: Unit, feature: ImageFeature, view: str) -> Pixels:
    """Return a unit as the study's tensor."""
    file = root / unit.path if root.is_dir() else root
    header = read_header(file)
    axes = _axes(header, view)
    values = _upright(read_values(file, header), axes)
    if feature.depth is None:
        values = values[unit.frames[0].number][None]
    low, high = feature.grey or header.display or (float(values.min()), float(values.max()))
    if not feature.grey and not header.display and header.stored[1:] == "u1":
        low, high = 0.0, 255.0
    grey = fitted(scaled(values, low, high), feature.size, _aspect(header, axes))
    if feature.depth is None:
        return as_bytes(grey[0])
    return as_bytes(resampled(grey, 0, feature.depth))


def _upright(
    values: NDArray[np.float64], axes: tuple[tuple[int, bool], ...]
) -> NDArray[np.float64]:
    """Return [slices, rows, columns], each running the way the view names."""
    (columns, back_columns), (rows, back_rows), (slices, back_slices) = axes
    turned = np.transpose(values, (slices, rows, columns))
    steps = tuple(
        slice(None, None, -1 if back else 1) for back in (back_slices, back_rows, back_columns)
    )
    return turned[steps]


def _aspect(header: Header, axes: tuple[tuple[int, bool], ...]) -> float:
    """Return the height of a pixel over its width."""
    if header.affine is None:
        return 1.0
    size = np.linalg.norm(header.affine, axis=0)
    return float(size[axes[1][0]] / size[axes[0][0]])
