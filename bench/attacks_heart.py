"""One wrong hospital of four, on the real hospitals of the heart data.

    python -m bench.attacks_heart

FLamby's rows and split, global z-scores, logistic regression by 30 rounds of averaging, each
hospital in turn the wrong one. The attacks are those of bench/attacks.py that a table allows.
Prints the AUC on the test patients of the three honest hospitals, and what is lost against
plain averaging over these three, for `[plan.robust]` with `clipping = true` and for the mean.
With four hospitals that differ as these do, one of four is a quarter of what is known, so what
the rule costs without any attack is printed as well. Engine only; statistics are honest.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.attacks import combined
from bench.strategies import RATES, hospitals, predicted, study_of
from bench.wards import sent
from modelward.core.columns import columns
from modelward.core.study import Robust
from modelward.core.task import Task
from modelward.core.tensors import FlatF32
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.predictions import union
from modelward.readers.cohort import Cohort
from modelward.simulation.baselines import together
from modelward.site.answering.answer import compute
from modelward.study.answers import answer_to
from modelward.study.model import Model, initial
from modelward.study.scaling import from_sums, local_sums

ATTACKS = (
    "none", "sign flip", "a little is enough", "inner product", "mimic", "infinity",
    "label flip", "scaling", "weight lie", "free rider",
)  # fmt: skip

WAYS: dict[str, Robust | None] = {"robust": Robust(byzantine=1, clipping=True), "mean": None}


def trained(
    sites: Mapping[str, Cohort], wrong: str, attack: str, rule: Robust | None, seed: int
) -> Model:
    """Return the model after all rounds; `attack` "absent" leaves the wrong hospital out."""
    study = study_of("", max(RATES), seed)
    listed = columns(study)
    scaling = from_sums(local_sums(together(sites).fold("train")[0], listed), listed)
    model, schema = initial(study, scaling), answer_to(study, "train")[1]
    last = np.zeros(schema.size, np.float32)
    names = [name for name in sorted(sites) if not (attack == "absent" and name == wrong)]
    for number in range(1, study.plan.rounds + 1):
        task = Task(study=study.sha256, round_no=number, kind="train", model="0" * 64)
        rows: dict[str, FlatF32] = {}
        for name in names:
            held = sites[name]
            if name == wrong and attack in {"label flip", "weight lie"}:
                held = replace(held, y=(1 - held.y).astype(np.int8))
            rows[name] = schema.join(compute(task, study, model, held, name).tensors)
        if attack not in {"none", "absent"}:
            honest = [rows[name] for name in names if name != wrong]
            rows[wrong] = sent(attack, [rows[wrong]], honest, study.privacy.clip, last)[0]
        weights = [sites[name].count("train") for name in names]
        if attack == "weight lie":
            weights[names.index(wrong)] = 1_000_000
        last = combined([rows[name] for name in names], weights, rule)
        model = replace(model, parameters=model.parameters + last)
    return model


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as folder:
        sites = hospitals(study_of("", max(RATES), 0), Path(folder))

    def area(wrong: str, attack: str, rule: Robust | None) -> float:
        found = []
        for seed in seeds:
            model = trained(sites, wrong, attack, rule, seed)
            parts = [predicted(model, sites[n], "test") for n in sorted(sites) if n != wrong]
            found.append(float(auc(union(parts)).value or 0.0))
        return float(np.mean(found))

    base = {wrong: area(wrong, "absent", None) for wrong in sites}
    print(f"three honest hospitals, mean of their updates: {np.mean(list(base.values())):.4f}")
    print(f"{'attack':20} " + " ".join(f"{name:>18}" for name in WAYS) + "   mean loss (worst)")
    for attack in ATTACKS:
        shown = []
        for rule in WAYS.values():
            lost = [base[wrong] - area(wrong, attack, rule) for wrong in sites]
            shown.append(f"{np.mean(lost):+8.4f} ({max(lost):+.4f})")
        print(f"{attack:20} " + " ".join(f"{each:>18}" for each in shown), flush=True)


if __name__ == "__main__":
    main()
