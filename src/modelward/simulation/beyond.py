"""Grades, masks and lifetimes of a finished simulation: every model on every test unit."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import inputs
from modelward.core.features import CategoryTarget
from modelward.core.study import Study
from modelward.evaluate import grading, lifetimes, overlap
from modelward.evaluate.beyond import Beyond, named
from modelward.readers.cohort import Cohort
from modelward.site.predict import whole_outputs
from modelward.study.intervals import ends_of
from modelward.study.model import Model

Floats = NDArray[np.float64]


def beyond(
    study: Study, models: Mapping[str, Model], cohorts: Mapping[str, Cohort], *, seed: int
) -> tuple[Beyond, ...]:
    """Return what there is to say beyond yes and no; nothing where that is all there is.

    Args:
        study: What was asked.
        models: By their names among the findings.
        cohorts: Every site with test units, in the order shown.
        seed: Of the resamples; every model is judged on the same.
    """
    kind = inputs(study).outcome
    if kind == "yes-no":
        return ()
    of = {"levels": _graded, "mask": _drawn, "intervals": _timed}[kind]
    found: list[Beyond] = []
    for name, model in models.items():
        said = {site: whole_outputs(model, c.fold("test")[0]) for site, c in cohorts.items()}
        found += of(study, name, said, cohorts, seed)
    return tuple(found)


def _graded(
    study: Study,
    model: str,
    said: Mapping[str, Floats],
    cohorts: Mapping[str, Cohort],
    seed: int,
) -> list[Beyond]:
    assert isinstance(study.outcome, CategoryTarget)  # noqa: S101 - inputs says so
    levels, parts = study.outcome.levels, {}
    for site, cohort in cohorts.items():
        truth = np.asarray(cohort.amounts("test"), np.int64)
        parts[site] = grading.Graded(truth, said[site], np.zeros(len(truth), np.int64))
    groups = {"": grading.joined(list(parts.values())), **parts}
    return [
        one
        for place, (site, part) in enumerate(groups.items())
        for one in named(
            grading.measure(part, levels, np.random.default_rng([seed, 2, place])),
            model=model,
            site=site,
        )
    ]


def _timed(
    study: Study,
    model: str,
    said: Mapping[str, Floats],
    cohorts: Mapping[str, Cohort],
    seed: int,
) -> list[Beyond]:
    ends, parts = ends_of(study), {}
    for site, cohort in cohorts.items():
        days, (_, event) = np.asarray(cohort.amounts("test")), cohort.fold("test")
        parts[site] = lifetimes.Lives(days, event, said[site], np.zeros(len(days), np.int64))
    groups = {"": lifetimes.joined(list(parts.values())), **parts}
    return [
        one
        for place, (site, part) in enumerate(groups.items())
        for one in named(
            lifetimes.measure(part, ends, np.random.default_rng([seed, 2, place])),
            model=model,
            site=site,
        )
    ]


def _drawn(
    study: Study,
    model: str,
    said: Mapping[str, Floats],
    cohorts: Mapping[str, Cohort],
    seed: int,
) -> list[Beyond]:
    del study
    drawn = {
        site: c.masks[c.chosen("test")] for site, c in cohorts.items() if c.masks is not None
    }
    whose = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn.values()])
    everyone = (np.concatenate(list(drawn.values())), np.concatenate(list(said.values())))
    groups = {"": (*everyone, whose.tolist())}
    groups |= {site: (part, said[site], [0] * len(part)) for site, part in drawn.items()}
    return [
        one
        for place, (site, (masks, p, sites)) in enumerate(groups.items())
        for one in named(
            overlap.measure(masks, p, sites, np.random.default_rng([seed, 2, place])),
            model=model,
            site=site,
        )
    ]
