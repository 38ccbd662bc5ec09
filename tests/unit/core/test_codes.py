"""A code that was typed wrong is found before anybody looks for it."""

import re

import pytest

from modelward.core.codes import check, covers

GOOD = ["LOINC:2160-0", "LOINC:72166-2", "LOINC:38483-4", "SNOMED:44054006", "SNOMED:73211009",
        "ICD-10:E11", "ICD-10:E11.9", "ICD-9-CM:410.1", "ICD-9-CM:V45", "ATC:A10BA02",
        "ATC:A10",        "RxNorm:860975", "Patient:age"]  # fmt: skip


@pytest.mark.parametrize("code", GOOD)
def test_published_codes_are_codes(code):
    assert check(code) == code


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("2160-0", "names no system"),
        ("LOIN:2160-0", "did you mean 'LOINC'?"),
        ("loinc:2160-0", "there is no code system 'loinc'"),
        ("LOINC:2160", "'2160' is not a code of LOINC"),
        ("ICD-10:11", "is not a code of ICD-10"),
        ("Patient:name", "is not a code of Patient"),
    ],
)
def test_what_is_no_code_is_told(code, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check(code)


@pytest.mark.parametrize("code", ["LOINC:2160-0", "LOINC:72166-2", "SNOMED:44054006"])
def test_any_one_digit_typed_wrong_is_found(code):
    system, _, digits = code.partition(":")
    for place, digit in enumerate(digits):
        if not digit.isdigit():
            continue
        for other in set("0123456789") - {digit}:
            wrong = digits[:place] + other + digits[place + 1 :]
            with pytest.raises(ValueError, match="check digit"):
                check(f"{system}:{wrong}")


def test_a_code_of_a_hierarchy_covers_what_begins_with_it():
    assert covers("ICD-10:E11", "ICD-10:E11.9")
    assert covers("ICD-10:E11.9", "ICD-10:E119")  # some stores leave the point out
    assert covers("ATC:A10", "ATC:A10BA02")
    assert not covers("ICD-10:E11.9", "ICD-10:E11")
    assert not covers("SNOMED:73211009", "SNOMED:7321100")
