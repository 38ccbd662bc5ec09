"""The same picture in any kind of file, with outcomes from any kind of store, is one tensor."""

import numpy as np
import pytest

from modelward.readers.images.grey import as_bytes, fitted, scaled
from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.kinds import KINDS, patients
from tests.pictures import IMAGES, STUDY, picture, readmitted, write_site

pytestmark = pytest.mark.slow

PEOPLE = patients(60)
PAIRS = [("dicom", "omop"), ("dicom", "fhir"), ("nifti", "meds"), ("nifti", "rows"),
         ("dicom", "wide"), ("nifti", "wide")]  # fmt: skip


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    found = {}
    for kind, labels in PAIRS:
        file = write_site(folder / f"{kind}-{labels}", kind, labels, PEOPLE)
        found[kind, labels] = open_cohort(file, parse(STUDY))
    return found


def test_every_kind_of_store_is_among_them():
    assert {labels for _, labels in PAIRS} == set(KINDS)
    assert {kind for kind, _ in PAIRS} == set(IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_images_and_outcomes_are_those_that_were_worked_out_by_hand(cohorts, pair):
    found = cohorts[pair]
    by_name = {patient.name: patient for patient in PEOPLE}

    assert len(found.ids) > 50
    assert list(found.ids) == sorted(found.ids)
    for name, x, y in zip(found.ids, found.x, found.y, strict=True):
        values = picture(by_name[name])[1].astype(np.float64)
        by_hand = as_bytes(fitted(scaled(values, 0, 1000), (20, 20)))
        np.testing.assert_array_equal(x, by_hand)
        assert y == readmitted(by_name[name])


def test_all_sites_have_the_same_bits(cohorts):
    first, *others = cohorts.values()

    for other in others:
        assert other.ids == first.ids
        assert other.x.tobytes() == first.x.tobytes()
        assert np.array_equal(other.y, first.y)
        assert np.array_equal(other.folds, first.folds)
