"""Signs of life: who is there, and whether the clocks agree.

Each party says its time every few seconds on a subject that only it may publish on. These
are not stored and decide nothing; they tell people that a site is silent, and that a clock
is wrong before messages are refused for it. The health file says the same to a monitor.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Collection, Set
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nats.aio.msg import Msg

from modelward.artifact.envelope import SKEW
from modelward.core.clock import now
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines.line import Line

PROTOCOL = 1
"""Counted up when what goes over the wire changes. Who is one apart can be talked to: a hub
and its sites are not updated in the same hour. Who does not say speaks the first."""

FURTHEST = 1
"""How far apart two protocols may be."""

EVERY_S = 2.0
SILENT_S = 3 * EVERY_S
"""After this long without a sign a party counts as silent."""

WRONG_S = 60.0
"""Difference of clocks that is reported; from five minutes on, messages are refused."""

RESTORED = (
    "refuses messages of this {node} as replays: their numbers were used before. If this folder"
    " was restored from a backup, stop the node and say so: modelward {node} restored {folder}"
)
"""What is said to a party whose messages are refused for it."""

WRONG = "set whichever is wrong: messages are refused from five minutes on"
"""What is said of it."""


class Presence:
    """What one party says of itself, and has heard of the others.

    Args:
        name: Who we are.
        others: Whom we listen to; who is added later is listened to as well.
        health: The file to write, or None.
        journal: Is told of wrong clocks.
        clock: The time.

    Attributes:
        skew_s: Name -> seconds that its clock is ahead of ours.
        protocol: What we speak.
        protocols: Name -> what it speaks.
        policy: Digest of the policy that is in force here; it is in the health file.
        replays: Returns whose messages we refuse as replays; they are told.
        refused_by: Who refuses ours; as it was written last, until they say otherwise.
        on_stranger: Is told, once, of a party whose protocol is too far from ours.
    """

    def __init__(
        self,
        name: str,
        others: Collection[str],
        health: Path | None,
        journal: Journal,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._name = name
        self._others = others
        self._health, self._journal, self._clock = health, journal, clock
        self._heard: dict[str, float] = {}
        self._there: set[str] = set()
        self._written = True
        self.skew_s: dict[str, float] = {}
        self.protocol = PROTOCOL
        self.protocols: dict[str, int] = {}
        self.policy = ""
        self.replays: Callable[[], Set[str]] = frozenset
        self.refused_by = _refused_before(health)
        self._told_of: set[str] = set()
        self.on_stranger: Callable[[str, int], None] = lambda *_: None

    def present(self) -> list[str]:
        """Return who gave a sign of life within the last seconds, by name."""
        late = time.monotonic() - SILENT_S
        return sorted(name for name, heard in self._heard.items() if heard >= late)

    def early(self, party: str) -> bool:
        """Return whether what we sign now is from the future for `party`, which refuses it."""
        return self.skew_s.get(party, 0.0) < -SKEW.total_seconds()

    async def announce(self, line: Line) -> None:
        """Give signs of life and listen to the others', until cancelled."""
        heard: set[str] = set()
        while True:
            for other in sorted(set(self._others) - heard):
                await line.listen(f"fl.ann.{other}", self._hear)
                heard.add(other)
            said = {
                "time": self._clock().isoformat(),
                "version": _version(),
                "protocol": self.protocol,
                "replays": sorted(self.replays()),
            }
            if line.connected:
                await line.say(f"fl.ann.{self._name}", json.dumps(said).encode())
            self._note_changes()
            self.write_health(connected=line.connected)
            await asyncio.sleep(EVERY_S)

    async def wait(self) -> None:
        """Say on disk that this party runs and has no line yet, until cancelled."""
        while True:
            self.write_health(connected=False)
            await asyncio.sleep(EVERY_S)

    def _note_changes(self) -> None:
        """Tell the journal who has come and who has fallen silent."""
        there = set(self.present())
        for name in sorted(there - self._there):
            self._journal("there", party=name)
        for name in sorted(self._there - there):
            self._journal("silent", party=name)
        self._there = there

    def write_health(self, *, connected: bool) -> None:
        """Write the health file: whole, but not synced; an old one tells a monitor enough."""
        if self._health is None:
            return
        state = {
            "name": self._name,
            "pid": os.getpid(),
            "time": self._clock().isoformat(timespec="seconds"),
            "connected": connected,
            "present": self.present(),
            "clock_skew_s": {name: round(skew, 1) for name, skew in self.skew_s.items()},
            "protocols": self.protocols,
            "version": _version(),
            "policy": self.policy,
            "replays": sorted(self.replays()),
            "refused_by": sorted(self.refused_by),
        }
        part = self._health.with_name(f".{self._health.name}.part")
        try:
            part.write_text(json.dumps(state) + "\n")
            part.replace(self._health)
        except OSError as error:
            if self._written:  # a full disk is told once; signs of life go on without the file
                self._journal("health-not-written", said=str(error.strerror))
            self._written = False
        else:
            self._written = True

    def _hear(self, message: Msg) -> None:
        name = message.subject.rpartition(".")[2]
        try:
            told = json.loads(message.data)
            said = datetime.fromisoformat(told["time"])
            skew = (said - self._clock()).total_seconds()
            protocol = int(told.get("protocol", 1))
            refused = self._name in list(told.get("replays", ()))
        except (ValueError, KeyError, TypeError):
            return  # what is not a sign of life is none
        self._heard[name] = time.monotonic()
        if abs(skew) > WRONG_S and abs(self.skew_s.get(name, 0.0)) <= WRONG_S:
            self._journal("clocks-differ", party=name, seconds=round(skew, 1))
        self.skew_s[name] = skew
        self._note_refused(name, refused=refused)
        if abs(protocol - self.protocol) > FURTHEST and self.protocols.get(name) != protocol:
            self._journal("protocol-too-far", party=name, theirs=protocol, ours=self.protocol)
            self.on_stranger(name, protocol)
        self.protocols[name] = protocol

    def _note_refused(self, name: str, *, refused: bool) -> None:
        """Tell the journal, once, that a party refuses our messages as replays."""
        if refused and name not in self._told_of:
            node = "hub" if self._name == "hub" else "site"
            said = RESTORED.format(node=node, folder=node.upper())
            self._journal("refused-as-replays", party=name, said=f"{name} {said}")
        for known in (self.refused_by, self._told_of):
            (known.add if refused else known.discard)(name)


def _refused_before(health: Path | None) -> set[str]:
    """Return who refused our messages when this party last ran, as it wrote down then."""
    try:
        found = [] if health is None else json.loads(health.read_bytes())["refused_by"]
        return set(map(str, found))
    except (OSError, ValueError, KeyError, TypeError):
        return set()


@cache
def _version() -> str:
    try:
        return version("modelward")
    except PackageNotFoundError:
        return "unknown"
