"""What a card says of the maker's patients: in bands, and nothing of few."""

import numpy as np

from modelward.exchange.documents.card import Group, Judged
from modelward.exchange.giving.claims import competence, seen
from modelward.exchange.institution.examples import Examples

LABELS = ("normal", "ill")


def own(**more: object) -> Examples:
    """Return 60 training examples, 55 of them normal, and 20 of validation."""
    y = np.array([0] * 55 + [1] * 5)
    x = np.zeros((60, 2), np.float32)
    valid = np.array([0] * 16 + [1] * 4)
    return Examples(x, y, np.zeros((20, 2), np.float32), valid, **more)  # type: ignore[arg-type]


def test_counts_are_bands_and_recalls_of_few_are_not_said():
    picked = np.array([0] * 12 + [1] * 8)

    mine = own()
    found = competence(LABELS, np.bincount(mine.y), (mine.valid_y, picked), 10)

    assert found.units == (50, 0)
    assert found.lacks == ("ill: fewer than 10",)
    # Wilson's interval of 12 of 16: 0.5050 to 0.8982 (Newcombe 1998, method 3).
    assert found.validation == (Judged(label="normal", recall=0.75, low=0.51, high=0.9),)
    assert (found.groups, found.equipment, found.period) == ((), (), None)
    assert competence(LABELS, np.bincount(mine.y), None, 10).validation == ()


def test_subgroups_and_makes_of_few_are_not_named_and_the_period_is_whole_years():
    sex = np.array(["female"] * 48 + ["male"] * 9 + [""] * 3)
    make = np.array(["GE"] * 20 + ["Philips"] * 31 + ["Old"] * 9)
    times = np.array(["2023-05-07"] * 59 + ["NaT"], "datetime64[D]")

    found = seen(own(groups={"sex": sex, "equipment": make}, times=times))

    assert found.groups == (Group(name="sex", value="female", units=20),)
    assert found.equipment == ("GE", "Philips")
    assert found.period == ("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
