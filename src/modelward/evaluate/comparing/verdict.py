"""Was it worth it? One word per site, from a paired interval, in a sentence with the numbers.

The question is the hospital's own: on *my* test units, is the federated model better than
the one I could have trained alone? The primary metric is AUC. Where AUC cannot carry a
verdict, the Brier score does, and a reason says so (weakness.py).

A verdict needs the whole 95 % interval on one side of zero. Where the study signed a margin
([evaluation] margin), an interval that holds zero is told apart further: "no worse than local"
if all of it lies above minus the margin (non-inferiority), else "cannot tell". Verdicts of
several sites are not adjusted for their number: each is that site's own question; which
differences remain when all are asked at once is told beside them (multiplicity.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from modelward.errors import DataError
from modelward.evaluate.comparing.compare import HIGHER_IS_BETTER, Comparison, Metric
from modelward.evaluate.comparing.weakness import compared_by, share_of
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.patients import Patients, tested
from modelward.evaluate.predictions import Predictions

Word = Literal[
    "federated better",
    "no difference shown",
    "no worse than local",
    "cannot tell",
    "keep your local model",
]
"""What a site is told; without a signed margin the first, the second, or the last."""

MOST_DIGITS = 5
"""An end of an interval that is zero to so many digits is printed as zero."""

NAMES: dict[Metric, str] = {"auc": "AUC", "accuracy": "accuracy", "brier": "Brier score"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one site's question.

    Attributes:
        site: Whose question it is.
        word: The answer.
        metric: What it was decided on.
        units: Test units of the site; None if too few to be shown.
        positives: Those whose outcome happened; None if too few to be shown.
        federated: The federated model's figure.
        local: The local model's figure.
        difference: Federated minus local, with its paired interval.
        reason: Why the metric is not AUC, or what weakens the answer; "" if nothing does.
        sentence: All of this in words.
        patients: Whose units these are; None, and no part of the file, where each unit is its
            own patient or they are too few to be shown.
    """

    site: str
    word: Word
    metric: Metric
    units: int | None
    positives: int | None
    federated: float | None
    local: float | None
    difference: Estimate
    reason: str
    sentence: str
    patients: Patients | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """On whom two models were judged.

    Attributes:
        units: Test units.
        positives: Those whose outcome happened.
        unit: What they are, such as "patient".
        patients: Whose they are; None where each unit is its own patient.
    """

    units: int
    positives: int
    unit: str
    patients: Patients | None = None


def verdict(
    site: str,
    federated: Predictions,
    local: Predictions,
    *,
    unit: str,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Verdict:
    """Judge the federated against the local model on one site's own test units.

    Args:
        site: Whose test units these are.
        federated: The federated model on them.
        local: The site's own model on the same units in the same order. For a site that
            could not fit one, the constant it would have to predict.
        unit: Who is counted, such as "patient".
        rng: Source of the resamples, if any are needed.
        draws: Number of resamples.

    Raises:
        DataError: If the two were judged on different units.
    """
    compared, reason = compared_by(federated, local, unit, rng, draws)
    return told(
        site,
        compared,
        reason,
        who=Tested(len(federated), federated.positives, unit, federated.patients),
        constant=share_of(local) is not None,
        word=decide(compared),
    )


def told(
    site: str,
    compared: Comparison,
    reason: str,
    *,
    who: Tested,
    constant: bool,
    word: Word,
) -> Verdict:
    """Return a verdict with its sentence.

    Args:
        site: Whose question it is.
        compared: Federated minus local.
        reason: What weakens it, in a sentence; "" if nothing does.
        who: On whom both were judged.
        constant: Whether the local model gives everybody the same probability.
        word: What the comparison supports.
    """
    sentence = say(
        compared,
        word,
        who=tested(who.units, who.unit, who.patients),
        rival="the constant it could predict alone" if constant else "the local model",
    )
    return Verdict(
        site=site,
        word=word,
        metric=compared.metric,
        units=who.units,
        positives=who.positives,
        federated=compared.first,
        local=compared.second,
        difference=compared.difference,
        reason=reason,
        sentence=sentence,
        patients=who.patients,
    )


def held_to(judged: Verdict, margin: float | None) -> Verdict:
    """Return a verdict that tells "no difference" apart by a signed margin, if there is one."""
    if margin is None or judged.word != "no difference shown":
        return judged
    ends = _toward_better(judged.metric, judged.difference)
    held = ends is not None and ends[0] > -margin
    return worded(judged, "no worse than local" if held else "cannot tell", margin)


def worded(judged: Verdict, word: Word, margin: float) -> Verdict:
    """Return a verdict with another word, which depends on a margin."""
    sentence = f"{judged.sentence.removesuffix(f'{judged.word}.')}{word} (margin {margin:g})."
    return replace(judged, word=word, sentence=sentence)


def decide(compared: Comparison) -> Word:
    """Return the word that the paired interval supports."""
    ends = _toward_better(compared.metric, compared.difference)
    if ends is not None and ends[0] > 0:
        return "federated better"
    if ends is not None and ends[1] < 0:
        return "keep your local model"
    return "no difference shown"


def _toward_better(metric: Metric, difference: Estimate) -> tuple[float, float] | None:
    """Return worst and best end of the interval, more being better; None if there is none."""
    interval = difference.interval
    if interval is None:
        return None
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    worst, best = sorted((sign * interval.low, sign * interval.high))
    return worst, best


def say(compared: Comparison, word: Word, *, who: str, rival: str) -> str:
    """Return the verdict as one sentence with its numbers.

    Args:
        compared: Federated minus local.
        word: The verdict.
        who: Whom both were judged on, such as "89 test patients".
        rival: What the federated model was compared with, in words.

    Raises:
        DataError: If the metric has no value for one of the models.
    """
    if compared.first is None or compared.second is None or compared.difference.value is None:
        raise DataError(
            f"no {compared.metric} exists on these {who}",
            why="a verdict states both figures and their difference",
            remedy="compare on the Brier score, which always exists",
        )
    name, interval = NAMES[compared.metric], compared.difference.interval
    lower = "" if HIGHER_IS_BETTER[compared.metric] else " (lower is better)"
    ends = (interval.low, interval.high) if interval else ()
    digits = min(digits_of(ends, 2), 3)
    shown = [_signed(end, max(digits, digits_of((end,), 2))) for end in ends]
    spread = f" [{', '.join(shown)}]" if shown else ""
    return (
        f"On its own {who} the federated model has {name} {compared.first:.2f} against"
        f" {compared.second:.2f} for {rival}{lower}, difference"
        f" {_signed(compared.difference.value, digits)}{spread}: {word}."
    )


def digits_of(ends: Sequence[float], fewest: int) -> int:
    """Return how many digits show on which side of zero these ends of an interval lie.

    Args:
        ends: Of the interval of a difference.
        fewest: Digits that are printed in any case; three where five are too few as well.
    """
    nearest = min((abs(end) for end in ends), default=1.0)
    for digits in range(fewest, MOST_DIGITS + 1):
        if nearest >= 0.5 * 10.0**-digits:
            return digits
    return max(fewest, 3)


def _signed(value: float, digits: int) -> str:
    """Return a difference with its sign; one that is shown as zero has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text
