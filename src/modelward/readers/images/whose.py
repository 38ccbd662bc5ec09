"""Whose image a file is: by a header element, by its folder, or by a pattern of its path."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelward.core.faults import Fault, lines
from modelward.errors import DataError
from modelward.readers.dataset import Images
from modelward.readers.images.frames import Unusable

FOLDER = "folder"
"""`patient = "folder"`: the first folder of the path names the patient."""

SUBJECT = r"(?:^|/)(?P<patient>sub-[A-Za-z0-9]+|[^/]+?)(?:[_/][^/]*|\.nii(?:\.gz)?)?$"
"""Where neither file nor dataset.toml says whose it is: the name up to the first `_`."""


@dataclass(frozen=True, slots=True)
class Whose:
    """How the patient of a file is found.

    Attributes:
        element: Keyword of a header element, or None.
        pattern: With a group `patient`, searched in the path; None for an element.
    """

    element: str | None
    pattern: re.Pattern[str] | None = None

    @property
    def elements(self) -> tuple[str, ...]:
        """Header elements that must be read."""
        return () if self.element is None else (self.element,)

    def of(self, path: str, header: Mapping[str, Any] | None = None) -> str:
        """Return the patient of the file at `path`.

        Raises:
            Unusable: If nothing names one.
        """
        if self.pattern is not None:
            match = self.pattern.search(path)
            name = "" if match is None else match["patient"] or ""
        else:
            name = "" if header is None else str(header.get(self.element or "") or "")
        if not name.strip():
            raise Unusable("nothing says whose image it is")
        return name.strip()


def reader(images: Images, root: Path, default: str) -> Whose:
    """Return how `images` says that patients are found under `root`.

    Raises:
        DataError: If the pattern is none.
    """
    said = images.patient or default
    if said == "PatientID":
        return Whose(said)
    written = r"^(?P<patient>[^/]+)/" if said == FOLDER else said
    try:
        pattern = re.compile(written)
        if "patient" not in pattern.groupindex:
            raise re.error("it has no group (?P<patient>...)")  # noqa: TRY301 - one refusal for both
    except re.error as error:
        raise DataError(
            lines(str(root), [Fault("images.patient", f"{said!r}: {error}")]),
            why="every image belongs to a patient, or nobody could be counted",
            remedy="PatientID, folder, or a pattern such as '^(?P<patient>[^_]+)_'",
        ) from error
    return Whose(None, pattern)


def found(pattern: str, text: str) -> bool:
    """Return whether a pattern of dataset.toml is in `text`, in any case."""
    return re.search(pattern, text, re.IGNORECASE) is not None
