"""Hub and site keep no more memory after many rounds than after a few."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from modelward.core.task import Task
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]

STUDY = study()
MEGABYTE = 1e6


def own_memory() -> int:
    """Return the bytes of this process's own memory, mapped files left out."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def test_memory_is_flat_over_two_hundred_rounds(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    with ExitStack() as stack:
        stack.enter_context(made.server())
        for name in made.sites:
            stack.enter_context(made.node(name))
        engine = stack.enter_context(made.engine())

        def ask(first: int, last: int) -> int:
            for number in range(first, last):
                task = Task(study=STUDY.sha256, round_no=number, kind="statistics")
                assert len(list(engine.ask(task, list(made.sites), deadline_s=None))) == 2
            return own_memory()

        warm = ask(1, 100)
        grown = ask(100, 300) - warm

    assert grown / 2 < MEGABYTE  # per 100 rounds, hub and two sites together
