"""Views over FHIR: the subset of SQL on FHIR, on examples worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelward.errors import DataError
from modelward.readers.dataset import read
from modelward.readers.events.fhir_path import BadPath, compiled, plain
from modelward.readers.events.fhir_view import read_view
from modelward.readers.open import open_cohort
from modelward.study.read import parse

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {"use": "official", "family": "Cole", "given": ["Ann", "B"]},
        {"use": "usual", "given": ["Annie"]},
    ],
    "extension": [{"url": "http://x/score", "valueInteger": 7}],
    "managingOrganization": {"reference": "Organization/o9"},
    "deceasedBoolean": False,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("name.family", ["Cole"]),
        ("name.given", ["Ann", "B", "Annie"]),
        ("name[1].given.first()", ["Annie"]),
        ("name.where(use = 'usual').given", ["Annie"]),
        ("name.where(use = %kind).given[0]", ["Ann"]),
        ("name.exists()", [True]),
        ("name.exists(use = 'old')", [False]),
        ("telecom.empty()", [True]),
        ("active.not()", [False]),
        ("active = true and name.family = 'Cole'", [True]),
        ("active = false or id = 'p1'", [True]),
        ("(active = false or id = 'p1') and id != 'p2'", [True]),
        ("telecom.value = 'x'", []),
        ("name.given.join('-')", ["Ann-B-Annie"]),
        ("deceased.ofType(boolean)", [False]),
        ("deceased.ofType(dateTime)", []),
        ("deceased", [False]),
        ("extension('http://x/score').value.ofType(integer)", [7]),
        ("getResourceKey()", ["p1"]),
        ("managingOrganization.getReferenceKey()", ["o9"]),
        ("managingOrganization.getReferenceKey(Organization)", ["o9"]),
        ("managingOrganization.getReferenceKey(Patient)", []),
        ("name.where($this.use = 'usual').use", ["usual"]),
        ("'it\\'s'", ["it's"]),
        ("2.5", [2.5]),
    ],
)
def test_paths_give_what_was_worked_out(path, found):
    assert plain(compiled(path)([PATIENT], {"kind": "official"})) == found


@pytest.mark.parametrize(
    "path", ["", "a..b", "a b", "a + b", "trace('x')", "a.where()", "a[", "a ="]
)
def test_what_is_outside_the_subset_is_refused(path):
    with pytest.raises(BadPath):
        compiled(path)


def written(folder: Path, view: dict[str, Any]) -> Path:
    (folder / "view.json").write_text(json.dumps(view))
    return folder / "view.json"


def test_selections_are_nested_crossed_and_united(tmp_path):
    view = read_view(written(tmp_path, {
        "resource": "Patient",
        "constant": [{"name": "kind", "valueString": "official"}],
        "where": [{"path": "active = true"}],
        "select": [
            {"column": [{"name": "id", "path": "getResourceKey()", "type": "id"}]},
            {"forEach": "name", "column": [{"name": "use", "path": "use"}],
             "select": [{"forEachOrNull": "given",
                         "column": [{"name": "g", "path": "$this"}]}]},
            {"unionAll": [{"column": [{"name": "k", "path": "%kind"}]},
                          {"column": [{"name": "k", "path": "'2'"}]}]},
        ],
    }))  # fmt: skip

    rows = view.of(PATIENT)

    assert view.columns == ("id", "use", "g", "k")
    assert len(rows) == 3 * 2
    assert rows[0] == {"id": "p1", "use": "official", "g": "Ann", "k": "official"}
    assert rows[-1] == {"id": "p1", "use": "usual", "g": "Annie", "k": "2"}
    assert view.of({**PATIENT, "active": False}) == []
    without = view.of({**PATIENT, "name": [{"use": "old"}]})[0]
    assert without == {"id": "p1", "use": "old", "g": None, "k": "official"}


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ({}, "no ViewDefinition"),
        ({"resource": "Patient", "select": [{"column": [{"name": "a", "path": "a +"}]}]}, "'a"),
        ({"resource": "Patient", "select": [{"repeat": ["a"]}]}, "repeat"),
        ({"resource": "P", "select": [{"column": [{"name": "a", "path": "b"}]}] * 2}, "twice"),
    ],
)
def test_a_view_that_is_not_understood_is_refused(tmp_path, view, says):
    with pytest.raises(DataError, match=says):
        read_view(written(tmp_path, view))
    (tmp_path / "view.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        read_view(tmp_path / "view.json")


STUDY = """
[study]
id = "scores"
purpose = "Who is ill"
min_patients = 1
[features.score]
type = "number"
unit = "1"
range = [0, 100]
code = ["LOINC:9269-2"]
[target.ill]
code = ["SNOMED:44054006"]
[recipe]
name = "logistic"
"""


def test_records_that_only_a_view_finds_become_events(tmp_path):
    (tmp_path / "export").mkdir()
    lines: list[dict[str, object]] = []
    for number in range(4):
        who = f"p{number}"
        lines.append({"resourceType": "Patient", "id": who})
        lines.append({"resourceType": "Basic", "subject": {"reference": f"Patient/{who}"},
                      "created": "2024-01-02",
                      "extension": [{"url": "http://x/gcs",
                                     "valueInteger": 10 + number}]})  # fmt: skip
        if number % 2:
            coding = {"system": "http://snomed.info/sct", "code": "44054006"}
            lines.append({"resourceType": "Condition", "code": {"coding": [coding]},
                          "subject": {"reference": f"Patient/{who}"}})  # fmt: skip
    text = "".join(json.dumps(each) + "\n" for each in lines)
    (tmp_path / "export" / "all.ndjson").write_text(text)
    written(tmp_path, {
        "resource": "Basic",
        "select": [{"column": [
            {"name": "who", "path": "subject.getReferenceKey(Patient)"},
            {"name": "what", "path": "'gcs'"},
            {"name": "when", "path": "created"},
            {"name": "value", "path": "extension('http://x/gcs').value.ofType(integer)"},
        ]}],
    })  # fmt: skip
    file = tmp_path / "dataset.toml"
    file.write_text(
        '[dataset]\nkind = "fhir"\npath = "export"\nview = "view.json"\npatient = "who"\n'
        '[events]\ncode = "what"\ntime = "when"\nvalue = "value"\n'
        '[codes]\ngcs = "LOINC:9269-2"\n'
    )

    cohort = open_cohort(file, parse(STUDY))

    assert cohort.ids == ("p0", "p1", "p2", "p3")
    assert cohort.x[:, 0].tolist() == [10, 11, 12, 13]
    assert cohort.y.tolist() == [0, 1, 0, 1]
    file.write_text(file.read_text().replace('value = "value"', 'value = "wert"'))
    with pytest.raises(DataError, match="wert"):
        open_cohort(file, parse(STUDY))
    file.write_text('[dataset]\nkind = "fhir"\npath = "export"\nview = "view.json"\n')
    with pytest.raises(DataError, match=r"events: is missing"):
        read(file)
