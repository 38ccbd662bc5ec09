"""ComBat over sites harmonises as ComBat over all rows in one place does."""

from typing import Any

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.evaluate.sums.harmonisation import harmonisation
from modelward.recipes.analysis import Observed
from modelward.recipes.statistics.combat import Combat, Options
from modelward.site.answering.harmonise import harmonise, harmonise_file
from modelward.study.model import Model
from tests.analyses import cohort, finished, numbers, study_of

NAMES = ("age", "m0", "m1", "m2", "m3", "m4")
MORE = "[cohort]\ncomplete = true\n"


def study(options: str = 'keep = "age"') -> Any:
    recipe = f'name = "combat"\noptions = {{ {options} }}'
    return study_of(numbers(*NAMES) + MORE, 'type = "boolean"', recipe)


def rows() -> tuple[Any, Any, Any]:
    """Age and five measurements with effects of age, outcome and site."""
    draw = np.random.default_rng(11)
    n = 240
    where, ill, age = draw.integers(0, 3, n), draw.integers(0, 2, n), draw.normal(60, 10, n)
    shift, spread = draw.normal(0, 2, (3, 5)), draw.uniform(0.6, 1.8, (3, 5))
    base = np.array([10.0, 50.0, -3.0, 120.0, 1.0])
    y = base + 0.2 * (age - 60)[:, None] * [1, 0.5, 0, -1, 0.1] + ill[:, None] * 1.5
    y = y + shift[where] + spread[where] * draw.normal(size=(n, 5))
    return np.column_stack([age, y]), ill.astype(np.int8), where


def sites(x: Any, y: Any, where: Any) -> dict[str, Any]:
    return {f"site-{k}": cohort(x[where == k], y[where == k]) for k in np.unique(where)}


def pooled_combat(x: Any, ill: Any, where: Any) -> Any:
    """ComBat by its definition: dummies of sites, least squares, empirical Bayes per site."""
    y = x[:, 1:]
    batches = np.eye(3)[where]
    design = np.column_stack([batches, x[:, 0], ill])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    mean = (batches.mean(axis=0) @ beta[:3])[None] + design[:, 3:] @ beta[3:]
    size = np.sqrt(np.square(y - design @ beta).mean(axis=0))
    z = (y - mean) / size
    out = np.empty_like(y)
    for k in range(3):
        own = z[where == k]
        g, d, n = own.mean(axis=0), own.var(axis=0, ddof=1), len(own)
        t2, m, s2 = g.var(ddof=1), d.mean(), d.var(ddof=1)
        a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
        gs, ds = g, d
        for _ in range(500):
            gs = (t2 * n * g + ds * g.mean()) / (t2 * n + ds)
            ds = (0.5 * np.square(own - gs).sum(axis=0) + b) / (n / 2 + a - 1)
        out[where == k] = (own - gs) / np.sqrt(ds) * size + mean[where == k]
    return out


def observed(model: Model, units: Any) -> Observed:
    assert model.scaling is not None
    return Observed(raw=units.x, x=model.scaling.apply(units.x), y=units.y)


def test_sites_harmonise_as_one_place_would():
    x, ill, where = rows()
    parts = sites(x, ill, where)

    model, reason = finished(study(), parts)

    expected = pooled_combat(x, ill, where)
    assert reason == "summed: one round gives the pooled fit"
    for k, units in enumerate(parts.values()):
        found = harmonise(model, observed(model, units))
        assert found.names == NAMES[1:]
        assert found.values == pytest.approx(expected[where == k], abs=1e-6)


def test_site_effects_are_gone_and_kept_effects_are_not():
    x, ill, where = rows()
    parts = sites(x, ill, where)
    model, _ = finished(study(), parts)

    values = np.empty((len(x), 5))
    for k, units in enumerate(parts.values()):
        values[where == k] = harmonise(model, observed(model, units)).values

    before = [x[where == k, 1].mean() for k in range(3)]
    after = [values[where == k, 0].mean() for k in range(3)]
    assert np.ptp(after) < 0.25 * np.ptp(before)
    assert np.corrcoef(values[:, 0], x[:, 0])[0, 1] > 0.5


def test_the_report_has_grand_means_and_effects_in_units():
    x, ill, where = rows()

    made = harmonisation(finished(study(), sites(x, ill, where))[0])

    assert made is not None
    assert (made.sites, made.units) == (3, 240)
    first = made.measurements[0]
    assert set(first.effects) == {"age", "y"}
    assert first.effects["y"] == pytest.approx(1.5, abs=0.6)


def test_without_kept_effects_means_alone_are_fitted():
    x, ill, where = rows()

    model, _ = finished(study("outcome = false"), sites(x, ill, where))

    made = harmonisation(model)
    assert made is not None
    assert made.measurements[0].mean == pytest.approx(x[:, 0].mean())


def test_kept_effects_that_repeat_each_other_are_said_to():
    x, ill, where = rows()
    x[:, 0] = where

    _, reason = finished(study(), sites(x, ill, where))

    assert reason == "preserved effects are collinear"


def test_a_table_is_harmonised_to_a_file(tmp_path):
    x, ill, where = rows()
    model, _ = finished(study(), sites(x, ill, where))
    lines = [",".join([*NAMES, "y"])]
    lines += [
        ",".join([*map(repr, row), str(i)]) for row, i in zip(x.tolist(), ill, strict=True)
    ]
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")

    found = harmonise_file(model, tmp_path / "all.csv", tmp_path / "out.csv")

    written = (tmp_path / "out.csv").read_text().splitlines()
    assert written[0] == "unit,m0,m1,m2,m3,m4"
    assert len(written) == 241
    assert float(written[1].split(",")[1]) == found.values[0, 0]


def test_two_units_have_no_spread():
    x, ill, where = rows()
    model, _ = finished(study(), sites(x, ill, where))

    with pytest.raises(DataError, match="2 units cannot be harmonised"):
        harmonise(model, observed(model, cohort(x[:2], ill[:2])))


def test_the_recipe_says_what_it_measures():
    made = Combat(Options(keep="age, m0"))

    assert made.kept == ["age", "m0"]
    assert len(made.measured(study())) == 4
