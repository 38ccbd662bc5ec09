"""The same patients in any kind of store are the same cohort, bit for bit."""

import numpy as np
import pytest

from modelward.core.columns import columns
from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.kinds import KINDS, STUDY, patients, write_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    people = patients(300)
    study = parse(STUDY)
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: open_cohort(write_site(folder / kind, kind, people), study) for kind in KINDS}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wide"])
def test_every_kind_gives_what_was_worked_out_by_hand(cohorts, kind):
    by_hand, found = cohorts["wide"], cohorts[kind]
    order = np.argsort(by_hand.ids)

    assert found.ids == tuple(np.array(by_hand.ids)[order])
    for place, column in enumerate(columns(parse(STUDY))):
        np.testing.assert_array_equal(
            found.x[:, place], by_hand.x[order, place], err_msg=column.name
        )
    assert found.x.tobytes() == np.ascontiguousarray(by_hand.x[order]).tobytes()
    assert np.array_equal(found.y, by_hand.y[order])
    assert np.array_equal(found.folds, by_hand.folds[order])


def test_who_is_left_out_is_told_with_the_rule(cohorts):
    notes = " ".join(cohorts["omop"].notes)

    assert "rows left out: no index event." in notes
    assert "rows left out: not adult." in notes
    assert "rows left out: dialysis." in notes
    assert 0 < len(cohorts["omop"].y) < 300
    assert 0 < cohorts["omop"].y.mean() < 1
