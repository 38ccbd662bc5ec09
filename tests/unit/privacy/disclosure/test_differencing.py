"""What can be subtracted from what has left is found by who was counted."""

from modelward.privacy.disclosure.differencing import Told, few_apart

ABOUT = frozenset({"age", "readmitted"})


def told(study: str, *persons: int, about: frozenset[str] = ABOUT) -> Told:
    return Told(study, about, frozenset(str(person) for person in persons))


def test_the_same_cohort_but_for_three_is_found():
    before = [told("a", *range(100)), told("b", *range(50, 150))]

    assert few_apart(told("c", *range(3, 100)), before, 10) == (before[0], 3)


def test_an_exchange_of_two_for_two_others_is_found_too():
    found = few_apart(told("b", *range(2, 102)), [told("a", *range(100))], 10)

    assert found is not None
    assert found[1] == 4


def test_the_very_same_cohort_tells_nothing_new_and_ten_are_a_cell():
    before = [told("a", *range(100))]

    assert few_apart(told("b", *range(100)), before, 10) is None
    assert few_apart(told("b", *range(10, 100)), before, 10) is None
    assert few_apart(told("b", *range(9, 100)), before, 10) is not None


def test_figures_about_other_things_cannot_be_subtracted():
    before = [told("a", *range(100), about=frozenset({"weight"}))]

    assert few_apart(told("b", *range(99)), before, 10) is None
