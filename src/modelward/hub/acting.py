"""Rates at the chosen threshold, from what sites told of it when the study had ended.

    one by one       each site's, exact, where its gate let them out; and those together
    behind masks     of everybody together
    under noise      from noised counts, where one of their bins ends at the threshold

A rate that was not told has its reason beside it (docs/statistics.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from modelward.core.study import Study
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.acting import Acting, rates_of
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.measures.intervals import SEED, generator
from modelward.evaluate.told.noised import Noised, rates
from modelward.hub.found_together import MASKED, UNTOLD, noise_of, parts_of
from modelward.hub.reported import EVERYBODY, Counted
from modelward.study.answers import edge_of, score_bins
from modelward.study.report_answer import ACTING, acts, one_by_one, report_bins

TOO_FEW = "the gate told nothing of it, as a side would have been too small"
APART = "sides of a threshold are told of patients, and this study counts other units"
BETWEEN = "none of the noised bins ends at the threshold"


def acting_of(
    study: Study, told: Mapping[str, Counted], asked: Sequence[str], threshold: float
) -> tuple[Acting, ...]:
    """Return rates at the threshold, those of everybody first.

    Args:
        study: A study with a rule for the threshold.
        told: Counts by site, or of everybody together; not empty.
        asked: Sites that took part, in the order shown.
        threshold: As it was chosen.
    """
    if study.privacy.dp is not None:
        return _noised(study, told, asked, threshold)
    if not acts(study):
        return tuple(_unknown(site, APART) for site in (EVERYWHERE, *asked))
    if one_by_one(study):
        return _exact(told, asked)
    return _with_masks(_rates(EVERYWHERE, [told[EVERYBODY]]), asked)


def _exact(told: Mapping[str, Counted], asked: Sequence[str]) -> tuple[Acting, ...]:
    """Return each site's rates, and those of the sites that told them, together."""
    here = [told[site] for site in asked if site in told]
    return (
        _rates(EVERYWHERE, here),
        *(
            _rates(site, [told[site]]) if site in told else _unknown(site, UNTOLD)
            for site in asked
        ),
    )


def _rates(site: str, told: Sequence[Counted]) -> Acting:
    """Return rates over sums of tables, with a note where units of an outcome are missing."""
    table = np.sum([each.tensors[ACTING] for each in told], axis=0)
    units = np.sum([each.tensors["counts.federated"].sum(axis=1) for each in told], axis=0)
    found = rates_of(site, table)
    specificity, sensitivity = (
        replace(rate, note=_missing(int(row.sum()), int(total)) or rate.note)
        for rate, row, total in zip(
            (found.specificity, found.sensitivity), table, units, strict=True
        )
    )
    return replace(found, sensitivity=sensitivity, specificity=specificity)


def _missing(told: int, units: int) -> str:
    """Return what is missing of the units of an outcome, in words; "" if nothing is."""
    if told == units:
        return ""
    if not told:
        return TOO_FEW
    return f"of {told:,} of {units:,} test units, those whose gate told it"


def _noised(
    study: Study, told: Mapping[str, Counted], asked: Sequence[str], threshold: float
) -> tuple[Acting, ...]:
    bins = report_bins(study)
    edge = edge_of(study, threshold)
    if edge * bins % score_bins(study):
        return tuple(_unknown(site, BETWEEN) for site in (EVERYWHERE, *asked))
    found: dict[str, Acting] = {}
    for site, (tensors, noise, units) in parts_of(told, noise_of(study)).items():
        hits, alarms = rates(
            Noised(tensors["counts.federated"], noise, units),
            threshold,
            generator(SEED, f"{site}/acting"),
        )
        place = EVERYWHERE if site == EVERYBODY else site
        found[place] = Acting(site=place, sensitivity=hits, specificity=alarms)
    if EVERYBODY in told:
        return _with_masks(found[EVERYWHERE], asked)
    return (
        found[EVERYWHERE],
        *(found.get(site, _unknown(site, UNTOLD)) for site in asked),
    )


def _with_masks(whole: Acting, asked: Iterable[str]) -> tuple[Acting, ...]:
    return (whole, *(_unknown(site, MASKED) for site in asked))


def _unknown(site: str, why: str) -> Acting:
    nothing = Estimate(None, None, why)
    return Acting(site=site, sensitivity=nothing, specificity=nothing)
