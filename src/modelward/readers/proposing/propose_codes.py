"""Which codes of a study a store of events has records of, for a first dataset.toml.

The store is read once as a check would read it, with the codes of the study and no mapping.
What has no record is either not there or coded in the site's own way: those lines are left
for a person. A store that cannot be read is the check's to explain.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.dataset import Dataset, Kind, Source
from modelward.readers.events.stores import LOADERS
from modelward.readers.events.wanted import Wanted, feature_codes, item_codes
from modelward.readers.proposing.propose_events import asked_codes, without
from modelward.readers.record import open_record


def code_lines(path: Path, kind: Kind, study: Study) -> tuple[list[str], list[str]]:
    """Return the lines of `[codes]`, and the names of the study that no record is found for.

    Args:
        path: The store.
        kind: What it is.
        study: What is asked for.
    """
    asked = asked_codes(study)
    try:
        counts = _counts(path, kind, study)
    except DataError:
        listed = [f'# "your code" = "{code}"' for code in asked]
        return ["", "# [codes]        only where this store has codes of its own", *listed], []
    absent = [code for code in asked if not counts.get(code)]
    uncoded = _uncoded(study)
    says = "has no code in the study, and this store is searched by codes"
    open_ones = [f"# {name} {says}" for name in uncoded]
    if not absent:
        told = f"# Every code of the study has records here: {_told(asked, counts)}."
        return ["", *[told] * bool(asked), *open_ones], uncoded
    lines = ["", "# [codes]        this store has no record of these codes of the study:"]
    lines += [f'# "your code" = "{code}"' for code in absent]
    there = [code for code in asked if counts.get(code)]
    lines += [f"# Records there are: {_told(there, counts)}."] if there else []
    return [*lines, *open_ones], [*without(study, there), *uncoded]


def _uncoded(study: Study) -> list[str]:
    """Return the names that no store of events can find; an image is not looked for there."""
    picture = study.image[0] if study.image is not None else None
    return [name for name, codes in feature_codes(study).items()
            if not codes and name != picture and name not in item_codes(study)
            and (study.sequence is None or name != study.sequence[0])]  # fmt: skip


def _counts(path: Path, kind: Kind, study: Study) -> Mapping[str, int]:
    dataset = Dataset(dataset=Source(kind=kind, path=str(path)))
    with open_record() as connection:
        LOADERS[kind](connection, path, dataset, Wanted.of(study, {}))
        rows = connection.execute("SELECT code, count(*) FROM events GROUP BY ALL").fetchall()
    return {str(code): int(count) for code, count in rows}


def _told(codes: Sequence[str], counts: Mapping[str, int]) -> str:
    return ", ".join(f"{code} ({counts[code]})" for code in codes)
