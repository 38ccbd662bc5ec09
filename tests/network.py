"""Institutions of a network in one folder, with digits dealt to them, and a clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from modelward.artifact import bundle
from modelward.core.ports import Carrier
from modelward.engines.shared_folder import SharedFolder
from modelward.exchange.documents import members
from modelward.exchange.documents.question import Question
from modelward.exchange.institution.folder import Institution, prepare
from modelward.exchange.institution.looking import DirectInspector
from tests.studies import write_key

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LABELS = tuple(f"digit {n}" for n in range(10))
POLICY = """[leaves]
kinds = ["metrics", "model", "adapter", "predictions", "prototypes", "labels"]
min_cell = 5
[privacy]
lanes = ["dp", "exact"]
"""


@dataclass
class Clock:
    """A clock that is moved by hand."""

    time: datetime = MORNING

    def __call__(self) -> datetime:
        return self.time

    def later(self, **by: float) -> None:
        self.time += timedelta(**by)


class Draws:
    """Random bytes that are the same every time."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)

    def __call__(self, count: int) -> bytes:
        return self._draw.bytes(count)


@dataclass
class Network:
    """Institutions on a shared folder.

    Attributes:
        folder: Holds a folder for each, and `carrier`.
        names: Who they are.
        clock: Everybody's clock.
        question: What they answer.
        dial: How an institution reaches the wire; the shared folder if None.
        isolated: Whether offers are looked at in a process of its own, as at a hospital.
    """

    folder: Path
    names: Sequence[str]
    clock: Clock = field(default_factory=Clock)
    question: Question | None = None
    dial: Callable[[str], Carrier] | None = None
    isolated: bool = False

    def open(self, name: str) -> Institution:
        """Open one institution."""
        dial = self.dial or (lambda own: SharedFolder(self.folder / "carrier", own))
        draws = Draws([*self.names].index(name) + int(self.clock.time.timestamp()))
        return Institution.open(
            self.folder / name,
            dial(name),
            clock=self.clock,
            draw=draws,
            inspector=None if self.isolated else DirectInspector,
        )


def digits(classes: Sequence[Sequence[int]], names: Sequence[str], folder: Path) -> Network:
    """Return a network in which each institution has the digits of some classes.

    Args:
        classes: Per institution, the digits that it has many of.
        names: Who they are.
        folder: Where they lie.
    """
    found = load_digits()
    x, y = (found.images / 8 - 1).astype(np.float32), found.target
    order = np.random.default_rng(3).permutation(len(y))
    shared, rest = x[order[:300]], order[300:1500]
    raw = bundle.to_bytes({"x": shared})
    question = Question(
        id="digits",
        purpose="read digits",
        labels=LABELS,
        inputs=(8, 8),
        shared=sha256(raw).hexdigest(),
        shared_units=len(shared),
    )
    network = Network(folder, names, question=question)
    for number, (name, own) in enumerate(zip(names, classes, strict=True)):
        site = folder / name
        site.mkdir(parents=True, exist_ok=True)
        if not (site / "site.key").exists():
            write_key(site / "site.key", 1 + number)  # noise is drawn from it
        prepare(site, name, question, MORNING)
        (site / "policy.toml").write_text(POLICY)
        (site / "exchange" / "shared.safetensors").write_bytes(raw)
        some = rest[number :: len(names)]
        keep = np.isin(y[some], own) | (np.arange(len(some)) % 10 == 0)
        rows = some[keep]
        cut = len(rows) * 2 // 3
        np.savez(
            site / "exchange" / "data.npz",
            train_x=x[rows[:cut]], train_y=y[rows[:cut]],
            valid_x=x[rows[cut:]], valid_y=y[rows[cut:]],
        )  # fmt: skip
    introduce(network)
    return network


def introduce(network: Network) -> None:
    """Have everybody admit everybody."""
    for name in network.names:
        said = members.read(
            (network.folder / name / "exchange" / "introduction.json").read_bytes()
        )
        for other in network.names:
            members.admit(network.folder / other / "exchange" / "members", said, said.spoken)


def unseen(count: int = 297) -> tuple[np.ndarray, np.ndarray]:
    """Return digits that nobody in the network has."""
    found = load_digits()
    order = np.random.default_rng(3).permutation(len(found.target))[1500:][:count]
    return (found.images[order] / 8 - 1).astype(np.float32), found.target[order]
