"""What differential privacy costs in AUC on real data, at several seeds.

    python -m bench.private heart --epsilon 1 3 8 --seeds 0 1 2
    python -m bench.private pneumonia --epsilon 3 8 --seeds 0 1 2
    python -m bench.private pneumonia --epsilon 8 --sites 20 --alpha 100       1/20 of the data
    python -m bench.private pneumonia --epsilon 8 --sites 1 --alpha 100        all of them
    python -m bench.private pneumonia-cnn --epsilon 8       a network that learns its features
    python -m bench.private heart --epsilon 1 3 --by-group    the loss of every group

The sites and folds of the demo; real sites, gates, budgets and ledgers, each run in folders of
its own. Sampling, learning rate and clip are the same for all epsilons: for heart fixed
beforehand, for the X-rays chosen by validation at seeds of their own (docs/privacy.md).
Noise keys come from the seed here, so that figures can be made again; a site draws its own from
the operating system. Prints AUC on the test units of all sites together, per run and as mean
and range, beside the same plan without a bound.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from modelward.core.judging import EvaluationTerms, WithoutDp
from modelward.core.study import (
    DifferentialPrivacy,
    Plan,
    RecipeChoice,
    ServerOptimiser,
    Stop,
    Study,
    Unit,
)
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import Predictions, union
from modelward.privacy.plan import plan_of
from modelward.readers.open import open_cohort
from modelward.simulation.dealing import Dealing, deal
from modelward.simulation.demo import demonstration
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import Simulation, simulate
from modelward.simulation.split import write_sites
from modelward.simulation.training import How, train
from modelward.site.predict import probabilities
from modelward.study.model import Model

NAMES = {
    "heart": "heart-disease",
    "pneumonia": "pneumonia-cxr",
    "pneumonia-cnn": "pneumonia-cxr",
}

PLANS = {
    "heart": Plan(rounds=10, local_epochs=2, batch=32, lr=1.0),
    "pneumonia": Plan(
        rounds=60,
        local_epochs=1,
        batch=64,
        lr=0.5,
        label_skew="logit-adjustment",
        server=ServerOptimiser(name="momentum", momentum=0.9),
    ),
    "pneumonia-cnn": Plan(rounds=20, local_epochs=2, batch=64, lr=0.5, momentum=0.5),
}
RECIPES = {
    "heart": RecipeChoice(name="logistic", options={"l2": 0.1}),
    "pneumonia": RecipeChoice(name="scattering"),
    "pneumonia-cnn": RecipeChoice(name="cnn", options={"channels": (16, 32, 64)}),
}
SAMPLING = {"heart": 0.2, "pneumonia": 1.0, "pneumonia-cnn": 0.25}
CLIP = {"heart": 1.0, "pneumonia": 2.0, "pneumonia-cnn": 1.0}


def study_at(name: str, base: Study, epsilon: float | None, sites: int) -> Study:
    """Return the demo's study with the private plan, and a bound if `epsilon` is given."""
    fewest = base.sites.model_copy(update={"minimum": min(base.sites.minimum, sites)})
    unit: Unit = base.study.unit
    plan = PLANS[name].model_copy(
        update={"seed": base.plan.seed, "test": base.plan.test, "validation": 0.0}
    )
    bound = None
    if epsilon is not None:
        bound = DifferentialPrivacy(
            epsilon=epsilon, unit=unit, sampling=SAMPLING[name], clip=CLIP[name]
        )
    else:  # steps without noise are shorter, and more
        shorter = {"lr": 0.05, "momentum": 0.9, "server": ServerOptimiser()}
        plan = plan.model_copy(update=shorter)
    privacy = base.privacy.model_copy(update={"dp": bound})
    changes = {
        "plan": plan,
        "recipe": RECIPES[name],
        "stop": Stop(),
        "privacy": privacy,
        "sites": fewest,
    }
    return base.model_copy(update=changes)


