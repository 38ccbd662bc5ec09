"""A site's own record of whether its data fit a study, and what holds while they do not.

    SITE/readiness/STUDY.json    the last check: ready or not by name, accepted warnings, and
                                 whether the hub may be told; stays at the site

A site that is NOT READY takes part in nothing: nobody can approve (`require_ready`), its
extractor writes no cohort (extractor.py), and a task of a study that was approved before is
refused (`objection`). What may be said of it to the hub is telling.py's.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from modelward import durable
from modelward.core.canonical import Json, canonical_bytes
from modelward.core.clock import stamp
from modelward.core.study import Study
from modelward.core.targets import time_of
from modelward.core.verdict import Finding
from modelward.errors import NotApproved, StorageError
from modelward.readers.checking.readiness import Readiness, check
from modelward.study.readiness import COHORT, names

FOLDER = "readiness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The last check of a study's data.

    Attributes:
        study: SHA-256 of the study.
        number: Counted up with every check.
        ready: Name -> whether it is ready, as study/readiness.py names them.
        accepted: Warnings that somebody has accepted.
        tell: Whether the hub is told.
        time: When, in UTC.
        format: Of the file.
    """

    study: str
    number: int
    ready: dict[str, bool]
    accepted: tuple[str, ...]
    tell: bool
    time: str
    format: Literal["modelward-readiness/1"] = "modelward-readiness/1"

    @property
    def whole(self) -> bool:
        """Whether the site is READY."""
        return all(self.ready.values())


_files: TypeAdapter[Checked] = TypeAdapter(Checked)


def check_now(
    folder: Path,
    study: Study,
    now: datetime,
    accepted: Collection[str] = (),
    *,
    tell: bool = False,
) -> Readiness:
    """Return whether the data of the site in `folder` fit `study`, and record it.

    Warnings that were accepted in the last check stay accepted.

    Raises:
        DataError: If dataset.toml cannot be used.
        StorageError: If it cannot be recorded.
    """
    before = recorded(folder, study.sha256)
    kept = () if before is None else before.accepted
    accepts = tuple(sorted({*accepted, *kept}))
    found = check(folder / "dataset.toml", study, now.date(), accepts)
    made = Checked(
        study=study.sha256,
        number=1 if before is None else before.number + 1,
        ready=by_name(found, study),
        accepted=accepts,
        tell=tell,
        time=stamp(now),
    )
    durable.make_folder(folder / FOLDER)
    durable.write_whole(_path(folder, study.sha256), canonical_bytes(_table(made)), mode=0o640)
    return found


def by_name(found: Readiness, study: Study) -> dict[str, bool]:
    """Return name -> ready; a finding about nothing that has a name is about the cohort."""
    listed = names(study)
    ready = dict.fromkeys(listed, True)
    for finding in found.findings:
        warned = finding.level == "warning" and finding.key not in found.accepted
        if finding.level == "error" or warned:
            ready[_named(finding.key, study, listed)] = False
    return ready


def recorded(folder: Path, study: str) -> Checked | None:
    """Return the last check of the study with this SHA-256; None if there was none.

    Raises:
        StorageError: If the file is damaged.
    """
    path = _path(folder, study)
    try:
        return _files.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise StorageError(
            f"{path} is damaged",
            why="a site that is not known to be ready takes part in nothing",
            remedy="check again: modelward site check SITE STUDY",
        ) from error


def to_tell(folder: Path) -> list[Checked]:
    """Return the checks that the hub may be told of, by study."""
    found = [recorded(folder, path.stem) for path in sorted((folder / FOLDER).glob("*.json"))]
    return [each for each in found if each is not None and each.tell]


def require_ready(folder: Path, study: Study) -> None:
    """Return if the last check of `study` found the site READY.

    Raises:
        NotApproved: If there was none, or it did not.
    """
    made = recorded(folder, study.sha256)
    if made is not None and made.whole:
        return
    says = "has not been checked" if made is None else f"is not ready: {_lacking(made.ready)}"
    raise NotApproved(
        f"the site {says}",
        why="a site whose data do not fit a study takes part in nothing of it",
        remedy="see what to write: modelward site check SITE STUDY; --accept NAME accepts a "
        "warning that is as it should be",
    )


def objection(folder: Path, study: Study) -> tuple[Finding, ...]:
    """Return what speaks against a task of `study`: a last check that did not find READY."""
    made = recorded(folder, study.sha256)
    if made is None or made.whole:  # one that was approved without a check is the extractor's
        return ()
    return (
        Finding(
            rule="readiness",
            says=f"the last check did not find the site ready: {_lacking(made.ready)}",
            remedy="correct dataset.toml, then: modelward site check SITE STUDY",
        ),
    )


def _lacking(ready: Mapping[str, bool]) -> str:
    return ", ".join(name for name, fits in ready.items() if not fits)


def _named(key: str, study: Study, listed: Collection[str]) -> str:
    if key in listed:
        return key
    if key == time_of(study.target_name):
        return study.target_name
    if study.sequence is not None and f"{study.sequence[0]}.{key}" in listed:
        return f"{study.sequence[0]}.{key}"
    return COHORT


def _table(made: Checked) -> dict[str, Json]:
    return dict(json.loads(json.dumps(asdict(made))))


def _path(folder: Path, study: str) -> Path:
    return folder / FOLDER / f"{study}.json"
