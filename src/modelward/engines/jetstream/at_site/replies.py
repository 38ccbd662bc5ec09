"""What a site says to its hub: signed messages in order, and released bytes beside them.

    signed and on disk -> (a large artifact into the own bucket) -> stored at the server

Messages go out in the order of their sequences, one at a time, whoever has something to say.
The site's own thread writes and signs; this runs in the wire's.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from modelward.artifact.envelope import Kind, digest
from modelward.core.canonical import Json
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.lines.pieces import Pieces
from modelward.engines.jetstream.messages.book import Book
from modelward.engines.jetstream.messages.parcel import INLINE, pack

LATER_S = 5.0
"""Wait before something that met a full disk, say, is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Something to be said.

    Attributes:
        kind: What it is.
        study: SHA-256 of the study it is about.
        body: What it says.
        round_no: Its round; 0 for what belongs to none.
        named: What it is stored under at the server, where there is one of a name at a time;
            its own digest if absent.
        after: A message that it answers, kept on disk before it.
        content: Released bytes that go with it; the card in `body` names their hash.
    """

    kind: Kind
    study: str
    body: Mapping[str, Json]
    round_no: int = 0
    named: str | None = None
    after: bytes | None = None
    content: Pieces | None = None


class Desk:
    """The site's one thread: what reads its ledger or writes its book takes turns here."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="site")

    async def do(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Return what `call` does there; it is not interrupted."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, partial(call, *arguments))
        return await asyncio.shield(work)

    def close(self) -> None:
        """Wait for what is being done, and end."""
        self._thread.shutdown()


class Replies:
    """Says things over a line.

    Args:
        site: The name it was admitted under.
        book: Signs and keeps what the site says.
        desk: The site's thread.
        journal: Is told what happens.
        clock: The time.
    """

    def __init__(
        self, site: str, book: Book, desk: Desk, journal: Journal, clock: Callable[[], datetime]
    ) -> None:
        self._site, self._book, self._desk = site, book, desk
        self._journal, self._clock = journal, clock
        self._in_order = asyncio.Lock()

    async def say(self, line: Line, saying: Saying) -> None:
        """Return when the server has stored it.

        Raises:
            StorageError: If it cannot be written to the book; then nothing was sent.
        """
        attached = await self._attach(line, saying)
        async with self._in_order:
            letter = await self._desk.do(self._letter, saying)
            await self._put(line, saying.named or digest(letter), letter, attached)

    def _letter(self, saying: Saying) -> bytes:
        """Return the signed message that says this, on disk; runs on the site's thread."""
        return self._book.say(
            saying.kind,
            study=saying.study,
            round_no=saying.round_no,
            body=saying.body,
            now=self._clock(),
            after=saying.after,
        )

    async def _attach(self, line: Line, saying: Saying) -> bytes | None:
        """Return what travels with it; what is larger is in the bucket after this."""
        content = saying.content
        if content is None:
            return None
        if content.nbytes <= INLINE:
            return content.between(0, content.nbytes)
        card: Any = saying.body["card"]
        await objects.put(line, f"up-{self._site}", card["sha256"], content)
        return None

    async def _put(self, line: Line, named: str, letter: bytes, attached: bytes | None) -> None:
        """Have a message stored at the server, under a name of which there is one at a time."""
        subject = f"fl.ans.{self._site}.{named}"
        headers = {"Nats-Msg-Id": digest(letter)}
        while True:
            try:
                await line.call(subject, pack(letter, attached), headers)
            except Rejected as rejected:
                if "per subject" in rejected.text:
                    return  # an answer to this task is waiting there already: it wins
                self._journal("answer-waits", said=rejected.text)
                await asyncio.sleep(LATER_S)
            else:
                return
