"""What a study will take and cost if it is signed, for whoever has to decide that it is.

Bytes, steps and memory are loads.py's, noise and budget of `[privacy.dp]` forecast.py's; what a
policy has against the terms is gate/terms.py's. No data are looked at, and no time is guessed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from modelward.core.canonical import Json
from modelward.core.study import Study
from modelward.errors import StudyFileError
from modelward.gate.policy import Policy
from modelward.gate.terms import Clause, clauses
from modelward.simulation.loads import (
    Held,
    Leg,
    Work,
    at_a_site,
    at_the_hub,
    in_all,
    in_the_open,
    traffic,
    work,
)
from modelward.site.answering.unit import largest_delta
from modelward.study.explain import privacy_cost
from modelward.study.groups import sizes
from modelward.study.method import method
from modelward.study.model import parameter_schema
from modelward.study.uplink_terms import uplink_lines

JUDGED = (
    "What no terms can show (cells, norms, copies, what members give away) is judged at each"
    " release."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a study will take.

    Attributes:
        study: Its SHA-256.
        headline: What it is, in a line.
        sites: How many take part.
        rounds: At most.
        legs: Every question at one site.
        plain: The same without masks; those very legs where answers are open.
        work: For each size that was asked about.
        at_a_site: Bytes held at once in a round at a site, at the least.
        at_the_hub: And at the hub.
        notes: What to read the bytes with, in sentences.
        privacy: What it costs a patient, in a clause.
        refused: What a policy would refuse.
    """

    study: str
    headline: str
    sites: int
    rounds: int
    legs: tuple[Leg, ...]
    plain: tuple[Leg, ...]
    work: tuple[Work, ...]
    at_a_site: Held
    at_the_hub: Held
    notes: tuple[str, ...]
    privacy: str
    refused: tuple[Clause, ...]

    @property
    def up(self) -> int:
        """Bytes that leave one site in the whole study, at most."""
        return in_all(self.legs)[0]

    @property
    def down(self) -> int:
        """Bytes that come to it."""
        return in_all(self.legs)[1]

    @property
    def answers(self) -> int:
        """In how many answers."""
        return in_all(self.legs)[2]

    def to_json(self) -> dict[str, Json]:
        """Return the figures as JSON."""
        up, down, _ = in_all(self.plain)
        return {
            "study": self.study,
            "sites": self.sites,
            "rounds": self.rounds,
            "traffic": [asdict(leg) for leg in self.legs],
            "up": self.up,
            "down": self.down,
            "answers": self.answers,
            "masks": {"up": self.up - up, "down": self.down - down},
            "work": [asdict(each) for each in self.work],
            "memory": {"site": dict(self.at_a_site), "hub": dict(self.at_the_hub)},
            "refused": [asdict(clause) for clause in self.refused],
        }


def price(
    study: Study, sites: int | None, units: Sequence[int], policy: Policy | None = None
) -> Price:
    """Return what `study` will take.

    Args:
        study: As it would be signed.
        sites: How many take part; as many as it names, or its minimum, if None.
        units: Training units of sites.
        policy: Whose bounds it is held against; the standard ones if absent.

    Raises:
        StudyFileError: If it would not start with so few sites.
    """
    number = sites or len(study.sites.names) or study.sites.minimum
    if number < study.sites.minimum:
        raise StudyFileError(
            f"{study.id} was asked about with {number} sites, and needs {study.sites.minimum}",
            why="with fewer than sites.minimum nothing starts",
            remedy="ask about as many, or lower sites.minimum in the study",
        )
    legs, plain = traffic(study, number), in_the_open(study)
    return Price(
        study=study.sha256,
        headline=f"{study.id} version {study.study.version}: {study.recipe.name} with"
        f" {parameter_schema(study).size:,} parameters, {method(study)}; at most"
        f" {study.plan.rounds} rounds, {number} sites",
        sites=number,
        rounds=study.plan.rounds,
        legs=legs,
        plain=plain,
        work=tuple(work(study, each) for each in units),
        at_a_site=at_a_site(study, number),
        at_the_hub=at_the_hub(study, number),
        notes=_notes(study, number, legs, plain),
        privacy=privacy_cost(study),
        refused=tuple(refused(study, policy or Policy(), units)),
    )


def refused(study: Study, policy: Policy, units: Sequence[int]) -> list[Clause]:
    """Return which rules of a site's policy the study would not pass, and which sizes sit out.

    Args:
        study: The study.
        policy: Of a site; the standard one where none is at hand.
        units: Training units of sites.
    """
    uplink, dp = study.plan.uplink, study.privacy.dp
    floor = max(policy.min_patients, study.study.min_patients)
    most = None if uplink is None else uplink.max_patients
    found = [clause for clause in clauses(study, policy) if not clause.passes]
    for each in sorted(units):
        says, remedy = f"a site with {each:,} training units", "leave such sites out"
        if each < floor:
            why = f"{says} sits out: at least {floor:,} are needed"
            found.append(Clause("min-patients", passes=False, says=why, remedy=remedy))
        if most is not None and each > most:
            why = f"{says} refuses: masked sums are agreed on for {most:,} at most"
            higher = "raise plan.uplink.max_patients"
            found.append(Clause("max-patients", passes=False, says=why, remedy=higher))
        if dp is not None and dp.delta > largest_delta(each):
            why = f"{says} refuses delta {dp.delta:g}: at most {largest_delta(each):.2g}"
            found.append(
                Clause("delta", passes=False, says=why, remedy="lower privacy.dp.delta")
            )
    return found


def _notes(
    study: Study, sites: int, legs: Sequence[Leg], plain: Sequence[Leg]
) -> tuple[str, ...]:
    (up, down, _), (least_up, least_down, _) = in_all(legs), in_all(plain)
    told = [
        f"All {sites} sites together: {sites * up:,} bytes to the hub and {sites * down:,} from"
        " it, at most. A model that is at a site already is not fetched again.",
        "Signed cards and envelopes come on top, below 2 kB an answer for small models.",
    ]
    if study.stop.metric is not None:
        told.append("A study that stops before its last round takes less.")
    if study.plan.uplink is not None and study.plan.uplink.packed:
        told.append("Packed answers have another length each time: these are the longest.")
    if study.privacy.aggregation is not None:
        told.append(
            f"Masks make five exchanges of each question. They add {up - least_up:,} bytes up"
            f" ({up / least_up:.1f} times what open answers take, which may be coded) and"
            f" {down - least_down:,} down, with {max(sizes(study, sites))} sites in a sum."
        )
    return (*told, *uplink_lines(study, max(sizes(study, sites))))
