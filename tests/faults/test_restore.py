"""A hub and its sites that come back from a backup go on, and the model is the same."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelward.core.study import Study
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.journal import silent
from modelward.hub.registry import Registry
from modelward.hub.run import Progress
from modelward.joining.hub_folder import HubFolder
from modelward.ledger.verify import verify
from tests.command import modelward
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

ROUNDS = 6
STUDY = study(rounds=ROUNDS)
NAMES = ["north", "south"]
LEFT_OUT = ("nats", "snapshots", "cohorts", "workroom", "health.json")
"""What docs/operations/upgrade.md leaves out of a backup."""


def run(made: Federation, until: int = ROUNDS) -> str | None:
    """Run hub and sites until round `until` is finished; return the model if that was all."""
    with ExitStack() as stack:
        for name in NAMES:
            stack.enter_context(made.node(name))

        def watch(_: Study, progress: Progress) -> None:
            if progress.finished is not None and progress.round_no >= until < ROUNDS:
                node.stop()

        manner = Manner(watch=watch, unasked=True)
        node = HubNode(HubFolder.open(made.hub.path), silent, manner, LIMITS)
        node.serve(now, until_done=True)
    if until < ROUNDS:
        return None
    registry = Registry(made.hub.path)
    try:
        return registry.model_of(STUDY, registry.state(STUDY).best)
    finally:
        registry.close()


def entries(made: Federation) -> list[int]:
    """Return how many entries each site's ledger has, all verified."""
    return [verify(path / "ledger").entries for path in made.sites.values()]


def backup(made: Federation, place: Path) -> None:
    """Copy what the page says, of nodes that do not run."""
    for folder in (made.hub.path, *made.sites.values()):
        shutil.copytree(folder, place / folder.name, ignore=shutil.ignore_patterns(*LEFT_OUT))


def restore(place: Path, folder: Path) -> None:
    """Have `folder` as it was, and nothing else in it."""
    shutil.rmtree(folder)
    shutil.copytree(place / folder.name, folder)


@pytest.fixture(scope="module")
def half_way(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Federation, Path, str, list[int]]:
    """A federation, its backup after round 2; model and ledgers of an undisturbed run."""
    folder = tmp_path_factory.mktemp("restore")
    made = Federation(folder / "f", NAMES, STUDY)
    backup(made, folder / "start")
    whole = run(made)
    assert whole is not None
    written = entries(made)
    for each in (made.hub.path, *made.sites.values()):
        restore(folder / "start", each)
    assert run(made, until=2) is None
    backup(made, folder / "two")
    return made, folder / "two", whole, written


def test_all_restored_as_they_were_stopped_end_with_the_same_model(half_way):
    made, place, whole, written = half_way
    for each in (made.hub.path, *made.sites.values()):
        restore(place, each)

    assert run(made) == whole
    assert entries(made) == written


@pytest.mark.parametrize("lost", ["hub", "north"])
def test_one_that_is_older_than_the_others_saw_goes_on_once_it_says_so(half_way, lost):
    made, place, whole, _ = half_way
    for each in (made.hub.path, *made.sites.values()):
        restore(place, each)
    run(made, until=4)
    folder = made.hub.path if lost == "hub" else made.sites[lost]
    restore(place, folder)

    told = modelward("hub" if lost == "hub" else "site", "restored", folder, cwd=folder)

    assert told.returncode == 0, told.stderr
    assert "count on from" in told.stdout
    assert run(made) == whole
