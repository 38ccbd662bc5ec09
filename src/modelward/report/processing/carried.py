"""What the server of the wire stored, message by message: one line each, as the hub keeps it.

The server writes a copy of whatever a site stores into a stream of its own (streams.py of
the wire); the hub drains it into `HUB/carried.jsonl`. So the record holds what came under a
site's certificate, before anybody judged it, what was refused afterwards included. Of
pieces of large artifacts only headers are copied: their subject names the artifact's hash.

Numbers of the server's streams have no gaps, so a line that is missing is found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from modelward.core.canonical import canonical_bytes
from modelward.errors import LedgerBroken

FILE = "carried.jsonl"
"""Name of the record in the hub's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One stored message.

    Attributes:
        stream: The server's stream: `ANS` for messages, `OBJ_up-SITE` for pieces.
        sequence: Its number there, from 1, without gaps.
        subject: Where it was sent.
        time: When the server stored it, RFC 3339.
        id: The message id that the sender gave; "" if none.
        bytes: Length of the payload.
        sha256: Hash of the payload, hex; "" for pieces.
        message: The signed message in it, as text; "" if there is none that could be one.
        attached: Length of the artifact that came behind the message.
        attached_sha256: Its hash; "" if nothing came behind.
    """

    stream: str
    sequence: int
    subject: str
    time: str
    id: str
    bytes: int
    sha256: str
    message: str
    attached: int
    attached_sha256: str

    @property
    def site(self) -> str:
        """The site under whose certificate it came: only that site may publish there."""
        parts = self.subject.split(".")
        return parts[1].removeprefix("up-") if parts[0] == "$O" else parts[2]

    @property
    def is_piece(self) -> bool:
        """Whether it is a piece of a large artifact."""
        return self.subject.startswith("$O.")

    def text(self) -> str:
        """Return the line of the record, with its newline."""
        return canonical_bytes(asdict(self)).decode() + "\n"


_CARRIED = TypeAdapter(Carried)


def read(path: Path) -> Iterator[Carried]:
    """Yield the lines of a record; one that a crash cut short at the end is passed over.

    Raises:
        LedgerBroken: If the file or a line cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _parse(line, number, path)
    except OSError as error:
        raise LedgerBroken(
            f"{path} cannot be read: {error.strerror}",
            why="without what the wire carried there is nothing to compare with",
            remedy=f"ask the hub's operator for {FILE} of the hub's folder",
        ) from error


def gaps(record: Iterable[Carried]) -> list[str]:
    """Return, in words, the numbers of each stream that are missing in `record`."""
    found, last = [], dict[str, int]()
    for each in record:
        before = last.get(each.stream, 0)
        if each.sequence > before + 1:
            lost = each.sequence - before - 1
            found.append(
                f"{lost} stored in {each.stream} after number {before} are not in the record"
            )
        last[each.stream] = each.sequence
    return found


def _parse(line: bytes, number: int, path: Path) -> Carried:
    try:
        return _CARRIED.validate_json(line, strict=True)
    except ValidationError as error:
        raise LedgerBroken(
            f"line {number} of {path} is not a line of the record",
            why="what is half understood cannot be compared to the byte",
            remedy=f"ask the hub's operator for {FILE} of the hub's folder again",
        ) from error
