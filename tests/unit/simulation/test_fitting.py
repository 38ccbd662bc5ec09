"""What a simulation refuses before it writes a file, and what it then says to do."""

from pathlib import Path

import pytest

from modelward.errors import DataError
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.fitting import check_data, check_dealt
from modelward.simulation.own_sites import own_sites
from modelward.simulation.simulate import Simulation, prepare
from modelward.study.read import parse
from tests.studies import TABLE
from tests.unit.simulation.test_data_check import table

STUDY = parse(TABLE)


def numbered(path: Path) -> Path:
    """Write a table in which every row has another patient."""
    head, *rows = table(path).read_text().splitlines()
    named = [f"P{n},{row}" for n, row in enumerate(rows)]
    path.write_text("\n".join([f"PatID,{head}", *named]) + "\n")
    return path


def test_a_column_of_patients_is_not_taken_for_one_of_hospitals(tmp_path):
    data = numbered(tmp_path / "data.csv")
    request = Simulation(
        study=STUDY, data=data, dealing=Dealing(by="PatID"), special=Special(),
        out=tmp_path / "run", workers=1,
    )  # fmt: skip

    with pytest.raises(DataError) as caught:
        prepare(request)

    assert caught.value.what.endswith("p0 has 1, p1 has 1, p10 has 1, p100 has 1, p101 has 1, "
                                      "and 195 more")  # fmt: skip
    assert "give --patient PatID, and --by another column" in caught.value.remedy
    assert not (tmp_path / "run" / "sites").exists()


def test_few_rows_a_hospital_are_told_as_they_were():
    rows = {"east": range(3), "west": range(90)}

    with pytest.raises(
        DataError, match="1 of 2 sites have 10 rows; below: east has 3"
    ) as caught:
        check_dealt(STUDY, rows, Dealing(by="hospital"))

    assert caught.value.remedy.startswith("deal the rows to fewer sites")
    check_dealt(STUDY, {"east": range(30), "west": range(90)}, Dealing(by="hospital"))


def test_other_headings_are_answered_with_how_each_hospital_maps_its_own(tmp_path):
    data = table(tmp_path / "data.csv")
    data.write_text(data.read_text().replace("smoker", "Raucher", 1))

    with pytest.raises(DataError, match="smoker: no such column") as caught:
        check_data(data, STUDY, Special())
    with pytest.raises(DataError) as loose:
        own_sites(tmp_path)

    for said in (caught.value.remedy, loose.value.remedy):
        assert "modelward data init FILE --study STUDY --out FOLDER/NAME/dataset.toml" in said
