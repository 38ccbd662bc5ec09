"""From one row per unit to a cohort: who takes part, who is left out and why, which fold.

The rules of `[cohort]` are applied in the order in which the notes tell them: opted out, no
index event, a criterion, no known outcome, a missing feature.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.faults import Fault
from modelward.core.sequences import Packed
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.cohort import Cohort, assign_folds, number_owners, torn
from modelward.readers.opt_out import OptOut
from modelward.readers.plausible import Told

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Every unit of a store.

    Attributes:
        ids: One per unit, as the store spells it.
        x: float64 [units, columns of the study], NaN where missing.
        y: float64 [units], 1 or 0, NaN where the outcome is not known; 0 where it is measured.
        criteria: Name -> float64 [units], 1 where it holds.
        indexed: Where the index event is known; None if nobody needs one.
        folds: Those that the data name, or None.
        out: Where the patient opted out; None without a list.
        amount: float64 [units], days or values as `Cohort.amount` has them; None if neither.
        raw: Number feature -> values before the range was applied, where the store has them.
        owned: Whether ids are those of patients, and not numbers of rows.
        course: Sequences of every unit; None where the study asks for none.
        told: What the reader itself found that somebody should look at.
    """

    ids: Sequence[str]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    criteria: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    indexed: Mask | None = None
    folds: NDArray[np.int8] | None = None
    out: Mask | None = None
    owned: bool = True
    raw: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    amount: NDArray[np.float64] | None = None
    course: Packed | None = None
    told: tuple[Told, ...] = ()


def assemble(
    rows: Rows,
    study: Study,
    faults: list[Fault],
    refuse: Callable[[Sequence[Fault]], DataError],
    notes: tuple[str, ...] = (),
    opt_out: OptOut | None = None,
) -> Cohort:
    """Return the units that take part, with a note on everybody who does not.

    Args:
        rows: Every unit.
        study: Whose rules hold.
        faults: Found so far; those of missing values are added.
        refuse: Makes the error of faults.
        notes: What the reader has to tell.
        opt_out: The list that `rows.out` comes from.

    Raises:
        DataError: If there are faults.
    """
    out = np.zeros(len(rows.y), bool) if rows.out is None else rows.out
    if opt_out is not None:
        notes += (opt_out.note(out),)
    kept, told = kept_rows(rows, study)
    if not study.cohort.complete:
        unread = {fault.key for fault in faults}
        missing = [*too_many_missing(rows.x[kept], study), *too_few_events(rows, kept, study)]
        faults = [*faults, *(fault for fault in missing if fault.key not in unread)]
    ids = [unit for unit, keep in zip(rows.ids, kept, strict=True) if keep]
    owner = number_owners(ids)
    given = None if rows.folds is None else rows.folds[kept]
    faults = [*faults, *torn("split", owner, given)]
    if faults:
        raise refuse(list(dict.fromkeys(faults)))
    return Cohort(
        # Sums depend on the order in memory.
        x=np.ascontiguousarray((rows.x if rows.course is None else rows.course)[kept]),
        y=rows.y[kept].astype(np.int8),
        folds=assign_folds(ids, given, study.plan),
        notes=notes + told,
        ids=tuple(ids),
        owner=owner if rows.owned else None,
        opted_out=None if opt_out is None else int(np.count_nonzero(out)),
        amount=None if rows.amount is None else rows.amount[kept],
    )


def kept_rows(rows: Rows, study: Study) -> tuple[Mask, tuple[str, ...]]:
    """Return which units take part, and why the others do not."""
    out = np.zeros(len(rows.y), bool) if rows.out is None else rows.out
    kept = ~out
    notes: list[str] = []
    for reason, holds in _reasons(rows, study):
        leaving = kept & ~holds
        kept &= holds
        if leaving.any():
            count = int(np.count_nonzero(~out))
            notes.append(
                f"{int(np.count_nonzero(leaving))} of {count} rows left out: {reason}."
            )
    return kept, tuple(notes)


def _reasons(rows: Rows, study: Study) -> list[tuple[str, Mask]]:
    """Return why a unit may be left out, and where the rule holds."""
    cohort = study.cohort
    found: list[tuple[str, Mask]] = []
    if rows.indexed is not None:
        found.append(("no index event", rows.indexed))
    found += [(f"not {name}", rows.criteria[name] == 1) for name in cohort.required]
    if cohort.alternatives:
        some: Mask = np.any([rows.criteria[name] == 1 for name in cohort.alternatives], axis=0)
        found.append((f"none of {', '.join(cohort.alternatives)}", some))
    found += [(name, rows.criteria[name] != 1) for name in cohort.excluded]
    found.append(("no known outcome", np.asarray(~np.isnan(rows.y))))
    if cohort.complete:
        known = ~np.isnan(rows.x).any(axis=1)
        known &= True if rows.course is None else _eventful(rows.course)
        found.append(("a missing feature", np.asarray(known)))
    return found


def _eventful(course: Packed) -> Mask:
    """Return which units have an event at all."""
    return np.asarray(course[:, 0, 0] > 0)


def too_few_events(rows: Rows, kept: Mask, study: Study) -> list[Fault]:
    """Return the fault of sequences of which more are empty than the study allows."""
    if study.sequence is None or rows.course is None or not kept.any():
        return []
    name, feature = study.sequence
    share = 1 - float(_eventful(rows.course[kept]).mean())
    if share <= feature.max_missing:
        return []
    says = (
        f"{share:.0%} have no event in the window, the study allows {feature.max_missing:.0%}"
    )
    return [Fault(name, says)]


def too_many_missing(x: NDArray[np.float64], study: Study) -> list[Fault]:
    """Return the features of which more is missing than the study allows."""
    if not len(x):
        return []
    shares = np.isnan(x).mean(axis=0)
    return [
        Fault(
            column.feature,
            f"{share:.0%} missing or out of range, the study allows "
            f"{study.features[column.feature].max_missing:.0%} (max_missing)",  # type: ignore[union-attr]
        )
        for column, share in zip(columns(study), shares, strict=True)
        if share > study.features[column.feature].max_missing  # type: ignore[union-attr]
    ]
