"""Tasks that wait on the server for a site that is away, deleted when their round is closed.

The stream of tasks is bounded and shared, and a small model travels with each task: a site
that is off for days would fill it with rounds that nobody asks about any more. Proposals,
transcripts and mail stay: they are for whoever returns.

What is known here is what this process has sent. A hub that is started again leaves at most
the last round it had asked; that is answered and not used, or expires (streams.py).
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from modelward.core.canonical import canonical_bytes
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.messages.questions import Question, Questions

PATIENCE_S = 5.0
"""A server whose configuration is older than this hub does not answer; rounds go on."""


class Unread:
    """Which tasks are on the server, by study and site.

    Args:
        line: The hub's connection.
        questions: What is being asked.
        journal: Is told how many were deleted.
    """

    def __init__(self, line: Line, questions: Questions, journal: Journal) -> None:
        self._line, self._questions, self._journal = line, questions, journal
        self._sent: dict[str, tuple[Question, list[tuple[str, int]]]] = {}

    def note(self, question: Question, numbers: Mapping[str, int]) -> None:
        """Remember a task that was sent.

        Args:
            question: What it asks.
            numbers: Site -> number of its message in the stream.
        """
        _, before = self._sent.get(question.task.id, (question, []))
        self._sent[question.task.id] = (question, [*before, *numbers.items()])

    async def delete_closed(self, study: str) -> None:
        """Delete the tasks of closed questions about `study` that were not answered."""
        closed = [
            task
            for task, (question, _) in self._sent.items()
            if question.task.study == study and self._questions.get(task) is None
        ]
        left = [
            (site, number)
            for question, numbers in map(self._sent.pop, closed)
            for site, number in numbers
            if site in question.missing
        ]
        gone = [site for site, number in left if await self._delete(number)]
        if gone:
            self._journal("tasks-deleted", tasks=len(gone), sites=", ".join(sorted(set(gone))))

    async def _delete(self, number: int) -> bool:
        """Return whether a message was there and is deleted."""
        asked = canonical_bytes({"seq": number, "no_erase": True})
        with suppress(Rejected, TimeoutError):  # it was fetched meanwhile
            async with asyncio.timeout(PATIENCE_S):
                await self._line.call("$JS.API.STREAM.MSG.DELETE.TASKS", asked)
            return True
        return False
