"""Hub and site keep no more memory after many rounds than after a few."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]

WARM = 100
STUDY = study(rounds=WARM + 200)
MEGABYTE = 1e6


def own_memory() -> int:
    """Return the bytes of this process's own memory, mapped files left out."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def test_memory_is_flat_over_two_hundred_rounds(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    measured: dict[int, int] = {}

    def measure(progress: Progress) -> None:
        if progress.finished is not None:
            measured[progress.round_no] = own_memory()

    with ExitStack() as stack:
        stack.enter_context(made.server())
        for name in made.sites:
            stack.enter_context(made.node(name))
        engine = stack.enter_context(made.engine())
        registry = Registry(made.hub.path)
        stack.callback(registry.close)
        keys = {member.site: member.signing for member in made.hub.members()}
        Hub(engine, registry, keys, watch=measure).run(STUDY)

    grown = measured[WARM + 200] - measured[WARM]
    assert grown / 2 / 3 < MEGABYTE  # per 100 rounds; a hub and two sites share this process