def trained(request: Simulation, seed: int, workers: int) -> Model:
    """Return the model of one run in new folders."""
    folder, study = RunFolder(request.out), request.study
    rows = deal(request.data, study, request.dealing, request.special)
    write_sites(request.data, rows, folder.sites, request.special)
    for site in rows:
        secret = sha256(f"bench.private {seed} {site}".encode()).digest()
        (folder.sites / site / "dp.key").write_bytes(secret)
    names = list(rows)
    done = train(folder, {study.id: study}, names, How(workers=workers))
    return done.outcomes[study.id].model


GROUPS = {"heart": ("sex", "age:[20,50,60,80]")}


def losses(request: Simulation, name: str, seed: int) -> None:
    """Run one study with its bound and without, as a report does, and print what it costs."""
    terms = EvaluationTerms(
        groups=GROUPS.get(name), without_dp=WithoutDp(lr=0.05, momentum=0.9)
    )
    study = request.study.model_copy(update={"evaluation": terms})
    found = simulate(replace(request, study=study, variants={})).findings.bound
    assert found is not None
    for one in found.losses:
        spread, value = one.difference.interval, one.difference.value
        if value is None or spread is None:
            continue  # a cell that is not shown
        ends = f"[{spread.low:+.3f}, {spread.high:+.3f}]"
        where = f"{one.site or 'all'}  {one.group} {one.level}".strip()
        kept = "  more than chance" if one.kept else ""
        print(f"  seed {seed}  {where:32} {value:+.3f} {ends}{kept}", flush=True)


def test_auc(model: Model, sites: Path) -> float:
    """Return the AUC on the test units of all sites together."""
    found = []
    for site in sorted(sites.iterdir()):
        x, y = open_cohort(site / "dataset.toml", model.study).fold("test")
        if len(y):
            found.append(Predictions.of(y, probabilities(model, x)))
    value = auc(union(found)).value
    if value is None:
        raise SystemExit("one class only in the test units")
    return value


def by_group(asked: argparse.Namespace) -> None:
    """Print what every epsilon costs every hospital and group."""
    for epsilon in asked.epsilon:
        print(f"{asked.name}  epsilon {epsilon:g}", flush=True)
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "run"
                made = demonstration(NAMES[asked.name], out, seed=seed, workers=asked.workers)
                study = study_at(asked.name, made.study, epsilon, asked.sites)
                losses(replace(made, study=study), asked.name, seed)


def main() -> None:
    """Run every epsilon at every seed, and print."""
    reader = argparse.ArgumentParser(prog="python -m bench.private")
    reader.add_argument("name", choices=sorted(NAMES))
    reader.add_argument("--epsilon", nargs="+", type=float, default=[1.0, 3.0, 8.0])
    reader.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    reader.add_argument("--workers", type=int, default=2)
    reader.add_argument("--sites", type=int, default=5, help="simulated hospitals (X-rays)")
    reader.add_argument("--alpha", type=float, default=0.5, help="label skew (X-rays)")
    reader.add_argument("--bound-only", action="store_true", help="not without a bound")
    reader.add_argument("--by-group", action="store_true", help="with and without, by group")
    asked = reader.parse_args()
    if asked.by_group:
        by_group(asked)
        return
    for epsilon in asked.epsilon if asked.bound_only else (None, *asked.epsilon):
        values, began = [], time.monotonic()
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as scratch:
                made = demonstration(
                    NAMES[asked.name], Path(scratch) / "run", seed=seed, workers=asked.workers
                )
                if made.dealing.by is None:
                    dealing = Dealing(sites=asked.sites, alpha=asked.alpha)
                    made = replace(made, dealing=dealing)
                study = study_at(asked.name, made.study, epsilon, asked.sites)
                model = trained(replace(made, study=study), seed, asked.workers)
                values.append(test_auc(model, Path(scratch) / "run" / "sites"))
        noise = "" if epsilon is None else f"  noise {plan_of(study).training.noise:.3f}"
        print(
            f"{asked.name}  epsilon {'none' if epsilon is None else f'{epsilon:g}':>4}{noise}  "
            f"AUC {sum(values) / len(values):.4f}  [{min(values):.4f}, {max(values):.4f}]  "
            f"{' '.join(f'{v:.4f}' for v in values)}  {time.monotonic() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
