"""FedBuff is its paper's pseudo-code, and FedAvg where the buffer holds everybody."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.errors import QuorumNotMet
from modelward.hub.buffered import fill, gathered, questions
from modelward.hub.closing import row_of
from modelward.hub.round import Arrays, RoundRecord
from modelward.hub.strategy import strategy
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.study.model import Model, initial
from modelward.study.scaling import Scaling
from tests.contract.test_strategies import descent
from tests.federations import SITES, federate, release, toy

ALL = sorted(SITES)
SCHEDULE = [
    ["north", "south"],
    ["north", "west"],
    ["south", "north"],
    ["north", "south"],
    ["west", "north"],
]
"""Who answers first, in each round; `west` is two rounds late at first."""


def buffered(size: int, more: str = "", tables: str = "") -> Study:
    plan = f'[plan]\nstrategy = "fedbuff"\n{more}'
    text = f"\n[plan.buffer]\nsize = {size}\n{tables}"
    return toy(("[plan]", plan), ("minimum = 1", f"minimum = {min(size, 2)}"), more=text)


class Room:
    """Sites that answer at once, from the models of the rounds so far."""

    def __init__(self, study: Study, sites: Mapping[str, Cohort], models: list[Model]) -> None:
        self._study, self._sites, self._models = study, sites, models

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        assert deadline_s is None
        for site in sites:
            model = self._models[int(str(task.model))]
            found = compute(task, self._study, model, self._sites[site], site)
            yield release(
                found.tensors, found.patients, site, round_no=task.round_no, task=task.id
            )


def run(study: Study, schedule: Sequence[Sequence[str]]) -> list[Any]:
    """Return the parameters after each round, the start first."""
    plain = Scaling(center=np.zeros(2), spread=np.ones(2), fill=np.zeros(2))
    plan, memory = strategy(study), Arrays()
    models, history = [initial(study, plain)], list[RoundRecord]()
    for number, first in enumerate(schedule, 1):
        due = questions(study, history, SITES, str)
        collected = plan.collector()

        def order(asked: Mapping[str, Task], first: Sequence[str] = first) -> list[str]:
            return [*first, *sorted(set(asked) - set(first))]

        def heard(answer: Any, task: Task, into: Any = collected) -> Any:
            into.add(answer)
            return row_of(task, answer.site, "released", answer)

        arriving = gathered(Room(study, SITES, models), due, None, order)
        rows = list(fill(study, due, arriving, heard))
        moved, memory = plan.step(collected, models[-1].parameters, memory)
        models.append(replace(models[-1], parameters=moved))
        names = tuple(sorted(row.site for row in rows))
        history.append(RoundRecord(round_no=number, released=names))
    return [model.parameters for model in models]


def fedbuff(study: Study, schedule: Sequence[Sequence[str]], exponent: float) -> Any:
    """Nguyen et al. 2022, Algorithm 1: buffer, discount, step; with patients as weights."""
    x: Any = np.zeros(3)
    given = dict.fromkeys(SITES, (x, 0))
    for step, names in enumerate(schedule):
        buffer = []
        for site in names:
            start, version = given[site]
            end, _ = descent(study, site, version + 1, SITES[site], start)
            late = step - version
            buffer.append((len(SITES[site].y), (end - start) / (1 + late) ** exponent))
        whole = sum(patients for patients, _ in buffer)
        for patients, delta in buffer:
            x = x + patients / whole * delta
        for site in names:
            given[site] = (x, step + 1)
    return x


@pytest.mark.parametrize("exponent", [0.5, 0.0, 2.0])
def test_fedbuff_is_what_the_plain_loops_of_its_paper_give(exponent):
    tables = "" if exponent == 0.5 else f"exponent = {exponent}\n"
    study = buffered(2, tables=tables)

    found = run(study, SCHEDULE)[-1]

    np.testing.assert_allclose(found, fedbuff(study, SCHEDULE, exponent), atol=3e-6)


def test_lateness_makes_a_difference():
    late, plain = buffered(2), buffered(2, tables="exponent = 0.0\n")

    assert not np.allclose(run(late, SCHEDULE)[-1], run(plain, SCHEDULE)[-1], atol=1e-3)


def test_a_buffer_of_all_sites_is_fedavg_bit_for_bit():
    averaged = federate(toy(), SITES, 3).models[-1].parameters

    found = run(buffered(3), [ALL, ALL[::-1], ALL])[-1]

    assert found.tobytes() == averaged.tobytes()


def test_the_same_buffers_give_the_same_bits_in_whatever_order_they_fill():
    there = run(buffered(2), SCHEDULE)[-1]

    assert (
        run(buffered(2), [names[::-1] for names in SCHEDULE])[-1].tobytes() == there.tobytes()
    )


def test_the_rate_of_the_hub_scales_its_steps():
    halved = buffered(2, tables='[plan.server]\nname = "momentum"\nlr = 0.5\nmomentum = 0.0\n')

    whole, half = run(buffered(2), SCHEDULE[:1]), run(halved, SCHEDULE[:1])

    np.testing.assert_allclose(half[1], whole[1] / 2, atol=1e-7)


def test_a_buffer_that_cannot_be_filled_says_so():
    study = buffered(2)
    asked = questions(study, [], ["north"], str)
    task = asked["north"]

    with pytest.raises(QuorumNotMet, match="1 sites released"):
        list(fill(study, asked, _one(task), lambda a, t: row_of(t, a.site, "released", a)))


def _one(task: Task) -> Any:
    yield release({}, 5, "north", task=task.id)
