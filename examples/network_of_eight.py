"""Eight hospitals exchange chest X-ray models of three families, and nobody aggregates.

The last hospital has most labels wrong. Everybody judges everybody on private validation; the
network finds out, and says why. Who is shown to gain takes up what the others offer.
The X-rays are real (PneumoniaMNIST, Kermany et al. 2018); who has which is invented.
"""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np

from modelward import Institution, Question, SharedFolder
from modelward.errors import GateRefused, NotApproved
from modelward.exchange import verbs
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.admitting import admit_each_other
from modelward.exchange.institution.folder import prepare
from modelward.simulation.data import checked

NAMES = ["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "wrong"]
ILL = [18, 20, 24, 40, 110, 126, 130, 75]
"""Of 150 children at each; who sees few ill or few healthy ones has most to learn."""
MISTAKES = 0.6
FAMILIES = ["linear", "mlp-32", "conv-4"]
FOLDER = Path("network")


def examples() -> Question:
    """Deal X-rays to the hospitals' folders; return what they agreed to answer."""
    archive = np.load(BytesIO(checked("pneumoniamnist.npz")), allow_pickle=False)
    x = (archive["train_images"].reshape(-1, 28, 28) / 127.5 - 1).astype(np.float32)
    y = archive["train_labels"].reshape(-1).astype(np.int64)
    draw = np.random.default_rng(1)
    order = {cls: iter(draw.permutation(np.flatnonzero(y == cls))) for cls in (0, 1)}
    asked = Question(id="pneumonia", purpose="tell pneumonia", labels=("normal", "pneumonia"),
                     inputs=(28, 28))  # fmt: skip
    for number, name in enumerate(NAMES):
        ill = ILL[number]
        some = [next(order[cls]) for cls, n in ((0, 150 - ill), (1, ill)) for _ in range(n)]
        rows = draw.permutation(np.array(some))
        labels = np.where(draw.random(len(rows)) < MISTAKES, 1 - y[rows], y[rows])
        labels = labels if name == "wrong" else y[rows]
        prepare(FOLDER / name, name, asked, datetime.now(UTC))
        policy = '[leaves]\nkinds = ["metrics", "model"]\n[privacy]\nlanes = ["dp", "exact"]\n'
        (FOLDER / name / "policy.toml").write_text(policy)
        np.savez(
            FOLDER / name / "exchange" / "data.npz",
            train_x=x[rows[:100]], train_y=labels[:100],
            valid_x=x[rows[100:]], valid_y=labels[100:],
        )  # fmt: skip
    return asked


def opened(name: str) -> Institution:
    """Open one hospital on the shared folder."""
    carrier = SharedFolder(FOLDER / "carrier", name)
    return Institution.open(FOLDER / name, carrier, clock=lambda: datetime.now(UTC))


examples()
admit_each_other([FOLDER / name for name in NAMES])
for number, name in enumerate(NAMES):
    with opened(name) as here:
        verbs.train(here, load(FAMILIES[number % 3]), seed=number)
        try:
            verbs.offer_model(here)
        except NotApproved as error:  # one class alone: it takes up what others offer
            print(f"{name} offers nothing: {error.what}")
        except GateRefused as error:  # a dense layer shows an unusual child; take another one
            print(f"{name}: {error.what}")
            verbs.train(here, load("conv-4"), seed=number)
            verbs.offer_model(here)
for _ in range(2):  # models first, then what everybody said about them
    for name in NAMES:
        with opened(name) as here:
            verbs.sync(here)
            for entry in verbs.catalogue(here):
                verbs.pull(here, entry.sha)
            verbs.evaluate(here)

for name in NAMES:
    with opened(name) as here:
        verbs.sync(here)
        found = verbs.adopt(here)
        print(f"{name:<6} {found.choice.chosen:<16} {found.choice.reason}")
with opened("ash") as here:  # nobody is left out in silence: all read the same reports
    verbs.sync(here)
    makers = {entry.sha: entry.card.site for entry in verbs.catalogue(here)}
    for card, standing in verbs.standings(here).items():
        if not standing.used:
            print(f"not used: {makers[card]}: {standing.reason}")
