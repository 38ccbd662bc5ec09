"""What a report says beside the figures."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a report says beside the figures.

    Attributes:
        source: Where the data come from.
        licence: Of the data.
        simulated: Whether the hospitals are simulated.
        labels: Variant -> words for it.
        notes: Sentences for the reader.
        published: (name, metric, value, source) of results to compare with.
    """

    source: str = ""
    licence: str = ""
    simulated: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    published: tuple[tuple[str, Literal["auc", "accuracy"], float, str], ...] = ()
