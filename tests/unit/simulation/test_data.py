"""Demo data are the bytes that were shipped, and the split is FLamby's."""

import csv
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from modelward.errors import DataError
from modelward.simulation import data

DROPPED = (10, 11, 12)
"""slope, ca and thal, which FLamby leaves out."""


def complete(hospital: str) -> dict[int, bool]:
    """Return line -> disease of a hospital's patients without a missing feature."""
    found = {}
    lines = (data.FOLDER / f"processed.{hospital}.data").read_text().split()
    for number, line in enumerate(lines, start=1):
        cells = line.split(",")
        kept = [cell for place, cell in enumerate(cells) if place not in DROPPED]
        if "?" not in kept:
            found[number] = float(cells[13]) > 0
    return found


def shipped_split() -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for row in csv.DictReader((data.FOLDER / "heart_split.csv").read_text().splitlines()):
        found.setdefault(row["hospital"], {})[int(row["line"])] = row["fold"]
    return found


@pytest.mark.parametrize("hospital", data.HOSPITALS)
def test_the_split_is_that_of_scikit_learn_as_flamby_describes_it(hospital):
    patients = complete(hospital)
    lines, labels = np.array(list(patients)), np.array(list(patients.values()))
    counts = Counter(labels.tolist())
    stratify = labels if min(counts.values()) > 2 else None

    train, test = train_test_split(lines, test_size=0.34, random_state=43, stratify=stratify)

    expected = dict.fromkeys(train.tolist(), "train") | dict.fromkeys(test.tolist(), "test")
    assert shipped_split()[hospital] == expected


def test_the_folds_are_as_large_as_flamby_says():
    sizes = {
        hospital: (list(folds.values()).count("train"), list(folds.values()).count("test"))
        for hospital, folds in shipped_split().items()
    }

    assert sizes == {
        "cleveland": (199, 104),
        "hungarian": (172, 89),
        "switzerland": (30, 16),
        "va": (85, 45),
    }


@pytest.mark.parametrize("name", data.SHA256)
def test_every_shipped_file_has_its_hash(name):
    assert sha256(data.checked(name)).hexdigest() == data.SHA256[name]


def test_every_file_of_the_folder_is_checked():
    assert {path.name for path in data.FOLDER.iterdir()} == {*data.SHA256, "SOURCES.md"}


def test_a_damaged_or_missing_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(DataError, match=r"heart_split\.csv cannot be used") as caught:
        data.checked("heart_split.csv")
    assert caught.value.remedy == "install modelward again"

    (tmp_path / "heart_split.csv").write_text("hospital,line,fold\n")
    with pytest.raises(DataError, match="its SHA-256 is not the one"):
        data.write_heart(tmp_path / "heart.csv")
    assert not (tmp_path / "heart.csv").exists()


def test_all_920_patients_are_written_with_their_folds(tmp_path):
    path = tmp_path / "heart.csv"
    data.write_heart(path)
    rows = list(csv.DictReader(path.read_text().splitlines()))

    assert Counter(row["hospital"] for row in rows) == {
        "cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200,
    }  # fmt: skip
    assert sum(row["split"] == "test" for row in rows) == 104 + 89 + 16 + 45
    assert list(rows[0])[:3] == ["hospital", "split", "age"]


def test_the_images_are_written_with_the_official_folds(tmp_path):
    path: Path = tmp_path / "images.npz"
    data.write_pneumonia(path)

    with np.load(path) as archive:
        images, labels, folds = (archive[name] for name in ("images", "labels", "folds"))
    assert images.shape == (5856, 28, 28)
    assert np.bincount(folds).tolist() == [4708, 524, 624]
    assert [int(labels[folds == fold].sum()) for fold in range(3)] == [3494, 389, 390]
