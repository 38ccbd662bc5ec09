"""Invent a hospital's data in one of six kinds, with a study to hold them against.

    python examples/make_store.py KIND      table, omop, fhir, meds, dicom or nifti

Writes `hospital/` and `study.toml`. Everybody is made up: 300 people admitted in 2024, whose
creatinine was measured; who has bad kidneys comes back more often. The image kinds have 60
of them, each with a picture whose middle is brighter in those who come back. Each kind has
one peculiarity that a site would have to map; docs/tutorials says how.
"""

import json
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

STUDY = """\
[study]
id = "readmission"
purpose = "Predict readmission within 30 days of an admission"

[cohort.index]
code = ["SNOMED:32485007"]          # hospital admission; the first one counts

[features.age]
type = "number"
unit = "a"
range = [18, 110]
code = ["Patient:age"]

[features.sex]
type = "category"
levels = ["female", "male"]
code = ["Patient:sex"]

[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
code = ["LOINC:2160-0"]
window = [-30, 0]                   # the month before the admission, and its day
molar_mass = 113.12

[target.readmitted]
code = ["SNOMED:417005"]            # hospital re-admission
window = [1, 30]

[recipe]
name = "logistic"

[plan]
strategy = "newton"
"""

PICTURES = """\
[study]
id = "pictures"
purpose = "Tell from a picture who is readmitted"

[features.picture]
type = "image"
modality = "{modality}"
view = "{view}"
size = [16, 16]
grey = [0, 1000]

[target.readmitted]

[recipe]
name = "cnn"
options = {{ channels = [4], groups = 4 }}

[plan]
rounds = 2
"""


@dataclass(frozen=True)
class Person:
    """Somebody invented; creatinine in mg/dL, `back` is the day of readmission or None."""

    number: int
    female: bool
    birth: date
    admitted: date
    creatinine: float
    back: date | None


def people(count: int) -> list[Person]:
    """Return `count` invented people, the same at every call."""
    draw = np.random.default_rng(7)
    found = []
    for number in range(1, count + 1):
        admitted = date(2024, 1, 1) + timedelta(days=int(draw.integers(0, 300)))
        creatinine = round(float(np.exp(draw.normal(0.1, 0.4))), 2)
        comes = draw.random() < 1 / (1 + np.exp(1.2 - 1.5 * (creatinine - 1.0)))
        back = admitted + timedelta(days=int(draw.integers(2, 30))) if comes else None
        birth = date(2024, 1, 1) - timedelta(days=int(draw.integers(20 * 365, 90 * 365)))
        female = bool(draw.integers(0, 2))
        found.append(Person(number, female, birth, admitted, creatinine, back))
    return found


def table(folder: Path) -> str:
    """German exports: findings with decimal commas and umol/L, and a list of persons."""
    rows = ["PatNr;Datum;Was;Wert;Einheit"]
    for p in people(300):
        value = f"{p.creatinine * 88.4017:.1f}".replace(".", ",")
        rows.append(f"{p.number};{p.admitted:%d.%m.%Y};Aufnahme;;")
        rows.append(f"{p.number};{p.admitted:%d.%m.%Y};Kreatinin;{value};µmol/l")
        if p.back:
            rows.append(f"{p.number};{p.back:%d.%m.%Y};Wiederaufnahme;;")
    (folder / "befunde.csv").write_text("\n".join(rows) + "\n", "latin-1")
    persons = ["PatNr;Geschlecht;geboren"]
    persons += [
        f"{p.number};{'w' if p.female else 'm'};{p.birth:%d.%m.%Y}" for p in people(300)
    ]
    (folder / "personen.csv").write_text("\n".join(persons) + "\n", "latin-1")
    return STUDY


def omop(folder: Path) -> str:
    """A CDM 5.4 as CSV files, whose laboratory results have a concept of the site's own."""
    tables = {
        "concept": ["concept_id,vocabulary_id,concept_code", "8715,SNOMED,32485007",
                    "4138933,SNOMED,417005", "8840,UCUM,mg/dL"],
        "person": ["person_id,gender_concept_id,gender_source_value,year_of_birth,"
                   "month_of_birth,day_of_birth"],
        "observation": ["person_id,observation_concept_id,observation_date"],
        "measurement": ["person_id,measurement_concept_id,measurement_date,value_as_number,"
                        "unit_concept_id"],
    }  # fmt: skip
    for p in people(300):
        born = f"{p.birth.year},{p.birth.month},{p.birth.day}"
        tables["person"].append(f"{p.number},{8532 if p.female else 8507},,{born}")
        tables["observation"].append(f"{p.number},8715,{p.admitted}")
        tables["measurement"].append(f"{p.number},2000000001,{p.admitted},{p.creatinine},8840")
        if p.back:
            tables["observation"].append(f"{p.number},4138933,{p.back}")
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return STUDY


