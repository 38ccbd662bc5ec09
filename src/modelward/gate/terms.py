"""A study's terms held against a site's policy, before anything is computed.

One clause for every rule of the policy: whether the study would pass it, and why. They are
shown to the person who approves (`modelward site policy explain`). What rules.py cannot see
in a single offer, such as the purpose, is asked again at every offer (`objections`), so an
approval cannot loosen the policy, and a policy that was tightened later holds for studies
that were approved before.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from modelward.core.artifact import ArtifactKind
from modelward.core.study import Study
from modelward.core.verdict import Finding
from modelward.gate.policy import Policy
from modelward.recipes.catalogue import smallest_cell
from modelward.study import counted
from modelward.study.answers import answer_to
from modelward.study.explain import ONCE, tasks_of


@dataclass(frozen=True, slots=True)
class Clause:
    """What one rule says of a study.

    Attributes:
        rule: The rule's name; its section in docs/gate.md.
        passes: Whether the study would pass. Rules about values can say no more than that
            nothing speaks against it yet.
        says: Why, with both figures.
        remedy: What would help; "" if it passes.
    """

    rule: str
    passes: bool
    says: str
    remedy: str = ""

    def finding(self) -> Finding:
        """Return the objection of a clause that does not pass."""
        return Finding(rule=self.rule, says=self.says, remedy=self.remedy)


def clauses(
    study: Study, policy: Policy, units: Mapping[str, int] | None = None
) -> list[Clause]:
    """Return what every rule of `policy` says of `study`.

    Args:
        study: The study, or what is proposed.
        policy: The site's.
        units: Fold -> units of the site's cohort, once it has been extracted.
    """
    found = [clause for check in _CHECKS for clause in check(study, policy)]
    floor = max(policy.min_patients, study.study.min_patients)
    if units is None:
        said = f"at least {floor} training units are needed; the cohort is not known yet"
        return [*found, Clause("min-patients", passes=True, says=said)]
    said = f"{units['train']} training units, at least {floor} are needed"
    passes = units["train"] >= floor
    remedy = "" if passes else "widen the cohort, or sit this study out"
    return [*found, Clause("min-patients", passes, said, remedy)]


def objections(study: Study, policy: Policy) -> tuple[Finding, ...]:
    """Return what the policy has against a study that no single offer shows."""
    found = (clause for check in _UNSEEN for clause in check(study, policy))
    return tuple(clause.finding() for clause in found if not clause.passes)


def _kinds(study: Study, policy: Policy) -> list[Clause]:
    needed: set[ArtifactKind] = {answer_to(study, kind)[0] for kind in tasks_of(study)}
    missing = sorted(needed - policy.kinds)
    says = f"it needs {_listed(needed)}; allowed are {_listed(policy.kinds)}"
    return [_clause("kind", not missing, says, "add the kinds to [leaves] kinds")]


def _recipe(study: Study, policy: Policy) -> list[Clause]:
    return [_among("recipe", study.recipe.name, policy.allowed_recipes, "allowed_recipes")]


def _purpose(study: Study, policy: Policy) -> list[Clause]:
    return [_among("purpose", study.study.purpose, policy.purposes, "purposes")]


def _lead(study: Study, policy: Policy) -> list[Clause]:
    return [_among("lead", study.study.contact or "nobody", policy.leads, "leads")]


def _lane(study: Study, policy: Policy) -> list[Clause]:
    dp = study.privacy.dp
    if dp is not None:
        says = f"dp: epsilon {dp.epsilon:g} a patient, booked before anything is drawn"
        return [_clause("lane", "dp" in policy.lanes, says, 'add "dp" to [privacy] lanes')]
    kinds = _listed({answer_to(study, kind)[0] for kind in tasks_of(study)})
    says = f"exact: unbounded; nothing limits what {kinds} tell about a patient"
    remedy = 'ask for a study with [privacy.dp], or add "exact" to [privacy] lanes'
    return [_clause("lane", "exact" in policy.lanes, says, remedy)]


def _cells(study: Study, policy: Policy) -> list[Clause]:
    """Recipes that make tables free of small cells do so by the study's own minimum."""
    asked = smallest_cell(study.recipe)
    if asked is None:
        return []
    says = f"its tables have {asked} units in a cell at least; {policy.min_cell} are needed"
    remedy = f"ask for a study with [recipe.options] min_cell = {policy.min_cell} or more"
    return [_clause("cells", asked >= policy.min_cell, says, remedy)]


