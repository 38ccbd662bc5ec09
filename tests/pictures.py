"""One invented picture per patient, written as DICOM series or NIfTI volumes would hold it.

A picture is int16 [slices, rows, columns] of measured values, axial, upright: columns run to
the left of the body, rows to the back, slices to the head. Each writer stores it its own
way (other axes, slopes, signs, compression) and must be read back to the same tensor.
"""

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.kinds import ADMITTED, INFARCT, KINDS, Patient

Picture = NDArray[np.int16]

SLICES, ROWS, COLUMNS = 3, 36, 30

STUDY = """
[study]
id = "pictures"
purpose = "Tell who is readmitted from a slice of the heart"
min_patients = 10

[cohort.index]
code = ["SNOMED:22298006"]

[features.slice]
type = "image"
modality = "MR"
view = "axial"
size = [20, 20]
grey = [0, 1000]

[target.readmitted]
code = ["SNOMED:32485007"]
window = [1, 30]

[recipe]
name = "cnn"
options = { channels = [4, 8], groups = 4 }

[plan]
rounds = 2
batch = 8
test = 0.25
"""


def readmitted(patient: Patient) -> bool:
    """Return the outcome of STUDY, worked out by hand."""
    days = [r.time.date() for r in patient.records if r.code == INFARCT]
    return any(
        r.code == ADMITTED and days and 1 <= (r.time.date() - days[0]).days <= 30
        for r in patient.records
    )


def picture(patient: Patient) -> Picture:
    """Return a body with a spot off its middle, brighter where the outcome is yes."""
    rng = np.random.default_rng(int(patient.name))
    z, y, x = np.mgrid[0:SLICES, 0:ROWS, 0:COLUMNS]
    body = ((y - 18) / 15) ** 2 + ((x - 15) / 12) ** 2 < 1
    spot = (y - 12) ** 2 + (x - 20) ** 2 + 4 * (z - 1) ** 2 < 16
    values = 100 + 400 * body + spot * (450 if readmitted(patient) else 100)
    return np.asarray(values + rng.integers(-40, 40, values.shape), np.int16)


def write_dicom(folder: Path, patients: Sequence[Patient]) -> None:
    """Write a series per patient below `folder`, each in one of five ways."""
    for number, patient in enumerate(patients):
        where = folder / f"{number % 7}" / f"case {number}"
        where.mkdir(parents=True)
        for place, values in enumerate(picture(patient)):
            dicom_file(
                where / f"IM{SLICES - place}.dcm", patient.name, values, place, number % 5
            )


def dicom_file(  # noqa: PLR0915 - a header is written element by element
    path: Path, patient: str, values: Picture, place: int = 0, way: int = 0, **changed: Any
) -> None:
    """Write one slice as a DICOM file.

    Args:
        path: Of the file.
        patient: PatientID; a name and other identifiers are written too, to be passed over.
        values: [rows, columns], upright.
        place: Number of the slice from the feet.
        way: How it is stored, 0 to 4.
        changed: Elements to write over, None to leave one out.
    """
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

    meta = FileMetaDataset()
    implicit = way == 1
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[str(path)])
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[patient, str(path.parent)])
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = patient, "Secret^Sally", "19500101"
    ds.ReferringPhysicianName, ds.InstitutionName = "Hush^Henry", "Concealed Clinic"
    ds.PatientComments = "Mrs. Sally Secret, Hidden Lane 7"
    ds.Modality, ds.ImageType = "MR", ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionDate, ds.InstanceNumber = "20240102", place + 1
    ds.ImageOrientationPatient, stored = [1, 0, 0, 0, 1, 0], values.astype(np.int64)
    if way == 1:  # mirrored
        stored, ds.ImageOrientationPatient = stored[:, ::-1], [-1, 0, 0, 0, 1, 0]
    if way == 2:  # columns and rows changed
        stored, ds.ImageOrientationPatient = stored.T, [0, 1, 0, 1, 0, 0]
    ds.ImagePositionPatient, ds.PixelSpacing = [0, 0, 5.0 * place], [2, 2]
    if way == 3:  # values times two, from -100 on
        stored, ds.RescaleSlope, ds.RescaleIntercept = (stored + 100) * 2, "0.5", "-100"
    ds.PhotometricInterpretation, ds.SamplesPerPixel = "MONOCHROME2", 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = 1
    ds.Rows, ds.Columns = stored.shape
    ds.PixelData = np.ascontiguousarray(stored.astype("<i2")).tobytes()
    for name, value in changed.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    if way == 4:
        ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def write_nifti(folder: Path, patients: Sequence[Patient]) -> None:
    """Write a volume per patient below `folder`, each in one of four ways."""
    folder.mkdir(parents=True)
    for number, patient in enumerate(patients):
        ending = ".nii.gz" if number % 2 else ".nii"
        nifti_file(folder / f"{patient.name}_T1{ending}", picture(patient), number % 4)


