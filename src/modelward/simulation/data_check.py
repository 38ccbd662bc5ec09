"""What `modelward data check` has to say of a simulation's data, repeated in its report.

A site whose check finds errors takes part in nothing. A simulation is a trial on one machine,
often of data that are a trial themselves, so it goes on and says what a site would have been
told: on the terminal, and among the notes of the report. What cannot be read at all ends it
(fitting.py), and what lies outside of a range is missing here as it is there.

RUN/data-check.json   sentences, errors first; absent where there is nothing to say
"""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.readers.checking.readiness import Finding, check
from modelward.simulation.folder import RunFolder
from modelward.study.readiness import COHORT

FILE = "data-check.json"

ERROR = "The data check, error: "
"""How a sentence begins that a real site would be NOT READY for."""

WARNING = "The data check, warning: "


def sentences(found: Iterable[Finding], site: str = "") -> tuple[str, ...]:
    """Return what a person should look at, as sentences; errors first, notes not at all.

    Args:
        found: By the check. How many units there are is not repeated: fitting.py counts them
            by site.
        site: Whose data they are; empty for one file that is dealt to sites.
    """
    begins = {"error": ERROR, "warning": WARNING}
    where = f"{site}, " if site else ""
    return tuple(
        f"{begins[each.level]}{where}{each.key}: {each.says}; {each.remedy.rstrip('.?')}."
        for each in found
        if each.level in begins and each.key != COHORT
    )


def of_sites(folder: RunFolder, names: Iterable[str], study: Study) -> tuple[str, ...]:
    """Return what there is to say of sites that brought their own data, which can be read.

    Images are not looked at a second time: what is left out of them is told by the reader. A
    run has no day that is today, so that it gives the same again: events to come are not told.
    """
    if inputs(study).kind not in {"table", "sequence"}:
        return ()
    said: list[str] = []
    for name in names:
        found = check(folder.sites / name / "dataset.toml", study, date.max)
        said += sentences(found.findings, name)
    return tuple(sorted(said, key=lambda each: not each.startswith(ERROR)))


def keep(folder: RunFolder, said: tuple[str, ...]) -> None:
    """Write what was said into the folder of the run; what an earlier try said is gone.

    Raises:
        StorageError: If it cannot be written.
    """
    if said:
        durable.write_whole(_file(folder.path), canonical_bytes(list(said)))
    else:
        _file(folder.path).unlink(missing_ok=True)


def kept(folder: RunFolder) -> tuple[str, ...]:
    """Return what was said when the run began."""
    file = _file(folder.path)
    return tuple(json.loads(file.read_bytes())) if file.exists() else ()


def errors(notes: Iterable[str]) -> tuple[str, ...]:
    """Return those of a report's notes that a real site would be NOT READY for."""
    return tuple(note for note in notes if note.startswith(ERROR))


def warnings(notes: Iterable[str]) -> tuple[str, ...]:
    """Return those of a report's notes that a real site's people would have to accept."""
    return tuple(note for note in notes if note.startswith(WARNING))


def _file(run: Path) -> Path:
    return run / FILE
