"""The figures for scaling, computed again from the demo's data."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.evaluate.measures import discrimination
from modelward.evaluate.predictions import Predictions
from modelward.learn import newton
from modelward.readers.cohort import Cohort, Fold
from modelward.readers.open import open_cohort
from modelward.recipes.regression.logit import sigmoid
from modelward.simulation import data
from modelward.simulation.dealing import Dealing, Special, deal
from modelward.simulation.split import write_sites
from modelward.study.read import parse
from modelward.study.scaling import Scaling, from_sums, local_sums

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text("utf-8")
STUDY = parse((data.STUDIES / "heart-disease.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory):
    """Return the cohorts of the four real hospitals of the demo."""
    folder = tmp_path_factory.mktemp("heart")
    data.write_heart(folder / "heart.csv")
    special = Special(split="split")
    rows = deal(folder / "heart.csv", STUDY, Dealing(by="hospital"), special)
    write_sites(folder / "heart.csv", rows, folder, special)
    return {site: open_cohort(folder / site / "dataset.toml", STUDY) for site in rows}


def scaling(study: Study, *cohorts: Cohort) -> Scaling:
    """Return z-scores of the training patients of `cohorts` together."""
    x = np.concatenate([cohort.fold("train")[0] for cohort in cohorts])
    return from_sums(local_sums(x, columns(study)), columns(study))


def judged(hospitals: dict[str, Cohort], scalings: dict[str, Scaling]) -> tuple[float, float]:
    """Return AUC and accuracy of pooled training on columns scaled that way."""

    def fold(name: Fold) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        parts = [(scalings[site], *cohort.fold(name)) for site, cohort in hospitals.items()]
        return (
            np.concatenate([scale.apply(x) for scale, x, _ in parts]),
            np.concatenate([y for _, _, y in parts]),
        )

    x, y = fold("train")
    beta = newton.fit(x, y, 1.0).beta
    x, y = fold("test")
    predictions = Predictions.of(y, sigmoid(x @ beta[1:] + beta[0]))
    area = discrimination.auc(predictions).value
    right = discrimination.accuracy(predictions).value
    assert area is not None
    assert right is not None
    return area, right


@pytest.mark.parametrize(
    ("row", "together"),
    [("every hospital scales by", True), ("each hospital scales by", False)],
)
def test_the_figures_for_scaling_are_those_on_the_page(hospitals, row, together):
    everyone = scaling(STUDY, *hospitals.values())
    scalings = {
        site: everyone if together else scaling(STUDY, cohort)
        for site, cohort in hospitals.items()
    }
    found = re.search(rf"^\| {row}.*\| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)
    assert found

    assert judged(hospitals, scalings) == pytest.approx(
        tuple(map(float, found.groups())), abs=5e-4
    )


def test_the_hospitals_differ_as_the_page_says(hospitals):
    place = [column.name for column in columns(STUDY)].index("thalach")
    ill = {site: cohort.fold("train")[1].mean() for site, cohort in hospitals.items()}
    rate = {
        site: cohort.fold("train")[0][:, place].mean() for site, cohort in hospitals.items()
    }

    assert f"{ill['cleveland']:.0%}".replace("%", " %") in PAGE
    assert ill["switzerland"] == 1
    assert f"heart rate of {rate['switzerland']:.0f} on average" in PAGE
    assert f"Cleveland to {rate['cleveland']:.0f}." in PAGE
    assert sum(cohort.count("train") for cohort in hospitals.values()) == 486
    assert sum(cohort.count("test") for cohort in hospitals.values()) == 254