def fhir(folder: Path) -> str:
    """A Bulk Export whose laboratory writes `mg per dl` and no UCUM code."""
    found: list[dict[str, object]] = []
    for p in people(300):
        found.append({"resourceType": "Patient", "id": f"p{p.number}",
                      "gender": "female" if p.female else "male",
                      "birthDate": str(p.birth)})  # fmt: skip
        who = {"reference": f"Patient/p{p.number}"}
        stays = [("32485007", p.admitted), *([("417005", p.back)] if p.back else [])]
        for concept, day in stays:
            coding = {"system": "http://snomed.info/sct", "code": concept}
            code = {"coding": [coding]}
            found.append({"resourceType": "Procedure", "status": "completed", "subject": who,
                          "code": code, "performedDateTime": str(day)})  # fmt: skip
        coding = {"system": "http://loinc.org", "code": "2160-0"}
        quantity = {"value": p.creatinine, "unit": "mg per dl"}
        found.append({"resourceType": "Observation", "status": "final", "subject": who,
                      "code": {"coding": [coding]}, "effectiveDateTime": str(p.admitted),
                      "valueQuantity": quantity})  # fmt: skip
    lines = "".join(json.dumps(each) + "\n" for each in found)
    (folder / "export.ndjson").write_text(lines)
    return STUDY


def meds(folder: Path) -> str:
    """A MEDS dataset with a laboratory code of the site's own."""
    rows: list[tuple[object, ...]] = []
    for p in people(300):
        rows.append((p.number, None, f"GENDER//{'F' if p.female else 'M'}", None, None))
        rows.append((p.number, p.birth, "MEDS_BIRTH", None, None))
        rows.append((p.number, p.admitted, "SNOMED//32485007", None, None))
        rows.append((p.number, p.admitted, "LAB//KREA", p.creatinine, "mg/dL"))
        if p.back:
            rows.append((p.number, p.back, "SNOMED//417005", None, None))
    (folder / "data").mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE m (subject_id BIGINT, time TIMESTAMP, code VARCHAR, "
            "numeric_value FLOAT, unit VARCHAR)"
        )
        connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute(f"COPY m TO '{folder}/data/0.parquet' (FORMAT parquet)")
    return STUDY


def picture(person: Person) -> np.ndarray:
    """Return int16 [20, 16], brighter in the middle for those who come back."""
    y, x = np.mgrid[0:20, 0:16]
    spot = np.exp(-((y - 10) ** 2 + (x - 8) ** 2) / 12)
    noise = np.random.default_rng(person.number).normal(0, 40, (20, 16))
    return np.asarray(200 + (600 if person.back else 200) * spot + noise, np.int16)


def labels(folder: Path) -> None:
    """Write who came back, as somebody at the hospital keeps it."""
    lines = [f"{p.number},{'yes' if p.back else 'no'}" for p in people(60)]
    (folder / "outcomes.csv").write_text("\n".join(["patient_id,readmitted", *lines]) + "\n")


def dicom(folder: Path) -> str:
    """Chest radiographs from a device that calls itself DX; one file is cut off."""
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415 - only for this kind
    from pydicom.uid import generate_uid  # noqa: PLC0415 - only for this kind

    (folder / "images").mkdir()
    for p in people(60):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(p.number)])
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID = meta.MediaStorageSOPClassUID
        ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        ds.SeriesInstanceUID = generate_uid(entropy_srcs=[f"series {p.number}"])
        ds.PatientID, ds.PatientName = str(p.number), "Invented^Ida"
        ds.Modality, ds.ViewPosition, ds.PatientOrientation = "DX", "PA", ["L", "F"]
        ds.PhotometricInterpretation, ds.SamplesPerPixel = "MONOCHROME2", 1
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.Rows, ds.Columns = 20, 16
        ds.PixelData = picture(p).tobytes()
        ds.save_as(folder / "images" / f"{p.number}.dcm", enforce_file_format=True)
    cut = folder / "images" / "60.dcm"
    cut.write_bytes(cut.read_bytes()[:-100])
    labels(folder)
    return PICTURES.format(modality="CR", view="PA")


def nifti(folder: Path) -> str:
    """Volumes of one slice, named by site, patient and sequence."""
    (folder / "images").mkdir()
    for p in people(60):
        raw = bytearray(352)
        struct.pack_into("<i", raw, 0, 348)
        struct.pack_into("<8h", raw, 40, 3, 16, 20, 1, 1, 1, 1, 1)
        struct.pack_into("<2h", raw, 70, 4, 16)
        struct.pack_into("<8f", raw, 76, 1, 1, 1, 1, 1, 1, 1, 1)
        struct.pack_into("<3f", raw, 108, 352, 1, 0)
        struct.pack_into("<2h", raw, 252, 0, 1)
        struct.pack_into("<12f", raw, 280, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0)
        raw[344:348] = b"n+1\0"
        (folder / "images" / f"mr_{p.number}_t1.nii").write_bytes(
            bytes(raw) + picture(p).tobytes()
        )
    labels(folder)
    return PICTURES.format(modality="MR", view="axial")


KINDS: dict[str, Callable[[Path], str]] = {
    "table": table, "omop": omop, "fhir": fhir, "meds": meds, "dicom": dicom, "nifti": nifti,
}  # fmt: skip


def main() -> None:
    """Write the store and the study."""
    if sys.argv[1:] not in [[kind] for kind in KINDS]:
        sys.exit(f"usage: python examples/make_store.py {{{','.join(KINDS)}}}")
    folder = Path("hospital")
    folder.mkdir()
    Path("study.toml").write_text(KINDS[sys.argv[1]](folder))
    print(f"wrote hospital/ and study.toml; everybody in them is invented ({sys.argv[1]})")


if __name__ == "__main__":
    main()
