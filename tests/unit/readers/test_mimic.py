"""A hundred real, de-identified patients: as tables, and as MEDS built from them."""

import duckdb
import numpy as np
import pytest

from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.shared_data import shared

STUDY = """
[study]
id = "icu"
purpose = "Tell who has died since, from the worst creatinine and the last potassium"
min_patients = 10

[features.creatinine]
type = "number"
unit = "umol/L"
range = [10, 3000]
code = ["LOINC:2160-0"]
pick = "max"
molar_mass = 113.12
resolution = 1.0

[features.potassium]
type = "number"
unit = "mmol/L"
range = [1, 12]
code = ["LOINC:6298-4"]

[features.sex]
type = "category"
levels = ["female", "male"]
code = ["Patient:sex"]

[target.died]
code = ["Patient:death"]

[recipe]
name = "logistic"
"""

TABLE = """
[dataset]
kind = "table"
path = "{folder}/labevents.csv.gz"
patient = "subject_id"

[events]
code = "itemid"
time = "charttime"
value = "valuenum"
unit = "valueuom"

[patients]
path = "{folder}/patients.csv.gz"
patient = "subject_id"
sex = "gender"
birth = "dob"
death = "dod"

[spellings]
"mEq/L" = "mmol/L"

[codes]
"50912" = "LOINC:2160-0"
"50971" = "LOINC:6298-4"
"""


@pytest.mark.slow
def test_mimic_as_tables_and_as_meds_is_the_same_cohort(tmp_path):
    folder = shared("mimic3_demo") / "csv"
    (tmp_path / "dataset.toml").write_text(TABLE.format(folder=folder))
    (tmp_path / "meds" / "data").mkdir(parents=True)
    labs, people = f"'{folder}/labevents.csv.gz'", f"'{folder}/patients.csv.gz'"
    duckdb.execute(
        "COPY (SELECT subject_id, charttime::TIMESTAMP AS time, 'LAB//' || itemid AS code, "
        f"valuenum::DOUBLE AS numeric_value, valueuom AS unit FROM {labs} UNION ALL "
        f"SELECT subject_id, NULL, 'GENDER//' || gender, NULL, NULL FROM {people} UNION ALL "
        f"SELECT subject_id, dod::TIMESTAMP, 'MEDS_DEATH', NULL, NULL FROM {people} "
        f"WHERE dod IS NOT NULL) TO '{tmp_path}/meds/data/0.parquet' (FORMAT parquet)"
    )
    (tmp_path / "meds.toml").write_text(
        '[dataset]\nkind = "meds"\npath = "meds"\n[spellings]\n"mEq/L" = "mmol/L"\n'
        '[codes]\n"LAB//50912" = "LOINC:2160-0"\n"LAB//50971" = "LOINC:6298-4"\n'
    )

    tables = open_cohort(tmp_path / "dataset.toml", parse(STUDY))
    meds = open_cohort(tmp_path / "meds.toml", parse(STUDY))

    worst = duckdb.execute(
        f"SELECT round(max(valuenum) * 10000 / 113.12) FROM {labs} WHERE itemid = 50912 "
        "AND valuenum * 10000 / 113.12 BETWEEN 10 AND 3000 "
        "GROUP BY subject_id ORDER BY subject_id::VARCHAR"
    ).fetchall()
    known = tables.x[~np.isnan(tables.x[:, 0]), 0]
    assert len(tables.y) == 100
    assert known.tolist() == [value for (value,) in worst]
    assert tables.x.tobytes() == meds.x.tobytes()
    assert tables.y.tolist() == meds.y.tolist()
