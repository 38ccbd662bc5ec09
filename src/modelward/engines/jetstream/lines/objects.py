"""Large artifacts through the server: named by hash, in pieces, resumed where they broke.

An object lies as messages on `$O.<bucket>.C.<sha256>`, one piece each, with its number and
the object's length in headers. Nothing else describes it: the signed message that names
the hash vouches for every byte, and who fetches it hashes again.

Sending expects, with each piece, the sequence of the piece before it, so that a repeated
or misplaced piece is refused by the server. (Message ids would not do: an object that was
purged and is sent again would be taken for a repetition.) Fetching asks for windows by
DIRECT.GET and goes on after the last piece that came, also after a restart.
"""

import asyncio
import json
import os
from hashlib import sha256
from pathlib import Path

from nats.aio.msg import Msg

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.lines.pieces import PIECE, FilePieces, Pieces
from modelward.engines.jetstream.lines.transfer import Transfer
from modelward.errors import BadArtifact

WINDOW = 4 * PIECE
"""Bytes asked for at once; the server's `max_pending` must hold several windows."""

STALLED_S = 10.0
MISSES = 20
"""How often a window may find nothing, a quarter of a second apart."""

_WRONG_SEQUENCE = {10071, 10164}
NUMBER, LENGTH = "Modelward-Piece", "Modelward-Length"


async def put(line: Line, bucket: str, digest: str, content: Pieces | FilePieces) -> None:
    """Store `content` as the object `digest`, going on after what is there already."""
    subject = f"$O.{bucket}.C.{digest}"
    number, sequence = await _stored(line, bucket, subject)
    transfer = Transfer(line.journal, "sending", digest)
    while number < len(content):
        transfer.at(min(number * PIECE, content.nbytes), content.nbytes)
        headers = {
            NUMBER: str(number),
            LENGTH: str(content.nbytes),
            "Nats-Expected-Last-Subject-Sequence": str(sequence),
        }
        try:
            stored = await line.call(subject, content.piece(number), headers)
        except Rejected as rejected:
            if rejected.code not in _WRONG_SEQUENCE:
                await asyncio.sleep(1)  # no space yet: finished rounds are purged
            number, sequence = await _stored(line, bucket, subject)
        else:
            number, sequence = number + 1, stored["seq"]
    transfer.at(content.nbytes, content.nbytes)


async def get(line: Line, bucket: str, digest: str, path: Path, *, most: int) -> None:
    """Fetch the object `digest` into the file `path`, whole and hashed, or not at all.

    What was fetched stays beside it as `.part` when this is cut off, and is used again.

    Args:
        line: The connection.
        bucket: Where it lies.
        digest: Its SHA-256, hex.
        path: Where to put it; its folder must exist.
        most: Bytes that are accepted.

    Raises:
        BadArtifact: If it is larger, has another hash, or is not there.
    """
    part, transfer = _Part(path, digest), Transfer(line.journal, "fetching", digest)
    try:
        fetch = _Fetch(line, bucket, digest)
        await fetch.start()
        try:
            while not part.complete:
                for message in await fetch.window(part.next):
                    part.take(message, most)
                transfer.at(*part.come)
        finally:
            await fetch.stop()
        await asyncio.to_thread(part.finish)
    finally:
        part.close()


async def purge(line: Line, bucket: str, digest: str) -> None:
    """Delete the object `digest`, if it is there."""
    request = canonical_bytes({"filter": f"$O.{bucket}.C.{digest}"})
    await line.call(f"$JS.API.STREAM.PURGE.OBJ_{bucket}", request)


async def names(line: Line, bucket: str) -> set[str]:
    """Return the hashes of every object in `bucket`."""
    request = canonical_bytes({"subjects_filter": f"$O.{bucket}.C.>"})
    info = await line.call(f"$JS.API.STREAM.INFO.OBJ_{bucket}", request)
    return {subject.rpartition(".")[2] for subject in info["state"].get("subjects") or {}}


async def _stored(line: Line, bucket: str, subject: str) -> tuple[int, int]:
    """Return the number of the next piece, and the sequence of the last that is there."""
    request = json.dumps({"last_by_subj": subject}).encode()
    reply = await line.ask(f"$JS.API.DIRECT.GET.OBJ_{bucket}", request)
    headers = reply.headers or {}
    if headers.get("Status"):
        return 0, 0
    return int(headers[NUMBER]) + 1, int(headers["Nats-Sequence"])


