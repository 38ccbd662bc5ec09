"""Small cells are gone from everything that is written, and only in real runs."""

import json
from fractions import Fraction

import pytest

from modelward.report.cells import COVER, hide_small_cells
from modelward.report.singled_out import few, small
from tests.four_hospitals import findings

REAL = findings(draws=20, in_one_process=False)
HIDDEN = hide_small_cells(REAL)
VA = 3
SWISS = 2  # 16 test units, one of them without the outcome; 30 of 30 training units with it


def test_one_machine_hides_nothing():
    demo = findings(draws=20)

    assert hide_small_cells(demo) == demo


def test_one_machine_hides_them_in_what_is_passed_on_and_knows_whom_they_single_out():
    demo = findings(draws=20)
    hidden = hide_small_cells(demo, everywhere=True)

    assert few(demo, 10) == (demo.record.sites[SWISS].name,)
    assert few(hidden, 10) == ()
    assert hidden.federated.by_site[SWISS].positives is None
    assert hidden.record.sites[SWISS].train_positives is None
    assert all(model.overall.positives is None for model in hidden.models)


def test_counts_by_outcome_are_hidden_where_one_is_small():
    site, scores = HIDDEN.record.sites[SWISS], HIDDEN.federated.by_site[SWISS]

    assert (site.train, site.train_positives) == (30, None)
    assert (scores.units, scores.positives) == (16, None)


def test_figures_over_few_units_are_hidden_and_say_why():
    scores = HIDDEN.federated.by_site[SWISS]

    # A model that says yes to everybody has the share of the ill as its accuracy.
    for one in (scores.auc, scores.accuracy, scores.sensitivity, scores.brier, scores.slope):
        assert one.value is None
        assert one.note.startswith("not shown: fewer than 10")


def test_a_hidden_count_cannot_be_found_by_subtraction():
    assert all(model.overall.positives is None for model in HIDDEN.models)


def test_rates_and_pictures_of_everybody_give_no_hidden_count_back():
    model = HIDDEN.federated
    shown = sum(one.positives for one in model.by_site if one.positives is not None)
    ill = round(sum(point.units * point.observed for point in model.reliability))
    again = Fraction(model.overall.sensitivity.value or 0).limit_denominator(254)
    hidden = [one.site for one in model.by_site if one.positives is None]
    truth = {one.site: (one.units or 0, one.positives or 0) for one in REAL.federated.by_site}
    units, positives = (sum(truth[site][part] for site in hidden) for part in (0, 1))

    assert ill % again.denominator == 0  # either way whoever reads it knows how many are ill
    assert ill - shown == positives  # so what is hidden is known together
    assert len(hidden) > 1
    assert min(positives, units - positives) >= 10
    assert model.by_site[SWISS].site in hidden


def test_a_hospital_that_covers_another_shows_its_word_and_no_number():
    before, after = REAL.verdicts[VA], HIDDEN.verdicts[VA]

    assert HIDDEN.federated.by_site[VA].auc.note == COVER
    assert HIDDEN.federated.by_site[VA].units == 45
    assert (after.word, after.positives, after.federated) == (before.word, None, None)
    assert "another hospital" in after.reason


def test_where_all_together_are_few_no_picture_counts_them():
    few = hide_small_cells(REAL, 100)  # 129 of 254 are ill
    none = hide_small_cells(REAL, 130)

    assert few.federated.overall.accuracy.value is not None
    assert none.federated.overall.accuracy.value is None
    assert not none.federated.reliability
    assert not none.federated.roc


def test_the_verdict_keeps_its_word_but_not_its_numbers():
    before, after = REAL.verdicts[SWISS], HIDDEN.verdicts[SWISS]

    assert after.word == before.word
    assert (after.units, after.positives, after.federated, after.local) == (
        16,
        None,
        None,
        None,
    )
    assert after.difference.value is None
    assert "training" not in after.reason
    assert "16" not in after.sentence


def test_large_hospitals_keep_everything():
    assert HIDDEN.record.sites[0] == REAL.record.sites[0]
    assert HIDDEN.federated.by_site[0] == REAL.federated.by_site[0]
    assert HIDDEN.verdicts[0] == REAL.verdicts[0]


@pytest.mark.parametrize("min_cell", [1, 2, 10, 17, 50, 1000])
def test_no_count_below_the_minimum_cell_is_left(min_cell):
    plain = json.loads(hide_small_cells(REAL, min_cell).to_json())

    groups = [
        *((site["train"], site["train_positives"]) for site in plain["record"]["sites"]),
        *((one["units"], one["positives"]) for m in plain["models"] for one in m["by_site"]),
        *((one["units"], one["positives"]) for one in plain["verdicts"]),
    ]
    for units, positives in groups:
        assert units is None or units >= min_cell
        assert positives is None or min_cell <= positives <= units - min_cell


def test_pictures_stand_for_groups_of_at_least_the_minimum_cell():
    assert hide_small_cells(REAL, 10).federated.roc == REAL.federated.roc
    strict = hide_small_cells(REAL, 26).federated

    assert strict.roc == ()
    assert strict.reliability
    assert min(point.units for point in strict.reliability) >= 26


def test_a_count_that_is_not_known_is_treated_as_small():
    assert small(None, None, 10)
    assert small(100, None, 10)
    assert small(100, 95, 10)
    assert not small(100, 50, 10)
