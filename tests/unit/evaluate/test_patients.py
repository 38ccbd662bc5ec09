"""Several units of one patient: references by plain loops, and how often a claim is wrong."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.evaluate.comparing.compare import chance, compare
from modelward.evaluate.comparing.verdict import verdict
from modelward.evaluate.comparing.weakness import why_not_auc
from modelward.evaluate.estimate import Estimate, wilson
from modelward.evaluate.groups.gaps import gaps
from modelward.evaluate.groups.subgroups import Divided, beyond, group_scores, shown
from modelward.evaluate.judging import judge
from modelward.evaluate.measures import discrimination
from modelward.evaluate.measures.brier_difference import brier_difference
from modelward.evaluate.measures.calibration import _refits, calibration, line, logits
from modelward.evaluate.measures.curves import reliability, roc
from modelward.evaluate.measures.decision import decision_curve
from modelward.evaluate.measures.discrimination import (
    accuracy,
    auc,
    auc_difference,
    error_of,
    placements,
    standard_error,
)
from modelward.evaluate.measures.intervals import resamples
from modelward.evaluate.measures.newton import recalibrate
from modelward.evaluate.measures.resampled_auc import resampled_aucs
from modelward.evaluate.patients import Patients, shared, telling_units
from modelward.evaluate.predictions import Predictions, part, require_pairs, union


def ward(
    seed: int, *, patients: int = 60, most: int = 6, mixed: bool = False, shift: float = 0.0
) -> tuple[Predictions, Predictions]:
    """Return two models on units whose scores are alike within a patient."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    n = owner.size
    ill = rng.random(n) < 0.5 if mixed else (rng.random(patients) < 0.5)[owner]
    both, *own = (rng.normal(size=patients)[owner] for _ in range(3))

    def model(place: int, by: float) -> Predictions:
        score = by * ill + 0.7 * both + 0.7 * own[place] + 0.6 * rng.normal(size=n)
        return Predictions.of(ill, 1 / (1 + np.exp(-(score - by / 2))), owner)

    return model(0, 1.2), model(1, 1.2 + shift)


def copied(one: Predictions, times: int) -> Predictions:
    """Return the same patients with every unit so many times."""
    again = np.repeat(np.arange(len(one)), times)
    return Predictions.of(one.outcome[again], one.probability[again], again)


def width(estimate: Estimate) -> float:
    assert estimate.interval is not None
    return estimate.interval.high - estimate.interval.low


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.interval is not None
    return estimate.interval.low, estimate.interval.high


def obuchowski(first: Predictions, second: Predictions | None = None) -> float:
    """Return Obuchowski's variance (1997, formulas 5 to 8) by loops over pairs and patients."""
    assert first.owner is not None

    def components(
        p: np.ndarray,
    ) -> tuple[dict[int, list[float]], dict[int, list[float]], float]:
        y, owner = first.outcome, first.owner
        assert owner is not None
        ill, well = np.flatnonzero(y), np.flatnonzero(~y)
        psi = [[float(p[i] > p[j]) + 0.5 * float(p[i] == p[j]) for j in well] for i in ill]
        x: dict[int, list[float]] = {}
        z: dict[int, list[float]] = {}
        for a, i in enumerate(ill):
            x.setdefault(int(owner[i]), []).append(sum(psi[a]) / len(well))
        for b, j in enumerate(well):
            z.setdefault(int(owner[j]), []).append(sum(row[b] for row in psi) / len(ill))
        return x, z, sum(map(sum, psi)) / (len(ill) * len(well))

    x, z, theta = components(first.probability)
    if second is not None:
        x2, z2, theta2 = components(second.probability)
        x = {k: [a - b for a, b in zip(x[k], x2[k], strict=True)] for k in x}
        z = {k: [a - b for a, b in zip(z[k], z2[k], strict=True)] for k in z}
        theta -= theta2
    m, n = first.positives, first.negatives
    everyone = sorted(set(x) | set(z))
    about_x = {k: sum(x.get(k, [])) - len(x.get(k, [])) * theta for k in everyone}
    about_z = {k: sum(z.get(k, [])) - len(z.get(k, [])) * theta for k in everyone}
    s10 = len(x) / ((len(x) - 1) * m) * sum(v * v for v in about_x.values())
    s01 = len(z) / ((len(z) - 1) * n) * sum(v * v for v in about_z.values())
    s11 = len(everyone) / (len(everyone) - 1) * sum(about_x[k] * about_z[k] for k in everyone)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_variance_of_auc_is_obuchowskis(*, seed: int, mixed: bool) -> None:
    first, second = ward(seed, mixed=mixed)
    one, two = placements(first), placements(second)

    assert error_of(one.v10, one.v01, first)[0] ** 2 == pytest.approx(obuchowski(first))
    apart, _ = error_of(one.v10 - two.v10, one.v01 - two.v01, first)
    assert apart**2 == pytest.approx(obuchowski(first, second))


