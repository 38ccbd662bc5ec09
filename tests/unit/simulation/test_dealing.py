"""Every row belongs to exactly one simulated hospital."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.simulation.dealing import (
    LEAST,
    Dealing,
    Special,
    by_column,
    by_patient,
    by_skew,
    deal,
)
from modelward.simulation.simulate import Simulation
from tests.studies import IMAGES, TABLE, rows, table_study, write_csv, write_images


def test_every_value_of_a_column_is_a_site(tmp_path):
    lines = ["North Ward,p1", "st. mary's,p2", "North Ward,p3", "3rd,p4"]
    path = write_csv(tmp_path / "d.csv", lines, "hospital,patient")

    found = by_column(path, "hospital")

    assert {site: part.tolist() for site, part in found.items()} == {
        "north-ward": [0, 2],
        "site-3rd": [3],
        "st-mary-s": [1],
    }


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a b,1", "a-b,2"], "hospital: two values give the same site name"),
        (["a,1", ",2", "?,3"], "hospital: is empty in 2 rows"),
    ],
)
def test_a_column_that_cannot_be_dealt_by_is_refused(tmp_path, lines, said):
    path = write_csv(tmp_path / "d.csv", lines, "hospital,patient")

    with pytest.raises(DataError) as caught:
        by_column(path, "hospital")
    assert said in caught.value.what


@given(
    st.integers(2, 6),
    st.sampled_from([0.1, 0.5, 100.0]),
    st.integers(0, 5),
    st.integers(40, 120),
)
def test_skewed_sites_share_all_rows_and_no_row_twice(sites, alpha, seed, number):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, number).astype(np.int8)
    folds = rng.integers(0, 3, number).astype(np.int8)

    found = by_skew(labels, folds, Dealing(sites=sites, alpha=alpha), seed)

    assert len(found) == sites
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(number))
    assert list(found) == sorted(found)
    again = by_skew(labels, folds, Dealing(sites=sites, alpha=alpha), seed)
    assert all(np.array_equal(found[site], again[site]) for site in found)


def test_a_patient_is_dealt_to_one_site_with_all_images():
    rng = np.random.default_rng(0)
    patients = np.array([f"p{n}" for n in np.repeat(np.arange(60), 4)])[rng.permutation(240)]
    labels = np.array([int(one[1:]) % 2 for one in patients], np.int8)
    folds = np.zeros(240, np.int8)

    dealt = by_patient(labels, folds, patients, Dealing(sites=3, alpha=1.0), seed=0)

    assert sorted(np.concatenate(list(dealt.values())).tolist()) == list(range(240))
    whose = [set(patients[rows]) for rows in dealt.values()]
    assert sum(map(len, whose)) == 60


def test_patients_with_one_image_each_are_dealt_as_images_are():
    labels = np.random.default_rng(1).integers(0, 2, 90).astype(np.int8)
    folds = (np.arange(90) % 3).astype(np.int8)
    patients = np.random.default_rng(2).permutation(90)
    skew = Dealing(sites=3, alpha=0.5)

    by_image = by_skew(labels, folds, skew, seed=3)
    dealt = by_patient(labels, folds, patients, skew, seed=3)

    assert {s: r.tolist() for s, r in dealt.items()} == {
        s: r.tolist() for s, r in by_image.items()
    }


def test_a_site_with_few_positives_has_few_in_every_fold():
    labels = (np.arange(6000) % 2).astype(np.int8)
    folds = (np.arange(6000) // 2 % 3).astype(np.int8)

    found = by_skew(labels, folds, Dealing(sites=4, alpha=0.3), seed=3)

    for part in found.values():
        shares = [labels[part][folds[part] == fold].mean() for fold in range(3)]
        assert max(shares) - min(shares) < 0.03
    spread = [float(labels[part].mean()) for part in found.values()]
    assert max(spread) - min(spread) > 0.2


def test_tables_and_images_are_dealt_by_their_outcome(tmp_path):
    table = write_csv(tmp_path / "d.csv", [*rows(100), "west,p99999,50,1,other,"])
    found = deal(table, table_study(), Dealing(sites=3, alpha=1.0), Special())
    assert sum(map(len, found.values())) == 101

    images = write_images(tmp_path / "d.npz", 60)
    found = deal(images, table_study(IMAGES), Dealing(sites=3, alpha=1.0), Special())
    assert sum(map(len, found.values())) == 60


def test_images_are_dealt_by_an_array_of_their_archive(tmp_path):
    path = tmp_path / "d.npz"
    where = np.array(["a", "b", "a"])
    np.savez(path, images=np.zeros((3, 12, 12), np.uint8), labels=[0, 1, 0], clinic=where)

    found = deal(path, table_study(IMAGES), Dealing(by="clinic"), Special())

    assert {site: part.tolist() for site, part in found.items()} == {"a": [0, 2], "b": [1]}
    with pytest.raises(DataError, match="ward: is missing"):
        deal(path, table_study(IMAGES), Dealing(by="ward"), Special())


def test_an_outcome_that_cannot_be_read_is_told_before_anything_is_dealt(tmp_path):
    path = write_csv(tmp_path / "d.csv", ["west,p,50,1,other,maybe"])

    with pytest.raises(DataError, match="'maybe' is neither yes nor no"):
        deal(path, table_study(), Dealing(sites=2), Special())


def test_a_dealing_says_itself_in_words_and_in_json():
    column, skew = Dealing(by="hospital"), Dealing(sites=3, alpha=0.5)

    assert "column 'hospital'" in column.says()
    assert "3 simulated sites" in skew.says()
    assert (column.to_json(), skew.to_json()) == (
        {"by": "hospital"},
        {"sites": 3, "alpha": 0.5},
    )


def test_missing_texts_are_given_with_commas_and_empty_is_always_one():
    assert Special.of(patient="p", split=None, missing="-9,none").missing == ("", "-9", "none")
    assert "NA" in Special.of(patient=None, split=None, missing=None).missing


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_hospital_of_the_demo_is_nearly_without_a_class(seed):
    labels = np.repeat(np.array([0, 1, 0, 1], np.int8), [1214, 3494, 234, 390])
    folds = np.repeat(np.array([0, 0, 2, 2], np.int8), [1214, 3494, 234, 390])

    for part in by_skew(labels, folds, Dealing(), seed).values():
        counts = np.bincount(labels[part][folds[part] == 0], minlength=2)
        assert counts.min() >= LEAST - 1  # shares are rounded to whole rows


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=30), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_rows_are_dealt_even_where_there_are_too_few_for_every_site(labels, sites):
    folds = np.zeros(len(labels), np.int8)

    found = by_skew(np.array(labels, np.int8), folds, Dealing(sites=sites, alpha=0.05), 3)

    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(len(labels)))


def named(*names: str) -> Study:
    """Return the study of three hospitals that names its sites."""
    listed = ", ".join(f'"{name}"' for name in names)
    return table_study(TABLE + f"\n[sites]\nnames = [{listed}]\n")


def test_a_study_that_names_its_sites_has_those_and_no_others(tmp_path):
    path = write_csv(tmp_path / "d.csv", rows(60))
    special, by = Special(patient="patient"), Dealing(by="hospital")

    everybody = deal(path, table_study(), by, special)
    found = deal(path, named("west", "north"), by, special)

    assert sorted(everybody) == ["north", "south", "west"]
    assert {site: part.tolist() for site, part in found.items()} == {
        site: everybody[site].tolist() for site in ("north", "west")
    }


def test_dealt_sites_take_the_names_of_the_study(tmp_path):
    path = write_csv(tmp_path / "d.csv", rows(60))
    special, dealing = Special(patient="patient"), Dealing(sites=2, alpha=1.0)

    unnamed = deal(path, table_study(), dealing, special)
    found = deal(path, named("oslo", "bergen"), dealing, special)

    assert list(found) == ["oslo", "bergen"]
    assert found["bergen"].tolist() == unnamed["site-2"].tolist()


@pytest.mark.parametrize(
    ("dealing", "said"),
    [
        (Dealing(by="hospital"), "sites.names: no row of oslo; there are north, south, west"),
        (Dealing(sites=3), "sites.names: the study names 2 sites, and 3 are dealt"),
    ],
)
def test_sites_that_the_data_do_not_have_are_refused(tmp_path, dealing, said):
    path = write_csv(tmp_path / "d.csv", rows(60))

    with pytest.raises(DataError) as caught:
        deal(path, named("north", "oslo"), dealing, Special(patient="patient"))
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("patient", "unit", "counted"),
    [(None, "patient", True), ("patient", "patient", False), (None, "encounter", False)],
)
def test_rows_are_known_to_be_counted_as_patients_where_no_column_names_them(
    tmp_path, patient, unit, counted
):
    request = Simulation(
        study=table_study(TABLE, ('id = "small"', f'id = "small"\nunit = "{unit}"')),
        data=write_csv(tmp_path / "d.csv", rows(9)),
        dealing=Dealing(by="hospital"),
        special=Special(patient=patient),
        out=tmp_path / "run",
    )

    assert request.counts_rows is counted
