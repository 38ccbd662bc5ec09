"""Contributions: known answers, then what was planted is found in its order."""

from itertools import permutations
from math import sqrt

import numpy as np
import pytest

from modelward.evaluate.sharing import contribution
from modelward.evaluate.sharing.contribution import (
    Round,
    contributions,
    direction,
    inner_products,
    shapley,
    shares,
)
from modelward.readers.cohort import Cohort
from tests.federations import cohort, federate_updates, toy

RNG = np.random.default_rng(0)


def gram(*rows: list[float]) -> np.ndarray:
    return inner_products(np.array(rows, np.float32))


def found(*rows: list[float], rounds: int = 1) -> dict[str, contribution.Contribution]:
    names = tuple("abcdefghijkl"[: len(rows)])
    return contributions([Round(names, gram(*rows))] * rounds, np.random.default_rng(0))


def test_two_sites_at_right_angles_by_hand():
    # v(a) = v(b) = cos 45 degrees, v(ab) = 1
    for each in found([1, 0], [0, 2]).values():
        assert each.shapley == pytest.approx(0.5)
        assert each.leave_one_out == pytest.approx(1 - 1 / sqrt(2))
        assert each.cosine == pytest.approx(1 / sqrt(2))


def test_exact_values_are_the_mean_over_all_orders():
    rows = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    unit = inner_products(rows)

    def worth(members: list[int]) -> float:
        return direction(unit)(members)

    expected = np.zeros(4)
    for order in permutations(range(4)):
        for place, player in enumerate(order):
            expected[player] += worth([*order[: place + 1]]) - worth([*order[:place]])

    np.testing.assert_allclose(
        shapley(direction(unit), len(unit), RNG), expected / 24, atol=1e-12
    )
    assert shapley(direction(unit), len(unit), RNG).sum() == pytest.approx(1.0)


def test_permutations_come_near_the_exact_values(monkeypatch):
    rows = np.random.default_rng(4).normal(size=(7, 9)) + 1.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    unit = inner_products(rows.astype(np.float32))
    exact = shapley(direction(unit), len(unit), RNG)

    monkeypatch.setattr(contribution, "EXACT", 2)

    np.testing.assert_allclose(
        shapley(direction(unit), len(unit), np.random.default_rng(1)), exact, atol=0.03
    )


def test_a_longer_update_gains_nothing():
    assert found([1, 0], [0, 1])["a"] == found([50, 0], [0, 1])["a"]


def test_a_copy_of_another_site_gains_nothing_for_the_two_together():
    alone = found([1, 0, 0], [0, 1, 0], [0, 0, 1])
    copied = found([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 3])

    assert copied["c"].same_as == ("d",)
    assert copied["c"].shapley + copied["d"].shapley == pytest.approx(alone["c"].shapley)
    assert copied["a"].shapley == pytest.approx(alone["a"].shapley)


def test_a_free_rider_has_nothing():
    free = found([1, 0.2], [0.2, 1], [0, 0])["c"]

    assert (free.shapley, free.leave_one_out, free.cosine) == (0.0, 0.0, 0.0)


def test_shares_are_of_what_is_positive_and_sum_to_one():
    assert shares({"a": 3.0, "b": 1.0, "c": -5.0}) == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert shares({"a": -1.0, "b": 0.0}) == {"a": 0.5, "b": 0.5}


def test_intervals_need_three_rounds():
    assert found([1, 0], [0, 1], rounds=2)["a"].low is None
    assert found([1, 0], [0, 1], rounds=3)["a"].low == pytest.approx(0.5)


def test_planted_contributions_are_recovered_in_their_order():
    sites = {
        name: wrong(cohort(240, seed), share)
        for seed, (name, share) in enumerate(
            {"none": 0.0, "some": 0.25, "many": 0.45, "most": 0.65}.items()
        )
    }
    study = toy(("batch = 8\nlocal_epochs = 2", "batch = 400\nlocal_epochs = 3"))

    rounds = federate_updates(study, sites, 6, measured_on=cohort(400, 50))
    added = contributions(rounds, np.random.default_rng(0))

    order = sorted(sites, key=lambda name: -added[name].shapley)
    assert order == ["none", "some", "many", "most"]


def test_a_site_that_counts_its_patients_twice_gains_nothing():
    study = toy(("batch = 8\nlocal_epochs = 2", "batch = 1000\nlocal_epochs = 3"))
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    twice = {**honest, "c": doubled(honest["c"])}

    before = contributions(federate_updates(study, honest, 4), np.random.default_rng(0))
    after = contributions(federate_updates(study, twice, 4), np.random.default_rng(0))

    assert after["c"].shapley == pytest.approx(before["c"].shapley, abs=0.02)


def test_a_site_that_counts_its_patients_twice_gains_nothing_by_the_measure_either():
    study = toy(("batch = 8\nlocal_epochs = 2", "batch = 1000\nlocal_epochs = 3"))
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    twice = {**honest, "c": doubled(honest["c"])}
    held = cohort(400, 50)

    before, after = (
        contributions(federate_updates(study, each, 6, measured_on=held), RNG)
        for each in (honest, twice)
    )

    whole = sum(each.shapley for each in before.values())
    assert after["c"].shapley == pytest.approx(before["c"].shapley, abs=0.02 * whole)


