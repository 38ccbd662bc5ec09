"""Rules that something for the network meets at the gate, beside the policy's own.

The door is the one that answers of studies leave by (gate/door.py): the policy decides which
kinds leave at all, for which purposes, in which lane, how many patients must stand behind them
and how many bytes may go; the inspector's figures are held against it last. Rules that only
exchanges have:

    small-cells    a prototype, or a recall of a report, stands on fewer units than the
                   policy's minimum cell; prototypes are counted by the inspector as well
    means          a prototype is no mean of own examples, which the inspector computes again
    distribution   predictions that are not probabilities: bytes that could carry anything
"""

import numpy as np

from modelward.core.verdict import Finding
from modelward.exchange.methods.probability import FLOOR, STEPS
from modelward.gate.leaks import leaks
from modelward.gate.offer import Offer, Rule, all_of
from modelward.gate.policy import Policy
from modelward.gate.rules import (
    allowed_kind,
    byte_budget,
    exact_schema,
    finite,
    min_patients,
    min_persons,
)

SLACK = 0.1
"""How far the probabilities of a row may add up from one: rounding to bytes moves it by less
than half of this at ten classes."""


def rules(
    policy: Policy, purpose: str, cells: tuple[int, ...] = (), persons: int | None = None
) -> Rule:
    """Return the rules for one offer or report.

    Args:
        policy: The site's.
        purpose: Of the question.
        cells: Units behind each figure that leaves (prototypes, recalls), 0 for none.
        persons: Of how many persons the units are; None where nobody has said, as of
            validation units.
    """
    floor = policy.min_patients
    first = all_of(
        lambda _: _purpose(policy, purpose),
        lane(policy),
        allowed_kind(policy.kinds),
        exact_schema,
        min_patients(floor, 0),
        min_persons(floor, floor if persons is None else persons),
        byte_budget(policy.round_bytes, policy.study_bytes, policy.day_bytes),
        small_cells(policy.min_cell, cells),
    )
    values = all_of(finite, distribution)

    def rule(offer: Offer) -> tuple[Finding, ...]:
        found = first(offer) or values(offer)
        return found or (
            *leaks(offer.look, policy.leakage),
            *class_means(offer, policy.min_cell),
        )

    return rule


def lane(policy: Policy) -> Rule:
    """Object to what is not bounded where the policy has only the lane `dp`, and vice versa."""

    def rule(offer: Offer) -> tuple[Finding, ...]:
        bounded = offer.privacy.get("mechanism") == "gaussian"
        needed = {"dp"} if bounded else {"exact"}
        if offer.privacy.get("beside") == "exact":
            needed.add("exact")
        if needed <= policy.lanes:
            return ()
        return (
            Finding(
                rule="lane",
                says="dp: booked, with noise"
                if bounded
                else f"exact: unbounded; nothing limits what {offer.kind} tell about a patient",
                remedy='train with --epsilon, or add "exact" to [privacy] lanes'
                if not bounded
                else 'add "dp" to [privacy] lanes',
            ),
        )

    return rule


def _purpose(policy: Policy, purpose: str) -> tuple[Finding, ...]:
    if policy.purposes is None or purpose in policy.purposes:
        return ()
    allowed = ", ".join(repr(each) for each in sorted(policy.purposes)) or "none"
    said = f"the question's purpose is {purpose!r}; allowed are {allowed}"
    return (Finding("purpose", said, "add it under [studies] purposes"),)


def small_cells(least: int, cells: tuple[int, ...]) -> Rule:
    """Object to a figure about fewer units than the policy's minimum cell."""

    def rule(_: Offer) -> tuple[Finding, ...]:
        small = [units for units in cells if 0 < units < least]
        if not small:
            return ()
        return (
            Finding(
                rule="small-cells",
                says=f"{len(small)} figures are about fewer than {least} units",
                remedy="leave those classes out; they count as unknown",
            ),
        )

    return rule


def class_means(offer: Offer, least: int) -> tuple[Finding, ...]:
    """Object to prototypes of fewer than `least` persons, and to those that are no means.

    Those that carry noise under differential privacy are not looked at: it is their protection.
    """
    if offer.kind != "prototypes" or offer.privacy.get("mechanism") == "gaussian":
        return ()
    if offer.look is None or offer.look.figures is None:  # looked at before it was held
        return ()
    figures = offer.look.figures
    if figures.fewest is None:
        told = np.any(offer.tensors["means"])
        return (_means("nobody has counted who is behind these means"),) if told else ()
    if figures.fewest < least:
        return (
            Finding(
                rule="small-cells",
                says=f"the mean of a class is told, and {figures.fewest} persons here have an"
                f" example of it, fewer than {least}",
                remedy="leave those classes out; they count as unknown",
            ),
        )
    if figures.astray is not None and figures.astray * least > 1:
        return (_means("a class mean is not the mean of this class's examples, give or take"),)
    return ()


def _means(says: str) -> Finding:
    return Finding(
        rule="means",
        says=says,
        remedy="write prototypes with `modelward exchange offer`, not by hand",
    )


def distribution(offer: Offer) -> tuple[Finding, ...]:
    """Object to predictions that are no probabilities."""
    if offer.kind != "predictions":
        return ()
    likely = np.exp(offer.tensors["levels"].astype(np.float64) * (FLOOR / STEPS))
    floor = np.exp(FLOOR) * likely.shape[1]
    wrong = int((np.abs(likely.sum(axis=1) - 1) > SLACK + floor).sum())
    if not wrong:
        return ()
    return (
        Finding(
            rule="distribution",
            says=f"{wrong:,} rows are not probabilities of classes",
            remedy="write predictions with `modelward exchange offer`, not by hand",
        ),
    )
