"""What a study asks of data makes sense together, or every reason why not is told."""

import pytest

from modelward.errors import StudyFileError
from modelward.study.explain import explain
from modelward.study.read import parse
from tests.studies import TABLE

CODED = """
[cohort.index]
code = ["SNOMED:44054006"]

[cohort.all.adult]
code = ["Patient:age"]
range = [18, 110]
unit = "a"

[cohort.exclude.dialysis]
code = ["ICD-10:N18"]
window = [-365, 0]

[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
code = ["LOINC:2160-0"]
pick = "max"
window = [-30, 0]
molar_mass = 113.12
resolution = 0.01
"""


def faults(text: str) -> list[str]:
    """Return the lines of the error that `text` is refused with."""
    with pytest.raises(StudyFileError) as caught:
        parse(text)
    return [line.strip() for line in caught.value.what.splitlines()[1:]]


def changed(old: str, new: str) -> str:
    text = TABLE + CODED
    assert old in text
    return text.replace(old, new)


def test_a_coded_study_is_explained_in_words():
    said = explain(parse(TABLE + CODED))

    assert "Day 0 is the first event of SNOMED:44054006." in said
    assert "Only with adult: Patient:age, from 18 to 110 a." in said
    assert "Without dialysis: ICD-10:N18, from 365 days before to day 0." in said
    assert (
        "creatinine: number in mg/dL, from 0.1 to 20, max of LOINC:2160-0, "
        "from 30 days before to day 0" in said
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('unit = "mg/dL"', 'unit = "mg per dl"', "features.creatinine.unit: "),
        ("molar_mass = 113.12", "molar_mas = 1", "did you mean 'molar_mass'?"),
        ("LOINC:2160-0", "LOINC:2160-1", "has a wrong check digit"),
        ("[-30, 0]", "[0, -30]", "a window runs from early to late, found [0, -30]"),
        ('pick = "max"', 'pick = "count"', "what is counted has the unit '1'"),
        ('unit = "mg/dL"', 'unit = "mm[Hg]"', "molar_mass: says nothing about 'mm[Hg]'"),
        ("cohort.all.adult", "cohort.all.age", "cohort.all.age: another column has this name"),
        ('[18, 110]\nunit = "a"', "[18, 110]", "range and unit go together"),
        (
            '[cohort.index]\ncode = ["SNOMED:44054006"]',
            "",
            "features.creatinine: window is counted from an index event",
        ),
        (
            '[target.ill]\ntype = "boolean"',
            '[target.ill]\ntype = "category"\nlevels = ["a", "b", "c"]',
            "target.ill.type: 'logistic' does not predict 'category': use cnn or",
        ),
        (
            '[target.ill]\ntype = "boolean"',
            '[target.ill]\ntype = "time-to-event"\ncode = ["Patient:death"]\nhorizon = 365',
            "hazard or transformer, or cox or km with plan.strategy 'sums'",
        ),
        (
            '[target.ill]\ntype = "boolean"',
            '[target.ill]\ntype = "numbr"',
            "target.ill.type: there is no type 'numbr'; did you mean 'number'?",
        ),
        (
            '[target.ill]\ntype = "boolean"',
            '[target.ill]\nabove = 1\ncode = ["LOINC:2160-0"]',
            "target.ill.unit: is missing: coded values come with units",
        ),
    ],
)
def test_what_makes_no_sense_is_told(old, new, fault):
    told = faults(changed(old, new))

    assert any(fault in line for line in told), told
