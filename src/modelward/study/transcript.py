"""What a hub says it did in one round: the body of a transcript message.

A transcript names the model before, the memory of the server optimiser before, every site's
artifact that went in with its weight, and the model and memory that came out, all by hash.
hub/transcript.py writes and replays it; site/entering/transcripts.py holds it against what the
site has seen. docs/formats/transcript.md has an example.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modelward.core.canonical import Json, canonical_bytes
from modelward.errors import MessageRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One artifact that went in.

    Attributes:
        site: Who made it.
        sha256: Its hash.
        weight: Units behind it.
        asked_in: Round whose question it answers, where that is another than the transcript's;
            None, and absent from the body, where it is the same.
    """

    site: str
    sha256: str
    weight: int
    asked_in: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One round.

    Attributes:
        study: SHA-256 of the study.
        round_no: The round; 0 for statistics.
        roster: Every site that was asked, by name.
        inputs: What was combined, by site name.
        before: SHA-256 of the model before; None in round 0.
        memory_before: SHA-256 of the optimiser's memory before; None if it has none.
        output: SHA-256 of the model after.
        memory_after: SHA-256 of the optimiser's memory after; None if it has none.
    """

    study: str
    round_no: int
    roster: tuple[str, ...]
    inputs: tuple[Input, ...]
    before: str | None
    memory_before: str | None
    output: str
    memory_after: str | None

    def body(self) -> dict[str, Json]:
        """Return the transcript as the body of a message."""
        body: dict[str, Json] = TypeAdapter(Transcript).dump_python(self, mode="json")
        del body["study"], body["round_no"]  # the envelope has them
        inputs = [asdict(each) for each in self.inputs]
        body["inputs"] = [
            {name: value for name, value in each.items() if value is not None}
            for each in inputs
        ]
        return body

    def asked_in(self, site: str) -> int:
        """Return the round whose question a site's input answers; this one if it has none."""
        found = [each.asked_in for each in self.inputs if each.site == site]
        return self.round_no if not found or found[0] is None else found[0]


def from_body(study: str, round_no: int, body: Mapping[str, Any]) -> Transcript:
    """Return the transcript in the body of a message about `study` and `round_no`.

    Raises:
        MessageRefused: If it is not one.
    """
    try:
        raw = canonical_bytes({**body, "study": study, "round_no": round_no})
        found = TypeAdapter(Transcript).validate_json(raw, strict=True)
    except ValidationError as error:
        raise refuse(error.errors()[0]["msg"]) from error
    if found.body() != dict(body):
        raise refuse("it has unknown fields")
    return found


def refuse(found: str) -> MessageRefused:
    """Return the error that says what is wrong with a transcript."""
    return MessageRefused(
        f"a transcript is refused: {found}",
        why="a round is what its signed terms make of the artifacts that went in",
        remedy="keep the transcript and its artifacts, and ask the hub's operator",
    )
