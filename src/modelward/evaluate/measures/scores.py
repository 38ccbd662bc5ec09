"""Every figure of one model on one group of units; judging.py goes over models and groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures import discrimination
from modelward.evaluate.measures.calibration import Calibration, calibrations, pointwise
from modelward.evaluate.measures.curves import ReliabilityPoint, RocPoint
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.patients import Patients
from modelward.evaluate.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One model on one group of test units; the threshold is 0.5 where one is needed.

    Attributes:
        site: Whose test units; "" for those of all sites together.
        units: Number of test units; None if too few to be shown.
        positives: Those whose outcome happened; None if too few to be shown.
        auc: DeLong.
        accuracy: Wilson.
        sensitivity: Wilson.
        specificity: Wilson.
        brier: Stratified bootstrap, as are the two below; no interval for a local model at
            another hospital (judging.py).
        slope: Calibration slope; 1 is best.
        intercept: Calibration in the large; 0 is best.
        patients: Whose units these are, where a patient has several; then intervals are of
            patients (patients.py). None, and no part of the file, where each unit is its own
            patient, or they are too few to be shown.
    """

    site: str
    units: int | None
    positives: int | None
    auc: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    brier: Estimate
    slope: Estimate
    intercept: Estimate
    patients: Patients | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFindings:
    """One model, judged on everybody and site by site.

    Attributes:
        name: `federated`, `pooled`, `local:SITE`, or the name of a variant.
        overall: On the test units of all sites together.
        by_site: On the test units of each site, in the order of the record; of its own site
            only, for a local model that has not left it.
        roc: Points of its ROC curve on all test units; empty for local models.
        reliability: Points of its reliability diagram; empty for local models.
    """

    name: str
    overall: Scores
    by_site: tuple[Scores, ...]
    roc: tuple[RocPoint, ...] = ()
    reliability: tuple[ReliabilityPoint, ...] = ()

    def at(self, site: str) -> Scores:
        """Return the scores on the test units of `site`, one of the record's sites."""
        return next(scores for scores in self.by_site if scores.site == site)


def score(
    predictions: Predictions, rng: np.random.Generator, *, site: str = "", draws: int = DRAWS
) -> Scores:
    """Return every figure on `predictions`, each with its interval.

    Args:
        predictions: Units of one site, or of several joined by `union`.
        rng: Source of the resamples.
        site: Whose units they are; "" for all sites.
        draws: Number of resamples.
    """
    return score_all([predictions], rng, site=site, draws=draws)[0]


def score_all(
    models: Sequence[Predictions],
    rng: np.random.Generator,
    *,
    site: str = "",
    draws: int = DRAWS,
) -> list[Scores]:
    """Return every figure of several models on the same units, on the same resamples.

    Args:
        models: Each on the same units in the same order; there may be none.
        rng: Source of the resamples.
        site: Whose units they are; "" for all sites.
        draws: Number of resamples.
    """
    calibrated = calibrations(models, rng, draws) if models else []
    return [_scores(*pair, site) for pair in zip(models, calibrated, strict=True)]


def score_pointwise(predictions: Predictions, note: str, *, site: str = "") -> Scores:
    """Return every figure, with the intervals that need no resamples.

    Args:
        predictions: Units of one site, or of several.
        note: Why calibration has no intervals.
        site: Whose units they are; "" for all sites.
    """
    return _scores(predictions, pointwise(predictions, note), site)


def _scores(predictions: Predictions, calibrated: Calibration, site: str) -> Scores:
    return Scores(
        site=site,
        units=len(predictions),
        positives=predictions.positives,
        auc=discrimination.auc(predictions),
        accuracy=discrimination.accuracy(predictions),
        sensitivity=discrimination.sensitivity(predictions),
        specificity=discrimination.specificity(predictions),
        brier=calibrated.brier,
        slope=calibrated.slope,
        intercept=calibrated.intercept,
        patients=predictions.patients,
    )
