"""Every strategy on the four hospitals of the heart data, and the one that validation chooses.

    python -m bench.strategies --seeds 0 1 2 3 4

FLamby's rows and its split into training and test (docs/statistics.md), global z-scores,
logistic regression. A fifth of each hospital's training patients is held back. The rule was
fixed before the first run: of two local learning rates each strategy takes the one with the
lower mean log loss on the held-back patients of all hospitals, and the strategy with the
lowest of these is the chosen one. Test figures are printed for all of them, and are looked at
by nobody who chooses. Pooled is the exact fit on the same training patients.

Then, for each hospital and seed, the verdict of the chosen strategy against the model that the
hospital trains alone by the same plan, with a margin of 0.05 that was fixed before (that of
evaluate/comparing/choice.py): federated better, no worse than local, cannot tell, keep your
local model.

Engine only: the sites' and the hub's own code, without gate and ledger.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core.artifact import Artifact, Card
from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Release
from modelward.evaluate.comparing.choice import MARGIN, log_loss
from modelward.evaluate.comparing.verdict import Verdict, held_to, verdict
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import Predictions
from modelward.hub.round import Arrays
from modelward.hub.strategy import asked, strategy, told
from modelward.learn import newton
from modelward.readers.cohort import Cohort, Fold
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_table
from modelward.recipes.catalogue import recipe
from modelward.simulation import data
from modelward.simulation.baselines import together
from modelward.site.answering.alone import fit
from modelward.site.answering.answer import compute
from modelward.site.answering.folds import examples
from modelward.site.answering.own_round import with_own_layers
from modelward.study.model import Model, initial
from modelward.study.read import parse
from modelward.study.scaling import from_sums, local_sums

ROUNDS = 30
RATES = (0.03, 0.1)
FLAMBY = {
    "fedavg": 0.776, "fedprox": 0.776, "adam": 0.798, "yogi": 0.802, "adagrad": 0.802,
    "scaffold": 0.777, "cyclic": 0.787, "pooled, exact": 0.794,
}  # fmt: skip
"""Accuracy on all test patients, z-scores made at each centre: mean of seeds 42, 43 and 44 in
FLamby's repository, flamby/results/results_benchmark_fed_heart_disease at 4f6e940 and e7af374,
100 local steps a round, "Pooled Test"."""

PUBLISHED = "FLamby's report: FedAvg 0.748, best of its strategies 0.785"

PLANS = {
    "fedavg": "",
    "fedavg, class weights": 'label_skew = "class-weights"',
    "fedavg, logit adjustment": 'label_skew = "logit-adjustment"',
    "fedprox": "[plan.local]\nproximal = 0.1",
    "sharpness": "[plan.local]\nsharpness = 0.05",
    "momentum": '[plan.server]\nname = "momentum"\nmomentum = 0.5',
    "adam": '[plan.server]\nname = "adam"\nlr = 0.03',
    "yogi": '[plan.server]\nname = "yogi"\nlr = 0.03',
    "adagrad": '[plan.server]\nname = "adagrad"\nlr = 0.1\nepsilon = 0.01',
    "scaffold": 'strategy = "scaffold"',
    "fednova": 'strategy = "fednova"',
    "feddyn": 'strategy = "feddyn"\n[plan.local]\nalpha = 0.03',
    "cyclic": 'strategy = "cyclic"',
}
"""What is added to the plan of each."""


@dataclass(frozen=True)
class Figures:
    """Validation loss, and test accuracy and AUC, of one trained model."""

    loss: float
    accuracy: float
    area: float


def study_of(plan: str, lr: float, seed: int) -> Study:
    """Return the demo's study of the heart data with another plan."""
    text = (data.STUDIES / "heart-disease.toml").read_text("utf-8")
    before, _, rest = text.partition("[plan]")
    after = rest[rest.index("[sites]") :]
    keys, _, tables = plan.partition("[plan.")
    tables = f"[plan.{tables}\n" if tables else ""
    mine = (
        f"rounds = {ROUNDS}\nbatch = 16\nlr = {lr}\nseed = {seed}\nvalidation = 0.2\n{keys}\n"
    )
    return parse(f"{before}[plan]\n{mine}{tables}{after}")


def hospitals(study: Study, folder: Path) -> dict[str, Cohort]:
    """Return the four hospitals' units."""
    path = folder / "heart.csv"
    data.write_heart(path)
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("hospital")
    found = {}
    for name in sorted({line.split(",")[place] for line in lines[1:]}):
        mine = [line for line in lines[1:] if line.split(",")[place] == name]
        own = folder / f"{name}.csv"
        own.write_text("\n".join([lines[0], *mine]) + "\n")
        source = Source(kind="table", path=own.name, split="split")
        found[name] = read_table(own, Dataset(dataset=source), study)
    return found


def federated(study: Study, sites: Mapping[str, Cohort]) -> Model:
    """Return the model after all rounds."""
    everybody, listed = together(sites), columns(study)
    scaling = from_sums(local_sums(everybody.fold("train")[0], listed), listed)
    *_, last = rounds(study, initial(study, scaling), sites)
    return last


