"""Our conversions, held to those of ucumvert and pint, in every pair of units of a quantity.

The file was written by bench/peers/unit_vectors.py in an environment with ucumvert and pint and
without us.
"""

import json
from pathlib import Path

import pytest

from modelward.core import units

VECTORS = json.loads((Path(__file__).parent / "units" / "ucumvert.json").read_text())

MERCURY = 5e-6
"""UCUM has 133.322 Pa for a millimetre of mercury, pint 133.322387415 (NIST SP 811)."""


def apart(found: str, wanted: str) -> float:
    """Return the relative difference that definitions allow."""
    return MERCURY if "[Hg]" in found + wanted else 1e-12


def test_every_pair_of_units_is_converted_as_by_another_program():
    assert len(VECTORS["pairs"]) > 1000
    wrong = [
        (found, wanted, value, expected)
        for found, wanted, value, expected in VECTORS["pairs"]
        if units.conversion(found, wanted)(value)
        != pytest.approx(expected, rel=apart(found, wanted))
    ]

    assert wrong == []


@pytest.mark.parametrize(("mass", "moles", "molar", "value", "expected"), VECTORS["molar"])
def test_mass_becomes_amount_as_by_another_program(mass, moles, molar, value, expected):
    there = units.conversion(mass, moles, molar_mass=molar)
    back = units.conversion(moles, mass, molar_mass=molar)

    assert there(value) == pytest.approx(expected, rel=1e-12)
    assert back(expected) == pytest.approx(value, rel=1e-12)


def test_every_unit_of_the_table_that_the_other_program_knows_is_compared():
    compared = {unit for found, wanted, *_ in VECTORS["pairs"] for unit in (found, wanted)}
    atoms = {*units.METRIC, *units.PLAIN, *units.AFFINE}
    seen = {atom for atom in atoms if any(atom in unit for unit in compared)}

    # What is left has one unit only, or pint has no such quantity: see bench/peers.
    assert atoms - seen == {"W", "N", "Bq", "V", "[arb'U]", "[pH]", "[drp]", "[APL'U]",
                            "[IU]", "10^"}  # fmt: skip
