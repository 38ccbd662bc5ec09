"""What a check of a site's data costs: millions of rows, FHIR resources, a folder of DICOM.

    python -m bench.data [FOLDER]                   bench/out by default
    python -m bench.data FOLDER --only dicom

Each case is a process of its own, on invented data: `events` and `wide` are CSV tables of
3,000,000 rows, `fhir` 100,000 resources as NDJSON, `dicom` 2,000 slices of 512 x 512 pixels
with outcomes in a table. Prints seconds of `modelward data check` (imports left out), its
CPU-seconds and the largest memory of the process; the floor is DuckDB alone: every value of
the table read as text and counted, or every line parsed; for DICOM every byte read.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import numpy as np

from modelward.readers.checking.readiness import check
from modelward.study.read import parse

ROWS, PEOPLE = 3_000_000, 60_000
RESOURCES = 100_000
SLICES = 2_000
TODAY = date(2026, 1, 1)

ABOUT = '[study]\nid = "bench"\npurpose = "Bench"\n'
RECIPE = '[recipe]\nname = "{0}"\n'
CODED = (
    ABOUT
    + """
[cohort.index]
code = ["SNOMED:22298006"]
[features.age]
type = "number"
unit = "a"
range = [18, 110]
code = ["Patient:age"]
max_missing = 1.0
[features.creatinine]
type = "number"
unit = "umol/L"
range = [10, 2000]
code = ["LOINC:2160-0"]
window = [-365, 0]
molar_mass = 113.12
max_missing = 1.0
[features.glucose]
type = "number"
unit = "mmol/L"
range = [1, 60]
code = ["LOINC:2345-7"]
molar_mass = 180.156
max_missing = 1.0
[features.diabetes]
type = "boolean"
code = ["SNOMED:44054006"]
[target.readmitted]
code = ["SNOMED:32485007"]
window = [1, 365]
"""
    + RECIPE.format("logistic")
)
WIDE = (
    ABOUT
    + """
