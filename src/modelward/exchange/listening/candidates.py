"""Everything that could be used in place of the local model, computed every time.

    local            the floor
    poolers          combinations of the artifacts that trust lets in (pool.py)
    balanced-fens    the same behind a combiner that was trained over letters (combining.py)
    distilled        a model of the own family, taught by the pool on the shared set
    weak-to-strong   a pre-trained student that may outgrow its teachers (weak.py)
    soup, base       the mean of adapters of one base, beside the base alone (soup.py)
    greedy soup      the mean that own validation builds: for "my population" only

Who decides between them is adopting.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from modelward.core.canonical import Json, canonical_hash
from modelward.core.tensors import Tensors
from modelward.errors import NotApproved
from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.documents.content import Voice
from modelward.exchange.families.family import Family, Floats, Inputs
from modelward.exchange.institution import home
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.listening.covering import Covered, filling
from modelward.exchange.listening.hearing import Combine, Pool, guarded
from modelward.exchange.listening.voices import Spoken
from modelward.exchange.methods import soup, weak
from modelward.exchange.methods.choose import LOCAL
from modelward.exchange.methods.distil import distil, lesson
from modelward.exchange.methods.learn import Steps
from modelward.exchange.methods.pool import POOLERS
from modelward.exchange.methods.probability import balanced_accuracy, log_softmax
from modelward.exchange.methods.trust import Standing

DISTILLED, STRONG, GREEDY = "distilled", "weak-to-strong", "greedy soup"
TEACHER = "prior-corrected"
"""Which pooler teaches a student."""

HEARD = 2
"""How a pool listens (hearing.py), counted: sites that listen otherwise mean something else
by the same name, and their ballots and combiners do not count here."""

STUDY = Steps(epochs=60)
"""How a student learns."""

PHASE = Steps(epochs=6, rate=0.03)
"""How a strong student learns between two looks at its own answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """A candidate that is one model.

    Attributes:
        family: Its family.
        tensors: Its parameters.
    """

    family: Family
    tensors: Tensors

    def voice(self, x: Inputs) -> Floats:
        """Return what it says."""
        return log_softmax(self.family.logits(self.tensors, x))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Everything that a choice is made from.

    Attributes:
        candidates: Name -> what it says of any example.
        pool: What the combinations are made of.
        fill: What covers show (covering.py); None where examples are no images.
        combines: Name -> how opinions become one, of combinations.
        singles: Name -> the model, of candidates that are one.
        combiner: Of `balanced-fens`, if it is there: `weight` and `bias`.
    """

    candidates: Mapping[str, Voice]
    pool: Pool = field(default_factory=Pool)
    fill: Inputs | None = None
    combines: Mapping[str, Combine] = field(default_factory=dict)
    singles: Mapping[str, Single] = field(default_factory=dict)
    combiner: Tensors = field(default_factory=dict)

    @property
    def used(self) -> tuple[Spoken, ...]:
        """Artifacts that the combinations are made of, by card."""
        return self.pool.used

    @property
    def cards(self) -> tuple[str, ...]:
        """Cards of what the combinations are made of, sorted."""
        return tuple(each.entry.sha for each in self.used)

    @property
    def never(self) -> tuple[int, ...]:
        """Classes that nobody among them knows."""
        if not self.used:
            return ()
        known = np.max([each.entry.card.competence.units for each in self.used], axis=0)
        return tuple(int(cls) for cls in np.flatnonzero(known < KNOWN))

    def id(self, name: str) -> str:
        """Return the hash by which sites know that they mean the same combination."""
        asked: dict[str, Json] = {"candidate": name, "cards": list(self.cards)}
        return canonical_hash({**asked, "heard": HEARD})

    def with_combination(self, name: str, combine: Combine) -> "Table":
        """Return the table with one more combination of the pool."""
        return replace(
            self,
            candidates={**self.candidates, name: combined(self.pool, combine)},
            combines={**self.combines, name: combine},
        )

    def plus(self, singles: Mapping[str, Single]) -> "Table":
        """Return the table with more models in it; covered where others made them."""
        voices: dict[str, Voice] = {
            name: Covered(each.voice, self.fill)
            if self.fill is not None and made_by_others(name)
            else each.voice
            for name, each in singles.items()
        }
        return replace(
            self,
            candidates={**self.candidates, **voices},
            singles={**self.singles, **singles},
        )


def own_alone(name: str) -> bool:
    """Return whether a candidate differs from site to site, so that nobody votes on it."""
    return name in {LOCAL, DISTILLED, STRONG} or name.startswith(GREEDY)


def made_by_others(name: str) -> bool:
    """Return whether a candidate that is one model is made of others' parameters."""
    return name not in {LOCAL, DISTILLED, STRONG}


