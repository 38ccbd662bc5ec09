"""What is asked beyond the figures of every model, as one optional part of the findings.

Groups of patients, decision curves, hospitals that the model never saw, each hospital's way
through the rounds, what it cost, and which of many differences are more than chance. Each
is computed by its own file; here they are brought together (`evaluate`) and given a place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from pydantic import TypeAdapter

from modelward.evaluate.comparing.compare import chance, compare
from modelward.evaluate.comparing.family import Versus, family
from modelward.evaluate.comparing.verdict import Verdict
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.facts.cost import Cost
from modelward.evaluate.groups.acting import Chosen, chosen
from modelward.evaluate.groups.coarser import Coarser, coarser
from modelward.evaluate.groups.gaps import Gap, Spread, gaps, spreads
from modelward.evaluate.groups.subgroups import FEWEST, Divided, GroupScores, group_scores
from modelward.evaluate.measures.decision import DecisionPoint, decision_curve
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.measures.multiplicity import holm
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.evaluate.predictions import Predictions, union

Judged = Mapping[str, Mapping[str, Predictions]]
"""Model name -> site name -> predictions on that site's test units, in the same order of
units for every model."""

DRAWN = ("federated", "pooled")
"""Models that decision curves are drawn of."""

_CURVE = TypeAdapter(tuple[DecisionPoint, ...])

USUAL = 0.5
"""The threshold where a study chose none."""

NO_RULE = "0.5, as no rule was signed"
"""What is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """One hospital as external validation: a model trained by all others, judged there.

    Attributes:
        site: The hospital that was left out.
        units: Its test units; None if too few to be shown.
        positives: Those whose outcome happened; None if too few to be shown.
        without: AUC of the model that never saw it.
        together: AUC of the study's own model, on the same units.
        difference: together minus without, paired.
        brier: Brier score of the model that never saw it.
    """

    site: str
    units: int | None
    positives: int | None
    without: Estimate
    together: Estimate
    difference: Estimate
    brier: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The watched metric at one site, round by round.

    Attributes:
        site: Whose validation units.
        values: One per round, from round 1; None where it has no value or was not told.
    """

    site: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one site's updates added (contribution.py), as the report shows it.

    Attributes:
        site: Its name.
        shapley: Its Shapley value, over the rounds.
        low: Lower end of its interval; None if too few rounds.
        high: Upper end.
        share: Its part by the rule that the study signed.
        same_as: Sites that sent the same updates and divide with it; no part of the file where
            there is none, and so is `repeats`.
        repeats: Rounds in which it sent what the hub had told, which count as nothing.
    """

    site: str
    shapley: float
    low: float | None
    high: float | None
    share: float
    same_as: tuple[str, ...] = ()
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What is asked beyond the figures of every model.

    Attributes:
        threshold: Where a probability becomes a yes, in everything below.
        rule: How it was chosen, in words.
        margin: Loss against a local model that was signed as acceptable; None if none was.
        adjusted: Site -> p value of its verdict's difference, adjusted over all sites.
        against: Model -> p value of its AUC against the federated model's, adjusted over the
            models alone.
        decisions: Model -> its decision curve on the test units of all sites.
        groups: Scores of the federated model in every level of every group.
        gaps: Levels against the rest, adjusted over all of them.
        spreads: Widest differences of every group.
        fewest: Smallest cell of a group that is shown.
        coarser: Wider bands that would be shown; empty, and no part of the file, where all are.
        away: Hospitals left out one by one; empty where nobody asked.
        paths: The watched metric at each site; empty where the hub sees sums only.
        worth: How contributions were measured, or why they are not told where there are no
            `shares`; "" where nobody asked.
        shares: What each site's updates added.
        cost: Bytes, time and energy; None if not known.
        family: Every comparison of the federated model, all asked at once; empty, and no part
            of the file, where there is no other model.
        chosen: The threshold chosen on validation units, and rates at it; None, and no part of
            the file, where none was.
    """

    threshold: float = USUAL
    rule: str = NO_RULE
    margin: float | None = None
    adjusted: dict[str, float]
    against: dict[str, float]
    decisions: dict[str, tuple[DecisionPoint, ...]]
    groups: tuple[GroupScores, ...] = ()
    gaps: tuple[Gap, ...] = ()
    spreads: tuple[Spread, ...] = ()
    fewest: int = FEWEST
    coarser: tuple[Coarser, ...] = ()
    away: tuple[Away, ...] = ()
    paths: tuple[Path, ...] = ()
    worth: str = ""
    shares: tuple[Share, ...] = ()
    cost: Cost | None = None
    family: tuple[Versus, ...] = ()
    chosen: Chosen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what a result is judged.

    Attributes:
        threshold: Where a probability becomes a yes; 0.5 if None.
        rule: How it was chosen, in words.
        margin: As signed.
        divisions: The groups of test units.
        seed: Of the resamples.
        draws: Number of resamples.
    """

    threshold: float | None = None
    rule: str = NO_RULE
    margin: float | None = None
    divisions: Sequence[Divided] = ()
    seed: int = 0
    draws: int = DRAWS


