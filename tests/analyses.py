"""Statistical recipes over invented sites, round by round, without files or wires.

The sums are those of a site (site/answering/answer.py, on the grid) and the steps those of a
hub (hub/strategy.py); only gate, ledger and engine are left out.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import exact_sum
from modelward.core.artifact import Artifact, Card
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.hub.collectors import Sums
from modelward.hub.round import RoundRecord, State, advance, stop_reason
from modelward.hub.strategy import strategy
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.study.model import Model, initial
from modelward.study.read import parse
from modelward.study.scaling import frozen

HEAD = """
[study]
id = "figures"
purpose = "Sum up what hospitals see"
min_patients = 1
"""

TAIL = """
[plan]
strategy = "sums"
rounds = 40
test = 0.0
"""


def numbers(*names: str, low: float = -1000, high: float = 1000) -> str:
    """Return number features in a study file."""
    return "".join(
        f'[features.{name}]\ntype = "number"\nunit = "1"\nrange = [{low}, {high}]\n'
        for name in names
    )


def study_of(features: str, target: str, recipe: str, more: str = "") -> Study:
    """Return a study of sums.

    Args:
        features: `[features.*]` tables.
        target: The body of `[target.y]`.
        recipe: The body of `[recipe]`.
        more: Further tables.
    """
    return parse(f"{HEAD}{features}\n[target.y]\n{target}\n[recipe]\n{recipe}\n{TAIL}{more}")


def cohort(
    x: NDArray[np.float64],
    y: NDArray[np.int8] | None = None,
    amount: NDArray[np.float64] | None = None,
) -> Cohort:
    """Return units that are all in training."""
    outcome = np.zeros(len(x), np.int8) if y is None else y.astype(np.int8)
    return Cohort(x=x, y=outcome, folds=np.zeros(len(x), np.int8), amount=amount)


def finished(study: Study, sites: Mapping[str, Cohort]) -> tuple[Model, str]:
    """Return the model that the rounds over `sites` end with, and why they ended."""
    first = Task(study=study.sha256, round_no=0, kind="statistics")
    totals = exact_sum([compute(first, study, None, c, s).tensors for s, c in sites.items()])
    model, plan = initial(study, frozen(study, totals)), strategy(study)
    state = State(parameters=model.parameters, optimiser={})
    while (reason := stop_reason(study, state)) is None:
        number = state.round_no + 1
        task = Task(study=study.sha256, round_no=number, kind="sums", model="ab" * 32)
        asked = Model(study, state.parameters, model.scaling)
        heard = plan.collector()
        for name, units in sites.items():
            heard.add(_release(task, name, units, asked))
        moved, memory = plan.step(heard, state.parameters, state.optimiser)
        record = RoundRecord(round_no=number, released=tuple(sorted(sites)))
        state = advance(study, state, moved, memory, record)
    return Model(study, state.parameters, model.scaling), reason


def _release(task: Task, site: str, units: Cohort, model: Model) -> Release:
    found = compute(task, model.study, model, units, site)
    card = Card(
        kind="statistics",
        study=task.study,
        round_no=task.round_no,
        task=task.id,
        site=site,
        schema="",
        sha256="",
        nbytes=0,
        patients=found.patients,
    )
    return Release(site, task.id, Artifact(card, found.tensors))


__all__ = ["Sums", "cohort", "finished", "numbers", "study_of"]