def table(
    here: Institution,
    found: Sequence[Spoken],
    standings: Mapping[str, Standing],
    own: Examples,
) -> Table:
    """Return every combination, over the artifacts that trust lets in."""
    used = sorted((s for s in found if standings[s.entry.sha].used), key=lambda s: s.entry.sha)
    fill = filling(own.x, own.y)
    alone: dict[str, Voice] = {LOCAL: home.local_voice(here.folder)}
    made = Table(alone, guarded(used, fill), fill)
    for name, pooler in POOLERS.items() if used else ():
        made = made.with_combination(name, pooler)
    return made.plus(_soups(used))


def combined(pool: Pool, combine: Combine) -> Voice:
    """Return what a combination says over a pool."""
    return lambda x: combine(pool.opinions(x))


def taught(made: Table, shared: Inputs) -> Floats:
    """Return what the pool teaches a student of shared examples, log-probabilities.

    Nothing is covered: no trigger is on the shared images, unless whoever chose them put it
    there, so the student never learns one; and doubt is a poor lesson.
    """
    return POOLERS[TEACHER](made.pool.opinions(shared, doubting=False))


def with_student(here: Institution, made: Table, own: Examples) -> Table:
    """Return the table with a model of the own family, taught by the pool, if it can be."""
    if TEACHER not in made.candidates or here.question.shared is None:
        return made
    local, shared = home.local(here.folder), here.shared()
    start = home.tensors_of(here.folder, local.sha256)
    family, said = local.made_with, taught(made, shared)
    student = distil(family, start, lesson(shared, said, own.x, own.y), STUDY, local.seed)
    return made.plus({DISTILLED: Single(family, student)})


def with_strong(here: Institution, made: Table, own: Examples) -> tuple[Table, weak.Strong]:
    """Return the table with a strong student of the local model, and whether it stops.

    Raises:
        NotApproved: If there are no teachers, or no shared set.
        BadArtifact: If the local model is not pre-trained.
    """
    require_teachers(here, made)
    local, shared = home.local(here.folder), here.shared()
    start, family = home.tensors_of(here.folder, local.sha256), local.made_with
    weak.require_pretrained(start, family, family.initial(here.question.shape, local.seed))
    said, teacher = taught(made, shared), made.candidates[TEACHER]
    student = weak.strengthen(family, start, shared, said, PHASE, local.seed)
    single = Single(family, student)
    judged = weak.judged(single.voice(own.valid_x), teacher(own.valid_x), own.valid_y, student)
    return made.plus({STRONG: single}), judged


def with_greedy(made: Table, own: Examples) -> Table:
    """Return the table with the soups that own validation builds: of use here, if anywhere."""

    def score(family: Family, tensors: Tensors) -> float:
        picked = family.logits(tensors, own.valid_x).argmax(axis=1)
        return balanced_accuracy(own.valid_y, picked, len(made.used[0].counts))

    found = {}
    for base, several in _by_base(made.used).items():
        family, start = several[0].family, several[0].start
        parts = [_ingredient(each) for each in several]
        mixed, _ = soup.greedy(start, parts, lambda each, f=family: score(f, each))  # type: ignore[misc]
        found[f"{GREEDY} {base[:8]}"] = Single(family, mixed)
    return made.plus(found)


def require_teachers(here: Institution, made: Table) -> None:
    """Raise NotApproved unless there is a pool to learn from, and a shared set."""
    if TEACHER not in made.candidates or here.question.shared is None:
        raise NotApproved(
            "there is nothing to learn from",
            why="a student learns from a pool that trust lets in, on the shared set",
            remedy="pull and evaluate first; without a shared set there is no student",
        )


def _soups(used: Sequence[Spoken]) -> dict[str, Single]:
    """Return the mean of the adapters of each base, and the base alone."""
    found = {}
    for base, several in _by_base(used).items():
        family = several[0].family
        mixed = soup.uniform([_ingredient(each) for each in several])
        found[f"soup {base[:8]}"] = Single(family, mixed)
        found[f"base {base[:8]}"] = Single(family, several[0].start)
    return found


def _by_base(used: Sequence[Spoken]) -> dict[str, list[Spoken]]:
    """Return base -> the adapters of it, where there are two or more."""
    found: dict[str, list[Spoken]] = {}
    for each in used:
        if each.entry.card.kind == "adapter" and each.entry.card.base:
            found.setdefault(each.entry.card.base, []).append(each)
    return {base: several for base, several in sorted(found.items()) if len(several) > 1}


def _ingredient(each: Spoken) -> soup.Ingredient:
    return soup.Ingredient(each.entry.sha, each.entry.card.base, each.whole)
