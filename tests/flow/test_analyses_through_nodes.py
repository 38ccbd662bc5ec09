"""Analyses as deployed studies: three nodes whose data are mapped by their own dataset.toml.

The way of a paper's tables: a hub and sites run as processes, each site reads its own store
(tests/registries.py), is checked, approves, extracts, sums, and its gate decides; the hub's
published report has the figures that statsmodels, scikit-learn and SciPy give for all
patients in one table, and those of the same study in process.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.linear_model import LogisticRegression
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from modelward.recipes.statistics.small_cells import merged_cells
from modelward.simulation.analysis import run
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Simulation
from modelward.study.read import parse
from tests.nodes import Nodes, until
from tests.registries import (
    ANALYSES,
    HORIZON,
    WRITERS,
    study_file,
    together,
    write_hospital,
)

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ALL = together()
FIGURES = ("answered", "units", "columns", "figures", "coefficients", "hazards", "curves",
           "log_rank", "groups", "rows", "differences")  # fmt: skip
"""Parts of a report that are about patients, not about the run."""

WIDTH = 95
CLOSE = 1e-6


def batched(names: Sequence[str], size: int) -> list[Sequence[str]]:
    return [names[first : first + size] for first in range(0, len(names), size)]


def asked_of_all(made: Nodes, site: str, names: Sequence[str]) -> bool:
    return made.knows(site) >= set(names)


def finished(made: Nodes, names: Sequence[str]) -> bool:
    states = made.states()
    return all(states[name]["finished"] for name in names)


def deployed(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Run studies over the three hospitals' nodes; return report.json by the study's id."""
    for name in WRITERS:
        write_hospital(folder / name, name)
    made = Nodes(folder, WRITERS)
    with made.up():
        names = [made.propose(text) for text in texts]
        for site in made.sites:
            until(partial(asked_of_all, made, site, names))
            for name in names:
                assert made.check(site, name).rstrip().endswith("READY")
                made.approve(site, name)
        for pair in batched(names, 2):  # a site keeps few trainers open at a time
            for name in pair:
                made.start(name)
            until(partial(finished, made, pair), 500, 1.0)
        return {name: made.report(name) for name in names}


def in_process(folder: Path, text: str) -> Any:
    """Return what the same study finds in a simulation over the same stores."""
    for name in WRITERS:
        if not (folder / "data" / name).exists():
            write_hospital(folder / "data" / name, name)
    study = parse(text)
    request = Simulation(
        study=study, data=folder / "data", dealing=Dealing(), special=Special(),
        out=folder / study.id, workers=1,
    )  # fmt: skip
    return run(request).found.to_object()


def equal_regression(told: Any, names: list[str], params: Any, errors: Any) -> None:
    rows = told["coefficients"]
    assert [row["name"] for row in rows] == names
    assert [row["estimate"] for row in rows] == pytest.approx(params, abs=CLOSE)
    assert [row["error"] for row in rows] == pytest.approx(errors, abs=CLOSE)


def pooled_glm(told: Any, family: str) -> None:
    y = ALL.column({"logistic": "readmitted", "linear": "stay", "poisson": "visits"}[family])
    families = {"logistic": sm.families.Binomial(), "linear": sm.families.Gaussian(),
                "poisson": sm.families.Poisson()}  # fmt: skip
    fit = sm.GLM(y, sm.add_constant(ALL.x), family=families[family]).fit(tol=1e-14)
    equal_regression(told, ["intercept", *ALL.names], fit.params, fit.bse)
    assert [row["p"] for row in told["coefficients"]] == pytest.approx(
        sm.OLS(y, sm.add_constant(ALL.x)).fit().pvalues if family == "linear" else fit.pvalues,
        abs=CLOSE,
    )
    if family == "logistic":
        centre, spread = ALL.x.mean(axis=0), ALL.x.std(axis=0)
        plain = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
            (ALL.x - centre) / spread, y
        )
        estimates = [row["estimate"] for row in told["coefficients"][1:]]
        assert estimates == pytest.approx(plain.coef_[0] / spread, abs=CLOSE)


def pooled_cox(told: Any, strata: str) -> None:
    days, died = ALL.column("days"), ALL.column("died")
    kept = [k for k, name in enumerate(ALL.names) if name != strata]
    whose = ALL.where * 2 + (ALL.column(strata) if strata else 0)
    x = ALL.x[:, kept]
    fit = PHReg(days, x, status=died, strata=whose, ties="efron").fit(disp=False)
    assert len(set(days.tolist())) < len(days) / 2  # many are equal
    equal_regression(told, [ALL.names[k] for k in kept], fit.params, fit.bse)


