"""Forty-eight invented hospitals, each with a model of its own: findings of a federation."""

from dataclasses import replace

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.facts.record import Record, SiteFacts
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.groups.subgroups import Divided
from modelward.evaluate.judged import Judged, Path, Rules, Share, away, evaluate
from modelward.evaluate.measures.beyond import Beyond
from modelward.evaluate.predictions import Predictions
from tests.four_hospitals import record as facts

SITES = tuple(f"h{k:02d}" for k in range(48))
TITLES = ("St. Mary's Hospital", "Universitätsklinikum Nord", "Ziekenhuis", "Clinic")
UNITS = 160


def outcomes() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    return {site: draw.random(UNITS) < draw.uniform(0.2, 0.8) for site in SITES}


def judged() -> Judged:
    """Return predictions of the federated and the pooled model and of 48 local ones."""
    draw, known = np.random.default_rng(2), outcomes()
    apart = {"federated": 1.0, "pooled": 1.2} | {
        f"local:{site}": 0.4 + 0.9 * k / len(SITES) for k, site in enumerate(SITES)
    }

    def said(outcome: np.ndarray, far: float) -> Predictions:
        logit = far * (2 * outcome - 1) + draw.normal(size=outcome.size)
        return Predictions.of(outcome, 1 / (1 + np.exp(-1.5 * logit)))

    return {n: {s: said(y, far) for s, y in known.items()} for n, far in apart.items()}


def record() -> Record:
    """Return the facts of the invented run."""
    sites = tuple(
        SiteFacts(
            name=site,
            title=f"{TITLES[k % len(TITLES)]} {k}",
            train=900,
            train_positives=400,
            releases=8,
            refusals=0,
            bytes_out=9_000,
        )
        for k, site in enumerate(SITES)
    )
    return replace(facts(), sites=sites)


def findings() -> Findings:
    """Return the findings of the invented run, with all that can be asked beside."""
    both, draw = judged(), np.random.default_rng(3)
    found = find(both, record(), seed=7, draws=20)
    ages = ("under 40", "40 to under 60", "60 to under 75", "75 and over")
    divisions = [
        Divided(
            name=name,
            levels=levels,
            members={site: draw.integers(0, len(levels), UNITS) for site in SITES},
        )
        for name, levels in (("sex", ("no", "yes")), ("age", ages))
    ]
    rules = Rules(threshold=0.4, rule="as invented", divisions=divisions, seed=7, draws=20)
    more = replace(
        evaluate(both, found.verdicts, rules),
        away=tuple(
            away(site, both["pooled"][site], both["federated"][site], np.random.default_rng(0))
            for site in SITES
        ),
        paths=tuple(
            Path(site=s, values=tuple(0.6 + 0.3 * (1 - 0.8**r) + k / 900 for r in range(1, 17)))
            for k, s in enumerate(SITES)
        ),
        worth="fall of the log loss on validation units",
        shares=tuple(
            Share(site=s, shapley=k / 4800, low=k / 9600, high=k / 3000, share=k / 1128)
            for k, s in enumerate(SITES)
        ),
    )
    beyond = tuple(
        Beyond(
            measure="Dice", of="", model=model, site=site, units=UNITS,
            estimate=Estimate(0.8, Interval(0.78, 0.82, "stratified bootstrap")),
        )
        for model in both
        for site in ("", *SITES)
    )  # fmt: skip
    return replace(found, evaluation=more, beyond=beyond)