def evaluate(
    judged: Judged, verdicts: Sequence[Verdict], rules: Rules, aside: Aside = in_turn
) -> Evaluation:
    """Return the evaluation of a study's models on its test units.

    Args:
        judged: Predictions of every model at every site; `federated` among them.
        verdicts: One per site, in the order shown.
        rules: By what.
        aside: Works the pieces of it; changes no bit.
    """
    sites = [verdict.site for verdict in verdicts]
    by_site = [(site, judged["federated"][site]) for site in sites]
    everyone = {name: union([found[site] for site in sites]) for name, found in judged.items()}
    threshold = USUAL if rules.threshold is None else rules.threshold
    groups = tuple(
        one for divided in rules.divisions for one in group_scores(divided, by_site, threshold)
    )
    return Evaluation(
        threshold=threshold,
        rule=rules.rule,
        margin=rules.margin,
        adjusted=_verdicts_at_once(judged, verdicts, rules),
        against=holm(
            {
                name: p
                for name in everyone
                if name != "federated" and (p := _chance(everyone, name, rules)) is not None
            }
        ),
        decisions=_decisions(everyone, rules, aside),
        groups=groups,
        gaps=gaps(rules.divisions, by_site, groups, threshold),
        spreads=spreads(groups),
        coarser=coarser(rules.divisions, by_site),
        family=family(judged, sites, rules.seed, rules.draws, aside),
        chosen=chosen(rules.threshold, rules.rule, by_site),
    )


def _decisions(
    everyone: Mapping[str, Predictions], rules: Rules, aside: Aside
) -> dict[str, tuple[DecisionPoint, ...]]:
    """Return the decision curves."""

    def curve(name: str) -> bytes:
        rng = np.random.default_rng([rules.seed, 3])
        return _CURVE.dump_json(decision_curve(everyone[name], rng, draws=rules.draws))

    drawn = [name for name in DRAWN if name in everyone]
    answers = aside([Piece(f"decision curve, {n}", 1.0, partial(curve, n)) for n in drawn])
    return {
        name: _CURVE.validate_json(answer) for name, answer in zip(drawn, answers, strict=True)
    }


def away(
    site: str, without: Predictions, together: Predictions, rng: np.random.Generator
) -> Away:
    """Return how a model does at a site that it never saw.

    Args:
        site: Its name.
        without: The model trained by all others, on the site's test units.
        together: The study's own model on the same units.
        rng: Not used for AUC.
    """
    compared = compare("auc", together, without, rng)
    squared = (without.probability - without.outcome) ** 2
    return Away(
        site=site,
        units=len(without),
        positives=without.positives,
        without=auc(without),
        together=auc(together),
        difference=compared.difference,
        brier=float(squared.mean()),
    )


def _verdicts_at_once(
    judged: Judged, verdicts: Sequence[Verdict], rules: Rules
) -> dict[str, float]:
    """Return the adjusted p value of every site that has a local model to compare with."""
    found = {}
    for place, one in enumerate(verdicts):
        local = judged.get(f"local:{one.site}")
        if local is None or one.difference.interval is None:
            continue
        rng = np.random.default_rng([rules.seed, 4, place])
        p = chance(one.metric, judged["federated"][one.site], local[one.site], rng, rules.draws)
        if p is not None:
            found[one.site] = p
    return holm(found)


def _chance(everyone: Mapping[str, Predictions], name: str, rules: Rules) -> float | None:
    rng = np.random.default_rng([rules.seed, 5])
    return chance("auc", everyone["federated"], everyone[name], rng, rules.draws)