@pytest.mark.parametrize("measured", [True, False], ids=["measured", "direction"])
def test_a_copy_of_another_sites_patients_in_another_order_gains_nothing(measured):
    study = toy(("batch = 8\nlocal_epochs = 2", "batch = 1000\nlocal_epochs = 3"))
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    copied = {**honest, "d": shuffled(honest["c"])}
    held = cohort(400, 50) if measured else None

    before, after = (
        contributions(federate_updates(study, each, 6, measured_on=held), RNG)
        for each in (honest, copied)
    )

    assert after["c"].same_as == ("d",)
    shared = shares({name: each.shapley for name, each in after.items()})
    alone = shares({name: each.shapley for name, each in before.items()})
    assert shared["c"] == shared["d"]
    assert shared["c"] + shared["d"] == pytest.approx(alone["c"], abs=0.03)


BATCHES = ("batch = 8\nlocal_epochs = 2", "batch = 8\nlocal_epochs = 3")
AGREED = '[sharing]\nrule = "contribution"\n'


@pytest.mark.parametrize("measured", [True, False], ids=["measured", "direction"])
def test_a_copy_in_small_batches_is_found_where_the_study_agreed_on_the_rule(measured):
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    held = cohort(400, 50) if measured else None
    alone, copied = (
        contributions(
            federate_updates(toy(BATCHES, more=AGREED), each, 6, measured_on=held), RNG
        )
        for each in (honest, {**honest, "d": shuffled(honest["c"])})
    )

    assert copied["c"].same_as == ("d",)
    due = [shares({name: each.shapley for name, each in x.items()}) for x in (alone, copied)]
    assert due[1]["c"] == due[1]["d"]
    assert due[1]["c"] + due[1]["d"] < due[0]["c"] + 0.03


def test_a_copy_in_small_batches_is_not_found_without_the_rule_nor_where_it_is_changed():
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    grey = shuffled(honest["c"])
    changed = Cohort(x=grey.x + 1e-9, y=grey.y, folds=grey.folds)
    held = cohort(400, 50)

    for more, copy in (("", honest["c"]), (AGREED, changed)):
        rounds = federate_updates(
            toy(BATCHES, more=more), {**honest, "d": copy}, 6, measured_on=held
        )
        added = contributions(rounds, np.random.default_rng(0))
        due = shares({name: each.shapley for name, each in added.items()})

        assert added["c"].same_as == ()
        assert due["c"] + due["d"] > 0.35  # c alone has 0.31: docs/contribution.md


def test_patients_counted_twice_in_small_batches_gain_next_to_nothing():
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    twice = {**honest, "c": doubled(honest["c"])}
    due = []
    for each in (honest, twice):
        rounds = federate_updates(
            toy(BATCHES, more=AGREED), each, 6, measured_on=cohort(400, 50)
        )
        added = contributions(rounds, np.random.default_rng(0))
        due.append(shares({name: one.shapley for name, one in added.items()})["c"])

    assert due[1] < due[0] + 0.03  # twice as many steps; stated in docs/contribution.md


def test_a_site_that_sends_zeros_has_exactly_nothing():
    rider = beside_a_rider(0.0)["rider"]

    assert (rider.shapley, rider.leave_one_out) == (0.0, 0.0)


@pytest.mark.parametrize(("noise", "most"), [(0.1, 0.03), (1.0, 0.08)])
def test_noise_has_next_to_no_share(noise, most):
    due = shares({name: each.shapley for name, each in beside_a_rider(noise).items()})

    assert due["rider"] < most


@pytest.mark.parametrize("measured", [True, False], ids=["measured", "direction"])
@pytest.mark.parametrize("times", [1.0, 7.0])
def test_a_site_that_sends_the_hubs_last_step_again_has_nothing(measured, times):
    added = repeating(cohort(400, 50) if measured else None, times)

    rider = added["repeats"]
    assert rider.repeats == 5
    assert rider.shapley == pytest.approx(0.0, abs=1e-12)
    assert all(added[name].repeats == 0 for name in "abc")
    assert shares({name: each.shapley for name, each in added.items()})["repeats"] == 0.0


def repeating(held: Cohort | None, times: float) -> dict[str, contribution.Contribution]:
    """Return what three honest sites added, and one that sends the hub's last step again."""
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    rounds = federate_updates(
        toy(BATCHES, more=AGREED), honest, 6, measured_on=held, repeats=times
    )
    return contributions(rounds, np.random.default_rng(0))


def beside_a_rider(noise: float) -> dict[str, contribution.Contribution]:
    """Return what three honest sites added by the measure, and one that sends this noise."""
    study = toy(("batch = 8\nlocal_epochs = 2", "batch = 1000\nlocal_epochs = 3"))
    honest = {name: cohort(120, seed) for seed, name in enumerate("abc")}
    rounds = federate_updates(
        study, honest, 6, measured_on=cohort(400, 50), riders={"rider": noise}
    )
    return contributions(rounds, np.random.default_rng(0))


def wrong(held: Cohort, share: float) -> Cohort:
    """Return a site with this share of its outcomes turned around."""
    y = held.y.copy()
    turned = np.random.default_rng(9).permutation(len(y))[: round(share * len(y))]
    y[turned] = 1 - y[turned]
    return Cohort(x=held.x, y=y, folds=held.folds)


def shuffled(held: Cohort) -> Cohort:
    """Return the same patients in another order."""
    order = np.random.default_rng(5).permutation(len(held.y))
    return Cohort(x=held.x[order], y=held.y[order], folds=held.folds[order])


def doubled(held: Cohort) -> Cohort:
    """Return a site that has every patient twice."""
    return Cohort(
        x=np.concatenate([held.x, held.x]),
        y=np.concatenate([held.y, held.y]),
        folds=np.concatenate([held.folds, held.folds]),
    )
