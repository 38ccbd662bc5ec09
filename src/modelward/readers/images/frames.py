"""Which images of a folder a study takes: frames that were found, grouped and picked.

A frame is one flat image before its pixels are read: a DICOM file, a frame of one, or a NIfTI
volume as a whole. What is picked becomes one unit of the study:

    study.unit   depth     pick      a unit is
    image        -         -         every frame
    image        -         given     one frame of every series
    image        given               every series, as a volume
    patient      -         any       one frame (the middle one) of the patient's last series
    patient      given               the patient's last series, as a volume

"Last" is by the time of acquisition. Units are in the order of patient, series and place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.features import ImageFeature
from modelward.errors import DataError

Pixels = NDArray[np.uint8]


class Unusable(Exception):
    """A file, or a frame, that is left out; its text is the reason, without any value of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image that a study could take.

    Attributes:
        patient: Id of the patient, as the folder spells it.
        series: Images that belong to one stack have the same; a digest, not the UID.
        when: Time of acquisition as digits, '' if nobody says; orders series.
        place: Where along the stack, in millimetres or in frames.
        path: The file, relative to the folder.
        number: Which frame of the file.
        details: What the kind's own reader needs to know.
    """

    patient: str
    series: str
    when: str
    place: float
    path: str
    number: int = 0
    details: Any = None


@dataclass(frozen=True, slots=True)
class Unit:
    """What becomes one tensor: a frame, or the frames of a volume in order."""

    patient: str
    frames: tuple[Frame, ...]

    @property
    def path(self) -> str:
        """The file of the first frame, relative to the folder."""
        return self.frames[0].path


Draw = Callable[[Unit], Pixels]
"""A unit as uint8 [height, width] or [depth, height, width]; raises Unusable."""


@dataclass(slots=True)
class LeftOut:
    """What was not taken, and why. Paths stay at the site: only counts are told.

    Attributes:
        files: (path, reason) of each.
        damaged: Reasons that say a file is damaged, which somebody should look at.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)

    def add(self, path: str, reason: str, *, damaged: bool = False) -> None:
        """Note that the file at `path` is left out."""
        self.files.append((path, reason))
        if damaged:
            self.damaged.add(reason)

    def counts(self) -> list[tuple[str, int]]:
        """Return reasons with their counts, the most frequent first."""
        found = Counter(reason for _, reason in self.files)
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was looked through: frames that fit, what does not, and how to draw."""

    root: Path
    frames: tuple[Frame, ...]
    left_out: LeftOut
    draw: Draw


def picked(frames: Iterable[Frame], feature: ImageFeature, unit: str) -> list[Unit]:
    """Return the units of a study in order.

    Args:
        frames: Those that fit the study's modality and view.
        feature: Whether volumes are asked for, and which frame of a series.
        unit: `patient` or `image`.
    """
    ordered = sorted(frames, key=_place)
    whole = feature.depth is not None
    if unit == "image" and not whole and feature.pick is None:
        return [Unit(frame.patient, (frame,)) for frame in ordered]
    stacks = [
        tuple(stack) for _, stack in groupby(ordered, key=lambda f: (f.patient, f.series))
    ]
    if unit == "patient":
        stacks = [_last(list(each)) for _, each in groupby(stacks, lambda s: s[0].patient)]
    if whole:
        return [Unit(stack[0].patient, stack) for stack in stacks]
    return [Unit(stack[0].patient, (_one(stack, feature.pick),)) for stack in stacks]


def files_under(root: Path) -> list[Path]:
    """Return every file under `root`, hidden ones left out, in order.

    Raises:
        DataError: If there is no such folder.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise DataError(
            f"{root}: there is no such folder",
            why="images are read from a folder of files",
            remedy="correct `path` in dataset.toml; it is relative to that file",
        )
    found = (file for file in root.rglob("*") if not file.name.startswith("."))
    return sorted(file for file in found if file.is_file())


def _place(frame: Frame) -> tuple[str, str, float, str, int]:
    return (frame.patient, frame.series, frame.place, frame.path, frame.number)


def _last(stacks: Sequence[tuple[Frame, ...]]) -> tuple[Frame, ...]:
    return max(stacks, key=lambda stack: (max(f.when for f in stack), stack[0].series))


def _one(stack: Sequence[Frame], pick: str | None) -> Frame:
    place = {"first": 0, "last": len(stack) - 1}.get(pick or "middle", (len(stack) - 1) // 2)
    return stack[place]
