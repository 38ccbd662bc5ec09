"""Each simulated hospital gets its own files, exactly as a real one would have them."""

from pathlib import Path

import numpy as np
import pytest

from modelward.errors import StorageError
from modelward.readers.dataset import read
from modelward.readers.open import open_cohort
from modelward.simulation.dealing import Dealing, Special, deal
from modelward.simulation.split import write_sites
from tests.disks import largest_file
from tests.studies import IMAGES, rows, table_study, write_csv, write_images


def test_the_sites_together_hold_the_rows_of_the_table(tmp_path):
    study, special = table_study(), Special(patient="patient")
    path = write_csv(tmp_path / "d.csv", rows(90))
    dealt = deal(path, study, Dealing(by="hospital"), special)

    write_sites(path, dealt, tmp_path / "sites", special)

    cohorts = {s: open_cohort(tmp_path / "sites" / s / "dataset.toml", study) for s in dealt}
    assert {site: len(cohort.y) for site, cohort in cohorts.items()} == {
        site: len(part) for site, part in dealt.items()
    }
    for site, part in dealt.items():
        lines = [rows(90)[row].split(",") for row in part]
        assert cohorts[site].x[:, 0].tolist() == [float(cells[2]) for cells in lines]


def test_the_sites_together_hold_the_images_of_the_archive(tmp_path):
    study = table_study(IMAGES)
    path = write_images(tmp_path / "d.npz", 60)
    dealt = deal(path, study, Dealing(sites=3, alpha=1.0), Special())

    write_sites(path, dealt, tmp_path / "sites", Special())

    with np.load(path) as archive:
        for site, part in dealt.items():
            cohort = open_cohort(tmp_path / "sites" / site / "dataset.toml", study)
            assert np.array_equal(cohort.x, archive["images"][part])


@pytest.mark.parametrize("name", ['pat"ient', "p\\id", "größe", "a\tb", "[x]"])
def test_any_heading_survives_dataset_toml(tmp_path, name):
    special = Special(patient=name, missing=("", '"?"', "\\N", "\x01"))
    path = write_csv(
        tmp_path / "d.csv", ["a,1", "b,2"], f'"{name.replace(chr(34), chr(34) * 2)}",x'
    )

    write_sites(path, {"north": np.array([0, 1])}, tmp_path / "sites", special)

    dataset, data = read(tmp_path / "sites" / "north" / "dataset.toml")
    assert dataset.dataset.patient == name
    assert dataset.dataset.missing == special.missing
    assert data == tmp_path / "sites" / "north" / "data.parquet"


def test_a_disk_that_is_full_leaves_no_half_written_data(tmp_path):
    path = write_csv(tmp_path / "d.csv", rows(5000))
    dealt = {"north": np.arange(5000)}

    with largest_file(3000), pytest.raises(StorageError, match=r"data\.parquet cannot be"):
        write_sites(path, dealt, tmp_path / "sites", Special())

    assert files(tmp_path / "sites") == []
    write_sites(path, dealt, tmp_path / "sites", Special())
    assert files(tmp_path / "sites") == ["data.parquet", "dataset.toml"]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
