"""Real hospitals: sums over them equal the pooled fit, and curves the pooled curves."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.recipes.statistics.concordance import pairs
from modelward.recipes.statistics.small_cells import merged_cells
from modelward.simulation import data
from modelward.simulation.analysis import AnalysedRun
from modelward.simulation.dealing import Special
from modelward.simulation.notebook import analyse
from modelward.study.read import parse
from tests.shared_data import shared

pytestmark = pytest.mark.slow

CENTRES = 6


@pytest.fixture(scope="module")
def brca(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Write TCGA-BRCA with FLamby's centres and split; return the file and its columns."""
    source = shared("tcga_brca")
    fold = {row["pid"]: row["fold2"] for row in _rows(source / "train_test_split.csv")}
    rows = [row for row in _rows(source / "brca.csv") if row["pid"] in fold]
    named = [name for name in rows[0] if name not in {"pid", "E", "T", "age_at_index"}]
    target = tmp_path_factory.mktemp("brca") / "brca.csv"
    with target.open("w", newline="") as stream:
        out = csv.writer(stream)
        own = [f"c{place}" for place in range(len(named))]
        out.writerow(["pid", "centre", "split", "age", *own, "death", "death_time"])
        for row in rows:
            split, centre = fold[row["pid"]].split("_")
            values = [row[name] for name in named]
            ended = [str(int(float(row["E"]))), row["T"]]
            whose = [row["pid"], f"centre-{centre}", split, row["age_at_index"]]
            out.writerow([*whose, *values, *ended])
    return target, own


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def brca_study(chosen: list[str], recipe: str) -> Study:
    features = "".join(f'[features.{name}]\ntype = "boolean"\n' for name in chosen)
    return parse(
        '[study]\nid = "brca"\npurpose = "Survival with breast cancer"\n'
        f'[features.age]\ntype = "number"\nunit = "a"\nrange = [0, 120]\n{features}'
        '[target.death]\ntype = "time-to-event"\nhorizon = 20000\n'
        f'[recipe]\n{recipe}\n[plan]\nstrategy = "sums"\nrounds = 40\n'
    )


def ran(study: Study, path: Path, out: Path) -> AnalysedRun:
    special = Special(patient="pid", split="split")
    return analyse(study, path, "centre", out, special=special, workers=1)


def sites_of(made: AnalysedRun) -> dict[str, Cohort]:
    """Return what every site of a run has."""
    return {
        site.name: open_cohort(made.folder / "sites" / site.name / "dataset.toml", made.study)
        for site in made.found.sites
    }


def pooled(made: AnalysedRun, fold: str = "train") -> tuple[Any, Any, Any, Any]:
    """Return columns, outcome, amount and site of all units of a fold together."""
    found = sites_of(made)
    chosen: Any = fold
    x = np.concatenate([c.fold(chosen)[0] for c in found.values()])
    y = np.concatenate([c.fold(chosen)[1] for c in found.values()])
    days = np.concatenate([c.amounts(chosen) for c in found.values()])
    where = np.repeat(np.arange(len(found)), [c.count(chosen) for c in found.values()])
    return x, y, days, where


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_over_the_centres_of_tcga_is_the_pooled_fit(brca, tmp_path, ties):
    path, _ = brca
    study = brca_study(
        ["c9", "c17", "c19", "c23"], f'name = "cox"\noptions = {{ ties = "{ties}" }}'
    )

    made = ran(study, path, tmp_path / "run")

    x, event, days, where = pooled(made)
    assert len(x) == 866
    fit = PHReg(days, x, status=event, strata=where, ties=ties).fit(disp=False)
    rows = made.found.coefficients
    assert [row.name for row in rows] == [column.name for column in columns(study)]
    assert [row.estimate for row in rows] == pytest.approx(fit.params, abs=1e-6)
    assert [row.error for row in rows] == pytest.approx(fit.bse, abs=1e-6)


