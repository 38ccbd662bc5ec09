"""NIfTI volumes against nibabel 5.4.2, on real files and on invented ones."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.features import ImageFeature
from modelward.errors import DataError
from modelward.readers.dataset import Images
from modelward.readers.images.frames import Unusable, picked
from modelward.readers.images.nifti import _axes, _upright, look_through
from modelward.readers.images.nifti_file import read_header, read_values
from tests.kinds import patients
from tests.pictures import nifti_file, picture
from tests.shared_data import shared

SLICE = ImageFeature(type="image", size=(20, 20), grey=(0, 1000))
VOLUME = ImageFeature(type="image", size=(20, 20), grey=(0, 1000), depth=3)

NIBABEL = {
    "anatomical.nii": (
        (33, 41, 25, 1),
        {"axial": "3bf7ae3f43c4ef9e", "coronal": "67a21f52a277d0c5",
         "sagittal": "ec0ccb091f6a95de"},
    ),
    "example4d.nii.gz": (
        (128, 96, 24, 2),
        {"axial": "faa317fc2678edc1", "coronal": "d8095021546de687",
         "sagittal": "41f2856561a49e70"},
    ),
    "example_nifti2.nii.gz": (
        (32, 20, 12, 2),
        {"axial": "2e05da5edfbb0afe", "coronal": "ba6bad50e012b754",
         "sagittal": "583e5375f9529e2e"},
    ),
    "functional.nii": (
        (17, 21, 3, 20),
        {"axial": "45cf6569672a745d", "coronal": "df128b1a2a917bd1",
         "sagittal": "307ae25f5e794458"},
    ),
}  # fmt: skip
"""Shape, and SHA-256 of the first volume as nibabel's `apply_orientation` turns it, float64
[slices, rows, columns], C order; compared value by value when this table was made."""


@pytest.mark.parametrize("name", NIBABEL)
def test_real_volumes_are_turned_as_nibabel_turns_them(name):
    file = shared("nifti") / name
    shape, views = NIBABEL[name]

    header = read_header(file)
    values = read_values(file, header)

    assert header.shape == shape
    for view, digest in views.items():
        turned = np.ascontiguousarray(_upright(values, _axes(header, view)))
        assert sha256(turned.tobytes()).hexdigest()[:16] == digest


def test_a_volume_is_the_same_in_each_way_of_storing_it(tmp_path):
    person = patients(1)[0]
    for way in range(4):
        nifti_file(tmp_path / f"{way}_T1.nii", picture(person), way)

    folder = look_through(tmp_path, VOLUME, Images(), {})
    units = picked(folder.frames, VOLUME, "patient")
    first, *others = [folder.draw(unit) for unit in units]

    assert [unit.patient for unit in units] == ["0", "1", "2", "3"]
    assert first.shape == (3, 20, 20)
    assert all(np.array_equal(first, other) for other in others)


def test_slices_are_units_or_the_middle_one_is(tmp_path):
    nifti_file(tmp_path / "sub-07_T1w.nii.gz", picture(patients(1)[0]))
    folder = look_through(tmp_path, SLICE, Images(), {})

    every = picked(folder.frames, SLICE, "image")
    middle = picked(folder.frames, SLICE, "patient")

    assert [unit.frames[0].number for unit in every] == [0, 1, 2]
    assert [(unit.patient, unit.frames[0].number) for unit in middle] == [("sub-07", 1)]


def test_whose_it_is_comes_from_the_path(tmp_path):
    (tmp_path / "P8" / "mr").mkdir(parents=True)
    nifti_file(tmp_path / "P8" / "mr" / "t1.nii", picture(patients(1)[0]))

    def who(images: Images) -> set[str]:
        return {frame.patient for frame in look_through(tmp_path, SLICE, images, {}).frames}

    assert who(Images(patient="folder")) == {"P8"}
    assert who(Images(patient=r"P(?P<patient>\d+)/")) == {"8"}
    assert who(Images(patient=r"^(?P<patient>Q\d+)")) == set()
    with pytest.raises(DataError, match="no group"):
        who(Images(patient=r"P(\d+)/"))


def reason(tmp_path: Path, change: Callable[[bytes], bytes], **how: Any) -> str:
    file = tmp_path / "x.nii"
    nifti_file(file, picture(patients(1)[0]), **how)
    raw = file.read_bytes()
    file.write_bytes(change(raw))
    try:
        header = read_header(file)
        _axes(header, "axial")
        read_values(file, header)
    except Unusable as refused:
        return str(refused)
    return "nothing is wrong with it"


def test_what_cannot_be_used_has_a_reason(tmp_path):
    def put(at: int, what: bytes) -> Callable[[bytes], bytes]:
        return lambda raw: raw[:at] + what + raw[at + len(what) :]

    assert "cut off" in reason(tmp_path, lambda raw: raw[:-1])
    assert "no NIfTI" in reason(tmp_path, lambda raw: raw[:200])
    assert "no NIfTI" in reason(tmp_path, put(0, b"abcd"))
    assert "another file" in reason(tmp_path, put(344, b"ni1\0"))
    assert "colours" in reason(tmp_path, put(70, b"\x80\x00"))
    assert "header is damaged" in reason(tmp_path, put(42, b"\xff\xff"))
    assert "header is damaged" in reason(tmp_path, put(42, b"\xff\x7f\xff\x7f\xff\x7f"))
    assert "how the volume lies" in reason(tmp_path, lambda raw: raw, codes=(0, 0))
    assert "not a finite" in reason(tmp_path, lambda raw: raw[:-4] + b"\x00\x00\xc0\x7f", way=1)


def test_a_site_says_what_nifti_files_hold(tmp_path):
    nifti_file(tmp_path / "1.nii", picture(patients(1)[0]))
    asked = SLICE.model_copy(update={"modality": "MR"})

    with pytest.raises(DataError, match="do not say it, the study asks for MR"):
        look_through(tmp_path, asked, Images(), {})
    with pytest.raises(DataError, match="is CT, the study asks for MR"):
        look_through(tmp_path, asked, Images(modality="CT"), {})
    assert look_through(tmp_path, asked, Images(modality="T1"), {"T1": "MR"}).frames
    with pytest.raises(DataError, match="axial, coronal, sagittal"):
        look_through(tmp_path, SLICE.model_copy(update={"view": "PA"}), Images(), {})
