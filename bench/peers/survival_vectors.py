"""Survival figures as another program computes them: lifelines.

    python -m venv env && env/bin/pip install lifelines==0.30.3 'pandas<3'
    env/bin/python bench/peers/survival_vectors.py > tests/vectors/survival/lifelines.json

Runs in an environment of its own, without us. Rows are invented, with many ties, three sites
and a second stratum; lifelines fits all of them together.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test

EXACT = {"precision": 1e-13, "r_precision": 1e-13, "max_steps": 200}


def rows(ties: int) -> pd.DataFrame:
    """Return invented patients of three sites; times are multiples of `ties` days."""
    draw = np.random.default_rng([7, ties])
    n = 240
    frame = pd.DataFrame(
        {
            "age": draw.normal(60, 10, n).round(1),
            "dose": draw.uniform(0, 4, n).round(2),
            "arm": draw.integers(0, 2, n),
            "site": draw.integers(0, 3, n),
            "stage": draw.integers(0, 2, n),
        }
    )
    risk = 0.03 * (frame.age - 60) - 0.3 * frame.dose + 0.5 * frame.arm + 0.4 * frame.site
    died = draw.exponential(400 * np.exp(-risk))
    left = draw.uniform(50, 900, n)
    frame["days"] = (np.ceil(np.minimum(died, left) / ties) * ties).astype(int)
    frame["event"] = (died <= left).astype(int)
    return frame


def main() -> None:
    """Write the vectors to stdout."""
    found = []
    for ties in (3, 30, 90):
        frame = rows(ties)
        cases = {}
        for name, strata in (("site", ["site"]), ("site and stage", ["site", "stage"])):
            fit = CoxPHFitter().fit(
                frame.drop(columns=[] if "stage" in strata else ["stage"]),
                "days",
                "event",
                strata=strata,
                fit_options=EXACT,
            )
            cases[name] = {
                "params": fit.params_.to_dict(),
                "errors": fit.standard_errors_.to_dict(),
                "loglik": fit.log_likelihood_,
            }
        curves = {}
        for arm in (0, 1):
            own = frame[frame.arm == arm]
            curve = KaplanMeierFitter().fit(own.days, own.event)
            table = curve.survival_function_["KM_estimate"]
            curves[arm] = [
                table.index.tolist(),
                table.tolist(),
                float(curve.median_survival_time_),
            ]
        one, other = (frame[frame.arm == arm] for arm in (0, 1))
        test = logrank_test(one.days, other.days, one.event, other.event)
        found.append(
            {
                "ties": ties,
                "rows": {name: frame[name].tolist() for name in frame},
                "cox": cases,
                "km": curves,
                "log_rank": [float(test.test_statistic), float(test.p_value)],
            }
        )
    made_by = {name: version(name) for name in ("lifelines", "pandas", "numpy")}
    json.dump({"made_by": made_by, "cases": found}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
