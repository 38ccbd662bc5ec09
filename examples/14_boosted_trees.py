"""Grow boosted trees over four hospitals whose risk is no line. Takes about ten seconds.

Each round, every hospital sums gradients of its patients by node, column and bin; the hub adds
histograms and splits. No hospital shows a cell with one to nine patients of either outcome. On
the same rows logistic regression sees little, since both ends of sodium are bad.
"""

import subprocess
import sys
from pathlib import Path

import modelward as mw

STUDY = """
[study]
id = "delirium"
purpose = "Tell who becomes delirious during the stay"

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.sodium]
type = "number"
unit = "mmol/L"
range = [110, 170]

[features.sedative]
type = "boolean"

[features.fell]
type = "boolean"

[target.delirium]

[recipe]
RECIPE

[plan]
PLAN
validation = 0.2
test = 0.25

[stop]
metric = "loss"
"""

WAYS = {
    "trees": (
        'name = "trees"\noptions = { trees = 30, depth = 2, rate = 0.2, edges = "quantiles" }',
        'strategy = "boosting"\nrounds = 61',
    ),
    "logistic": ('name = "logistic"', "rounds = 20\nlr = 0.2"),
}


def main() -> None:
    """Invent patients, train both, and say what each makes of them."""
    maker = Path(__file__).with_name("make_sodium.py")
    subprocess.run([sys.executable, maker, "sodium.csv"], check=True)  # noqa: S603 - our own
    for name, (recipe, plan) in WAYS.items():
        text = STUDY.replace("RECIPE", recipe).replace("PLAN", plan)
        Path(f"{name}.toml").write_text(text)
        study = mw.read_study(f"{name}.toml")
        columns = mw.Special(patient="patient")
        result = mw.simulate(study, "sodium.csv", by="hospital", out=name, special=columns)
        print(f"\n{name}: {result.outcome.reason}, round {result.outcome.kept_round} is kept")
        for model in result.findings.models:
            print(f"  {model.name:<16} AUC {model.overall.auc.value:.3f}")
        print(f"  open {result.report}")

    for path in mw.export_model("trees", "delirium.safetensors"):
        print("wrote", path)
    found = mw.predict(mw.open_model("delirium.safetensors"), "sodium.csv", patient="patient")
    print(f"likeliest of all: {max(found.probability):.0%}")


if __name__ == "__main__":
    main()
