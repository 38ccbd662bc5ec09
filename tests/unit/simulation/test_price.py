"""What a study is said to take before it is signed is what a run of it takes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.gate.policy import Policy
from modelward.hub.by_steps import steps_of
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.learn.sgd import LocalTerms
from modelward.simulation.loads import at_the_hub, in_all, traffic, work
from modelward.simulation.price import price
from tests.hospital import SEEDS, Wards
from tests.studies import AVERAGED, IMAGES, TABLE, cohort_of, table_study

MASKS = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
GRID = '[plan.uplink]\ncodec = "int8"\nrange = 0.05\nmax_patients = 200\n'

STUDIES = {
    "open": AVERAGED,
    "exact": TABLE,
    "with a report": f"{AVERAGED}\n[report]\n",
    "scaffold": AVERAGED.replace("[plan]", '[plan]\nstrategy = "scaffold"'),
    "bf16": f'{AVERAGED}\n[plan.uplink]\ncodec = "bf16"\n',
    "int4": f'{AVERAGED}\n[plan.uplink]\ncodec = "int4"\n',
    "top-k": f'{AVERAGED}\n[plan.uplink]\ncodec = "top-k"\nshare = 0.4\n',
    "masked": f"{AVERAGED}{MASKS}[report]\n",
    "masked and coded": f"{AVERAGED}{MASKS}{GRID}",
    "packed": f'{AVERAGED}\n[plan.uplink]\ncodec = "int8"\npacked = true\n',
}


class Weighed:
    """An engine that weighs what every question brings to every site."""

    def __init__(self, behind: Wards, models: Store) -> None:
        self._behind, self._models = behind, models
        self.down: Counter[str] = Counter()
        self.times: Counter[str] = Counter()

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        for site in sites:
            self.times[site] += 1
            if task.brings is not None:
                self.down[site] += self._models.path(task.brings).stat().st_size
        return self._behind.ask(task, sites, deadline_s=deadline_s)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_bytes_and_answers_are_those_of_a_run_to_the_byte(tmp_path, name):
    study = table_study(STUDIES[name])
    registry = Registry(tmp_path / "hub")
    wards = Wards(tmp_path / "sites", [study], registry.store.folder)
    weighed = Weighed(wards, registry.store)
    with closing(registry), closing(wards):
        outcome = Hub(weighed, registry, wards.keys).run(study)
        left = {
            site: sum(int(str(e["bytes"])) for e in each.ledger if e["kind"] == "release")
            for site, each in wards.hospitals.items()
        }

    legs = traffic(study, len(SEEDS))
    ran = len(outcome.history)
    up, down, answers = in_all(legs)
    if ran < study.plan.rounds:  # it stood still before its last round
        once, each = (
            sum(leg.up for leg in legs if (leg.times == 1) == single)
            for single in (True, False)
        )
        up, down, answers = once + ran * each, down * ran // study.plan.rounds, 1 + ran
    assert set(weighed.times.values()) == {answers}
    assert set(weighed.down.values()) == {down}
    if name == "packed":
        assert all(0 < each <= up for each in left.values())
    else:
        assert set(left.values()) == {up}


def test_steps_and_units_are_those_that_a_site_takes(tmp_path):
    study = table_study(AVERAGED)
    wards = Wards(tmp_path / "sites", [study], tmp_path / "models")
    with closing(wards):
        cohort = cohort_of(wards.hospitals["north"], study)
    units = cohort.count("train")

    found = work(study, units)

    terms = LocalTerms.of(study.plan, clip=1.0, round_no=1, site="north")
    assert found.steps == terms.steps_over(units) == steps_of(study, units)
    assert found.looked_at == study.plan.rounds * study.plan.local_epochs * units
    chosen = cohort.chosen("train")
    assert found.as_arrays == cohort.x[chosen].nbytes + cohort.y[chosen].nbytes


def test_memory_of_the_hub_is_the_sum_and_one_model():
    study = table_study(AVERAGED)

    held = at_the_hub(study, 40)

    assert list(held.values()) == [5 * 4 + 4 * 3 * 8, 5 * 8]


def test_images_are_held_as_bytes():
    study: Study = table_study(IMAGES)
    (shape,) = [feature.shape for _, feature in [study.image or ("", None)] if feature]

    assert work(study, 10).as_arrays == 10 * (int(np.prod(shape)) + 1)


@pytest.mark.slow
def test_sizes_that_would_be_refused_are_named():
    noised = AVERAGED + MASKS.replace("[sites]", f"{GRID}[privacy.dp]\nepsilon = 3.0\n[sites]")
    study = table_study(noised)

    found = price(study, 3, [5, 150, 300, 20_000], Policy())

    said = {(each.rule, each.says.split(" training")[0]) for each in found.refused}
    assert ("min-patients", "a site with 5") in said
    assert ("max-patients", "a site with 300") in said
    assert ("delta", "a site with 20,000") in said
    assert not any(who == "a site with 150" for _, who in said)