def test_of_one_unit_a_patient_variance_and_freedom_are_delongs() -> None:
    one, _ = ward(1)
    placed = placements(one)
    each = replace(one, owner=np.arange(len(one)))  # `of` would have said: nobody has several

    assert error_of(placed.v10, placed.v01, each) == pytest.approx(
        standard_error(placed.v10, placed.v01)
    )


def test_patients_with_one_unit_each_change_no_bit() -> None:
    rng = np.random.default_rng(3)
    y, p, q = rng.random(90) < 0.4, rng.random(90), rng.random(90)
    plain, other = Predictions.of(y, p), Predictions.of(y, q)
    owner = rng.permutation(90) + 7
    named, against = Predictions.of(y, p, owner), Predictions.of(y, q, owner)

    assert named.owner is None
    assert judge("federated", [("a", named)], seed=1, draws=50) == judge(
        "federated", [("a", plain)], seed=1, draws=50
    )
    for found in (
        lambda a, b: verdict("a", a, b, unit="image", rng=np.random.default_rng(0)),
        lambda a, b: compare("brier", a, b, np.random.default_rng(0), 50),
        lambda a, b: compare("accuracy", a, b, np.random.default_rng(0), 50),
        lambda a, b: chance("auc", a, b, np.random.default_rng(0), 50),
    ):
        assert found(named, against) == found(plain, other)


@pytest.mark.parametrize("times", [2, 8])
def test_copies_of_a_unit_tell_no_more_than_the_unit(times: int) -> None:
    rng = np.random.default_rng(4)
    y, p, q = rng.random(80) < 0.4, rng.random(80), rng.random(80)
    plain, other = Predictions.of(y, p), Predictions.of(y, q)
    many, against = copied(plain, times), copied(other, times)

    assert ends(auc(many)) == pytest.approx(ends(auc(plain)))
    assert ends(auc_difference(many, against)) == pytest.approx(
        ends(auc_difference(plain, other))
    )
    assert chance("auc", many, against, rng) == pytest.approx(chance("auc", plain, other, rng))
    assert beyond(many) == pytest.approx(beyond(plain))
    for name in ("brier", "slope", "intercept"):
        drawn = [
            getattr(calibration(each, np.random.default_rng(0), 200), name)
            for each in (many, plain)
        ]
        assert ends(drawn[0]) == pytest.approx(ends(drawn[1]), abs=1e-5)
    for rate in (accuracy, discrimination.sensitivity, discrimination.specificity):
        assert width(rate(plain)) <= width(rate(many)) < 1.05 * width(rate(plain))
    gap = width(brier_difference(plain, other))
    assert 0.98 * gap <= width(brier_difference(many, against)) < 1.1 * gap


def test_copies_do_not_hide_that_a_model_makes_hardly_a_mistake() -> None:
    y = np.repeat([False, True], 12)
    p = np.where(y, 0.8, 0.2) + np.linspace(0, 0.1, 24)
    q = p.copy()
    q[3], q[20] = 0.95, 0.05
    plain = auc_difference(Predictions.of(y, p), Predictions.of(y, q))
    many = auc_difference(copied(Predictions.of(y, p), 8), copied(Predictions.of(y, q), 8))

    assert ends(many) == pytest.approx(ends(plain))
    assert many.interval is not None
    assert many.interval.method == "the wider of paired Obuchowski and Newcombe, by patient"


@pytest.mark.parametrize("mixed", [False, True])
def test_the_error_is_that_of_resamples_of_patients(*, mixed: bool) -> None:
    first, second = ward(11, patients=200, mixed=mixed)
    one, two = placements(first), placements(second)
    drawn = resampled_aucs([first, second], np.random.default_rng(0), 4000)

    error, _ = error_of(one.v10 - two.v10, one.v01 - two.v01, first)
    assert error == pytest.approx(float((drawn[:, 0] - drawn[:, 1]).std()), rel=0.06)


