"""Rules an artifact must satisfy before it may leave a site.

A rule looks at an offer (offer.py) and returns the findings that speak against it. door.py
asks them all and acts.

A new rule is one function here (or in a file of its own when it brings an idea of its own),
one line in `standard`, and one section in docs/gate.md.
"""

import numpy as np

from modelward.core.artifact import ArtifactKind
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT
from modelward.core.verdict import Finding
from modelward.gate import traces
from modelward.gate.cells import cells, few_behind
from modelward.gate.figures import misfits
from modelward.gate.leaks import leaks
from modelward.gate.offer import Offer, Rule, all_of
from modelward.gate.policy import Policy
from modelward.gate.terms import objections

UPDATE_GRID = 2.0**24
"""Updates are multiples of 2^-24 below 2^7 (docs/formats/sums.md): sums of them are exact."""

UPDATE_LIMIT = 2.0**7


def standard(study: Study, policy: Policy) -> Rule:
    """Return the rules that every offer for `study` meets at a site with `policy`.

    The study's terms and the shape of the tensors are judged first; rules about values run
    only on tensors that are exactly what the study asks for, and the inspector looks only at
    what nothing else speaks against.
    """
    against = objections(study, policy)
    shape = all_of(
        lambda _: against,
        behind_masks(study),
        allowed_kind(policy.kinds),
        exact_schema,
        min_patients(policy.min_patients, study.study.min_patients),
        byte_budget(policy.round_bytes, policy.study_bytes, policy.day_bytes),
    )
    values = all_of(
        finite,
        update_bounds(min(policy.max_norm, study.privacy.clip)),
        form,
        figures(study),
    )
    counted = cells(study, policy.min_cell, policy.min_missing)
    behind = few_behind(study, policy.min_cell, policy.min_pair)

    def rule(offer: Offer) -> tuple[Finding, ...]:
        found = shape(offer)
        if any(finding.rule in {"buffers", "schema"} for finding in found):
            return found
        found += values(offer)
        if any(finding.rule == "finite" for finding in found):
            return found
        found += counted(offer)
        return found or leaks(offer.look, policy.leakage) or behind(offer)

    return rule


def exchanged(study: Study, policy: Policy) -> Rule:
    """Return the rules for an exchange about an answer that was judged before.

    What is exchanged is made of the judged answer and of keys, by this site's gate itself;
    what is left to judge is whether the study agreed on it, and how many bytes leave.
    """
    return all_of(
        behind_masks(study),
        byte_budget(policy.round_bytes, policy.study_bytes, policy.day_bytes),
    )


def behind_masks(study: Study) -> Rule:
    """Object to an open answer where the study sums behind masks, and the other way round."""

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if (offer.task.phase is None) == (study.privacy.aggregation is None):
            return ()
        return (
            Finding(
                rule="masks",
                says="asked in the open, and the study sums behind masks"
                if offer.task.phase is None
                else "asked behind masks, and the study agreed on no masks",
                remedy="ask as the signed study says in [privacy] aggregation",
            ),
        )

    return rule


def allowed_kind(kinds: frozenset[ArtifactKind]) -> Rule:
    """Object to an artifact kind that the policy does not list."""

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if offer.kind in kinds:
            return ()
        return (
            Finding(
                rule="kind",
                says=f"kind {offer.kind!r} is not among {', '.join(sorted(kinds))}",
                remedy="add the kind to the site's policy if the study should have it",
            ),
        )

    return rule


def exact_schema(offer: Offer) -> tuple[Finding, ...]:
    """Object to a tensor that is missing, extra, or of another type or shape.

    Extra tensors are reported as `buffers`: running means of a normalisation layer are the
    usual way by which a record is carried out in a tensor nobody asked for.
    """
    expected = {spec.name: spec for spec in offer.schema}
    found = [
        Finding(
            rule="buffers",
            says=f"{len(extra)} tensors nobody asked for, such as {extra[0][:40]!r}",
            remedy="train with GroupNorm instead of BatchNorm; send parameters only",
        )
        for extra in [sorted(set(offer.tensors) - set(expected))]
        if extra
    ]
    wrong = [name for name, spec in expected.items() if not spec.fits(offer.tensors.get(name))]
    if wrong:
        found.append(
            Finding(
                rule="schema",
                says=f"{len(wrong)} tensors are missing or of another type or shape: "
                + ", ".join(wrong[:5]),
                remedy="check that the site has the recipe version that the study names",
            )
        )
    return tuple(found)


