"""Which of several models a site should use: chosen on validation, judged on test.

A site may have its own model alone, the common one, one of its own beside it, or the common
one trained on. The candidate with the least log loss on the site's validation units is taken
before a test unit is looked at, so the test figure is not that of the luckiest. It is then
compared with the local model on the site's test units, by the paired interval of verdict.py:

    use NAME here            the whole interval is above zero
    keep your local model    the whole interval is below zero
    no worse than local      the interval stays above minus the margin
    cannot tell              it does not: too few test units for this margin

Where local is chosen, the candidate with the next least loss is held against it, so that the
advice has an interval behind it as well:

    keep your local model    the whole interval is below zero
    no difference shown      zero is in it
    cannot tell              it is above zero: test and validation say the opposite

The margin was fixed before any result was seen: `MARGIN` of AUC, or of the Brier score where
AUC cannot carry a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelward.evaluate.comparing.compare import HIGHER_IS_BETTER, Comparison, Metric
from modelward.evaluate.comparing.verdict import NAMES
from modelward.evaluate.comparing.weakness import compared_by
from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.patients import tested
from modelward.evaluate.predictions import Predictions

MARGIN = 0.05
"""Loss against the local model that would still be accepted for a common model."""

LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a site is told to use.

    Attributes:
        site: Whose choice it is.
        model: The candidate with the least validation loss.
        word: The answer, as above.
        validation: Log loss of each candidate on the site's validation units, by name.
        metric: What was compared on test.
        difference: The chosen model minus local, on the site's test units; the next best one
            minus local where local was chosen.
        sentence: All of this in words.
    """

    site: str
    model: str
    word: str
    validation: dict[str, float]
    metric: Metric
    difference: Estimate
    sentence: str


def choose(
    site: str,
    validation: Mapping[str, Predictions],
    test: Mapping[str, Predictions],
    *,
    unit: str,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Choice:
    """Return the choice of one site.

    Args:
        site: Its name.
        validation: Candidate -> predictions on the site's validation units; `local` first.
        test: The same candidates on its test units.
        unit: Who is counted, such as "patient".
        rng: Source of the resamples, if any are needed.
        draws: Number of resamples.
    """
    losses = {name: log_loss(found) for name, found in validation.items()}
    order = sorted(losses, key=lambda name: losses[name])
    model, rival = order[0], next(name for name in order if name != LOCAL)
    compared, reason = compared_by(test[rival], test[LOCAL], unit, rng, draws)
    word = _word(model, compared)
    return Choice(
        site=site,
        model=model,
        word=word,
        validation=losses,
        metric=compared.metric,
        difference=compared.difference,
        sentence=_say(
            (model, rival),
            word,
            compared,
            reason,
            tested(len(test[rival]), unit, test[rival].patients),
        ),
    )


def log_loss(found: Predictions) -> float:
    """Return the mean log loss; probabilities are held away from 0 and 1."""
    p = np.clip(found.probability, 1e-7, 1 - 1e-7)
    return float(-np.where(found.outcome, np.log(p), np.log1p(-p)).mean())


def _word(model: str, compared: Comparison) -> str:
    interval = compared.difference.interval
    if interval is None:
        return "cannot tell"
    sign = 1 if HIGHER_IS_BETTER[compared.metric] else -1
    worst, best = sorted((sign * interval.low, sign * interval.high))
    if best < 0:
        return "keep your local model"
    if model == LOCAL:
        return "cannot tell" if worst > 0 else "no difference shown"
    if worst > 0:
        return f"use {model} here"
    return "no worse than local" if worst > -MARGIN else "cannot tell"


def _opposite(model: str, word: str, interval: Interval | None) -> str:
    """Say that test contradicts validation, where that is why nothing can be told."""
    contradicted = model == LOCAL and word == "cannot tell" and interval is not None
    return ", as test says the opposite of validation" if contradicted else ""


def _say(pair: tuple[str, str], word: str, compared: Comparison, reason: str, who: str) -> str:
    model, rival = pair
    interval, value = compared.difference.interval, compared.difference.value
    spread = f" [{interval.low:+.3f}, {interval.high:+.3f}]" if interval else ""
    shown = "no value" if value is None else f"{value:+.3f}"
    chosen = f"Validation chooses {model}"
    next_best = f", {rival} comes next" if model == LOCAL else ""
    name = NAMES[compared.metric]
    whose = f"the {name} of {rival}" if next_best else f"its {name}"
    said = (
        f"{chosen}{next_best}; on {who} {whose} differs from the local model's by"
        f" {shown}{spread}: {word}{_opposite(model, word, interval)}."
    )
    return f"{reason} {said}".strip()
