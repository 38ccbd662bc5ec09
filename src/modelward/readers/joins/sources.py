"""The words of a join: a source, what it is asked, and what it answers."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from modelward.core.study import Study
from modelward.readers.assemble import Rows
from modelward.readers.dataset import Dataset
from modelward.readers.joins.linked import read_link
from modelward.readers.opt_out import OptOut


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a site.

    Attributes:
        name: As dataset.toml calls it; '' for `[dataset]` itself.
        dataset: How it is written.
        path: Where it lies.
    """

    name: str
    dataset: Dataset
    path: Path

    @property
    def is_table(self) -> bool:
        """Whether its rows are units, and not events."""
        return self.dataset.dataset.kind == "table" and self.dataset.events is None


def sources_of(dataset: Dataset, path: Path) -> list[Source]:
    """Return the main source, unless it is images, and those that are joined to it."""
    main = [] if dataset.has_images else [Source("", dataset, path)]
    joined = [
        Source(name, each, Path(each.dataset.path or ""))
        for name, each in dataset.sources.items()
    ]
    return [*main, *joined]


def link_of(source: Source) -> dict[str, str] | None:
    """Return id of the source -> id of `[dataset]`; None if they are the same.

    Raises:
        DataError: If the link cannot be used.
    """
    link = source.dataset.dataset.link
    return None if link is None else read_link(Path(link))


@dataclass(frozen=True, slots=True)
class Join:
    """What a join is about.

    Attributes:
        dataset: The whole dataset file.
        path: Where its main store lies.
        study: What is asked for.
        opt_out: Patients who said no, as `[dataset]` spells them.
        today: Events after it are faults; any time is believed if None.
    """

    dataset: Dataset
    path: Path
    study: Study
    opt_out: OptOut | None = None
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one source knows.

    Attributes:
        known: Per row, the patient as `[dataset]` spells it, or the image file.
        study: What the source was asked for.
        rows: Its rows.
        by_image: Whether a row is of an image, and not of a patient.
    """

    known: list[str]
    study: Study
    rows: Rows
    by_image: bool = False


@dataclass(slots=True)
class Answers:
    """What all sources know, and what they have to tell."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
