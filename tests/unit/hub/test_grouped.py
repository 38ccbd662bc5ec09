"""Sums over groups of sites: the bits of one sum, or a rule that compares groups."""

from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome
from modelward.study.groups import groups
from tests.hospital import Planned, Wards
from tests.studies import AVERAGED, table_study

NAMES = {f"site{number:02}": number for number in range(21)}
"""Groups of 4, 4, 4, 4 and 5, in a study that needs twenty."""

SHORT = AVERAGED.replace("rounds = 3", "rounds = 2\nquorum = 15\ndeadline_s = 1.0")
GROUPED = '\n[privacy]\naggregation = "grouped"\n[sites]\nminimum = 20\n'
STUDY = table_study(SHORT + GROUPED)


def run(folder: Path, study: Study, faults: Planned | None = None) -> Outcome:
    """Run `study` over invented hospitals."""
    registry = Registry(folder / "hub")
    wards = Wards(
        folder / "sites",
        [study],
        registry.store.folder,
        faults=faults,
        kind="train/masked",
        seeds=NAMES,
    )
    try:
        return Hub(wards, registry, wards.keys).run(study)
    finally:
        wards.close()
        registry.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return run(tmp_path_factory.mktemp("open"), table_study(SHORT))


@pytest.mark.slow
def test_groups_add_up_to_the_bits_of_the_open_study(tmp_path, opened):
    found = run(tmp_path, STUDY)

    assert found.model.parameters.tobytes() == opened.model.parameters.tobytes()
    assert [r.metrics for r in found.history] == [r.metrics for r in opened.history]
    assert [r.patients for r in found.history] == [r.patients for r in opened.history]


@pytest.mark.slow
def test_coded_groups_add_up_to_the_bits_of_one_coded_sum(tmp_path):
    coded = (
        SHORT + '[plan.uplink]\ncodec = "int8"\nlevels = 18\nrange = 0.01\nmax_patients = 99\n'
    )
    grouped = run(tmp_path / "groups", table_study(coded + GROUPED))
    together = run(tmp_path / "one", table_study(coded + GROUPED.replace("grouped", "secagg")))

    assert grouped.model.parameters.tobytes() == together.model.parameters.tobytes()
    assert [r.patients for r in grouped.history] == [r.patients for r in together.history]
    assert [r.clipped for r in grouped.history] == [r.clipped for r in together.history]
    assert sum(r.clipped for r in grouped.history) > 0


@pytest.mark.slow
def test_a_rule_compares_the_means_of_groups(tmp_path, opened):
    robust = SHORT.replace("[plan]", '[plan]\nrobust = { rule = "median", byzantine = 2 }')
    study = table_study(robust + GROUPED)
    found = run(tmp_path, study)

    assert [set(r.deviations) for r in found.history] == [
        {f"group {number}" for number in range(1, 6)}
    ] * 2
    assert len(groups(study, list(NAMES))) == 5
    assert [r.patients for r in found.history] == [r.patients for r in opened.history]
    assert np.abs(found.model.parameters - opened.model.parameters).max() > 0


@pytest.mark.slow
def test_a_site_that_drops_out_is_missing_from_its_group_alone(tmp_path):
    found = run(tmp_path, STUDY, {("site07", 1): "silent"})

    assert sorted(set(NAMES) - set(found.history[0].released)) == ["site07"]
    assert len(found.history[1].released) == 21
