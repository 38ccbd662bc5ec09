"""A picture and a row of a table in one network, with a hospital that has no scanner.

The same network three times: on both, on pictures alone, on rows alone. Each alone is worse
than both; the hospital without a scanner takes part, and gets a network that reads its rows.
Needs torch; takes under a minute. The patients are invented.
"""

import runpy
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "spots"
purpose = "Who will be ill, from a picture and the blood?"

[features.picture]
type = "image"
size = [16, 16]

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.marker]
type = "number"
unit = "mg/L"
range = [0, 20]

[target.ill]

[recipe]
name = "fusion"

[plan]
rounds = 25
batch = 16
lr = 0.05
momentum = 0.9
schedule = "cosine"
"""


def main() -> None:
    """Train three times, and print AUC on the test patients of every hospital."""
    make = runpy.run_path(str(Path(__file__).with_name("make_both.py")))["make"]
    whole = make()
    nothing = np.zeros_like(whole["has_image"])
    given = {
        "both": whole,
        "picture alone": {k: v for k, v in whole.items() if k not in {"age", "marker"}},
        "row alone": {**whole, "has_image": nothing},
    }
    for name, arrays in given.items():
        file = f"{name.replace(' ', '-')}.npz"
        np.savez(file, **arrays)
        result = mw.simulate(mw.parse_study(STUDY), file, by="hospital", out=f"run-{file[:-4]}")
        for model in result.findings.models[:2]:
            areas = {scores.site: scores.auc.value or 0.0 for scores in model.by_site}
            told = "  ".join(f"{site} {area:.3f}" for site, area in areas.items())
            print(f"{name:<14} {model.name:<10} AUC  {told}")


if __name__ == "__main__":
    main()
