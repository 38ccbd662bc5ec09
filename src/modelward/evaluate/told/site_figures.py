"""What a site tells of its test units when a study has ended, and how a report reads it.

`encode` runs at the site, on predictions, and fills the form of study/report_answer.py; the
gate holds what comes of it against the study (gate/figures.py); `decode` runs at the hub. A
verdict is made at the site, from all digits, and told as a word, so rounding never turns it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import to_grid
from modelward.core.reporting import Reporting
from modelward.core.study import Study
from modelward.errors import BadArtifact
from modelward.evaluate.comparing.compare import Comparison, Metric
from modelward.evaluate.comparing.verdict import (
    Tested,
    Verdict,
    Word,
    decide,
    held_to,
    told,
    worded,
)
from modelward.evaluate.comparing.weakness import (
    Weakness,
    no_model_alone,
    share_of,
    weighed,
    words,
)
from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.measures import discrimination
from modelward.evaluate.measures.binned import Counts
from modelward.evaluate.measures.brier_difference import BY_PATIENT as METHOD_BY_PATIENT
from modelward.evaluate.measures.brier_difference import METHOD
from modelward.evaluate.measures.discrimination import ALONE, BY_PATIENT, PAIRED
from modelward.evaluate.measures.intervals import DRAWS, SEED, generator
from modelward.evaluate.measures.scores import Scores, score
from modelward.evaluate.predictions import Floats, Predictions
from modelward.evaluate.told.behind import Behind, Told, behind, expanded, histogram, telling_of
from modelward.study.report_answer import (
    ABSENT,
    CODES,
    MODELS,
    NAMES,
    PARTS,
    PATIENTS,
    SCORED,
    counts_patients,
    one_by_one,
)

METRICS: tuple[Metric, ...] = ("auc", "brier")
WORDS: tuple[Word, ...] = get_args(Word)
BY_MARGIN = frozenset({"no worse than local", "cannot tell"})
"""Words that depend on a signed margin."""

WEAKNESSES: tuple[Weakness, ...] = get_args(Weakness)
Alike = Literal["", "have", "do not have"]
ALIKE: tuple[Alike, ...] = get_args(Alike)
"""Whether all training units have, or do not have, the outcome: then no model can be fitted."""

METHODS = {
    False: {
        "auc": ALONE,
        "difference": PAIRED,
        "brier difference": METHOD,
        "drawn": f"stratified bootstrap, {DRAWS} resamples",
    },
    True: {
        "auc": BY_PATIENT[ALONE],
        "difference": BY_PATIENT[PAIRED],
        "brier difference": METHOD_BY_PATIENT,
        "drawn": f"stratified bootstrap of patients, {DRAWS} resamples",
    },
}
"""How intervals that are told were made: where each unit is its own patient, and where not."""


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """What one site told.

    Attributes:
        federated: Scores of the federated model on its test units.
        local: Scores of its own model, or of the constant that it could predict alone.
        verdict: Its verdict.
        counts: Test units by outcome and bin of the federated model's probability.
        behind: Whose they are.
    """

    federated: Scores
    local: Scores
    verdict: Verdict
    counts: Counts
    behind: Behind

    @property
    def counted(self) -> Told:
        """The counts, and whose they are."""
        return self.counts, self.behind


def encode(
    site: str,
    federated: Predictions,
    local: Predictions,
    study: Study,
    alike: Alike = "",
) -> dict[str, NDArray[Any]]:
    """Return what a site tells.

    Args:
        site: Its name; part of the seed of the resamples.
        federated: The federated model on its test units.
        local: Its own model on the same units, in the same order.
        study: What was agreed to be told, and with what margin it is judged.
        alike: Whether all its training units have, or do not have, the outcome.

    Returns:
        Of study/report_answer.py's form, without groups; not under differential privacy.
    """
    terms = study.report or Reporting()
    compared, weakness = weighed(federated, local, generator(SEED, site))
    share = share_of(local)
    made = told(
        site,
        compared,
        "",
        who=Tested(len(federated), federated.positives, study.study.unit, federated.patients),
        constant=share is not None,
        word=decide(compared),
    )
    word = WORDS.index(held_to(made, margin_of(study)).word)
    whole = {"counts.federated": histogram(federated, terms.bins)}
    if counts_patients(study):
        whole[PATIENTS] = telling_of(federated)
    if not one_by_one(study):
        return {**whole, **_to_be_summed(compared, word, terms.decimals)}
    flat = [
        value
        for one in (federated, local)
        for found in (score(one, generator(SEED, site), site=site),)
        for name in SCORED
        for value in _three(getattr(found, name))
    ]
    flat += [*_three(compared.difference), ABSENT if share is None else share]
    flat += [
        float(METRICS.index(compared.metric)),
        float(word),
        float(WEAKNESSES.index(weakness)),
        float(ALIKE.index(alike)),
    ]
    figures = np.array(flat)
    outside = ~(np.abs(figures) < -ABSENT)
    return {
        **whole,
        "counts.local": histogram(local, terms.bins),
        "figures": np.where(outside, ABSENT, on_grid(figures, terms.decimals)),
    }


def _to_be_summed(compared: Comparison, word: int, decimals: int) -> dict[str, NDArray[Any]]:
    """Return a verdict and its difference in a form of which sums over sites are of use."""
    verdicts, differences = np.zeros(len(WORDS)), np.zeros((len(METRICS), 2))
    verdicts[word] = 1.0
    value = compared.difference.value
    if value is not None:
        rounded = to_grid(on_grid(np.array([value]), decimals))
        differences[METRICS.index(compared.metric)] = rounded[0], 1.0
    return {"verdicts": verdicts, "differences": differences}


def on_grid(values: Floats, decimals: int) -> Floats:
    """Return `values` rounded; no zero has a sign."""
    rounded: Floats = np.round(values, decimals) + 0.0
    return rounded


def decode(site: str, tensors: Mapping[str, NDArray[Any]], study: Study) -> SiteFigures:
    """Return what a site told, as a report has it.

    Args:
        site: Who told it.
        tensors: As `schema` describes; the gate and the hub have held them against it.
        study: What was agreed to be told.

    Raises:
        BadArtifact: If a code is none of ours.
    """
    said = dict(zip(NAMES, map(float, tensors["figures"]), strict=True))
    _require_codes(site, said)
    counts = {m: tensors[f"counts.{m}"].astype(np.int64) for m in MODELS}
    whose = behind(tensors)
    scores = {model: _scores(site, model, said, (counts[model], whose)) for model in MODELS}
    metric = METRICS[int(said["metric"])]
    method = METHODS[whose.told]["difference" if metric == "auc" else "brier difference"]
    compared = Comparison(
        metric,
        getattr(scores["federated"], metric).value,
        getattr(scores["local"], metric).value,
        _estimate([said[f"difference.{part}"] for part in PARTS], method),
    )
    return SiteFigures(
        scores["federated"],
        scores["local"],
        _verdict(site, said, compared, (counts["federated"], whose), study),
        counts["federated"],
        whose,
    )


def margin_of(study: Study) -> float | None:
    """Return the loss that was signed as acceptable, if one was."""
    return None if study.evaluation is None else study.evaluation.margin


def _verdict(
    site: str,
    said: Mapping[str, float],
    compared: Comparison,
    counted: Told,
    study: Study,
) -> Verdict:
    unit, (counts, whose) = study.study.unit, counted
    negatives, positives = (int(n) for n in counts.sum(axis=1))
    share = None if said["share"] == ABSENT else said["share"]
    weakness = WEAKNESSES[int(said["weakness"])]
    reason = words(weakness, unit, (positives, negatives, whose.patients), share)
    alike = ALIKE[int(said["alike"])]
    if alike:
        reason = f"{no_model_alone(unit, alike)} {reason}".strip()
    if weakness == "few-units":
        compared = replace(compared, difference=replace(compared.difference, note=reason))
    word, margin = WORDS[int(said["word"])], margin_of(study)
    by_margin = margin is not None and word in BY_MARGIN
    made = told(
        site,
        compared,
        reason,
        who=Tested(positives + negatives, positives, unit, whose.patients),
        constant=share is not None,
        word="no difference shown" if by_margin else word,
    )
    return worded(made, word, margin) if margin is not None and by_margin else made


def _scores(site: str, model: str, said: Mapping[str, float], counted: Told) -> Scores:
    """Return a model's scores; what depends on a threshold of one half comes from counts."""
    counts, whose = counted
    each, methods = expanded(counts, whose), METHODS[whose.told]
    found = {
        name: _estimate(
            [said[f"{model}.{name}.{part}"] for part in PARTS],
            methods["auc" if name == "auc" else "drawn"],
        )
        for name in SCORED
    }
    return Scores(
        site=site,
        units=len(each),
        positives=each.positives,
        auc=found["auc"],
        accuracy=discrimination.accuracy(each),
        sensitivity=discrimination.sensitivity(each),
        specificity=discrimination.specificity(each),
        brier=found["brier"],
        slope=found["slope"],
        intercept=found["intercept"],
        patients=whose.patients,
    )


def _three(estimate: Estimate) -> tuple[float, float, float]:
    """Return value and ends of an estimate, `ABSENT` where there is none."""
    if estimate.value is None:
        return ABSENT, ABSENT, ABSENT
    if estimate.interval is None:
        return estimate.value, ABSENT, ABSENT
    return estimate.value, estimate.interval.low, estimate.interval.high


def _estimate(three: list[float], method: str) -> Estimate:
    value, low, high = three
    if value == ABSENT:
        return Estimate(None, None, "it has no value on these units")
    if ABSENT in {low, high}:
        return Estimate(value, None, "these units allow no interval")
    return Estimate(value, Interval(low, high, method))


def _require_codes(site: str, said: Mapping[str, float]) -> None:
    wrong = [name for name, most in CODES.items() if said[name] not in range(most)]
    exists = said["share"] == ABSENT or 0 <= said["share"] <= 1
    if wrong or not exists:
        raise BadArtifact(
            f"{site} told of its test units {', '.join(wrong) or 'a share'} of no kind",
            why="a verdict is one of a few words, told by its place among them",
            remedy="check that hub and site run versions that fit together",
        )
