"""On which metric one hospital's verdict is decided, and what weakens it.

AUC decides. It cannot where one outcome is absent or rare among the test units, or where the
local model gives everyone the same probability because its training units all have the same
outcome; then the Brier score does, and a sentence says why. What follows from the figures is
verdict.py's.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from modelward.evaluate.comparing.compare import Comparison, compare
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.patients import Patients, called
from modelward.evaluate.predictions import Predictions

Weakness = Literal["", "one-outcome", "constant", "few-of-a-class", "few-units"]
"""Why AUC does not carry a verdict; "" if it does."""

FEWEST_PER_CLASS = 10
"""AUC carries a verdict only with this many test patients of either outcome."""

FEWEST_UNITS = 10
"""With fewer test patients than this no interval is trusted and no difference claimed."""


def compared_by(
    model: Predictions, local: Predictions, unit: str, rng: np.random.Generator, draws: int
) -> tuple[Comparison, str]:
    """Return a model against the local one on the metric that can carry a verdict, and why.

    The reason is "" where that is AUC. With too few units the interval is withheld.
    """
    compared, weakness = weighed(model, local, rng, draws)
    counts = model.positives, model.negatives, model.patients
    reason = words(weakness, unit, counts, share_of(local))
    if weakness == "few-units":
        compared = replace(compared, difference=replace(compared.difference, note=reason))
    return compared, reason


def weighed(
    model: Predictions, local: Predictions, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[Comparison, Weakness]:
    """Return a model against the local one on the metric that can carry a verdict.

    With too few units the interval is withheld.
    """
    weakness = why_not_auc(model, local)
    compared = compare("brier" if weakness else "auc", model, local, rng, draws)
    if model.persons < FEWEST_UNITS:
        withheld = replace(compared.difference, interval=None)
        return replace(compared, difference=withheld), "few-units"
    return compared, weakness


def why_not_auc(federated: Predictions, local: Predictions) -> Weakness:
    """Return why AUC cannot carry the verdict; "" if it can."""
    if federated.smaller_class == 0:
        return "one-outcome"
    if share_of(local) is not None:
        return "constant"
    return "few-of-a-class" if federated.fewest_patients < FEWEST_PER_CLASS else ""


def share_of(local: Predictions) -> float | None:
    """Return the one probability that a model gives everybody; None if it tells them apart."""
    return float(local.probability[0]) if np.ptp(local.probability) == 0 else None


def words(
    weakness: Weakness,
    unit: str,
    counts: tuple[int, int, Patients | None],
    share: float | None,
) -> str:
    """Return a weakness in a sentence; "" for none.

    Args:
        weakness: Why AUC does not carry a verdict.
        unit: Who is counted, such as "patient".
        counts: Test units whose outcome happened, those whose outcome did not, and their
            patients; None where each unit is its own.
        share: What the local model gives everybody, if it is a constant.
    """
    if not weakness:
        return ""
    positives, negatives, patients = counts
    if weakness == "few-units":
        who = unit if patients is None else "patient"
        return f"Fewer than {FEWEST_UNITS} test {who}s are too few for any verdict."
    if weakness == "one-outcome":
        which = "have" if positives else "do not have"
        return f"All of its test {unit}s {which} the outcome, so no AUC exists."
    if weakness == "constant":
        return (
            f"On its own it could only give every {unit} the same probability"
            f" ({share or 0.0:.2f}), which ranks nobody, so AUC compares nothing."
        )
    if patients is not None:
        which = "with" if patients.having < patients.lacking else "without"
        return (
            f"Fewer than {FEWEST_PER_CLASS} of its test patients have"
            f" {called(unit, patients)}s {which} the outcome, too few for AUC to carry a"
            " verdict."
        )
    which = "have" if positives < negatives else "do not have"
    return (
        f"Fewer than {FEWEST_PER_CLASS} of its test {unit}s {which} the outcome,"
        " too few for AUC to carry a verdict."
    )


def no_model_alone(unit: str, which: str) -> str:
    """Return why a site has no model of its own; `which`: "have" or "do not have"."""
    return f"All of its training {unit}s {which} the outcome, so it cannot fit a model alone."
