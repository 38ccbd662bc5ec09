"""What a task brings to a site: the question in its message, and the model beside it.

The model travels with the message when it is small, or lies in the hub's bucket. Either way
its bytes have the hash that the signed message names, or they are not used.
"""

from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from modelward.artifact.envelope import Envelope
from modelward.artifact.store import Store
from modelward.core.task import Task, TaskKind
from modelward.engines.jetstream import objects
from modelward.engines.jetstream.line import Line
from modelward.engines.jetstream.parcel import LARGEST, check_attached
from modelward.errors import MessageRefused


class _Asked(BaseModel):
    """The body of a task message."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    kind: TaskKind
    model: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None


_ASKED = TypeAdapter(_Asked)


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
            why="a task is a kind and the hash of a model, and nothing else",
            remedy="check that hub and site run versions that fit together",
        ) from error
    return Task(
        study=envelope.study, round_no=envelope.round_no, kind=asked.kind, model=asked.model
    )


async def fetch_model(line: Line, models: Store, task: Task, attached: bytes | None) -> None:
    """Have the model that `task` starts from in `models`, and no older ones.

    Args:
        line: The site's connection.
        models: Where to put it.
        task: The task.
        attached: What travelled with its message, or None.

    Raises:
        MessageRefused: If what travelled with the message is not that model.
        BadArtifact: If what lies in the bucket is not.
    """
    if task.model is None:
        return
    path = models.path(task.model)
    if attached is not None:
        check_attached(attached, task.model)
    for old in path.parent.iterdir():
        if not old.name.startswith(path.name):
            old.unlink()
    if path.exists() and _hash(path) == task.model:
        return
    if attached is not None:
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(attached)  # not synced: it can be had again
        part.replace(path)
    else:
        await objects.get(line, "hub", task.model, path, most=LARGEST)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        found = sha256()
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
