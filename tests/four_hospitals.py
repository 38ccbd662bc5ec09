"""Four invented hospitals, one of them with a single outcome: findings to draw and read."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.facts.cost import Cost, SiteCost
from modelward.evaluate.facts.record import (
    Curve,
    LedgerFacts,
    Published,
    Record,
    RunFacts,
    SiteFacts,
    StudyFacts,
)
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.groups.subgroups import Divided
from modelward.evaluate.judged import Judged, Path, Rules, Share, away, evaluate
from modelward.evaluate.predictions import Predictions

SIZES = {"cleveland": (104, 48), "hungary": (89, 33), "switzerland": (16, 15), "va": (45, 33)}
"""Test units and positives; the Swiss training fold has one outcome only."""

TRAIN = {"cleveland": (199, 91), "hungary": (172, 65), "switzerland": (30, 30), "va": (85, 64)}


def predict(outcome: NDArray[np.bool_], noise: float, stretch: float, seed: int) -> Predictions:
    """Return predictions that know the outcome through some noise."""
    rng = np.random.default_rng([7, seed])
    truth = np.random.default_rng([11, outcome.size]).normal(size=outcome.size)
    logit = 0.85 * (2 * outcome - 1) + truth + noise * rng.normal(size=outcome.size)
    return Predictions.of(outcome, 1 / (1 + np.exp(-stretch * logit)))


def judged() -> Judged:
    """Return predictions of seven models; Switzerland has no model of its own."""
    outcomes = {
        site: np.random.default_rng([3, units]).permutation(units) < positives
        for site, (units, positives) in SIZES.items()
    }
    models = {
        "federated": (0.1, 1.6),
        "pooled": (0.1, 1.6),
        "fedavg": (0.5, 1.0),
        "fedadam": (0.4, 1.2),
        "local:cleveland": (0.4, 1.5),
        "local:hungary": (0.7, 1.6),
        "local:va": (2.6, 1.9),
    }
    return {
        name: {
            site: predict(outcome, noise, stretch, len(name) if noise > 0.4 else 0)
            for site, outcome in outcomes.items()
        }
        for name, (noise, stretch) in models.items()
    }


def record(*, in_one_process: bool = True) -> Record:
    """Return the facts of an invented run on these hospitals."""
    titles = {
        "cleveland": "Cleveland Clinic",
        "hungary": "Budapest",
        "switzerland": "Zürich and Basel",
        "va": "Long Beach VA",
    }
    sites = tuple(
        SiteFacts(
            name=name,
            title=titles[name],
            train=units,
            train_positives=positives,
            releases=8,
            refusals=1 if name == "switzerland" else 0,
            bytes_out=11_264 + 31 * units,
            ledger=LedgerFacts(
                path=f"modelward-demo/heart-disease/sites/{name}/ledger",
                entries=9 if name == "switzerland" else 8,
                root=f"{units:02x}" * 32 if units < 256 else "ab" * 32,
                verified=True,
                key=f"modelward-demo/heart-disease/sites/{name}/ledger.pub",
            ),
        )
        for name, (units, positives) in TRAIN.items()
    )
    rounds = np.arange(1, 21)
    return Record(
        study=StudyFacts(
            id="heart-disease",
            version=1,
            purpose="Does a patient referred for angiography have coronary heart disease?",
            outcome="disease",
            unit="patient",
            sha256="5d" * 32,
            recipe="logistic 1",
            strategy="exact Newton steps on summed gradients and Hessians",
            seed=7,
            legal_basis="public data",
            contact="study@example.org",
        ),
        sites=sites,
        run=RunFacts(
            rounds=6,
            seconds=3.4,
            model_sha256="c0ffee12" * 8,
            ended="no coefficient moved by more than 1e-10",
            scaling="means and standard deviations summed over all sites through the gate",
            numeric_path="numpy float64, 2 workers",
            versions={"modelward": "0.1.0", "numpy": "2.3.4", "python": "3.11.2"},
            curves=(
                Curve(
                    model="federated",
                    metric="validation AUC",
                    values=(0.5, 0.861, 0.879, 0.883, 0.884, 0.884),
                ),
                Curve(
                    model="fedavg",
                    metric="validation AUC",
                    values=tuple(float(v) for v in 0.87 - 0.22 * np.exp(-rounds / 4)),
                ),
                Curve(
                    model="fedadam",
                    metric="validation AUC",
                    values=tuple(float(v) for v in 0.88 - 0.3 * np.exp(-rounds / 2.5)),
                ),
            ),
        ),
        simulated_sites=False,
        in_one_process=in_one_process,
        data_source="UCI Heart Disease: Janosi, Steinbrunn, Pfisterer, Detrano 1988",
        licence="CC BY 4.0",
        labels={"fedavg": "FedAvg, SGD", "fedadam": "FedAvg, server Adam"},
        published=(
            Published(
                name="FLamby FedAvg",
                metric="accuracy",
                value=0.748,
                source="du Terrail et al. 2022, NeurIPS Datasets and Benchmarks",
            ),
        ),
        notes=("Inputs were scaled with global statistics; FLamby scales per hospital.",),
    )


def findings(*, draws: int = 200, in_one_process: bool = True) -> Findings:
    """Return the findings of the invented run."""
    return find(judged(), record(in_one_process=in_one_process), seed=7, draws=draws)


def divided() -> list[Divided]:
    """Return two invented groups of these patients: sex, and age in three bands."""
    made = []
    for number, (name, levels) in enumerate(
        (("sex", ("no", "yes")), ("age", ("under 50", "50 to under 60", "60 and over")))
    ):
        members = {
            site: np.random.default_rng([number, units]).integers(0, len(levels), units)
            for site, (units, _) in SIZES.items()
        }
        made.append(Divided(name=name, levels=levels, members=members))
    return made


def evaluated(*, draws: int = 50, in_one_process: bool = True) -> Findings:
    """Return the findings of the invented run with everything that can be asked beside."""
    found = find(
        judged(), record(in_one_process=in_one_process), seed=7, draws=draws, margin=0.05
    )
    rules = Rules(
        threshold=0.4, rule="as invented", margin=0.05, divisions=divided(), seed=7, draws=draws
    )
    both = judged()
    more = replace(
        evaluate(both, found.verdicts, rules),
        away=tuple(
            away(site, both["fedavg"][site], both["federated"][site], np.random.default_rng(0))
            for site in SIZES
        ),
        paths=tuple(
            Path(site=site, values=(None, 0.7 + n / 20, 0.72 + n / 20, 0.75 + n / 20))
            for n, site in enumerate(SIZES)
        ),
        worth="fall of the log loss on validation units",
        shares=tuple(
            Share(
                site=site, shapley=0.02 - n / 100, low=-n / 100, high=0.04 - n / 100,
                share=(0.5, 0.3, 0.2, 0.0)[n],
            )
            for n, site in enumerate(SIZES)
        ),
        cost=Cost(
            sites=tuple(
                SiteCost(
                    site=site, sent=9_000, received=4_000, answers=13, looked_at=10 * units,
                    records=88 * units,
                )
                for site, (units, _) in TRAIN.items()
            ),
            seconds=3.4,
            cores=2,
        ),
    )  # fmt: skip
    return replace(found, evaluation=more)
