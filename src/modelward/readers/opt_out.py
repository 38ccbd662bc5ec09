"""Patients who said no: taken out before anything else is read of them.

A list is a UTF-8 text file with one patient id a line, as the data spell it; empty lines
and lines that begin with # are passed over. It lies beside dataset.toml, and stays there:
how many units were left out is told, whose they were is not.

Whoever is on the list is gone before values are converted, so that no fault, no count and
no statistic of the cohort rests on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core.faults import Fault, lines
from modelward.errors import DataError
from modelward.readers.plausible import Told


@dataclass(frozen=True, slots=True)
class OptOut:
    """A site's list.

    Attributes:
        ids: Who is on it, as the data spell them.
    """

    ids: frozenset[str]

    def among(self, patients: Sequence[str]) -> NDArray[np.bool_]:
        """Return where one of `patients`, one id per unit, is on the list."""
        return np.array([patient in self.ids for patient in patients], bool)

    def note(self, out: NDArray[np.bool_]) -> str:
        """Return what is said of `out`, which units were left out: counts, no ids."""
        left = int(np.count_nonzero(out))
        if self.ids and not left:
            return f"None of the {len(self.ids)} ids on the opt-out list is in the data."
        return f"{left} of {len(out)} units left out: their patients opted out."

    def doubts(self, patients: Sequence[str]) -> tuple[Told, ...]:
        """Return what is odd about the list beside the ids of all `patients` of the data.

        Spreadsheets drop leading zeros; an id that differs by those, by case or by blanks is
        taken for the same person here, who would be trained on.
        """
        there, unmatched = set(patients), self.ids - set(patients)
        plain = {unpadded(each) for each in there - self.ids}
        near = sum(1 for each in unmatched if unpadded(each) in plain)
        if near:
            says = f"{near} ids of the list are in the data but for leading zeros or case"
            return (("error", "opt_out", says, "write them as the data do"),)
        if self.ids and not there & self.ids:
            says = f"none of the {len(self.ids)} ids of the list is in the data"
            return (("warning", "opt_out", says, "is it a list of these patients? accept it"),)
        return ()


def unpadded(patient: str) -> str:
    """Return an id without what spreadsheets and people change: zeros, case and blanks."""
    return patient.strip().casefold().lstrip("0")


def read_opt_out(path: Path) -> OptOut:
    """Return the list at `path`.

    Raises:
        DataError: If it cannot be read; a list that is named and not there is no empty list.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise _refuse(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _refuse(path, "is not UTF-8 text") from error
    written = (line.strip() for line in text.splitlines())
    return OptOut(frozenset(line for line in written if line and not line.startswith("#")))


def nobody_named(path: Path, what: str) -> DataError:
    """Return the error for data that cannot be held against the list.

    Args:
        path: The data.
        what: What would name the patient of each unit, such as `patient`.
    """
    return DataError(
        lines(str(path), [Fault(what, "is missing, and an opt-out list needs it")]),
        why="who opted out is found by the patient's id, and nobody may be passed over",
        remedy="name the patient of every unit, or take opt_out out of dataset.toml",
    )


def _refuse(path: Path, says: str) -> DataError:
    return DataError(
        lines(str(path), [Fault("", says)]),
        why="without the list, patients who opted out would be trained on",
        remedy="put the list where [dataset] opt_out of dataset.toml says it is",
    )