def test_a_resample_has_patients_with_all_their_units() -> None:
    one, _ = ward(5, patients=30)
    assert one.owner is not None

    weights = np.concatenate(
        list(resamples(one.strata, 20, np.random.default_rng(0), one.owner))
    )

    for patient in range(30):
        of_one = weights[:, one.owner == patient]
        assert (of_one == of_one[:, :1]).all()
    first = np.unique(one.owner, return_index=True)[1]
    assert (weights[:, first].sum(axis=1) == 30).all()  # patients, not units
    ill = one.outcome[first]
    assert (weights[:, first][:, ill].sum(axis=1) == ill.sum()).all()


@pytest.mark.parametrize("patients", [40, 400])
def test_lines_of_resampled_patients_are_newtons(patients: int) -> None:
    one, _ = ward(9, patients=patients, most=12)
    weights = np.concatenate(
        list(resamples(one.strata, 300, np.random.default_rng(0), one.owner))
    )
    y, logit = one.outcome.astype(np.float64), logits(one.probability)

    slopes = _refits(one, line(one))(weights)[:, 1]

    exact = recalibrate(logit, y, weights)[:, 1]
    assert slopes == pytest.approx(exact, abs=2e-6, nan_ok=True)


def test_a_share_counts_units_that_are_alike_once() -> None:
    owner = np.repeat(np.arange(50), 4)
    alike = (np.arange(50) < 30)[owner]
    unlike = np.tile([True, True, False, False], 50)

    assert 47 < telling_units(alike, owner) < 50
    assert 180 < telling_units(unlike, owner) <= 200
    assert telling_units(np.ones(200, bool), owner) == 50  # nothing seen of how alike they are
    uneven = np.repeat([0, 1, 2], [10, 1, 1])
    assert telling_units(np.ones(12, bool), uneven) == pytest.approx(144 / 102)
    everybody = accuracy(Predictions.of(np.ones(200), np.ones(200), owner))
    assert ends(everybody) == pytest.approx((wilson(50, 50).low, 1.0))


def test_patients_of_different_sites_are_different_patients() -> None:
    named = Predictions.of([0, 1, 1], [0.1, 0.9, 0.8], [5, 5, 9])
    plain = Predictions.of([0, 1], [0.3, 0.6])

    both = union([named, plain, named])

    assert both.owner is not None
    assert both.owner.tolist() == [0, 0, 1, 2, 3, 4, 4, 5]
    assert both.patients == Patients(every=6, having=5, lacking=3)
    assert union([plain, plain]).owner is None


def test_models_are_paired_only_on_the_same_patients() -> None:
    one = Predictions.of([0, 1, 1], [0.1, 0.9, 0.8], [0, 0, 1])
    with pytest.raises(DataError, match="different units"):
        require_pairs(one, Predictions.of([0, 1, 1], [0.1, 0.9, 0.8], [0, 1, 1]))
    with pytest.raises(DataError, match="3 units have 2 patients"):
        Predictions.of([0, 1, 1], [0.1, 0.9, 0.8], [0, 1])


def test_a_verdict_counts_patients_and_says_so() -> None:
    first, second = ward(2, patients=9, most=9)
    told = verdict("north", first, second, unit="image", rng=np.random.default_rng(0))

    assert told.patients is not None
    assert told.patients.every == 9
    assert told.word == "no difference shown"
    assert told.difference.interval is None
    assert told.reason == "Fewer than 10 test patients are too few for any verdict."
    assert f"On its own {len(first)} test images of 9 patients" in told.sentence


def test_auc_needs_ten_patients_of_either_outcome() -> None:
    owner = np.repeat(np.arange(40), 5)
    ill = (np.arange(40) < 9)[owner]
    p = np.random.default_rng(0).random(200)
    one = Predictions.of(ill, p, owner)

    assert why_not_auc(one, one) == "few-of-a-class"
    assert why_not_auc(replace(one, owner=None), replace(one, owner=None)) == ""
    told = verdict("north", one, one, unit="image", rng=np.random.default_rng(0))
    assert told.metric == "brier"
    assert told.reason.startswith("Fewer than 10 of its test patients have images with the")


