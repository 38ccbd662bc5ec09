"""What a site remembers of who was behind the exact figures that left.

    SITE/told/STUDY-KIND-WHO.json    keyed ids, and what was told about; sent to nobody

WHO are the persons counted, by hash. Test units are other persons than validation units, and
sums of a recipe may be of both folds, so each fold is held against all that was told before,
whatever its kind.

Written before the figures leave, so that a crash forgets nothing; what was then refused for
another reason is remembered too, which can only refuse more. The rule is
privacy/disclosure/differencing.py's. Figures with noise are the budget's business.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from modelward import durable
from modelward.core.artifact import CardKind
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, Fold, TaskKind
from modelward.core.verdict import Finding
from modelward.errors import StorageError
from modelward.gate.cells import differs
from modelward.gate.offer import Offer
from modelward.privacy.budget import cohort_hash
from modelward.privacy.disclosure.differencing import Told, few_apart
from modelward.readers.events.wanted import feature_codes
from modelward.site.isolation.snapshot import CohortFacts

FORMAT: Literal["modelward-told/1"] = "modelward-told/1"


@dataclass(frozen=True, slots=True)
class _Memory:
    """One file of it."""

    format: Literal["modelward-told/1"]
    study: str
    about: list[str]
    persons: list[str]


_memory = TypeAdapter(_Memory)


class Overlaps:
    """The memory of one site.

    Args:
        folder: The site's folder.
        minimum: Fewest persons that a difference may be about.
    """

    def __init__(self, folder: Path, minimum: int) -> None:
        self._folder, self._minimum = folder / "told", minimum

    def objections(
        self, offer: Offer, study: Study, facts: Callable[[], CohortFacts]
    ) -> tuple[Finding, ...]:
        """Return what speaks against figures that could be subtracted from earlier ones.

        It remembers what it has nothing against, so it is asked last.

        Args:
            offer: What would leave.
            study: The study that it belongs to.
            facts: Returns what is known of the cohort.
        """
        if study.privacy.dp is not None or offer.kind not in {"statistics", "metrics"}:
            return ()
        about = _columns(study)
        known, before = facts().patients, list(self._told())
        now = [
            Told(study.sha256, about, frozenset(known[fold]))
            for fold in _folds(offer.asked.kind)
            if known[fold]
        ]
        near = [few_apart(each, before, self._minimum) for each in now]
        found = [differs(*each) for each in near if each is not None]
        if not found:
            for each in now:
                self._remember(offer.kind, each)
        return tuple(found)

    def _told(self) -> Iterator[Told]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                said = _memory.validate_json(path.read_bytes(), strict=True)
            except (OSError, ValidationError) as error:
                raise StorageError(
                    f"{path} is damaged",
                    why="without it figures could leave that are subtracted from earlier ones",
                    remedy="restore the file from a backup of the site's folder",
                ) from error
            yield Told(said.study, frozenset(said.about), frozenset(said.persons))

    def _remember(self, kind: CardKind, told: Told) -> None:
        who = cohort_hash(told.persons)
        path = self._folder / f"{told.study[:24]}-{kind}-{who[:24]}.json"
        if path.exists():
            return
        durable.make_folder(self._folder)
        said = _Memory(FORMAT, told.study, sorted(told.about), sorted(told.persons))
        durable.write_whole(path, canonical_bytes(asdict(said)), mode=0o640)


def _columns(study: Study) -> frozenset[str]:
    """Return what figures are about: names of columns, and codes, which a new name leaves."""
    names, codes = (*study.features, *study.target), feature_codes(study)
    return frozenset({*names, *(code for name in names for code in codes[name])})


def _folds(kind: TaskKind) -> tuple[Fold, ...]:
    """Return whose units figures of `kind` may be about."""
    return ("train", "test") if kind == "sums" else (LOOKS_AT.get(kind, "train"),)
