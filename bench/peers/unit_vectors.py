"""Conversions as another program makes them: ucumvert (a UCUM grammar) over pint.

    python -m venv env && env/bin/pip install ucumvert==0.3.2 pint==0.25.3
    env/bin/python bench/peers/unit_vectors.py > tests/vectors/units/ucumvert.json

Runs in an environment of its own, without us. Every pair of units of one quantity is there in
both directions, and pairs of mass and amount of substance by a molar mass.
"""

import json
import sys
from importlib.metadata import version
from itertools import permutations

from ucumvert import PintUcumRegistry

QUANTITIES = {
    "mass concentration": "g/L mg/dL ug/mL ng/mL pg/mL ng/dL ug/L kg/m3 mg/mL g/dL ug/dL",
    "amount concentration": "mol/L mmol/L umol/L nmol/L pmol/L fmol/mL",
    "charge": "meq/L eq/L ueq/mL",
    "osmolality": "osm/kg mosm/kg",
    "count per volume": "10*9/L 10*3/uL 10*6/mL 10*12/L 10*6/uL 1/uL /mL {cells}/uL",
    "pressure": "mm[Hg] kPa Pa bar mbar cm[H2O]",
    "frequency": "/min /s Hz /h {beats}/min",
    "length": "m cm mm um km [in_i] [ft_i]",
    "mass": "kg g mg ug ng pg [lb_av] [oz_av] t",
    "time": "s min h d wk mo a ms",
    "volume": "L mL dL uL fL m3 cm3",
    "flow": "mL/min L/h L/min mL/s",
    "ratio": "1 % [ppth] [ppm] 10*-3 mg/g g/kg ug/mg mmol/mol",
    "enzymes": "U/L kat/L ukat/L nkat/L mU/mL kU/L",
    "arbitrary": "[iU]/L m[iU]/mL k[iU]/L u[iU]/mL",
    "area density": "kg/m2 g/cm2",
    "dose": "ug/kg/min mg/kg/h mg/kg/d",
    "energy": "J kJ cal kcal",
    "radiation": "Gy mGy cGy",
    "sedimentation": "mm/h cm/h",
    "temperature": "Cel [degF] K",
}

MOLAR = {
    "creatinine": (113.12, "mg/dL", "umol/L"),
    "glucose": (180.156, "mg/dL", "mmol/L"),
    "urea": (60.056, "g/L", "mmol/L"),
    "bilirubin": (584.66, "mg/dL", "umol/L"),
    "cholesterol": (386.65, "mg/dL", "mmol/L"),
    "calcium": (40.078, "mg/dL", "mmol/L"),
    "lactate": (90.08, "mg/dL", "mmol/L"),
    "thyroxine": (776.87, "ng/dL", "pmol/L"),
    "albumin": (66500.0, "g/dL", "umol/L"),
    "urine ratio": (113.12, "mg/g", "mg/mmol"),
}
"""Substance -> molar mass in g/mol, and a unit of mass and one of amount."""

VALUES = (1.0, 37.5)


def main() -> None:
    """Write the vectors to stdout."""
    registry = PintUcumRegistry()

    def converted(value: float, found: str, wanted: str) -> float:
        here, there = registry.from_ucum(found), registry.from_ucum(wanted)
        given = registry.Quantity(value * here.magnitude, here.units)
        return float(given.to(there.units).magnitude / there.magnitude)

    pairs = [
        [found, wanted, value, converted(value, found, wanted)]
        for units in QUANTITIES.values()
        for found, wanted in permutations(units.split(), 2)
        for value in VALUES
    ]
    molar = []
    for mass, by_mass, by_amount in MOLAR.values():
        weight = registry.Quantity(mass, "g/mol")
        here, target = registry.from_ucum(by_mass), registry.from_ucum(by_amount)
        given = registry.Quantity(VALUES[1] * here.magnitude, here.units)
        power = -1 if by_mass != "mg/g" else 1  # mg/mmol is mass per amount below the line
        found = float((given * weight**power).to(target.units).magnitude / target.magnitude)
        molar.append([by_mass, by_amount, mass, VALUES[1], found])
    made_by = {name: version(name) for name in ("ucumvert", "pint")}
    json.dump({"made_by": made_by, "pairs": pairs, "molar": molar}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
