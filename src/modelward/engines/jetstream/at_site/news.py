"""What a site tells its hub of its own accord: decisions of its people, mail for witnesses.

It is looked for every second, beside the tasks, and each thing is told once while the
process lives; the hub knows it again after a restart.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from modelward.artifact.envelope import Kind
from modelward.core.canonical import Json, canonical_hash
from modelward.engines.jetstream.at_site.replies import LATER_S, Desk, Replies, Saying
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines.line import Line
from modelward.errors import ModelwardError, NotApproved

LOOK_S = 1.0
"""How often the site is asked for news: what its people have decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that a site tells the hub of its own accord.

    Attributes:
        kind: What it is.
        study: SHA-256 of the study it is about.
        body: What it says.
    """

    kind: Kind
    study: str
    body: Mapping[str, Json]


class Telling:
    """Tells news over a line, until cancelled.

    Args:
        replies: Says them.
        desk: The site's thread, where news are looked for.
        journal: Is told what happens.

    Attributes:
        news: Returns what the hub is to know; each thing is told once, until a restart.
        early: Whether our clock is so far ahead that the hub refuses what we sign. Then
            nothing is told, and what was told before is told again when it is right.
    """

    def __init__(self, replies: Replies, desk: Desk, journal: Journal) -> None:
        self._replies, self._desk, self._journal = replies, desk, journal
        self._told: set[str] = set()
        self.news: Callable[[], Iterable[News]] = tuple
        self.early: Callable[[], bool] = lambda: False

    async def serve(self, line: Line) -> None:
        """Send the site's news, looking for more every second."""
        while True:
            if self.early():
                self._told.clear()
                await asyncio.sleep(LOOK_S)
                continue
            try:
                for each in await self._desk.do(self.news):
                    await self._tell(line, each)
            except ModelwardError as error:
                self._journal("news-postponed", error=type(error).__name__, said=_said(error))
                await asyncio.sleep(LATER_S)
            await asyncio.sleep(LOOK_S)

    async def _tell(self, line: Line, each: News) -> None:
        named = canonical_hash(dict(each.body))
        if named in self._told:
            return
        await self._replies.say(line, Saying(kind=each.kind, study=each.study, body=each.body))
        self._told.add(named)
        self._journal("told", kind=each.kind, study=each.study)


def _said(error: ModelwardError) -> str:
    """Return the words of an error about decisions; others could be about patients' data."""
    return error.what[:200] if isinstance(error, NotApproved) else ""
