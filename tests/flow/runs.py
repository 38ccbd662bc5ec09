"""Small variants of both demo studies: what is run, and what a finished run must hold."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from modelward.ledger.log import ENTRIES
from modelward.ledger.verify import verify
from modelward.simulation import data
from tests.command import answered

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Small:
    """A small study.

    Attributes:
        name: Of the study and its file.
        words: What `modelward study simulate` is told, without `--out`.
    """

    name: str
    words: tuple[str, ...]

    def simulate(self, folder: Path, **options: object) -> tuple[object, ...]:
        """Return the command that runs the study in `folder`/run, which holds its data."""
        extra = [word for key, value in options.items() for word in (f"--{key}", value)]
        return ("study", "simulate", folder / f"{self.name}.toml", *self.words, *extra)

    def prepare(self, folder: Path, *swaps: tuple[str, str]) -> Path:
        """Write the study, with `swaps`, and its data into `folder` and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        text = (HERE / f"{self.name}.toml").read_text()
        for old, new in swaps:
            assert old in text
            text = text.replace(old, new)
        (folder / f"{self.name}.toml").write_text(text)
        if "heart.csv" in self.words:
            data.write_heart(folder / "heart.csv")
        else:
            write_some_images(folder / "images.npz")
        return folder

    def finished(self, folder: Path, **options: object) -> Any:
        """Run to the end in `folder`, and return what was printed."""
        return answered(*self.simulate(folder, out="run", **options), cwd=folder)


HEART = Small(
    "heart-small",
    ("--data", "heart.csv", "--by", "hospital", "--split", "split"),
)
PNEUMONIA = Small("pneumonia-small", ("--data", "images.npz", "--sites", "3", "--alpha", "1.0"))
BOTH = [HEART, PNEUMONIA]


def write_some_images(path: Path) -> None:
    """Write 600 images of PneumoniaMNIST with their official folds."""
    with np.load(BytesIO(data.checked("pneumoniamnist.npz"))) as archive:
        parts = {"train": 400, "val": 80, "test": 120}
        images = np.concatenate([archive[f"{p}_images"][:n] for p, n in parts.items()])
        labels = np.concatenate([archive[f"{p}_labels"][:n, 0] for p, n in parts.items()])
    folds = np.repeat([0, 1, 2], list(parts.values()))
    np.savez(path, images=images, labels=labels, folds=folds)


def check_ledgers(run: Path) -> int:
    """Verify every ledger of a run; no task is in one twice. Return the entries."""
    ledgers = sorted(run.glob("sites/*/ledger"))
    total = 0
    for ledger in ledgers:
        found = verify(ledger)
        lines = (ledger / ENTRIES).read_text().splitlines()
        tasks = [line.split('"task":"')[1][:64] for line in lines]
        assert len(tasks) == len(set(tasks)) == found.entries, (
            f"an entry is doubled in {ledger}"
        )
        total += found.entries
    return total


def litter(folder: Path) -> list[Path]:
    """Return what a write that was not finished leaves behind."""
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]
