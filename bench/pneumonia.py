"""Five simulated hospitals and their chest X-rays, at several seeds; engine only.

    python -m bench.pneumonia --seeds 0 1 2

The study, plan and dealing of the demo: federated with and without logit adjustment, and
pooled training with the same passes. The round is chosen by AUC on the validation images of
all hospitals, never on test. Prints AUC and accuracy on test, and seconds.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from modelward.aggregate import server_opt
from modelward.aggregate.mean import weighted_mean
from modelward.core.columns import inputs
from modelward.core.study import Plan, Study
from modelward.core.tensors import FlatF32
from modelward.engines.workers import Workers, assign, shared_flats
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import Predictions
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, descend, train
from modelward.recipes.catalogue import load, recipe
from modelward.simulation import data
from modelward.simulation.dealing import Dealing, by_skew
from modelward.study.read import parse

FOLDS = ("train", "val", "test")


@dataclass(frozen=True)
class Xrays:
    """The official folds, and the hospitals' shares of the training fold."""

    folds: dict[str, Examples]
    sites: dict[str, Examples]


def dealt(seed: int) -> Xrays:
    """Return the images, dealt to five hospitals as the demo does."""
    with np.load(BytesIO(data.checked("pneumoniamnist.npz"))) as file:
        x = {fold: file[f"{fold}_images"] for fold in FOLDS}
        y = {fold: file[f"{fold}_labels"].reshape(-1).astype(np.int8) for fold in FOLDS}
    which = np.repeat(np.arange(3, dtype=np.int8), [len(y[fold]) for fold in FOLDS])
    rows = by_skew(np.concatenate([y[fold] for fold in FOLDS]), which, Dealing(), seed)
    own = {site: mine[which[mine] == 0] for site, mine in rows.items()}
    return Xrays(
        {fold: Examples(x[fold], y[fold], len(y[fold])) for fold in FOLDS},
        {site: Examples(x["train"][i], y["train"][i], len(i)) for site, i in own.items()},
    )


class Contest:
    """Ways to train one study on one dealing, in forked workers."""

    def __init__(
        self, study: Study, xrays: Xrays, workers: int, plans: Mapping[str, Plan]
    ) -> None:
        self.study, self.xrays = study, xrays
        load(study.recipe)
        self.recipe, self.inputs = recipe(study.recipe), inputs(study)
        self.start = self.recipe.initial(self.inputs, study.plan.seed)
        self.names = list(xrays.sites)
        self.queues = assign([len(site.y) for site in xrays.sites.values()], workers)
        self.plans = dict(plans)
        self.model, *self.slots = shared_flats(1 + len(self.names), self.start.size)
        self.workers = Workers(workers, self._serve)

    def federated(self, name: str) -> tuple[float, float]:
        """Return AUC and accuracy on test of the plan `name`."""
        return self._figures(self._trained(name), "test")

    def validated(self, name: str) -> tuple[float, float]:
        """Return AUC and log loss on validation of the plan `name`."""
        examples = self.xrays.folds["val"]
        p = self.recipe.probabilities(self._trained(name), examples.x, self.inputs)
        right = np.where(examples.y == 1, p, 1 - p).astype(np.float64)
        area = auc(Predictions.of(examples.y, p)).value or 0.0
        return float(area), float(-np.mean(np.log(np.maximum(right, 1e-12))))

    def _trained(self, name: str) -> FlatF32:
        """Return the model of the round that validation chooses."""
        plan = self.plans[name]
        state = server_opt.init(plan.server, self.start.size)
        np.copyto(self.model, self.start)
        seen: list[tuple[float, FlatF32]] = []
        for round_no in range(1, plan.rounds + 1):
            queues = [[f"{name} {round_no} {s}".encode() for s in q] for q in self.queues]
            for _ in self.workers.answers(queues):
                pass
            counts = [site.patients for site in self.xrays.sites.values()]
            mean = weighted_mean(zip(self.slots, counts, strict=True), self.start.size)
            state, moved = server_opt.step(plan.server, state, self.model, mean)
            np.copyto(self.model, moved)
            seen.append((self._figures(moved, "val")[0], moved))
        return max(seen, key=lambda pair: pair[0])[1]

    def pooled(self) -> tuple[float, float]:
        """Return AUC and accuracy on test of training in one place, without adjustment."""
        plan: Plan = self.plans["plain"]
        flat, seen = self.start.copy(), []
        for round_no in range(1, plan.rounds + 1):
            terms = LocalTerms.of(plan, clip=64.0, round_no=round_no, site="pooled")
            descend(self.recipe, flat, self.xrays.folds["train"], terms, self.inputs)
            seen.append((self._figures(flat, "val")[0], flat.copy()))
        return self._figures(max(seen, key=lambda pair: pair[0])[1], "test")

    def _serve(self, message: bytes) -> bytes:
        name, round_no, place = message.decode().split()
        site = self.names[int(place)]
        clip = self.study.privacy.clip
        terms = LocalTerms.of(self.plans[name], clip=clip, round_no=int(round_no), site=site)
        examples, slot = self.xrays.sites[site], self.slots[int(place)]
        train(self.recipe, self.model, examples, terms, self.inputs, slot)
        return b""

    def _figures(self, flat: FlatF32, fold: str) -> tuple[float, float]:
        examples = self.xrays.folds[fold]
        p = self.recipe.probabilities(flat, examples.x, self.inputs)
        area = auc(Predictions.of(examples.y, p)).value
        return float(area or 0.0), float(np.mean((p > 0.5) == examples.y))


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    path = data.STUDIES / "pneumonia-cxr.toml"
    shipped = parse(path.read_text("utf-8"), file=path.name)
    for seed in chosen.seeds:
        plan = shipped.plan.model_copy(update={"seed": seed})
        xrays = dealt(seed)
        plans = {"adjusted": plan, "plain": plan.model_copy(update={"label_skew": "none"})}
        study = shipped.model_copy(update={"plan": plan})
        contest = Contest(study, xrays, chosen.workers, plans)
        shares = " ".join(f"{int(s.y.sum())}/{len(s.y)}" for s in xrays.sites.values())
        print(f"seed {seed}: with pneumonia {shares}")
        ways = {
            "adjusted": lambda c=contest: c.federated("adjusted"),
            "plain": lambda c=contest: c.federated("plain"),
            "pooled": contest.pooled,
        }
        for name, way in ways.items():
            began = time.perf_counter()
            area, accuracy = way()
            seconds = time.perf_counter() - began
            print(
                f"  {name:9} AUC {area:.4f}  accuracy {accuracy:.4f}  {seconds:5.1f} s",
                flush=True,
            )
        contest.workers.close()


if __name__ == "__main__":
    main()
