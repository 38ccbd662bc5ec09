"""Every comparison of the federated model that a report makes, asked at once.

One family: the federated model against each other model on the test units of all sites, and
at each site against the pooled model and the site's own. What is compared is what can carry
it (weakness.py): AUC, else the Brier score. p values are adjusted over all lines (Holm), so
that of all differences that are kept none is likely to be chance alone.

A line of AUC has two intervals: DeLong's, which verdicts and p values follow, and the paired
stratified bootstrap's, which assumes no distribution of the difference. A bootstrap of 2,000
has no p value below 0.001, and none would be left of a family of fifty; DeLong's has no such
floor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from pydantic import TypeAdapter

from modelward.evaluate.comparing.compare import Comparison, Metric, auc_by_resamples, chance
from modelward.evaluate.comparing.weakness import weighed
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.intervals import generator
from modelward.evaluate.measures.multiplicity import ALPHA, holm
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.evaluate.predictions import Predictions, union

MOST_MODELS = 8
"""Models of a piece over all sites, which share its resamples."""

EVERYBODY = ""
"""Site of the lines over the test units of all sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """The federated model against one other on the same units.

    Attributes:
        site: Whose units; "" for those of all sites.
        model: The other model.
        metric: What was compared.
        federated: The federated model's figure.
        other: The other's.
        difference: Federated minus other; paired DeLong for AUC, brier_difference.py's for
            the Brier score of one site. No interval with too few units.
        resampled: The same difference of AUC by the paired stratified bootstrap; None for the
            Brier score, and with too few units.
        adjusted: p value after Holm's adjustment over all lines; None if it has none.
    """

    site: str
    model: str
    metric: Metric
    federated: float | None
    other: float | None
    difference: Estimate
    resampled: Estimate | None = None
    adjusted: float | None = None

    @classmethod
    def of(
        cls, site: str, model: str, one: Comparison, resampled: Estimate | None = None
    ) -> Self:
        """Return the line of a comparison of the federated model with `model`."""
        return cls(
            site=site,
            model=model,
            metric=one.metric,
            federated=one.first,
            other=one.second,
            difference=one.difference,
            resampled=resampled,
        )

    @property
    def kept(self) -> bool:
        """Whether the difference is more than chance when all lines are asked at once."""
        return self.adjusted is not None and self.adjusted < ALPHA

    @property
    def disputed(self) -> bool:
        """Whether one of the two intervals holds zero and the other does not."""
        if self.resampled is None or self.difference.interval is None:
            return False
        other = self.resampled.interval
        return other is not None and _holds_zero(self.difference) != _holds_zero(self.resampled)


_ANSWER = TypeAdapter(list[tuple[Versus, float | None]])


def family(
    judged: Mapping[str, Mapping[str, Predictions]],
    sites: Sequence[str],
    seed: int,
    draws: int,
    aside: Aside = in_turn,
) -> tuple[Versus, ...]:
    """Return all lines: those over all sites first, then site by site.

    Args:
        judged: Model -> site -> predictions on the same units; `federated` among the models.
        sites: In the order shown.
        seed: Of the resamples.
        draws: Number of resamples.
        aside: Works the pieces of it, each some of the models on one group of units.
    """
    rivals = [name for name in judged if name != "federated"]
    if not rivals:
        return ()
    everyone = {name: union([found[site] for site in sites]) for name, found in judged.items()}
    groups = [
        (EVERYBODY, {name: everyone[name] for name in ("federated", *some)})
        for some in _few_at_a_time(rivals)
    ]
    for site in sites:
        names = [name for name in ("federated", "pooled", f"local:{site}") if name in judged]
        groups.append((site, {name: judged[name][site] for name in names}))
    answers = aside(
        [
            Piece(
                f"differences at {site or 'all hospitals'}",
                float(len(models) * len(models["federated"])),
                partial(_told, site, models, seed, draws),
            )
            for site, models in groups
        ]
    )
    lines = [line for answer in answers for line in _ANSWER.validate_json(answer)]
    adjusted = holm({str(n): p for n, (_, p) in enumerate(lines) if p is not None})
    return tuple(
        replace(line, adjusted=adjusted.get(str(n))) for n, (line, _) in enumerate(lines)
    )


def _few_at_a_time(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + MOST_MODELS] for at in range(0, len(names), MOST_MODELS)]


def _told(site: str, models: Mapping[str, Predictions], seed: int, draws: int) -> bytes:
    return _ANSWER.dump_json(list(_lines(site, models, seed, draws)))


def _lines(
    site: str, models: Mapping[str, Predictions], seed: int, draws: int
) -> Iterator[tuple[Versus, float | None]]:
    """Yield the lines over one group of units, each with its p value before adjustment."""
    federated = models["federated"]
    made: dict[str, Comparison] = {
        name: weighed(federated, other, generator(seed, site), draws)[0]
        for name, other in models.items()
        if name != "federated"
    }
    ranked = [
        name
        for name, one in made.items()
        if one.metric == "auc" and one.difference.interval is not None
    ]
    again = auc_by_resamples(
        federated, [models[name] for name in ranked], generator(seed, site), draws
    )
    resampled = dict(zip(ranked, again, strict=True))
    for name, one in made.items():
        p = None
        if one.difference.interval is not None:
            rng = generator(seed, site)
            p = chance(one.metric, federated, models[name], rng, draws)
        yield Versus.of(site, name, one, resampled.get(name)), p


def _holds_zero(estimate: Estimate) -> bool:
    interval = estimate.interval
    return interval is None or interval.low <= 0 <= interval.high
