"""Choose the plan of the demo's chest X-ray study, by validation alone.

    python -m bench.choose

Every plan of a small grid (local learning rate; server momentum) trains at seeds that are
reported nowhere else. The rule was fixed before the first run: the plan with the highest
mean validation AUC, at the round that validation chose, is the one that is shipped. Nothing
of the test fold is looked at here. Prints mean AUC, its spread over seeds, and log loss.

Plan and round are chosen by AUC, as the study watches it. New studies had better watch the log
loss (docs/statistics.md, Choosing a round); on these images it kept rounds with a higher log
loss on test, so this was not changed after the fact.
"""

import argparse
from itertools import product

import numpy as np

from bench.pneumonia import Contest, dealt
from modelward.core.study import Plan, ServerOptimiser
from modelward.simulation import data
from modelward.study.read import parse

RATES = (0.02, 0.05, 0.1, 0.2)
SERVERS = (
    ServerOptimiser(),
    *(ServerOptimiser(name="momentum", momentum=m) for m in (0.5, 0.8)),
)
SEEDS = (100, 101, 102)


def grid(shipped: Plan) -> dict[str, Plan]:
    """Return the plans to compare, by name."""
    plans = {}
    for lr, server in product(RATES, SERVERS):
        name = f"lr={lr:g},server={server.name}"
        if server.name != "none":
            name += f"-{server.momentum:g}"
        plans[name] = shipped.model_copy(update={"lr": lr, "server": server})
    return plans


def main() -> None:
    """Train every plan and print what validation says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    path = data.STUDIES / "pneumonia-cxr.toml"
    shipped = parse(path.read_text("utf-8"), file=path.name)
    seen: dict[str, list[tuple[float, float]]] = {}
    for seed in chosen.seeds:
        plan = shipped.plan.model_copy(update={"seed": seed})
        study = shipped.model_copy(update={"plan": plan})
        plans = grid(plan)
        contest = Contest(study, dealt(seed), chosen.workers, plans)
        for name in plans:
            seen.setdefault(name, []).append(contest.validated(name))
            print(f"seed {seed}  {name:28} AUC {seen[name][-1][0]:.5f}", flush=True)
        contest.workers.close()
    print(f"\n{'plan':30} {'mean AUC':>9} {'spread':>8} {'log loss':>9}")
    means = {name: np.mean([area for area, _ in each]) for name, each in seen.items()}
    for name in sorted(means, key=lambda name: -means[name]):
        areas, losses = zip(*seen[name], strict=True)
        print(
            f"{name:30} {means[name]:9.5f} {np.ptp(areas):8.5f} {float(np.mean(losses)):9.4f}"
        )


if __name__ == "__main__":
    main()
