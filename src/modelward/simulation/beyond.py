"""Grades, masks and lifetimes of a finished simulation: every model on every test unit."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget
from modelward.evaluate.measures import grading, lifetimes, overlap
from modelward.evaluate.measures.beyond import Beyond, Measured, named
from modelward.evaluate.patients import Whose, joined_owners, several
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.readers.cohort import Cohort
from modelward.site.predict import whole_outputs
from modelward.study.intervals import ends_of
from modelward.study.model import Model

Floats = NDArray[np.float64]
Said = Mapping[str, Floats]
"""Site -> what a model says of each of its test units, [n, ...]."""

_ANSWER = TypeAdapter(list[Beyond])

Groups = dict[str, Callable[[np.random.Generator], Measured]]
"""Everybody ("") and each site, to the figures on it, which wait for their resamples."""


def beyond(
    study: Study,
    models: Mapping[str, Model],
    cohorts: Mapping[str, Cohort],
    *,
    seed: int,
    aside: Aside = in_turn,
) -> tuple[Beyond, ...]:
    """Return what there is to say beyond yes and no; nothing where that is all there is.

    Args:
        study: What was asked.
        models: By their names among the findings.
        cohorts: Every site with test units, in the order shown.
        seed: Of the resamples; every model is judged on the same.
        aside: Works the models; changes no bit.
    """
    if inputs(study).outcome == "yes-no":
        return ()
    answers = aside(
        [
            Piece(name, 1.0, partial(_measured, study, (name, model), cohorts, seed))
            for name, model in models.items()
        ]
    )
    return tuple(one for answer in answers for one in _ANSWER.validate_json(answer))


def _measured(
    study: Study, named_model: tuple[str, Model], cohorts: Mapping[str, Cohort], seed: int
) -> bytes:
    """Return all figures of one model."""
    name, model = named_model
    groups_of = {"levels": _graded, "mask": _drawn, "intervals": _timed}
    said = {site: whole_outputs(model, c.fold("test")[0]) for site, c in cohorts.items()}
    groups = groups_of[inputs(study).outcome](study, said, cohorts)
    found: list[Beyond] = []
    for place, (site, measure) in enumerate(groups.items()):
        measured = measure(np.random.default_rng([seed, 2, place]))
        found += named(measured, model=name, site=site)
    return _ANSWER.dump_json(found)


def _whose(cohort: Cohort) -> Whose | None:
    """Return the patient of every test unit; None where each is its own."""
    owner = cohort.owners("test").astype(np.intp)
    return owner if several(owner) else None


def _graded(study: Study, said: Said, cohorts: Mapping[str, Cohort]) -> Groups:
    assert isinstance(study.outcome, CategoryTarget)  # noqa: S101 - inputs says so
    levels, parts = study.outcome.levels, {}
    for site, cohort in cohorts.items():
        truth = np.asarray(cohort.amounts("test"), np.int64)
        parts[site] = grading.Graded(
            truth, said[site], np.zeros(len(truth), np.int64), _whose(cohort)
        )
    groups = {"": grading.joined(list(parts.values())), **parts}
    return {site: partial(grading.measure, part, levels) for site, part in groups.items()}


def _timed(study: Study, said: Said, cohorts: Mapping[str, Cohort]) -> Groups:
    ends, parts = ends_of(study), {}
    for site, cohort in cohorts.items():
        days, (_, event) = np.asarray(cohort.amounts("test")), cohort.fold("test")
        parts[site] = lifetimes.Lives(
            days, event, said[site], np.zeros(len(days), np.int64), _whose(cohort)
        )
    groups = {"": lifetimes.joined(list(parts.values())), **parts}
    return {site: partial(lifetimes.measure, part, ends) for site, part in groups.items()}


def _drawn(study: Study, said: Said, cohorts: Mapping[str, Cohort]) -> Groups:
    del study
    drawn = {
        site: c.masks[c.chosen("test")] for site, c in cohorts.items() if c.masks is not None
    }
    whose = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn.values()])
    everyone = (np.concatenate(list(drawn.values())), np.concatenate(list(said.values())))
    owners = {site: _whose(cohorts[site]) for site in drawn}
    owner = joined_owners(list(owners.values()), [len(part) for part in drawn.values()])
    groups = {"": (*everyone, whose.tolist(), owner)}
    groups |= {
        site: (part, said[site], [0] * len(part), owners[site]) for site, part in drawn.items()
    }
    return {site: partial(overlap.measure, *part) for site, part in groups.items()}
