"""Altered, expired, replayed, reordered and misplaced messages: refused, noted, without effect.

They are sent by somebody with the right to publish them, so that only the message itself
stands in the way: by the hub's own connection to a site, by a site's own to the hub.
"""

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact.envelope import Envelope, seal
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.messages.parcel import pack
from modelward.joining.site_folder import SiteFolder
from modelward.ledger.verify import verify
from tests.wire import Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDY = study()
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
HOUR = timedelta(hours=1)


class Events(list[tuple[str, str]]):
    """A journal that remembers events and what was said."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        self.append((event, str(fields.get("said", ""))))

    def refused(self) -> list[str]:
        return [said for event, said in self if event == "message-refused"]

    def wait(self, count: int) -> list[str]:
        """Return the refusals, once there are `count`, or those there are after 10 seconds."""
        end = time.monotonic() + 10
        while len(self.refused()) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self.refused()


def envelope(**changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "kind": "task",
        "study": STUDY.sha256,
        "round_no": 0,
        "sender": "hub",
        "sequence": 50,
        "issued": now(),
        "expires": now() + HOUR,
        "body": {"kind": "statistics", "model": None},
    }
    return Envelope(**(fields | changes))


def test_a_site_refuses_what_its_hub_did_not_say_just_now(tmp_path: Path) -> None:
    made = Federation(tmp_path, ["north", "south"], STUDY)
    events, key = Events(), made.hub.key
    good = seal(envelope(), key)
    model = {"kind": "train", "model": "00" * 32}
    bad = {
        "does not match": good.replace(b'"sequence":50', b'"sequence":51'),
        "another key": seal(envelope(), STRANGER),
        "it expired at": seal(envelope(issued=now() - 2 * HOUR, expires=now() - HOUR), key),
        "made it at": seal(envelope(issued=now() + HOUR, expires=now() + 2 * HOUR), key),
        "not known here": seal(envelope(sender="south"), key),
        "does not hold a task": seal(envelope(body={"kind": "shell", "model": None}), key),
        "not the artifact": pack(seal(envelope(body=model), key), b"other bytes"),
        "canonical": good + b" ",
        "strict JSON": b"\x00\xff",
    }
    with made.server(), made.node("north", events), made.engine() as engine:
        for raw in bad.values():
            engine.post("north", raw)
        said = events.wait(len(bad))
        answers = list(engine.ask(SUMS, ["north"], deadline_s=20))
        engine.post("north", seal(envelope(sequence=1, body={**model, "model": None}), key))
        replaced = events.wait(len(bad) + 1)

    assert len(said) == len(bad)
    assert [word for word in bad if not any(word in each for each in said)] == []
    assert isinstance(answers[0], Release)
    assert "sequence 1 before, with other content" in replaced[-1]
    kinds = Counter(each["kind"] for each in entries(made.sites["north"]))
    assert kinds == {"policy": 1, "approval": 1, "release": 1, "message": len(bad) + 1}


def test_a_task_of_another_study_or_round_is_refused_and_in_the_ledger(tmp_path: Path) -> None:
    made = Federation(tmp_path, ["north", "south"], STUDY)
    other = Task(study=study(9).sha256, round_no=0, kind="statistics")
    late = replace(SUMS, round_no=4)
    with made.server(), made.node("north"), made.engine() as engine:
        answers = [
            answer
            for task in (SUMS, other, late)
            for answer in engine.ask(task, ["north"], deadline_s=20)
        ]

    assert [type(each).__name__ for each in answers] == ["Release", "Refusal", "Refusal"]
    rules = [
        finding["rule"]
        for each in entries(made.sites["north"])
        if each["kind"] == "intake"
        for finding in each["findings"]
    ]
    assert rules[:2] == ["approval", "intake-round"]


def entries(folder: Path) -> list[Any]:
    verify(folder / "ledger")
    lines = (folder / "ledger" / "entries.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_hub_refuses_what_a_site_did_not_sign_for_this_task(tmp_path: Path) -> None:
    made = Federation(tmp_path, ["north", "south"], STUDY)
    events, north = Events(), SiteFolder(made.sites["north"])

    def answer(**changes: Any) -> Envelope:
        body = {"task": SUMS.id, "decision": "refused", "card": None}
        return envelope(**({"kind": "answer", "sender": "north", "body": body} | changes))

    with ExitStack() as stack:
        stack.enter_context(made.server())
        stack.enter_context(made.node("south"))
        engine = stack.enter_context(made.engine(events))
        (from_south,) = engine.ask(SUMS, ["south"], deadline_s=20)
        assert isinstance(from_south, Release)
        stolen = engine._book.answer(SUMS.study, SUMS.id, "south")
        good = seal(answer(), north.key)
        body = {"task": SUMS.id, "decision": "released", "card": _fields(from_south)}
        bad = {
            "'south' is not known here": stolen or b"",
            "does not match": good.replace(b'"round":0', b'"round":1'),
            "another key": seal(answer(), STRANGER),
            "it expired at": seal(
                answer(issued=now() - 2 * HOUR, expires=now() - HOUR), north.key
            ),
            "card of another": seal(answer(body=body), north.key),
            "does not hold an answer": seal(answer(body={"task": 1}), north.key),
        }
        asyncio.run(_say(north, list(bad.values())))
        said = events.wait(len(bad))
        asyncio.run(_say(north, [good]))
        answers = list(engine.ask(SUMS, ["north"], deadline_s=20))

    assert [word for word in bad if not any(word in each for each in said)] == []
    assert [type(each).__name__ for each in answers] == ["Refusal"]


def _fields(answer: Release) -> dict[str, Any]:
    from dataclasses import asdict

    return {"format": "modelward-card/1", **asdict(answer.artifact.card)}


async def _say(site: SiteFolder, messages: list[bytes]) -> None:
    line = await Line.dial(folders.site_identity(site), silent, patience_s=10)
    for number, raw in enumerate(messages):
        await line.call(f"fl.ans.{site.name}.try{number}{len(messages)}", raw)
    await line.close()
