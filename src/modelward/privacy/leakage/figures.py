"""What the inspector hands over: numbers about one artifact, never a value of a patient.

The figures are themselves statements about patients. They stay at the site; its ledger
holds a salted hash of them, and the hub learns of a refusal and no more.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modelward.core.canonical import canonical_bytes
from modelward.errors import BadArtifact
from modelward.privacy.leakage.copies import Copies
from modelward.privacy.leakage.inversion import Likeness
from modelward.privacy.leakage.membership import Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Figures of one artifact.

    Attributes:
        copies: Own records found word for word.
        recovered: Own records that the change of a first layer gives away.
        traps: Units of the incoming model's first layer that fire for one own record only.
        units: Units of that layer; 0 where there is none on the inputs.
        likeness: How alike rows are to own records; None unless the tests were full.
        membership: What the loss tells, by outcome; empty unless the tests were full.
        fewest: Fewest persons on one side of a yes/no column, of a level or of the outcome
            (by training units), where products with columns are summed; persons behind a class
            mean, where such are told; None where neither is.
        full: Whether all tests ran.
        together: Fewest persons who have one of two levels and one of the other, where
            products of two such columns are summed; None where they are not, and not told.
        astray: How far a class mean is from the own one
            (exchange/institution/class_means.py); None where there is none, and not told.
    """

    copies: Copies
    recovered: int = 0
    traps: int = 0
    units: int = 0
    likeness: Likeness | None = None
    membership: tuple[Membership, ...] = ()
    fewest: int | None = None
    full: bool = False
    together: int | None = None
    astray: float | None = None

    def table(self) -> dict[str, Any]:
        """Return the figures as JSON; what came later leaves no trace where it is not there."""
        found = dict(_figures.dump_python(self, mode="json"))
        later = ("together", "astray")
        return {name: v for name, v in found.items() if name not in later or v is not None}

    @classmethod
    def read(cls, table: object) -> "Inspection":
        """Return the figures in `table`.

        Raises:
            BadArtifact: If they are not exactly these figures, all finite.
        """
        try:
            found = _figures.validate_python(table)
            if canonical_bytes(found.table()) == canonical_bytes(table):  # type: ignore[arg-type]
                return found
            faults = 1
        except ValidationError as error:
            faults = error.error_count()
        raise BadArtifact(
            f"the inspector's figures cannot be read: {faults} faults",
            why="what was not understood was not inspected",
            remedy="read inspector.log at the site",
        )


_figures = TypeAdapter(Inspection)
