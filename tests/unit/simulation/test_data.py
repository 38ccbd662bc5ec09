"""The demo's data are the published ones, and its split follows from a description."""

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from modelward.errors import DataError
from modelward.simulation import data

HOSPITALS = {
    "cleveland": (199, 104),
    "hungarian": (172, 89),
    "switzerland": (30, 16),
    "va": (85, 45),
}
"""Training and test patients, as FLamby publishes them."""


def complete_rows(hospital: str) -> list[tuple[int, int]]:
    """Return line number and outcome of the patients with every feature that FLamby keeps."""
    lines = data.checked(f"processed.{hospital}.data").decode().split()
    rows = [line.split(",") for line in lines]
    return [
        (number, int(int(row[13]) > 0))
        for number, row in enumerate(rows, start=1)
        if "?" not in [*row[:10], row[13]]
    ]


def shipped_folds() -> dict[str, dict[int, str]]:
    """Return the fold of every line of every hospital, as shipped."""
    folds: dict[str, dict[int, str]] = {hospital: {} for hospital in HOSPITALS}
    for row in csv.DictReader(StringIO(data.checked("heart_split.csv").decode())):
        folds[row["hospital"]][int(row["line"])] = row["fold"]
    return folds


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_the_split_is_rebuilt_from_its_description(hospital):
    rows = complete_rows(hospital)
    numbers, outcomes = zip(*rows, strict=True)
    stratified = np.bincount(outcomes).min() > 2

    train, test = train_test_split(
        numbers, test_size=0.34, random_state=43, stratify=outcomes if stratified else None
    )

    folds = shipped_folds()[hospital]
    assert {number for number, fold in folds.items() if fold == "train"} == set(train)
    assert {number for number, fold in folds.items() if fold == "test"} == set(test)
    assert (len(train), len(test)) == HOSPITALS[hospital]


def test_a_damaged_file_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    (tmp_path / "heart_split.csv").write_text("hospital,line,fold\n")

    with pytest.raises(DataError, match="SHA-256 is not the one that was shipped"):
        data.checked("heart_split.csv")
    with pytest.raises(DataError, match=r"processed\.va\.data cannot be used"):
        data.checked("processed.va.data")


def test_every_shipped_file_has_its_hash_and_its_attribution():
    sources = (Path(data.__file__).parent / "data" / "SOURCES.md").read_text("utf-8")
    shipped = {path.name for path in data.FOLDER.iterdir()} - {"SOURCES.md"}

    assert shipped == set(data.SHA256)
    assert "`processed.*.data`" in sources
    for name in shipped - {n for n in shipped if n.startswith("processed.")}:
        assert f"`{name}`" in sources
