"""What shortens life, from sums over six hospitals: Cox regression and Kaplan-Meier curves.

Writes survivors.csv and the folders `cox` and `km` where you are. Every figure is the one
that a table of all rows would give; no row leaves its hospital's folder.
"""

import subprocess
import sys
from pathlib import Path

import modelward as mw

STUDY = """
[study]
id = "survival"
purpose = "What goes with early death after the operation?"

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.marker]
type = "number"
unit = "ng/mL"
range = [0, 10]

[features.stage]
type = "category"
levels = ["stage 1", "stage 2", "stage 3"]

[features.treated]
type = "boolean"

[target.death]
type = "time-to-event"
unit = "mo"                       # of death_time in the tables
horizon = 3650                    # days

[recipe]
{recipe}

[plan]
strategy = "sums"
test = 0.0
"""

RECIPES = {
    "cox": 'name = "cox"\noptions = { ties = "efron" }',
    "km": 'name = "km"\noptions = { width = 91, by = "stage" }',
}


def main() -> None:
    """Invent patients, run both studies, and say what came out."""
    maker = Path(__file__).with_name("make_survivors.py")
    subprocess.run([sys.executable, maker, "survivors.csv"], check=True)  # noqa: S603 - our own
    runs = {
        name: mw.analyse(
            mw.parse_study(STUDY.replace("{recipe}", recipe)),
            "survivors.csv",
            by="hospital",
            out=name,
            special=mw.Special(patient="patient"),
        )
        for name, recipe in RECIPES.items()
    }
    for row in runs["cox"].found.coefficients:
        middle, low, high = row.ratio or (0, 0, 0)
        print(f"{row.name:<16} hazard ratio {middle:.2f} [{low:.2f}, {high:.2f}]")
    for curve in runs["km"].found.curves:
        print(f"{curve.name:<16} {curve.units} patients, median {curve.median} days")
    print("open", runs["cox"].report)


if __name__ == "__main__":
    main()