def nifti_file(  # noqa: PLR0915 - a header is written field by field
    path: Path, values: Picture, way: int = 0, codes: tuple[int, int] = (0, 1)
) -> None:
    """Write a volume as NIfTI-1 (ways 0 to 2) or NIfTI-2 (way 3).

    Args:
        path: Of the file; gzipped where it ends in .gz.
        values: [slices, rows, columns], upright.
        way: How it is stored.
        codes: qform_code and sform_code.
    """
    stored = np.transpose(values, (2, 1, 0))  # i to the left, j to the back, k to the head
    steps = [[-2.0, 0, 0], [0, -2.0, 0], [0, 0, 5.0]]  # millimetres to right, front and head
    dtype, slope, intercept = "<i2", 0.0, 0.0
    if way == 1:  # i to the right, j to the front
        stored, steps = stored[::-1, ::-1], [[2.0, 0, 0], [0, 2.0, 0], [0, 0, 5.0]]
        dtype = "<f4"
    if way == 2:  # axes changed, big-endian, with a slope
        stored = np.transpose((stored.astype(np.int32) + 100) * 2, (2, 0, 1))
        steps = [[0, -2.0, 0], [0, 0, -2.0], [5.0, 0, 0]]
        dtype, slope, intercept = ">i4", 0.5, -100.0
    affine = [[*row, 0.0] for row in steps]
    order, kind = dtype[0], {"i2": 4, "f4": 16, "i4": 8}[dtype[1:]]
    dim = (3, *stored.shape, 1, 1, 1, 1)
    size = np.linalg.norm(np.array(steps), axis=0)
    raw = bytearray(544 if way == 3 else 352)

    def put(form: str, at: int, *given: float) -> None:
        struct.pack_into(order + form, raw, at, *given)

    if way == 3:
        put("i", 0, 540)
        raw[4:12] = b"n+2\0\r\n\x1a\n"
        put("h", 12, kind)
        put("8q", 16, *dim)
        put("8d", 104, 1.0, *size, 1, 1, 1, 1)
        put("q", 168, 544)
        put("2d", 176, slope, intercept)
        put("2i", 344, *codes)
        put("12d", 400, *(value for row in affine for value in row))
    else:
        put("i", 0, 348)
        put("8h", 40, *dim)
        put("h", 70, kind)
        put("8f", 76, 1.0, *size, 1, 1, 1, 1)
        put("3f", 108, 352.0, slope, intercept)
        raw[148:160] = b"Sally Secret"  # descrip: free text
        put("2h", 252, *codes)
        put("12f", 280, *(value for row in affine for value in row))
        raw[344:348] = b"n+1\0"
    whole = bytes(raw) + np.asarray(stored, dtype).tobytes(order="F")
    path.write_bytes(gzip.compress(whole, mtime=0) if path.suffix == ".gz" else whole)


IMAGES = {"dicom": write_dicom, "nifti": write_nifti}


def write_site(
    folder: Path, kind: str, labels: str, patients: Sequence[Patient], extra: str = ""
) -> Path:
    """Write a site with images of one kind, and outcomes from a store of another.

    Args:
        folder: Of the site.
        kind: `dicom` or `nifti`.
        labels: One of tests/kinds.py.
        patients: Who is there.
        extra: Text for the end of dataset.toml.
    """
    folder.mkdir(parents=True)
    IMAGES[kind](folder / "images", patients)
    (folder / "records").mkdir()
    source = KINDS[labels](folder / "records", patients)
    text = f'[dataset]\nkind = "{kind}"\npath = "images"\n'
    if kind == "nifti":
        text += '[images]\nmodality = "MR"\n'
    (folder / "dataset.toml").write_text(text + as_source(source, "records") + extra)
    return folder / "dataset.toml"


def as_source(dataset: str, folder: str, name: str = "records") -> str:
    """Return the text of a dataset.toml as a source of another one."""
    lines = []
    for line in dataset.splitlines():
        if line.startswith("["):
            lines.append(f"[sources.{name}." + line[1:])
        elif line.startswith("path = "):
            lines.append(line.replace('"', f'"{folder}/', 1))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
