"""DICOM files: the 42 real ones, lookup tables against pydicom, and what is never read."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.features import ImageFeature
from modelward.readers.dataset import Images
from modelward.readers.images.dicom import look_through
from modelward.readers.images.dicom_header import read_header, read_pixels
from modelward.readers.images.dicom_pixels import grey_of, windowed
from modelward.readers.images.frames import Pixels, Unusable, picked
from modelward.readers.images.tensors import drawn
from tests.command import modelward
from tests.kinds import patients
from tests.pictures import STUDY, dicom_file, picture, write_site
from tests.shared_data import shared

pydicom = pytest.importorskip("pydicom")

ANY = ImageFeature(type="image", size=(32, 32))
ASKED = ImageFeature(type="image", size=(32, 32), modality="MR", grey=(0, 1000))

READ = {
    "693_J2KI.dcm": 1, "693_UNCI.dcm": 1, "CT_small.dcm": 1, "JPEG2000.dcm": 1,
    "JPEG2000_UNC.dcm": 1, "MR2_J2KR.dcm": 1, "MR_small.dcm": 1, "MR_small_RLE.dcm": 1,
    "MR_small_bigendian.dcm": 1, "MR_small_expb.dcm": 1, "MR_small_implicit.dcm": 1,
    "MR_small_jp2klossless.dcm": 1, "MR_small_jpeg_ls_lossless.dcm": 1,
    "MR_small_padded.dcm": 1, "RG1_J2KI.dcm": 1, "RG3_J2KI.dcm": 1, "RG3_J2KR.dcm": 1,
    "SC_rgb_rle.dcm": 1, "SC_rgb_rle_16bit.dcm": 1, "SC_rgb_rle_16bit_2frame.dcm": 2,
    "SC_rgb_rle_2frame.dcm": 2, "SC_rgb_rle_32bit.dcm": 1, "SC_rgb_rle_32bit_2frame.dcm": 2,
    "US1_UNCI.dcm": 1, "bad_sequence.dcm": 1, "examples_rgb_color.dcm": 1,
    "explicit_VR-UN.dcm": 1, "mlut_18.dcm": 1, "vlut_04.dcm": 1,
}  # fmt: skip
"""File -> images in it."""

REFUSED = {
    "ExplVR_BigEnd.dcm": "nothing says whose image it is",
    "ExplVR_BigEndNoMeta.dcm": "it is a treatment plan (RTPLAN), no image",
    "JPEG2000-embedded-sequence-delimiter.dcm": "the pixels are cut off, or cannot be decoded",
    "MR_truncated.dcm": "the pixels are cut off, or cannot be decoded",
    "liver.dcm": "it is a segmentation (SEG), no image",
    "nested_priv_SQ.dcm": "it holds no image",
    "no_meta.dcm": "it is no DICOM file",
    "no_meta_group_length.dcm": "it holds no image",
    "reportsi.dcm": "it is a report (SR), no image",
    "reportsi_with_empty_number_tags.dcm": "it is a report (SR), no image",
    "rtplan.dcm": "it is a treatment plan (RTPLAN), no image",
    "rtplan_truncated.dcm": "it is a treatment plan (RTPLAN), no image",
    "rtstruct.dcm": "it is a set of contours (RTSTRUCT), no image",
}
"""File -> why it is left out."""


@pytest.mark.slow
def test_every_real_file_is_read_or_refused_with_the_reason():
    folder = shared("dicom")
    read: dict[str, int] = {}
    refused: dict[str, str] = {}
    for file in sorted(folder.glob("*.dcm")):
        found = look_through(file, ANY, Images(), {})
        units = picked(found.frames, ANY, "image")
        tensors = drawn(found, units, ANY, None).x
        if len(tensors):
            read[file.name] = len(tensors)
            assert tensors.std() > 5, file.name  # something is to be seen
        refused |= dict(found.left_out.files)

    assert read == READ
    assert refused == REFUSED
    assert len(READ) + len(REFUSED) == 42


def test_one_picture_in_ten_syntaxes_is_one_tensor():
    folder = shared("dicom")
    names = sorted(name for name in READ if name.startswith("MR_small"))
    units = {}
    for name in names:
        found = look_through(folder / name, ANY, Images(), {})
        units[name] = found.draw(picked(found.frames, ANY, "image")[0])

    assert len(names) == 8
    assert all(np.array_equal(units["MR_small.dcm"], each) for each in units.values())


@pytest.mark.slow
def test_mirrored_and_inverted_radiographs_are_put_right():
    folder = shared("dicom")
    found = look_through(folder / "RG3_J2KR.dcm", ANY, Images(), {})
    frame = found.frames[0]
    stored = grey_of(read_pixels(folder / "RG3_J2KR.dcm"), 0, None)

    assert frame.details.towards == ("R", "F")
    raw = pydicom.dcmread(folder / "RG3_J2KR.dcm")
    assert raw.PhotometricInterpretation == "MONOCHROME1"
    by_pydicom = pydicom.pixels.apply_voi_lut(raw.pixel_array, raw)
    dark = np.corrcoef(stored.ravel()[::97], by_pydicom.ravel()[::97])[0, 1]
    assert dark < -0.999


def test_lookup_tables_give_what_pydicom_gives():
    folder = shared("dicom")
    for name in ("vlut_04.dcm", "693_UNCI.dcm"):
        raw = pydicom.dcmread(folder / name)
        values = pydicom.pixels.apply_modality_lut(raw.pixel_array, raw)
        whole = pydicom.pixels.apply_voi_lut(values, raw).astype(float)
        if "VOILUTSequence" in raw:
            whole /= 2 ** raw.VOILUTSequence[0].LUTDescriptor[2] - 1
        else:
            whole = (whole - whole.min()) / (whole.max() - whole.min())
        found = grey_of(read_pixels(folder / name), 0, None)
        np.testing.assert_allclose(found, whole, atol=2e-3, err_msg=name)


def test_windows_follow_the_standard():
    values = np.array([-100.0, 0, 40, 80, 200])

    # PS3.3 C.11.2.1.2.1, window [0, 80] of c 40.5, w 81; exact and sigmoid by their formulas.
    assert windowed(values, 40.5, 81, "LINEAR").tolist() == [0, 0, 0.5, 1, 1]
    assert windowed(values, 40, 80, "LINEAR_EXACT").tolist() == [0, 0, 0.5, 1, 1]
    np.testing.assert_allclose(
        windowed(values, 40, 80, "SIGMOID"),
        1 / (1 + np.exp(-4 * (values - 40) / 80)),
        rtol=1e-6,
    )
    assert windowed(values, 40, 1, "LINEAR").tolist() == [0, 0, 1, 1, 1]


SECRETS = ("Secret", "Sally", "Hush", "Henry", "Concealed", "Hidden", "19500101")


def texts_of(thing: Any) -> Iterator[str]:
    """Yield every text and every bytes within a pydicom dataset."""
    for element in thing:
        value = element.value
        if element.VR == "SQ":
            for item in value:
                yield from texts_of(item)
        else:
            yield str(value)


def test_no_identifier_is_ever_an_object_of_the_process(tmp_path):
    dicom_file(tmp_path / "a.dcm", "P1", picture(patients(1)[0])[0])

    header = read_header(tmp_path / "a.dcm", ("PatientID",))
    pixels = read_pixels(tmp_path / "a.dcm")

    assert "PatientID" in header
    assert "PatientID" not in pixels
    for dataset in (header, pixels):
        said = " ".join(texts_of(dataset))
        assert not [secret for secret in SECRETS if secret in said]
    names = [each for each in gc.get_objects() if type(each).__name__ == "PersonName"]
    assert not [name for name in names if "Secret" in str(name)]


@pytest.mark.slow
def test_names_are_in_no_output_of_the_real_folder(tmp_path):
    folder = shared("dicom")
    names = set()
    for file in folder.glob("*.dcm"):
        raw = pydicom.dcmread(file, force=True)
        names |= {p for p in str(raw.get("PatientName", "")).split("^") if len(p) > 3}
    (tmp_path / "labels.csv").write_text("id,readmitted\n4MR1,1\n1CT1,0\n")
    (tmp_path / "study.toml").write_text(STUDY.replace('modality = "MR"\nview = "axial"\n', ""))
    (tmp_path / "dataset.toml").write_text(
        f'[dataset]\nkind = "dicom"\npath = "{folder}"\n[sources.t.dataset]\nkind = "table"\n'
        'path = "labels.csv"\npatient = "id"\n'
    )

    said = []
    for command in (
        ("data", "check", "dataset.toml", "--study", "study.toml", "--html", "out.html",
         "--files", "left.tsv", "--json"),
        ("data", "preview", "dataset.toml", "--study", "study.toml"),
    ):  # fmt: skip
        ended = modelward(*command, cwd=tmp_path)
        said.append(ended.stdout + ended.stderr)
    said += [(tmp_path / name).read_text() for name in ("out.html", "left.tsv")]

    assert len(names) > 5
    assert not [name for name in names for text in said if name in text]
    assert json.loads(said[0].splitlines()[0])["ready"] is False
    assert (tmp_path / "left.tsv").stat().st_mode & 0o077 == 0


def reasons(
    folder: Path,
    feature: ImageFeature = ASKED,
    images: Images | None = None,
    words: dict[str, str] | None = None,
) -> list[str]:
    found = look_through(folder, feature, images or Images(), words or {})
    units = picked(found.frames, feature, "image")
    drawn(found, units, feature, None)
    return [why for _, why in found.left_out.files]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Modality": "CT"}, "its modality is CT, the study asks for MR"),
        ({"Modality": "SR"}, "it is a report (SR), no image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "it is a localizer"),
        ({"BurnedInAnnotation": "YES"}, "it says that text is burned into its pixels"),
        ({"PatientID": ""}, "nothing says whose image it is"),
        ({"PatientID": None}, "nothing says whose image it is"),
        ({"Rows": None}, "it holds no image"),
        ({"Rows": 9999}, "the pixels are cut off, or cannot be decoded"),
        ({"PixelData": None}, "its pixels are missing, or cut off"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "the lookup tables are damaged"),
    ],
)
def test_what_a_study_does_not_ask_for_is_left_out_with_the_reason(tmp_path, changed, why):
    dicom_file(tmp_path / "a.dcm", "P1", picture(patients(1)[0])[0], **changed)

    assert reasons(tmp_path) == [why]


def test_views_are_planes_or_positions_and_a_site_may_translate_them(tmp_path):
    axial = ASKED.model_copy(update={"view": "axial"})
    sagittal = ASKED.model_copy(update={"view": "sagittal"})
    posterior = ASKED.model_copy(update={"view": "PA"})
    values = picture(patients(1)[0])[0]
    dicom_file(tmp_path / "a.dcm", "P1", values)
    assert reasons(tmp_path, axial) == []
    assert reasons(tmp_path, sagittal) == ["its view is axial, the study asks for sagittal"]

    dicom_file(tmp_path / "a.dcm", "P1", values, ImageOrientationPatient=None)
    unsaid = ["it does not say its view, the study asks for PA"]
    assert reasons(tmp_path, posterior) == unsaid
    assert reasons(tmp_path, posterior, Images(view="PA")) == []
    dicom_file(tmp_path / "a.dcm", "P1", values, ImageOrientationPatient=None,
               ViewPosition="POSTERIOR")  # fmt: skip
    assert reasons(tmp_path, posterior, words={"POSTERIOR": "PA"}) == []


def test_damaged_files_are_left_out_and_the_others_are_read(tmp_path):
    values = picture(patients(1)[0])[0]
    for name in ("a", "b", "c", "d"):
        dicom_file(tmp_path / f"{name}.dcm", name, values, way=4)
    raw = (tmp_path / "b.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(raw[:-40])
    (tmp_path / "c.dcm").write_bytes(raw[:300])
    (tmp_path / "notes.txt").write_text("Sally Secret came on Monday")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "z again.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())

    found = look_through(tmp_path, ASKED, Images(), {})
    units = picked(found.frames, ASKED, "image")
    tensors = drawn(found, units, ASKED, None)

    assert [units[place].patient for place in tensors.kept] == ["a", "d"]
    assert len(tensors.x) == 2
    why = dict(found.left_out.files)
    assert why["z again.dcm"] == "the same image is there already"
    assert why["notes.txt"] == why["empty.dcm"] == "it is no DICOM file"
    assert "damaged" in why["c.dcm"] or "no image" in why["c.dcm"]
    assert why["b.dcm"] == "its pixels are missing, or cut off"
    assert len(why) == 5


def test_every_header_cut_short_is_refused_and_never_a_crash(tmp_path):
    dicom_file(tmp_path / "a.dcm", "P1", picture(patients(1)[0])[0], way=4)
    raw = (tmp_path / "a.dcm").read_bytes()
    for length in range(0, len(raw) - 1, 29):
        (tmp_path / "a.dcm").write_bytes(raw[:length])
        found = look_through(tmp_path, ASKED, Images(), {})
        units = picked(found.frames, ASKED, "image")
        assert len(drawn(found, units, ASKED, None).x) + len(found.left_out.files) == 1


def test_slices_of_a_volume_must_be_of_one_kind(tmp_path):
    volume = ASKED.model_copy(update={"depth": 4})
    for place, values in enumerate(picture(patients(1)[0])):
        dicom_file(tmp_path / f"{place}.dcm", "P1", values, place)
    found = look_through(tmp_path, volume, Images(), {})
    (unit,) = picked(found.frames, volume, "patient")
    assert [frame.path for frame in unit.frames] == ["0.dcm", "1.dcm", "2.dcm"]
    assert found.draw(unit).shape == (4, 32, 32)

    dicom_file(tmp_path / "2.dcm", "P1", picture(patients(1)[0])[2][:-1], 2)
    found = look_through(tmp_path, volume, Images(), {})
    with pytest.raises(Unusable, match="differ in size or direction"):
        found.draw(picked(found.frames, volume, "patient")[0])


def test_series_are_picked_by_description_and_by_time(tmp_path):
    values = picture(patients(1)[0])[0]
    for number, (name, day) in enumerate([("T1 ax", "20240101"), ("T2 ax", "20240301"),
                                          ("T1 late", "20240201")]):  # fmt: skip
        (tmp_path / f"{number}").mkdir()
        dicom_file(tmp_path / f"{number}" / "a.dcm", "P1", values, SeriesDescription=name,
                   AcquisitionDate=day)  # fmt: skip

    def last(images: Images) -> str:
        found = look_through(tmp_path, ASKED, images, {})
        return picked(found.frames, ASKED, "patient")[0].path

    assert last(Images()) == "1/a.dcm"
    assert last(Images(series="^t1")) == "2/a.dcm"
    assert (
        reasons(tmp_path, images=Images(series="flair"))
        == ["its series is not one of [images] series"] * 3
    )


def test_frames_of_an_enhanced_image_have_their_own_places(tmp_path):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    whole = picture(patients(1)[0])
    dicom_file(tmp_path / "a.dcm", "P1", whole[0])
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    shared, plane, value = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    value.RescaleSlope, value.RescaleIntercept = 2, -10
    shared.PlaneOrientationSequence = Sequence([plane])
    shared.PixelValueTransformationSequence = Sequence([value])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for place in (2, 0, 1):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 5.0 * place]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    del ds.ImageOrientationPatient, ds.ImagePositionPatient
    ds.NumberOfFrames = 3
    stored = (whole[[2, 0, 1]].astype(int) + 10) // 2
    ds.PixelData = stored.astype("<i2").tobytes()
    ds.save_as(tmp_path / "a.dcm")

    found = look_through(tmp_path, ASKED, Images(), {})

    assert sorted((f.place, f.number) for f in found.frames) == [(0, 1), (5, 2), (10, 0)]
    (unit,) = picked(found.frames, ASKED, "patient")
    assert unit.frames[0].number == 2
    grey = grey_of(read_pixels(tmp_path / "a.dcm"), 2, (0, 1000))
    np.testing.assert_allclose(grey, np.clip(stored[2] * 2 - 10, 0, 1000) / 1000, atol=1e-6)


def test_tensors_are_kept_between_runs_and_made_again_when_a_file_changes(tmp_path):
    values = picture(patients(1)[0])[0]
    (tmp_path / "in").mkdir()
    dicom_file(tmp_path / "in" / "a.dcm", "P1", values)

    def tensor() -> Pixels:
        found = look_through(tmp_path / "in", ASKED, Images(), {})
        return drawn(found, picked(found.frames, ASKED, "image"), ASKED, tmp_path / "kept").x

    first = tensor().copy()
    (kept,) = (tmp_path / "kept").glob("*.raw")
    kept.write_bytes(bytes(32 * 32))
    assert not tensor().any()  # it is read, and not drawn again
    dicom_file(tmp_path / "in" / "a.dcm", "P1", values, PixelSpacing=[2, 2])
    np.testing.assert_array_equal(tensor(), first)
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_site_of_images_is_checked_and_previewed_by_command(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    people = patients(60)
    file = write_site(tmp_path / "site", "dicom", "omop", people)

    ready = modelward("data", "check", file, "--study", "study.toml", "--accept", "readmitted",
                      cwd=tmp_path)  # fmt: skip
    preview = modelward("data", "preview", file, "--study", "study.toml", cwd=tmp_path)

    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert "60 images of 60 patients fit" in ready.stdout
    assert preview.returncode == 0, preview.stderr
    assert "readmitted" in preview.stdout
    for said in (ready.stdout, preview.stdout):
        assert not [secret for secret in SECRETS if secret in said]
