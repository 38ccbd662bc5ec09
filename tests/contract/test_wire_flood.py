"""A site that floods the hub with messages delays the others, and shuts nobody out."""

import asyncio
from contextlib import ExitStack

import pytest

from modelward.core.task import Task
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.joining.site_folder import SiteFolder
from tests.wire import LIMITS, Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study()
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
RUBBISH = bytes(900_000)


def flood(made: Federation, name: str) -> int:
    """Publish as a site until the server takes no more; return the bytes that it took."""

    async def publish() -> int:
        line = await Line.dial(
            folders.site_identity(SiteFolder(made.sites[name])), silent, patience_s=20
        )
        taken = 0
        try:
            while True:
                await line.call(f"fl.ans.{name}.{taken}", RUBBISH)
                taken += 1
        except Rejected:
            return taken * len(RUBBISH)
        finally:
            await line.close()

    return asyncio.run(publish())


def test_rubbish_that_fills_the_stream_while_the_hub_is_away_keeps_no_answer_out(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    told: list[str] = []

    def journal(event: str, /, **_: object) -> None:
        told.append(event)

    with made.server(), ExitStack() as later:
        took = flood(made, "north")
        assert LIMITS.letters - 2 * len(RUBBISH) < took <= LIMITS.letters

        engine = later.enter_context(made.engine(journal))
        later.enter_context(made.node("south"))
        answers = list(engine.ask(SUMS, ["south"], deadline_s=60))

    assert [answer.site for answer in answers] == ["south"]
    assert told.count("message-refused") == took // len(RUBBISH)
