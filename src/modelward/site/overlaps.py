"""What a site remembers of who was behind the exact figures that left.

    SITE/told/STUDY-KIND-COHORT.json    keyed ids, and what was told about; sent to nobody

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
from modelward.core.task import LOOKS_AT
from modelward.core.verdict import Finding
from modelward.errors import StorageError
from modelward.gate.cells import differs
from modelward.gate.offer import Offer
from modelward.privacy.disclosure.differencing import Told, few_apart
from modelward.site.snapshot import CohortFacts

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
        known = facts()
        fold = LOOKS_AT.get(offer.asked.kind, "train")
        about = frozenset({*study.features, *study.target})
        now = Told(study.sha256, about, frozenset(known.patients[fold]))
        found = few_apart(now, self._told(offer.kind), self._minimum)
        if found is None:
            self._remember(offer.kind, now, known.bundle)
            return ()
        return (differs(*found),)

    def _told(self, kind: CardKind) -> Iterator[Told]:
        for path in sorted(self._folder.glob(f"*-{kind}-*.json")):
            try:
                said = _memory.validate_json(path.read_bytes(), strict=True)
            except (OSError, ValidationError) as error:
                raise StorageError(
                    f"{path} is damaged",
                    why="without it figures could leave that are subtracted from earlier ones",
                    remedy="restore the file from a backup of the site's folder",
                ) from error
            yield Told(said.study, frozenset(said.about), frozenset(said.persons))

    def _remember(self, kind: CardKind, told: Told, cohort: str) -> None:
        path = self._folder / f"{told.study[:24]}-{kind}-{cohort[:24]}.json"
        if path.exists():
            return
        durable.make_folder(self._folder)
        said = _Memory(FORMAT, told.study, sorted(told.about), sorted(told.persons))
        durable.write_whole(path, canonical_bytes(asdict(said)), mode=0o640)
