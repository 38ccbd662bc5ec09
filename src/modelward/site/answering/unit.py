"""Whom a privacy bound holds for at a site, and whether it means something there.

A study says of whom it bounds what is told; only the data say whose rows are whose.
"""

from modelward.core.study import Study
from modelward.errors import BadPrivacyTerms
from modelward.site.isolation.snapshot import CohortFacts


def largest_delta(patients: int) -> float:
    """Return the largest delta that means something for so many training patients."""
    return 0.1 / max(1, patients)


def require_unit(study: Study, facts: CohortFacts) -> None:
    """Return if the bound that `study` asks for means something for this cohort.

    Raises:
        BadPrivacyTerms: If it counts patients and the data do not name them, or counts less
            than patients where the data do; or if delta is too large for so many.
    """
    dp = study.privacy.dp
    if dp is None:
        return
    unit, most = dp.unit, largest_delta(len(facts.patients["train"]))
    if unit == "patient" != study.study.unit and not facts.named:
        raise BadPrivacyTerms(
            f"the bound is for patients; the data do not say whose each {study.study.unit} is",
            why=f"several {study.study.unit}s of one patient would each be bounded alone",
            remedy=f"name the patients in dataset.toml, or agree on unit = {study.study.unit!r}"
            " in [privacy.dp], which bounds less",
        )
    if unit != "patient" and facts.named:
        raise BadPrivacyTerms(
            f"the bound is for one {unit}, and the data say which {unit}s are one patient's",
            why=f"a patient with several {unit}s would be told about more than epsilon says",
            remedy='agree on unit = "patient" in [privacy.dp]',
        )
    if dp.delta > most:
        raise BadPrivacyTerms(
            f"delta is {dp.delta:g}, for this cohort at most {most:.2g} is meaningful",
            why="at delta = 1/N, releasing one patient outright would satisfy the bound",
            remedy="agree on a smaller delta in [privacy.dp]",
        )
