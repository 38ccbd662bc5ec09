"""Every model on everybody and at every site, in pieces that can be worked side by side.

A piece is one group of units with some of the models, because models that are judged on the
same units share the resamples of them. With S sites there are S models of single sites, so
S x S cells. What a reader looks at is the common models everywhere, and a local model at home
and on everybody: these have all their intervals. A local model at another hospital has its
figures and what needs no resamples (AUC by DeLong, rates by Wilson); its calibration there has
values without intervals.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from pydantic import TypeAdapter

from modelward.evaluate.measures.curves import reliability, roc
from modelward.evaluate.measures.intervals import DRAWS, generator
from modelward.evaluate.measures.scores import ModelFindings, Scores, score_all, score_pointwise
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.evaluate.predictions import Predictions, union

EVERYBODY = ""
LOCAL = "local:"

AWAY = "no interval: a local model away from its hospital"
"""Note of a calibration that is not resampled."""

UNITS_AT_ONCE = 320_000
"""Units times models of a piece; what is computed of each takes 288 bytes (expansion.py)."""

MOST_MODELS = 8

_ANSWER = TypeAdapter(list[Scores])


def judge_all(
    judged: Mapping[str, Mapping[str, Predictions]],
    order: Sequence[str],
    sites: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
    aside: Aside = in_turn,
) -> tuple[ModelFindings, ...]:
    """Return everything about every model.

    Args:
        judged: Model -> site -> predictions on that site's test units.
        order: Names of the models, in the order shown.
        sites: In the order shown.
        seed: Of the resamples. Each group of units has a generator of its own, so every
            model is judged on the same resamples.
        draws: Number of resamples.
        aside: Works the pieces.
    """
    everyone = {name: union([judged[name][site] for site in sites]) for name in order}
    terms = (seed, draws)
    pieces: list[tuple[Piece, str, Sequence[str]]] = []
    for some in _few_at_a_time(order, len(everyone[order[0]])):
        work = partial(_judged, EVERYBODY, {n: everyone[n] for n in some}, some, terms)
        size = float(sum(len(everyone[n]) for n in some))
        words = f"{len(some)} models at all {len(sites)} hospitals"
        pieces.append((Piece(words, size, work), EVERYBODY, some))
    for site in sites:
        here = {name: judged[name][site] for name in order}
        full = [n for n in order if not n.startswith(LOCAL) or n == LOCAL + site]
        size = float(sum(len(here[n]) for n in full))
        work = partial(_judged, site, here, full, terms)
        pieces.append((Piece(f"{len(order)} models at {site}", size, work), site, order))
    answers = aside([piece for piece, _, _ in pieces])
    found = {
        (name, site): scores
        for (_, site, names), answer in zip(pieces, answers, strict=True)
        for name, scores in zip(names, _ANSWER.validate_json(answer), strict=True)
    }
    return tuple(
        _findings(
            name, everyone[name], found[name, EVERYBODY], (found[name, site] for site in sites)
        )
        for name in order
    )


def judge(
    name: str, by_site: Sequence[tuple[str, Predictions]], *, seed: int, draws: int = DRAWS
) -> ModelFindings:
    """Return everything about one model.

    Args:
        name: `federated`, `pooled`, `local:SITE`, or the name of a variant.
        by_site: Site name and predictions on that site's test units, in the order shown.
        seed: Of the resamples.
        draws: Number of resamples.
    """
    sites = [site for site, _ in by_site]
    return judge_all({name: dict(by_site)}, [name], sites, seed=seed, draws=draws)[0]


def judge_together(
    name: str, parts: Sequence[Predictions], *, seed: int, draws: int = DRAWS
) -> ModelFindings:
    """Return a model judged on everybody, and at no site by itself.

    Args:
        name: As for `judge`.
        parts: Predictions on each site's test units.
        seed: Of the resamples.
        draws: Number of resamples.
    """
    everyone = union(parts)
    (whole,) = score_all([everyone], generator(seed, EVERYBODY), draws=draws)
    return _findings(name, everyone, whole, ())


def _judged(
    site: str,
    models: Mapping[str, Predictions],
    full: Sequence[str],
    terms: tuple[int, int],
) -> bytes:
    """Return the scores of all models on one group of units; `full` have all intervals."""
    seed, draws = terms
    resampled = score_all(
        [models[name] for name in full], generator(seed, site), site=site, draws=draws
    )
    found = dict(zip(full, resampled, strict=True))
    return _ANSWER.dump_json(
        [found.get(n) or score_pointwise(one, AWAY, site=site) for n, one in models.items()]
    )


def _findings(
    name: str, everyone: Predictions, overall: Scores, by_site: Iterable[Scores]
) -> ModelFindings:
    drawn = not name.startswith(LOCAL)
    return ModelFindings(
        name=name,
        overall=overall,
        by_site=tuple(by_site),
        roc=roc(everyone) if drawn else (),
        reliability=reliability(everyone) if drawn else (),
    )


def _few_at_a_time(names: Sequence[str], units: int) -> list[Sequence[str]]:
    """Return names in lists that depend on nothing but the number of units."""
    count = min(max(1, UNITS_AT_ONCE // units), MOST_MODELS)
    return [names[first : first + count] for first in range(0, len(names), count)]
