"""Boosted trees over four hospitals beside scikit-learn's on the pooled records.

    python -m bench.trees

FLamby's rows and its split into training and test (docs/statistics.md); a fifth of each
hospital's training patients is held back. Fixed before the first run: of the depths and rates
below each way takes the one, and the number of trees, with the lowest log loss on the held-back
patients of all hospitals; test figures are printed for the chosen one alone. scikit-learn's
HistGradientBoostingClassifier gets the pooled records, the same depths, rates, penalty and
least leaf, and its own bins. Nothing is drawn at random, so there is one run of each.

Engine only: the sites' and the hub's own code, without gate and ledger.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.strategies import hospitals, released
from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import Predictions
from modelward.hub.round import Arrays
from modelward.hub.strategy import strategy
from modelward.readers.cohort import Cohort, Fold
from modelward.simulation import data
from modelward.simulation.baselines import together
from modelward.site.answering.answer import compute
from modelward.site.answering.folds import examples
from modelward.study.model import Model, initial
from modelward.study.outcome import chances
from modelward.study.read import parse
from modelward.study.scaling import from_sums, local_sums

DEPTHS, RATES, TREES = (1, 2, 3), (0.1, 0.3), 60
LEAST = 20


@dataclass(frozen=True, eq=False)
class Tried:
    """One setting at one number of trees: log loss held back, and chances on test."""

    says: str
    loss: float
    test: NDArray[np.float64]


def study_of(depth: int, rate: float, more: str) -> Study:
    """Return the demo's study of the heart data with trees."""
    text = (data.STUDIES / "heart-disease.toml").read_text("utf-8")
    before, _, rest = text.partition("[recipe]")
    after = rest[rest.index("[sites]") :]
    options = f"trees = {TREES}, depth = {depth}, rate = {rate}, min_leaf = {LEAST}{more}"
    plan = f'strategy = "boosting"\nrounds = {TREES * depth + 1}\nvalidation = 0.2\n'
    return parse(
        f'{before}[recipe]\nname = "trees"\noptions = {{ {options} }}\n[plan]\n{plan}{after}'
    )


def states(study: Study, sites: Mapping[str, Cohort]) -> Iterator[Model]:
    """Yield the model after each tree."""
    listed = columns(study)
    scaling = from_sums(local_sums(together(sites).fold("train")[0], listed), listed)
    plan, model, depth = strategy(study), initial(study, scaling), study.recipe.options["depth"]
    for number in range(1, study.plan.rounds + 1):
        task = Task(study=study.sha256, round_no=number, kind="sums", model="0" * 64)
        collected = plan.collector()
        for site, cohort in sites.items():
            found = compute(task, study, model, cohort, site)
            collected.add(released(found.tensors, found.patients, site))
        parameters, _ = plan.step(collected, model.parameters, Arrays())
        model = replace(model, parameters=parameters)
        if number > 1 and (number - 1) % int(str(depth)) == 0:
            yield model


def loss(y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the mean log loss."""
    return float(-np.mean(np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-12, None))))


def ours(sites: Mapping[str, Cohort], more: str) -> Tried:
    """Return the setting that does best on what was held back."""
    whole, found = together(sites), []
    _, y = whole.fold("validation")
    for depth, rate in product(DEPTHS, RATES):
        study = study_of(depth, rate, more)
        for trees, model in enumerate(states(study, sites), 1):

            def said(fold: Fold, model: Model = model) -> NDArray[np.float64]:
                held = examples(whole, fold, model)
                return chances(model.study, model.parameters, held.x)

            name = f"depth {depth}, rate {rate}, {trees} trees"
            found.append(Tried(name, loss(y, said("validation")), said("test")))
    return min(found, key=lambda each: each.loss)


def theirs(sites: Mapping[str, Cohort]) -> Tried:
    """Return scikit-learn's best on the pooled records."""
    whole, found = together(sites), []
    (x, y), (held, held_y) = whole.fold("train"), whole.fold("validation")
    test, _ = whole.fold("test")
    for depth, rate in product(DEPTHS, RATES):
        made = HistGradientBoostingClassifier(
            learning_rate=rate,
            max_iter=TREES,
            max_depth=depth,
            min_samples_leaf=LEAST,
            l2_regularization=1.0,
            early_stopping=False,
        ).fit(x, y)
        pairs = zip(
            made.staged_predict_proba(held), made.staged_predict_proba(test), strict=True
        )
        for trees, (p, q) in enumerate(pairs, 1):
            name = f"depth {depth}, rate {rate}, {trees} trees"
            found.append(Tried(name, loss(held_y, p[:, 1]), q[:, 1].copy()))
    return min(found, key=lambda each: each.loss)


def main() -> None:
    """Grow and print."""
    with tempfile.TemporaryDirectory() as folder:
        sites = hospitals(study_of(1, 0.1, ""), Path(folder))
    _, y = together(sites).fold("test")
    ways: dict[str, Callable[[], Tried]] = {
        "scikit-learn, pooled": lambda: theirs(sites),
        "ours, no cell under 10 shown": lambda: ours(sites, ""),
        "ours, every cell shown": lambda: ours(sites, ", min_cell = 1"),
    }
    print(f"{'way':30} {'val. loss':>9} {'accuracy':>9} {'AUC':>7}  chosen")
    for name, way in ways.items():
        tried = way()
        right = float(((tried.test >= 0.5) == y).mean())
        area = float(auc(Predictions.of(y, tried.test)).value or 0.0)
        said = f"{tried.loss:9.4f} {right:9.4f} {area:7.4f}  {tried.says}"
        print(f"{name:30} {said}", flush=True)


if __name__ == "__main__":
    main()
