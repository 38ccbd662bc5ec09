"""What a deployed study found: its registry, and what each site told of its test units.

The same `Findings` as of a simulation, with what exists here. The federated model on all test
units comes from the sites' counts in bins, each site's figures and its verdict as the site told
them; where sites are noised or summed behind masks, found_together.py says what there is.
Pooled is not computed, since no machine has all records; a site's own model is known at
home only, since it stays there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelward.core.study import Study
from modelward.errors import RunMismatch, StudyFileError
from modelward.evaluate.comparing.verdict import Verdict
from modelward.evaluate.facts.record import NO_PRIVACY, Record, SiteFacts
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.acting import Chosen
from modelward.evaluate.groups.by_group import by_group
from modelward.evaluate.judged import USUAL, Evaluation, Rules, Share, evaluate
from modelward.evaluate.judging import judge_together
from modelward.evaluate.measures import binned
from modelward.evaluate.measures.intervals import SEED
from modelward.evaluate.measures.scores import ModelFindings
from modelward.evaluate.told.behind import alike, all_patients, expanded
from modelward.evaluate.told.site_figures import SiteFigures, decode
from modelward.hub.acting import acting_of
from modelward.hub.followed import paths_of, threshold_of
from modelward.hub.found_together import AT_HALF, UNTOLD, together, unknown
from modelward.hub.registry import Registry
from modelward.hub.reported import Counted, counted
from modelward.hub.run_facts import Ended, run_facts, study_facts
from modelward.hub.shares import shown
from modelward.hub.standing import AnswerRow, Past
from modelward.study.explain import privacy_terms
from modelward.study.groups import hub_sees
from modelward.study.method import shares_note
from modelward.study.report_answer import one_by_one, told_groups

STAYS = "its model stays there"
VERSIONS = "Versions are those of the hub."
NOT_SHARED = (
    "it is measured from each hospital's updates, which lie in its own outbox: modelward study"
    " shares HUB states it from what hospitals hand over, and modelward study report HUB"
    " --shares FILE shows it"
)
IN_GROUPS = (
    "Figures in groups were computed in each hospital and rounded; together, AUC is the mean of"
    " theirs, weighted by their test units. A hospital's gate left out a level in which either"
    " outcome is smaller than its minimum, rates where a side of one half is, and others where"
    " that would have given them back: a level may be without some of its hospitals."
)


def findings(
    registry: Registry,
    study: Study,
    alarms: Sequence[str] = (),
    statement: Mapping[str, Any] | None = None,
) -> Findings:
    """Return what `study` found.

    Args:
        registry: Of the hub that ran it.
        study: A finished study that asked for a report.
        alarms: What witnesses found wrong with a ledger, a sentence each.
        statement: Of each site's share, where one was made of it (shares_signed.py).

    Raises:
        StudyFileError: If it asked for none.
        RunMismatch: If it is not finished there, or no site told of its test units.
    """
    told = _told(registry, study)
    tell = _one_by_one if one_by_one(study) else _together
    answers = registry.answers(study)
    past = registry.past(study)
    ended = Ended(
        str(registry.finished(study)),
        past.best,
        registry.seconds(study),
        registry.model_of(study, past.best),
    )
    roster = registry.roster(study)
    gave = {row.site for row in answers if row.decision == "released"}
    asked = [site for site in roster if site in gave]
    heard_from = {site for each in told.values() for site in each.sites}
    silent = [f"{site}: no figures; {UNTOLD}." for site in asked if site not in heard_from]
    away = [f"{site}: took no part." for site in roster if site not in asked]
    record = Record(
        study=study_facts(study),
        sites=tuple(_site(site, answers) for site in asked),
        run=run_facts(study, ended, {"federated": past.history}, 1),
        simulated_sites=False,
        in_one_process=False,
        notes=(VERSIONS, *silent, *away, *shares_note(study, f"HUB --study {study.id}")),
        alarms=tuple(alarms),
        privacy=_privacy(study, len(roster)),
    )
    found = tell(study, told, record, past)
    if found.evaluation is None:
        return found
    worth, shares = _shared(study, statement)
    judged = replace(found.evaluation, worth=worth, shares=shares)
    threshold, rule = threshold_of(study, past.history, past.best)
    if threshold is not None:
        rates = acting_of(study, told, asked, threshold)
        judged = replace(judged, chosen=Chosen(threshold=threshold, rule=rule, acting=rates))
    return replace(found, evaluation=judged)


def _shared(study: Study, statement: Mapping[str, Any] | None) -> tuple[str, tuple[Share, ...]]:
    """Return how contributions were measured and what they are, or why they are not told."""
    if statement is not None:
        return shown(statement)
    asks = study.sharing is not None and study.sharing.rule == "contribution"
    return (NOT_SHARED if asks else "", ())


def _one_by_one(
    study: Study, counts: Mapping[str, Counted], record: Record, past: Past
) -> Findings:
    """Return findings of sites that tell figures of their own."""
    told = {site: decode(site, each.tensors, study) for site, each in counts.items()}
    asked = [site.name for site in record.sites]
    verdicts = tuple(told[site].verdict for site in asked if site in told)
    evaluation = _evaluated(study, told, verdicts, past)
    groups = {
        site: counts[site].tensors["groups"]
        for site in asked
        if site in counts and told_groups(study)
    }
    whole = {site: told[site].counted for site in groups}
    apart = by_group(told_groups(study), groups, alike=alike(whole))
    if groups:
        evaluation = replace(evaluation, threshold=USUAL, rule=AT_HALF)
    return Findings(
        record=replace(record, notes=(*_notes(study, told), *record.notes)),
        models=(_federated(asked, told), *(_local(s, told[s]) for s in asked if s in told)),
        verdicts=verdicts,
        against={},
        evaluation=replace(
            evaluation, groups=apart.groups, gaps=apart.gaps, spreads=apart.spreads
        ),
    )


def _together(
    study: Study, counts: Mapping[str, Counted], record: Record, past: Past
) -> Findings:
    """Return findings of sites that are noised, or summed behind masks."""
    asked = [site.name for site in record.sites]
    chosen = threshold_of(study, past.history, past.best)
    found = together(study, counts, asked, chosen)
    return Findings(
        record=replace(record, notes=(*found.notes, *record.notes)),
        models=(found.federated,),
        verdicts=(),
        against={},
        heard=found.heard,
        evaluation=replace(found.evaluation, paths=paths_of(past.history)),
    )


def _privacy(study: Study, sites: int) -> str:
    """Return what was done for privacy, in a paragraph or two."""
    if study.privacy.dp is None:
        return f"{NO_PRIVACY} {hub_sees(study, sites)}"
    spent = (
        "What each site has spent is in its own ledger (modelward site budget); test units are"
        " charged for this report alone, at the same epsilon."
    )
    return f"{privacy_terms(study)} {spent}\n{hub_sees(study, sites)}"


def _evaluated(
    study: Study, told: Mapping[str, SiteFigures], verdicts: Sequence[Verdict], past: Past
) -> Evaluation:
    """Return the decision curve from counts in bins, and each site's way through the rounds."""
    threshold, rule = threshold_of(study, past.history, past.best)
    counted = {verdict.site: expanded(*told[verdict.site].counted) for verdict in verdicts}
    margin = study.evaluation.margin if study.evaluation is not None else None
    rules = Rules(threshold=threshold, rule=rule, margin=margin, seed=SEED)
    found = evaluate({"federated": counted}, verdicts, rules)
    return replace(found, paths=paths_of(past.history))


