"""Groups from rows are those of units at one site, and means of sites over several."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.by_group import by_group, of_enough_patients, site_row
from modelward.evaluate.groups.subgroups import EVERYWHERE, Divided, GroupScores, group_scores
from modelward.evaluate.patients import Patients
from modelward.evaluate.predictions import Predictions, part
from modelward.evaluate.told.behind import (
    Behind,
    alike,
    all_patients,
    behind,
    expanded,
    histogram,
    telling_of,
)
from modelward.study.judging import Grouping
from modelward.study.report_groups import is_row

SEX = Grouping("sex", ("women", "men"))


def site(seed: int, number: int, help_women: float = 1.5) -> tuple[Predictions, np.ndarray]:
    rng = np.random.default_rng([11, seed])
    level, outcome = rng.integers(0, 2, number), rng.random(number) < 0.4
    pull = np.where(level == 0, help_women, 0.8)
    p = 1 / (1 + np.exp(-(pull * (2 * outcome - 1) + rng.normal(0, 1.2, number))))
    return Predictions.of(outcome, p), level


def rows(found: Predictions, level: np.ndarray) -> np.ndarray:
    return np.stack([site_row(part(found, level == at), 4) for at in (0, 1)])


def of(groups: tuple[GroupScores, ...], site: str, level: str) -> GroupScores:
    return next(one for one in groups if (one.site, one.level) == (site, level))


def test_one_site_has_the_figures_of_its_units_to_four_decimals():
    found, level = site(1, 400)
    exact = group_scores(
        Divided(name="sex", levels=SEX.levels, members={"a": level}), [("a", found)], 0.5
    )
    made = by_group([SEX], {"a": rows(found, level)})

    assert all(is_row(row, 4) for row in rows(found, level))
    for name in SEX.levels:
        here, there = of(made.groups, "a", name), of(exact, "a", name)
        assert (here.units, here.positives) == (there.units, there.positives)
        assert here.sensitivity == there.sensitivity
        assert here.false_alarms == there.false_alarms
        for figure in ("auc", "beyond"):
            one, other = getattr(here, figure), getattr(there, figure)
            assert one.value == pytest.approx(other.value, abs=6e-5)
            assert one.interval.low == pytest.approx(other.interval.low, abs=0.01)


def test_several_sites_together_are_their_weighted_mean_and_their_summed_counts():
    sites = {name: site(seed, n) for seed, (name, n) in enumerate([("a", 300), ("b", 700)])}
    told = {name: rows(*each) for name, each in sites.items()}
    apart, summed = (
        by_group([SEX], told),
        by_group([SEX], {"all": told["a"] + told["b"]}, together=True),
    )

    assert [g for g in apart.groups if g.site == EVERYWHERE] == list(summed.groups)
    assert apart.gaps == summed.gaps
    women = [of(apart.groups, name, "women") for name in ("a", "b")]
    everywhere = of(apart.groups, EVERYWHERE, "women")
    assert everywhere.units == sum(one.units or 0 for one in women)
    parts = [
        (o.positives or 0) * ((o.units or 0) - (o.positives or 0)) / (o.units or 1)
        for o in women
    ]
    mean = np.average([one.auc.value or 0 for one in women], weights=parts)
    assert everywhere.auc.value == pytest.approx(mean)


def test_a_difference_that_is_there_is_kept_and_chance_is_not():
    found, level = site(3, 3000)
    kept = {gap.metric: gap.kept for gap in by_group([SEX], {"a": rows(found, level)}).gaps}
    assert kept["auc"]

    even, level = site(4, 3000, help_women=0.8)
    assert not any(gap.kept for gap in by_group([SEX], {"a": rows(even, level)}).gaps)


def test_a_level_of_which_nothing_is_told_is_not_shown_and_compared_with_nobody():
    found, level = site(5, 300)
    told = rows(found, level)
    told[1] = 0

    made = by_group([SEX], {"a": told})
    assert of(made.groups, EVERYWHERE, "men").units is None
    assert made.gaps == ()
    assert made.spreads == ()


def test_hospitals_that_rank_a_level_perfectly_stay_in_its_mean():
    # Both levels are ranked alike; one has fewer patients at each of sixty hospitals.
    rng = np.random.default_rng(21)

    def hospital() -> np.ndarray:
        made = []
        for units in (10, 60):
            outcome = np.repeat([0, 1], units)
            score = rng.normal(size=2 * units) + 2.33 * outcome  # AUC 0.95
            made.append(site_row(Predictions.of(outcome, 1 / (1 + np.exp(-score))), 3))
        return np.stack(made)

    made = by_group([SEX], {f"h{n}": hospital() for n in range(60)})

    few, many = (of(made.groups, EVERYWHERE, level).auc for level in ("women", "men"))
    assert few.value == pytest.approx(0.95, abs=0.01)
    assert many.value == pytest.approx(0.95, abs=0.01)
    assert not next(gap for gap in made.gaps if gap.metric == "auc").kept


def test_perfectly_ranked_units_have_an_interval_and_a_missing_outcome_has_no_auc():
    perfect = Predictions.of([0] * 20 + [1] * 20, np.repeat([0.2, 0.8], 20))
    made = by_group(
        [SEX],
        {
            "a": np.stack(
                [
                    site_row(perfect, 3),
                    site_row(part(perfect, perfect.outcome & ~perfect.outcome), 3),
                ]
            )
        },
    )

    women = of(made.groups, "a", "women")
    assert women.units == 40
    assert women.auc.value == 1.0
    assert women.auc.interval is not None
    assert 0.8 < women.auc.interval.low < 0.9
    assert of(made.groups, "a", "men").units is None
    assert women.sensitivity.value == 1.0


def of_patients(seed: int, patients: int, each: int) -> tuple[Predictions, np.ndarray]:
    """Return a site whose patients have `each` copies of one unit."""
    found, level = site(seed, patients)
    again = np.repeat(np.arange(patients), each)
    return Predictions.of(found.outcome[again], found.probability[again], again), level[again]


def width(estimate: Estimate) -> float:
    assert estimate.interval is not None
    return estimate.interval.high - estimate.interval.low


def test_rows_of_copied_units_say_no_more_than_those_of_patients():
    once, often = site(3, 400), of_patients(3, 400, 5)
    counts = histogram(often[0], 20).astype(np.int64)
    whose = Behind(often[0].patients, (once[0].negatives, once[0].positives))
    less = alike({"a": (counts, whose)})

    plain = by_group([SEX], {"a": rows(*once)})
    made = by_group([SEX], {"a": rows(*often)}, alike=less)

    assert less == {"a": (5.0, 5.0), "": (5.0, 5.0)}
    for here, there in zip(made.groups, plain.groups, strict=True):
        assert here.units == 5 * (there.units or 0)
        for figure in ("auc", "sensitivity", "false_alarms", "beyond"):
            assert width(getattr(here, figure)) == pytest.approx(
                width(getattr(there, figure)), abs=5e-4
            ), figure
    for one, other in zip(made.gaps, plain.gaps, strict=True):
        assert width(one.difference) == pytest.approx(width(other.difference), abs=1e-3)
    assert "by patient" in str(made.groups[0].sensitivity.interval)


def test_a_level_of_few_patients_does_not_go_before_the_gate():
    found, level = of_patients(4, 60, 10)
    some = np.where(found.owner == 0, 1, 0)  # ten units of one patient

    assert of_enough_patients(found, level, 2).all()
    assert not of_enough_patients(found, some, 2).any()  # the rest would be that patient
    assert of_enough_patients(replace(found, owner=None), some, 2).all()


def test_sites_with_and_without_named_patients_are_added_up():
    counts = np.array([[30, 10], [5, 15]])
    whose = Behind(Patients(12, 5, 8), (8, 5))

    assert all_patients([(counts, Behind())]) is None
    assert all_patients([(counts, Behind()), (counts, whose)]) == Patients(72, 25, 48)
    assert alike({"a": (counts, Behind()), "b": (counts, whose)}) == {
        "a": (1.0, 1.0),
        "b": (5.0, 4.0),
        "": (80 / 48, 40 / 25),
    }


def test_units_that_were_counted_are_given_to_patients_side_by_side():
    counts = np.array([[4, 2], [0, 6]])

    made = expanded(counts, Behind(Patients(5, 2, 3), (3, 2)))

    assert made.owner is not None
    assert made.owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4]
    assert made.patients == Patients(5, 2, 3)


def test_what_a_site_tells_of_its_patients_is_read_again():
    found, _ = of_patients(5, 50, 3)
    told = {"patients": telling_of(found), "counts.federated": histogram(found, 4)}

    assert behind(told).patients == found.patients
    negatives, positives = found.negatives // 3, found.positives // 3
    assert behind(told).telling == (negatives, positives)
    each = {"patients": telling_of(site(5, 50)[0]), "counts.federated": np.full((2, 4), 6.25)}
    assert behind(each) == Behind()
