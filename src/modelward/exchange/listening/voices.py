"""What every artifact in hand says of any example, whatever its kind.

Models, adapters and prototypes answer by themselves. Predictions and weak labels are about
the shared set only; they get a student of the site's own family, taught by nothing else, so
that they can be judged and combined like the rest.
"""

from dataclasses import dataclass, field

from modelward.core.tensors import Tensors
from modelward.errors import BadArtifact, MessageRefused
from modelward.exchange.documents.bands import KNOWN, middles
from modelward.exchange.documents.content import (
    ABOUT_SHARED,
    Voice,
    adapted,
    family_of,
    spoken_by,
)
from modelward.exchange.documents.entry import Entry
from modelward.exchange.families.family import Family, Floats, Inputs
from modelward.exchange.institution import home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import pull
from modelward.exchange.methods.pool import Opinion, corrected
from modelward.exchange.methods.probability import log_softmax


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One artifact with its voice.

    Attributes:
        entry: What it is.
        tensors: Its values.
        voice: What it says.
        start: Of an adapter: the parameters of its base.
    """

    entry: Entry
    tensors: Tensors
    voice: Voice
    start: Tensors = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """The installed family that its card names."""
        return family_of(self.entry.card.made)

    @property
    def whole(self) -> Tensors:
        """Of an adapter: the parameters of the model that it makes of its base."""
        return adapted(self.start, self.tensors)

    @property
    def counts(self) -> Floats:
        """Training units of each class that stand for the bands of its card."""
        return middles(self.entry.card.competence.units)

    @property
    def claimed(self) -> tuple[int, ...]:
        """Classes that its card says it knows."""
        units = self.entry.card.competence.units
        return tuple(cls for cls, edge in enumerate(units) if edge >= KNOWN)

    def opinion(self, x: Inputs) -> Opinion:
        """Return what it says of `x`, with what it has seen."""
        return Opinion(self.voice(x), self.counts)

    def fair(self, x: Inputs) -> Floats:
        """Return what it says of `x` had its classes been equally frequent, log-probabilities.

        Predictions and prototypes were made that way already.
        """
        if self.entry.card.kind in {"predictions", "labels", "prototypes"}:
            return self.voice(x)
        return log_softmax(corrected(self.opinion(x)))


def spoken(here: Institution, entry: Entry, student: Family, seed: int) -> Spoken:
    """Return an artifact with its voice, pulled if it is not here.

    Raises:
        BadArtifact: If it is turned away or cannot be used.
        MessageRefused: If it is not sealed for us.
    """
    tensors, card = pull(here, entry.sha), entry.card
    start: Tensors = {}
    whole = tensors
    if card.kind == "adapter":
        start = _base(here, card.base)
        whole = adapted(start, tensors)
    asked = (here.question, here.shared() if card.kind in ABOUT_SHARED else None)
    voice = spoken_by(card.kind, card.made, whole, asked, (student, seed))
    return Spoken(entry, tensors, voice, start)


def in_hand(here: Institution) -> tuple[list[Spoken], dict[str, str]]:
    """Return every artifact that is here and may be used, and why others may not."""
    local = home.local(here.folder)
    found, not_used = [], {}
    for entry in here.book.catalogue(here.question.sha256):
        if not entry.here and entry.card.site != here.name:
            continue
        try:
            found.append(spoken(here, entry, local.made_with, local.seed))
        except (BadArtifact, MessageRefused) as error:
            not_used[entry.sha] = error.what
    return found, not_used


def _base(here: Institution, base: str | None) -> Tensors:
    for entry in here.book.catalogue(here.question.sha256, kinds=("model",), every=True):
        if entry.card.sha256 == base:
            pull(here, entry.sha)
            schema = family_of(entry.card.made).schema(here.question.shape)
            store = here.door.outbox if entry.card.site == here.name else here.taken
            return store.tensors(entry.card.sha256, schema)
    raise BadArtifact(
        f"the base {str(base)[:12]}… of an adapter is not on offer",
        why="an adapter is one layer; the rest is its base",
        remedy="ask its maker to offer the base as a model",
    )
