"""What an audit of a study's training at this site has found, and what follows from it.

    SITE/audits/STUDY.json    the figures; about patients, sent to nobody

A person at the site runs the audit (`modelward site audit`), before the study starts or while
it runs; from then on every task of the study is held against it, also one that is being
computed. More than the study claims is a fault of the software, and stops the study; members
that are found surely and not by lot are refused as in a single update. What is damaged stops
the study as well.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.verdict import Finding
from modelward.errors import StorageError
from modelward.gate.leaks import members_told, overclaimed
from modelward.gate.policy import Leakage
from modelward.privacy.leakage.membership import Membership
from modelward.site.answering.auditing import Audited

FORMAT: Literal["modelward-audited/1"] = "modelward-audited/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The figures of one audit that the gate asks for.

    Attributes:
        format: Always `FORMAT`.
        study: SHA-256 of the study.
        claimed: Epsilon that it claims for a site; None where it claims none.
        low: Lower bound of epsilon, 95 %.
        membership: Members told by reference models.
    """

    format: Literal["modelward-audited/1"]
    study: str
    claimed: float | None
    low: float
    membership: tuple[Membership, ...]


_kept: TypeAdapter[Kept] = TypeAdapter(Kept)


def keep(folder: Path, study: Study, found: Audited) -> None:
    """Keep what was found, in place of what an earlier audit found.

    Raises:
        StorageError: If it cannot be written; then the earlier one counts.
    """
    figures = Kept(
        format=FORMAT,
        study=study.sha256,
        claimed=found.claimed,
        low=found.best.low,
        membership=found.membership,
    )
    durable.make_folder(folder / "audits")
    raw = canonical_bytes(_kept.dump_python(figures, mode="json"))
    durable.write_whole(_path(folder, study.sha256), raw, mode=0o640)


def objections(folder: Path, study: str, bounds: Leakage) -> tuple[Finding, ...]:
    """Return what the audit of a study speaks against; nothing where none was run.

    Args:
        folder: The site's folder.
        study: SHA-256 of the study.
        bounds: What the policy says about leakage.

    Raises:
        StorageError: If its figures are damaged; then nothing may leave.
    """
    path = _path(folder, study)
    try:
        found = _kept.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise _damaged(path) from error
    if found.study != study:
        raise _damaged(path)
    return (
        *overclaimed(found.claimed, found.low),
        *members_told(found.membership, bounds.membership, rule="audit"),
    )


def _path(folder: Path, study: str) -> Path:
    return folder / "audits" / f"{study}.json"


def _damaged(path: Path) -> StorageError:
    return StorageError(
        f"{path} is damaged",
        why="an audit that stopped a study must not be forgotten",
        remedy="run the audit again: modelward site audit SITE STUDY",
    )