def on_the_grid() -> tuple[Any, Any]:
    """Return the cell of every patient once small ones are merged, and who is shown."""
    died, arm = ALL.column("died") > 0, ALL.column("treated") > 0
    cells = np.ceil(ALL.column("days") / WIDTH).astype(int) - 1
    shown = np.ones(len(cells), bool)
    for site in set(ALL.where.tolist()):
        for g in (False, True):
            for event in (False, True):
                mine = (ALL.where == site) & (arm == g) & (died == event)
                size = -(-HORIZON // WIDTH)
                moved = merged_cells(np.bincount(cells[mine], minlength=size), 10)
                if moved is None:
                    shown[(ALL.where == site) & (arm == g)] = False
                else:
                    cells[mine] = moved[cells[mine]]
    return cells, shown


def pooled_curves(told: Any, strata: str) -> None:
    died, arm = ALL.column("died") > 0, ALL.column("treated")
    cells, shown = on_the_grid()
    assert shown.all()
    for g, curve in enumerate(told["curves"]):
        fit = SurvfuncRight((cells[arm == g] + 1.0) * WIDTH, died[arm == g])
        ours = [step for step in curve["steps"] if step["events"]]
        kept = fit.n_events > 0
        assert [step["day"] for step in ours] == fit.surv_times[kept].tolist()
        assert [step["at_risk"] for step in ours] == fit.n_risk[kept].tolist()
        assert [step["survival"] for step in ours] == pytest.approx(
            fit.surv_prob[kept], abs=CLOSE
        )
    if strata:  # within sites and strata, on exact times
        chi, p = survdiff(
            ALL.column("days"), died, arm, strata=ALL.where * 3 + ALL.column(strata)
        )
    else:
        chi, p = survdiff((cells + 1.0) * WIDTH, died, arm)
    assert told["log_rank"]["chi_square"] == pytest.approx(chi, abs=CLOSE)
    assert told["log_rank"]["p"] == pytest.approx(p, abs=CLOSE)


def pooled_table(told: Any) -> None:
    arm, rows = ALL.column("treated"), told["rows"]
    assert told["groups"] == [["no", int((arm == 0).sum())], ["yes", int((arm == 1).sum())]]
    for name in ("age", "creatinine"):
        (row,) = [each for each in rows if each["feature"] == name]
        values = [ALL.column(name)[arm == g] for g in (0, 1)]
        values = [each[~np.isnan(each)] for each in values]
        for cell, known in zip(row["cells"], values, strict=True):
            assert cell["known"] == len(known)
            assert cell["mean"] == pytest.approx(known.mean(), abs=CLOSE)
            assert cell["spread"] == pytest.approx(known.std(ddof=1), abs=CLOSE)
        assert row["p"] == pytest.approx(
            stats.ttest_ind(*values, equal_var=False).pvalue, abs=CLOSE
        )
    stages = [each for each in rows if each["feature"] == "stage"]
    counts = [
        [int(((ALL.column("stage") == n) & (arm == g)).sum()) for g in (0, 1)] for n in range(3)
    ]
    assert [[cell["count"] for cell in row["cells"]] for row in stages] == counts
    assert stages[0]["p"] == pytest.approx(
        stats.chi2_contingency(counts, correction=False).pvalue, abs=CLOSE
    )


def pooled(name: str, told: Any) -> None:
    """Hold a report against all patients in one table."""
    assert told["answered"]
    assert told["units"] == len(ALL.cases)
    strata = {"hazards-in-strata": "treated", "curves-in-strata": "stage"}.get(name, "")
    if name in {"logistic", "linear", "poisson"}:
        pooled_glm(told, name)
    elif name.startswith("hazards"):
        pooled_cox(told, strata)
    elif name.startswith("curves"):
        pooled_curves(told, strata)
    else:
        pooled_table(told)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: Any) -> dict[str, Any]:
    """Every analysis, in the clear and behind masks, over one set of nodes."""
    texts = [study_file(name, masked=masked) for name in ANALYSES for masked in (False, True)]
    return deployed(tmp_path_factory.mktemp("nodes"), texts)


def test_a_regression_of_a_number_is_that_of_all_patients_in_one_table(tmp_path):
    told = deployed(tmp_path, [study_file("linear")])["linear"]

    pooled("linear", told)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", list(ANALYSES))
def test_the_published_report_is_that_of_all_patients_in_one_table(reports, tmp_path, name):
    told = reports[name]

    pooled(name, told)
    local = in_process(tmp_path, study_file(name))
    assert {key: told[key] for key in FIGURES} == {key: local[key] for key in FIGURES}
    assert told["run"]["model_sha256"] == local["run"]["model_sha256"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", list(ANALYSES))
def test_behind_masks_it_is_the_same(reports, name):
    told = reports[f"{name}-masked"]

    assert told["run"]["masked"]
    pooled(name, told)
    shared = [key for key in FIGURES if key != "differences"]
    assert {key: told[key] for key in shared} == {key: reports[name][key] for key in shared}
    assert told["differences"] == []
