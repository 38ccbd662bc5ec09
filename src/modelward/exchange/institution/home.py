"""The institution's own model: what it would use if there were no network.

    exchange/own/SHA256.safetensors   bundles of own models and of what was adopted
    exchange/local.json               which of them is the local one, and how it was made
    exchange/in-use.json              what the ward uses now, and who decided so
    exchange/student.json             what became of the last strong student (weak.py)
    exchange/left-out.json            how it does on units that it has not seen (left_out.py)

`in-use.json` changes by a named person's decision and by nothing else (adopting.py).
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.tensors import Schema, Tensors
from modelward.errors import NotApproved
from modelward.exchange.documents.content import Voice
from modelward.exchange.documents.question import Question
from modelward.exchange.families import catalogue
from modelward.exchange.families.family import Family
from modelward.exchange.institution.class_means import persons_of
from modelward.exchange.institution.examples import Examples
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.probability import Labels, log_softmax


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The local model.

    Attributes:
        family: Its family.
        version: The family's version.
        sha256: Its bundle.
        seed: Of its start and its batches.
        trained: Whether `train` made it here, so that it can be made again.
        privacy: The event that was booked for it; empty without a bound.
    """

    family: str
    version: int
    sha256: str
    seed: int
    trained: bool = False
    privacy: Mapping[str, str | int | float] = field(default_factory=dict)

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
        sha256: Bundle of a single model; "" for a combination.
        family: Of that model; of the student that predictions teach, for a combination.
        version: Of the family.
        seed: Of that student.
        threshold: Confidence below which it does not answer.
        never: Classes that nobody in the pool knows: never answered.
        guarded: Whether the pool listens as hearing.py has it; not if it was adopted before.
        fill: Bundle of what covers show (covering.py); "" where nothing is covered.
        agreed: Whether an answer that hangs on one institution's voice is not given.
    """

    candidate: str
    cards: tuple[str, ...]
    by: str
    reason: str
    time: str
    sha256: str = ""
    family: str = ""
    version: int = 1
    seed: int = 0
    threshold: float = 0.0
    never: tuple[str, ...] = ()
    guarded: bool = False
    fill: str = ""
    agreed: bool = False


def train(folder: Path, question: Question, own: Examples, family: Family, seed: int) -> Local:
    """Train the local model on own examples and keep it; the same input gives the same bits."""
    start = family.initial(question.shape, seed)
    lesson = labelled(own.x, own.y, len(question.labels))
    learnt = learn(family, start, lesson, Steps(), seed)
    return keep(folder, family, learnt, seed, trained=True)


def keep(
    folder: Path,
    family: Family,
    tensors: Tensors,
    seed: int,
    *,
    trained: bool = False,
    privacy: Mapping[str, str | int | float] | None = None,
) -> Local:
    """Make `tensors` the local model."""
    local = Local(
        family=family.name,
        version=family.version,
        sha256=keep_bundle(folder, tensors),
        seed=seed,
        trained=trained,
        privacy=privacy or {},
    )
    durable.write_whole(folder / "local.json", canonical_bytes(asdict(local)))
    return local


def for_others(folder: Path, question: Question, own: Examples, least: int) -> Local:
    """Return what goes on offer in place of the local model.

    It is the local model, unless that has learnt from a class of fewer than `least` patients:
    they are then all that it knows of the class, and a row of a linear model is the
    patient (cosine 0.93 of one digit, in our test). Its twin has never seen such classes. A
    bound for every patient covers them too.
    """
    found, small = local(folder), few(folder, question, own, least)
    if not small.size:
        return found
    rows = ~np.isin(own.y, small)
    if not rows.any():
        raise NotApproved(
            f"no class has {least} patients or more",
            why="what a model knows of a class of fewer is about single patients",
            remedy="gather more examples, or train with a bound: --epsilon",
        )
    family = found.made_with
    start = family.initial(question.shape, found.seed)
    lesson = labelled(own.x[rows], own.y[rows], len(question.labels))
    twin = learn(family, start, lesson, Steps(), found.seed)
    return replace(found, sha256=keep_bundle(folder, twin))


def few(folder: Path, question: Question, own: Examples, least: int) -> Labels:
    """Return the classes that the local model has learnt from fewer than `least` patients.

    Its twin has not. None where the model is offered as it is: with a bound, or made elsewhere.
    """
    found = local(folder)
    if not found.trained or found.privacy:
        return np.zeros(0, np.intp)
    counts = np.array(persons_of(own, len(question.labels)))
    return np.flatnonzero((counts > 0) & (counts < least))


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
    return voice_of(folder, local(folder))


def voice_of(folder: Path, own: Local) -> Voice:
    """Return what an own model says."""
    tensors, family = tensors_of(folder, own.sha256), own.made_with
    return lambda x: log_softmax(family.logits(tensors, x))


def note_student(folder: Path, reason: str, time: str) -> None:
    """Remember what became of a strong student, for the report: also when it was put aside."""
    durable.write_whole(
        folder / "student.json", canonical_bytes({"reason": reason, "time": time})
    )


def student(folder: Path) -> str:
    """Return what became of the last strong student, and when; "" if there was none."""
    with suppress(OSError):
        said = parse_strict((folder / "student.json").read_bytes(), what="student")
        return f"{said['time']}: {said['reason']}"
    return ""


def in_use(folder: Path) -> InUse | None:
    """Return what the ward uses; None before anybody decided, which means the local model."""
    try:
        table = json.loads((folder / "in-use.json").read_bytes())
    except FileNotFoundError:
        return None
    lists = {name: tuple(table.get(name, ())) for name in ("cards", "never")}
    return InUse(**{**table, **lists})


def use(folder: Path, decided: InUse) -> None:
    """Write what the ward uses from now on."""
    durable.write_whole(folder / "in-use.json", canonical_bytes(asdict(decided)))
