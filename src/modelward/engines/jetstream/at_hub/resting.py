"""Why a study does not go on, in words for whoever asks how the hub is.

The hub that serves writes down what stood in a study's way (`studies/<study>.rests`, beside
the registry) until its next round is committed. The rest is found by whoever asks
(hub_state.py): what people have decided, who gives a sign of life, and whether the disk is
full.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modelward import durable
from modelward.errors import ModelwardError, StorageError
from modelward.hub.consent import Going

REST_S = 60.0
"""How long a study that could not go on rests, if nobody decides anything meanwhile."""

LEAST_FREE = 1 << 20
"""A disk with less than this, in bytes, is full: not even the reason can be written there."""


@dataclass(slots=True)
class Rest:
    """A study that is not tried again yet.

    Attributes:
        until: When it is tried again, by the monotonic clock.
        decided: What had been decided about it then.
        error: What stood in the way.
    """

    until: float
    decided: object
    error: ModelwardError


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a study that is not finished.

    Attributes:
        going: What a person wants of it.
        decisions: Site -> `approved`, `declined`, `withdrawn` or `undecided`.
        minimum: How many sites have to approve.
        up: Whether the hub serves.
        present: Who gave a sign of life.
        noted: What stood in its way when it was last tried; None if nothing did.
        free: Bytes that are free on the hub's disk.
    """

    going: Going
    decisions: Mapping[str, str]
    minimum: int
    up: bool
    present: Collection[str]
    noted: str | None
    free: int


def note(folder: Path, study: str, error: ModelwardError, now: datetime) -> None:
    """Write down what stands in the way of `study`; a full disk is seen without it."""
    told = {
        "time": now.isoformat(timespec="seconds"),
        "what": error.what,
        "why": error.why,
        "remedy": error.remedy,
    }
    with suppress(StorageError):
        durable.write_whole(_path(folder, study), json.dumps(told).encode())


def forget(folder: Path, study: str) -> None:
    """Have nothing stand in the way of `study` any more."""
    with suppress(OSError):
        _path(folder, study).unlink(missing_ok=True)


def noted(folder: Path, study: str) -> str | None:
    """Return what stands in the way of `study` by its hub, since when, and what to do."""
    try:
        told = json.loads(_path(folder, study).read_bytes())
        return f"{told['what']} (since {told['time']}; {told['why']}); {told['remedy']}"
    except (OSError, ValueError, KeyError, TypeError):
        return None


def reason(seen: Seen) -> str | None:
    """Return why a study does not go on, or may not; None if nothing is known of it."""
    if seen.going == "stopped":
        return "a person stopped it for good"
    if seen.going == "paused":
        return "a person paused it; it goes on with: modelward study start"
    if seen.going == "proposed":
        return _undecided(seen)
    if seen.free < LEAST_FREE:
        return f"the hub's disk is full ({seen.free:,} bytes are free): free space there"
    if not seen.up:
        return "the hub does not serve: modelward hub up"
    found = [] if seen.noted is None else [seen.noted]
    asked = {site for site, word in seen.decisions.items() if word == "approved"}
    silent = sorted(asked - set(seen.present))
    if silent and len(silent) == len(asked):
        found.append(f"all sites are silent: {', '.join(silent)}")
    elif silent:
        found.append(f"silent: {', '.join(silent)}")
    return "; ".join(found) or None


def _undecided(seen: Seen) -> str:
    """Return who still has to decide, or that a person has to start the study."""
    by_word: dict[str, list[str]] = {}
    for site, word in sorted(seen.decisions.items()):
        by_word.setdefault(word, []).append(site)
    approved = len(by_word.pop("approved", []))
    others = "; ".join(f"{word}: {', '.join(sites)}" for word, sites in by_word.items())
    behind = f" ({others})" if others else ""
    if approved < seen.minimum:
        return f"waits for approvals: {approved} of {seen.minimum} that it needs{behind}"
    return f"waits for a person to start it: modelward study start{behind}"


def _path(folder: Path, study: str) -> Path:
    return folder / "studies" / f"{study}.rests"
