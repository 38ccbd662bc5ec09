"""Three hospitals learn three outcomes together: a common trunk, and a head of each one's own.

Surgery tells who bleeds, medicine who falls, oncology who gets an infection. All read the same
eight figures, so what the layers below make of these is worth sharing; the last layer is each
hospital's own, is trained there, and is sent to nobody (FedPer). Whose column the outcome is,
dataset.toml says at each site. The patients are invented. Takes about twenty seconds.
"""

import csv
from pathlib import Path

import numpy as np

import modelward as mw

FIGURES = [f"figure{number}" for number in range(1, 9)]

STUDY = """
[study]
id = "complications"
purpose = "Tell who has the complication that each hospital looks for"
FEATURES
[target.complication]

[recipe]
name = "mlp"
options = { hidden = [16, 8] }

[plan]
rounds = 25
local_epochs = 2
batch = 16
lr = 0.1
momentum = 0.5
validation = 0.2
test = 0.3
PERSONAL
[stop]
metric = "loss"
"""

TASKS = {
    # hospital: its outcome, patients, what the outcome makes of the two hidden causes
    "surgery": ("bled", 420, (2.4, 0.0)),
    "medicine": ("fell", 380, (-1.6, 1.8)),
    "oncology": ("infected", 260, (0.4, -2.4)),
}


def invent(folder: Path) -> None:
    """Write a folder for each hospital, with its data and its words for them."""
    rng = np.random.default_rng(16)
    mix = rng.normal(size=(2, len(FIGURES)))
    for hospital, (outcome, patients, weights) in TASKS.items():
        place = folder / hospital
        place.mkdir(parents=True, exist_ok=True)
        values = rng.normal(size=(patients, len(FIGURES))).clip(-6, 6)
        causes = np.tanh(values @ mix.T)
        chance = 1 / (1 + np.exp(-(causes @ np.array(weights))))
        with (place / "data.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("patient", *FIGURES, outcome))
            for number, row in enumerate(values):
                ill = int(rng.random() < chance[number])
                table.writerow((f"{hospital}-{number}", *(f"{v:.3f}" for v in row), ill))
        (place / "dataset.toml").write_text(
            '[dataset]\nkind = "table"\npath = "data.csv"\npatient = "patient"\n'
            f'[columns]\ncomplication = "{outcome}"\n'
        )


def main() -> None:
    """Train with private heads, and without, and print what each hospital gets."""
    sites = Path("complications")
    invent(sites)
    features = "".join(
        f'[features.{name}]\ntype = "number"\nunit = "1"\nrange = [-6, 6]\n' for name in FIGURES
    )
    for name, own in {"private": '[plan.personal]\nkind = "head"\n', "common": ""}.items():
        text = STUDY.replace("FEATURES", features).replace("PERSONAL", own)
        result = mw.simulate(mw.parse_study(text), sites, by="folder", out=f"heads-{name}")
        told = {model.name: model for model in result.findings.models}
        best = told.get("own", told["federated"])
        print(f"{name} head")
        for site, (outcome, *_) in TASKS.items():
            mine, alone = best.at(site).auc.value, told[f"local:{site}"].at(site).auc.value
            print(f"  {site:<9} {outcome:<9} AUC {mine:.3f}   alone {alone:.3f}")
        print("  open", result.report)


if __name__ == "__main__":
    main()
