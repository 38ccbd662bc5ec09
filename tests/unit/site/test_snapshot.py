"""The snapshot is the cohort, bit for bit; the gatekeeper's list holds nobody by name."""

import os
import stat
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.errors import DataError, StorageError
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.simulation import data
from modelward.site.isolation.snapshot import (
    keyed,
    read_facts,
    read_snapshot,
    snapshot_folder,
    write_snapshot,
)
from modelward.site.rooms.extractor import extract, patient_key, want
from modelward.study.read import parse
from tests.sites import make_site, newton

KEY = bytes(range(32))
TODAY = date(2026, 11, 1)


def images(count: int) -> tuple[Study, Cohort]:
    """Return an image study and `count` invented images."""
    study = parse((data.STUDIES / "pneumonia-cxr.toml").read_text())
    x: NDArray[np.uint8] = np.arange(count * 28 * 28, dtype=np.uint8).reshape(count, 28, 28)
    y, folds = np.arange(count, dtype=np.int8) % 2, np.arange(count, dtype=np.int8) % 3
    return study, Cohort(x=x, y=y, folds=folds, ids=tuple(map(str, range(count))))


def same(one: Cohort, other: Cohort) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        and getattr(one, name).dtype == getattr(other, name).dtype
        and getattr(one, name).shape == getattr(other, name).shape
        for name in ("x", "y", "folds")
    )


def test_a_table_comes_back_bit_for_bit_with_its_missing_values(tmp_path):
    site = make_site(tmp_path / "a", 1)
    text = (site / "data.csv").read_text().replace("S1-0003,", "S1-0003,-1")
    (site / "data.csv").write_text(text)
    cohort = open_cohort(site / "dataset.toml", newton())
    assert np.isnan(cohort.x).any()

    facts = write_snapshot(cohort, newton(), site, KEY)
    study, again = read_snapshot(snapshot_folder(site, newton().sha256), facts.bundle)

    assert study == newton()
    assert same(cohort, again)
    assert again.ids == ()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_images_come_back_also_when_there_are_none(tmp_path, count):
    study, cohort = images(count)

    facts = write_snapshot(cohort, study, tmp_path, KEY)

    assert same(cohort, read_snapshot(snapshot_folder(tmp_path, study.sha256), facts.bundle)[1])


def test_a_snapshot_is_mapped_and_not_read_so_it_may_be_larger_than_memory(tmp_path):
    study, cohort = images(50)
    facts = write_snapshot(cohort, study, tmp_path, KEY)

    _, again = read_snapshot(snapshot_folder(tmp_path, study.sha256), facts.bundle)

    assert not again.x.flags.owndata
    assert not again.x.flags.writeable
    (snapshot_folder(tmp_path, study.sha256) / "cohort.safetensors").chmod(0o640)
    (snapshot_folder(tmp_path, study.sha256) / "cohort.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        read_snapshot(snapshot_folder(tmp_path, study.sha256), facts.bundle)


def test_the_gatekeeper_gets_counts_and_keyed_ids(tmp_path):
    study, cohort = images(7)

    written = write_snapshot(cohort, study, tmp_path, KEY)

    facts = read_facts(tmp_path, study.sha256)
    assert facts == written
    assert facts is not None
    assert facts.units == {"train": 3, "validation": 2, "test": 2}
    assert (facts.behind("train"), facts.behind("evaluate")) == (3, 2)
    everybody = sorted(each for ids in facts.patients.values() for each in ids)
    assert everybody == sorted(keyed(KEY, str(n)) for n in range(7))
    assert {fold: len(ids) for fold, ids in facts.patients.items()} == facts.units


def test_a_patient_has_one_keyed_id_under_one_key_and_another_under_another():
    # HMAC-SHA-256 of b"modelward-patient/1\nS1" under bytes 0 to 31, by openssl
    assert keyed(KEY, "S1") == (
        "a8d9a1bb47fc3465412a2a9078c17cc7b0857fd0f81c8cb560578f437d3ba36f"
    )
    assert keyed(bytes(32), "S1") != keyed(KEY, "S1")


def test_an_altered_snapshot_is_refused(tmp_path):
    study, cohort = images(4)
    facts = write_snapshot(cohort, study, tmp_path, KEY)
    path = snapshot_folder(tmp_path, study.sha256) / "cohort.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.unlink()
    path.write_bytes(raw)

    with pytest.raises(DataError, match="not the one that was extracted"):
        read_snapshot(path.parent, facts.bundle)


def test_a_damaged_list_is_refused(tmp_path):
    study, cohort = images(4)
    write_snapshot(cohort, study, tmp_path, KEY)
    path = tmp_path / "cohorts" / f"{study.sha256}.json"
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(StorageError, match="damaged"):
        read_facts(tmp_path, study.sha256)


def test_snapshot_files_are_read_only_and_not_for_everybody(tmp_path):
    study, cohort = images(4)
    write_snapshot(cohort, study, tmp_path, KEY)

    for path in snapshot_folder(tmp_path, study.sha256).iterdir():
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o337 == 0, (path, oct(mode))


def test_the_extractor_answers_each_wish_once(tmp_path):
    site = make_site(tmp_path / "a", 1)
    assert extract(site, TODAY) == []
    want(site, newton())

    assert extract(site, TODAY) == [newton().sha256]

    facts = read_facts(site, newton().sha256)
    assert facts is not None
    assert sum(facts.units.values()) == 90
    assert extract(site, TODAY) == []


def test_data_that_do_not_fit_leave_no_snapshot_and_the_wish_stands(tmp_path):
    site = make_site(tmp_path / "a", 1)
    (site / "data.csv").write_text("mrn,creatinine\nS1,1.0\n")
    want(site, newton())

    with pytest.raises(DataError):
        extract(site, TODAY)

    assert read_facts(site, newton().sha256) is None
    assert len(list((site / "wanted").iterdir())) == 1


def test_the_key_of_patient_ids_is_made_once_and_kept_from_others(tmp_path):
    path = tmp_path / "patients.key"
    first = patient_key(path)

    assert patient_key(path) == first
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    with pytest.raises(StorageError, match="5 bytes"):
        patient_key(path)
    os.unlink(path)  # noqa: PTH108 - nothing is left of the short one
    assert patient_key(path) != first


def test_a_key_of_patient_ids_is_written_into_an_empty_file_that_waits_for_it(tmp_path):
    path = tmp_path / "patients.key"
    path.touch(mode=0o600)
    place = path.stat().st_ino

    first = patient_key(path)

    assert len(first) == 32
    assert patient_key(path) == first
    assert path.stat().st_ino == place  # the extractor's unit may not write beside it
