"""The institution's own model: what it would use if there were no network.

    exchange/own/SHA256.safetensors   bundles of own models and of what was adopted
    exchange/local.json               which of them is the local one, and how it was made
    exchange/in-use.json              what the ward uses now, and who decided so

`in-use.json` changes by a named person's decision and by nothing else (adopting.py).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.tensors import Schema, Tensors
from modelward.errors import NotApproved
from modelward.exchange.content import Voice
from modelward.exchange.examples import Examples
from modelward.exchange.families import catalogue
from modelward.exchange.families.family import Family
from modelward.exchange.learn import Steps, labelled, learn
from modelward.exchange.probability import log_softmax
from modelward.exchange.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The local model.

    Attributes:
        family: Its family.
        version: The family's version.
        sha256: Its bundle.
        seed: Of its start and its batches.
    """

    family: str
    version: int
    sha256: str
    seed: int

    @property
    def made_with(self) -> Family:
        """The installed family."""
        return catalogue.load(self.family, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What the ward uses.

    Attributes:
        candidate: `local`, or the name of a combination or student.
        cards: Artifacts that it is made of.
        by: Who decided.
        reason: Why, in words.
        time: When.
        sha256: Bundle of a student; "" for a combination.
    """

    candidate: str
    cards: tuple[str, ...]
    by: str
    reason: str
    time: str
    sha256: str = ""


def train(folder: Path, question: Question, own: Examples, family: Family, seed: int) -> Local:
    """Train the local model on own examples and keep it; the same input gives the same bits."""
    start = family.initial(question.shape, seed)
    lesson = labelled(own.x, own.y, len(question.labels))
    return keep(folder, family, learn(family, start, lesson, Steps(), seed), seed)


def keep(folder: Path, family: Family, tensors: Tensors, seed: int) -> Local:
    """Make `tensors` the local model."""
    digest, _ = Store(folder / "own").put(tensors, Schema.from_tensors(tensors))
    local = Local(family=family.name, version=family.version, sha256=digest, seed=seed)
    durable.write_whole(folder / "local.json", canonical_bytes(asdict(local)))
    return local


def keep_bundle(folder: Path, tensors: Tensors) -> str:
    """Keep a bundle that is not the local model; return its hash."""
    return Store(folder / "own").put(tensors, Schema.from_tensors(tensors))[0]


def local(folder: Path) -> Local:
    """Return the local model.

    Raises:
        NotApproved: If there is none yet.
    """
    try:
        return Local(**parse_strict((folder / "local.json").read_bytes(), what="local model"))
    except FileNotFoundError as error:
        raise NotApproved(
            f"{folder} has no local model",
            why="what others offer is held against the model that is there without them",
            remedy="train one: modelward exchange train SITE --family mlp-64",
        ) from error


def tensors_of(folder: Path, digest: str) -> Tensors:
    """Return an own bundle."""
    return Store(folder / "own").tensors(digest)


def local_voice(folder: Path) -> Voice:
    """Return what the local model says."""
    own = local(folder)
    tensors, family = tensors_of(folder, own.sha256), own.made_with
    return lambda x: log_softmax(family.logits(tensors, x))


def in_use(folder: Path) -> InUse | None:
    """Return what the ward uses; None before anybody decided, which means the local model."""
    try:
        table = json.loads((folder / "in-use.json").read_bytes())
    except FileNotFoundError:
        return None
    return InUse(**{**table, "cards": tuple(table["cards"])})


def use(folder: Path, decided: InUse) -> None:
    """Write what the ward uses from now on."""
    durable.write_whole(folder / "in-use.json", canonical_bytes(asdict(decided)))
