"""What a finished study of sums found, from the hub's registry alone.

A deployed hub and a simulation report on the same: the state that the study ended with, and
what each site answered. Where ledgers lie is known to whoever has the sites' folders.
"""

from collections.abc import Callable, Sequence

from modelward.core.study import Study
from modelward.errors import RunMismatch
from modelward.evaluate.facts.record import LedgerFacts, facts_of
from modelward.evaluate.sums.analysed import Analysed, RunPart, SitePart, analysed
from modelward.hub.registry import Registry
from modelward.hub.standing import AnswerRow

Ledgers = Callable[[str], LedgerFacts | None]
"""Where a site's ledger lies, by its name."""


def found(
    registry: Registry,
    study: Study,
    *,
    ledgers: Ledgers = lambda _: None,
    simulated: bool = False,
    notes: Sequence[str] = (),
) -> Analysed:
    """Return what `study` found.

    Args:
        registry: Of the hub that ran it.
        study: A study of sums.
        ledgers: Where ledgers lie, if that is known here.
        simulated: Whether the sites are simulated on one machine.
        notes: What happened at single sites, in sentences.

    Raises:
        RunMismatch: If the study has not been finished there.
    """
    reason = registry.finished(study)
    if reason is None:
        raise RunMismatch(
            f"study {study.id} is not finished in {registry.folder}",
            why="figures are told once a study has stopped",
            remedy="look how far it is: modelward study status --hub HUB",
        )
    past, answers = registry.past(study), registry.answers(study)
    digest = registry.model_of(study, past.best)
    run = RunPart(
        rounds=len(past.history),
        seconds=round(registry.seconds(study), 3),
        reason=reason,
        model_sha256=digest,
        masked=study.privacy.aggregation is not None,
        simulated=simulated,
        notes=tuple(notes),
    )
    parts = [_part(site, answers, ledgers(site)) for site in registry.roster(study)]
    last = past.history[-1]
    model = registry.model(study, digest)
    return analysed(
        model,
        facts_of(study, "exact sums over all sites"),
        parts,
        run,
        last.released,
        last.patients,
    )


def _part(site: str, answers: list[AnswerRow], ledger: LedgerFacts | None) -> SitePart:
    own = [answer for answer in answers if answer.site == site]
    released = [answer for answer in own if answer.decision == "released"]
    return SitePart(
        name=site,
        releases=len(released),
        refusals=len(own) - len(released),
        bytes_out=sum(answer.bytes or 0 for answer in released),
        ledger=ledger,
    )