def _budget(study: Study, policy: Policy) -> list[Clause]:
    """What is left for these patients is only known when the study is reserved."""
    dp, most = study.privacy.dp, min(policy.epsilon_study, policy.epsilon_lifetime)
    if dp is None:
        return []
    says = f"epsilon {dp.epsilon:g} at delta {dp.delta:g}; at most {most:g} at {policy.delta:g}"
    remedy = "ask for a smaller epsilon, or raise the ceilings in [privacy]"
    return [_clause("budget", dp.epsilon <= most, says, remedy)]


def _leakage(study: Study, policy: Policy) -> list[Clause]:
    """What the inspector finds is known when it has looked."""
    bounds, rounds = policy.leakage, study.plan.rounds
    full = len({1, rounds} | set(range(bounds.every, rounds + 1, bounds.every)))
    said = {
        "cells": f"{policy.min_cell} units in a cell at least; validation counts are grouped"
        + _unjudged(study, policy),
        "difference": f"two cohorts differ by {policy.min_cell} persons at least, or by none",
        "copy": f"{bounds.copies} passages of a record are a copy; looked at every time",
        "membership": f"full tests on {full} of {rounds} rounds; at most"
        f" {bounds.membership:.0%} of members found, for sure",
    }
    if study.privacy.dp is not None:
        said = {rule: said[rule] for rule in ("copy", "membership")}
    return [Clause(rule, passes=True, says=says) for rule, says in said.items()]


def _unjudged(study: Study, policy: Policy) -> str:
    """Return which numbers of persons may be told however small they are."""
    crossed = any(counted.crossed(study, kind) for kind in tasks_of(study))
    free = {
        "how many have both of two levels (min_pair)": crossed and policy.min_pair == 1,
        "of how many a value is missing (min_missing)": policy.min_missing == 1,
    }
    told = [what for what, free_to_leave in free.items() if free_to_leave]
    return f"; of any size: {', '.join(told)}" if told else ""


def _masks(study: Study, policy: Policy) -> list[Clause]:
    if study.privacy.aggregation is None:
        return [
            Clause("masks", passes=True, says="none: the hub sees every answer of this site")
        ]
    held = {answer_to(study, kind)[0] for kind in tasks_of(study)} & policy.review
    says = "answers are summed behind masks, so nobody could review one that is held"
    return [_clause("masks", not held, says, "take its kinds out of [review], or decline")]


def _norm(study: Study, policy: Policy) -> list[Clause]:
    """The stricter bound holds, so no study fails here."""
    bound = min(policy.max_norm, study.privacy.clip)
    says = f"updates may have norm {bound:g}: study {study.privacy.clip:g}, policy "
    return [Clause("norm", passes=True, says=says + f"{policy.max_norm:g}")]


def _bytes(study: Study, policy: Policy) -> list[Clause]:
    sizes = {kind: answer_to(study, kind)[1].nbytes for kind in tasks_of(study)}
    once = sum(n for kind, n in sizes.items() if kind in ONCE)
    largest, total = max(sizes.values()), once
    total += study.plan.rounds * (sum(sizes.values()) - once)
    remedy = "raise the byte budget, or ask for a smaller model"
    return [
        _clause("bytes", asked <= most, f"{asked:,} bytes {span}, {most:,} allowed", remedy)
        for asked, most, span in (
            (largest, policy.round_bytes, "for the largest answer"),
            (total, policy.study_bytes, "for the whole study"),
            (largest, policy.day_bytes, "at least on one day"),
        )
    ]


def _review(study: Study, policy: Policy) -> list[Clause]:
    needed = {answer_to(study, kind)[0] for kind in tasks_of(study)}
    held = sorted(needed & policy.review)
    who = _listed(policy.approvers) or "nobody"
    says = f"{_listed(held)} will wait for one of {who}" if held else "nothing is held"
    return [
        _clause("hold", not held or bool(policy.approvers), says, "name [approvers]"),
    ]


Check = Callable[[Study, Policy], list[Clause]]

_UNSEEN: tuple[Check, ...] = (_recipe, _purpose, _lead, _lane, _cells)
_CHECKS: tuple[Check, ...] = (
    *(_kinds, *_UNSEEN, _budget, _masks, _norm, _bytes, _leakage, _review),
)


def _among(rule: str, value: str, allowed: frozenset[str] | None, key: str) -> Clause:
    if allowed is None:
        return Clause(rule, passes=True, says=f"{value!r}; the policy allows any")
    says = f"{value!r}; allowed are {_listed(allowed) or 'none'}"
    return _clause(rule, value in allowed, says, f"add it under [studies] {key}")


def _clause(rule: str, passes: bool, says: str, remedy: str) -> Clause:  # noqa: FBT001 - a verdict
    return Clause(rule, passes, says, "" if passes else remedy)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
