"""A site that is away does not fill the server with rounds that nobody asks about any more."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from modelward.core.task import Task
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.line import Line
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDY = study()
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")


def waiting(made: Federation) -> int:
    """Return how many messages the server holds for `south`."""

    async def look() -> dict[str, Any]:
        line = await Line.dial(folders.hub_identity(made.hub), silent, patience_s=20)
        try:
            return await line.call("$JS.API.CONSUMER.INFO.TASKS.south", b"")
        finally:
            await line.close()

    return int(asyncio.run(look())["num_pending"])


def settles(made: Federation, expected: int) -> bool:
    end = time.monotonic() + 10
    while waiting(made) != expected and time.monotonic() < end:
        time.sleep(0.05)
    return waiting(made) == expected


def test_tasks_of_closed_rounds_are_deleted_and_other_messages_wait(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    with made.server(), made.engine() as engine, ExitStack() as later:
        engine.tell(["south"], "transcript", STUDY.sha256, 0, {})
        for number in range(4):
            asked = replace(SUMS, round_no=number)
            assert list(engine.ask(asked, ["south"], deadline_s=0.5)) == []
        assert settles(made, 2), "the last round, and the transcript"

        engine.over(STUDY.sha256)
        assert waiting(made) == 1, "the study is over: only the transcript"

        later.enter_context(made.node("south"))
        last = replace(SUMS, round_no=4)
        answers = list(engine.ask(last, ["south"], deadline_s=60))
        assert [answer.task for answer in answers] == [last.id]
        assert settles(made, 0)
