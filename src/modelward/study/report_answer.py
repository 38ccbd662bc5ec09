"""The form of what a site tells of its test units when a study has ended.

    counts.federated  [2, bins]  test units by outcome and bin of predicted probability
    counts.local      [2, bins]  the same for the model that the site trained alone
    figures           [32]       figures of both, their difference, and codes; see `NAMES`

All float64. Figures are rounded to the decimals that the study states, and are `ABSENT` where
there is none. Site, gate and hub derive this from the signed study; what the figures mean is
evaluate/site_figures.py's business.
"""

from collections.abc import Mapping

from modelward.core.study import Study
from modelward.core.tensors import Schema, TensorSpec

ABSENT = -64.0
"""Stands for a figure that does not exist; every other one lies above it, and below 64."""

MODELS = ("federated", "local")
SCORED = ("auc", "brier", "slope", "intercept")
PARTS = ("value", "low", "high")

CODES: Mapping[str, int] = {"metric": 2, "word": 5, "weakness": 5, "alike": 3}
"""Code -> how many there are; each is told by its place among them."""

NAMES = (
    *(f"{model}.{name}.{part}" for model in MODELS for name in SCORED for part in PARTS),
    *(f"difference.{part}" for part in PARTS),
    "share",
    *CODES,
)
"""What the places of `figures` hold. `share`: the probability that a constant gives all."""

NAMED = len(NAMES) - len(CODES)
"""Figures; the places after them are codes."""


def report_schema(study: Study) -> Schema:
    """Return the tensors that are told; none where the study asks for no report."""
    if study.report is None:
        return Schema.of()
    counts = (TensorSpec(f"counts.{m}", "F64", (2, study.report.bins)) for m in MODELS)
    return Schema.of(*counts, TensorSpec("figures", "F64", (len(NAMES),)))


def report_words(study: Study) -> str:
    """Return what is told, in sentences for whoever approves it; "" where nothing is."""
    if study.report is None:
        return ""
    unit, terms = study.study.unit, study.report
    return (
        f"When the study has ended: each site trains a model of its own on its own training "
        f"{unit}s, which stays there, and tells of its test {unit}s, for the report: how many "
        f"there are by outcome and predicted probability in {terms.bins} bins, for the "
        "federated and for its own model (no cell smaller than the site's own minimum); and "
        f"{NAMED} figures with {terms.decimals} decimals (AUC, Brier score and calibration of "
        "both models, their difference, each with its interval) with the verdict in a word."
    )