[features.age]
type = "number"
unit = "a"
range = [18, 110]
[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
[features.glucose]
type = "number"
unit = "mmol/L"
range = [1, 60]
[features.sex]
type = "category"
levels = ["female", "male"]
[features.smoker]
type = "category"
levels = ["never", "former", "current"]
max_missing = 0.5
[features.diabetes]
type = "boolean"
[target.readmitted]
"""
    + RECIPE.format("logistic")
)
PICTURES = (
    ABOUT
    + """
[features.slice]
type = "image"
modality = "CT"
view = "axial"
size = [64, 64]
grey = [-160, 240]
[target.readmitted]
"""
    + RECIPE.format("cnn")
)


def events(folder: Path) -> Path:
    """Write `ROWS` events of twelve codes, and the persons; return the dataset file."""
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"COPY (SELECT 'P' || (i % {PEOPLE}) AS patient, strftime(TIMESTAMP '2023-01-01' + "
            "to_minutes((random() * 500000)::INT), '%Y-%m-%d %H:%M:%S') AS time, "
            f"CASE WHEN i < {PEOPLE} THEN 'I' ELSE ['K', 'C', 'G', 'N', 'D', 'H', 'A', 'X', "
            "'Y', 'Z', 'V', 'W'][1 + (random() * 11.99)::INT] END AS code, "
            "printf('%.2f', random() * 5 + 0.5) AS value, 'mg/dL' AS unit "
            f"FROM range({ROWS}) t(i)) TO '{folder}/events.csv' (HEADER)"
        )
        connection.execute(
            "COPY (SELECT 'P' || i AS patient, ['F', 'M'][1 + i % 2] AS sex, "
            f"DATE '1950-01-01' + (i % 15000)::INT AS birth FROM range({PEOPLE}) t(i)) "
            f"TO '{folder}/persons.csv' (HEADER)"
        )
    return written(
        folder,
        '[dataset]\nkind = "table"\npath = "events.csv"\npatient = "patient"\n'
        '[events]\ncode = "code"\ntime = "time"\nvalue = "value"\nunit = "unit"\n'
        '[patients]\npath = "persons.csv"\npatient = "patient"\nsex = "sex"\nbirth = "birth"\n'
        '[codes]\nI = "SNOMED:22298006"\nC = "LOINC:2160-0"\nG = "LOINC:2345-7"\n'
        'D = "SNOMED:44054006"\nA = "SNOMED:32485007"\n',
    )


def wide(folder: Path) -> Path:
    """Write a table of `ROWS` patients; return the dataset file."""
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            "COPY (SELECT 'P' || i AS patient, (20 + random() * 70)::INT AS age, "
            "['female', 'male'][1 + (random() * 1.99)::INT] AS sex, "
            "printf('%.2f', random() * 5 + 0.3) AS creatinine, "
            "printf('%.1f', random() * 10 + 3) AS glucose, "
            "['never', 'former', 'current', ''][1 + (random() * 3.99)::INT] AS smoker, "
            "(random() < 0.3)::INT AS diabetes, (random() < 0.2)::INT AS readmitted "
            f"FROM range({ROWS}) t(i)) TO '{folder}/wide.csv' (HEADER)"
        )
    return written(
        folder, '[dataset]\nkind = "table"\npath = "wide.csv"\npatient = "patient"\n'
    )


def fhir(folder: Path) -> Path:
    """Write `RESOURCES` resources of 2,000 patients; return the dataset file."""
    draw = np.random.default_rng(0)
    (folder / "export").mkdir(exist_ok=True)
    people = RESOURCES // 50
    with (folder / "export" / "all.ndjson").open("w") as stream:
        for number in range(RESOURCES):
            stream.write(json.dumps(_resource(number, people, draw)) + "\n")
    return written(folder, '[dataset]\nkind = "fhir"\npath = "export"\n')


def _resource(number: int, people: int, draw: np.random.Generator) -> dict[str, object]:
    who = number % people
    if number < people:
        return {"resourceType": "Patient", "id": f"P{who}", "gender": "female",
                "birthDate": "1950-02-01", "name": [{"family": "Invented"}]}  # fmt: skip
    day = f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T08:00:00+01:00"
    subject = {"reference": f"Patient/P{who}"}
    if number < 2 * people or draw.random() < 0.2:
        code = "22298006" if number < 2 * people else ("44054006", "32485007")[number % 2]
        coded = {"coding": [{"system": "http://snomed.info/sct", "code": code}]}
        return {"resourceType": "Condition", "code": coded, "subject": subject,
                "onsetDateTime": "2024-06-01" if number < 2 * people else day}  # fmt: skip
    code = ("2160-0", "2345-7", "2951-2", "718-7")[number % 4]
    quantity = {"value": round(float(draw.uniform(0.5, 5)), 2), "unit": "mg/dL",
                "code": "mg/dL", "system": "http://unitsofmeasure.org"}  # fmt: skip
    coded = {"coding": [{"system": "http://loinc.org", "code": code}], "text": "Result"}
    return {"resourceType": "Observation", "status": "final", "code": coded, "subject": subject,
            "effectiveDateTime": day, "valueQuantity": quantity}  # fmt: skip


def dicom(folder: Path) -> Path:
    """Write `SLICES` slices of as many patients, and a table; return the dataset file."""
    import pydicom  # noqa: PLC0415 - only this case needs it
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415

    draw = np.random.default_rng(0)
    (folder / "images").mkdir(exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    for number in range(SLICES):
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID = meta.MediaStorageSOPClassUID
        ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        ds.SeriesInstanceUID = pydicom.uid.generate_uid()
        ds.PatientID, ds.Modality, ds.PatientName = f"P{number}", "CT", "Invented^Ida"
        ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        ds.ImagePositionPatient = [0, 0, 0]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelRepresentation, ds.Rows, ds.Columns = 1, 512, 512
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.PixelData = draw.integers(0, 2000, (512, 512), np.int16).tobytes()
        ds.save_as(folder / "images" / f"{number}.dcm", enforce_file_format=True)
    lines = [f"P{number},{number % 2}" for number in range(SLICES)]
    (folder / "labels.csv").write_text("\n".join(["patient,readmitted", *lines]) + "\n")
    return written(
        folder,
        '[dataset]\nkind = "dicom"\npath = "images"\n[sources.labels.dataset]\n'
        'kind = "table"\npath = "labels.csv"\npatient = "patient"\n',
    )


def written(folder: Path, text: str) -> Path:
    """Write dataset.toml into `folder`."""
    (folder / "dataset.toml").write_text(text)
    return folder / "dataset.toml"


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "events": (events, CODED),
    "wide": (wide, WIDE),
    "fhir": (fhir, CODED),
    "dicom": (dicom, PICTURES),
}
"""Name -> what writes the data, and the study."""


def floor(case: str, folder: Path) -> float:
    """Return the seconds of DuckDB alone over the same files; for DICOM, of reading bytes."""
    began = perf_counter()
    if case == "dicom":
        sum(len(file.read_bytes()) for file in (folder / "images").iterdir())
        return perf_counter() - began
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        if case == "fhir":
            source = f"read_ndjson_objects('{folder}/export/all.ndjson')"
            connection.execute(
                f"SELECT count(json ->> 'resourceType') FROM {source}"
            ).fetchall()
        else:
            source = f"read_csv('{folder}/{case}.csv', all_varchar=true)"
            connection.execute(f"SELECT count(COLUMNS(*)) FROM {source}").fetchall()
    return perf_counter() - began


def once(case: str, folder: Path) -> dict[str, float]:
    """Return what one check costs in this process."""
    study = parse(CASES[case][1])
    began, cpu = perf_counter(), process_time()
    found = check(folder / "dataset.toml", study, TODAY)
    spent = {"seconds": perf_counter() - began, "cpu": process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**spent, "mib": peak, "units": found.units, "ready": float(found.ready)}


def measured(case: str, folder: Path) -> Iterator[str]:
    """Write the data of a case if they are not there, check them, and yield a line."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dataset.toml").exists():
        CASES[case][0](folder)
    told = subprocess.run(
        [sys.executable, "-m", "bench.data", str(folder), "--once", case],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    cost = json.loads(told)
    yield (
        f"{case:8} {cost['seconds']:7.1f} s {cost['cpu']:7.1f} CPU-s {cost['mib']:7.0f} MiB"
        f"   floor {floor(case, folder):6.1f} s   {cost['units']:.0f} units"
    )


def main() -> None:
    """Run every case, or the one that is named."""
    ask = argparse.ArgumentParser()
    ask.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).parent / "out" / "data"
    )
    ask.add_argument("--only", choices=CASES)
    ask.add_argument("--once", choices=CASES)
    given = ask.parse_args()
    if given.once:
        print(json.dumps(once(given.once, given.folder)))
        return
    for case in [given.only] if given.only else CASES:
        for line in measured(case, given.folder / case):
            print(line, flush=True)


if __name__ == "__main__":
    main()