def test_pictures_and_groups_hold_ten_patients() -> None:
    owner = np.repeat(np.arange(12), 10)
    y = (np.arange(12) < 6)[owner]
    p = np.random.default_rng(0).random(12)[owner]
    few = Predictions.of(y, p, owner)

    assert len(reliability(few)) == 1
    assert len(roc(few)) == 1
    assert decision_curve(few, np.random.default_rng(0), draws=20) == ()
    assert len(reliability(replace(few, owner=None))) > 5
    level = Divided(name="sex", levels=("f", "m"), members={"a": owner % 2})
    assert not shown(level, [("a", few)], 10).any()
    assert shown(level, [("a", replace(few, owner=None))], 10).all()


def test_a_patient_in_two_levels_counts_in_one_cell() -> None:
    owner = np.repeat(np.arange(38), 3)
    y = (np.arange(38) < 18)[owner]
    one = Predictions.of(y, np.random.default_rng(0).random(114), owner)
    level = np.tile([0, 0, 1], 38)  # everybody is in both, so 18 and 20 are shared by two

    visible = shown(
        Divided(name="age", levels=("a", "b"), members={"s": level}), [("s", one)], 10
    )

    assert not visible.any()  # nine of the eighteen are in either cell
    apart = replace(one, owner=None)
    assert shown(
        Divided(name="age", levels=("a", "b"), members={"s": level}), [("s", apart)], 10
    ).all()


def test_levels_that_share_patients_are_compared_as_such() -> None:
    rng = np.random.default_rng(8)
    owner = np.repeat(np.arange(100), 2)
    y = (np.arange(100) < 50)[owner]
    p = np.clip(0.2 * y + rng.random(100)[owner] * 0.6 + rng.random(200) * 0.2, 0, 1)
    level = np.tile([0, 1], 100)  # one unit of everybody is in either level
    one = Predictions.of(y, p, owner)
    divided = Divided(name="eye", levels=("left", "right"), members={"a": level})

    def found(of: Predictions) -> dict[str, Estimate]:
        told = group_scores(divided, [("a", of)], 0.5)
        return {g.metric: g.difference for g in gaps([divided], [("a", of)], told, 0.5)}

    shared_ones, as_if_apart = found(one), found(replace(one, owner=None))
    for metric in ("auc", "sensitivity", "false alarms", "calibration"):
        assert shared_ones[metric].value == pytest.approx(as_if_apart[metric].value)
        assert width(shared_ones[metric]) < width(as_if_apart[metric])
    # The two eyes are pairs: by the variance of their differences.
    left, right = part(one, level == 0), part(one, level == 1)
    gap = (right.outcome - right.probability) - (left.outcome - left.probability)
    assert width(shared_ones["calibration"]) == pytest.approx(
        2 * 1.959964 * float(gap.std(ddof=1)) / sqrt(100), rel=1e-6
    )


def test_nobody_in_common_is_no_covariance() -> None:
    assert shared((np.array([0, 1]), np.ones(2)), (np.array([2, 3]), np.ones(2))) == 0


def test_the_logit_interval_of_an_auc_is_by_hand() -> None:
    one, _ = ward(6, patients=400, most=2)
    found = auc(one)
    assert found.value is not None
    low, high = ends(found)

    half = (log(high / (1 - high)) - log(low / (1 - low))) / 2
    error = sqrt(obuchowski(one)) / (found.value * (1 - found.value))
    assert half / error == pytest.approx(1.96, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["auc", "brier"])
@pytest.mark.parametrize(
    ("patients", "most", "mixed"),
    [(60, 1, False), (60, 8, False), (60, 8, True), (24, 8, False), (24, 8, True)],
)
def test_hardly_more_than_one_in_twenty_is_wrong(
    *, metric: str, patients: int, most: int, mixed: bool
) -> None:
    wrong = 0
    for seed in range(400):
        first, second = ward(seed, patients=patients, most=most, mixed=mixed)
        if first.fewest_patients < 2:
            continue
        found = compare(metric, first, second, np.random.default_rng(0))  # type: ignore[arg-type]
        low, high = ends(found.difference)
        wrong += not low <= 0 <= high

    assert wrong <= 400 * 0.05 + 2.5 * sqrt(400 * 0.05 * 0.95)
