"""Small cells: counts so low that they would point at persons.

In a run between institutions the report travels further than the data, so counts below the
minimum cell are taken out of the findings before anything is written, the JSON included, and
with them the figures that are those counts in another dress (a sensitivity over three
patients, the accuracy of a model that says yes to everybody). At which hospitals is said by
singled_out.py.

In a simulation one machine held all rows, and the report that lies beside them shows every
count and says at which hospitals; `everywhere` hides there as well, for a version that is
passed on.

This keeps tables and pictures decent (how many of a pictured group have the outcome is not
hidden); it is no proof against reconstruction from other figures. What may
leave a site at all is decided by its gate.
"""

from dataclasses import replace

from modelward.evaluate.comparing.verdict import Verdict
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.facts.cost import Cost
from modelward.evaluate.facts.leaked import hide_few_told
from modelward.evaluate.facts.record import LEAKAGE, SiteFacts
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.acting import Chosen
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.judged import Evaluation
from modelward.evaluate.measures.beyond import hide_few
from modelward.evaluate.measures.curves import SMALLEST_GROUP
from modelward.evaluate.measures.scores import ModelFindings, Scores
from modelward.report.singled_out import MIN_CELL, Hidden, any_few, below, hidden_sites, small

COVER = "not shown: with the totals it would tell a small count of another hospital"

NOT_SHOWN = "not shown: fewer than"
"""How the note of a figure begins that is hidden here, and not only unknown."""


def hide_small_cells(
    findings: Findings, min_cell: int = MIN_CELL, *, everywhere: bool = False
) -> Findings:
    """Return findings without counts below `min_cell`; unchanged if one machine had all data.

    Args:
        findings: As found.
        min_cell: Smallest count shown, of units with or without the outcome.
        everywhere: Hide them also where one machine had all data.
    """
    record = findings.record
    if record.in_one_process and not everywhere:
        return findings
    hidden = hidden_sites(findings, min_cell)
    return replace(
        findings,
        record=replace(
            record,
            sites=tuple(hide_training(s, min_cell) for s in record.sites),
            privacy=hide_card(record.privacy),
        ),
        models=tuple(hide_model(model, min_cell, hidden) for model in findings.models),
        beyond=hide_few(findings.beyond, min_cell),
        choices=(),  # their sentences have counts and figures of few units
        evaluation=hide_evaluation(findings, min_cell, hidden),
        leaked=hide_few_told(findings.leaked, min_cell),
        bound=None,  # trained where all rows are, and nowhere else
        verdicts=tuple(
            hide_verdict(one, record.study.unit, min_cell, hidden=hidden.get(one.site))
            for one in findings.verdicts
        ),
    )


def hide_card(privacy: str) -> str:
    """Return the words on privacy without a card of earlier versions, which has counts."""
    said, mark, _ = privacy.partition(LEAKAGE)
    return f"{said}{mark} Its figures are not shown; audit again." if mark else said


def hide_evaluation(findings: Findings, min_cell: int, hidden: Hidden) -> Evaluation | None:
    """Return the evaluation without small cells.

    Groups come suppressed (evaluate/groups/subgroups.py); they stay if that was for a minimum
    as large as this one. Their margins by hospital are the counts of the other tables: a
    hospital whose count is hidden there has no groups of its own here. Curves of single
    hospitals, how models compare there, and what a left-out one shows, go with its counts.
    """
    found = findings.evaluation
    if found is None:
        return None
    few = {
        scores.site
        for scores in findings.federated.by_site
        if any_few(scores, min_cell) or scores.site in hidden
    }
    groups = () if min_cell > found.fewest else found.groups
    gone = {site for one in groups if (site := one.site) in few}
    return replace(
        found,
        groups=tuple(one for one in groups if not gone or one.site == EVERYWHERE),
        gaps=found.gaps if groups else (),
        spreads=found.spreads if groups else (),
        coarser=found.coarser if groups else (),
        away=tuple(one for one in found.away if one.site not in few),
        paths=tuple(one for one in found.paths if one.site not in few),
        family=tuple(one for one in found.family if one.site not in few),
        chosen=_without_few(found.chosen, few),
        decisions=found.decisions if pictured(findings.federated, min_cell) else {},
        cost=None if found.cost is None else hide_cost(found.cost, findings, few),
    )


