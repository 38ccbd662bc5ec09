"""The form of what a site tells of its test units when a study has ended.

    counts.federated  [2, bins]          test units by outcome and bin of predicted probability
    groups            [levels, 11]       a row of sums of every level of every group, one group
                                         after the other (report_groups.py), where `[report]
                                         groups` asks for it
    acting            [2, 2]             test units by outcome, below the threshold that the
                                         study's rule has chosen and from it on, where
                                         `[evaluation] threshold` names a rule; a row of nobody
                                         where the gate tells nothing of an outcome
    patients          [5]                whose test units these are, where the study counts
                                         others than patients; see `BEHIND`

and, where figures of one site may be told,

    counts.local      [2, bins]  the same for the model that the site trained alone
    figures           [32]       figures of both, their difference, and codes; see `NAMES`

or, behind masks and without noise, what is of use as a sum over sites:

    verdicts          [5]        1 at the site's verdict, 0 elsewhere
    differences       [2, 2]     in AUC and in Brier score: the difference, and 1 if there is

All float64. Under differential privacy counts carry noise and nothing else is told; groups are
then counts as well, `counts.groups` [levels, 2, bins], and rates at the threshold follow from
the counts. Figures
are rounded to the decimals that the study states, and are `ABSENT` where there is none. Site,
gate and hub derive this from the signed study; what the figures mean is
evaluate/told/site_figures.py's business.
"""

from collections.abc import Mapping

from modelward.core.reporting import Reporting
from modelward.core.study import Study
from modelward.core.tensors import Schema, TensorSpec
from modelward.study.judging import Grouping, groupings
from modelward.study.report_groups import COLUMNS

PATIENTS = "patients"
"""Name of the tensor that says whose test units were counted."""

BEHIND = ("every", "having", "lacking", "telling having", "telling lacking")
"""What its places hold: patients; those with a unit whose outcome happened, and with one whose
outcome did not; and how many patients with equally many units would tell as much of either
outcome, (sum n)^2 / (sum n^2) rounded down, for the width of intervals. Where no patient has
several units, or the data name none, units stand for patients."""

ABSENT = -64.0
"""Stands for a figure that does not exist; every other one lies above it, and below 64."""

NOISED_BINS = 16
"""Bins under differential privacy, where every bin carries noise of its own."""

ACTING = "acting"
"""Name of the tensor with the sides of the threshold."""

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


def one_by_one(study: Study) -> bool:
    """Return whether sites tell figures of their own, and are not noised or summed."""
    return study.privacy.dp is None and study.privacy.aggregation is None


def alone_too(study: Study) -> bool:
    """Return whether each site trains a model alone for its report.

    Not under differential privacy: such a model is made without noise, so a figure of it on
    test units would tell of training units beyond any bound.
    """
    return study.privacy.dp is None


def acts(study: Study) -> bool:
    """Return whether each site tells how many of its test units lie on either side.

    Not where several units are one patient's: a side of many units could be of a few patients.
    """
    rule = None if study.evaluation is None else study.evaluation.threshold
    asks = study.report is not None and rule is not None and alone_too(study)
    return asks and not counts_patients(study)


def report_bins(study: Study) -> int:
    """Return the number of bins in which test units are counted."""
    bins = (study.report or Reporting()).bins
    return bins if study.privacy.dp is None else min(bins, NOISED_BINS)


def counts_patients(study: Study) -> bool:
    """Return whether sites tell whose units they counted: not of noised counts."""
    return study.report is not None and study.study.unit != "patient" and alone_too(study)


def told_groups(study: Study) -> tuple[Grouping, ...]:
    """Return the groups in which test units are counted; none where nobody asked."""
    if study.report is None or study.report.groups is None:
        return ()
    return groupings(study)


def report_schema(study: Study) -> Schema:
    """Return the tensors that are told; none where the study asks for no report."""
    if study.report is None:
        return Schema.of()
    shape = (2, report_bins(study))
    specs = [TensorSpec("counts.federated", "F64", shape)]
    levels = sum(len(each.levels) for each in told_groups(study))
    if levels:
        rows = ("groups", (levels, len(COLUMNS)))
        noised = ("counts.groups", (levels, *shape))
        name, shaped = rows if alone_too(study) else noised
        specs.append(TensorSpec(name, "F64", shaped))
    if acts(study):
        specs.append(TensorSpec(ACTING, "F64", (2, 2)))
    if counts_patients(study):
        specs.append(TensorSpec(PATIENTS, "F64", (len(BEHIND),)))
    if one_by_one(study):
        specs.append(TensorSpec("counts.local", "F64", shape))
        specs.append(TensorSpec("figures", "F64", (len(NAMES),)))
    elif alone_too(study):
        specs.append(TensorSpec("verdicts", "F64", (CODES["word"],)))
        specs.append(TensorSpec("differences", "F64", (CODES["metric"], 2)))
    return Schema.of(*specs)


def report_words(study: Study) -> str:
    """Return what is told, in sentences for whoever approves it; "" where nothing is."""
    if study.report is None:
        return ""
    unit, terms = study.study.unit, study.report
    counted = f"how many there are by outcome and predicted probability in {report_bins(study)}"
    cells = "(no cell smaller than the site's own minimum)"
    names = ", ".join(each.name for each in told_groups(study))
    level = (
        "counts"
        if not alone_too(study)
        else (
            f"how many by outcome, AUC and calibration with {terms.decimals} decimals and "
            "error, and how many get a yes at one half"
        )
    )
    groups = f" In groups ({names}), of the federated model: {level}." if names else ""
    if acts(study):
        groups += (
            " By outcome, how many get a yes at the threshold that the study's rule has chosen,"
            " where no side is smaller than the site's own minimum."
        )
    if counts_patients(study):
        groups = f" And of how many patients the {unit}s are, by outcome.{groups}"
    alone = (
        f"When the study has ended: each site trains a model of its own on its own training "
        f"{unit}s, which stays there, and tells of its test {unit}s, for the report: {counted} "
        "bins, for the "
    )
    if one_by_one(study):
        return (
            f"{alone}federated and for its own model {cells}; and "
            f"{NAMED} figures with {terms.decimals} decimals (AUC, Brier score and calibration "
            "of both models, their difference, each with its interval) with the verdict in a "
            f"word.{groups}"
        )
    if alone_too(study):
        return (
            f"{alone}federated model {cells}; its verdict in a word; and the difference "
            f"between both models with {terms.decimals} decimals. All of it behind masks: the "
            "hub sees sums, how many sites have which verdict, and nothing of one site."
            + groups
        )
    return (
        f"When the study has ended: each site tells of its test {unit}s, for the report: "
        f"{counted} bins, for the federated model, noised and charged to its budget. No model "
        "is trained alone, and no verdict is told: nothing that depends on such a model is "
        "within the bound." + groups
    )