class _Fetch:
    """One subscription, and windows of pieces asked for over it."""

    def __init__(self, line: Line, bucket: str, digest: str) -> None:
        self._line = line
        self._api = f"$JS.API.DIRECT.GET.OBJ_{bucket}"
        self._subject = f"$O.{bucket}.C.{digest}"
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._misses = 0

    async def start(self) -> None:
        await self._listen()
        self._line.on_return(self._changed)

    async def stop(self) -> None:
        self._line.off_return(self._changed)
        await self._subscription.unsubscribe()

    async def _listen(self) -> None:
        """Wait for replies at a new inbox, where none to an earlier request arrives."""
        self._arrived = asyncio.Queue()
        self._inbox, self._subscription = await self._line.listen(
            None, self._arrived.put_nowait
        )

    async def _anew(self, found: list[Msg]) -> list[Msg]:
        """Return what came of a request that is given up.

        Its other pieces may still come, and would be taken for those of the next request,
        whose own for those of the one after, to the end: everything came twice.
        """
        await self._subscription.unsubscribe()
        await self._listen()
        return found

    async def window(self, start: int) -> list[Msg]:
        """Return the pieces from stream sequence `start` on, as many as came."""
        if self._misses > MISSES:
            raise _refuse(self._subject.rpartition(".")[2], "is not there")
        request = {
            "seq": start,
            "next_by_subj": self._subject,
            "batch": WINDOW // PIECE,
            "max_bytes": WINDOW + PIECE,
        }
        await self._line.say(self._api, json.dumps(request).encode(), reply=self._inbox)
        found: list[Msg] = []
        while True:
            try:
                async with asyncio.timeout(STALLED_S):
                    message = await self._arrived.get()
            except TimeoutError:
                return await self._anew(found)
            if message is None:
                return await self._anew(found)
            status = (message.headers or {}).get("Status")
            if status is not None:
                if not found and status != "204":
                    self._misses += 1
                    await asyncio.sleep(0.25)  # not there yet, or no server
                return found
            self._misses = 0
            found.append(message)

    def _changed(self) -> None:
        self._arrived.put_nowait(None)


class _Part:
    """A file that is being fetched, and how far it has come."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path, self._digest = path, digest
        self._part = path.with_name(f"{path.name}.part")
        self._mark = path.with_name(f"{path.name}.mark")
        self._hash = sha256()
        self._done, self._length = 0, -1
        self.next = 1
        self._fd = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._recall()

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self._done == self._length

    @property
    def come(self) -> tuple[int, int]:
        """Bytes that are here, and bytes in all (at least those that are here)."""
        return self._done, max(self._done, self._length)

    def take(self, message: Msg, most: int) -> None:
        """Write the next piece; pieces that are here already are passed over."""
        headers = message.headers or {}
        number, length = int(headers[NUMBER]), int(headers[LENGTH])
        if length > most:
            raise _refuse(self._digest, f"is {length:,} bytes long, at most {most:,} are read")
        if number * PIECE != self._done:
            return
        os.pwrite(self._fd, message.data, self._done)
        self._hash.update(message.data)
        self._done += len(message.data)
        self._length = length
        self.next = int(headers["Nats-Sequence"]) + 1
        if self._done % WINDOW == 0:
            self._mark.write_text(f"{self._done} {length} {self.next}")

    def finish(self) -> None:
        """Check the hash and put the file in place, on disk."""
        if self._hash.hexdigest() != self._digest:
            self._part.unlink()
            self._mark.unlink(missing_ok=True)
            raise _refuse(self._digest, "has other bytes than its name says")
        os.ftruncate(self._fd, self._done)
        os.fsync(self._fd)
        self._part.replace(self._path)
        self._mark.unlink(missing_ok=True)
        durable.sync_folder(self._path.parent)

    def close(self) -> None:
        os.close(self._fd)

    def _recall(self) -> None:
        """Go on where an earlier fetch was cut off; the bytes are hashed again."""
        try:
            done, length, following = map(int, self._mark.read_text().split())
        except (OSError, ValueError):
            return
        if os.fstat(self._fd).st_size < done:
            return
        for start in range(0, done, PIECE):
            self._hash.update(os.pread(self._fd, min(PIECE, done - start), start))
        self._done, self._length, self.next = done, length, following


def _refuse(digest: str, found: str) -> BadArtifact:
    return BadArtifact(
        f"object {digest[:12]}… {found}",
        why="an artifact is what its signed hash says, or it is not used",
        remedy="it is fetched again when its sender offers it again",
    )
