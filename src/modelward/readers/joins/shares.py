"""Which source answers for which feature, and the part of a study that it is asked.

A table with one row per patient holds what `[columns]` names, or what a heading is called. A
store of events holds whatever has a code. A table goes first, because somebody made it for
this study; among equals, the order of dataset.toml decides.
"""

from collections.abc import Collection, Sequence

from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.readers.dataset import Dataset
from modelward.readers.events.wanted import feature_codes
from modelward.readers.joins.sources import Source
from modelward.readers.tables.table_opened import asked_of
from modelward.readers.tables.text_columns import headings


def shares(sources: Sequence[Source], study: Study, faults: list[Fault]) -> dict[str, set[str]]:
    """Return source name -> names it answers for; what nobody holds is added to `faults`.

    All stores of events answer together, under the name of the first of them.

    Raises:
        DataError: If a table cannot be opened.
    """
    left = {name for name in asked_of(study) if study.image is None or name != study.image[0]}
    found: dict[str, set[str]] = {source.name: set() for source in sources}
    for source in sources:
        if source.is_table:
            there = headings(source.path, source.dataset.dataset.encoding)
            found[source.name] = {
                name for name in left - _timed(study) if _holds(source.dataset, name, there)
            }
            left -= found[source.name]
    events = [source for source in sources if not source.is_table]
    if events:
        coded = {name for name, codes in feature_codes(study).items() if codes} & left
        found[events[0].name] = coded
        left -= coded
    asked = ", ".join(source.name or "[dataset]" for source in sources)
    faults += [
        Fault(
            name, f"is in none of the sources ({asked}): no column, and no code to search for"
        )
        for name in sorted(left)
    ]
    return found


def part_of(study: Study, names: Collection[str], *, indexed: bool) -> Study:
    """Return `study` with only the features, criteria and target in `names`.

    Args:
        study: The whole.
        names: What a source is asked for; it need not hold the target.
        indexed: Whether the source knows the index event.
    """
    cohort = study.cohort
    criteria = {
        group: {
            name: each for name, each in (getattr(cohort, group) or {}).items() if name in names
        }
        for group in ("all", "any", "exclude")
    }
    return study.model_copy(
        update={
            "features": {n: feature for n, feature in study.features.items() if n in names},
            "target": {n: outcome for n, outcome in study.target.items() if n in names},
            "cohort": cohort.model_copy(
                update={**criteria, "index": cohort.index if indexed else None}
            ),
            "study": study.study.model_copy(update={"unit": "patient"}),
        }
    )


def _timed(study: Study) -> set[str]:
    """Return what no row of a patient can hold: a sequence of events."""
    return set() if study.sequence is None else {study.sequence[0]}


def _holds(dataset: Dataset, name: str, there: Collection[str]) -> bool:
    return name in dataset.columns or name in there
