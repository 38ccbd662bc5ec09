"""Image archives are read only in the form that the study names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.arrays import load, read_arrays
from tests.studies import IMAGES, table_study, write_images

STUDY = table_study(IMAGES)


def save(path: Path, **changes: Any) -> Path:
    """Write ten images with `changes`; None leaves an array out."""
    arrays: dict[str, Any] = {
        "images": np.zeros((10, 12, 12), np.uint8),
        "labels": np.array([0, 1] * 5),
        **changes,
    }
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def test_images_labels_and_folds_are_read(tmp_path):
    folds = np.array([0, 1, 2, 0, 0, 0, 0, 0, 0, 2])
    cohort = read_arrays(save(tmp_path / "d.npz", folds=folds), STUDY)

    assert cohort.x.shape == (10, 12, 12)
    assert cohort.y.dtype == np.int8
    assert cohort.folds.tolist() == folds.tolist()


def test_without_folds_they_are_drawn(tmp_path):
    cohort = read_arrays(write_images(tmp_path / "d.npz", 400), STUDY)

    assert cohort.count("test") == pytest.approx(80, abs=32)
    assert cohort.count("validation") == pytest.approx(80, abs=32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": np.zeros((10, 12, 12))}, "images: are float64[10, 12, 12], the study asks"),
        ({"images": np.zeros((10, 13, 12), np.uint8)}, "images: are uint8[10, 13, 12]"),
        ({"images": np.zeros((10, 144), np.uint8)}, "images: are uint8[10, 144]"),
        ({"labels": np.zeros(9, int)}, "labels: 9 labels for 10 images"),
        ({"labels": np.full(10, 2)}, "labels: must be 0 or 1"),
        ({"labels": np.full(10, np.nan)}, "labels: must be 0 or 1"),
        ({"labels": np.full(10, "1")}, "labels: must be 0 or 1"),
        ({"folds": np.full(10, 3)}, "folds: must be 0 (train), 1 (validation) or 2 (test)"),
        ({"folds": np.zeros(9, int)}, "folds: must be 0"),
        ({"labels": None}, "labels: is missing"),
        ({"images": None, "labels": None}, "2 faults"),
        ({"labels": np.array([{}] * 10, object)}, "cannot be read as a NumPy archive"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, changes, said):
    path = save(tmp_path / "d.npz", **changes)

    with pytest.raises(DataError) as caught:
        read_arrays(path, STUDY)

    assert said in caught.value.what
    assert str(path) in caught.value.what


def test_a_study_on_a_table_refuses_images(tmp_path):
    with pytest.raises(DataError, match="the study asks for a table"):
        read_arrays(save(tmp_path / "d.npz"), table_study())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_an_archive_that_was_cut_is_refused(tmp_path, share):
    path = write_images(tmp_path / "d.npz", 50)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])

    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        load(path, ("images",))


def test_an_archive_with_a_flipped_bit_is_refused(tmp_path):
    path = write_images(tmp_path / "d.npz", 50)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))

    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        load(path, ("images",))


def test_a_single_array_or_a_pickle_is_no_archive(tmp_path):
    np.save(tmp_path / "d.npy", np.zeros(3))
    (tmp_path / "d.npy").rename(tmp_path / "d.npz")
    with pytest.raises(DataError):
        load(tmp_path / "d.npz", ("images",))
    (tmp_path / "d.npz").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError):
        load(tmp_path / "d.npz", ("images",))


def test_a_compressed_archive_is_read_and_refused_when_damaged(tmp_path):
    path = tmp_path / "d.npz"
    noise = np.random.default_rng(0).integers(0, 255, (50, 12, 12), np.uint8)
    np.savez_compressed(path, images=noise, labels=np.arange(50) % 2)
    assert len(read_arrays(path, STUDY).y) == 50

    raw = bytearray(path.read_bytes())
    for place in range(100, 2000, 97):
        raw[place] ^= 0xFF
    path.write_bytes(bytes(raw))
    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        load(path, ("images",))


def test_images_say_whose_they_are(tmp_path):
    patients = np.array([7, 7, 7, 3, 3, 9, 9, 9, 9, 1])

    named = read_arrays(save(tmp_path / "d.npz", patients=patients), STUDY)
    unnamed = read_arrays(save(tmp_path / "e.npz"), STUDY)

    assert named.owner is not None
    assert named.owner.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 3]
    assert len(set(zip(named.owner.tolist(), named.folds.tolist(), strict=True))) == 4
    assert unnamed.owner is None
    assert sorted(
        int(i) for f in ("train", "validation", "test") for i in unnamed.owners(f)
    ) == [*range(10)]


def test_images_of_one_patient_in_two_folds_are_refused(tmp_path):
    folds, patients = np.array([0] * 8 + [2] * 2), np.array(["a"] * 9 + ["b"])

    with pytest.raises(DataError, match="1 patients are in more than one fold"):
        read_arrays(save(tmp_path / "d.npz", folds=folds, patients=patients), STUDY)
