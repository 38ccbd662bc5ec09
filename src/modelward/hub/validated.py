"""What validation counts say of a round: over all sites, and of each where the hub sees it.

Sites answer with their validation units by outcome and bin of predicted probability
(evaluate/measures/binned.py). Behind masks only the sum is known, and then nothing is said of
one site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.evaluate.measures import binned
from modelward.evaluate.measures.threshold import chosen_threshold
from modelward.hub.collectors import Sums
from modelward.study.answers import score_bins

THRESHOLD = "threshold"
"""Name among a round's figures of the threshold that the study's rule chooses."""


@dataclass(frozen=True, slots=True)
class Validated:
    """Figures of one round's model on validation units.

    Attributes:
        metrics: Over all sites, NaN where one has no value; and the threshold, where the study
            signed a rule.
        by_site: The watched metric at each site that has one.
    """

    metrics: dict[str, float]
    by_site: dict[str, float]


def validated(study: Study, sums: Sums) -> Validated:
    """Return what the collected counts say; figures are NaN if every gate refused."""
    counts = np.zeros((2, score_bins(study)), np.int64)
    if sums.patients:
        counts = _whole(sums.totals()["counts"])
    metrics = binned.figures(counts)
    terms = study.evaluation
    if terms is not None and terms.threshold is not None:
        at = chosen_threshold(counts, terms.threshold, terms.at_least)
        metrics[THRESHOLD] = np.nan if at is None else at
    return Validated(metrics, _each(study, sums.by_site))


def _each(study: Study, by_site: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    if study.stop.metric is None:
        return {}
    figure = binned.FIGURES[study.stop.metric]
    found = {site: figure(_whole(by_site[site]["counts"])) for site in sorted(by_site)}
    return {site: each.value for site, each in found.items() if each is not None}


def _whole(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return counts as whole numbers; noise may have taken one below 0."""
    whole: NDArray[np.int64] = np.rint(np.maximum(counts, 0.0)).astype(np.int64)
    return whole
