"""A site falls silent and comes back: rounds go on, and every roster can be replayed."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.store import Store
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.hub.round import RoundRecord
from modelward.hub.transcript import Transcript, from_body
from tests.replays import check_replays, everything
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]
STUDY = study(rounds=200, extra="quorum = 2\ndeadline_s = 2.0")


class Events(list[tuple[str, dict[str, Any]]]):
    """A journal that remembers."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        self.append((event, fields))


def until(true: Callable[[], bool]) -> None:
    """Wait until `true` is; at most a minute."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def told(site: Path, study: str = STUDY.sha256) -> list[Transcript]:
    """Return the transcripts that a site was sent, in order."""
    lines = (site / "letters" / f"{study}.jsonl").read_text().splitlines()
    letters = [letter for letter in map(json.loads, lines) if letter["kind"] == "transcript"]
    return [from_body(each["study"], each["round"], each["body"]) for each in letters]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The federation, the rounds, and the hub's journal, after `west` was away for a while."""
    made = Federation(tmp_path_factory.mktemp("silent"), NAMES, STUDY)
    rounds: list[RoundRecord] = []
    events = Events()

    def watch(_: object, progress: Any) -> None:
        if progress.finished is not None:
            rounds.append(progress.finished)

    def there(name: str) -> bool:
        return bool(rounds) and name in rounds[-1].released

    node = HubNode(made.hub, events, Manner(watch=watch, unasked=True), LIMITS)
    hub = threading.Thread(target=node.serve, args=(now,))
    with ExitStack() as stack:
        hub.start()
        stack.callback(hub.join)
        stack.callback(node.stop)
        for name in ("north", "south"):
            stack.enter_context(made.node(name))
        with made.node("west"):
            until(lambda: there("west") and ("there", {"party": "west"}) in events)
        until(lambda: ("silent", {"party": "west"}) in events)
        until(lambda: not there("west"))
        stack.enter_context(made.node("west"))
        until(lambda: there("west"))
    return made, rounds, events


def test_the_rounds_go_on_without_a_silent_site_and_use_it_again(story):
    _, rounds, events = story

    with_west = ["west" in each.released for each in rounds]
    assert with_west[-1]
    assert False in with_west
    assert all({"north", "south"} <= set(each.released) for each in rounds)
    assert "west" in next(each for each in rounds if "west" not in each.released).silent
    # rounds that were closed while it was away do not wait for it any more
    assert any(event == "tasks-deleted" and f["sites"] == "west" for event, f in events)


def test_every_round_is_what_an_undisturbed_one_over_its_roster_would_be(story, tmp_path):
    made, rounds, _ = story
    transcripts = told(made.sites["north"])

    assert len(transcripts) >= len(rounds)
    known = Store(tmp_path)
    for site in made.sites.values():
        everything(site, known.folder)
    check_replays(transcripts, STUDY, known)
    for record, transcript in zip(rounds, transcripts[1:], strict=False):
        assert tuple(each.site for each in transcript.inputs) == record.released
