"""Outcomes that are more than yes or no, from tables, archives and back from a snapshot."""

from pathlib import Path

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.arrays import read_arrays
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_table
from modelward.simulation.dealing import Dealing, Special, deal
from modelward.site.isolation.snapshot import read_snapshot, write_snapshot
from modelward.study.read import parse

ABOUT = '[study]\nid = "graded"\npurpose = "Grade"\nmin_patients = 1\n'
GRADE = (
    '[target.grade]\ntype = "category"\nlevels = ["none", "mild", "severe"]\nyes = ["severe"]\n'
)
IMAGE = '[features.scan]\ntype = "image"\nsize = [4, 4]\n'
TABLE = '[features.age]\ntype = "number"\nunit = "a"\nrange = [0, 110]\n'
GRADED = parse(f'{ABOUT}{IMAGE}{GRADE}[recipe]\nname = "cnn"\n', file="s")
ROWS = parse(f'{ABOUT}{TABLE}{GRADE}[recipe]\nname = "mlp"\n', file="s")
DRAWN = parse(
    f'{ABOUT}{IMAGE}[target.lesion]\ntype = "mask"\n[recipe]\nname = "unet"\n'
    "options = { channels = [8, 8] }\n",
    file="s",
)


def table(tmp_path: Path, words: list[str]) -> Cohort:
    """Return the cohort of a table of these grades."""
    path = tmp_path / "rows.csv"
    lines = [f"{30 + place},{word}" for place, word in enumerate(words)]
    path.write_text("\n".join(["age,grade", *lines]) + "\n")
    dataset = Dataset(
        dataset=Source(kind="table", path=str(path)), values={"grade": {"leicht": "mild"}}
    )
    return read_table(path, dataset, ROWS)


def test_a_table_has_the_number_of_the_level_and_whether_it_counts_as_a_yes(tmp_path):
    cohort = table(tmp_path, ["none", "severe", "leicht", "severe", ""])

    assert cohort.y.tolist() == [0, 1, 0, 1]
    assert cohort.amount is not None
    assert cohort.amount.tolist() == [0.0, 2.0, 1.0, 2.0]


def test_a_word_that_is_no_level_is_a_fault(tmp_path):
    with pytest.raises(DataError, match="awful"):
        table(tmp_path, ["none", "awful"])


def test_an_archive_of_levels_and_one_of_masks(tmp_path):
    images = np.zeros((4, 4, 4), np.uint8)
    masks = np.zeros((4, 4, 4), np.uint8)
    masks[1, 2, 2] = 1
    path = tmp_path / "a.npz"
    np.savez(path, images=images, labels=np.array([2, 0, 1, 2]), masks=masks)

    graded, drawn = read_arrays(path, GRADED), read_arrays(path, DRAWN)

    assert graded.y.tolist() == [1, 0, 0, 1]
    assert graded.amount is not None
    assert graded.amount.tolist() == [2, 0, 1, 2]
    assert drawn.y.tolist() == [0, 1, 0, 0]
    assert drawn.masks is not None
    assert (drawn.masks == masks).all()


@pytest.mark.parametrize(
    ("study", "arrays", "says"),
    [
        (GRADED, {"labels": np.array([0, 3, 1, 1])}, "must be 0 to 2"),
        (DRAWN, {"masks": np.full((4, 4, 4), 2, np.uint8)}, "uint8 of 0 and 1"),
        (DRAWN, {"masks": np.zeros((4, 2, 2), np.uint8)}, "shape of the images"),
        (DRAWN, {"labels": np.zeros(4, np.int8)}, "masks: is missing"),
    ],
)
def test_outcomes_that_are_not_what_the_study_asks_are_faults(tmp_path, study, arrays, says):
    path = tmp_path / "a.npz"
    np.savez(path, images=np.zeros((4, 4, 4), np.uint8), **arrays)

    with pytest.raises(DataError, match=says):
        read_arrays(path, study)


def test_masks_and_levels_come_back_from_a_snapshot(tmp_path):
    path = tmp_path / "a.npz"
    drawn = np.random.default_rng(0).integers(0, 2, (6, 4, 4)).astype(np.uint8)
    images = np.zeros((6, 4, 4), np.uint8)
    np.savez(path, images=images, labels=np.arange(6) % 3, masks=drawn)

    for study in (GRADED, DRAWN):
        cohort = read_arrays(path, study)
        facts = write_snapshot(cohort, study, tmp_path / study.target_name, bytes(32))
        _, again = read_snapshot(
            tmp_path / study.target_name / "snapshots" / study.sha256, facts.bundle
        )
        for name in ("masks", "amount"):
            one, other = getattr(cohort, name), getattr(again, name)
            assert (one is None) == (other is None)
            assert one is None or (one == other).all()


def test_label_skew_is_dealt_by_level(tmp_path):
    path = tmp_path / "a.npz"
    labels = np.repeat([0, 1, 2], 400)
    np.savez(path, images=np.zeros((1200, 4, 4), np.uint8), labels=labels)

    rows = deal(path, GRADED, Dealing(sites=3, alpha=0.5), Special())

    shares = [np.bincount(labels[part], minlength=3) / len(part) for part in rows.values()]
    assert np.ptp(np.array(shares)[:, 1]) > 0.1
