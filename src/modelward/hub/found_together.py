"""What a deployed study found where no site tells figures of its own.

    behind masks       counts of all sites together, exact; how many have which verdict
    under noise        counts of each site with noise; no verdict
    both               counts of all sites together, with the noise of each

A figure that does not exist is not made up: every one that is missing has its reason in words
(docs/statistics.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from modelward.core.study import Study
from modelward.core.tensors import Tensors
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.by_group import by_group
from modelward.evaluate.groups.gaps import spreads
from modelward.evaluate.groups.subgroups import EVERYWHERE, GroupScores
from modelward.evaluate.judged import USUAL, Evaluation
from modelward.evaluate.judging import judge_together
from modelward.evaluate.measures.decision import decision_curve
from modelward.evaluate.measures.intervals import SEED, generator
from modelward.evaluate.measures.scores import ModelFindings, Scores
from modelward.evaluate.told import noised
from modelward.evaluate.told.behind import behind, expanded
from modelward.evaluate.told.heard import Heard, heard_of
from modelward.evaluate.told.noised import Noised
from modelward.hub.reported import EVERYBODY, Counted
from modelward.privacy.plan import plan_of
from modelward.study.report_answer import report_bins, told_groups

MASKED = "masks hide what a single hospital says"
AT_HALF = "each site tells rates in groups there"
UNTOLD = "its gate released no figures"
OWN_REPORT = "each hospital has its own in its own report (modelward site report)"
NO_VERDICT = (
    "Whether a hospital would do better with a model of its own is not told: such a model is"
    " trained without noise, and a figure that depends on it is outside of any bound;"
    f" {OWN_REPORT}."
)
NOT_BY_SITE = f"Masks hide which hospital came to which verdict; {OWN_REPORT}."


@dataclass(frozen=True, slots=True)
class Together:
    """What goes into the findings.

    Attributes:
        federated: The federated model.
        evaluation: Groups, and the decision curve where counts are exact.
        heard: What is known of verdicts.
        notes: How figures came about, in sentences.
    """

    federated: ModelFindings
    evaluation: Evaluation
    heard: Heard
    notes: tuple[str, ...]


def together(
    study: Study,
    told: Mapping[str, Counted],
    asked: Sequence[str],
    chosen: tuple[float | None, str],
) -> Together:
    """Return what counts say of a study whose sites are noised, or summed behind masks.

    Args:
        study: A study that asked for a report.
        told: Counts by site, or of everybody together; not empty.
        asked: Sites that took part, in the order shown.
        chosen: Threshold and the rule that chose it; None for one half.
    """
    threshold = USUAL if chosen[0] is None else chosen[0]
    if study.privacy.dp is None:
        return _exact(study, told[EVERYBODY], asked, (threshold, chosen[1]))
    return _noisy(study, told, asked, (threshold, chosen[1]))


def unknown(site: str, why: str) -> Scores:
    """Return scores that nobody here knows."""
    nothing = Estimate(None, None, why)
    return Scores(
        site=site,
        units=None,
        positives=None,
        auc=nothing,
        accuracy=nothing,
        sensitivity=nothing,
        specificity=nothing,
        brier=nothing,
        slope=nothing,
        intercept=nothing,
    )


def _exact(
    study: Study, told: Counted, asked: Sequence[str], chosen: tuple[float, str]
) -> Together:
    """Return what a sum behind masks says."""
    counts, whose = (
        np.rint(told.tensors["counts.federated"]).astype(np.int64),
        behind(told.tensors),
    )
    everybody = expanded(counts, whose)
    judged = judge_together("federated", [everybody], seed=SEED)
    groups = {"together": told.tensors["groups"]} if "groups" in told.tensors else {}
    alike = {EVERYWHERE: whose.alike(counts)}
    found = by_group(told_groups(study), groups, alike=alike, together=True)
    if groups:
        chosen = USUAL, AT_HALF
    evaluation = Evaluation(
        threshold=chosen[0],
        rule=chosen[1],
        margin=study.evaluation.margin if study.evaluation is not None else None,
        adjusted={},
        against={},
        decisions={"federated": decision_curve(everybody, np.random.default_rng([SEED, 3]))},
        groups=found.groups,
        gaps=found.gaps,
        spreads=found.spreads,
    )
    heard = heard_of(told.tensors["verdicts"], told.tensors["differences"], NOT_BY_SITE)
    federated = ModelFindings(
        name="federated",
        overall=replace(judged.overall, patients=whose.patients),
        by_site=tuple(unknown(site, MASKED) for site in asked),
        roc=judged.roc,
        reliability=judged.reliability,
    )
    note = (
        f"Figures come from the sum over {len(told.sites)} hospitals of test units by outcome"
        f" and predicted probability in {report_bins(study)} bins, made behind masks: the hub"
        " has seen no hospital's counts. Before they were summed each hospital's gate joined"
        " cells smaller than its own minimum, and left out levels and rates of a group that are"
        " too small there. AUC in a group is the mean of the hospitals' own, weighted by units."
    )
    return Together(federated, evaluation, heard, (note,))


def _noisy(
    study: Study,
    told: Mapping[str, Counted],
    asked: Sequence[str],
    chosen: tuple[float, str],
) -> Together:
    """Return what noised counts say, of each site or of their sum."""
    parts = parts_of(told, noise_of(study))
    scored = {
        site: noised.scores(
            Noised(tensors["counts.federated"], noise, n), generator(SEED, site), site
        )
        for site, (tensors, noise, n) in parts.items()
    }
    why = MASKED if EVERYBODY in told else UNTOLD
    federated = ModelFindings(
        name="federated",
        overall=scored.pop(EVERYBODY),
        by_site=tuple(scored.get(site, unknown(site, why)) for site in asked),
    )
    groups = tuple(
        one
        for site, (tensors, noise, n) in parts.items()
        if "counts.groups" in tensors
        for one in _levels(study, tensors["counts.groups"], (noise, n), (site, chosen[0]))
    )
    evaluation = Evaluation(
        threshold=chosen[0],
        rule=chosen[1],
        adjusted={},
        against={},
        decisions={},
        groups=groups,
        spreads=spreads(groups),
    )
    sites = sum(len(each.sites) for each in told.values())
    return Together(federated, evaluation, Heard(why=NO_VERDICT), (_noise_note(study, sites),))


def parts_of(told: Mapping[str, Counted], each: float) -> dict[str, tuple[Tensors, float, int]]:
    """Return noised counts, their noise and units: of everybody, and by site where told.

    Args:
        told: Counts by site, or of everybody together; not empty.
        each: Standard deviation of the noise in one count of one site.
    """
    sites = sum(len(one.sites) for one in told.values())
    total: Tensors = {
        name: np.sum([one.tensors[name] for one in told.values()], axis=0)
        for name in next(iter(told.values())).tensors
    }
    units = sum(one.units for one in told.values())
    parts: dict[str, tuple[Tensors, float, int]] = {
        EVERYBODY: (total, each * sqrt(sites), units)
    }
    if EVERYBODY not in told:
        parts |= {site: (told[site].tensors, each, told[site].units) for site in told}
    return parts


def noise_of(study: Study) -> float:
    """Return the standard deviation of the noise in one count of one site."""
    event = plan_of(study).report
    if event is None:
        raise AssertionError("only studies that ask for a report come here")
    return event.noise * sqrt(1 + len(told_groups(study)))


def _levels(
    study: Study,
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    drawn: tuple[float, int],
    of: tuple[str, float],
) -> list[GroupScores]:
    (noise, units), (site, threshold) = drawn, of
    found, place = [], 0
    for grouping in told_groups(study):
        for level in grouping.levels:
            one = Noised(counts[place], noise, units)
            named = (grouping.name, level, EVERYWHERE if site == EVERYBODY else site)
            rng = generator(SEED, f"{site}/{grouping.name}/{level}")
            found.append(noised.group_scores(one, named, threshold, rng))
            place += 1
    return found


def _noise_note(study: Study, sites: int) -> str:
    return (
        f"Figures come from counts of test units by outcome and predicted probability in"
        f" {report_bins(study)} bins, noised at each hospital with a standard deviation of"
        f" {noise_of(study):.2g} units a count, and charged to its test units. Numbers with the"
        " outcome, and of units in a level of a group, are noised as well; intervals hold the"
        f" noise of {sites} hospitals. Calibration slopes and curves are not drawn from noised"
        " counts, and differences between groups are not tested."
    )