def min_patients(policy: int, study: int) -> Rule:
    """Object when fewer units contributed than the site's policy asks for.

    The study's own minimum is about training units; figures of validation and test units,
    which are fewer by design, meet the policy's alone.
    """

    def rule(offer: Offer) -> tuple[Finding, ...]:
        floor = policy if offer.task.kind in LOOKS_AT else max(policy, study)
        if offer.patients >= floor:
            return ()
        return (
            Finding(
                rule="min-patients",
                says=f"{offer.patients} patients contributed, at least {floor} are asked for",
                remedy="widen the cohort, or sit this study out",
            ),
        )

    return rule


def min_persons(floor: int, persons: int) -> Rule:
    """Object to units, however many, that are of fewer persons than the site's policy asks for.

    Args:
        floor: The policy's.
        persons: Patients behind the answer; as many as units where the data name none.
    """

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if persons >= floor:
            return ()
        return (
            Finding(
                rule="min-patients",
                says=f"{offer.patients} units are of {persons} patients, and at least {floor}"
                " patients are asked for",
                remedy="widen the cohort, or sit this study out",
            ),
        )

    return rule


def byte_budget(per_task: int, per_study: int, per_day: int) -> Rule:
    """Object when an artifact, or all of a study or of a day, would be too many bytes."""

    def rule(offer: Offer) -> tuple[Finding, ...]:
        size = sum(values.nbytes for values in offer.tensors.values())
        asked = (
            ("one task", size, per_task),
            ("this study", offer.sent_bytes + size, per_study),
            ("today", offer.today_bytes + size, per_day),
        )
        return tuple(
            Finding(
                rule="bytes",
                says=f"{wanted:,} bytes for {span}, the policy allows {allowed:,}",
                remedy="raise the byte budget, or shrink the model",
            )
            for span, wanted, allowed in asked
            if wanted > allowed
        )

    return rule


def finite(offer: Offer) -> tuple[Finding, ...]:
    """Object to NaN and infinity."""
    wrong = [
        name
        for name, values in offer.tensors.items()
        if values.dtype.kind == "f" and not np.isfinite(values).all()
    ]
    if not wrong:
        return ()
    return (
        Finding(
            rule="finite",
            says=f"NaN or infinity in {', '.join(wrong[:5])}",
            remedy="lower the learning rate, and look for impossible values in the data",
        ),
    )


def update_bounds(max_norm: float) -> Rule:
    """Object to an update that is too long, out of range, or off the grid of the sums."""

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if offer.kind != "update":
            return ()
        found: list[Finding] = []
        square = 0.0
        for name, values in offer.tensors.items():
            flat = np.nan_to_num(values.reshape(-1), nan=0.0, posinf=0.0, neginf=0.0)
            square += float(np.dot(flat.astype(np.float64), flat.astype(np.float64)))
            scaled = flat * np.float32(UPDATE_GRID)
            if (np.abs(flat) >= UPDATE_LIMIT).any() or (scaled != np.rint(scaled)).any():
                found.append(_off_grid(name))
        norm = square**0.5
        if norm > max_norm * (1 + 1e-6):  # the grid itself moves a clipped norm by less
            found.append(
                Finding(
                    rule="norm",
                    says=f"the update has norm {norm:.4g}, at most {max_norm:g} may leave",
                    remedy="train() must clip to the study's bound; check the recipe",
                )
            )
        return tuple(found)

    return rule


def form(offer: Offer) -> tuple[Finding, ...]:
    """Object to an update in the form of a message; traces.py says which forms."""
    if offer.kind != "update":
        return ()
    tensors = offer.tensors
    return traces.whole_numbers(tensors) + traces.rank(tensors) + traces.sparsity(tensors)


def figures(study: Study) -> Rule:
    """Object to figures of a report that are more than the study says; see figures.py."""
    return lambda offer: misfits(study, offer.task.kind, offer.tensors)


def _off_grid(name: str) -> Finding:
    return Finding(
        rule="grid",
        says=f"{name} has values off the grid of 2^-24, or of 128 and more",
        remedy="round as learn/sgd.py does; low bits could carry what nobody looks at",
    )