def rounds(study: Study, model: Model, sites: Mapping[str, Cohort]) -> Iterator[Model]:
    """Yield the model after each round, from `model` on, without gate and ledger."""
    plan, memory = strategy(study), Arrays()
    kept = {site: dict[str, NDArray[np.float32]]() for site in sites}
    for number in range(1, study.plan.rounds + 1):
        task = Task(study=study.sha256, round_no=number, kind="train", model="0" * 64)
        collected = plan.collector()
        for site in asked(study, number, sites):
            own = replace(model, kept=kept[site])
            found = compute(task, study, own, sites[site], site)
            kept[site] = dict(found.kept)
            collected.add(released(found.tensors, found.patients, site))
        parameters, memory = plan.step(collected, model.parameters, memory)
        model = replace(model, parameters=parameters, control=told(study, memory))
        yield model


def released(tensors: Tensors, patients: int, site: str) -> Release:
    """Return a release with as much of a card as a hub's sums look at."""
    card = Card(
        kind="update", study="", round_no=1, task="t", site=site, schema="", sha256="",
        nbytes=0, patients=patients,
    )  # fmt: skip
    return Release(site, "t", Artifact(card, tensors))


def figures(model: Model, sites: Mapping[str, Cohort]) -> Figures:
    """Return what a model is worth on the units of all hospitals together."""
    whole = together(sites)
    test = predicted(model, whole, "test")
    right = (test.probability >= 0.5) == test.outcome
    return Figures(
        log_loss(predicted(model, whole, "validation")),
        float(right.mean()),
        float(auc(test).value or 0.0),
    )


def predicted(model: Model, cohort: Cohort, fold: Fold) -> Predictions:
    """Return a model's probabilities for one fold."""
    held = examples(cohort, fold, model)
    trained, shape = recipe(model.study.recipe), inputs(model.study)
    return Predictions.of(held.y, trained.probabilities(with_own_layers(model), held.x, shape))


def pooled(study: Study, sites: Mapping[str, Cohort]) -> Model:
    """Return the exact fit on all training units."""
    everybody, listed = together(sites), columns(study)
    scaling = from_sums(local_sums(everybody.fold("train")[0], listed), listed)
    model = initial(study, scaling)
    training = examples(everybody, "train", model)
    return replace(model, parameters=newton.fit(training.x, training.y, 1.0).beta)


def verdicts(plan: str, lr: float, seeds: Sequence[int], sites: Mapping[str, Cohort]) -> None:
    """Print each hospital's verdict at every seed."""
    found: dict[str, list[Verdict]] = {site: [] for site in sites}
    for seed in seeds:
        study = study_of(plan, lr, seed)
        model = federated(study, sites)
        for site, cohort in sites.items():
            alone = fit(study_of("", lr, seed), cohort, site).model
            together = predicted(model, cohort, "test")
            own = (
                replace(together, probability=np.full(len(together), _share(cohort)))
                if alone is None
                else predicted(alone, cohort, "test")
            )
            rng = np.random.default_rng([2026, seed])
            judged = verdict(site, together, own, unit="patient", rng=rng)
            found[site].append(held_to(judged, MARGIN))
    print(f"verdicts against local, margin {MARGIN:g} fixed beforehand")
    for site, each in found.items():
        words = ", ".join(f"{n} {word}" for word, n in Counter(v.word for v in each).items())
        gap = float(np.mean([v.difference.value for v in each]))
        spread = each[0].difference.interval
        shown = f"[{spread.low:+.3f}, {spread.high:+.3f}]" if spread else "no interval"
        print(
            f"{site:12} {each[0].units:4} test patients, {each[0].metric:5} {gap:+.3f}"
            f" (seed {seeds[0]}: {shown}): {words}"
        )


def _share(cohort: Cohort) -> float:
    return float(cohort.fold("train")[1].mean())


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--only", nargs="+", default=list(PLANS), choices=list(PLANS))
    asked_for = parser.parse_args()
    seeds = asked_for.seeds
    with tempfile.TemporaryDirectory() as folder:
        sites = hospitals(study_of("", RATES[0], 0), Path(folder))
    best: dict[str, list[Figures]] = {}
    rates: dict[str, float] = {}
    for name in asked_for.only:
        tried = {
            lr: [
                figures(federated(study_of(PLANS[name], lr, seed), sites), sites)
                for seed in seeds
            ]
            for lr in RATES
        }
        rates[name] = min(tried, key=lambda lr: float(np.mean([f.loss for f in tried[lr]])))
        best[name] = tried[rates[name]]
    exact = figures(pooled(study_of("", RATES[0], 0), sites), sites)
    print(f"{'strategy':26} {'val. loss':>9} {'accuracy':>9} {'AUC':>7} FLamby's accuracy")
    for name, each in best.items():
        loss, right, area = (
            float(np.mean([getattr(one, key) for one in each]))
            for key in ("loss", "accuracy", "area")
        )
        print(f"{name:26} {loss:9.4f} {right:9.4f} {area:7.4f} {FLAMBY.get(name, '-')}")
    name = "pooled, exact"
    print(f"{name:26} {exact.loss:9.4f} {exact.accuracy:9.4f} {exact.area:7.4f} {FLAMBY[name]}")
    chosen = min(best, key=lambda name: float(np.mean([one.loss for one in best[name]])))
    gap = exact.accuracy - float(np.mean([one.accuracy for one in best[chosen]]))
    print(f"chosen on validation: {chosen}; accuracy {gap:+.4f} below pooled")
    print(PUBLISHED)
    verdicts(PLANS[chosen], rates[chosen], seeds, sites)


if __name__ == "__main__":
    main()