@pytest.mark.exhaustive
def test_risks_order_patients_as_well_as_those_of_the_pooled_fit(brca, tmp_path):
    """All 39 columns repeat each other, so both fits have the same penalty.

    The pooled fit has one baseline for all centres, and pairs are of all test patients, as in
    FLamby's protocol; ours has a baseline for each centre.
    """
    path, own = brca
    study = brca_study(own, 'name = "cox"\noptions = { l2 = 1.0 }')

    made = ran(study, path, tmp_path / "run")

    x, event, days, _ = pooled(made)
    scaling = made.outcome.model.scaling
    assert scaling is not None
    z = scaling.apply(x)
    whole = PHReg(days, z, status=event, ties="efron")
    fit = minimize(
        lambda b: 0.5 * b @ b - whole.loglike(b),
        np.zeros(z.shape[1]),
        jac=lambda b: b - whole.score(b),
    )
    held, died, until, _ = pooled(made, "test")
    federated = np.array([row.estimate for row in made.found.coefficients]) * scaling.spread

    def index(beta: Any) -> float:
        agree, differ, tied = pairs(scaling.apply(held) @ beta, until, died)
        return float((agree + tied / 2) / (agree + differ + tied))

    assert index(federated) == pytest.approx(index(fit.x), abs=0.005)
    assert 0.838 <= index(federated) <= 0.845
    assert 0.838 <= index(fit.x) <= 0.845
    within = made.found.figures["C-index, test units"]
    assert within == pytest.approx(0.832, abs=0.003)  # pairs of one centre only


def test_curves_over_the_centres_are_those_of_all_patients_on_the_same_cells(brca, tmp_path):
    path, _ = brca
    study = brca_study(["c19"], 'name = "km"\noptions = { width = 90, by = "c19" }')

    made = ran(study, path, tmp_path / "run")

    x, event, days, where = pooled(made)
    arm = x[:, [c.name for c in columns(study)].index("c19")]
    cells = np.clip(np.ceil(days / 90).astype(int) - 1, 0, 222)
    shown = np.ones(len(x), bool)
    for k in range(CENTRES):
        sizes = [np.count_nonzero((where == k) & (arm == g)) for g in (0, 1)]
        for g in (0, 1):
            for e in (0, 1):
                mine = (where == k) & (arm == g) & (event == e)
                moved = merged_cells(np.bincount(cells[mine], minlength=223), 10)
                if moved is None:
                    shown[(where == k) & (arm == g)] = False
                else:
                    cells[mine] = moved[cells[mine]]
            if sizes[g] < 10:
                shown[where == k] = False
    for g, curve in enumerate(made.found.curves):
        own = shown & (arm == g)
        fit = SurvfuncRight((cells[own] + 1) * 90.0, event[own])
        kept = fit.n_events > 0
        ours = [step for step in curve.steps if step.events]
        assert [step.day for step in ours] == fit.surv_times[kept].tolist()
        assert [step.survival for step in ours] == pytest.approx(fit.surv_prob[kept], abs=1e-6)


@pytest.mark.parametrize("family", ["logistic", "linear", "poisson"])
def test_glm_over_four_real_hospitals_is_the_pooled_fit(tmp_path, family):
    data.write_heart(tmp_path / "heart.csv")
    heart = (data.STUDIES / "heart-disease.toml").read_text("utf-8")
    features = heart[heart.index("[features.") : heart.index("[target.")]
    target = "[target.num]\nabove = 0\n"
    if family != "logistic":
        target = '[target.num]\ntype = "number"\nunit = "1"\nrange = [0, 4]\n'
    study = parse(
        '[study]\nid = "heart"\npurpose = "Heart disease"\n[cohort]\ncomplete = true\n'
        f'{features}{target}[recipe]\nname = "glm"\noptions = {{ family = "{family}" }}\n'
        '[plan]\nstrategy = "sums"\nrounds = 40\ntest = 0.0\n'
    )

    made = analyse(study, tmp_path / "heart.csv", "hospital", tmp_path / "run", workers=1)

    parts = list(sites_of(made).values())
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y if part.amount is None else part.amount for part in parts])
    families = {"logistic": sm.families.Binomial(), "linear": sm.families.Gaussian(),
                "poisson": sm.families.Poisson()}  # fmt: skip
    fit = sm.GLM(y, sm.add_constant(x), family=families[family]).fit(tol=1e-14, maxiter=200)
    assert len(y) == made.found.units
    assert len(y) > 700
    assert [row.estimate for row in made.found.coefficients] == pytest.approx(
        fit.params, abs=1e-6
    )
    assert [row.error for row in made.found.coefficients] == pytest.approx(fit.bse, abs=1e-6)