def _without_few(found: Chosen | None, few: set[str]) -> Chosen | None:
    """Return rates at the chosen threshold; none at all where those of one site are hidden.

    Those over all would give back the hidden ones. Who told none has nothing to hide.
    """
    if found is None:
        return found
    hides = any(
        one.site in few and not one.sensitivity.value is one.specificity.value is None
        for one in found.acting
    )
    return replace(found, acting=()) if hides else found


def hide_cost(cost: Cost, findings: Findings, few: set[str]) -> Cost | None:
    """Return the cost, or nothing where it would tell a hidden count of units."""
    hidden = few | {site.name for site in findings.record.sites if site.train is None}
    return None if any(one.site in hidden for one in cost.sites) else cost


def hide_training(site: SiteFacts, min_cell: int) -> SiteFacts:
    """Return a site's facts without small training counts, of patients where they are known."""
    known = site.patients
    few = site.train is None or (site.train if known is None else known.every) < min_cell
    hidden = small(site.train, site.train_positives, min_cell)
    hidden = few or hidden or (known is not None and known.fewest < min_cell)
    return replace(
        site,
        train=None if few else site.train,
        train_positives=None if hidden else site.train_positives,
        patients=None if hidden else known,
    )


def pictured(model: ModelFindings, min_cell: int) -> bool:
    """Return whether curves of a model show no small count: they give the totals."""
    whole = model.overall
    known = whole.units is not None and whole.positives is not None
    return min_cell <= SMALLEST_GROUP and not (known and any_few(whole, min_cell))


def hide_model(model: ModelFindings, min_cell: int, hidden: Hidden) -> ModelFindings:
    """Return one model's findings without small counts and what follows from them."""
    by_site = tuple(
        hide_scores(scores, min_cell, hidden=hidden.get(scores.site))
        for scores in model.by_site
    )
    alone = hidden.get(model.by_site[0].site) if len(model.by_site) == 1 else None
    overall = hide_scores(model.overall, min_cell, hidden=alone)
    summed = all(one.units is one.accuracy.value is None for one in model.by_site)
    if not summed and any(scores.positives is None for scores in by_site):
        overall = replace(overall, positives=None, patients=None)
    if not summed and any(scores.units is None for scores in by_site):
        overall = replace(overall, units=None)
    return replace(
        model,
        overall=overall,
        by_site=by_site,
        roc=model.roc if pictured(model, min_cell) else (),
        reliability=tuple(
            point
            for point in model.reliability
            if point.units >= min_cell and not any_few(model.overall, min_cell)
        ),
    )


def hide_scores(scores: Scores, min_cell: int, *, hidden: bool | None = None) -> Scores:
    """Return scores without the figures that a small count would show through.

    Args:
        scores: Of a model on one group of units.
        min_cell: Smallest count shown.
        hidden: None where they are not among the sites that are hidden; else whether their
            number of units is as well.
    """
    if scores.units is None and scores.accuracy.value is None:
        return scores  # nobody here knows them, or they are hidden already
    nothing = Estimate(None, None, f"{NOT_SHOWN} {min_cell} units behind it")
    if hidden is None and not any_few(scores, min_cell):
        return scores
    if not any_few(scores, min_cell):
        nothing = Estimate(None, None, COVER)
    gone = hidden or below(scores, min_cell)
    return replace(
        scores,
        units=None if gone else scores.units,
        positives=None,
        patients=None,
        auc=nothing,
        accuracy=nothing,
        sensitivity=nothing,
        specificity=nothing,
        brier=nothing,
        slope=nothing,
        intercept=nothing,
    )


def hide_verdict(
    verdict: Verdict, unit: str, min_cell: int, *, hidden: bool | None = None
) -> Verdict:
    """Return a verdict that keeps its word but not the numbers, where a count is small.

    Args are those of `hide_scores`; `unit` is who is counted.
    """
    few = any_few(verdict, min_cell)
    if hidden is None and not few:
        return verdict
    who = f"test {unit}s" if verdict.patients is None else "test patients"
    why = (
        f"fewer than {min_cell} of its {who} have, or do not have, the outcome"
        if few
        else "with the totals they would tell a small count of another hospital"
    )
    gone = hidden or below(verdict, min_cell)
    return replace(
        verdict,
        units=None if gone else verdict.units,
        positives=None,
        patients=None,
        federated=None,
        local=None,
        difference=Estimate(None, None, f"not shown: {why}"),
        reason=f"Its numbers are not shown: {why}.",
        sentence=f"On its own test {unit}s: {verdict.word}.",
    )