def _told(registry: Registry, study: Study) -> dict[str, Counted]:
    if study.report is None:
        raise StudyFileError(
            f"{study.id} has not agreed that sites tell of their test units",
            why="a hub has no test units, so its report is made of what sites have agreed to"
            " tell",
            remedy="each site can write its own report: modelward site report SITE MODEL; or"
            " add a table [report] to the next version of the study",
        )
    if registry.finished(study) is None:
        raise RunMismatch(
            f"study {study.id} is not finished in {registry.folder}",
            why="figures are told once a study has stopped",
            remedy="look how far it is: modelward study status --hub HUB",
        )
    found = counted(registry, study)
    if not found:
        raise RunMismatch(
            f"no site has told of its test units for {study.id}",
            why="every gate refused, or no site was there in time",
            remedy="ask the sites; each can write a report of its own: modelward site report",
        )
    return found


def _federated(asked: Sequence[str], told: Mapping[str, SiteFigures]) -> ModelFindings:
    """Return the federated model: all units from counts in bins, a site as it told."""
    heard = [told[site].counted for site in asked if site in told]
    counted = [expanded(*each) for each in heard]
    whole = judge_together("federated", counted, seed=SEED)
    return ModelFindings(
        name="federated",
        overall=replace(whole.overall, patients=all_patients(heard)),
        by_site=tuple(told[s].federated if s in told else unknown(s, UNTOLD) for s in asked),
        roc=whole.roc,
        reliability=whole.reliability,
    )


def _local(site: str, told: SiteFigures) -> ModelFindings:
    return ModelFindings(
        name=f"local:{site}", overall=unknown("", STAYS), by_site=(told.local,)
    )


def _site(site: str, answers: Sequence[AnswerRow]) -> SiteFacts:
    own = [answer for answer in answers if answer.site == site]
    released = [answer for answer in own if answer.decision == "released"]
    return SiteFacts(
        name=site,
        train=max((a.patients or 0 for a in released if a.round_no == 0), default=None),
        train_positives=None,
        releases=len(released),
        refusals=len(own) - len(released),
        bytes_out=sum(answer.bytes or 0 for answer in released),
    )


def _notes(study: Study, told: Mapping[str, SiteFigures]) -> list[str]:
    """Return how figures came about, in sentences."""
    if study.report is None:
        return []
    bins, decimals = study.report.bins, study.report.decimals
    auc = binned.auc(np.sum([each.counts for each in told.values()], axis=0))
    far = 0.0 if auc is None else auc.high - auc.value
    grouped = told_groups(study)
    return [
        f"Figures of all hospitals together come from counts of test units by outcome and"
        f" predicted probability in {bins} bins, which each hospital's gate made coarser until"
        f" no cell was smaller than its own minimum. Bins alone can move the AUC by"
        f" {far:.3f}.",
        "AUC, Brier score and calibration of a hospital, and its verdict, were computed there"
        f" from all digits and told with {decimals} decimals; accuracy, sensitivity and"
        " specificity come from the counts, in which a side of 0.5 with too few units is joined"
        " to the other.",
        *([IN_GROUPS] if grouped else []),
    ]
