"""Small counts behind figures of grades and masks."""

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.beyond import Beyond, hide_few


def one(site: str, units: int) -> Beyond:
    """Return Dice at a site."""
    figure = Estimate(0.8)
    return Beyond(
        measure="Dice", of="", model="federated", site=site, units=units, estimate=figure
    )


def test_a_small_count_is_hidden_with_its_figure_and_cannot_be_found_by_subtraction():
    whole, north, south = hide_few([one("", 53), one("north", 49), one("south", 4)], 10)

    assert (whole.units, whole.estimate.value) == (None, 0.8)
    assert (north.units, north.estimate.value) == (49, 0.8)
    assert (south.units, south.estimate.value) == (None, None)
    assert "fewer than 10" in south.estimate.note


def test_nothing_is_hidden_where_all_counts_are_large():
    found = [one("", 53), one("north", 29), one("south", 24)]

    assert list(hide_few(found, 10)) == found
