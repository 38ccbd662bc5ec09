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

SUBJECT = (r"(?:^|/)(?P<patient>sub-[A-Za-z0-9]+)", r"(?:^|/)(?P<patient>[^/_.]+)[^/]*$")
"""Where nothing else says whose it is: `sub-X`, or the name up to the first `_`."""


@dataclass(frozen=True, slots=True)
class Whose:
    """How the patient of a file is found.

    Attributes:
        element: Keyword of a header element, or None.
        patterns: With a group `patient`, searched in the path one after the other.
    """

    element: str | None
    patterns: tuple[re.Pattern[str], ...] = ()

    @property
    def elements(self) -> tuple[str, ...]:
        """Header elements that must be read."""
        return () if self.element is None else (self.element,)

    def of(self, path: str, header: Mapping[str, Any] | None = None) -> str:
        """Return the patient of the file at `path`.

        Raises:
            Unusable: If nothing names one.
        """
        if self.element is not None:
            name = "" if header is None else str(header.get(self.element) or "")
        else:
            found = (pattern.search(path) for pattern in self.patterns)
            name = next((match["patient"] or "" for match in found if match), "")
        if not name.strip():
            raise Unusable("nothing says whose image it is")
        return name.strip()


BY_HEADER = Whose("PatientID")
BY_NAME = Whose(None, tuple(map(re.compile, SUBJECT)))


def reader(images: Images, root: Path, default: Whose) -> Whose:
    """Return how `images` says that patients are found under `root`.

    Raises:
        DataError: If the pattern is none.
    """
    said = images.patient
    if said is None:
        return default
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
    return Whose(None, (pattern,))


def found(pattern: str, text: str) -> bool:
    """Return whether a pattern of dataset.toml is in `text`, in any case."""
    return re.search(pattern, text, re.IGNORECASE) is not None
