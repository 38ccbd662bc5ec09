"""What a task brings to a site: the question in its message, and the model beside it.

The model travels with the message when it is small, or lies in the hub's bucket. Either way
its bytes have the hash that the signed message names, or they are not used.
"""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from modelward.artifact.envelope import Envelope
from modelward.artifact.store import Store
from modelward.core.canonical import Json
from modelward.core.task import MASK_PHASES, MaskPhase, Task, TaskKind
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.messages.parcel import LARGEST, check_attached
from modelward.errors import MessageRefused

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Asked(BaseModel):
    """The body of a task message; an open question has the first two fields only."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    kind: TaskKind
    model: _Hash | None
    phase: MaskPhase | None = None
    told: _Hash | None = None
    edge: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _told_after_the_first(self) -> Self:
        later = self.phase is not None and self.phase != MASK_PHASES[0]
        if later != (self.told is not None):
            raise ValueError("what the hub has heard comes with every exchange but the first")
        return self


_ASKED = TypeAdapter(_Asked)


def body_of(task: Task) -> dict[str, Json]:
    """Return the body of the message that asks `task`."""
    body: dict[str, Json] = {"kind": task.kind, "model": task.model}
    if task.phase is not None:
        body["phase"] = task.phase
    if task.told is not None:
        body["told"] = task.told
    if task.edge is not None:
        body["edge"] = task.edge
    return body


def task_of(envelope: Envelope) -> Task:
    """Return the task that a message asks.

    Raises:
        MessageRefused: If the body is not that of a task.
    """
    try:
        asked = _ASKED.validate_python(dict(envelope.body))
    except ValidationError as error:
        raise MessageRefused(
            "a task message does not hold a task",
            why="a task is a kind, the hash of a model, and the exchange if sums are masked",
            remedy="check that hub and site run versions that fit together",
        ) from error
    return Task(
        study=envelope.study,
        round_no=envelope.round_no,
        kind=asked.kind,
        model=asked.model,
        phase=asked.phase,
        told=asked.told,
        edge=asked.edge,
    )


async def fetch_model(line: Line, models: Store, task: Task, attached: bytes | None) -> None:
    """Have what `task` brings (a model, or what the hub has heard) in `models`, and no more.

    Args:
        line: The site's connection.
        models: Where to put it.
        task: The task.
        attached: What travelled with its message, or None.

    Raises:
        MessageRefused: If what travelled with the message is not that bundle.
        BadArtifact: If what lies in the bucket is not.
    """
    wanted = task.brings
    if wanted is None:
        return
    path = models.path(wanted)
    if attached is not None:
        check_attached(attached, wanted)
    for old in path.parent.iterdir():
        if not old.name.startswith(path.name):
            old.unlink()
    if path.exists() and _hash(path) == wanted:
        return
    if attached is not None:
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(attached)  # not synced: it can be had again
        part.replace(path)
    else:
        await objects.get(line, "hub", wanted, path, most=LARGEST)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        found = sha256()
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
