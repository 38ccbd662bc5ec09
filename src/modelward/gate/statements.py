"""The rule for statements of readiness: what a site may say before a study begins.

A statement comes from sites of any size and of data that do not fit, so the rules about
training units do not hold for it. In their place: flags are flags, units are bands, and there
are counts of patients only where enough are behind them and their noise was paid for.
"""

import numpy as np

from modelward.core.study import Study
from modelward.core.verdict import Finding
from modelward.gate.offer import Offer, Rule, all_of
from modelward.gate.policy import Policy
from modelward.gate.rules import (
    allowed_kind,
    byte_budget,
    exact_schema,
    finite,
)
from modelward.privacy.plan import look
from modelward.study.readiness import BANDS, banded


def statement(study: Study, policy: Policy) -> Rule:
    """Return the rules that a statement of readiness about `study` meets at a site."""
    floor = max(policy.min_patients, study.study.min_patients)
    shape = all_of(
        allowed_kind(policy.kinds),
        exact_schema,
        byte_budget(policy.round_bytes, policy.study_bytes, policy.day_bytes),
    )
    values = all_of(
        finite, lambda offer: _said(offer, floor), lambda offer: _paid(offer, policy)
    )

    def rule(offer: Offer) -> tuple[Finding, ...]:
        return shape(offer) or values(offer)

    return rule


def tells_counts(offer: Offer) -> bool:
    """Return whether a statement counts patients at all."""
    names = set(offer.tensors) - {"ready"}
    return any(np.asarray(offer.tensors[name]).any() for name in names)


def _said(offer: Offer, floor: int) -> tuple[Finding, ...]:
    """Object to flags that are none, units that are no band, and counts of few or unready."""
    ready, units = offer.tensors["ready"], float(offer.tensors["units"][0])
    wrong = {
        "ready holds something else than 0 and 1": not np.isin(ready, (0.0, 1.0)).all(),
        f"units are {units:g}, which is no band": units not in BANDS,
    }
    if tells_counts(offer):
        wrong |= {
            "patients are counted, and the site is not ready": not ready.all(),
            f"{units:g} units are counted, at least {floor} are asked for": (
                units < banded(floor)
            ),
            f"units are {units:g}, and {offer.patients} on its card": units != offer.patients,
        }
    return tuple(_finding(what) for what, found in wrong.items() if found)


def _paid(offer: Offer, policy: Policy) -> tuple[Finding, ...]:
    """Object to counts without the noise of a statement, and to any where none may leave."""
    if not tells_counts(offer):
        return ()
    noise = offer.privacy.get("noise")
    if not isinstance(noise, float) or noise < look().noise or not offer.privacy["reservation"]:
        return (_finding("patients are counted without the noise that was booked for it"),)
    if "dp" not in policy.lanes:
        return (_finding("patients are counted with noise, and the lane dp is closed"),)
    return ()


def _finding(says: str) -> Finding:
    return Finding(
        rule="readiness",
        says=says,
        remedy="check again: modelward site check SITE STUDY; --tell says what may be known",
    )
