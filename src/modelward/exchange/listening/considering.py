"""Computing every candidate and choosing; what a person then does with the choice.

    adopt    the pool's combinations, a student, soups: against the local model
    distil   one student alone, against the local model

Both return what was computed, and change nothing: `use` of the result makes a person's
decision. The rest of the verbs is in verbs.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelward.core.clock import stamp
from modelward.exchange.institution import home
from modelward.exchange.institution.examples import Examples, read_examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.home import InUse
from modelward.exchange.listening import adopting, candidates, judging
from modelward.exchange.listening.candidates import Table
from modelward.exchange.listening.hanging import hanging
from modelward.exchange.listening.judging import Judgement
from modelward.exchange.listening.voices import Spoken, in_hand
from modelward.exchange.methods import trust
from modelward.exchange.methods.choose import LOCAL, Choice
from modelward.exchange.methods.trust import Standing


@dataclass(frozen=True, slots=True, eq=False)
class Considered:
    """Everything computed for a choice, and the choice.

    Attributes:
        here: Where.
        table: The candidates.
        standings: Who is used, and why.
        choice: What was chosen, and why.
        hangs: Institution -> share of own validation answers of the best combination that
            would be others without its voice (hanging.py); empty if the best is no combination.
    """

    here: Institution
    table: Table
    standings: Mapping[str, Standing]
    choice: Choice
    hangs: Mapping[str, float] = field(default_factory=dict)

    def use(self, by: str, *, agreed: bool = False) -> InUse:
        """Have the person `by` decide to use what was chosen.

        With `agreed`, an answer that hangs on one institution's voice is not given.
        """
        own = examples(self.here)
        return adopting.adopt(self.here, self.table, self.choice, by, own, agreed=agreed)


def examples(here: Institution) -> Examples:
    """Return own examples."""
    return read_examples(here.folder / "data.npz", here.question)


def adopt(here: Institution, *, own_population: bool = False) -> Considered:
    """Compute every candidate and choose; `use` of the result makes a person's decision."""
    own = examples(here)
    found, _ = in_hand(here)
    judged = judging.judge(found, own, here.policy.min_cell)
    standings, table = weighed(here, found, judged, own)
    table = candidates.with_student(here, table, own)
    if own_population:
        table = candidates.with_greedy(table, own)
    chosen = adopting.choice(here, table, own, own_population=own_population)
    return Considered(here, table, standings, chosen, _hangs(here, table, chosen, own))


def distil(here: Institution, *, strong: bool = False) -> Considered:
    """Have a student learn from the pool; hold it against the local model.

    Args:
        here: Where.
        strong: Weak to strong: the local model is the pre-trained student, and learns from
            itself as well. It stops where it is not shown to be better than its teachers.

    Raises:
        NotApproved: If there is no pool to learn from, or no shared set.
        BadArtifact: If the student is not pre-trained.
    """
    found, own = adopt(here), examples(here)
    candidates.require_teachers(here, found.table)
    if not strong:
        return _alone(found, found.table, candidates.DISTILLED, own)
    table, judged = candidates.with_strong(here, found.table, own)
    if not judged.stopped:
        beside = _alone(found, table, candidates.STRONG, own)
        home.note_student(here.folder, beside.choice.reason, stamp(here.now))
        return beside
    said = judged.choice.reason.replace("the local model", "its teachers")
    said = said.replace("local is kept", "the teachers stay")
    reason = f"stopped, the student is not used: {said}"
    home.note_student(here.folder, reason, stamp(here.now))
    stays = replace(judged.choice, chosen=LOCAL, best=candidates.STRONG, reason=reason)
    return replace(found, table=table, choice=stays, hangs={})


def _alone(found: Considered, table: Table, name: str, own: Examples) -> Considered:
    """Return the choice between one student and the local model."""
    only = {each: table.candidates[each] for each in (LOCAL, name)}
    beside = replace(table, candidates=only)
    chosen = adopting.choice(found.here, beside, own)
    return replace(found, table=beside, choice=chosen, hangs={})


def _hangs(here: Institution, table: Table, chosen: Choice, own: Examples) -> dict[str, float]:
    """Return on whose voices own validation answers of the best combination hang."""
    if chosen.best not in table.combines:
        return {}
    combine = table.combines[chosen.best]
    found = hanging(table.pool, combine, own.valid_x, here.name)
    return {who: float(moved.mean()) for who, moved in found.items()}


def standings(here: Institution) -> dict[str, Standing]:
    """Return who is used, and why, of everything in hand."""
    found, _ = in_hand(here)
    judged = judging.judge(found, examples(here), here.policy.min_cell)
    return _standings(here, found, judged)


def unwatched(here: Institution) -> dict[str, str]:
    """Return artifacts in which a trigger would not be found here, or not any, and why."""
    return judging.unwatched(in_hand(here)[0], examples(here))


def disagreeing(here: Institution) -> dict[str, float]:
    """Return reporters that are far from all others about what is in hand, and how far."""
    found, _ = in_hand(here)
    return trust.disagreeing(judging.reports(here, found), here.now)


def weighed(
    here: Institution, found: list[Spoken], judged: list[Judgement], own: Examples
) -> tuple[dict[str, Standing], Table]:
    """Return who is used, and every combination of what they made."""
    standings = _standings(here, found, judged)
    table = candidates.table(here, found, standings, own)
    return standings, adopting.with_combiner(here, table)


def _standings(
    here: Institution, found: list[Spoken], judged: list[Judgement]
) -> dict[str, Standing]:
    gate = adopting.standings(here, found)
    return judging.quarantined(gate, judged, adopting.overrides(here))
