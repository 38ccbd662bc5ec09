"""Energy and bytes, worked out by hand."""

import pytest

from modelward.evaluate.facts.cost import Cost, SiteCost


def test_energy_is_time_times_cores_times_watts():
    one = SiteCost(site="a", sent=10, received=30, answers=2, looked_at=5, records=400)
    cost = Cost(sites=(one, one), seconds=1800.0, cores=2, watts=15.0)

    assert cost.watt_hours == pytest.approx(15.0)  # half an hour, two cores of 15 W
    assert (cost.moved, cost.pooling) == (80, 800)
