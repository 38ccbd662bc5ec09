"""Answering with what the ward uses: terms asked at every use, and abstention.

What is in use was decided by a named person (`in-use.json`, home.py). Before every use, each
artifact that it was made of is asked again: what was revoked, has expired or is not taken in
any more stops the answer, and the ledger says so. Nothing else steps in by itself: a person
decides what is used instead.

A combination abstains where the network has no ground for an answer: in a class that nobody in
the pool knows, and below a confidence that was calibrated on private validation (knowledge.py).
The local model alone answers always, as it did before there was a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from modelward.errors import BadArtifact, MessageRefused, NotApproved
from modelward.exchange.documents.content import Voice
from modelward.exchange.documents.knowledge import Abstention
from modelward.exchange.families import catalogue
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.institution import home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.home import InUse
from modelward.exchange.institution.pulling import named, require_usable
from modelward.exchange.listening import combining
from modelward.exchange.listening.candidates import Single, combined
from modelward.exchange.listening.combining import FENS
from modelward.exchange.listening.covering import Covered
from modelward.exchange.listening.hanging import Hanging, by_one, hanging, who
from modelward.exchange.listening.hearing import Combine, Pool, guarded, plain
from modelward.exchange.listening.voices import Spoken, spoken
from modelward.exchange.methods.pool import POOLERS
from modelward.exchange.methods.probability import Labels


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the model in use says.

    Attributes:
        used: What is in use; None for the local model that nobody decided about.
        picked: Class of each unit, -1 where it abstains, [n].
        log_p: Log-probabilities, [n, classes].
        hangs: Institution -> whether each answer hangs on its voice (hanging.py), [n]; empty
            for what is no combination.
    """

    used: InUse | None
    picked: Labels
    log_p: Floats
    hangs: Hanging = field(default_factory=dict)

    @property
    def abstained(self) -> int:
        """Units without an answer."""
        return int((self.picked < 0).sum())

    def counted(self, labels: tuple[str, ...]) -> Mapping[str, int]:
        """Return how often each class was answered, and how often none was."""
        found = {label: int((self.picked == cls).sum()) for cls, label in enumerate(labels)}
        return {**found, "no answer": self.abstained}

    @property
    def hanging(self) -> Mapping[str, int]:
        """Answers that were given and hang on an institution's voice, where there are any."""
        given = self.picked >= 0
        counted = {name: int((moved & given).sum()) for name, moved in self.hangs.items()}
        return {name: count for name, count in counted.items() if count}

    @property
    def one_voice(self) -> list[str]:
        """On whose voice each answer hangs; "" for nobody's, and where none is given."""
        whose = who(self.hangs, len(self.picked))
        return [name if cls >= 0 else "" for name, cls in zip(whose, self.picked, strict=True)]


def answer(here: Institution, x: Inputs) -> Answers:
    """Return what the model in use says of `x`.

    Args:
        here: Whose model.
        x: Examples as the question has them, [n, ...], float32.

    Raises:
        NotApproved: If an artifact that it was made of must not be used any more.
        BadArtifact: If `x` is not what the question is about.
    """
    if x.shape[1:] != here.question.inputs or x.dtype.name != "float32":
        raise BadArtifact(
            f"the examples are {x.dtype} {list(x.shape[1:])}, not float32"
            f" {list(here.question.inputs)}",
            why="a model answers the question that it was made for",
            remedy="prepare them as the training examples were",
        )
    used = home.in_use(here.folder)
    voice, pool, combine = _speaker(here, used)
    log_p = voice(x)
    picked = rule(here, used).answers(log_p)
    hangs = {} if combine is None else hanging(pool, combine, x, here.name)
    if used is not None and used.agreed:
        picked = np.where(by_one(hangs, len(picked)), -1, picked)
    return Answers(used, picked, log_p, hangs)


def rule(here: Institution, used: InUse | None) -> Abstention:
    """Return when an answer is given."""
    if used is None:
        return Abstention(0.0, frozenset())
    labels = here.question.labels
    return Abstention(
        used.threshold, frozenset(labels.index(each) for each in used.never if each in labels)
    )


def _speaker(here: Institution, used: InUse | None) -> tuple[Voice, Pool, Combine | None]:
    """Return what answers; of a combination also its pool, and how it is combined."""
    if used is None:
        return home.local_voice(here.folder), Pool(), None
    for card in used.cards:
        _require(here, card)
    fill = home.tensors_of(here.folder, used.fill)["fill"] if used.fill else None
    if used.sha256 and used.candidate != FENS:
        family = catalogue.load(used.family, used.version)
        single = Single(family, home.tensors_of(here.folder, used.sha256))
        return single.voice if fill is None else Covered(single.voice, fill), Pool(), None
    found = _pool(here, used)
    pool = guarded(found, fill) if used.guarded else plain(found)
    combine = _combine(here, used)
    return combined(pool, combine), pool, combine


def _combine(here: Institution, used: InUse) -> Combine:
    if used.candidate != FENS:
        return POOLERS[used.candidate]
    kept = home.tensors_of(here.folder, used.sha256)
    return combining.behind(combining.restored(kept))


def _pool(here: Institution, used: InUse) -> list[Spoken]:
    student = catalogue.load(used.family, used.version)
    try:
        return [spoken(here, named(here, card), student, used.seed) for card in used.cards]
    except (BadArtifact, MessageRefused) as error:
        raise _refuse(error.what) from error


def _require(here: Institution, card: str) -> None:
    try:
        require_usable(here, named(here, card))
    except BadArtifact as error:
        raise _refuse(error.what) from error


def _refuse(found: str) -> NotApproved:
    return NotApproved(
        f"the model in use must not be used: {found}",
        why="terms are asked at every use, and nothing replaces a model without a decision",
        remedy="decide anew: modelward exchange adopt SITE --by 'Dr Ada Byron'",
    )
