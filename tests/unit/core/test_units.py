"""Units convert by exact factors; what is no unit, or another quantity, is said in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.units import UnknownUnit, conversion, known, line, parse, spelled

# Found value and unit, wanted value and unit: worked by hand or from the unit's definition.
KNOWN = [
    (1, "g/L", 100, "mg/dL"),
    (7.5, "10*9/L", 7.5, "10*3/uL"),
    (4.5, "10*6/uL", 4.5, "10*12/L"),
    (98.6, "[degF]", 37, "Cel"),
    (0, "Cel", 273.15, "K"),
    (760, "mm[Hg]", 101.32472, "kPa"),  # BIPM conventional mmHg, 133.322 Pa
    (70, "[in_i]", 177.8, "cm"),
    (1, "[lb_av]", 0.45359237, "kg"),
    (2, "a", 24, "mo"),
    (14, "d", 2, "wk"),
    (60, "/min", 1, "Hz"),
    (60, "U/L", 1, "ukat/L"),
    (42, "%", 0.42, "1"),
    (25, "kg/m2", 2.5, "g/cm2"),
    (500, "ug/L{FEU}", 0.5, "mg/L"),
    (90, "mL/min/{1.73_m2}", 5.4, "L/h"),
    (3, "{score}", 3, "1"),
    (5, "10*3.mg/L", 5, "g/L"),
]
MOLES = [  # molar mass, as in the tables that laboratories print
    (88.4, "umol/L", 1.0, "mg/dL", 113.12),  # creatinine
    (5.55, "mmol/L", 100, "mg/dL", 180.156),  # glucose
    (38.67, "mg/dL", 1.0, "mmol/L", 386.65),  # cholesterol
]


@pytest.mark.parametrize(("found", "here", "wanted", "there"), KNOWN)
def test_conversion_gives_the_values_of_the_definitions(found, here, wanted, there):
    assert conversion(here, there)(found) == pytest.approx(wanted, rel=1e-12)
    assert conversion(there, here)(wanted) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize(("found", "here", "wanted", "there", "mass"), MOLES)
def test_mass_and_moles_are_joined_by_the_molar_mass(found, here, wanted, there, mass):
    assert conversion(here, there, molar_mass=mass)(found) == pytest.approx(wanted, rel=1e-3)
    with pytest.raises(UnknownUnit, match="only by a molar mass, and the study states none"):
        conversion(here, there)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mmHg", "did you mean 'mm[Hg]'?"),
        ("mg / dL", "did you mean 'mg/dL'?"),
        ("mg//L", "nothing stands before or after a mark"),
        ("mg/", "nothing stands before or after a mark"),
        ("", "is not a UCUM unit"),
        ("Stück", "is not a UCUM unit"),
        ("dam[iU", "is not a UCUM unit"),
    ],
)
def test_what_is_no_unit_is_told(text, said):
    assert not known(text)
    with pytest.raises(UnknownUnit) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("here", "there"), [("mg/dL", "mm[Hg]"), ("[iU]/L", "U/L"), ("kg", "cm"), ("mmol", "g.m")]
)
def test_another_quantity_is_no_conversion(here, there):
    with pytest.raises(UnknownUnit, match="different quantities"):
        conversion(here, there, molar_mass=100.0)


def test_sites_have_spellings_of_their_own():
    assert spelled("µmol/L") == "umol/L"
    assert spelled("mmHg") == "mm[Hg]"
    assert spelled("mg pro dl", {"mg pro dl": "mg/dL"}) == "mg/dL"
    assert spelled("nonsense") == "nonsense"


@given(
    st.sampled_from([(here, there) for _, here, _, there in KNOWN]),
    st.floats(-1e6, 1e6),
)
def test_there_and_back_is_where_one_was(pair, value):
    here, there = pair

    back = conversion(there, here)(conversion(here, there)(value))

    assert back == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_a_unit_is_itself():
    for _, here, _, there in KNOWN:
        assert line(here, here) == line(there, there) == (1.0, 0.0)
